//! Study: the expected number of argmaxable classes of a Gaussian head.

mod angles;

use anyhow::Result;
use unargmax::{Domain, Head, Options, audit};

pub use angles::{expected, expected_with_bias};

use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::{deviation, mean};
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "hull-theory",
    title: "Argmaxable classes of a Gaussian head: theory and audits",
    claim: "The argmaxable classes of a head with independent normal rows and no bias are the vertices of a Gaussian polytope, \
            whose expected number is known as a sum over internal and external angles of regular simplices.",
    source: "Affentranger and Schneider, Discrete and Computational Geometry 7 (1992); Baryshnikov and Vitale (1994); \
             Kabluchko and Zaporozhets, \"Angles of random simplices and face numbers of random polytopes\", Advances in \
             Mathematics 380 (2021). That the mean over heads of the audit's counts must be this number is a consequence; nobody \
             published it for heads.",
    run,
};

/// The classes of the larger heads.
pub const CLASSES: usize = 10_000;
/// Expectations for 10,000 classes computed elsewhere before: d, without bias, with bias.
const BEFORE: [(usize, f64, f64); 6] = [
    (2, 13.65, 33.1),
    (4, 147.98, 243.1),
    (6, 661.9, 904.7),
    (8, 1802.7, 2206.7),
    (10, 3531.7, 4021.0),
    (15, 7929.5, 8214.8),
];

/// The sum with 60 digits, by `sixty_digits.py` beside this file: n, d, E f0.
const SIXTY_DIGITS: &str = include_str!("hull_theory/sixty_digits.csv");

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    earlier(&mut outcome);
    digits(&mut outcome)?;
    let plan: Vec<(usize, usize, usize)> = match setting.quick {
        true => vec![(1000, 2, 20), (1000, 4, 20), (1000, 8, 10)],
        false => {
            let small = [2, 4, 6, 8, 10].map(|d| (1000, d, 20));
            let large =
                [(2, 20), (4, 10), (6, 6), (8, 6), (10, 6), (15, 12), (20, 6), (30, 6), (50, 6)];
            let large = large.map(|(d, heads)| (CLASSES, d, heads));
            small.into_iter().chain(large).collect()
        }
    };
    let columns = [
        "n",
        "d",
        "bias",
        "heads",
        "expected",
        "mean",
        "standard deviation",
        "standard errors apart",
    ];
    let mut table = Table::new("means", "Audited heads of several seeds beside theory", &columns);
    for (n, dim, heads) in plan {
        for has_bias in [false, true] {
            let found = audited(setting, n, dim, heads, has_bias)?;
            let theory = if has_bias { expected_with_bias(n, dim) } else { expected(n, dim) };
            let middle = mean(&found);
            // Where all heads have the same count, chance is that of rare lost classes.
            let spread = match deviation(&found) {
                0.0 => (n as f64 - theory).max(0.0).sqrt(),
                spread => spread,
            };
            let apart = (middle - theory) / (spread / (heads as f64).sqrt()).max(1e-9);
            let (theory, middle) = (format!("{theory:.2}"), format!("{middle:.2}"));
            let with = if has_bias { "with" } else { "without" };
            table.push(&[
                &n,
                &dim,
                &with,
                &heads,
                &theory,
                &middle,
                &format!("{spread:.2}"),
                &format!("{apart:+.2}"),
            ]);
        }
    }
    conclude(&mut outcome, table);
    outcome.figures.push(figure(&outcome.tables[0]));
    outcome.remarks = vec![
        "E f0(n, d) = 2 sum over j = d, d - 2, ... >= 1 of C(n, j) j beta_j gamma_j, with gamma_j = g(n - j, 1/j), beta_j = \
         g(j - 1, -1/j) and g(m, r) the mean of Phi(sqrt(r) x)^m over a standard normal x. For negative r the argument is \
         imaginary and the integrand oscillates: along the real axis 60 digits cancel from d = 20 on. The quadrature here moves the path \
         through the saddle point on the imaginary axis, where the integrand is positive at its peak and decays like a Gaussian; float64 \
         then suffices. analyses/study/studies/hull_theory/sixty_digits.py computes the sum along the real axis with 60 digits \
         and more; beyond the d compared above that takes long, and the quadrature is checked by the audits alone."
            .to_owned(),
        "With a bias that is normal, too, the classes that win are the vertices of the upper hull of n points in d + 1 \
         dimensions: (E f0(d) + E f0(d + 1)) / 2."
            .to_owned(),
        "Heads: rows and then bias by numpy's legacy generator, seeds 1, 2, ...".to_owned(),
    ];
    Ok(outcome)
}

