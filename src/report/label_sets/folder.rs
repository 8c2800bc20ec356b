//! Reads the folder that `labels` wrote, and compares its table and summary with its certificate. Nothing is proved here;
//! `verify` does that.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{COLUMNS, Counts, SCHEMA, SUMMARY, TABLE};
use crate::certificate::{Certificate, Subject};
use crate::certify::Rival;
use crate::error::{Error, Result};
use crate::labels::Feasibility;
use crate::report::consistency::{Claimed, Difference, are_same, claimed, shares};
use crate::report::options::HeadOptions;
use crate::report::results::verdicts::blocker;
use crate::report::tally::Outcome;

/// The results on label sets as their files state them.
#[derive(Clone, Debug)]
pub struct LabelFolder {
    summary: Stated,
    rows: Vec<Row>,
}

/// What `sets.json` states of the head, the domain and the verdicts.
#[derive(Clone, Debug, Deserialize)]
struct Stated {
    schema: String,
    checkpoint: String,
    from_folder: Option<String>,
    options: Option<HeadOptions>,
    labels: usize,
    dim: usize,
    sha256: String,
    domain: String,
    sets: usize,
    counts: Counts,
    free_counts: Option<Counts>,
}

/// A line of `sets.csv`.
#[derive(Clone, Debug)]
struct Row {
    labels: Vec<u32>,
    verdict: String,
    blockers: Vec<(Rival, f64)>,
    proof: String,
    free: String,
}

impl LabelFolder {
    /// Reads the summary and the table.
    ///
    /// # Errors
    /// A file cannot be read or has another form.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(SUMMARY);
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        let summary: Stated = serde_json::from_slice(&bytes)
            .map_err(|e| Error::malformed(&path, format!("not as `labels` writes it: {e}")))?;
        if summary.schema != SCHEMA {
            let problem = format!("its schema is `{}`, not `{SCHEMA}`", summary.schema);
            return Err(Error::malformed(&path, problem));
        }
        let path = folder.join(TABLE);
        let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
        let rows = rows(&bytes).map_err(|problem| Error::malformed(&path, problem))?;
        Ok(LabelFolder { summary, rows })
    }

    /// The path of the checkpoint as it was given, and the one from the folder.
    pub fn checkpoint(&self) -> (&str, Option<&String>) {
        (&self.summary.checkpoint, self.summary.from_folder.as_ref())
    }

    /// The options that chose the tensors.
    pub fn options(&self) -> HeadOptions {
        self.summary.options.clone().unwrap_or_default()
    }

    /// The differences between the summary, the table and the certificate; they name sets as tokens.
    pub fn differences(&self, certificate: &Certificate) -> Vec<Difference> {
        let whole = |problem: String| Difference { token: None, problem };
        let Stated { labels, dim, sha256, sets, .. } = &self.summary;
        if (sha256, labels, dim) != (&certificate.head, &certificate.tokens, &certificate.dim) {
            return vec![whole(format!(
                "{SUMMARY} is of the head {sha256} ({labels} x {dim}), the certificate of {} ({} x {})",
                certificate.head, certificate.tokens, certificate.dim
            ))];
        }
        let Subject::Sets(certified) = &certificate.subject else {
            return vec![whole(format!("{SUMMARY} is of sets of labels, the certificate of none"))];
        };
        if *sets != certified.len() || self.rows.len() != certified.len() {
            return vec![whole(format!(
                "{SUMMARY} counts {sets} sets, {TABLE} has {}, the certificate {}",
                self.rows.len(),
                certified.len()
            ))];
        }
        let mut found = Vec::new();
        for (set, (row, labels)) in (0..).zip(self.rows.iter().zip(certified)) {
            if row.labels != *labels {
                let problem = format!(
                    "its labels are {:?} in {TABLE}, {labels:?} in the certificate",
                    row.labels
                );
                found.push(Difference { token: Some(set), problem });
            }
        }
        let domain = self.summary.domain.as_str();
        let counts =
            [(domain, false, Some(self.summary.counts)), ("free", true, self.summary.free_counts)];
        for (domain, free, counts) in counts {
            let Some(counts) = counts else { continue };
            let at = certificate.audits.iter().position(|audit| audit.domain.to_string() == domain);
            match at {
                None => found.push(whole(format!(
                    "{SUMMARY} has verdicts over {domain}, the certificate none"
                ))),
                Some(at) => self.hold(&claimed(certificate, at), free, counts, &mut found),
            }
        }
        if self.summary.free_counts.is_none() && self.rows.iter().any(|row| !row.free.is_empty()) {
            found.push(whole(format!("{TABLE} has verdicts over all vectors, {SUMMARY} none")));
        }
        found
    }

    /// Compares verdicts over one domain, and how many there are of each, with what the certificate claims.
    fn hold(
        &self,
        claims: &BTreeMap<u32, Claimed>,
        free: bool,
        counts: Counts,
        found: &mut Vec<Difference>,
    ) {
        let over = if free { " over all vectors" } else { "" };
        for (set, row) in (0..).zip(&self.rows) {
            let stated = if free { &row.free } else { &row.verdict };
            let claim = claims.get(&set);
            let certified = claim.map_or("nothing", |claim| name(claim.outcome));
            let problem = if stated != certified {
                Some(format!("{TABLE} says {stated}{over}, the certificate {certified}"))
            } else {
                claim.filter(|_| !free).and_then(|claim| row.other_proof(claim))
            };
            found.extend(problem.map(|problem| Difference { token: Some(set), problem }));
        }
        let count = |of: Feasibility| {
            claims.values().filter(|claim| name(claim.outcome) == of.name()).count()
        };
        let certified = Counts::by(count);
        if certified != counts {
            let problem = format!(
                "{SUMMARY} counts {}{over}, the certificate {}",
                counts.text(),
                certified.text()
            );
            found.push(Difference { token: None, problem });
        }
    }
}

