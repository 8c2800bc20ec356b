//! How many lost tokens beams of some widths can reach, for `summary.json`.

use serde::{Deserialize, Serialize};

use super::results::measured::RankInterval;
use super::tally::is_padding;
use crate::audit::Audit;
use crate::checkpoint::vocabulary::Vocabulary;

/// The widths of beams that are counted.
pub const BEAMS: [u32; 4] = [2, 5, 10, 50];

/// How many of some tokens a beam of one width can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
pub fn lost(audit: &Audit, vocabulary: Option<&Vocabulary>) -> Vec<(u32, RankInterval)> {
    let of_tokens = audit.best_ranks().iter().filter(|r| !is_padding(vocabulary, r.token()));
    let wins = |token: u32| audit.verdict(token).is_some_and(|v| v.witness().is_some());
    let lost = of_tokens.filter(|r| !wins(r.token()));
    lost.map(|r| (r.token(), RankInterval { low: r.ends().0, high: r.ends().1 })).collect()
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
