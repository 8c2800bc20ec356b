//! `summary.json` read back. Fields that are not known here are left alone.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::report::options::HeadOptions;
use crate::report::summary::SCHEMA;
pub use crate::report::tally::Counts;
use crate::report::tally::Tally;

/// What was audited.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    schema: String,
    /// The version of the program.
    pub version: String,
    /// The file.
    pub checkpoint: Checkpoint,
    /// The head.
    pub head: Head,
    audits: Vec<AuditEntry>,
}

/// The file that was read.
#[derive(Clone, Debug, Deserialize)]
pub struct Checkpoint {
    /// As it was named.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// The reader that took it.
    pub format: String,
    /// How it is named from the folder of the results; absent where it was named by an absolute path.
    pub from_folder: Option<String>,
}

/// The head.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    /// The tensor of the rows.
    pub weight: String,
    /// The tensor of the bias.
    pub bias: Option<String>,
    /// V.
    pub tokens: usize,
    /// d.
    pub dim: usize,
    /// How the weight was stored.
    pub dtype: String,
    /// The hash of its numbers.
    pub sha256: String,
    /// The options by which its tensors were chosen; absent where there were none.
    pub options: Option<HeadOptions>,
}

/// One domain.
#[derive(Clone, Debug, Deserialize)]
pub struct AuditEntry {
    /// Where hidden states may lie.
    pub domain: String,
    /// What proposed the verdicts.
    pub engine: String,
    /// How many tokens were decided.
    pub scope: usize,
    /// The verdicts of all rows, padding included.
    pub counts: Counts,
    /// The verdicts of those rows that no token has; absent if there are none.
    #[serde(default)]
    pub padding: Counts,
    /// Which tokens the effort was measured of; absent if of none.
    pub effort: Option<Measurement>,
    /// Which tokens the best margin was measured of; absent if of none.
    pub margin: Option<Measurement>,
    /// Wall time of the stages.
    #[serde(default)]
    pub seconds: BTreeMap<String, f64>,
}

/// Of which tokens something was measured.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Measurement {
    /// The seed by which some of the tokens were drawn; absent where they were named, or are all.
    pub sample_seed: Option<u64>,
}

impl AuditEntry {
    /// The verdicts of tokens, apart from those of padding.
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
    /// Reads a summary alone.
    ///
    /// # Errors
    /// A file that cannot be read, or is of another form.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        Summary::from_bytes(path, &bytes)
    }

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

    /// The audit whose verdicts the table holds.
    pub fn audit(&self) -> &AuditEntry {
        &self.audits[0]
    }

    /// Audits of the same head over other domains.
    pub fn more_audits(&self) -> &[AuditEntry] {
        &self.audits[1..]
    }

    /// The audit over all vectors that stands beside that of fewer states, whose verdicts the table then holds as well.
    pub fn free(&self) -> Option<&AuditEntry> {
        self.more_audits().iter().find(|audit| audit.domain == "free")
    }

    /// A short name for people: the file, with its folder where the file alone says nothing.
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
