//! How the number of lost tokens moves through the audits of a run: from the first step to the last.

use super::{Comparison, Entry};
use crate::report::words::{grouped, percent};

/// The number of lost tokens at the ends of a run, and where there are most and fewest.
#[derive(Clone, Debug)]
pub struct Trend<'a> {
    first: &'a Entry,
    last: &'a Entry,
    most: &'a Entry,
    least: &'a Entry,
}

/// The number of tokens that an audit found unargmaxable, and of all that it decided.
fn lost(entry: &Entry) -> (usize, usize) {
    let counts = entry.results.tally().tokens;
    (counts.unargmaxable, counts.sum())
}

/// The number of lost tokens of an audit with a step.
fn at_step(entry: &Entry) -> String {
    let (count, of) = lost(entry);
    format!("{} at step {}", with_share(count, of), entry.step.unwrap_or_default())
}

/// A count with its share: `35 (3.5 %)`.
pub fn with_share(count: usize, of: usize) -> String {
    format!("{} ({})", grouped(count), percent(count, of))
}

impl<'a> Trend<'a> {
    /// The trend of a run with at least three steps over one domain; `None` for other comparisons.
    pub fn of(comparison: &'a Comparison) -> Option<Trend<'a>> {
        let entries = &comparison.entries;
        let is_run = entries.len() > 2 && entries.iter().all(|entry| entry.step.is_some());
        if !is_run || !comparison.same_domain() {
            return None;
        }
        let (first, last) = (entries.first()?, entries.last()?);
        // Of equal counts, the earliest.
        let most = entries.iter().rev().max_by_key(|entry| lost(entry).0)?;
        let least = entries.iter().min_by_key(|entry| lost(entry).0)?;
        Some(Trend { first, last, most, least })
    }

    /// The number of lost tokens at both ends, with shares: `412 (41.2 %) at step 20, 35 (3.5 %) at step 2400`.
    pub fn ends(&self) -> String {
        format!("{}, {}", at_step(self.first), at_step(self.last))
    }

    /// The audits with more or fewer lost tokens than both ends: `at most 480 (48.0 %) at step 100`; `None` if there are none.
    pub fn extremes(&self) -> Option<String> {
        let (from, to) = (lost(self.first).0, lost(self.last).0);
        let most =
            (lost(self.most).0 > from.max(to)).then(|| format!("at most {}", at_step(self.most)));
        let least = (lost(self.least).0 < from.min(to))
            .then(|| format!("at least {}", at_step(self.least)));
        let both: Vec<String> = most.into_iter().chain(least).collect();
        (!both.is_empty()).then(|| both.join(", "))
    }
}
