//! `compare.csv`, a line an audit, and `changes.csv`, a line a token whose verdict changes.

use std::io::Write;

use super::Comparison;

/// Writes a line an audit.
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
    ])?;
    for entry in &comparison.entries {
        let summary = &entry.results.summary;
        let (head, audit) = (&summary.head, summary.audit());
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
        ])?;
    }
    csv.flush()?;
    Ok(())
}

/// Writes a line a changing token: its names, then its verdict in each audit, empty where it was not asked for.
///
/// # Errors
/// Those of the writer.
pub fn changes(out: impl Write, comparison: &Comparison) -> ::csv::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    let labels = comparison.entries.iter().map(|entry| entry.label.as_str());
    csv.write_record(["id", "token", "piece"].into_iter().chain(labels))?;
    for change in &comparison.changes {
        let id = change.row.id.to_string();
        let names = [id.as_str(), &change.row.text, &change.row.piece];
        let outcomes = change.outcomes.iter().map(|o| o.map_or("", |outcome| outcome.name()));
        csv.write_record(names.into_iter().chain(outcomes))?;
    }
    csv.flush()?;
    Ok(())
}
