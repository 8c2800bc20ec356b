//! The subcommand `unargmax logits`: show a model's most probable tokens at each position of a text.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;

use super::model::{
    Ids, Masked, ModelArguments, Opened, TextArguments, read_features, read_latents,
};
use super::progress::Bar;
use unargmax::reach::logits::{self, each_position, to_safetensors};
use unargmax::reach::ranking::{self, Scored};
use unargmax::reach::text::SpecialTokens;
use unargmax::report::files::OutputFolder;
use unargmax::report::own_files::check_replaceable;
use unargmax::transformer::{Batch, Input};

/// Run a model on a text and show the most probable tokens at each position.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    text: TextArguments,
    /// Add no tokens around the text (`[CLS]`, `<s>`, ...)
    #[arg(long, conflicts_with = "pair")]
    bare: bool,
    /// A second text: both are joined and get their segments as the tokenizer says ([CLS] TEXT [SEP] PAIR [SEP])
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "ids")]
    pair: Option<String>,
    /// The segment of each token, those that are added around the text included: 0,0,0,1,1 [default: 0 everywhere, or by
    /// --pair]
    #[arg(long, value_name = "LIST", conflicts_with = "pair")]
    segments: Option<Ids>,
    /// The text of the encoder, for a model that has one; --text is then what its decoder sees
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    source: Option<String>,
    /// The text of the encoder as token ids
    #[arg(long, value_name = "IDS", conflicts_with = "source")]
    source_ids: Option<Ids>,
    /// The log-mel features that the encoder of a model of sound (Whisper) reads: a .npy or safetensors file, bands x
    /// frames
    #[arg(long, value_name = "FILE", conflicts_with_all = ["source", "source_ids"])]
    features: Option<PathBuf>,
    /// Which positions see which: `bidirectional`, `causal`, `prefix:N` (the first N are seen by all), `latent:N`, or
    /// `permutation:2,0,1` (each sees those before it in this order) [default: as the model was trained]
    #[arg(long, value_name = "MASK")]
    mask: Option<Masked>,
    /// Predict each position without its own token (XLNet's query stream)
    #[arg(long)]
    blind: bool,
    /// A safetensors file with a tensor `latents`, blocks x d: the state at position 0 before each block
    #[arg(long, value_name = "FILE")]
    latents: Option<PathBuf>,
    /// How many tokens to show at each position
    #[arg(long, value_name = "K", default_value_t = 5)]
    top: usize,
    /// Write the hidden states of all layers into this safetensors file
    #[arg(long, value_name = "FILE")]
    hidden: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One position as it is printed: its token, and the most probable tokens there.
#[derive(Serialize)]
struct Shown {
    position: usize,
    id: u32,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u32>,
    top: Vec<Candidate>,
}

/// One of the most probable tokens at a position.
#[derive(Serialize)]
struct Candidate {
    id: u32,
    token: String,
    logit: f32,
    probability: f64,
}

