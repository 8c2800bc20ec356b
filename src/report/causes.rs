//! The causes of a finding in `summary.json`: where the rows of tokens lie that cannot win alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::tally::is_padding;
use crate::audit::Audit;
use crate::causes::{AT_MEAN, CROWD, Cause, NEAR, NEAR_MEAN, RowLayout, SHORT};
use crate::certify::Outcome;
use crate::checkpoint::vocabulary::Vocabulary;

/// The most clusters that are listed.
const LISTED: usize = 20;

/// The entry `causes` of an audit. Counts are of tokens, without padding; clusters are of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CausesSummary {
    /// The limits that the causes are named by.
    pub limits: Limits,
    /// The median of the rows' norms.
    pub median_norm: f64,
    /// The clusters of near-equal rows; `None` if they were not computed because they would cost too much.
    pub clusters: Option<ClustersSummary>,
    /// For each cause by name: how many tokens have it. Causes that no token has are left out.
    pub tokens: BTreeMap<String, CauseCount>,
    /// How many tokens cannot win alone though nothing about their rows stands out.
    pub unexplained: usize,
    /// How many tokens have rows that look as if training had never moved them on their own.
    pub looks_untrained: CauseCount,
}

/// The limits of the causes, see [`crate::causes`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// [`NEAR`].
    pub near: f64,
    /// [`AT_MEAN`].
    pub at_mean: f64,
    /// [`NEAR_MEAN`].
    pub near_mean: f64,
    /// [`SHORT`].
    pub short: f64,
    /// [`CROWD`].
    pub crowd: usize,
}

pub(super) const LIMITS: Limits =
    Limits { near: NEAR, at_mean: AT_MEAN, near_mean: NEAR_MEAN, short: SHORT, crowd: CROWD };

/// How many tokens have a row of some kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseCount {
    /// All tokens.
    pub all: usize,
    /// Those that are unargmaxable or tied.
    pub lost_or_tied: usize,
    /// Those that are undecided; absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undecided: usize,
}

impl CauseCount {
    /// Those that can win.
    pub fn can_win(self) -> usize {
        self.all.saturating_sub(self.lost_or_tied + self.undecided)
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The clusters of near-equal rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClustersSummary {
    /// How many there are.
    pub count: usize,
    /// How many rows are in them.
    pub rows: usize,
    /// The largest, at most 20.
    pub largest: Vec<ClusterEntry>,
}

/// A cluster of near-equal rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterEntry {
    /// The id of its first row.
    pub first: u32,
    /// How many rows it has.
    pub rows: usize,
    /// How many of them are different.
    pub different: usize,
    /// The largest distance from its first row, as a share of the median norm.
    pub spread: f64,
}

impl ClustersSummary {
    /// Summarises the clusters of a layout, if they were computed.
    pub fn of(layout: &RowLayout) -> Option<Self> {
        let clusters = layout.clusters()?;
        let mut largest: Vec<ClusterEntry> = clusters
            .iter()
            .map(|cluster| ClusterEntry {
                first: cluster.rows[0],
                rows: cluster.rows.len(),
                different: cluster.different,
                spread: six_digits(cluster.spread),
            })
            .collect();
        largest.sort_by_key(|cluster| (std::cmp::Reverse(cluster.rows), cluster.first));
        largest.truncate(LISTED);
        let rows = clusters.iter().map(|cluster| cluster.rows.len()).sum();
        Some(ClustersSummary { count: clusters.len(), rows, largest })
    }
}

impl CausesSummary {
    /// Summarises the causes of an audit.
    pub fn of(audit: &Audit, layout: &RowLayout, vocabulary: Option<&Vocabulary>) -> Self {
        let mut summary = CausesSummary {
            limits: LIMITS,
            median_norm: six_digits(layout.median_norm()),
            clusters: ClustersSummary::of(layout),
            tokens: BTreeMap::new(),
            unexplained: 0,
            looks_untrained: CauseCount::default(),
        };
        for (id, verdict) in audit.verdicts().iter().filter(|v| !is_padding(vocabulary, v.0)) {
            let lost = matches!(verdict.outcome(), Outcome::Unargmaxable | Outcome::Tied);
            let cause = if lost { layout.cause(*id, verdict) } else { layout.trait_of(*id) };
            let add = |count: &mut CauseCount| {
                count.all += 1;
                count.lost_or_tied += usize::from(lost);
                count.undecided += usize::from(verdict.outcome() == Outcome::Undecided);
            };
            match cause {
                Some(cause) => add(summary.tokens.entry(cause.name().to_owned()).or_default()),
                None => summary.unexplained += usize::from(lost),
            }
            if layout.looks_untrained(*id) {
                add(&mut summary.looks_untrained);
            }
        }
        summary
    }

    /// How many tokens have a cause.
    pub(super) fn count(&self, cause: Cause) -> CauseCount {
        self.tokens.get(cause.name()).copied().unwrap_or_default()
    }

    /// How many tokens cannot win alone.
    pub(super) fn lost_or_tied(&self) -> usize {
        self.tokens.values().map(|count| count.lost_or_tied).sum::<usize>() + self.unexplained
    }
}

/// What cannot be told apart from others on a list: items of one cluster, in the order of their first items.
pub fn folded<T>(items: Vec<T>, cluster: impl Fn(&T) -> Option<u32>) -> Vec<Vec<T>> {
    let mut place: BTreeMap<u32, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<T>> = Vec::new();
    for item in items {
        let of = cluster(&item);
        match of.and_then(|cluster| place.get(&cluster).copied()) {
            Some(at) => groups[at].push(item),
            None => {
                place.extend(of.map(|cluster| (cluster, groups.len())));
                groups.push(vec![item]);
            }
        }
    }
    groups
}

/// Six significant digits; JSON has no infinity, so that what is beyond float64 becomes its end.
fn six_digits(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x).clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn items_of_one_cluster_are_folded_at_the_first() {
        let items = vec![(1, None), (2, Some(2)), (3, None), (4, Some(2)), (5, Some(5))];
        let groups = folded(items, |item| item.1);
        let ids: Vec<Vec<u32>> =
            groups.iter().map(|group| group.iter().map(|item| item.0).collect()).collect();
        assert_eq!(ids, [vec![1], vec![2, 4], vec![3], vec![5]]);
    }
}
