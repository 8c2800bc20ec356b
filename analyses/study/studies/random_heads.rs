//! Study: random heads of 10,000 classes.

use anyhow::Result;
use unargmax::audit::Counts;
use unargmax::{Domain, Head, Options, audit};

use super::hull_theory::{CLASSES, expected};
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "random-heads",
    title: "How many of 10,000 classes can win in a random head",
    claim: "A randomly initialised softmax layer of low dimension has many classes that no feature makes the argmax; \
            their number falls fast as the dimension grows.",
    source: "Grivas, Bogoychev and Lopez, \"Low-Rank Softmax Can Have Unargmaxable Classes in Theory but Rarely in Practice\", \
             ACL 2022, and its public code (experiments/create_random_models): numpy's legacy generator, seed 13, \
             W and then b, each uniform in (-1, 1) or normal.",
    run,
};

const SEED: u32 = 13;
/// Argmaxable classes with and without bias, as measured on 2026-11-28 with the heads written by numpy itself.
const BEFORE: [(&str, usize, usize, usize); 14] = [
    ("normal", 2, 36, 14),
    ("normal", 4, 254, 163),
    ("normal", 6, 938, 677),
    ("normal", 8, 2203, 1802),
    ("normal", 10, 4126, 3646),
    ("normal", 15, 8212, 7921),
    ("normal", 20, 9761, 9710),
    ("uniform", 2, 71, 23),
    ("uniform", 4, 722, 426),
    ("uniform", 6, 2428, 1806),
    ("uniform", 8, 4943, 4297),
    ("uniform", 10, 7209, 6748),
    ("uniform", 15, 9744, 9678),
    ("uniform", 20, 9992, 9986),
];

/// Standard deviations of the count of argmaxable classes of one normal head without bias, by d, as the study hull-theory
/// measured them (reports/studies/hull-theory/means.csv).
const DEVIATIONS: [(usize, f64); 8] =
    [(2, 2.05), (4, 11.3), (6, 35.0), (8, 53.7), (10, 52.9), (15, 37.8), (20, 18.4), (30, 0.88)];

/// The rows of a head of the study, and its bias.
fn numbers(kind: &str, dim: usize) -> (Vec<f64>, Vec<f64>) {
    let mut random = RandomState::new(SEED);
    let mut draw = |count| match kind {
        "normal" => random.normals(count),
        _ => random.uniforms(count, -1.0, 1.0),
    };
    (draw(CLASSES * dim), draw(CLASSES))
}

fn counts(rows: Vec<f64>, bias: Option<Vec<f64>>, dim: usize, threads: usize) -> Result<Counts> {
    let head = Head::new(rows, bias, CLASSES, dim)?;
    let options = Options { threads, ..Options::default() };
    Ok(audit(&head, &Domain::free(dim), options)?.counts())
}

