//! Study: which pairs of documents can be the two best of an index.

mod pairs;

use std::f64::consts::PI;

use anyhow::Result;

use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::{line, share_interval};
use crate::frame::{Outcome, Setting, Standing, Study, Table};
use pairs::{Index, Pair};

pub const STUDY: Study = Study {
    name: "retrieval",
    title: "Which two documents can be the two best of an index?",
    claim: "Vectors of d dimensions that are optimised freely reach all pairs of n documents as top-2 sets only up to a critical n, which \
            grows like a cubic polynomial of d. But four dimensions are enough for any n: the vertices of a cyclic polytope.",
    source: "Weller, Boratko, Naim and Lee, \"On the Theoretical Limitations of Embedding-Based Retrieval\" (2025, arXiv 2508.21038): \
             n = -10.5322 + 4.0309 d + 0.0520 d^2 + 0.0037 d^3; cyclic polytopes: arXiv 2601.20844 (2026), after Gale (1963).",
    run,
};

const SEED: u32 = 17;

/// The largest n up to which optimised vectors reached all pairs.
fn critical(dim: usize) -> f64 {
    let d = dim as f64;
    -10.5322 + 4.0309 * d + 0.0520 * d * d + 0.0037 * d.powi(3)
}

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let columns = [
        "index",
        "d",
        "n",
        "pairs decided",
        "all pairs",
        "feasible",
        "infeasible",
        "undecided",
        "feasible %",
        "95 % interval",
    ];
    let mut table = Table::new(
        "pairs",
        "Pairs of documents that some query puts first and second, by proof",
        &columns,
    );
    let most = setting.pick(60, 500);
    let sizes = setting.pick(vec![8, 16, 32], vec![8, 16, 32, 64, 128, 256, 512, 1024]);
    let dims = setting.pick(vec![4, 8], vec![4, 8, 16, 32]);
    let (mut cyclic_points, mut series) = (Vec::new(), Vec::new());
    for &n in &sizes {
        let index = Index::new(cyclic(n), 4);
        cyclic_points.push((n as f64, decide(setting, "cyclic", &index, most, &mut table)?));
    }
    series.push(Series::new("cyclic polytope, d = 4", Drawn::Both, cyclic_points.clone()));
    for &dim in &dims {
        let mut points = Vec::new();
        for &n in &sizes {
            let index = Index::new(unit_vectors(n, dim), dim);
            points.push((n as f64, decide(setting, "random", &index, most, &mut table)?));
        }
        series.push(Series::new(format!("random unit vectors, d = {dim}"), Drawn::Both, points));
    }
    let gaps = gaps(setting, &mut outcome)?;
    conclude(&mut outcome, &cyclic_points, &table);
    let share = Panel {
        title: "pairs that a query can retrieve".to_owned(),
        x: Axis::log("documents, n"),
        y: Axis::from_zero("feasible pairs, %").with(100.0),
        series,
    };
    outcome.figures.push(Figure {
        name: "pairs".to_owned(),
        caption: "Left: share of pairs of documents that some query ranks above all others, by proof. Right: the best gap of scores between the second and \
                  the third document for three pairs of the cyclic index, at the best query of length 1."
            .to_owned(),
        panels: vec![share, gaps],
    });
    outcome.tables.insert(0, table);
    outcome.remarks = vec![
        "A pair {i, j} is a top-2 set if some query scores both above every other document. That is the question whether token 0 of a head \
         with a zero row and the rows w_k - w_i and w_k - w_j can win; the audit answers it with proof. Coordinates are multiples of 2^-40, so \
         that the differences are exact in float64."
            .to_owned(),
        "The cyclic index has the documents (cos t, sin t, cos 2t, sin 2t) at n equally spaced t. Up to the stated number of pairs all are decided, else a sample by numpy's \
         legacy generator, seed 17."
            .to_owned(),
        "The critical n of the paper is where optimisation by gradients no longer found vectors; it does not bound what vectors can do. \
         What the cyclic index costs is the gap between the second and the third score: where it is below the rounding of a product (about 1e-7 in \
         float32), a runtime no longer retrieves the pair."
            .to_owned(),
    ];
    Ok(outcome)
}

/// Points of the trigonometric moment curve.
fn cyclic(n: usize) -> Vec<f64> {
    let at = |i: usize| 2.0 * PI * i as f64 / n as f64;
    (0..n)
        .flat_map(|i| [at(i).cos(), at(i).sin(), (2.0 * at(i)).cos(), (2.0 * at(i)).sin()])
        .collect()
}

