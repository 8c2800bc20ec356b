//! Writes efforts, best margins and biases needed for a terminal.

use std::io::{self, Write};

use super::measured;
use super::measured_lines::{intervals, quantiles, sampled};
use super::numbers::counted;
use super::probability;
use super::ranks;
use super::subject::Subject;
use super::table::rounded;
use super::tally::is_padding;
use super::terms::Terms;
use crate::audit::Audit;
use crate::certify::best_gap::BestGap;

/// Writes the measurements of an audit; at most `shown` tokens of each kind are listed.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    efforts(out, subject, audit, shown)?;
    margins(out, subject, audit, shown)?;
    bias_needed(out, subject, audit, shown)?;
    moves_needed(out, subject, audit, shown)?;
    probability::write(out, subject, audit, shown)?;
    ranks::write(out, subject, audit, shown)
}

fn efforts(out: &mut impl Write, subject: Subject, audit: &Audit, shown: usize) -> io::Result<()> {
    let Some(summary) = measured::efforts(audit, subject.vocabulary) else { return Ok(()) };
    let Terms { token, tokens, .. } = subject.terms;
    writeln!(
        out,
        "\nEffort of {} {tokens}{}: how far out in the ball, as a share of its radius, a {token} begins to win. Proved intervals,\n\
         none wider than {}. {} begin at the centre, {} only beyond the ball.",
        summary.tokens,
        sampled(subject.seeds[0]),
        rounded(summary.widest),
        summary.effortless,
        summary.unreachable
    )?;
    quantiles(out, summary.quantiles)?;
    let mut efforts: Vec<(f64, f64, u32)> = audit
        .efforts()
        .iter()
        .map(|e| (e.ends().0, e.ends().1, e.token()))
        .filter(|e| e.1 > 0.0 && !is_padding(subject.vocabulary, e.2))
        .collect();
    efforts.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    efforts.truncate(shown);
    if efforts.is_empty() {
        return Ok(());
    }
    writeln!(out, "The hardest:\n")?;
    intervals(out, subject, &efforts)
}

fn margins(out: &mut impl Write, subject: Subject, audit: &Audit, shown: usize) -> io::Result<()> {
    let Some(summary) = measured::margins(audit, subject.vocabulary) else { return Ok(()) };
    let Terms { token, tokens, logits, .. } = subject.terms;
    writeln!(
        out,
        "\nBest margin of {} {tokens}{} in the ball, in {logits}. Proved intervals, none wider than {}. At its best a {token}\n\
         provably stays ahead of its rivals when its {logits} are rounded to bf16: {}, f16: {}, f32: {} {tokens}.",
        summary.tokens,
        sampled(subject.seeds[1]),
        rounded(summary.widest),
        summary.survives.bf16,
        summary.survives.f16,
        summary.survives.f32
    )?;
    quantiles(out, summary.quantiles)?;
    let mut margins: Vec<(f64, f64, u32)> = audit
        .margins()
        .iter()
        .map(|m| (m.ends().0, m.ends().1, m.token()))
        .filter(|m| !is_padding(subject.vocabulary, m.2))
        .collect();
    margins.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.cmp(&b.2)));
    margins.truncate(shown);
    if shown > 0 {
        writeln!(out, "The narrowest:\n")?;
    }
    intervals(out, subject, &margins)
}

fn bias_needed(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    let Some(summary) = measured::bias_needed(audit, subject.vocabulary) else { return Ok(()) };
    let Terms { token, logits, .. } = subject.terms;
    writeln!(
        out,
        "\nBias needed by {}: the least raise of its own bias, in {logits}, beyond which a {token} wins. Proved intervals,\n\
         none wider than {}.",
        counted(summary.tokens, &format!("lost {token}")),
        rounded(summary.widest)
    )?;
    quantiles(out, summary.quantiles)?;
    let mut lacking: Vec<(f64, f64, u32)> = audit
        .bias_needed()
        .iter()
        .map(|gap: &BestGap| (gap.bias_needed().0, gap.bias_needed().1, gap.token()))
        .filter(|gap| !is_padding(subject.vocabulary, gap.2))
        .collect();
    lacking.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
    lacking.truncate(shown);
    if shown > 0 {
        writeln!(out, "The most:\n")?;
    }
    intervals(out, subject, &lacking)
}

fn moves_needed(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    let head = &subject.located.head;
    let Some(summary) = measured::moves_needed(head, audit, subject.vocabulary) else {
        return Ok(());
    };
    let Terms { token, .. } = subject.terms;
    let middle = summary.shares.filter(|_| summary.tokens > 1).map_or(String::new(), |shares| {
        format!(" Half of them need at most {} of their row's length.", rounded(shares.median))
    });
    writeln!(
        out,
        "\nMove needed by {}: the least length by which its own row must move, in the unit of the rows, for a {token} to\n\
         win. Proved intervals; a row that is enough was found for {}.{middle}",
        counted(summary.tokens, &format!("lost or tied {token}")),
        summary.found
    )?;
    quantiles(out, summary.quantiles)?;
    let moves = audit.moves_needed().iter().map(|one| (one.ends().0, one.ends().1, one.token()));
    let mut moves: Vec<(f64, f64, u32)> =
        moves.filter(|one| !is_padding(subject.vocabulary, one.2)).collect();
    moves.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
    moves.truncate(shown);
    if shown > 0 {
        writeln!(out, "The most:\n")?;
    }
    intervals(out, subject, &moves)
}
