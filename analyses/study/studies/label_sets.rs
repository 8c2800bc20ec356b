//! Study: which label sets are feasible under sigmoids.

mod heads;

use anyhow::Result;
use unargmax::labels::{Feasibility, decide};
use unargmax::{Domain, Head};

use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::share_interval;
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use heads::KINDS;

pub const STUDY: Study = Study {
    name: "label-sets",
    title: "Which sets of k labels can sigmoids give?",
    claim: "With 2k + 1 columns on the moment curve, or of the lowest frequencies of a discrete Fourier transform, every set of \
            at most k labels is feasible, however many labels there are; of a random head of that size few sets are.",
    source: "Grivas, Vergari and Lopez, \"Taming the sigmoid bottleneck: provably argmaxable sparse multi-label classification\", AAAI 2024 \
             (arXiv 2310.10443), and the settings of its public code: N labels, D = 2k, sets of k labels, numpy's legacy generator, \
             seed 12; a float solver looks for them in a box of 1e4.",
    run,
};

const SEED: u32 = 12;
/// The set of a test of the public code, which says that it should be feasible and that the solver says no.
const INSTANCE: [u32; 10] = [0, 2, 5, 10, 13, 18, 23, 25, 32, 45];

fn run(setting: &Setting) -> Result<Outcome> {
    let sizes = setting.pick(vec![50, 200], vec![50, 100, 200, 500, 1000, 2000, 5000, 10_000]);
    let widths = setting.pick(vec![2, 4, 6], vec![2, 4, 6, 8, 10]);
    let count = setting.pick(40, 100);
    let mut outcome = Outcome::default();
    let columns = [
        "head",
        "N",
        "D",
        "sets",
        "feasible",
        "infeasible",
        "undecided",
        "feasible %",
        "95 % interval",
    ];
    let mut table = Table::new("shares", "Sets of D / 2 labels, over all features", &columns);
    for kind in KINDS {
        for &labels in &sizes {
            for &width in &widths {
                let head = Head::new((kind.make)(labels, width + 1), None, labels, width + 1)?;
                let sets = drawn(labels, width / 2, count);
                let decided = decide(&head, &Domain::free(width + 1), sets, setting.threads)?;
                let [yes, no, open] = Feasibility::ALL.map(|f| decided.count(f));
                let all = yes + no + open;
                let share = 100.0 * yes as f64 / all as f64;
                let (low, high) = share_interval(yes, all);
                let interval = format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high);
                table.push(&[
                    &kind.name,
                    &labels,
                    &width,
                    &all,
                    &yes,
                    &no,
                    &open,
                    &format!("{share:.1}"),
                    &interval,
                ]);
            }
        }
    }
    for kind in KINDS {
        compare(&mut outcome, &table, kind.name, kind.is_cyclic);
    }
    instance(setting, &mut outcome)?;
    outcome.figures.push(figure(&table));
    outcome.tables.push(table);
    outcome.remarks = remarks();
    Ok(outcome)
}

/// Different sets of `size` labels, drawn as the public code draws them.
fn drawn(labels: usize, size: usize, count: usize) -> Vec<Vec<u32>> {
    let mut random = RandomState::new(SEED);
    let mut sets: Vec<Vec<u32>> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let there_are = (0..size).fold(1.0, |n, i| n * (labels - i) as f64 / (i + 1) as f64);
    while sets.len() < count && (sets.len() as f64) < there_are {
        let mut set = random.choice(labels, size);
        set.sort_unstable();
        if seen.insert(set.clone()) {
            sets.push(set);
        }
    }
    sets
}