impl Row {
    /// In what the proof of the table differs from that of the certificate.
    fn other_proof(&self, claim: &Claimed) -> Option<String> {
        // In the certificate a label whose logit is 0 everywhere blocks as an equal row.
        let stated = if self.proof == "zero-logit" { "equal-row" } else { &self.proof };
        if let Some(proof) = claim.proof.filter(|proof| *proof != stated) {
            return Some(format!(
                "its proof is `{}` in {TABLE}, `{proof}` in the certificate",
                self.proof
            ));
        }
        let labels = self.blockers.iter().filter_map(|&(rival, weight)| match rival {
            Rival::Token(label) => Some((label, weight)),
            _ => None,
        });
        (!are_same(shares(labels.collect()), &claim.rivals)).then(|| {
            format!("its blockers or their weights are others in {TABLE} than in the certificate")
        })
    }
}

/// What a verdict of a certificate says of a set.
fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Argmaxable => Feasibility::Feasible.name(),
        Outcome::Tied | Outcome::Unargmaxable => Feasibility::Infeasible.name(),
        Outcome::Undecided => Feasibility::Undecided.name(),
    }
}

/// Reads the lines of the table.
fn rows(bytes: &[u8]) -> std::result::Result<Vec<Row>, String> {
    let mut csv = csv::Reader::from_reader(bytes);
    let header = csv.headers().map_err(|e| e.to_string())?;
    if header.iter().ne(COLUMNS) {
        return Err(format!("line 1: its columns are not {}", COLUMNS.join(",")));
    }
    let mut rows = Vec::new();
    for (i, record) in csv.records().enumerate() {
        let record = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(&record, i).map_err(|column| {
            format!("line {line}: `{}` is not a valid {}", &record[column], COLUMNS[column])
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// Reads a line, or says which column of it is wrong.
fn row(record: &csv::StringRecord, set: usize) -> std::result::Result<Row, usize> {
    let [index, size, labels, _names, verdict, margin, blockers, proof, free] =
        std::array::from_fn(|column| record.get(column).unwrap_or_default());
    if index.parse() != Ok(set) {
        return Err(0);
    }
    let ids = labels.split_ascii_whitespace().map(str::parse);
    let labels = ids.collect::<std::result::Result<Vec<u32>, _>>().map_err(|_| 2usize)?;
    if size.parse() != Ok(labels.len()) {
        return Err(1);
    }
    // The margin is that of a hidden state, which the certificate may hold in another form; only its place is checked.
    let is_feasible = verdict == Feasibility::Feasible.name();
    if is_feasible != margin.parse::<f64>().is_ok_and(|margin| margin > 0.0) {
        return Err(5);
    }
    let blockers = blockers.split_ascii_whitespace().map(blocker);
    Ok(Row {
        labels,
        verdict: verdict.to_owned(),
        blockers: blockers.collect::<Option<_>>().ok_or(6usize)?,
        proof: proof.to_owned(),
        free: free.to_owned(),
    })
}