/// Runs `unargmax logits`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(file) = &arguments.hidden {
        check_replaceable(file, logits::MARK).context("--hidden")?;
    }
    let bar = Bar::new(false)?;
    let opened = arguments.model.open(&bar)?;
    let (ids, segments) = ids(arguments, &opened)?;
    let mut batch = batch(arguments, &opened, &ids)?;
    batch.segments = segments.clone().map(|segments| vec![segments]);
    bar.stage("run");
    let states = opened.model.states(&batch)?;
    let mut positions = Vec::new();
    each_position(
        &opened.model,
        &states.state.get(0).map_err(unargmax::error::Error::from)?,
        |part| {
            for position in part {
                let top = ranking::top(position.logits, arguments.top);
                let segment = segments.as_ref().map(|segments| segments[position.at]);
                positions
                    .push(Shown { segment, ..shown(&opened, position.at, ids[position.at], &top) });
            }
            Ok(())
        },
    )?;
    if let Some(file) = &arguments.hidden {
        write(file, to_safetensors(&states, &ids)?).context("--hidden")?;
    }
    bar.finish();
    let mut out = io::stdout().lock();
    super::ignore_broken_pipe(if arguments.json {
        let value = serde_json::json!({
            "checkpoint": opened.path.display().to_string(),
            "family": opened.model.configuration().family,
            "tokens": opened.model.configuration().tokens,
            "positions": positions,
        });
        out.write_all((serde_json::to_string_pretty(&value)? + "\n").as_bytes())
    } else {
        print(&mut out, &positions)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the token ids of the text or of two texts, and the segment of each token, if it is not 0 everywhere.
fn ids(arguments: &Arguments, opened: &Opened) -> Result<(Vec<u32>, Option<Vec<u32>>)> {
    let configuration = opened.model.configuration();
    if configuration.has_encoder() && (arguments.pair.is_some() || arguments.segments.is_some()) {
        bail!(
            "{} has an encoder; --pair and --segments are for models of one stack",
            configuration.family
        );
    }
    let Some(second) = &arguments.pair else {
        let around = if arguments.bare { SpecialTokens::Bare } else { SpecialTokens::Added };
        let ids = arguments.text.ids(&arguments.model, opened, around)?;
        return Ok((ids, arguments.segments.as_ref().map(|Ids(segments)| segments.clone())));
    };
    let first = arguments.text.read()?;
    let (ids, segments) = arguments.model.tokenizer(opened)?.encode_pair(&first, second)?;
    // A model without segments takes two texts as well; transformers gives it none either.
    Ok((ids, configuration.takes_segments().then_some(segments)))
}

/// Builds the model's input from the ids: the mask, and for a model with an encoder the encoder's text.
fn batch(arguments: &Arguments, opened: &Opened, ids: &[u32]) -> Result<Batch> {
    let mut batch = Batch::ids(vec![ids.to_vec()]);
    if let Some(Masked(mask)) = &arguments.mask {
        batch = batch.masked(mask.clone());
    }
    batch.predict_blind = arguments.blind;
    batch.latents = arguments.latents.as_deref().map(read_latents).transpose()?;
    let source = match (&arguments.source, &arguments.source_ids, &arguments.features) {
        (Some(text), ..) => {
            let ids = arguments.model.tokenizer(opened)?.encode(text, SpecialTokens::Added)?;
            Some(Input::Ids(vec![ids]))
        }
        (None, Some(Ids(ids)), _) => Some(Input::Ids(vec![ids.clone()])),
        (None, None, Some(file)) => Some(Input::Features(read_features(file)?)),
        (None, None, None) => None,
    };
    match (opened.model.configuration().has_encoder(), source) {
        (true, None) if opened.model.configuration().reads_sound() => bail!(
            "the encoder of {} reads log-mel features of sound: give them by --features, and what the decoder sees by \
             --text or --ids",
            opened.model.configuration().family
        ),
        (true, Some(source)) => Ok(batch.from_source(source)),
        (true, None) => bail!(
            "{} has an encoder: give its text by --source or --source-ids, and what the decoder sees by --text or --ids",
            opened.model.configuration().family
        ),
        (false, Some(_)) => bail!(
            "{} has no encoder, so there is no place for --source or --features",
            opened.model.configuration().family
        ),
        (false, None) => Ok(batch),
    }
}

/// Adds the token texts to the scores of one position.
fn shown(opened: &Opened, position: usize, id: u32, top: &[Scored]) -> Shown {
    let candidate = |s: &Scored| Candidate {
        id: s.token,
        token: opened.label(s.token),
        logit: s.logit,
        probability: s.probability,
    };
    let top = top.iter().map(candidate).collect();
    Shown { position, id, token: opened.label(id), segment: None, top }
}

/// Writes one file, whole or not at all, into its folder.
fn write(file: &Path, bytes: Vec<u8>) -> Result<()> {
    let Some(name) = file.file_name() else { bail!("{} names no file", file.display()) };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Ok(OutputFolder::open(folder)?.write(&[(name, bytes)])?)
}

/// Prints one line per position.
fn print(out: &mut impl Write, positions: &[Shown]) -> io::Result<()> {
    let width = positions.iter().map(|p| p.token.chars().count()).max().unwrap_or(0).min(24);
    writeln!(out, "position  token and the most probable tokens there")?;
    for position in positions {
        write!(out, "{:>8}  {:<width$} ", position.position, position.token)?;
        for candidate in &position.top {
            write!(out, "  {} {:.4}", candidate.token, candidate.probability)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
