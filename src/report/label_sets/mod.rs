//! The output of verdicts on label sets: a table (`sets.csv`), a summary (`sets.json`), and a text for a terminal.

pub mod folder;

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::fields::{self, field};
use super::options::HeadOptions;
use super::table::rounded;
use crate::certificate;
use crate::certify::Rival;
use crate::error::{Error, Result};
use crate::labels::{self, Feasibility, LabelSets};
use crate::output_layer::OutputLayer;

/// The name of the table in its folder.
pub const TABLE: &str = "sets.csv";
/// The name of the summary in its folder.
pub const SUMMARY: &str = "sets.json";
/// The version of the layout of the summary.
pub const SCHEMA: &str = "unargmax sets 1";

/// The columns of the table.
pub const COLUMNS: [&str; 9] =
    ["set", "size", "labels", "names", "verdict", "margin", "blockers", "proof", "free_verdict"];

/// The most labels of a set, and the most blockers, that the text names.
const NAMED: usize = 6;

/// A sample of sets.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// The number of labels of each set.
    pub size: usize,
    /// The seed by which they were drawn.
    pub seed: u64,
}

/// The subject of the output.
pub struct LabelReport<'a> {
    /// The head and the names of its labels.
    pub layer: &'a OutputLayer,
    /// The verdicts.
    pub sets: &'a LabelSets,
    /// Why this domain was chosen.
    pub reason: &'a str,
    /// How the sets were drawn, if they were.
    pub sample: Option<Sample>,
    /// The path of the checkpoint from the folder of the files, as [`way`](super::command::way) gives it.
    pub from_folder: Option<String>,
    /// The options that chose the tensors, so that `verify` can choose the same.
    pub options: HeadOptions,
    /// The wall time, in seconds.
    pub seconds: f64,
}

/// The content of `sets.json`.
#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    tool: &'static str,
    version: &'static str,
    checkpoint: &'a str,
    from_folder: Option<&'a str>,
    weight: &'a str,
    bias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<&'a HeadOptions>,
    labels: usize,
    dim: usize,
    sha256: String,
    domain: String,
    domain_reason: &'a str,
    sample: Option<Sample>,
    sets: usize,
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_counts: Option<Counts>,
    seconds: f64,
}

/// How many sets have each verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    feasible: usize,
    infeasible: usize,
    undecided: usize,
}

impl Counts {
    /// The counts by a function of the verdict.
    fn by(count: impl Fn(Feasibility) -> usize) -> Self {
        let [feasible, infeasible, undecided] = Feasibility::ALL.map(count);
        Counts { feasible, infeasible, undecided }
    }

    /// The counts in words.
    fn text(self) -> String {
        let Counts { feasible, infeasible, undecided } = self;
        format!("{feasible} feasible, {infeasible} infeasible, {undecided} undecided")
    }

    /// Those over all of space; `None` if that is the domain.
    fn free(sets: &LabelSets) -> Option<Self> {
        sets.free_count(Feasibility::Feasible)?;
        Some(Counts::by(|of| sets.free_count(of).unwrap_or_default()))
    }
}

