//! Compares several audits: checkpoints of one run, quantisations of one model, or a family of models.

mod changes;
pub mod csv;
mod matching;
pub mod page;
pub mod trend;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::certify::Rival;
use crate::error::{Error, Result};
use crate::report::results::Results;
use crate::report::results::verdicts::{Outcome, Row};
use crate::report::tally::Tally;
use crate::report::terms::{RowKind, Terms};
pub use matching::ByText;
use matching::Rows;

/// One of the compared audits.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The folder's name, with as many parents as are needed to distinguish it from the others.
    pub label: String,
    /// The training step that the label ends with, if all labels do.
    pub step: Option<f64>,
    /// The results of the audit.
    pub results: Results,
}

impl Entry {
    /// The verdicts over all vectors, from the audit itself or its additional free audit, tokens apart from padding.
    pub fn free_tally(&self) -> Option<Tally> {
        let summary = &self.results.summary;
        match summary.audit().domain.as_str() {
            "free" => Some(self.results.tally()),
            _ => summary.free().map(|free| free.tally()),
        }
    }

    /// The verdict of a row over all vectors, if the audit has it.
    fn free_outcome(&self, row: &Row) -> Option<Outcome> {
        if self.results.summary.audit().domain == "free" { Some(row.outcome) } else { row.free }
    }
}

/// The compared audits, in the order of their steps, or in the given order.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The audits.
    pub entries: Vec<Entry>,
    /// The reason why ids do not stand for the same tokens in all audits; `None` if they do.
    pub incomparable: Option<String>,
    /// How tokens were followed by their texts, if ids do not stand for the same tokens and audits share texts.
    pub by_text: Option<ByText>,
    /// The tokens whose verdicts differ, over the audited states or over all vectors, in id order; empty if tokens
    /// can be followed neither by id nor by text.
    pub changes: Vec<Change>,
}

/// A token whose verdict is not the same in all audits.
#[derive(Clone, Debug)]
pub struct Change {
    /// The token's row in the first audit that has it.
    pub row: Row,
    /// The id in each audit; `None` if the token has no row there.
    pub ids: Vec<Option<u32>>,
    /// Whether the row is padding in every audit that has it.
    pub is_of_padding: bool,
    /// The verdict in each audit; `None` if the token was not audited.
    pub outcomes: Vec<Option<Outcome>>,
    /// The verdict over all vectors in each audit; `None` if it is not known.
    pub free: Vec<Option<Outcome>>,
    /// The rivals that block the token in one audit and whose rows another, in which it does not lose, does not keep:
    /// they had blocked it. Ids rise.
    pub removed_blockers: Vec<u32>,
}

impl Change {
    /// Whether the verdicts over the audited states differ; if not, only those over all vectors do.
    pub fn is_of_the_audits(&self) -> bool {
        differ(&self.outcomes)
    }

    /// Whether the token loses in one audit and not in another that keeps fewer rows.
    pub fn is_freed(&self) -> bool {
        !self.removed_blockers.is_empty()
    }
}

impl Comparison {
    /// Reads at least two output folders.
    ///
    /// # Errors
    /// There are fewer than two folders, one is named twice, or one cannot be read.
    pub fn open(folders: &[PathBuf]) -> Result<Self> {
        if folders.len() < 2 {
            return Err(Error::Invalid("name at least two folders to compare".to_owned()));
        }
        let labels = labels(folders)?;
        let steps = steps(&labels);
        let read = |(i, folder): (usize, &PathBuf)| {
            let (label, step) = (labels[i].clone(), steps.as_ref().map(|steps| steps[i]));
            Ok(Entry { label, step, results: Results::open(folder)? })
        };
        let mut entries = folders.par_iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
        entries.sort_by(|a, b| a.step.unwrap_or(0.0).total_cmp(&b.step.unwrap_or(0.0)));
        let incomparable = matching::different_ids(&entries);
        let by_text = incomparable.as_ref().and_then(|_| matching::by_text(&entries));
        let (changes, by_text) = match (&incomparable, by_text) {
            (None, _) => (changes(&entries, matching::by_id(&entries), true), None),
            (Some(_), Some((tokens, by_text))) => {
                (changes(&entries, tokens.into_iter(), false), Some(by_text))
            }
            (Some(_), None) => (Vec::new(), None),
        };
        Ok(Comparison { entries, incomparable, by_text, changes })
    }

