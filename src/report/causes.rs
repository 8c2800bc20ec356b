//! The causes of a finding in `summary.json`, and in sentences: where the rows of tokens lie that cannot win alone.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::tally::is_padding;
use super::words::{grouped, tokens};
use crate::audit::Audit;
use crate::causes::{AT_MEAN, CROWD, Cause, NEAR, NEAR_MEAN, RowLayout, SHORT};
use crate::certify::Outcome;
use crate::checkpoint::vocabulary::Vocabulary;

/// The most characters of a line on a terminal, without its indentation.
const WIDTH: usize = 112;
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
    fn count(&self, cause: Cause) -> CauseCount {
        self.tokens.get(cause.name()).copied().unwrap_or_default()
    }

    /// How many tokens cannot win alone.
    fn lost_or_tied(&self) -> usize {
        self.tokens.values().map(|count| count.lost_or_tied).sum::<usize>() + self.unexplained
    }

    /// The sentence on the cause that explains more than half of the finding, if one does.
    pub fn headline(&self) -> Option<String> {
        self.main().map(|cause| self.sentence(cause))
    }

    /// The cause of more than half of the tokens that cannot win alone.
    fn main(&self) -> Option<Cause> {
        let all = self.lost_or_tied();
        Cause::ALL.into_iter().find(|&cause| 2 * self.count(cause).lost_or_tied > all)
    }

    /// The sentences that [`CausesSummary::headline`] leaves.
    pub fn more_sentences(&self) -> Vec<String> {
        let said = self.main();
        let mut causes: Vec<Cause> = Cause::ALL.into_iter().filter(|c| Some(*c) != said).collect();
        causes.retain(|&cause| self.count(cause).lost_or_tied > 0);
        causes.sort_by_key(|&cause| (std::cmp::Reverse(self.count(cause).lost_or_tied), cause));
        let mut sentences: Vec<String> =
            causes.into_iter().map(|cause| self.sentence(cause)).collect();
        if self.unexplained > 0 {
            let rows = match self.unexplained {
                1 => "the row of 1 of them".to_owned(),
                n => format!("the rows of {} of them", grouped(n)),
            };
            sentences.push(format!("Nothing stands out about {rows}."));
        }
        if self.clusters.is_none() && self.lost_or_tied() > 0 {
            sentences.push(
                "Clusters of near-equal rows were not computed: so many rows are crowded in one place that \
                 comparing them would take too long."
                    .to_owned(),
            );
        }
        sentences
    }

    /// What the rows of the tokens with this cause are like.
    fn sentence(&self, cause: Cause) -> String {
        let (count, all) = (self.count(cause), self.lost_or_tied());
        let n = count.lost_or_tied;
        let who = match n {
            _ if all == 1 => "It has".to_owned(),
            1 => format!("1 of the {} has", grouped(all)),
            n if n == all => format!("All {} have", grouped(all)),
            n => format!("{} of the {} have", grouped(n), grouped(all)),
        };
        let row = if n == 1 { "a row" } else { "rows" };
        let winning = match count.all - n {
            0 => String::new(),
            1 => " One more token has such a row, and can win.".to_owned(),
            k => format!(" {} more have such rows, and can win.", tokens(k)),
        };
        match cause {
            Cause::EqualRows => format!("{who} the same row as another token."),
            Cause::ZeroRow => format!("{who} {row} of zeros.{winning}"),
            Cause::NearEqualRows => format!("{who} {}{winning}", self.near_equal(n)),
            Cause::MeanRow => format!(
                "{who} {row} at the mean of all rows, where rows lie that were added to a vocabulary and never trained.{winning}"
            ),
            Cause::NearMean => format!(
                "{who} {row} near the mean of all rows: at most half as far from it as the median row.{winning}"
            ),
            Cause::ShortRow => {
                format!("{who} {row} at most half as long as the median row.{winning}")
            }
        }
    }

    /// What near-equal rows are like: the end of a sentence on `n` tokens.
    fn near_equal(&self, n: usize) -> String {
        let largest = self.clusters.as_ref().and_then(|c| c.largest.first()).map_or(0, |c| c.rows);
        let (count, limit) = (self.clusters.as_ref().map_or(0, |c| c.count), self.limits.near);
        let clusters = match count {
            1 => format!("a cluster of {} rows", grouped(largest)),
            count => {
                format!(
                    "one of {} clusters, the largest of {} rows",
                    grouped(count),
                    grouped(largest)
                )
            }
        };
        let row = if n == 1 { "a row" } else { "rows" };
        let steps = format!("where each is within {limit} of the median length of another");
        let untrained = match largest >= self.limits.crowd {
            true => {
                " So many near-equal rows look as if training had never moved them on their own."
            }
            false => "",
        };
        format!("{row} in {clusters}, {steps}.{untrained}")
    }
}

