//! The subcommand `unargmax repair`: change biases or rows so that lost tokens can win, prove it, and write the file.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::input::HeadArguments;
use super::progress::Bar;
use super::{audit, interruption, selection};
use unargmax::checkpoint::{self, Values};
use unargmax::output_layer::OutputLayer;
use unargmax::reach::corpus::{Corpus, Texts};
use unargmax::reach::observe;
use unargmax::reach::text::{Tokenizer, TokenizerSource};
use unargmax::repair::{self, Kept, Least, Part, Request, Target, canonical};
use unargmax::report::files::OutputFolder;
use unargmax::report::repaired::RepairReport;
use unargmax::report::run::Run;
use unargmax::report::{own_files, patched_file};
use unargmax::transformer::{self, Transformer};

/// Change the biases (or rows) of a head as little as possible, so that lost tokens can win and every token that could win
/// still can; prove it by an audit of the changed head, and write the file with that one tensor changed.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    head: HeadArguments,
    /// Write the repaired file here: the checkpoint, or the file of it that holds the tensor, with that one tensor changed
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
    /// Where hidden states lie, as for `audit`
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    domain: String,
    /// Free only these lost tokens: `5,17,100-200`, or `@FILE` with one id or token per line [default: all lost tokens]
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: Option<String>,
    /// Keep the winner of each of these hidden states: a safetensors file with a matrix `state` (N x d), as `logits --hidden`
    /// writes it, or with a single matrix
    #[arg(long, value_name = "FILE")]
    keep_states: Option<PathBuf>,
    /// Keep the winner at each position of this text, one text a line: the checkpoint must be a whole model that runs
    #[arg(long, value_name = "FILE", conflicts_with = "keep_states")]
    keep_corpus: Option<PathBuf>,
    /// Which changes of biases are the smallest: raises alone, with the least sum, or raises and lowerings, with about half of
    /// the largest change
    #[arg(long, value_enum, default_value = "sum", conflicts_with = "rows")]
    least: LeastName,
    /// Change rows in place of biases: tied tokens and tokens of heads without a bias are freed too
    #[arg(long)]
    rows: bool,
    /// With --rows: change a tensor that is used elsewhere as well, such as the embedding of a tied head
    #[arg(long, requires = "rows")]
    change_embedding: bool,
    /// By how many logits a freed token shall win at its witness
    #[arg(long, value_name = "LOGITS", default_value = "0.001", value_parser = positive)]
    margin: f64,
    /// Refuse a repair that changes a bias by more than this, in logits, or with --rows a row, in Euclidean length
    #[arg(long, value_name = "X", value_parser = positive)]
    max_change: Option<f64>,
    /// Write the audit of the repaired head into this folder, as `audit --out` does, with repair.json and repair.html
    #[arg(long, value_name = "DIR")]
    out_audit: Option<PathBuf>,
    /// Threads [default: all cores]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LeastName {
    Sum,
    Largest,
}

/// Parses a number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| format!("`{text}` is no number above 0"))
}

/// The longest window of a text, in tokens, unless the model's context is shorter.
const WINDOW: usize = 512;

