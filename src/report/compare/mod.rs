//! Compares several audits: checkpoints of one run, quantisations of one model, or a family of models.

pub mod csv;
pub mod page;

use std::path::{Path, PathBuf};

use crate::certify::Rival;
use crate::error::{Error, Result};
use crate::report::results::Results;
use crate::report::results::verdicts::{Outcome, Row};
use crate::report::tally::Tally;
use crate::report::terms::{RowKind, Terms};

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
    /// The tokens whose verdicts differ, over the audited states or over all vectors, in id order; empty if ids do
    /// not stand for the same tokens.
    pub changes: Vec<Change>,
}

/// A token whose verdict is not the same in all audits.
#[derive(Clone, Debug)]
pub struct Change {
    /// The token's row in the first audit that has it.
    pub row: Row,
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
        let mut entries = folders.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
        entries.sort_by(|a, b| a.step.unwrap_or(0.0).total_cmp(&b.step.unwrap_or(0.0)));
        let incomparable = incomparable(&entries);
        let changes = if incomparable.is_some() { Vec::new() } else { changes(&entries) };
        Ok(Comparison { entries, incomparable, changes })
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

    /// Whether all audits are over the same domain.
    pub fn same_domain(&self) -> bool {
        let domain = |entry: &Entry| entry.results.summary.audit().domain.clone();
        self.entries.windows(2).all(|pair| domain(&pair[0]) == domain(&pair[1]))
    }
}

/// The reason why the ids of two audits do not stand for the same tokens; `None` if they do, as far as both have
/// names.
fn different_tokens(a: &Results, b: &Results) -> Option<String> {
    let (tokens_a, tokens_b) = (a.summary.head.tokens, b.summary.head.tokens);
    if tokens_a != tokens_b {
        let tokens = a.terms().tokens;
        return Some(format!("one head has {tokens_a} {tokens}, the other {tokens_b}"));
    }
    // A row that had no name may have one now.
    let differs = |row: &&Row| {
        let other = b.table.row(row.id).map_or("", |other| other.piece.as_str());
        !row.piece.is_empty() && !other.is_empty() && other != row.piece
    };
    let row = a.table.rows().iter().find(differs)?;
    let other = b.table.row(row.id)?;
    Some(format!(
        "{} {} is {:?} in one vocabulary and {:?} in the other",
        a.terms().token,
        row.id,
        row.piece,
        other.piece
    ))
}

/// Returns the first reason why ids do not stand for the same tokens in all audits.
fn incomparable(entries: &[Entry]) -> Option<String> {
    let first = &entries[0];
    entries[1..].iter().find_map(|entry| {
        let why = different_tokens(&first.results, &entry.results)?;
        Some(format!("{} and {}: {why}", first.label, entry.label))
    })
}

/// The tokens whose verdicts differ, in id order.
fn changes(entries: &[Entry]) -> Vec<Change> {
    let tokens = entries[0].results.summary.head.tokens as u32;
    (0..tokens)
        .filter_map(|id| {
            let rows: Vec<Option<&Row>> =
                entries.iter().map(|entry| entry.results.table.row(id)).collect();
            let outcomes: Vec<Option<Outcome>> =
                rows.iter().map(|r| r.map(|r| r.outcome)).collect();
            let free: Vec<Option<Outcome>> =
                entries.iter().zip(&rows).map(|(e, r)| e.free_outcome((*r)?)).collect();
            if !differ(&outcomes) && !differ(&free) {
                return None;
            }
            let is_of_padding = rows.iter().flatten().all(|row| row.is_padding());
            let row = (*rows.iter().flatten().next()?).clone();
            let removed_blockers = removed_blockers(entries, &rows);
            Some(Change { row, is_of_padding, outcomes, free, removed_blockers })
        })
        .collect()
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