/// The counts of argmaxable classes of heads with seeds 1, 2, ...
fn audited(
    setting: &Setting,
    n: usize,
    dim: usize,
    heads: usize,
    has_bias: bool,
) -> Result<Vec<f64>> {
    let count = |seed: usize| -> Result<f64> {
        let mut random = RandomState::new(seed as u32);
        let rows = random.normals(n * dim);
        let bias = has_bias.then(|| random.normals(n));
        let head = Head::new(rows, bias, n, dim)?;
        let options = Options { threads: setting.threads, ..Options::default() };
        let counts = audit(&head, &Domain::free(dim), options)?.counts();
        anyhow::ensure!(counts.undecided == 0, "seed {seed}: {counts}");
        Ok(counts.argmaxable as f64)
    };
    (1..=heads).map(count).collect()
}

/// Beside what was computed before, and the one value that is easy to check.
fn earlier(outcome: &mut Outcome) {
    let mut compare = |what: String, before: f64, now: f64, digits: usize| {
        let standing = match format!("{now:.digits$}") == format!("{before:.digits$}") {
            true => Standing::Agrees,
            false => Standing::Wrong,
        };
        let shown = |x: f64| format!("{x:.digits$}");
        outcome.compare(
            what,
            (shown(before), "computed before"),
            shown(now),
            format!("{:+.1e}", now - before),
            standing,
        );
    };
    compare("n = 4, d = 2".to_owned(), 3.649, expected(4, 2), 3);
    for (dim, without, with) in BEFORE {
        let digits = if dim <= 4 { 2 } else { 1 };
        compare(
            format!("n = 10,000, d = {dim}, without bias"),
            without,
            expected(CLASSES, dim),
            digits,
        );
        compare(
            format!("n = 10,000, d = {dim}, with bias"),
            with,
            expected_with_bias(CLASSES, dim),
            1,
        );
    }
}

/// Beside the sum with 60 digits.
fn digits(outcome: &mut Outcome) -> Result<()> {
    let mut worst = 0.0f64;
    let (mut lines, mut largest) = (0, 0);
    for line in SIXTY_DIGITS.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (n, dim, value): (usize, usize, f64) =
            (fields[0].parse()?, fields[1].parse()?, fields[2].parse()?);
        worst = worst.max((expected(n, dim) / value - 1.0).abs());
        (lines, largest) = (lines + 1, largest.max(dim));
    }
    outcome.compare(
        format!(
            "the quadrature of float64, largest relative difference of {lines} values up to d = {largest}"
        ),
        ("0", "the same sum with 60 digits"),
        format!("{worst:.1e}"),
        "",
        if worst < 1e-9 { Standing::Agrees } else { Standing::Wrong },
    );
    Ok(())
}

/// Compares the means of audits with theory.
fn conclude(outcome: &mut Outcome, table: Table) {
    let number = |row: &[String], k: usize| row[k].parse::<f64>().unwrap_or(f64::NAN);
    let mut beyond = 0;
    for row in &table.rows {
        let apart = number(row, 7).abs();
        beyond += usize::from(apart > 2.0);
        outcome.compare(
            format!("n = {}, d = {}, {} bias, mean of {} heads", row[0], row[1], row[2], row[3]),
            (row[4].clone(), "theory"),
            row[5].clone(),
            format!("{} standard errors", row[7]),
            match apart {
                ..=2.0 => Standing::Agrees,
                ..4.0 => Standing::Explained(
                    "beyond two standard errors, as one in twenty is by chance; heads with and without bias share their rows"
                        .to_owned(),
                ),
                _ => Standing::Wrong,
            },
        );
    }
    outcome.findings = vec![format!(
        "In {} of {} settings the mean count of argmaxable classes lies within two standard errors of theory.",
        table.rows.len() - beyond,
        table.rows.len()
    )];
    outcome.tables.push(table);
}

fn figure(table: &Table) -> Figure {
    let number = |row: &[String], k: usize| row[k].parse::<f64>().unwrap_or(f64::NAN);
    let panels = ["without", "with"].map(|with| {
        let mut series = Vec::new();
        for n in ["1000", "10000"] {
            let rows: Vec<&Vec<String>> =
                table.rows.iter().filter(|r| r[0] == n && r[2] == with).collect();
            let Some(last) = rows.last() else { continue };
            let (n_classes, last) = (n.parse().unwrap_or(0), number(last, 1) as usize);
            let theory = |d: usize| match with {
                "with" => expected_with_bias(n_classes, d),
                _ => expected(n_classes, d),
            };
            let points = rows.iter().map(|row| (number(row, 1), number(row, 5))).collect();
            let curve = (2..=last).map(|d| (d as f64, theory(d))).collect();
            series.push(Series::new(format!("{n} classes, mean of audits"), Drawn::Dots, points));
            series.push(Series::new(format!("{n} classes, theory"), Drawn::Line, curve));
        }
        Panel {
            title: format!("{with} bias"),
            x: Axis::linear("dimensions, d"),
            y: Axis::log("argmaxable classes"),
            series,
        }
    });
    Figure {
        name: "theory".to_owned(),
        caption: "Expected argmaxable classes of a Gaussian head (lines), and the means of audits of several heads (markers)."
            .to_owned(),
        panels: panels.into(),
    }
}