    /// The number of tokens whose verdicts over the audited states differ, and the number of others whose verdicts
    /// over all vectors differ.
    pub fn changed(&self) -> (usize, usize) {
        let tokens = || self.changes.iter().filter(|change| !change.is_of_padding);
        let audited = tokens().filter(|change| change.is_of_the_audits()).count();
        (audited, tokens().count() - audited)
    }

    /// The terms for what the rows stand for: those of documents if all audits are of documents.
    pub fn terms(&self) -> &'static Terms {
        let items = |entry: &Entry| entry.results.summary.kind == RowKind::Items;
        let kind = if self.entries.iter().all(items) { RowKind::Items } else { RowKind::Tokens };
        kind.terms()
    }

    /// The number of tokens that fewer rows freed.
    pub fn freed(&self) -> usize {
        let tokens = self.changes.iter().filter(|change| !change.is_of_padding);
        tokens.filter(|change| change.is_freed()).count()
    }

    /// Whether some audit is one among kept rows.
    pub fn has_kept_rows(&self) -> bool {
        self.entries.iter().any(|entry| entry.results.summary.head.kept.is_some())
    }

    /// The number of rows of padding whose verdicts differ.
    pub fn changed_padding(&self) -> usize {
        self.changes.iter().filter(|change| change.is_of_padding).count()
    }

    /// Whether some audit over fewer states also has verdicts over all vectors.
    pub fn has_free_verdicts(&self) -> bool {
        self.entries.iter().any(|entry| entry.results.summary.free().is_some())
    }

    /// Whether tokens can be followed from audit to audit.
    pub fn follows(&self) -> bool {
        self.incomparable.is_none() || self.by_text.is_some()
    }

    /// Whether all audits are over the same domain.
    pub fn same_domain(&self) -> bool {
        let domain = |entry: &Entry| entry.results.summary.audit().domain.clone();
        self.entries.windows(2).all(|pair| domain(&pair[0]) == domain(&pair[1]))
    }
}

/// The tokens whose verdicts differ, in the order of their rows in the first audit that has them.
fn changes<'a>(
    entries: &[Entry],
    tokens: impl Iterator<Item = Rows<'a>>,
    by_id: bool,
) -> Vec<Change> {
    let change = |rows: Rows| {
        let outcomes: Vec<Option<Outcome>> = rows.iter().map(|r| r.map(|r| r.outcome)).collect();
        let free: Vec<Option<Outcome>> =
            entries.iter().zip(&rows).map(|(e, r)| e.free_outcome((*r)?)).collect();
        if !differ(&outcomes) && !differ(&free) {
            return None;
        }
        let is_of_padding = rows.iter().flatten().all(|row| row.is_padding());
        let row = (*rows.iter().flatten().next()?).clone();
        // Rivals are ids of their own audit.
        let removed_blockers = if by_id { removed_blockers(entries, &rows) } else { Vec::new() };
        let ids = rows.iter().map(|row| row.map(|row| row.id)).collect();
        Some(Change { row, ids, is_of_padding, outcomes, free, removed_blockers })
    };
    tokens.filter_map(change).collect()
}

/// The rivals of a token that loses in one audit whose rows another, in which it does not lose, does not keep.
fn removed_blockers(entries: &[Entry], rows: &[Option<&Row>]) -> Vec<u32> {
    let mut removed = std::collections::BTreeSet::new();
    let with_outcome = |loses: bool| {
        let of = move |row: &Row| (row.outcome == Outcome::Unargmaxable) == loses;
        entries.iter().zip(rows).filter_map(move |(e, row)| row.filter(|r| of(r)).map(|r| (e, r)))
    };
    for (_, lost) in with_outcome(true) {
        for (entry, _) in with_outcome(false) {
            let Some(kept) = &entry.results.summary.head.kept else { continue };
            let rivals = lost.blockers.iter().filter_map(|(rival, _)| match rival {
                Rival::Token(id) => Some(*id),
                _ => None,
            });
            removed.extend(rivals.filter(|&id| !kept.has(id)));
        }
    }
    removed.into_iter().collect()
}

