//! Writes `inspect.json` and its text: the content of a checkpoint and the chosen head, without an audit.

use std::io::{self, Write};

use serde::Serialize;

use super::inspected_rows::InspectedRows;
use super::table::rounded;
use crate::causes::RowLayout;
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::head::statistics::Statistics;
use crate::locate::Tying;
use crate::locate::activation::Activation;
use crate::locate::final_norm::FinalNorm;
use crate::output_layer::{Candidate, Origin, OutputLayer};

/// The name of the file in the output folder.
pub const FILE: &str = "inspect.json";

/// The version of the layout; fields are only ever added.
const SCHEMA: &str = "unargmax inspect 1";

/// The most matrices listed in addition to the chosen one.
const CANDIDATES: usize = 12;

/// The result of `inspect`.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    schema: &'static str,
    tool: &'static str,
    version: &'static str,
    checkpoint: Origin,
    candidates: Vec<Candidate>,
    head: Chosen,
    before: BeforeHead,
    vocabulary: Option<Names>,
    statistics: Statistics,
    rows: InspectedRows,
}

#[derive(Clone, Debug, Serialize)]
/// The chosen head.
struct Chosen {
    weight: String,
    bias: Option<String>,
    transposed: bool,
    tied: Option<bool>,
    tied_to: Option<String>,
    tokens: usize,
    dim: usize,
    dtype: String,
    sha256: String,
    why: String,
    family: Option<&'static str>,
    source: Option<&'static str>,
    notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
/// What lies before the head in the model, and the domain that follows from it.
struct BeforeHead {
    norm: Option<FinalNorm>,
    activation: Option<Activation>,
    domain: String,
    why: String,
}

#[derive(Clone, Debug, Serialize)]
/// The vocabulary: its source and the number of tokens of each kind.
struct Names {
    source: Option<String>,
    ordinary: usize,
    special: usize,
    unused: usize,
    byte: usize,
    padding: usize,
    /// The ids of padding as ranges that include both ends.
    padding_ids: Vec<(usize, usize)>,
}

impl Inspection {
    /// Inspects a head, including the statistics of all its rows.
    pub fn of(layer: &OutputLayer) -> Self {
        Inspection::with(layer, &RowLayout::of(layer.head(), None))
    }

    /// The same of a head whose rows are known to lie so.
    pub fn with(layer: &OutputLayer, rows: &RowLayout) -> Self {
        let (located, candidates) = (layer.located(), layer.candidates());
        let (domain, why) = (layer.domain(), layer.domain_reason());
        let vocabulary = layer.vocabulary().map(|v| (v, layer.vocabulary_source()));
        let checkpoint = layer.origin();
        let head = &located.head;
        // The chosen tensor is always listed; with tied weights its listed name may be that of the embedding.
        let is_chosen = |c: &Candidate| {
            c.name == located.weight
                || matches!(&located.tying, Tying::Tied(embedding) if *embedding == c.name)
        };
        let (first, rest): (Vec<Candidate>, Vec<Candidate>) =
            candidates.iter().cloned().partition(is_chosen);
        let tied_to = match &located.tying {
            Tying::Tied(embedding) => Some(embedding.clone()),
            Tying::Separate | Tying::Unknown => None,
        };
        Inspection {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            checkpoint: checkpoint.clone(),
            candidates: first.into_iter().chain(rest).take(CANDIDATES).collect(),
            head: Chosen {
                weight: located.weight.clone(),
                bias: located.bias.clone(),
                transposed: located.transposed,
                tied: located.tying.is_tied(),
                tied_to,
                tokens: head.tokens(),
                dim: head.dim(),
                dtype: located.dtype.to_string(),
                sha256: head.sha256(),
                why: located.why.clone(),
                family: located.family,
                source: located.source,
                notes: located.notes.clone(),
            },
            before: BeforeHead {
                norm: located.final_norm.clone(),
                activation: located.activation.clone(),
                domain: domain.to_string(),
                why: why.to_owned(),
            },
            vocabulary: vocabulary.map(|(v, source)| names(v, source)),
            statistics: Statistics::of(head),
            rows: InspectedRows::of(rows, layer.vocabulary()),
        }
    }