/// Beside what the theorem says, or for random heads beside nothing.
fn compare(outcome: &mut Outcome, table: &Table, kind: &str, is_cyclic: bool) {
    let rows: Vec<&Vec<String>> = table.rows.iter().filter(|row| row[0] == kind).collect();
    let sum = |k: usize| rows.iter().filter_map(|row| row[k].parse::<usize>().ok()).sum::<usize>();
    let (all, yes, no, open) = (sum(3), sum(4), sum(5), sum(6));
    if is_cyclic {
        outcome.compare(
            format!("{kind}: feasible sets of all settings"),
            (format!("{all} of {all}"), "theorem, for exact numbers"),
            format!("{yes} of {all}"),
            format!("{}", yes as i64 - all as i64),
            match (no, open) {
                (0, 0) => Standing::Agrees,
                _ => Standing::Explained(format!(
                    "{no} infeasible, {open} undecided: the rows in float64 are not exactly on the curve"
                )),
            },
        );
        outcome
            .findings
            .push(format!("{kind}: {yes} of {all} sets are feasible by proof, {no} are not."));
    } else {
        let largest: usize = rows.iter().filter_map(|row| row[1].parse().ok()).max().unwrap_or(0);
        let of_largest = rows.iter().filter(|row| row[1] == largest.to_string());
        let share = |row: &&Vec<String>| format!("{} % at D = {}", row[7], row[2]);
        let shares: Vec<String> = of_largest.map(share).collect();
        outcome
            .findings
            .push(format!("{kind}, N = {largest}: feasible are {}.", shares.join(", ")));
    }
}

/// The instance on which the public code doubts its solver.
fn instance(setting: &Setting, outcome: &mut Outcome) -> Result<()> {
    let (labels, cyclic, more) = (1000, 11, 5);
    let curve = heads::vander(labels, cyclic);
    let noise = RandomState::new(11).uniforms(labels * more, -1.0, 1.0);
    let row =
        |i: usize| curve[i * cyclic..][..cyclic].iter().chain(&noise[i * more..][..more]).copied();
    let rows: Vec<f64> = (0..labels).flat_map(row).collect();
    let dim = cyclic + more;
    let decided = decide(
        &Head::new(rows, None, labels, dim)?,
        &Domain::free(dim),
        vec![INSTANCE.to_vec()],
        setting.threads,
    )?;
    let verdict = decided.feasibility(0);
    outcome.compare(
        "the set of tests/test_numerical_issues.py: N = 1000, 11 columns of vander and 5 random ones",
        ("\"should be feasible\", the solver says infeasible", "the test's comment"),
        verdict.name(),
        "",
        match verdict {
            Feasibility::Feasible => Standing::Explained(
                "feasible by proof on the columns that the QR here gives; on those of numpy's LAPACK it is infeasible by proof \
                 (docs/subsets.md): the heads differ in their last digits, and so do the answers"
                    .to_owned(),
            ),
            Feasibility::Infeasible => Standing::Explained(
                "on these float64 numbers the solver is right, by proof".to_owned(),
            ),
            Feasibility::Undecided => Standing::Open("not proved".to_owned()),
        },
    );
    Ok(())
}

fn figure(table: &Table) -> Figure {
    let number = |cell: &String| cell.parse::<f64>().unwrap_or(f64::NAN);
    let panel = |kind: &heads::Kind| {
        let mut series: Vec<Series> = Vec::new();
        for row in table.rows.iter().filter(|row| row[0] == kind.name) {
            let name = format!("D = {}", row[2]);
            let point = (number(&row[1]), number(&row[7]));
            match series.iter_mut().find(|series| series.name == name) {
                Some(series) => series.points.push(point),
                None => series.push(Series::new(name, Drawn::Both, vec![point])),
            }
        }
        Panel {
            title: kind.name.to_owned(),
            x: Axis::log("labels, N"),
            y: Axis::from_zero("feasible sets of D / 2 labels, %").with(100.0),
            series,
        }
    };
    Figure {
        name: "shares".to_owned(),
        caption: "Share of sets of D / 2 labels that some feature gives, by proof, in heads of D + 1 columns.".to_owned(),
        panels: KINDS.iter().map(panel).collect(),
    }
}

fn remarks() -> Vec<String> {
    vec![
        "Sets are drawn as by the public code (a test compares the generator with numpy's), fewer of them: 100 of each setting in the full \
         run where the paper drew 20,000; the intervals are Wilson's. The columns of vander are made orthonormal by Householder QR here and by LAPACK there: the same \
         span, other last digits."
            .to_owned(),
        "analyses/label_set_shares.py compares these verdicts set by set with a float solver (docs/subsets.md)."
            .to_owned(),
    ]
}
