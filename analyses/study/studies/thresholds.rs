//! Study: from how many classes on a random head loses classes.

use anyhow::Result;
use unargmax::{Domain, Head, Options, audit};

use super::hull_theory::expected;
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::{line, mean};
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "thresholds",
    title: "From how many classes on does a random head lose them?",
    claim: "The hull of n uniform points of a cube of d dimensions begins to fill the cube near n = 2.1396^d, so the next \
            point then lies inside it; for normal points half of them are inside near n = d e^(d/2).",
    source: "Dyer, Fueredi and McDiarmid, \"Volumes spanned by random points in the hypercube\", Random Structures and Algorithms 3 (1992): \
             the constant 2 pi e^(-gamma - 1/2) = 2.1396. The Gaussian form is a rule of thumb of this project's notes, from tails of the normal \
             distribution.",
    run,
};

/// `2 pi e^(-gamma - 1/2)`.
const BASE: f64 = 2.139_610_8;

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let halves = uniform(setting, &mut outcome)?;
    let gaussian = gaussian(setting, &mut outcome);
    let points =
        |pairs: &[(usize, f64)]| pairs.iter().map(|p| (p.0 as f64, p.1)).collect::<Vec<_>>();
    let curve = |from: usize, to: usize, f: &dyn Fn(f64) -> f64| {
        (from..=to).map(|d| (d as f64, f(d as f64))).collect::<Vec<_>>()
    };
    let last = halves.last().map_or(6, |half| half.0);
    let power = |d: f64| BASE.powf(d);
    let rule = |d: f64| d * (d / 2.0).exp();
    let longest = gaussian.last().map_or(6, |half| half.0);
    let axes = || (Axis::linear("dimensions, d"), Axis::log("classes, n"));
    let panel =
        |title: &str, series| Panel { title: title.to_owned(), x: axes().0, y: axes().1, series };
    outcome.figures.push(Figure {
        name: "thresholds".to_owned(),
        caption: "The number of classes of which half are argmaxable, without bias: measured for uniform weights, exact expectations for normal \
                  ones, beside the published thresholds."
            .to_owned(),
        panels: vec![
            panel("uniform weights", vec![
                Series::new("half of the classes win", Drawn::Both, points(&halves)),
                Series::new("2.1396^d", Drawn::Line, curve(2, last, &power)),
            ]),
            panel("normal weights", vec![
                Series::new("half of the classes win", Drawn::Both, points(&gaussian)),
                Series::new("d e^(d/2)", Drawn::Line, curve(2, longest, &rule)),
            ]),
        ],
    });
    outcome.remarks = vec![
        "Uniform: heads by numpy's legacy generator, seeds 1 and 2 (full run), audited over all features without bias; the share of argmaxable \
         classes falls with n, and the n of one half is interpolated in the logarithm of n. That share is one less the expected share of the cube that the hull \
         of n - 1 points fills."
            .to_owned(),
        "The theorem is about d to infinity: for every e > 0 the filled share tends to 1 for n > (2.1396 + e)^d and to 0 for n < \
         (2.1396 - e)^d. It says nothing about factors that grow more slowly than powers of d, and they are large at the d that can be measured."
            .to_owned(),
    ];
    Ok(outcome)
}