    /// The statistics of the head's rows.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The inspection as indented JSON with a final newline.
    pub fn to_json(&self) -> String {
        // The structure holds only strings and finite numbers, which always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Writes the inspection for a terminal.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Origin { path, bytes, format } = &self.checkpoint;
        let (head, before) = (&self.head, &self.before);
        writeln!(out, "file    {path}: {format}, {bytes} bytes")?;
        for (k, candidate) in self.candidates.iter().enumerate() {
            let first = if k == 0 { "tensors" } else { "" };
            let Candidate { name, shape, dtype } = candidate;
            let chosen = match *name == head.weight || head.tied_to.as_ref() == Some(name) {
                true => "  <- the head",
                false => "",
            };
            writeln!(out, "{first:<8}`{name}` {shape:?} {dtype}{chosen}")?;
        }
        let turned = if head.transposed { ", stored d x V" } else { "" };
        writeln!(out, "head    `{}` ({})", head.weight, head.why)?;
        writeln!(
            out,
            "        {} tokens x {} dimensions, {}{turned}",
            head.tokens, head.dim, head.dtype
        )?;
        if let Some(source) = head.source {
            writeln!(out, "rule    {source}")?;
        }
        let tied = match (&head.tied, &head.tied_to) {
            (Some(true), Some(embedding)) => format!("yes, to `{embedding}`"),
            (Some(true), None) => "yes".to_owned(),
            (Some(false), _) => "no".to_owned(),
            (None, _) => "not known".to_owned(),
        };
        writeln!(out, "tied    {tied}")?;
        writeln!(
            out,
            "bias    {}",
            head.bias.as_ref().map_or("none".into(), |b| format!("`{b}`"))
        )?;
        if let Some(norm) = &before.norm {
            writeln!(out, "before  {norm}")?;
        }
        writeln!(out, "domain  {} (auto: {})", before.domain, before.why)?;
        for note in &head.notes {
            writeln!(out, "note    {note}")?;
        }
        match &self.vocabulary {
            None => writeln!(out, "tokens  no vocabulary")?,
            Some(names) => {
                let source = names.source.as_deref().unwrap_or("asked for");
                writeln!(
                    out,
                    "tokens  {source}: {} ordinary, {} special, {} unused, {} byte, {} padding",
                    names.ordinary, names.special, names.unused, names.byte, names.padding
                )?;
                if names.padding > 0 {
                    let ranges: Vec<String> = names
                        .padding_ids
                        .iter()
                        .take(6)
                        .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
                        .collect();
                    let more = if names.padding_ids.len() > 6 { ", ..." } else { "" };
                    writeln!(out, "        padding ids {}{more}", ranges.join(", "))?;
                }
            }
        }
        self.write_statistics(out)?;
        self.rows.write(out)
    }

    /// Writes the statistics of the rows.
    fn write_statistics(&self, out: &mut impl Write) -> io::Result<()> {
        let seen = &self.statistics;
        writeln!(
            out,
            "equal   {} tokens in {} groups tie, {} are dominated by a larger bias, {} rows are zero",
            seen.tied_tokens,
            seen.tied_groups,
            seen.dominated_tokens,
            seen.zero_rows.len()
        )?;
        let line = |numbers: &[f64; 9]| {
            let at = |k: usize| rounded(numbers[k]);
            format!(
                "{} .. {} .. {} (least, median, greatest); 5 % {}, 95 % {}",
                at(0),
                at(4),
                at(8),
                at(2),
                at(6)
            )
        };
        writeln!(
            out,
            "norms   {}; mean row {}",
            line(&seen.row_norms),
            rounded(seen.mean_row_norm)
        )?;
        if let Some(biases) = &seen.biases {
            writeln!(out, "biases  {}", line(biases))?;
        }
        let values = &seen.singular_values;
        if values.is_empty() {
            return writeln!(
                out,
                "rank    not computed: the head is too wide for its singular values"
            );
        }
        let at = |part: f64| rounded(values[(part * (values.len() - 1) as f64).round() as usize]);
        let sampled = match seen.spectrum_rows < self.head.tokens {
            true => format!("; from {} rows, spread evenly", seen.spectrum_rows),
            false => String::new(),
        };
        let Some(rank) = seen.rank else {
            return writeln!(
                out,
                "rank    not computed; the {} leading singular values of {}: {} .. {} .. {}{sampled}",
                values.len(),
                self.head.dim,
                at(0.0),
                at(0.5),
                at(1.0)
            );
        };
        writeln!(
            out,
            "rank    {rank} of {} (to {} of the largest); singular values {} .. {} .. {}{sampled}",
            self.head.dim,
            rounded(seen.rank_tolerance),
            at(0.0),
            at(0.5),
            at(1.0)
        )
    }
}

/// Counts the tokens of each kind.
fn names(vocabulary: &Vocabulary, source: Option<&str>) -> Names {
    let mut padding_ids: Vec<(usize, usize)> = Vec::new();
    for (id, _) in vocabulary.tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Padding) {
        match padding_ids.last_mut() {
            Some(last) if last.1 + 1 == id => last.1 = id,
            _ => padding_ids.push((id, id)),
        }
    }
    Names {
        source: source.map(str::to_owned),
        ordinary: vocabulary.count(Kind::Ordinary),
        special: vocabulary.count(Kind::Special),
        unused: vocabulary.count(Kind::Unused),
        byte: vocabulary.count(Kind::Byte),
        padding: vocabulary.count(Kind::Padding),
        padding_ids,
    }
}
