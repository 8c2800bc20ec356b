//! Reads `summary.json`. Unknown fields are ignored.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::report::beams::RankSummary;
use crate::report::causes::CausesSummary;
use crate::report::kept::KeptRows;
use crate::report::measured::ProbabilitySummary;
use crate::report::options::HeadOptions;
use crate::report::run::Run;
use crate::report::summary::SCHEMA;
pub use crate::report::tally::Counts;
use crate::report::tally::Tally;
use crate::report::terms::RowKind;

/// The summary of what was audited.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    schema: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The head.
    pub head: Head,
    audits: Vec<AuditEntry>,
    /// What the rows stand for.
    #[serde(default)]
    pub kind: RowKind,
    /// When and by which command it was made; `None` if that is not known.
    pub run: Option<Run>,
}

/// The checkpoint that was read.
#[derive(Clone, Debug, Deserialize)]
pub struct Checkpoint {
    /// The path, as it was given.
    pub path: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The format, by the name of its reader.
    pub format: String,
    /// The path from the folder of the results; `None` if the checkpoint was given by an absolute path.
    pub from_folder: Option<String>,
}

/// The head.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    /// The tensor that holds the rows.
    pub weight: String,
    /// The tensor that holds the bias, if there is one.
    pub bias: Option<String>,
    /// The number of tokens, `V`.
    pub tokens: usize,
    /// The length of a hidden state, `d`.
    pub dim: usize,
    /// The element type in which the weight was stored.
    pub dtype: String,
    /// The digest of its numbers.
    pub sha256: String,
    /// The rows that competed; `None` if all did.
    #[serde(default)]
    pub kept: Option<KeptRows>,
    /// The options that chose its tensors; `None` if there were none.
    pub options: Option<HeadOptions>,
}

/// The audit over one domain.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditEntry {
    /// The domain: where hidden states may lie.
    pub domain: String,
    /// The method that proposed the verdicts.
    pub engine: String,
    /// The number of rows that were decided.
    pub scope: usize,
    /// The verdicts of all rows, padding included.
    pub counts: Counts,
    /// The verdicts of the padding rows; absent if there are none.
    #[serde(default)]
    pub padding: Counts,
    /// Which tokens the effort was measured for; `None` if for none.
    pub effort: Option<Measurement>,
    /// Which tokens the best margin was measured for; `None` if for none.
    pub margin: Option<Measurement>,
    /// The bounds on probabilities; `None` if there are none.
    pub max_probability: Option<ProbabilitySummary>,
    /// The best ranks; `None` if none were measured.
    pub best_rank: Option<RankSummary>,
    /// Where the rows of tokens lie that cannot win alone; `None` in summaries of earlier versions.
    pub causes: Option<CausesSummary>,
    /// The wall time of each stage, in seconds.
    #[serde(default)]
    pub seconds: BTreeMap<String, f64>,
}

/// The tokens for which something was measured.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Measurement {
    /// The seed of the sample; `None` if the tokens were named, or are all tokens.
    pub sample_seed: Option<u64>,
}

impl AuditEntry {
    /// The verdicts of tokens and of padding, apart.
    pub fn tally(&self) -> Tally {
        let (all, padding) = (self.counts, self.padding);
        let tokens = Counts {
            argmaxable: all.argmaxable.saturating_sub(padding.argmaxable),
            tied: all.tied.saturating_sub(padding.tied),
            unargmaxable: all.unargmaxable.saturating_sub(padding.unargmaxable),
            undecided: all.undecided.saturating_sub(padding.undecided),
        };
        Tally { tokens, padding }
    }
}

impl Summary {
    /// Reads a summary file.
    ///
    /// # Errors
    /// The file cannot be read, or has another form.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        Summary::from_bytes(path, &bytes)
    }

    /// Parses a summary; `path` is used in error messages.
    pub(in crate::report) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let summary: Summary = serde_json::from_slice(bytes)
            .map_err(|e| Error::malformed(path, format!("not as an audit writes it: {e}")))?;
        if summary.schema != SCHEMA {
            let problem = format!("its schema is `{}`, not `{SCHEMA}`", summary.schema);
            return Err(Error::malformed(path, problem));
        }
        if summary.audits.is_empty() {
            return Err(Error::malformed(path, "`audits` is empty"));
        }
        Ok(summary)
    }

    /// The audit whose verdicts are in the table.
    pub fn audit(&self) -> &AuditEntry {
        &self.audits[0]
    }

    /// The audits of the same head over other domains.
    pub fn more_audits(&self) -> &[AuditEntry] {
        &self.audits[1..]
    }

    /// The audit over all vectors that accompanies an audit over fewer states; the table then holds its verdicts too.
    pub fn free(&self) -> Option<&AuditEntry> {
        self.more_audits().iter().find(|audit| audit.domain == "free")
    }

    /// A short name for readers: the file, with its folder if the file name alone is generic.
    pub fn name(&self) -> String {
        const GENERIC: [&str; 7] =
            ["head", "model", "pytorch_model", "weight", "weights", "lm_head", "output"];
        let parts: Vec<&str> =
            self.checkpoint.path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        let Some((file, folders)) = parts.split_last() else { return "a checkpoint".to_owned() };
        let stem = file.split('.').next().unwrap_or_default();
        let stem = stem.split("-0000").next().unwrap_or_default();
        match folders.last() {
            Some(folder) if GENERIC.contains(&stem) && *folder != "." && *folder != ".." => {
                format!("{folder}/{file}")
            }
            _ => (*file).to_owned(),
        }
    }
}
