//! The folder of an audit, read as anybody could: `summary.json` and the hash of the certificate.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::name_of;

/// A head with its audits over one or two domains.
pub struct Audited {
    /// The name of the folder.
    pub name: String,
    pub head: Head,
    pub audits: Vec<Verdicts>,
    /// SHA-256 of the certificate.
    pub certificate: String,
}

#[derive(Deserialize)]
struct Summary {
    head: Head,
    audits: Vec<Verdicts>,
}

#[derive(Deserialize)]
pub struct Head {
    pub tokens: usize,
    pub dim: usize,
    /// The tensor of the bias.
    pub bias: Option<String>,
    pub sha256: String,
}

/// The results over one domain.
#[derive(Deserialize)]
pub struct Verdicts {
    pub domain: String,
    pub counts: Counts,
    pub max_probability: Option<MaxProbability>,
    pub best_rank: Option<BestRank>,
    pub causes: Option<Causes>,
}

#[derive(Deserialize)]
pub struct Counts {
    pub argmaxable: usize,
    pub tied: usize,
    pub unargmaxable: usize,
    pub undecided: usize,
}

#[derive(Deserialize)]
pub struct MaxProbability {
    pub lost_or_tied: Option<Quantiles>,
}

#[derive(Deserialize)]
pub struct Quantiles {
    pub median: f64,
}

#[derive(Deserialize)]
pub struct BestRank {
    /// Lost and tied tokens in the sample.
    pub lost: usize,
    pub beams: Vec<Beam>,
}

#[derive(Deserialize)]
pub struct Beam {
    pub width: usize,
    pub cannot: usize,
}

#[derive(Deserialize)]
pub struct Causes {
    pub tokens: BTreeMap<String, Caused>,
}

#[derive(Deserialize)]
pub struct Caused {
    pub lost_or_tied: usize,
}

impl Audited {
    /// Reads a folder that `unargmax audit --out` wrote.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("summary.json");
        let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let Summary { head, audits } =
            serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        let file = folder.join("certificate.safetensors");
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let certificate = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Audited { name: name_of(folder)?, head, audits, certificate })
    }
}
