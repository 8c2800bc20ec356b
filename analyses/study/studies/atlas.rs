//! Study: every published head at hand in one table, beside random heads of the same size.

use anyhow::Result;
use unargmax::causes::RowLayout;
use unargmax::{Domain, Options, audit};

use super::hull_theory::{expected, expected_with_bias};
use super::real_heads::{self, Real};
use crate::frame::figure::{Axis, Drawn, Figure, Panel, Series};
use crate::frame::statistics::quantile;
use crate::frame::{Outcome, Setting, Standing, Study, Table};

pub const STUDY: Study = Study {
    name: "atlas",
    title: "Published heads beside random heads of their size",
    claim: "That tokens are lost is a matter of too many tokens for too few dimensions: many for random heads of low dimension, few for trained ones.",
    source: "Grivas, Bogoychev and Lopez, ACL 2022: 13 of 150 public models have unargmaxable tokens. The expectation for normal rows is that of the study hull-theory.",
    run,
};

fn run(setting: &Setting) -> Result<Outcome> {
    let mut heads = real_heads::bundled(setting)?;
    if !setting.quick {
        // The same head, but with the norm before it.
        heads.retain(|real| real.name != "rxnmapper");
        heads.push(real_heads::ocr(setting)?);
        heads.push(real_heads::rxnmapper(setting)?);
        heads.push(real_heads::magika(setting)?);
        heads.push(real_heads::smollm2(setting)?);
        heads.push(real_heads::whisper(setting)?);
    }
    let mut outcome = Outcome::default();
    let columns = [
        "head",
        "V",
        "d",
        "V / d",
        "bias",
        "domain",
        "argmaxable",
        "tied",
        "unargmaxable",
        "undecided",
        "median ceiling of lost, %",
        "causes",
        "expected unargmaxable of normal rows, free",
        "SHA-256 of the head",
    ];
    let mut table = Table::new(
        "heads",
        "Every head over all hidden states and over those that its norm or activation leaves",
        &columns,
    );
    let (mut found, mut random) = (Vec::new(), Vec::new());
    for real in &heads {
        let (tokens, dim) = (real.head().tokens(), real.head().dim());
        let theory = match real.head().has_bias() {
            true => expected_with_bias(tokens, dim),
            false => expected(tokens, dim),
        };
        let theory = (tokens as f64 - theory).max(0.0);
        let mut domains = vec![Domain::free(dim)];
        if !real.domain().is_free() {
            domains.push(real.domain().clone());
        }
        for domain in domains {
            let lost = row(setting, real, &domain, theory, &mut table)?;
            if domain.is_free() {
                let ratio = tokens as f64 / dim as f64;
                found.push((ratio, 100.0 * lost as f64 / tokens as f64));
                random.push((ratio, 100.0 * theory / tokens as f64));
                compare(&mut outcome, real, lost, theory);
            }
        }
    }
    outcome.figures.push(Figure {
        name: "lost".to_owned(),
        caption: "Share of tokens lost over all hidden states, and what normal rows of the same numbers of tokens and dimensions are expected to lose."
            .to_owned(),
        panels: vec![Panel {
            title: "Lost tokens by V / d".to_owned(),
            x: Axis::log("tokens for each dimension, V / d"),
            y: Axis::from_zero("unargmaxable over all hidden states, %"),
            series: vec![
                Series::new("published head", Drawn::Dots, found),
                Series::new("normal rows of its size, expected", Drawn::Dots, random),
            ],
        }],
    });
    outcome.tables.push(table);
    outcome.remarks = vec![
        "These are the heads that analyses/fetch_heads.py finds in packages, and the bundled one (docs/models.md has their sources and licences). Too few to say anything \
         about models in general."
            .to_owned(),
        "Causes describe the rows of lost and tied tokens (docs/results.md); they are no proof. Expectations with a bias are for one that is as large as a weight."
            .to_owned(),
    ];
    Ok(outcome)
}

/// Audits one head over one domain, adds its row, and returns how many tokens are lost.
fn row(
    setting: &Setting,
    real: &Real,
    domain: &Domain,
    theory: f64,
    table: &mut Table,
) -> Result<usize> {
    let head = real.head();
    let options = Options { threads: setting.threads, ..Options::default() };
    let audit = audit(head, domain, options)?;
    let counts = audit.counts();
    let layout = RowLayout::of(head, None);
    let mut causes = std::collections::BTreeMap::new();
    for (id, verdict) in audit.verdicts() {
        if let Some(cause) = layout.cause(*id, verdict) {
            *causes.entry(cause.name()).or_insert(0) += 1;
        }
    }
    let causes: Vec<String> =
        causes.into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    let lost = |token: &u32| audit.blockers(*token).is_some();
    let caps = audit.probability_bounds().iter().filter(|(token, _)| lost(token));
    let caps: Vec<f64> = caps.map(|(_, cap)| 100.0 * cap).collect();
    let median =
        if caps.is_empty() { String::new() } else { format!("{:.2}", quantile(&caps, 0.5)) };
    let (tokens, dim) = (head.tokens(), head.dim());
    let shown =
        if domain.ball().is_some() { "behind its norm".to_owned() } else { domain.to_string() };
    let bias = if head.has_bias() { "with" } else { "without" };
    table.push(&[
        &real.name,
        &tokens,
        &dim,
        &format!("{:.1}", tokens as f64 / dim as f64),
        &bias,
        &shown,
        &counts.argmaxable,
        &counts.tied,
        &counts.unargmaxable,
        &counts.undecided,
        &median,
        &causes.join(", "),
        &format!("{theory:.1}"),
        &head.sha256(),
    ]);
    Ok(counts.unargmaxable)
}

fn compare(outcome: &mut Outcome, real: &Real, lost: usize, theory: f64) {
    let (tokens, dim) = (real.head().tokens(), real.head().dim());
    outcome.compare(
        format!("{}, {tokens} x {dim}, free: unargmaxable", real.name),
        (format!("{theory:.1}"), "expected of normal rows"),
        lost.to_string(),
        format!("{:+.1}", lost as f64 - theory),
        match (lost as f64 - theory).abs() < 0.5 {
            true => Standing::Agrees,
            false => Standing::Explained("trained rows are not normal".to_owned()),
        },
    );
    if lost as f64 > 2.0 * theory + 1.0 {
        outcome.findings.push(format!(
            "{} loses {lost} of {tokens} tokens over all hidden states where normal rows of that size lose {theory:.1}: here training loses tokens, not the size.",
            real.name
        ));
    }
}