fn unit_vectors(n: usize, dim: usize) -> Vec<f64> {
    let mut rows = RandomState::new(SEED).normals(n * dim);
    for row in rows.chunks_mut(dim) {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    rows
}

/// Decides all pairs or a sample, and returns the feasible share in per cent.
fn decide(
    setting: &Setting,
    name: &str,
    index: &Index,
    most: usize,
    table: &mut Table,
) -> Result<f64> {
    let n = index.documents();
    let all = n * (n - 1) / 2;
    let pairs = index.some_pairs(most, SEED);
    let found = index.decide(&pairs, setting.threads)?;
    let count = |pair: Pair| found.iter().filter(|&&p| p == pair).count();
    let [yes, no, open] = [Pair::Feasible, Pair::Infeasible, Pair::Undecided].map(count);
    let share = 100.0 * yes as f64 / pairs.len() as f64;
    let (low, high) = share_interval(yes, pairs.len());
    let interval = match pairs.len() == all {
        true => "all decided".to_owned(),
        false => format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high),
    };
    table.push(&[
        &name,
        &index.dim(),
        &n,
        &pairs.len(),
        &all,
        &yes,
        &no,
        &open,
        &format!("{share:.1}"),
        &interval,
    ]);
    Ok(share)
}

/// The best gaps of three pairs of the cyclic index, by its size.
fn gaps(setting: &Setting, outcome: &mut Outcome) -> Result<Panel> {
    let sizes = setting.pick(vec![8, 16], vec![8, 16, 32, 64, 128, 256]);
    let mut table = Table::new(
        "gaps",
        "Best gap of the cyclic index between the second and the third document, queries of length 1",
        &["n", "pair", "at least", "at most"],
    );
    let mut series = Vec::new();
    for (name, apart) in [("neighbours", 1), ("one between them", 2), ("a quarter apart", 0)] {
        let mut points = Vec::new();
        for &n in &sizes {
            let index = Index::new(cyclic(n), 4);
            let other = if apart == 0 { n as u32 / 4 } else { apart };
            let (low, high) = index.best_gap((0, other), setting.threads)?;
            table.push(&[&n, &name, &format!("{low:.3e}"), &format!("{high:.3e}")]);
            if low > 0.0 {
                points.push((n as f64, low));
            }
        }
        let logs: Vec<(f64, f64)> = points.iter().map(|p| (p.0.ln(), p.1.ln())).collect();
        if let (Some(last), true) = (points.last(), logs.len() > 2) {
            outcome.findings.push(format!(
                "The best gap of a pair of the cyclic index ({name}) falls like n^{:.2}, to {:.1e} at n = {}.",
                line(&logs).1,
                last.1,
                last.0
            ));
        }
        if !points.is_empty() {
            series.push(Series::new(format!("cyclic, {name}"), Drawn::Both, points));
        }
    }
    outcome.tables.push(table);
    Ok(Panel {
        title: "what it costs".to_owned(),
        x: Axis::log("documents, n"),
        y: Axis::log("best gap of scores, query of length 1"),
        series,
    })
}

fn conclude(outcome: &mut Outcome, cyclic: &[(f64, f64)], table: &Table) {
    let full = cyclic.iter().filter(|p| p.1 == 100.0).map(|p| p.0).fold(0.0, f64::max);
    outcome.compare(
        "documents in 4 dimensions of which all pairs are top-2 sets",
        (format!("{:.1}", critical(4)), "fit of Weller et al. at d = 4"),
        format!(">= {full:.0}"),
        format!("x {:.0}", full / critical(4)),
        Standing::Explained(
            "optimised vectors beside constructed ones; all decided pairs of the cyclic index are feasible".to_owned(),
        ),
    );
    outcome.compare(
        "cyclic index, decided pairs that are feasible, %",
        ("100", "arXiv 2601.20844, Gale's theorem"),
        cyclic.iter().map(|p| format!("{:.1}", p.1)).collect::<Vec<_>>().join(", "),
        "",
        match cyclic.iter().all(|p| p.1 == 100.0) {
            true => Standing::Agrees,
            false => Standing::Explained("coordinates are rounded to 2^-40".to_owned()),
        },
    );
    outcome.findings.push(format!(
        "In four dimensions all decided pairs of {full:.0} documents on a cyclic polytope are top-2 sets, where optimised vectors reached about {:.0} documents.",
        critical(4)
    ));
    let last = |d: &str| table.rows.iter().rfind(|row| row[0] == "random" && row[1] == d);
    for dim in ["4", "8", "16", "32"] {
        if let Some(row) = last(dim) {
            outcome.findings.push(format!(
                "Of {} random unit vectors in {dim} dimensions {} % of the pairs are top-2 sets.",
                row[2], row[8]
            ));
        }
    }
}
