//! Writes `compare.csv`, with one line for each audit, and `changes.csv`, with one line for each token whose verdict
//! changes.

use std::io::Write;

use super::Comparison;
use crate::report::fields::{self, field};
use crate::report::results::verdicts::Outcome;

/// Writes `compare.csv`, with one line for each audit.
///
/// # Errors
/// Those of the writer.
pub fn audits(out: impl Write, comparison: &Comparison) -> ::csv::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record([
        "audit",
        "step",
        "checkpoint",
        "sha256",
        "tokens",
        "dim",
        "dtype",
        "domain",
        "scope",
        "argmaxable",
        "tied",
        "unargmaxable",
        "undecided",
        "free_argmaxable",
        "free_tied",
        "free_unargmaxable",
        "free_undecided",
        "token_argmaxable",
        "token_tied",
        "token_unargmaxable",
        "token_undecided",
    ])?;
    for entry in &comparison.entries {
        let summary = &entry.results.summary;
        let (head, audit) = (&summary.head, summary.audit());
        let free = |outcome| {
            entry.free_tally().map_or(String::new(), |t| t.rows().of(outcome).to_string())
        };
        let tokens = entry.results.tally().tokens;
        csv.write_record([
            entry.label.clone(),
            entry.step.map(|step| step.to_string()).unwrap_or_default(),
            summary.checkpoint.path.clone(),
            head.sha256.clone(),
            head.tokens.to_string(),
            head.dim.to_string(),
            head.dtype.clone(),
            audit.domain.clone(),
            audit.scope.to_string(),
            audit.counts.argmaxable.to_string(),
            audit.counts.tied.to_string(),
            audit.counts.unargmaxable.to_string(),
            audit.counts.undecided.to_string(),
            free(Outcome::Argmaxable),
            free(Outcome::Tied),
            free(Outcome::Unargmaxable),
            free(Outcome::Undecided),
            tokens.argmaxable.to_string(),
            tokens.tied.to_string(),
            tokens.unargmaxable.to_string(),
            tokens.undecided.to_string(),
        ])?;
    }
    csv.flush()?;
    Ok(())
}

/// Writes `changes.csv`: for each changing token its names, then its verdict in each audit, empty if it was not
/// audited. If some audit also has verdicts over all vectors, these follow for each audit, in columns named
/// `free LABEL`. If some audit is one among kept rows, a last column has the ids of the removed rows that had blocked a
/// token which that audit frees. If tokens were followed by their texts, `id` is that of the first audit that has it, and
/// the last columns, named `id LABEL`, have the id in each audit.
///
/// # Errors
/// Those of the writer.
pub fn changes(out: impl Write, comparison: &Comparison) -> ::csv::Result<()> {
    let mut csv = fields::writer(out);
    let labels = || comparison.entries.iter().map(|entry| entry.label.clone());
    let beside = comparison.has_free_verdicts();
    let mut header = ["id", "token", "piece"].map(str::to_owned).to_vec();
    header.extend(labels());
    if beside {
        header.extend(labels().map(|label| format!("free {label}")));
    }
    let kept = comparison.has_kept_rows();
    if kept {
        header.push("removed_blockers".to_owned());
    }
    let by_text = comparison.by_text.is_some();
    if by_text {
        header.extend(labels().map(|label| format!("id {label}")));
    }
    csv.write_record(header.iter().map(|name| field(name).into_owned()))?;
    for change in &comparison.changes {
        let id = change.row.id.to_string();
        let names =
            [id, field(&change.row.text).into_owned(), field(&change.row.piece).into_owned()];
        let free = if beside { &change.free[..] } else { &[] };
        let outcomes = change.outcomes.iter().chain(free);
        let outcomes = outcomes.map(|o| o.map_or("", |outcome| outcome.name()).to_owned());
        let removed: Vec<String> = change.removed_blockers.iter().map(u32::to_string).collect();
        let removed = kept.then(|| removed.join(" "));
        let ids = if by_text { &change.ids[..] } else { &[] };
        let ids = ids.iter().map(|id| id.map_or(String::new(), |id| id.to_string()));
        csv.write_record(names.into_iter().chain(outcomes).chain(removed).chain(ids))?;
    }
    csv.flush()?;
    Ok(())
}