/// Writes for a terminal why tokens cannot win alone; nothing without such tokens.
pub fn write(out: &mut impl Write, summary: &CausesSummary) -> io::Result<()> {
    let sentences = summary.headline().into_iter().chain(summary.more_sentences());
    let sentences: Vec<String> = sentences.collect();
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nWhy, as far as the place of their rows tells (float64, a description and no proof):\n"
    )?;
    sentences.iter().try_for_each(|sentence| write_lines(out, &plain(sentence)))
}

/// A sentence with blanks that every terminal has.
fn plain(sentence: &str) -> String {
    sentence.replace('\u{202f}', " ")
}

/// Writes a sentence in lines of a bounded length.
fn write_lines(out: &mut impl Write, sentence: &str) -> io::Result<()> {
    let mut line = String::new();
    for word in sentence.split(' ') {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            writeln!(out, "  {line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "  {line}")
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

    fn summary(counts: &[(Cause, usize, usize)], unexplained: usize) -> CausesSummary {
        let count = |&(cause, all, lost_or_tied): &(Cause, usize, usize)| {
            (cause.name().to_owned(), CauseCount { all, lost_or_tied })
        };
        let entry = ClusterEntry { first: 3, rows: 118, different: 40, spread: 1e-6 };
        CausesSummary {
            limits: LIMITS,
            median_norm: 1.0,
            clusters: Some(ClustersSummary { count: 1, rows: 118, largest: vec![entry] }),
            tokens: counts.iter().map(count).collect(),
            unexplained,
            looks_untrained: CauseCount::default(),
        }
    }

    #[test]
    fn the_cause_of_more_than_half_is_the_headline() {
        let all = summary(&[(Cause::NearMean, 260, 229)], 0);
        let said = all.headline().unwrap();
        assert!(said.starts_with("All 229 have rows near the mean of all rows"), "{said}");
        assert!(said.ends_with(" 31 tokens more have such rows, and can win."), "{said}");
        assert!(all.more_sentences().is_empty());
        let split = summary(&[(Cause::NearEqualRows, 118, 118), (Cause::NearMean, 84, 84)], 0);
        let said = split.headline().unwrap();
        assert!(said.starts_with("118 of the 202 have rows in a cluster of 118 rows"), "{said}");
        assert!(said.contains("never moved them"), "{said}");
        assert!(split.more_sentences()[0].starts_with("84 of the 202 have"));
        assert_eq!(
            summary(&[(Cause::ShortRow, 5, 5), (Cause::NearMean, 5, 5)], 0).headline(),
            None
        );
        assert_eq!(summary(&[(Cause::ShortRow, 5, 5)], 5).headline(), None);
        assert!(summary(&[(Cause::ShortRow, 5, 0)], 0).more_sentences().is_empty());
        let one = summary(&[(Cause::EqualRows, 1, 1)], 0).headline().unwrap();
        assert_eq!(one, "It has the same row as another token.");
    }

    #[test]
    fn rows_that_do_not_stand_out_are_counted_and_missing_clusters_are_named() {
        let mut some = summary(&[(Cause::ShortRow, 1, 1)], 2);
        assert!(some.more_sentences()[0].starts_with("1 of the 3 has a row at most half as long"));
        assert_eq!(some.more_sentences()[1], "Nothing stands out about the rows of 2 of them.");
        some.clusters = None;
        assert!(
            some.more_sentences()[2].starts_with("Clusters of near-equal rows were not computed")
        );
    }

    #[test]
    fn items_of_one_cluster_are_folded_at_the_first() {
        let items = vec![(1, None), (2, Some(2)), (3, None), (4, Some(2)), (5, Some(5))];
        let groups = folded(items, |item| item.1);
        let ids: Vec<Vec<u32>> =
            groups.iter().map(|group| group.iter().map(|item| item.0).collect()).collect();
        assert_eq!(ids, [vec![1], vec![2, 4], vec![3], vec![5]]);
    }
}
