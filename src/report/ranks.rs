//! What best ranks say: how many lost tokens a beam of some width, or top-k sampling, can reach. In `summary.json`, on the
//! terminal, and as a sentence.

use std::io::{self, Write};

use serde::Serialize;

use super::beyond::language;
use super::results::Results;
use super::results::measured::RankInterval;
use super::results::verdicts::{Outcome, Row};
use super::subject::Subject;
use super::tally::is_padding;
use super::words::{counted, grouped};
use crate::audit::Audit;
use crate::checkpoint::vocabulary::Vocabulary;

/// The widths of beams that are counted.
pub const BEAMS: [u32; 4] = [2, 5, 10, 50];

/// How many of some tokens a beam of one width can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Beam {
    /// The number of hypotheses kept, or `k` of top-k sampling.
    pub width: u32,
    /// Tokens that some state brings among so many.
    pub can: usize,
    /// Tokens that no state brings among so many.
    pub cannot: usize,
    /// Tokens for which neither is proved.
    pub open: usize,
}

impl Beam {
    /// Counts intervals of best ranks.
    pub fn new(width: u32, ranks: &[RankInterval]) -> Self {
        let can = ranks.iter().filter(|r| r.high <= width).count();
        let cannot = ranks.iter().filter(|r| r.low > width).count();
        Beam { width, can, cannot, open: ranks.len() - can - cannot }
    }
}

/// A summary of the best ranks of tokens that are not proved to win.
#[derive(Clone, Debug, Serialize)]
pub struct RankSummary {
    /// The number of tokens measured, winners included.
    pub tokens: usize,
    /// The seed of the sample, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_seed: Option<u64>,
    /// The tokens among them that are not proved to win, alone or tied.
    pub lost: usize,
    /// Those of the lost whose best rank is known exactly.
    pub exact: usize,
    /// The lost ones by width of a beam.
    pub beams: Vec<Beam>,
}

/// The summary of the best ranks; `None` if none were requested, or only of padding.
pub fn summary(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Option<RankSummary> {
    let of_tokens = || audit.best_ranks().iter().filter(|r| !is_padding(vocabulary, r.token()));
    let tokens = of_tokens().count();
    let lost = lost(audit, vocabulary);
    let ranks: Vec<RankInterval> = lost.iter().map(|l| l.1).collect();
    (tokens > 0).then(|| RankSummary {
        tokens,
        sample_seed: None,
        lost: ranks.len(),
        exact: ranks.iter().filter(|r| r.low == r.high).count(),
        beams: BEAMS.map(|width| Beam::new(width, &ranks)).to_vec(),
    })
}

/// The measured tokens that are not proved to win, without padding.
fn lost(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Vec<(u32, RankInterval)> {
    let of_tokens = audit.best_ranks().iter().filter(|r| !is_padding(vocabulary, r.token()));
    let wins = |token: u32| audit.verdict(token).is_some_and(|v| v.witness().is_some());
    let lost = of_tokens.filter(|r| !wins(r.token()));
    lost.map(|r| (r.token(), RankInterval { low: r.ends().0, high: r.ends().1 })).collect()
}

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
    let seed = subject.seeds[3];
    let sampled = seed.map_or(String::new(), |seed| format!(" (a sample, drawn with seed {seed})"));
    writeln!(
        out,
        "\nBest rank of {} tokens{sampled}, proved intervals; ties count against a token. {} of them are not proved to win;\n\
         of those {} are known exactly.",
        summary.tokens, summary.lost, summary.exact
    )?;
    if summary.lost == 0 {
        return Ok(());
    }
    writeln!(out, "\n  beam or top-k   reach it   never do   not known")?;
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
    let word = match rows.iter().any(|r| r.0.outcome == Outcome::Undecided) {
        true => "token that is not proved to win",
        false => "lost token",
    };
    let beams = BEAMS[1..3].iter().map(|&width| {
        let Beam { can, cannot, .. } = Beam::new(width, &ranks);
        format!(
            "among the first {width}, {} can come in some state and {} in none",
            grouped(can),
            grouped(cannot)
        )
    });
    let beams: Vec<String> = beams.collect();
    let of = match ranks.len() {
        1 => format!("The {word} has a best rank from {least} to {most}"),
        n => format!("The best ranks of {} lie between {least} and {most}", counted(n, word)),
    };
    Some(format!("{of}: {}.", beams.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beam_of_the_rank_is_wide_enough_and_one_less_is_not() {
        let ranks = [(2, 2), (3, 9), (10, 12)].map(|(low, high)| RankInterval { low, high });
        let beam = |width| Beam::new(width, &ranks);
        assert_eq!(beam(2), Beam { width: 2, can: 1, cannot: 2, open: 0 });
        assert_eq!(beam(5), Beam { width: 5, can: 1, cannot: 1, open: 1 });
        assert_eq!(beam(9), Beam { width: 9, can: 2, cannot: 1, open: 0 });
        assert_eq!(beam(10), Beam { width: 10, can: 2, cannot: 0, open: 1 });
    }
}
