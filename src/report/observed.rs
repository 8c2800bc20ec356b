//! Writes `observed.csv`: how often each token won on a corpus, next to its verdict.

use std::io::{self, Write};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::fields::{self, field};
use super::results::Results;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::error::{Error, Result};
use crate::reach::observe::Observer;

/// The name of the table in its folder.
pub const FILE: &str = "observed.csv";
/// The name of the file with the hidden states of contradictions.
pub const CONTRADICTIONS: &str = "contradictions.safetensors";

/// The columns of the table.
pub const COLUMNS: [&str; 10] = [
    "id",
    "token",
    "piece",
    "kind",
    "verdict",
    "argmax",
    "best_rank",
    "best_position",
    "won_by_tie",
    "won_by_rounding",
];

/// The data of the observation, and what was observed.
pub struct Subject<'a> {
    /// The model, as given on the command line.
    pub checkpoint: String,
    /// The corpus, as given on the command line.
    pub corpus: String,
    /// The most tokens in a window.
    pub window: usize,
    /// The number of windows.
    pub windows: usize,
    /// The names of the tokens, if known.
    pub vocabulary: Option<&'a Vocabulary>,
    /// The audit whose verdicts are shown, if there is one.
    pub audit: Option<&'a Results>,
    /// The observations.
    pub observer: &'a Observer,
}

impl Subject<'_> {
    /// The table as CSV: one line for each token, in id order.
    ///
    /// # Errors
    /// The table could not be written to memory.
    pub fn table(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let failed = |e: csv::Error| Error::Invalid(format!("{FILE} cannot be made: {e}"));
        let mut csv = fields::writer(&mut bytes);
        csv.write_record(COLUMNS).map_err(failed)?;
        for (id, seen) in self.observer.seen().iter().enumerate() {
            let token = self.vocabulary.and_then(|v| v.tokens.get(id));
            let verdict = self.audit.and_then(|a| a.table.row(id as u32));
            csv.write_record([
                id.to_string(),
                token.map(|t| field(&t.text).into_owned()).unwrap_or_default(),
                token.map(|t| field(&t.piece).into_owned()).unwrap_or_default(),
                token.map(|t| t.kind.to_string()).unwrap_or_default(),
                verdict.map(|row| row.outcome.to_string()).unwrap_or_default(),
                seen.argmax.to_string(),
                seen.best_rank.to_string(),
                seen.best_position.to_string(),
                seen.won_by_tie.to_string(),
                seen.won_by_rounding.to_string(),
            ])
            .map_err(failed)?;
        }
        drop(csv);
        Ok(bytes)
    }

    /// The hidden states of the contradictions as a safetensors file: `state` (n x d), `token` (n) and `position`
    /// (n).
    ///
    /// # Errors
    /// The file format cannot hold the data.
    pub fn contradictions(&self) -> Result<Vec<u8>> {
        let kept = self.observer.contradictions();
        let width = kept.first().map_or(0, |c| c.state.len());
        let states: Vec<u8> =
            kept.iter().flat_map(|c| &c.state).flat_map(|x| x.to_le_bytes()).collect();
        let tokens: Vec<u8> = kept.iter().flat_map(|c| c.token.to_le_bytes()).collect();
        let positions: Vec<u8> = kept.iter().flat_map(|c| c.position.to_le_bytes()).collect();
        let failed = |e: safetensors::SafeTensorError| {
            Error::Invalid(format!("{CONTRADICTIONS} cannot be made: {e}"))
        };
        let view = |dtype, shape: Vec<usize>, bytes| TensorView::new(dtype, shape, bytes);
        let tensors = [
            ("state", view(Dtype::F32, vec![kept.len(), width], &states).map_err(failed)?),
            ("token", view(Dtype::U32, vec![kept.len()], &tokens).map_err(failed)?),
            ("position", view(Dtype::U64, vec![kept.len()], &positions).map_err(failed)?),
        ];
        safetensors::serialize(tensors, None).map_err(failed)
    }

    /// The number of tokens that are proved never to be the strict winner, and how often they seemed to win: by a
    /// tie, by a rounding, outside the domain.
    fn checked(&self) -> Option<[u64; 4]> {
        let counts = self.audit?.table.counts();
        let sum = |of: fn(&crate::reach::observe::Seen) -> u64| -> u64 {
            self.observer.seen().iter().map(of).sum()
        };
        Some([
            (counts.unargmaxable + counts.tied) as u64,
            sum(|seen| seen.won_by_tie),
            sum(|seen| seen.won_by_rounding),
            self.observer.outside(),
        ])
    }

    /// The summary as JSON.
    pub fn summary(&self) -> Value {
        let audit = self.checked().map(|[claimed, ties, roundings, outside]| {
            json!({"never_strict_winners": claimed, "won_by_tie": ties, "won_by_rounding": roundings,
                   "outside_domain": outside, "contradictions": self.observer.contradicting()})
        });
        json!({"schema": "unargmax-observed/1", "checkpoint": self.checkpoint, "corpus": self.corpus,
               "window": self.window, "windows": self.windows, "positions": self.observer.positions(),
               "tokens": self.observer.seen().len(), "covered": self.observer.covered(), "audit": audit})
    }

    /// Writes the summary for a terminal.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let seen = self.observer.seen();
        let (covered, tokens) = (self.observer.covered(), seen.len());
        writeln!(
            out,
            "corpus    {}: {} positions in {} windows of at most {} tokens",
            self.corpus,
            self.observer.positions(),
            self.windows,
            self.window
        )?;
        writeln!(
            out,
            "coverage  {covered} of {tokens} tokens were the argmax somewhere ({:.2} %)",
            100.0 * covered as f64 / tokens as f64
        )?;
        for (first, last) in [(1, 1), (2, 10), (11, 100), (101, 1000)] {
            let near =
                seen.iter().filter(|s| s.argmax == 0 && (first..=last).contains(&s.best_rank));
            let name =
                if first == last { "1, shared".to_owned() } else { format!("{first} to {last}") };
            writeln!(out, "          {:>6} others had the best rank {name}", near.count())?;
        }
        if let Some([claimed, ties, roundings, outside]) = self.checked() {
            writeln!(
                out,
                "audit     {claimed} tokens are proved never to be the strict winner; they seemed to win {ties} times by \
                 a tie, {roundings} by a rounding; {} strict wins contradict the proof",
                self.observer.contradicting()
            )?;
            if outside > 0 {
                writeln!(
                    out,
                    "          {outside} times more at a hidden state outside of the audit's domain, which says nothing of it"
                )?;
            }
        }
        Ok(())
    }
}