/// The `n` at which half of the classes of a uniform head win, for each `d`.
fn uniform(setting: &Setting, outcome: &mut Outcome) -> Result<Vec<(usize, f64)>> {
    let (dims, seeds, most) = setting.pick((2..=4, 1, 1 << 10), (2..=8, 2, 1 << 16));
    let columns = ["d", "n", "heads", "mean share argmaxable"];
    let mut table = Table::new("uniform", "Uniform heads without bias", &columns);
    let mut halves = Vec::new();
    for dim in dims {
        let (mut n, mut before) = (dim + 2, (1.0, dim as f64 + 1.0));
        while n <= most {
            let shares: Result<Vec<f64>> =
                (1..=seeds).map(|seed| share(setting, n, dim, seed)).collect();
            let share = mean(&shares?);
            table.push(&[&dim, &n, &seeds, &format!("{share:.4}")]);
            if share < 0.5 {
                let part = (before.0 - 0.5) / (before.0 - share);
                let log = (1.0 - part) * f64::ln(before.1) + part * (n as f64).ln();
                halves.push((dim, log.exp()));
                break;
            }
            before = (share, n as f64);
            n = (n as f64 * std::f64::consts::SQRT_2).ceil() as usize;
        }
    }
    outcome.tables.push(table);
    let (_, slope) = line(&halves.iter().map(|h| (h.0 as f64, h.1.ln())).collect::<Vec<_>>());
    let growth = slope.exp();
    let last = halves[halves.len() - 2..].iter().map(|h| h.1).collect::<Vec<_>>();
    outcome.compare(
        "uniform: growth of the threshold for one dimension more",
        ("2.1396", "Dyer, Fueredi and McDiarmid, d to infinity"),
        format!("{growth:.3}; {:.3} in the last step", last[1] / last[0]),
        format!("{:+.3}", growth - BASE),
        Standing::Explained("a limit for large d, beside a fit of small d".to_owned()),
    );
    let of = |d: usize| halves.iter().find(|h| h.0 == d).map_or(f64::NAN, |h| h.1);
    let d = halves.last().map_or(2, |h| h.0);
    outcome.findings.push(format!(
        "Uniform weights: half of the classes win at n = {:.0} in {d} dimensions, {:.1} times 2.1396^{d}; from one dimension to the next \
         that number grows by {growth:.2}.",
        of(d),
        of(d) / BASE.powi(d as i32)
    ));
    Ok(halves)
}

fn share(setting: &Setting, n: usize, dim: usize, seed: u32) -> Result<f64> {
    let rows = RandomState::new(seed).uniforms(n * dim, -1.0, 1.0);
    let options = Options { threads: setting.threads, ..Options::default() };
    let counts = audit(&Head::new(rows, None, n, dim)?, &Domain::free(dim), options)?.counts();
    anyhow::ensure!(counts.undecided == 0, "n = {n}, d = {dim}, seed {seed}: {counts}");
    Ok(counts.argmaxable as f64 / n as f64)
}

/// The `n` at which half of the classes of a Gaussian head are expected to win, for each `d`.
fn gaussian(setting: &Setting, outcome: &mut Outcome) -> Vec<(usize, f64)> {
    let dims = setting.pick(2..=10, 2..=40);
    let columns = ["d", "n of one half", "d e^(d/2)", "ratio"];
    let mut table = Table::new("normal", "Normal heads without bias: expectations", &columns);
    let mut halves = Vec::new();
    for dim in dims {
        // The expected share falls in n.
        let (mut low, mut high) = (dim + 1, dim + 2);
        while expected(high, dim) > high as f64 / 2.0 {
            (low, high) = (high, 2 * high);
        }
        while high - low > 1 && (high - low) as f64 > 1e-6 * high as f64 {
            let middle = low.midpoint(high);
            match expected(middle, dim) > middle as f64 / 2.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        let rule = dim as f64 * (dim as f64 / 2.0).exp();
        table.push(&[&dim, &high, &format!("{rule:.0}"), &format!("{:.3}", high as f64 / rule)]);
        halves.push((dim, high as f64));
    }
    outcome.tables.push(table);
    let (d, n) = halves[halves.len() - 1];
    let rule = d as f64 * (d as f64 / 2.0).exp();
    let growth = n / halves[halves.len() - 2].1;
    let of_rule = rule / ((d - 1) as f64 * ((d - 1) as f64 / 2.0).exp());
    outcome.compare(
        format!("normal: the n of which half are expected to win at d = {d}"),
        (format!("{rule:.3e}"), "d e^(d/2)"),
        format!("{n:.3e}"),
        format!("x {:.3}", n / rule),
        Standing::Explained(format!(
            "a rule of thumb without its constant; from d = {} to {d} the threshold grows by {growth:.3}, the rule by {of_rule:.3}",
            d - 1
        )),
    );
    outcome.findings.push(format!(
        "Normal weights: half of the classes are expected to win at n = {n:.3e} in {d} dimensions, {:.2} times d e^(d/2).",
        n / rule
    ));
    halves
}