/// Runs `unargmax repair`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (started, run) = (Instant::now(), Run::of_this_process()?);
    interruption::end_when_interrupted(true);
    let Some(checkpoint) = &arguments.head.checkpoint else {
        bail!("repair changes a file: name a checkpoint before the options");
    };
    let open = |out| OutputFolder::open_for(out, &own_files::REPAIR, |_| true, arguments.force);
    let folder = arguments.out_audit.as_ref().map(open).transpose().context("--out-audit")?;
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let layer = arguments.head.read()?;
    let part = if arguments.rows { Part::Rows } else { Part::Biases };
    let target = Target::of(checkpoint, layer.located(), part)?;
    if let Some(other) = target.shared().filter(|_| !arguments.change_embedding) {
        bail!(
            "{}: the tensor `{}` is also {other}, so moving its rows would change what the model reads, not only what it can \
             write; --change-embedding accepts that, and without --rows biases are changed",
            target.file().display(),
            target.name()
        );
    }
    check_place(arguments, &target)?;
    let (domain, reason) = audit::domain(&arguments.domain, &layer)?;
    let tokens = arguments.tokens.as_ref();
    let tokens = tokens
        .map(|text| {
            let names = (layer.vocabulary(), arguments.head.checkpoint.as_deref());
            selection::parse(text, layer.head().tokens(), names)
        })
        .transpose()?;
    let kept = kept(arguments, &layer, &bar)?;
    let request = Request {
        tokens: tokens.as_deref(),
        kept: kept.as_ref(),
        precision: target.precision(),
        least: match arguments.least {
            LeastName::Sum => Least::Sum,
            LeastName::Largest => Least::Largest,
        },
        margin: arguments.margin,
        max_change: arguments.max_change.unwrap_or(f64::INFINITY),
        threads: arguments.threads.map_or(0, usize::from),
        progress: &bar,
    };
    let repair = match part {
        Part::Biases => repair::biases(layer.head(), &domain, request)?,
        Part::Rows => repair::rows(layer.head(), &domain, request)?,
    };
    let patched = target.patched(&repair.head)?;
    let report = RepairReport {
        layer: &layer,
        target: &target,
        repair: &repair,
        reason: &reason,
        request,
        file: &arguments.out,
        recompressed: patched.is_recompressed(),
        options: arguments.head.tensors.options(),
        run,
    };
    let files = folder.as_ref().map(|folder| report.files(folder.path())).transpose()?;
    bar.stage("write");
    patched_file::write(&arguments.out, &patched, |written| target.check(written, &repair.head))
        .context("--out")?;
    if let Some((folder, files)) = folder.as_ref().zip(files) {
        interruption::write(folder, &files).context("--out-audit")?;
    }
    bar.finish();
    if !arguments.quiet {
        let mut out = io::stdout().lock();
        let printed = report.write(&mut out, started.elapsed().as_secs_f64());
        super::ignore_broken_pipe(printed.and_then(|()| out.flush()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads or computes the hidden states whose winners must stay.
fn kept(arguments: &Arguments, layer: &OutputLayer, bar: &Bar) -> Result<Option<Kept>> {
    let states = match (&arguments.keep_states, &arguments.keep_corpus) {
        (Some(file), _) => read_states(file)?,
        (None, Some(corpus)) => {
            let checkpoint = arguments.head.checkpoint.as_deref().unwrap_or(Path::new(""));
            states_of(checkpoint, corpus, bar)?
        }
        (None, None) => return Ok(None),
    };
    ensure!(!states.is_empty(), "there is no hidden state to keep");
    Ok(Some(Kept::new(layer.head(), states)?))
}

/// Reads the rows of the matrix `state`, or of the only matrix, of a file.
fn read_states(file: &Path) -> Result<Vec<Vec<f64>>> {
    let place = || format!("--keep-states {}", file.display());
    let opened = checkpoint::open(file).with_context(place)?;
    let matrices: Vec<&str> = opened
        .tensors()
        .iter()
        .filter(|info| info.shape.len() == 2)
        .map(|info| info.name.as_str())
        .collect();
    let name = match matrices.iter().find(|name| **name == "state") {
        Some(name) => name,
        None => match matrices.as_slice() {
            [only] => only,
            _ => bail!(
                "{}: it has {} matrices and none is called `state`; write the states as rows of one matrix",
                place(),
                matrices.len()
            ),
        },
    };
    let tensor = opened.read(name).with_context(place)?;
    let width = tensor.info.shape[1].max(1);
    let numbers: Vec<f64> = match tensor.values {
        Values::F32(x) => x.into_iter().map(f64::from).collect(),
        Values::F64(x) => x,
    };
    Ok(numbers.chunks(width).map(<[f64]>::to_vec).collect())
}

/// Runs the model at `checkpoint` over a text, each line by itself, and returns the hidden states of all positions.
fn states_of(checkpoint: &Path, corpus: &Path, bar: &Bar) -> Result<Vec<Vec<f64>>> {
    let place = || format!("--keep-corpus {}", corpus.display());
    bar.stage("states");
    let opened = checkpoint::open(checkpoint)?;
    let model = Transformer::of(opened.as_ref(), checkpoint, transformer::Options::default())
        .with_context(place)?;
    if model.configuration().has_encoder() {
        bail!("{}: the model has an encoder, whose text a corpus does not give", place());
    }
    let tokenizer = Tokenizer::of(opened.as_ref(), checkpoint, &TokenizerSource::Stated)?;
    let window = model.configuration().context.unwrap_or(WINDOW).min(WINDOW);
    let file = BufReader::new(File::open(corpus).with_context(place)?);
    let mut corpus = Corpus::new(file, corpus, &tokenizer, Texts::Lines, window)?;
    let mut states = Vec::new();
    while let Some(ids) = corpus.window()? {
        states.extend(observe::window_states(&model, ids)?);
    }
    Ok(states)
}

/// Refuses to write over the file that is repaired, and over another one without `--force`.
fn check_place(arguments: &Arguments, target: &Target) -> Result<()> {
    let out = &arguments.out;
    ensure!(
        canonical(out) != canonical(target.file()),
        "--out {}: this is the file that is repaired; name another one",
        out.display()
    );
    ensure!(!out.is_dir(), "--out {}: this is a folder; name a file", out.display());
    ensure!(
        arguments.force || out.symlink_metadata().is_err(),
        "--out {}: is there already; name another file, or replace it by --force",
        out.display()
    );
    Ok(())
}
