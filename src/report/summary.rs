//! `summary.json`: what was audited, over which domain, with what counts. Fields are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use super::measured::{self, BiasSummary, EffortSummary, MarginSummary};
use super::padding::{self, Padding};
use crate::audit::{Audit, Counts};
use crate::checkpoint::vocabulary::Vocabulary;
use crate::domain::Domain;
use crate::head::final_norm::FinalNorm;
use crate::head::locate::Located;
use crate::prove::radius::THRESHOLD;

/// The version of this layout.
pub const SCHEMA: &str = "unargmax summary 1";

/// The whole summary.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    schema: &'static str,
    tool: &'static str,
    version: &'static str,
    checkpoint: CheckpointSummary,
    head: HeadSummary,
    threads: usize,
    audits: Vec<AuditSummary>,
}

/// The file that was read.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointSummary {
    /// Path, or the name of the bundled head.
    pub path: String,
    /// Size of the file.
    pub bytes: u64,
    /// The reader that took it.
    pub format: String,
}

#[derive(Clone, Debug, Serialize)]
struct HeadSummary {
    weight: String,
    bias: Option<String>,
    tokens: usize,
    dim: usize,
    dtype: String,
    sha256: String,
    final_norm: Option<FinalNorm>,
}

#[derive(Clone, Debug, Serialize)]
struct AuditSummary {
    domain: String,
    engine: &'static str,
    scope: usize,
    counts: Counts,
    /// Only where tokens are undecided: how many of them are because the budget of exact arithmetic was spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    undecided_by_budget: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<Padding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    radius: Option<RadiusSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<EffortSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<MarginSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias_needed: Option<BiasSummary>,
    seconds: BTreeMap<&'static str, f64>,
}

/// Of the radii in `radius.csv`, which are not proved.
#[derive(Clone, Debug, Serialize)]
struct RadiusSummary {
    threshold: f64,
    below: usize,
    not_found: usize,
}

impl Summary {
    /// Summarises one audit.
    pub fn new(
        checkpoint: CheckpointSummary,
        located: &Located,
        domain: &Domain,
        engine: &'static str,
        threads: usize,
        audit: &Audit,
    ) -> Self {
        Summary {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            checkpoint,
            head: HeadSummary {
                weight: located.weight.clone(),
                bias: located.bias.clone(),
                tokens: located.head.tokens(),
                dim: located.head.dim(),
                dtype: located.dtype.to_string(),
                sha256: located.head.sha256(),
                final_norm: located.final_norm.clone(),
            },
            threads,
            audits: std::iter::once(AuditSummary::new(domain.to_string(), engine, audit))
                .chain(audit.free().map(|free| AuditSummary::new("free".to_owned(), engine, free)))
                .collect(),
        }
    }

    /// Adds what became of the rows without a token, if there are any.
    pub fn with_padding(mut self, audit: &Audit, vocabulary: Option<&Vocabulary>) -> Self {
        for (summary, audit) in self.audits.iter_mut().zip([Some(audit), audit.free()]) {
            let padding = audit.map(|audit| padding::outcome(audit, vocabulary));
            summary.padding = padding.filter(|padding| padding.rows > 0);
        }
        self
    }

    /// Adds the seeds of the samples that efforts and margins were measured of.
    pub fn with_seeds(mut self, [effort, margin]: [Option<u64>; 2]) -> Self {
        if let Some(summary) = &mut self.audits[0].effort {
            summary.sample_seed = effort;
        }
        if let Some(summary) = &mut self.audits[0].margin {
            summary.sample_seed = margin;
        }
        self
    }

    /// The summary as indented JSON with a final newline.
    pub fn to_json(&self) -> String {
        // The structure holds only strings and finite numbers, which always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl AuditSummary {
    fn new(domain: String, engine: &'static str, audit: &Audit) -> Self {
        AuditSummary {
            domain,
            engine,
            scope: audit.verdicts().len(),
            counts: audit.counts(),
            undecided_by_budget: (audit.counts().undecided > 0)
                .then(|| audit.undecided_by_budget()),
            padding: None,
            radius: audit.radii().map(|radii| RadiusSummary {
                threshold: THRESHOLD,
                below: audit.radii_below_threshold().unwrap_or_default(),
                not_found: radii.iter().filter(|r| r.1.is_nan()).count(),
            }),
            effort: measured::efforts(audit),
            margin: measured::margins(audit),
            bias_needed: measured::bias_needed(audit),
            seconds: audit.seconds().clone(),
        }
    }
}
