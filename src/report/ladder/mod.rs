//! The output of `reach`: a table (`reach.csv`), a summary (`reach.json`), the witnesses, a page, and a text for a terminal.

mod chart;
mod page;
mod rungs;
mod table;
mod witnesses;

use std::io::{self, Write};

use serde_json::{Value, json};

use super::tally::Outcome;
use super::words;
use crate::certify::survival::Format;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::error::Result;
use crate::reach::ladder::climb::Plan;
use crate::reach::ladder::discrete::Discrete;
use crate::reach::ladder::enumeration::Enumeration;
use crate::reach::ladder::journal::Sighting;
use crate::reach::ladder::soft::Soft;

pub use rungs::Rung;

/// The name of the table in its folder.
pub const TABLE: &str = "reach.csv";
/// The name of the summary in its folder.
pub const SUMMARY: &str = "reach.json";
/// The name of the file of witnesses in its folder.
pub const WITNESSES: &str = "witnesses.safetensors";
/// The name of the page in its folder.
pub const PAGE: &str = "reach.html";
/// The version of the layout of the summary.
pub const SCHEMA: &str = "unargmax reach 1";
/// What the file of witnesses says of its origin.
pub const MARK: &str = "unargmax reach";

/// What is known of one wanted token.
pub struct Climbed {
    /// The id of the token.
    pub token: u32,
    /// Why it was chosen: `listed`, `sample`, `hardest`.
    pub chosen: &'static str,
    /// The verdict over all vectors.
    pub free: Outcome,
    /// The verdict over the domain of the model's hidden states.
    pub real: Outcome,
    /// The formats in which the token provably keeps its lead at its best hidden state when logits are rounded; `None`
    /// outside a ball, where that was not measured.
    pub precise: Option<Vec<Format>>,
    /// What the search of a soft prompt found; `None` where it was left out.
    pub soft: Option<Soft>,
    /// What the search of a prompt of tokens found; `None` where it was left out.
    pub discrete: Option<Discrete>,
    /// The text of that prompt.
    pub text: Option<String>,
    /// Whether that text is split into the same tokens; `None` without a tokenizer.
    pub survives: Option<bool>,
    /// What was seen in the corpus; `None` without one.
    pub seen: Option<Sighting>,
    /// Whether a search reached what the audit proves impossible.
    pub contradicts: bool,
}

/// All that `reach` found.
pub struct LadderReport<'a> {
    /// The model, as given on the command line.
    pub checkpoint: String,
    /// SHA-256 of the head.
    pub head: String,
    /// The audited domain, and the number of coordinates of its states.
    pub domain: (String, usize),
    /// The text that follows each prompt.
    pub prompt: &'a str,
    /// The corpus, as given on the command line.
    pub corpus: Option<String>,
    /// What was searched.
    pub plan: &'a Plan,
    /// The number of tokens that prompts are made of.
    pub alphabet: usize,
    /// The lengths that were enumerated.
    pub enumerations: &'a [Enumeration],
    /// The names of the tokens, if known.
    pub vocabulary: Option<&'a Vocabulary>,
    /// The wanted tokens, by id.
    pub tokens: &'a [Climbed],
}

