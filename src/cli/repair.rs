//! The subcommand `unargmax repair`: change biases or rows so that lost tokens can win, prove it, and write the file.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::input::HeadArguments;
use super::progress::Bar;
use super::{audit, interruption, selection};
use unargmax::repair::{self, Part, Request, Target, canonical};
use unargmax::report::patched_file;
use unargmax::report::repaired::RepairReport;

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
    /// Change rows in place of biases: tied tokens and tokens of heads without a bias are freed too
    #[arg(long)]
    rows: bool,
    /// With --rows: change a tensor that is used elsewhere as well, such as the embedding of a tied head
    #[arg(long, requires = "rows")]
    change_embedding: bool,
    /// By how many logits a freed token shall win at its witness
    #[arg(long, value_name = "LOGITS", default_value = "0.001", value_parser = positive)]
    margin: f64,
    /// Refuse a repair that changes a bias by more than this
    #[arg(long, value_name = "LOGITS", value_parser = positive)]
    max_change: Option<f64>,
    /// Threads [default: all cores]; the result does not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
}

/// Parses a number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| format!("`{text}` is no number above 0"))
}

/// Runs `unargmax repair`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    interruption::end_when_interrupted(true);
    let Some(checkpoint) = &arguments.head.checkpoint else {
        bail!("repair changes a file: name a checkpoint before the options");
    };
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
        .map(|text| selection::parse(text, layer.head().tokens(), layer.vocabulary()))
        .transpose()?;
    let request = Request {
        tokens: tokens.as_deref(),
        kept: None,
        precision: target.precision(),
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
    bar.stage("write");
    patched_file::write(&arguments.out, &patched, |written| target.check(written, &repair.head))
        .context("--out")?;
    bar.finish();
    if !arguments.quiet {
        let report =
            RepairReport { layer: &layer, target: &target, repair: &repair, reason: &reason };
        let mut out = io::stdout().lock();
        let printed = report
            .write(&mut out, &arguments.out, started.elapsed().as_secs_f64())
            .and_then(|()| out.flush());
        super::ignore_broken_pipe(printed)?;
    }
    Ok(ExitCode::SUCCESS)
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