impl LabelReport<'_> {
    /// All files by name: the table, the summary and the certificate.
    ///
    /// # Errors
    /// The certificate or the table cannot be made.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut table = Vec::new();
        self.write_table(&mut table).map_err(|e| Error::Invalid(format!("{TABLE}: {e}")))?;
        let certificate = labels::certificate(self.layer.head(), self.sets)?.to_bytes()?;
        Ok(vec![
            (TABLE.to_owned(), table),
            (SUMMARY.to_owned(), self.summary().into_bytes()),
            (certificate::FILE.to_owned(), certificate),
        ])
    }

    /// The content of `sets.json`.
    pub fn summary(&self) -> String {
        let (located, sets) = (self.layer.located(), self.sets);
        let summary = Summary {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            checkpoint: &self.layer.origin().path,
            from_folder: self.from_folder.as_deref(),
            options: Some(&self.options).filter(|options| **options != HeadOptions::default()),
            weight: &located.weight,
            bias: located.bias.as_deref(),
            labels: sets.labels(),
            dim: located.head.dim(),
            sha256: located.head.sha256(),
            domain: sets.domain().to_string(),
            domain_reason: self.reason,
            sample: self.sample,
            sets: sets.sets().len(),
            counts: Counts::by(|of| sets.count(of)),
            free_counts: Counts::free(sets),
            seconds: self.seconds,
        };
        // The structure holds only strings and finite numbers, which always serialise.
        serde_json::to_string_pretty(&summary).unwrap_or_default() + "\n"
    }

    /// Writes the table: one line for each set, in the order of the sets.
    fn write_table(&self, out: impl Write) -> csv::Result<()> {
        let mut csv = fields::writer(out);
        csv.write_record(COLUMNS)?;
        for (i, set) in self.sets.sets().iter().enumerate() {
            let ids: Vec<String> = set.iter().map(u32::to_string).collect();
            let named = self.layer.vocabulary().map(|_| set.as_slice()).unwrap_or_default();
            let names: Vec<String> = named.iter().map(|&id| self.name(id)).collect();
            let blockers: Vec<String> = (self.sets.blockers(i).iter())
                .map(|(rival, weight)| format!("{rival}:{}", rounded(*weight)))
                .collect();
            let free = self.sets.free_feasibility(i).map_or("", Feasibility::name);
            csv.write_record([
                i.to_string(),
                set.len().to_string(),
                ids.join(" "),
                field(&names.join(" | ")).into_owned(),
                self.sets.feasibility(i).name().to_owned(),
                self.sets.margin(i).map(|m| format!("{m:?}")).unwrap_or_default(),
                blockers.join(" "),
                self.sets.proof(i).to_owned(),
                free.to_owned(),
            ])?;
        }
        csv.flush()?;
        Ok(())
    }

    /// The name of a label; nothing without a vocabulary.
    fn name(&self, id: u32) -> String {
        let token = self.layer.vocabulary().and_then(|v| v.tokens.get(id as usize));
        token.map(|token| token.text.clone()).unwrap_or_default()
    }

    /// Writes the counts and, for at most `shown` sets that are not feasible, what makes them so.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write, shown: usize) -> io::Result<()> {
        let (located, sets) = (self.layer.located(), self.sets);
        writeln!(out, "head    {}: `{}`", self.layer.origin().path, located.weight)?;
        writeln!(out, "        {} labels x {} dimensions", sets.labels(), located.head.dim())?;
        writeln!(out, "domain  {} ({})", sets.domain(), self.reason)?;
        if let Some(Sample { size, seed }) = self.sample {
            writeln!(out, "sets    a sample of sets of {size}, by seed {seed}")?;
        }
        let free = Counts::free(sets).map_or("", |_| "      free");
        writeln!(out, "\n  {:<12}{:>10}{free}", "", "sets")?;
        for of in Feasibility::ALL {
            let free = sets.free_count(of).map_or(String::new(), |n| format!("{n:>10}"));
            writeln!(out, "  {:<12}{:>10}{free}", of.name(), sets.count(of))?;
        }
        writeln!(
            out,
            "\nA set is feasible if some hidden state gives its labels logits above 0 and all others below 0."
        )?;
        let open = (0..sets.sets().len()).filter(|&i| sets.feasibility(i) != Feasibility::Feasible);
        for i in open.clone().take(shown) {
            writeln!(out, "  set {i} {}: {}", self.of_set(i), self.why(i))?;
        }
        match open.count().saturating_sub(shown) {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more; `--out DIR` lists all"),
        }
    }

    /// The labels of a set, in braces.
    fn of_set(&self, set: usize) -> String {
        let set = &self.sets.sets()[set];
        let names: Vec<String> = set.iter().take(NAMED).map(|&id| self.layer.token(id)).collect();
        let more = if set.len() > NAMED { ", ..." } else { "" };
        format!("{{{}{more}}}", names.join(", "))
    }

    /// Why a set is not feasible: the signed logits that cannot all be above 0.
    fn why(&self, set: usize) -> String {
        if self.sets.feasibility(set) == Feasibility::Undecided {
            return "undecided".to_owned();
        }
        let members = &self.sets.sets()[set];
        let blockers = self.sets.blockers(set);
        let term = |(rival, weight): &(Rival, f64)| match rival {
            Rival::Token(id) => {
                let sign = if members.binary_search(id).is_ok() { "" } else { "-" };
                format!("{} {sign}{}", rounded(*weight), self.layer.token(*id))
            }
            end => format!("{} {end}", rounded(*weight)),
        };
        let terms: Vec<String> = blockers.iter().take(NAMED).map(term).collect();
        let more = blockers.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" + {more} more") } else { String::new() };
        format!("infeasible, nowhere above 0: {}{more}", terms.join(" + "))
    }
}
