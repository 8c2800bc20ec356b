//! Study: two ways to keep every token argmaxable.

use anyhow::Result;
use unargmax::audit::Counts;
use unargmax::{Domain, Head, Options, audit};

use super::real_heads::{self, rows};
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "prevention",
    title: "Two ways to keep every class argmaxable, and what they cost",
    claim: "Rows of one length without a bias have no unargmaxable class, and neither has any head with the bias b = -|w|^2 / 2.",
    source: "Grivas, Bogoychev and Lopez, ACL 2022, appendix D; public code: bin/stollen_prevention.",
    run,
};

/// Hidden states whose winners are compared.
const STATES: usize = 2000;

/// What is done to a head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    AsItIs,
    UnitRows,
    UnitRowsNarrow,
    Nearest,
    NearestNarrow,
}

impl Way {
    const ALL: [Way; 5] =
        [Way::AsItIs, Way::UnitRows, Way::UnitRowsNarrow, Way::Nearest, Way::NearestNarrow];

    fn name(self) -> &'static str {
        match self {
            Way::AsItIs => "as it is",
            Way::UnitRows => "unit rows, float64",
            Way::UnitRowsNarrow => "unit rows, float32",
            Way::Nearest => "b = -|w|^2/2, float64",
            Way::NearestNarrow => "b = -|w|^2/2, float32",
        }
    }

    fn applied(self, head: &Head) -> Result<Head> {
        let (tokens, dim) = (head.tokens(), head.dim());
        let narrow = |x: f64| f64::from(x as f32);
        let half_square = |token: usize| -0.5 * head.row(token).map(|x| x * x).sum::<f64>();
        let unit = |token: usize| {
            let length = head.row(token).map(|x| x * x).sum::<f64>().sqrt();
            head.row(token).map(move |x| x / length)
        };
        let all_units = || (0..tokens).flat_map(unit);
        let (rows, bias) = match self {
            Way::AsItIs => return Ok(head.clone()),
            Way::UnitRows => (all_units().collect(), None),
            Way::UnitRowsNarrow => (all_units().map(narrow).collect(), None),
            Way::Nearest => (rows(head), Some((0..tokens).map(half_square).collect())),
            Way::NearestNarrow => {
                let bias = (0..tokens).map(|token| narrow(half_square(token))).collect();
                (rows(head).into_iter().map(narrow).collect(), Some(bias))
            }
        };
        Ok(Head::new(rows, bias, tokens, dim)?)
    }
}

/// A head, and whether a ReLU stands before it.
struct Subject {
    name: String,
    head: Head,
    is_behind_relu: bool,
}

fn subjects(setting: &Setting) -> Result<Vec<Subject>> {
    let mut heads = real_heads::bundled(setting)?;
    if !setting.quick {
        heads.push(real_heads::ocr(setting)?);
    }
    let real = |real: real_heads::Real| Subject {
        name: real.name.to_owned(),
        is_behind_relu: real.name == "g2pM",
        head: real.head().clone(),
    };
    let mut found: Vec<Subject> = heads.into_iter().map(real).collect();
    for (classes, dim) in
        setting.pick(vec![(1000, 2), (1000, 4)], vec![(10_000, 2), (10_000, 4), (10_000, 8)])
    {
        let mut random = RandomState::new(13);
        let (rows, bias) = (random.normals(classes * dim), random.normals(classes));
        let head = Head::new(rows, Some(bias), classes, dim)?;
        found.push(Subject {
            name: format!("normal {classes} x {dim}"),
            head,
            is_behind_relu: false,
        });
    }
    Ok(found)
}

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let columns = [
        "head",
        "V",
        "d",
        "way",
        "argmaxable",
        "tied",
        "unargmaxable",
        "undecided",
        "winners changed, %",
    ];
    let mut table = Table::new(
        "ways",
        "Verdicts over all hidden states; winners of 2,000 random hidden states",
        &columns,
    );
    for subject in subjects(setting)? {
        let states = states(&subject);
        let before = winners(&subject.head, &states);
        for way in Way::ALL {
            let head = way.applied(&subject.head)?;
            let options = Options { threads: setting.threads, ..Options::default() };
            let counts = audit(&head, &Domain::free(head.dim()), options)?.counts();
            let after = winners(&head, &states);
            let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
            let percent = format!("{:.1}", 100.0 * changed as f64 / STATES as f64);
            let Counts { argmaxable, tied, unargmaxable, undecided } = counts;
            let (tokens, dim) = (head.tokens(), head.dim());
            table.push(&[
                &subject.name,
                &tokens,
                &dim,
                &way.name(),
                &argmaxable,
                &tied,
                &unargmaxable,
                &undecided,
                &percent,
            ]);
            compare(&mut outcome, &subject.name, way, counts);
        }
    }
    findings(&mut outcome, &table);
    outcome.figures.push(figure(&table));
    outcome.tables.push(table);
    outcome.remarks = vec![
        "The claim holds for real numbers and different rows. A head holds rounded ones: after division by its length a row is a unit vector up to \
         rounding, and near neighbours on the sphere may then block each other. So each way is audited as float64 and as float32 would store it."
            .to_owned(),
        "The hidden states are random (standard normal; for g2pM their absolute values, as its ReLU leaves them), not those of real inputs: the share of \
         changed winners says how different the layer becomes, not how much a model would lose. A trained model would be trained with the constraint."
            .to_owned(),
    ];
    Ok(outcome)
}

