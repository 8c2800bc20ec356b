//! Reads an output folder: the data of an audit for reports, comparisons and baselines.

pub mod measured;
pub mod place;
pub mod summary;
pub mod verdicts;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::report::measures::{self, Measures};
use crate::report::tally::Tally;
use crate::report::terms::Terms;
use summary::{Counts, Summary};
use verdicts::{Row, Table};

/// The name of the summary in the folder.
pub const SUMMARY: &str = "summary.json";
/// The name of the table in the folder.
pub const VERDICTS: &str = "verdicts.csv";

/// The results of an audit as its files state them; nothing is proved again here.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was audited, with the counts.
    pub summary: Summary,
    /// The table, with one row for each token, in id order.
    pub table: Table,
}

/// The results of an audit together with the measures for its report.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The summary and the table.
    pub results: Results,
    /// The data that the table does not hold.
    pub measures: Measures,
    /// Tokens that the table mentions but that have no row in it.
    others: HashMap<u32, Row>,
}

impl Results {
    /// Reads the summary and the table of a folder.
    ///
    /// # Errors
    /// The folder lacks them, they have another form, or they belong to two different audits.
    pub fn open(folder: &Path) -> Result<Self> {
        let summary = read(folder, SUMMARY)?;
        Results::from_bytes(folder, &summary, &read(folder, VERDICTS)?)
    }

    /// Reads the summary and the table from memory; `folder` is used in error messages.
    ///
    /// # Errors
    /// As [`Results::open`].
    pub fn from_bytes(folder: &Path, summary: &[u8], verdicts: &[u8]) -> Result<Self> {
        let results = Results::unmatched(folder, summary, verdicts)?;
        match results.disagreements().into_iter().next() {
            None => Ok(results),
            Some(problem) => {
                let problem = format!("{problem}: are they of two audits? Audit again");
                Err(Error::malformed(folder.join(VERDICTS), problem))
            }
        }
    }

    /// Reads the summary and the table of a folder, whether or not they agree.
    ///
    /// # Errors
    /// The folder lacks them, or they have another form.
    pub fn open_unmatched(folder: &Path) -> Result<Self> {
        let summary = read(folder, SUMMARY)?;
        Results::unmatched(folder, &summary, &read(folder, VERDICTS)?)
    }

    /// [`Results::open_unmatched`] from memory.
    fn unmatched(folder: &Path, summary: &[u8], verdicts: &[u8]) -> Result<Self> {
        let summary = Summary::from_bytes(&folder.join(SUMMARY), summary)?;
        let table = Table::from_bytes(&folder.join(VERDICTS), verdicts, summary.head.tokens)?;
        Ok(Results { summary, table })
    }

    /// The counts in which the summary and the table differ.
    pub fn disagreements(&self) -> Vec<String> {
        let (summary, tally) = (&self.summary, self.table.tally());
        let mut found = Vec::new();
        let mut hold = |what: &str, table: Counts, stated: Counts| {
            if table != stated {
                found
                    .push(format!("the verdicts{what} are {table}, but {SUMMARY} counts {stated}"));
            }
        };
        hold("", tally.rows(), summary.audit().counts);
        // An audit that did not know about padding states nothing about it.
        let stated = summary.audit().padding;
        if stated.sum() > 0 {
            hold(" on padding", tally.padding, stated);
        }
        if let (Some(found), Some(free)) = (self.table.free_tally(), summary.free()) {
            hold(" over all vectors", found.rows(), free.counts);
            if free.padding.sum() > 0 {
                hold(" on padding over all vectors", found.padding, free.padding);
            }
        }
        found
    }

    /// The terms for what the rows stand for.
    pub fn terms(&self) -> &'static Terms {
        self.summary.kind.terms()
    }

    /// The verdicts on tokens, apart from those on padding.
    pub fn tally(&self) -> Tally {
        self.table.tally()
    }
}

impl Reported {
    /// Reads a folder whose audit included the report.
    ///
    /// # Errors
    /// As [`Results::open`]; the measures are missing or belong to another head.
    pub fn open(folder: &Path) -> Result<Self> {
        let files = [SUMMARY, VERDICTS, measures::FILE].map(|name| read(folder, name));
        let [summary, verdicts, measures] = files;
        Reported::from_bytes(folder, &summary?, &verdicts?, &measures?)
    }

    /// Reads the three files from memory; `folder` is used in error messages.
    ///
    /// # Errors
    /// As [`Reported::open`].
    pub fn from_bytes(
        folder: &Path,
        summary: &[u8],
        verdicts: &[u8],
        measures: &[u8],
    ) -> Result<Self> {
        let results = Results::from_bytes(folder, summary, verdicts)?;
        let path = folder.join(measures::FILE);
        let measures: Measures = serde_json::from_slice(measures)
            .map_err(|e| Error::malformed(&path, format!("not as an audit writes it: {e}")))?;
        if measures.schema != measures::SCHEMA {
            let problem =
                format!("its schema is `{}`, not `{}`", measures.schema, measures::SCHEMA);
            return Err(Error::malformed(&path, format!("{problem}; audit again")));
        }
        if measures.head != results.summary.head.sha256 {
            return Err(Error::malformed(
                &path,
                format!("it is of another head than {SUMMARY} (their sha256 differ); audit again"),
            ));
        }
        let tokens = results.summary.head.tokens;
        let ids = measures
            .projections
            .iter()
            .flat_map(|p| [p.token].into_iter().chain(p.rivals.iter().map(|r| r.0)));
        let named = measures.others.iter().map(|other| other.id);
        if let Some(id) = ids.chain(named).find(|&id| id as usize >= tokens) {
            let problem = format!("it names token {id}, but the head has {tokens} tokens");
            return Err(Error::malformed(&path, problem));
        }
        let others = measures.others.iter().map(|o| (o.id, Row::named(o))).collect();
        Ok(Reported { results, measures, others })
    }

    /// The terms for what the rows stand for.
    pub fn terms(&self) -> &'static Terms {
        self.results.terms()
    }

    /// What is known of a token: its row, or only its name.
    pub fn token(&self, id: u32) -> Option<&Row> {
        self.results.table.row(id).or_else(|| self.others.get(&id))
    }
}

/// Reads a file of a folder.
fn read(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path: PathBuf = folder.join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => {
            let made = if name == measures::FILE { " (without --no-report)" } else { "" };
            let problem = format!("is not there: `unargmax audit --out DIR` writes it{made}");
            Err(Error::malformed(&path, problem))
        }
        Err(e) => Err(Error::io(&path, e)),
    }
}
