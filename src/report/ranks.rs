//! What best ranks say: how many lost tokens a beam of some width, or top-k sampling, can reach. On the terminal, and as a
//! sentence.

use std::io::{self, Write};

use super::beams::{BEAMS, Beam, lost, summary};
use super::beyond::language;
use super::measured_lines::sampled;
use super::results::Results;
use super::results::measured::RankInterval;
use super::results::verdicts::{Outcome, Row};
use super::subject::Subject;
use super::terms::Terms;
use super::words::{counted, grouped};
use crate::audit::Audit;

/// Writes the best ranks for a terminal; at most `shown` tokens are listed.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    let Some(summary) = summary(audit, subject.vocabulary) else { return Ok(()) };
    let sampled = sampled(subject.seeds[3]);
    let Terms { token, tokens, .. } = subject.terms;
    writeln!(
        out,
        "\nBest rank of {} {tokens}{sampled}, proved intervals; ties count against a {token}. {} of them are not proved to win;\n\
         of those {} are known exactly.",
        summary.tokens, summary.lost, summary.exact
    )?;
    if summary.lost == 0 {
        return Ok(());
    }
    let heading = if subject.terms.is_of_items() { "top-k" } else { "beam or top-k" };
    writeln!(out, "\n  {heading:>13}   reach it   never do   not known")?;
    for beam in &summary.beams {
        writeln!(
            out,
            "  {:>13} {:>10} {:>10} {:>11}",
            beam.width, beam.can, beam.cannot, beam.open
        )?;
    }
    let mut lost = lost(audit, subject.vocabulary);
    lost.sort_by_key(|&(id, rank)| (std::cmp::Reverse((rank.low, rank.high)), id));
    lost.truncate(shown);
    if !lost.is_empty() {
        writeln!(out, "\nThe deepest:\n")?;
    }
    for (id, rank) in lost {
        let name = subject.vocabulary.map_or(format!("#{id}"), |v| v.label(id as usize));
        writeln!(out, "  {name}: {}", rank.in_words())?;
    }
    Ok(())
}

/// The rows of lost tokens with a best rank, deepest first.
pub fn rows(results: &Results) -> Vec<(&Row, RankInterval)> {
    let lost = language(results).filter(|row| !row.outcome.can_reach_maximum());
    let mut rows: Vec<(&Row, RankInterval)> =
        lost.filter_map(|row| Some((row, row.measured.best_rank?))).collect();
    rows.sort_by_key(|&(row, rank)| (std::cmp::Reverse((rank.low, rank.high)), row.id));
    rows
}

/// Says how many of the lost tokens some beam reaches.
pub fn sentence(results: &Results) -> Option<String> {
    let rows = rows(results);
    let ranks: Vec<RankInterval> = rows.iter().map(|r| r.1).collect();
    let (least, most) = (ranks.iter().map(|r| r.low).min()?, ranks.iter().map(|r| r.high).max()?);
    let Terms { token, state, within, .. } = results.terms();
    let word = match rows.iter().any(|r| r.0.outcome == Outcome::Undecided) {
        true => format!("{token} that is not proved to win"),
        false => format!("lost {token}"),
    };
    let beams = BEAMS[1..3].iter().map(|&width| {
        let Beam { can, cannot, .. } = Beam::new(width, &ranks);
        format!(
            "among the first {width}, {} can come {within} some {state} and {} {within} none",
            grouped(can),
            grouped(cannot)
        )
    });
    let beams: Vec<String> = beams.collect();
    let of = match ranks.len() {
        1 => format!("The {word} has a best rank from {least} to {most}"),
        n => format!("The best ranks of {} lie between {least} and {most}", counted(n, &word)),
    };
    Some(format!("{of}: {}.", beams.join("; ")))
}