impl LadderReport<'_> {
    /// The files of the folder, by name.
    ///
    /// # Errors
    /// A file cannot be made.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(vec![
            (TABLE.to_owned(), self.table()?),
            (SUMMARY.to_owned(), self.summary().into_bytes()),
            (WITNESSES.to_owned(), self.witnesses()?),
            (PAGE.to_owned(), self.page().into_bytes()),
        ])
    }

    /// The summary as JSON.
    pub fn summary(&self) -> String {
        let rungs: Vec<Value> = self
            .rungs()
            .iter()
            .map(|rung| {
                json!({"rung": rung.name, "by": if rung.proof { "proof" } else { "search" }, "tokens": rung.yes + rung.no + rung.open,
                       "yes": rung.yes, "no": rung.no, "not_found": rung.open})
            })
            .collect();
        let lengths: Vec<Value> = self
            .enumerations
            .iter()
            .map(|e| json!({"length": e.length, "prompts": e.done, "ran": e.ran}))
            .collect();
        let value = json!({
            "schema": SCHEMA, "version": env!("CARGO_PKG_VERSION"), "checkpoint": self.checkpoint,
            "head_sha256": self.head, "domain": self.domain.0, "prompt": self.prompt, "corpus": self.corpus,
            "tokens": self.tokens.len(), "alphabet": self.alphabet, "soft": self.plan.soft,
            "enumerated": lengths, "gradient": self.plan.gradient, "rungs": rungs,
            "contradictions": self.contradictions().count(),
        });
        // Strings and finite numbers always serialise.
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    }

    /// The tokens that a search reached although that is proved impossible.
    pub fn contradictions(&self) -> impl Iterator<Item = &Climbed> {
        self.tokens.iter().filter(|climbed| climbed.contradicts)
    }

    /// The readable text of a token.
    fn name(&self, token: u32) -> String {
        self.vocabulary.map_or_else(|| format!("#{token}"), |v| v.label(token as usize))
    }

    /// Writes the rungs for a terminal, and at most `shown` tokens that no search reached.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write, shown: usize) -> io::Result<()> {
        writeln!(
            out,
            "model   {}: {}",
            self.checkpoint,
            words::counted(self.tokens.len(), "token")
        )?;
        writeln!(out, "domain  {}", self.domain.0)?;
        if !self.prompt.is_empty() {
            writeln!(out, "prompt  {:?} follows what is searched", self.prompt)?;
        }
        writeln!(out, "\n  {:<34}{:>8}{:>8}{:>12}", "", "yes", "no", "open")?;
        for rung in self.rungs() {
            let [no, open] = if rung.proof {
                [rung.no.to_string(), rung.open_word()]
            } else {
                [String::new(), rung.open.to_string()]
            };
            writeln!(out, "  {:<34}{:>8}{no:>8}{open:>12}", rung.name, rung.yes)?;
        }
        writeln!(
            out,
            "\nVerdicts and roundings are proved. What a search did not find may be beyond its budget, or impossible."
        )?;
        let missing: Vec<&Climbed> = self.tokens.iter().filter(|c| !c.is_reached()).collect();
        for climbed in missing.iter().take(shown) {
            writeln!(
                out,
                "  {} {}: {}",
                climbed.token,
                self.name(climbed.token),
                climbed.nearest()
            )?;
        }
        match missing.len().saturating_sub(shown) {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more; {TABLE} has all"),
        }
    }
}

impl Climbed {
    /// Whether some search or the corpus has the token win.
    fn is_reached(&self) -> bool {
        self.soft_wins() || self.discrete_wins() || self.seen.is_some_and(|seen| seen.argmax > 0)
    }

    fn soft_wins(&self) -> bool {
        self.soft.as_ref().and_then(|soft| soft.win).is_some_and(|win| win.is_strict())
    }

    fn discrete_wins(&self) -> bool {
        self.discrete.as_ref().is_some_and(Discrete::is_found)
    }

    /// How near the searches came, in words.
    fn nearest(&self) -> String {
        let mut parts = Vec::new();
        if !matches!(self.real, Outcome::Argmaxable) {
            parts.push(format!("{} over the domain, proved", self.real.name()));
        }
        if let Some(soft) = &self.soft {
            parts.push(format!(
                "soft prompt not found in {} steps of {} starts (best rank {}, {} behind)",
                soft.steps,
                soft.starts,
                soft.rank,
                words::number(-f64::from(soft.lead))
            ));
        }
        if let Some(discrete) = self.discrete.as_ref().filter(|d| d.rank > 0) {
            parts.push(format!(
                "prompt not found among {} (best rank {}, {} behind)",
                discrete.forwards,
                discrete.rank,
                words::number(-f64::from(discrete.lead))
            ));
        }
        parts.join("; ")
    }
}