/// Random hidden states, one after the other.
fn states(subject: &Subject) -> Vec<f64> {
    let mut states = RandomState::new(14).normals(STATES * subject.head.dim());
    if subject.is_behind_relu {
        states.iter_mut().for_each(|x| *x = x.abs());
    }
    states
}

/// The token with the largest logit of each state, in float64.
fn winners(head: &Head, states: &[f64]) -> Vec<usize> {
    let products = head.products(states);
    let best = |scores: &[f64]| {
        let logit = |token: usize| scores[token] + head.bias(token);
        (0..scores.len()).max_by(|&a, &b| logit(a).total_cmp(&logit(b))).unwrap_or(0)
    };
    products.chunks(head.tokens()).map(best).collect()
}

fn compare(outcome: &mut Outcome, name: &str, way: Way, counts: Counts) {
    let lost = counts.unargmaxable;
    let standing = match (way, lost + counts.undecided) {
        (Way::AsItIs, _) => return,
        (_, 0) => Standing::Agrees,
        (Way::UnitRowsNarrow | Way::NearestNarrow, _) => Standing::Explained(
            "rows rounded to float32 are no longer those of the claim, and the nearest of them block each other".to_owned(),
        ),
        _ => Standing::Open("rounding to float64, or an error".to_owned()),
    };
    outcome.compare(
        format!("{name}, {}: unargmaxable", way.name()),
        ("0", "appendix D"),
        format!("{lost}"),
        format!("{lost}"),
        standing,
    );
}

fn findings(outcome: &mut Outcome, table: &Table) {
    let of = |way: Way| table.rows.iter().filter(move |row| row[3] == way.name());
    let sum =
        |way: Way, k: usize| of(way).filter_map(|row| row[k].parse::<usize>().ok()).sum::<usize>();
    outcome.findings.push(format!(
        "Of {} heads, {} classes are unargmaxable as they are, {} with unit rows and {} with b = -|w|^2/2, in float64.",
        of(Way::AsItIs).count(),
        sum(Way::AsItIs, 6),
        sum(Way::UnitRows, 6),
        sum(Way::Nearest, 6)
    ));
    let narrow: Vec<String> = [Way::UnitRowsNarrow, Way::NearestNarrow]
        .into_iter()
        .flat_map(of)
        .filter(|row| row[6] != "0")
        .map(|row| format!("{} of {} ({}, {})", row[6], row[1], row[0], row[3]))
        .collect();
    if !narrow.is_empty() {
        outcome.findings.push(format!(
            "Stored in float32 the ways lose classes all the same: {}.",
            narrow.join("; ")
        ));
    }
    let worst = |way: Way| {
        let shares = of(way).filter_map(|row| row[8].parse::<f64>().ok());
        shares.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)))
    };
    let ((a, b), (c, d)) = (worst(Way::UnitRows), worst(Way::Nearest));
    outcome.findings.push(format!(
        "The price without training: the winners of {a} to {b} % of random hidden states change with unit rows, of {c} to {d} % with the bias."
    ));
}

fn figure(table: &Table) -> Figure {
    let mut names: Vec<String> = table.rows.iter().map(|row| row[0].clone()).collect();
    names.dedup();
    let points = |way: Way, k: usize| {
        let rows = table.rows.iter().filter(move |row| row[3] == way.name());
        let place = |row: &Vec<String>| names.iter().position(|name| *name == row[0]).unwrap_or(0);
        let share = |row: &Vec<String>| {
            let x: f64 = row[k].parse().unwrap_or(f64::NAN);
            if k == 6 { 100.0 * x / row[1].parse().unwrap_or(1.0) } else { x }
        };
        rows.map(|row| (share(row), (place(row) + 1) as f64)).collect::<Vec<_>>()
    };
    let series = |k: usize, ways: &[Way]| {
        ways.iter().map(|&way| Series::new(way.name(), Drawn::Dots, points(way, k))).collect()
    };
    let panel = |title: &str, x: Axis, series| Panel {
        title: title.to_owned(),
        x,
        y: Axis::of_names(names.clone()),
        series,
    };
    let lost = Axis::from_zero("unargmaxable, % of classes");
    let changed = Axis::from_zero("random states with another winner, %").with(100.0);
    Figure {
        name: "ways".to_owned(),
        caption: "Lost classes of each head as it is and after each way, and the share of random hidden states whose winner changes."
            .to_owned(),
        panels: vec![
            panel("Lost classes", lost, series(6, &Way::ALL)),
            panel("Price", changed, series(8, &[Way::UnitRows, Way::Nearest])),
        ],
    }
}