/// Whether verdicts differ; a missing verdict is not a different one.
fn differ(outcomes: &[Option<Outcome>]) -> bool {
    let mut known = outcomes.iter().flatten();
    let first = known.next();
    known.any(|outcome| Some(outcome) != first)
}

/// The shortest endings of the paths that distinguish all of them.
fn labels(folders: &[PathBuf]) -> Result<Vec<String>> {
    let whole = |folder: &PathBuf| -> Vec<String> {
        // `.` and `a/..` have no name of their own.
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
        folder.iter().map(|part| part.to_string_lossy().into_owned()).collect()
    };
    let parts: Vec<Vec<String>> = folders.iter().map(whole).collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(1);
    for length in 1..=longest {
        let labels: Vec<String> =
            parts.iter().map(|p| p[p.len().saturating_sub(length)..].join("/")).collect();
        let mut sorted = labels.clone();
        sorted.sort();
        if sorted.windows(2).all(|pair| pair[0] != pair[1]) {
            return Ok(labels);
        }
    }
    let twice = folders.iter().enumerate().find(|(i, _)| parts[..*i].contains(&parts[*i]));
    let twice = twice.map_or(Path::new(""), |(_, folder)| folder.as_path());
    Err(Error::Invalid(format!("{} is named twice", twice.display())))
}

/// The training steps at the ends of the labels, if all have one: `step-2000`, `checkpoint_500`, `epoch3` or `2000`.
fn steps(labels: &[String]) -> Option<Vec<f64>> {
    const WORDS: [&str; 6] = ["step", "steps", "checkpoint", "ckpt", "epoch", "iter"];
    let step = |label: &String| -> Option<f64> {
        let digits = label.chars().rev().take_while(char::is_ascii_digit).count();
        let (before, number) = label.split_at(label.len() - digits);
        let word: String = before
            .trim_end_matches(['-', '_', '.', '=', ' '])
            .chars()
            .rev()
            .take_while(char::is_ascii_alphabetic)
            .collect();
        let word: String = word.chars().rev().collect::<String>().to_ascii_lowercase();
        let named = before.is_empty() || before.ends_with('/') || WORDS.contains(&word.as_str());
        // Longer numbers are hashes or timestamps, too large for a meaningful scale.
        number.parse().ok().filter(|_| named && digits <= 12)
    };
    let steps: Vec<f64> = labels.iter().map(step).collect::<Option<_>>()?;
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.windows(2).all(|pair| pair[0] < pair[1]).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_where_all_labels_have_one() {
        let read =
            |labels: &[&str]| steps(&labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(&["step-2000", "checkpoint_10"]), Some(vec![2000.0, 10.0]));
        assert_eq!(read(&["500", "run/40"]), Some(vec![500.0, 40.0]));
        assert_eq!(read(&["model-Epoch3", "model-Epoch12"]), Some(vec![3.0, 12.0]));
        for labels in [["q4", "q8"], ["step-1", "final"], ["step-1", "steps-1"], ["v1", "v2"]] {
            assert_eq!(read(&labels), None, "{labels:?}");
        }
    }

    #[test]
    fn labels_are_as_long_as_it_takes_to_tell_them_apart() {
        let made = |paths: &[&str]| labels(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(made(&["x/a", "x/b"]).unwrap(), ["a", "b"]);
        assert_eq!(made(&["x/out", "y/out"]).unwrap(), ["x/out", "y/out"]);
        assert!(made(&["x/a", "x/a"]).unwrap_err().to_string().contains("x/a is named twice"));
    }
}
