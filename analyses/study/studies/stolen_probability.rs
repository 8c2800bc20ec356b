//! Study: how probable lost tokens can become.

use anyhow::Result;
use unargmax::{Domain, Head, Options, audit};

use super::real_heads;
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::numpy::RandomState;
use crate::frame::statistics::quantile;
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "stolen-probability",
    title: "How probable can a token inside the hull become?",
    claim: "Words whose rows lie inside the convex hull of the others have their probability bounded by that of the words on the hull, at \
            every hidden state.",
    source: "Demeter, Kimmel and Downey, \"Stolen Probability: A Structural Weakness of Neural Language Models\", ACL 2020 (arXiv 2005.02433). The \
             bound 1 / (1 + e^H), H the entropy of the weights of a losing proof, is this project's.",
    run,
};

/// Tokens of a larger head that are measured, drawn by numpy's legacy generator with seed 11.
const LARGE: usize = 30;
/// Random hidden states at which probabilities are computed.
const STATES: usize = 20_000;

fn run(setting: &Setting) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut subjects: Vec<(String, Head, Domain)> = Vec::new();
    for real in real_heads::bundled(setting)? {
        let free = Domain::free(real.head().dim());
        subjects.push((format!("{}, free", real.name), real.head().clone(), free));
        if !real.domain().is_free() {
            subjects.push((
                format!("{}, {}", real.name, real.domain()),
                real.head().clone(),
                real.domain().clone(),
            ));
        }
    }
    if !setting.quick {
        for real in [real_heads::ocr(setting)?, real_heads::rxnmapper(setting)?] {
            let domain = real.domain().clone();
            subjects.push((format!("{}, {domain}", real.name), real.head().clone(), domain));
        }
    }
    let columns = [
        "head",
        "V",
        "measured",
        "least",
        "quarter",
        "median",
        "three quarters",
        "largest",
        "widest interval",
        "largest at random states",
    ];
    let mut table = Table::new(
        "ceilings",
        "Largest probabilities, %: proved upper ends of lost tokens; behind a norm, of all tokens",
        &columns,
    );
    let mut each = Table::new(
        "tokens",
        "Each measured token, %",
        &["head", "id", "at least", "at most", "at random states"],
    );
    let mut series = Vec::new();
    for (name, head, domain) in subjects {
        let measured = measure(setting, &head, &domain)?;
        if measured.is_empty() {
            table.push(&[&name, &head.tokens(), &0, &"", &"", &"", &"", &"", &"", &""]);
            outcome
                .findings
                .push(format!("{name}: no token is lost, so none has a ceiling below 1."));
            continue;
        }
        record(&mut outcome, &mut table, &mut each, &name, &head, &measured);
        let mut highs: Vec<f64> = measured.iter().map(|m| 100.0 * m.high).collect();
        highs.sort_by(f64::total_cmp);
        let count = highs.len() as f64;
        let points =
            highs.iter().enumerate().map(|(i, &x)| (x, 100.0 * (i as f64 + 1.0) / count)).collect();
        series.push(Series::new(name, Drawn::Line, points));
    }
    outcome.figures.push(Figure {
        name: "ceilings".to_owned(),
        caption: "The share of measured tokens whose largest possible probability is at most so much (proved upper ends).".to_owned(),
        panels: vec![Panel {
            title: "Ceilings".to_owned(),
            x: Axis::log("largest possible probability, %"),
            y: Axis::from_zero("share of the measured tokens, %").with(100.0),
            series,
        }],
    });
    outcome.tables = vec![table, each];
    outcome.remarks = vec![
        "Each ceiling is a proved interval of the largest probability that a softmax of the logits gives to the token at temperature 1, over all hidden states of the \
         domain (docs/results.md). Over a cone, as all of space is, lost tokens are measured; behind a norm every token has a ceiling. Of PP-OCRv4 and of \
         rxnmapper behind its norm 30 such tokens are measured, drawn by seed 11."
            .to_owned(),
        format!(
            "The last column is the largest probability at {STATES} random hidden states of the domain (normal vectors, times 1 to 8; absolute values behind a \
             ReLU; on the sphere of a norm): what sampling would show. It is no bound."
        ),
    ];
    Ok(outcome)
}

/// One token.
struct Measured {
    token: u32,
    low: f64,
    high: f64,
    /// The largest at random states.
    seen: f64,
}

