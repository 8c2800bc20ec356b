//! Writes `summary.json`: what was audited, over which domain, with which counts. Fields are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use super::beams::{self, RankSummary};
use super::causes::CausesSummary;
use super::kept::KeptRows;
use super::measured::{
    self, BiasSummary, EffortSummary, MarginSummary, MoveSummary, ProbabilitySummary, RadiusSummary,
};
use super::options::HeadOptions;
use super::padding::Padding;
use super::run::Run;
use super::tally::{Counts, Tally};
use super::terms::RowKind;
use crate::audit::Audit;
use crate::causes::RowLayout;
use crate::checkpoint::vocabulary::Vocabulary;
use crate::error::Result;
use crate::head::Head;
use crate::locate::final_norm::FinalNorm;
use crate::output_layer::{Origin, OutputLayer};

/// The version of the layout.
pub const SCHEMA: &str = "unargmax summary 1";

/// The content of `summary.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    schema: &'static str,
    tool: &'static str,
    version: &'static str,
    checkpoint: Place,
    head: HeadSummary,
    threads: usize,
    audits: Vec<AuditSummary>,
    /// What the rows stand for, if not tokens.
    #[serde(skip_serializing_if = "RowKind::is_default")]
    kind: RowKind,
    /// When and by which command it was made, if by the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run>,
}

/// The checkpoint, and its path from the folder of the results; see [`way`](super::command::way).
#[derive(Clone, Debug, Serialize)]
struct Place {
    #[serde(flatten)]
    checkpoint: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_folder: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
/// The head.
struct HeadSummary {
    weight: String,
    bias: Option<String>,
    tokens: usize,
    dim: usize,
    dtype: String,
    sha256: String,
    /// The rows that competed, if not all did.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<KeptRows>,
    final_norm: Option<FinalNorm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<HeadOptions>,
}

#[derive(Clone, Debug, Serialize)]
/// The audit over one domain.
struct AuditSummary {
    domain: String,
    engine: &'static str,
    scope: usize,
    counts: Counts,
    /// The number of tokens that are undecided because the budget of exact arithmetic was spent; `None` if none is
    /// undecided.
    #[serde(skip_serializing_if = "Option::is_none")]
    undecided_by_budget: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_counts: Option<Counts>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    move_needed: Option<MoveSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_probability: Option<ProbabilitySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_rank: Option<RankSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causes: Option<CausesSummary>,
    seconds: BTreeMap<&'static str, f64>,
}

impl Summary {
    /// Summarises one audit of the head of `layer`, whose rows lie as `rows` says.
    ///
    /// # Errors
    /// The audit is one among rows that this head does not have.
    pub fn new(layer: &OutputLayer, audit: &Audit, rows: &RowLayout) -> Result<Self> {
        let (located, vocabulary) = (layer.located(), layer.vocabulary());
        let checkpoint = Place { checkpoint: layer.origin().clone(), from_folder: None };
        let mut audits: Vec<AuditSummary> = [audit]
            .into_iter()
            .chain(audit.free())
            .map(|audit| AuditSummary::new(&located.head, audit, vocabulary))
            .collect();
        audits[0].causes = Some(CausesSummary::of(audit, rows, vocabulary));
        Ok(Summary {
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
                kept: KeptRows::of(&located.head, audit)?,
                final_norm: located.final_norm.clone(),
                options: None,
            },
            threads: audit.threads(),
            audits,
            kind: RowKind::default(),
            run: None,
        })
    }

    /// Sets the path of the checkpoint from the folder of the results.
    pub fn with_way(mut self, way: Option<String>) -> Self {
        self.checkpoint.from_folder = way;
        self
    }

    /// Sets the options that chose the tensors, so that `verify` can choose the same.
    pub fn with_options(mut self, options: HeadOptions) -> Self {
        self.head.options = Some(options).filter(|options| *options != HeadOptions::default());
        self
    }

    /// Sets what the rows stand for.
    pub fn with_kind(mut self, kind: RowKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets when and by which command it was made.
    pub fn with_run(mut self, run: Option<Run>) -> Self {
        self.run = run;
        self
    }

    /// Sets the seeds of the samples for which efforts, margins, largest probabilities and best ranks were measured.
    pub fn with_seeds(mut self, [effort, margin, probability, rank]: [Option<u64>; 4]) -> Self {
        if let Some(summary) = &mut self.audits[0].effort {
            summary.sample_seed = effort;
        }
        if let Some(summary) = &mut self.audits[0].margin {
            summary.sample_seed = margin;
        }
        if let Some(summary) = &mut self.audits[0].max_probability {
            summary.sample_seed = probability;
        }
        if let Some(summary) = &mut self.audits[0].best_rank {
            summary.sample_seed = rank;
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
    /// Summarises one audit.
    fn new(head: &Head, audit: &Audit, vocabulary: Option<&Vocabulary>) -> Self {
        let tally = Tally::of(audit, vocabulary);
        let padding = Padding::from(tally.padding);
        AuditSummary {
            domain: audit.domain().to_string(),
            engine: audit.engine().name(),
            scope: audit.verdicts().len(),
            counts: tally.rows(),
            undecided_by_budget: (audit.counts().undecided > 0)
                .then(|| audit.undecided_by_budget()),
            token_counts: (padding.rows > 0).then_some(tally.tokens),
            padding: (padding.rows > 0).then_some(padding),
            radius: measured::radii(audit, vocabulary),
            effort: measured::efforts(audit, vocabulary),
            margin: measured::margins(audit, vocabulary),
            bias_needed: measured::bias_needed(audit, vocabulary),
            move_needed: measured::moves_needed(head, audit, vocabulary),
            max_probability: measured::probabilities(audit, vocabulary),
            best_rank: beams::summary(audit, vocabulary),
            causes: None,
            seconds: audit.seconds().clone(),
        }
    }
}
