//! The causes of a finding in sentences, for pages and terminals.

use std::io::{self, Write};

use super::causes::CausesSummary;
use super::terms::Terms;
use super::words::grouped;
use crate::causes::Cause;

/// The most characters of a line on a terminal, without its indentation.
const WIDTH: usize = 112;

impl CausesSummary {
    /// The sentence on the cause that explains more than half of the finding, if one does.
    pub fn headline(&self, terms: &Terms) -> Option<String> {
        self.main().map(|cause| self.sentence(cause, terms))
    }

    /// The cause of more than half of the tokens that cannot win alone.
    fn main(&self) -> Option<Cause> {
        let all = self.lost_or_tied();
        Cause::ALL.into_iter().find(|&cause| 2 * self.count(cause).lost_or_tied > all)
    }

    /// The sentences that [`CausesSummary::headline`] leaves.
    pub fn more_sentences(&self, terms: &Terms) -> Vec<String> {
        let said = self.main();
        let mut causes: Vec<Cause> = Cause::ALL.into_iter().filter(|c| Some(*c) != said).collect();
        causes.retain(|&cause| self.count(cause).lost_or_tied > 0);
        causes.sort_by_key(|&cause| (std::cmp::Reverse(self.count(cause).lost_or_tied), cause));
        let mut sentences: Vec<String> =
            causes.into_iter().map(|cause| self.sentence(cause, terms)).collect();
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
    fn sentence(&self, cause: Cause, terms: &Terms) -> String {
        let token = terms.token;
        let (count, all) = (self.count(cause), self.lost_or_tied());
        let n = count.lost_or_tied;
        let who = match n {
            _ if all == 1 => "It has".to_owned(),
            1 => format!("1 of the {} has", grouped(all)),
            n if n == all => format!("All {} have", grouped(all)),
            n => format!("{} of the {} have", grouped(n), grouped(all)),
        };
        let row = if n == 1 { "a row" } else { "rows" };
        let more = |count: usize, what: &str| match count {
            0 => String::new(),
            1 => format!(" One more {token} has such a row, and {what}."),
            k => format!(" {} more have such rows, and {what}.", terms.count(k)),
        };
        let undecided = if count.undecided == 1 { "is undecided" } else { "are undecided" };
        let winning = more(count.can_win(), "can win") + &more(count.undecided, undecided);
        match cause {
            Cause::EqualRows => format!("{who} the same row as another {token}."),
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
pub fn write(out: &mut impl Write, summary: &CausesSummary, terms: &Terms) -> io::Result<()> {
    let sentences = summary.headline(terms).into_iter().chain(summary.more_sentences(terms));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terms::RowKind;

    fn terms() -> &'static Terms {
        RowKind::Tokens.terms()
    }
    use crate::report::causes::{CauseCount, ClusterEntry, ClustersSummary, LIMITS};

    fn summary(counts: &[(Cause, usize, usize)], unexplained: usize) -> CausesSummary {
        let count = |&(cause, all, lost_or_tied): &(Cause, usize, usize)| {
            (cause.name().to_owned(), CauseCount { all, lost_or_tied, undecided: 0 })
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
    fn an_undecided_token_is_not_said_to_win() {
        let mut counts = summary(&[(Cause::NearEqualRows, 22, 17)], 0);
        let count = counts.tokens.get_mut(Cause::NearEqualRows.name()).unwrap();
        count.undecided = 5;
        let said = counts.headline(terms()).unwrap();
        assert!(said.ends_with(" 5 tokens more have such rows, and are undecided."), "{said}");
        counts.tokens.get_mut(Cause::NearEqualRows.name()).unwrap().all = 24;
        let said = counts.headline(terms()).unwrap();
        assert!(
            said.contains(" 2 tokens more have such rows, and can win. 5 tokens more"),
            "{said}"
        );
    }

    #[test]
    fn the_cause_of_more_than_half_is_the_headline() {
        let all = summary(&[(Cause::NearMean, 260, 229)], 0);
        let said = all.headline(terms()).unwrap();
        assert!(said.starts_with("All 229 have rows near the mean of all rows"), "{said}");
        assert!(said.ends_with(" 31 tokens more have such rows, and can win."), "{said}");
        assert!(all.more_sentences(terms()).is_empty());
        let split = summary(&[(Cause::NearEqualRows, 118, 118), (Cause::NearMean, 84, 84)], 0);
        let said = split.headline(terms()).unwrap();
        assert!(said.starts_with("118 of the 202 have rows in a cluster of 118 rows"), "{said}");
        assert!(said.contains("never moved them"), "{said}");
        assert!(split.more_sentences(terms())[0].starts_with("84 of the 202 have"));
        assert_eq!(
            summary(&[(Cause::ShortRow, 5, 5), (Cause::NearMean, 5, 5)], 0).headline(terms()),
            None
        );
        assert_eq!(summary(&[(Cause::ShortRow, 5, 5)], 5).headline(terms()), None);
        assert!(summary(&[(Cause::ShortRow, 5, 0)], 0).more_sentences(terms()).is_empty());
        let one = summary(&[(Cause::EqualRows, 1, 1)], 0).headline(terms()).unwrap();
        assert_eq!(one, "It has the same row as another token.");
    }

    #[test]
    fn rows_that_do_not_stand_out_are_counted_and_missing_clusters_are_named() {
        let mut some = summary(&[(Cause::ShortRow, 1, 1)], 2);
        assert!(
            some.more_sentences(terms())[0]
                .starts_with("1 of the 3 has a row at most half as long")
        );
        assert_eq!(
            some.more_sentences(terms())[1],
            "Nothing stands out about the rows of 2 of them."
        );
        some.clusters = None;
        assert!(
            some.more_sentences(terms())[2]
                .starts_with("Clusters of near-equal rows were not computed")
        );
    }
}