fn measure(setting: &Setting, head: &Head, domain: &Domain) -> Result<Vec<Measured>> {
    let options = Options { threads: setting.threads, ..Options::default() };
    let first = audit(head, domain, options)?;
    let is_measured = |token: u32| domain.ball().is_some() || first.blockers(token).is_some();
    let all: Vec<u32> = (0..head.tokens() as u32).filter(|&t| is_measured(t)).collect();
    // A search in many rows of many coordinates is slow.
    let most =
        setting.pick(40, if head.tokens() * head.dim() > 1 << 16 { LARGE } else { all.len() });
    let chosen = RandomState::new(11).choice(all.len(), most.min(all.len()));
    let mut tokens: Vec<u32> = chosen.into_iter().map(|i| all[i as usize]).collect();
    tokens.sort_unstable();
    if tokens.is_empty() {
        return Ok(Vec::new());
    }
    let options = Options { tokens: Some(&tokens), max_probability: Some(&tokens), ..options };
    let audit = audit(head, domain, options)?;
    let seen = at_random_states(head, domain, &tokens, setting.pick(1000, STATES));
    let ceilings = audit.max_probabilities().iter();
    Ok(ceilings
        .zip(seen)
        .map(|(ceiling, seen)| {
            let (low, high) = ceiling.ends();
            let high = audit.max_probability(ceiling.token()).map_or(high, |cap| cap.min(high));
            Measured { token: ceiling.token(), low, high, seen }
        })
        .collect())
}

/// The largest probabilities of tokens at random hidden states.
fn at_random_states(head: &Head, domain: &Domain, tokens: &[u32], states: usize) -> Vec<f64> {
    let dim = head.dim();
    let mut random = RandomState::new(11);
    let mut most = vec![0.0f64; tokens.len()];
    for _ in 0..states / 500 {
        let mut some = random.normals(500 * dim);
        for state in some.chunks_mut(dim) {
            let scale = random.uniform(1.0, 8.0);
            state.iter_mut().for_each(|x| *x *= scale);
            place(state, domain);
        }
        for scores in head.products(&some).chunks(head.tokens()) {
            let logits: Vec<f64> =
                scores.iter().enumerate().map(|(t, x)| x + head.bias(t)).collect();
            let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|x| (x - top).exp()).sum();
            for (most, &token) in most.iter_mut().zip(tokens) {
                *most = most.max((logits[token as usize] - top).exp() / sum);
            }
        }
    }
    most
}

/// Moves a vector into the domain.
fn place(state: &mut [f64], domain: &Domain) {
    match domain.ball() {
        Some(ball) => {
            let dim = state.len() as f64;
            if ball.is_centred() {
                let mean = state.iter().sum::<f64>() / dim;
                state.iter_mut().for_each(|x| *x -= mean);
            }
            let factor = (dim / state.iter().map(|x| x * x).sum::<f64>()).sqrt();
            let each = state.iter_mut().zip(ball.gain()).zip(ball.shift());
            each.for_each(|((x, g), c)| *x = g * *x * factor + c);
        }
        None if domain.lo(0) == 0.0 => state.iter_mut().for_each(|x| *x = x.abs()),
        None => domain.clamp(state),
    }
}

fn record(
    outcome: &mut Outcome,
    table: &mut Table,
    each: &mut Table,
    name: &str,
    head: &Head,
    measured: &[Measured],
) {
    let percent = |x: f64| format!("{:.3}", 100.0 * x);
    let highs: Vec<f64> = measured.iter().map(|m| m.high).collect();
    let [a, b, c, d, e] = [0.0, 0.25, 0.5, 0.75, 1.0].map(|level| percent(quantile(&highs, level)));
    let widest = measured.iter().map(|m| m.high - m.low).fold(0.0, f64::max);
    let seen = measured.iter().map(|m| m.seen).fold(0.0, f64::max);
    table.push(&[
        &name,
        &head.tokens(),
        &measured.len(),
        &a,
        &b,
        &c,
        &d,
        &e,
        &percent(widest),
        &percent(seen),
    ]);
    for m in measured {
        each.push(&[&name, &m.token, &percent(m.low), &percent(m.high), &percent(m.seen)]);
    }
    // The values seen are computed in float64, with rounding far below this.
    let beyond = measured.iter().filter(|m| m.seen > m.high * (1.0 + 1e-9)).count();
    outcome.compare(
        format!("{name}: tokens seen above their ceiling at random states"),
        ("0", "a ceiling is a bound"),
        format!("{beyond}"),
        format!("{beyond}"),
        Standing::same(beyond, 0),
    );
    outcome.findings.push(format!(
        "{name}: the {} measured tokens can reach {a} to {e} % (median {c} %); at random states the largest is {} %.",
        measured.len(),
        percent(seen)
    ));
}