fn run(setting: &Setting) -> Result<Outcome> {
    let dims = setting.pick(vec![2, 4], vec![2, 4, 6, 8, 10, 15, 20, 30, 40, 50]);
    let mut outcome = Outcome::default();
    let columns = ["weights", "d", "bias", "argmaxable", "tied", "unargmaxable", "undecided"];
    let mut table = Table::new("counts", "Verdicts over all features", &columns);
    let mut panels = Vec::new();
    for kind in ["normal", "uniform"] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for &dim in &dims {
            let (rows, bias) = numbers(kind, dim);
            let pair = [
                counts(rows.clone(), Some(bias), dim, setting.threads)?,
                counts(rows, None, dim, setting.threads)?,
            ];
            for (counts, has) in pair.iter().zip(["with", "without"]) {
                let Counts { argmaxable, tied, unargmaxable, undecided } = counts;
                table.push(&[&kind, &dim, &has, argmaxable, tied, unargmaxable, undecided]);
            }
            with.push((dim as f64, pair[0].argmaxable as f64));
            without.push((dim as f64, pair[1].argmaxable as f64));
            compare(&mut outcome, kind, dim, pair);
        }
        let mut series = vec![
            Series::new("with bias", Drawn::Both, with),
            Series::new("without bias", Drawn::Both, without),
        ];
        if kind == "normal" {
            let last = *dims.last().unwrap_or(&2);
            let at = |d: usize| (d as f64, expected(CLASSES, d));
            series.push(Series::new(
                "expected, without bias",
                Drawn::Line,
                (2..=last).map(at).collect(),
            ));
        }
        panels.push(Panel {
            title: format!("{kind} weights"),
            x: Axis::linear("dimensions, d"),
            y: Axis::log("argmaxable classes of 10,000").with(10_000.0),
            series,
        });
    }
    outcome.findings = findings(&table);
    outcome.tables.push(table);
    outcome.figures.push(Figure {
        name: "argmaxable".to_owned(),
        caption: "Argmaxable classes of a random head of 10,000 classes. The dotted line is the expectation of the study hull-theory."
            .to_owned(),
        panels,
    });
    outcome.remarks = vec![
        "The heads are those of the public code, number for number: the generator here gives the bits of numpy's (a test compares them). \
         The paper shows these heads in figures without a table, so the numbers beside ours are the expectations of theory, and those \
         that this program found earlier in files that numpy wrote."
            .to_owned(),
        "A class counts as argmaxable if some feature makes its logit strictly the largest; every verdict is proved.".to_owned(),
    ];
    Ok(outcome)
}

/// Puts the numbers of one head beside the earlier ones and beside theory.
fn compare(outcome: &mut Outcome, kind: &str, dim: usize, [with, without]: [Counts; 2]) {
    if let Some(before) = BEFORE.iter().find(|b| b.0 == kind && b.1 == dim) {
        let ours = (with.argmaxable, without.argmaxable);
        outcome.compare(
            format!("{kind}, d = {dim}, with / without bias"),
            (format!("{} / {}", before.2, before.3), "this program, from numpy's files"),
            format!("{} / {}", ours.0, ours.1),
            format!("{} / {}", ours.0 as i64 - before.2 as i64, ours.1 as i64 - before.3 as i64),
            Standing::same(ours, (before.2, before.3)),
        );
    }
    if let ("normal", Some(&(_, deviation))) = (kind, DEVIATIONS.iter().find(|d| d.0 == dim)) {
        let (theory, ours) = (expected(CLASSES, dim), without.argmaxable as f64);
        let apart = (ours - theory) / deviation;
        outcome.compare(
            format!("normal, d = {dim}, without bias"),
            (format!("{theory:.1}"), "expected hull vertices"),
            format!("{ours}"),
            format!("{:+.1}, {apart:+.2} standard deviations", ours - theory),
            match apart.abs() {
                ..=2.0 => Standing::Agrees,
                ..4.0 => Standing::Explained(
                    "beyond two standard deviations, as one head in twenty is by chance".to_owned(),
                ),
                _ => Standing::Wrong,
            },
        );
    }
}

fn findings(table: &Table) -> Vec<String> {
    let lost = |kind: &str, dim: &str| {
        let row = table.rows.iter().find(|r| r[0] == kind && r[1] == dim && r[2] == "without");
        row.map_or("?".to_owned(), |row| row[5].clone())
    };
    let last = table.rows.last().map_or("", |row| row[1].as_str());
    let undecided: usize = table.rows.iter().filter_map(|row| row[6].parse::<usize>().ok()).sum();
    vec![
        format!(
            "Without bias {} of 10,000 normal and {} of 10,000 uniform classes are unargmaxable at d = 2, and {} and {} at d = {last}.",
            lost("normal", "2"),
            lost("uniform", "2"),
            lost("normal", last),
            lost("uniform", last)
        ),
        format!("{undecided} classes of these {} heads are undecided.", table.rows.len()),
    ]
}
