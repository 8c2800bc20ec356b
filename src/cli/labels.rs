//! The subcommand `unargmax labels`: which sets of labels are feasible under sigmoids.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::input::HeadArguments;
use super::interruption;
use super::progress::Bar;
use super::{audit, selection};
use unargmax::labels::{decide_with_progress, sample};
use unargmax::report::files::OutputFolder;
use unargmax::report::label_sets::{LabelReport, Sample};
use unargmax::report::{command, own_files};

/// Decide for sets of labels, and prove it: does some hidden state give exactly these labels logits above 0, and all
/// others logits below 0?
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    head: HeadArguments,
    /// The sets, one per line: ids, ranges of ids or label names, separated by commas. An empty line is the empty set,
    /// which asks whether all logits can be below 0
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "sample",
        conflicts_with = "sample"
    )]
    sets: Option<PathBuf>,
    /// Draw so many different sets at random
    #[arg(long, value_name = "N", requires = "size")]
    sample: Option<usize>,
    /// The number of labels of each set that is drawn
    #[arg(long, value_name = "K", requires = "sample")]
    size: Option<usize>,
    /// The seed by which sets are drawn
    #[arg(long, value_name = "S", default_value_t = 1, requires = "sample")]
    seed: u64,
    /// Where hidden states lie, as for `audit`
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    domain: String,
    /// Write sets.csv, sets.json and certificate.safetensors into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace files of these names that were not written by unargmax
    #[arg(long, requires = "out")]
    force: bool,
    /// How many sets that are not feasible to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
    /// Threads [default: all cores]; the verdicts do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
    /// Print the summary as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// Runs `unargmax labels`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    interruption::end_when_interrupted(arguments.out.is_some());
    let open = |out| OutputFolder::open_for(out, &own_files::LABEL_SETS, |_| true, arguments.force);
    let folder = arguments.out.as_ref().map(open).transpose().context("--out")?;
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let layer = arguments.head.read()?;
    let (domain, reason) = audit::domain(&arguments.domain, &layer)?;
    let (head, vocabulary) = (layer.head(), layer.vocabulary());
    let (sets, drawn) = match (&arguments.sets, arguments.sample, arguments.size) {
        (Some(file), ..) => (selection::sets(file, head.tokens(), vocabulary)?, None),
        (None, Some(count), Some(size)) => {
            let seed = arguments.seed;
            let sets = sample::sample(head.tokens(), count, size, seed).context("--sample")?;
            (sets, Some(Sample { size, seed }))
        }
        _ => bail!("name the sets by --sets FILE, or draw some by --sample N --size K"),
    };
    let threads = arguments.threads.map_or(0, usize::from);
    let sets = decide_with_progress(head, &domain, sets, threads, &bar)?;
    let places = folder.as_ref().zip(arguments.head.checkpoint.as_ref());
    let report = LabelReport {
        layer: &layer,
        from_folder: places.and_then(|(folder, path)| command::way(folder.path(), path)),
        options: arguments.head.tensors.options(),
        sets: &sets,
        reason: &reason,
        sample: drawn,
        seconds: started.elapsed().as_secs_f64(),
    };
    let written = folder.map(|folder| interruption::write(&folder, &report.files()?));
    bar.finish();
    let print = || -> io::Result<()> {
        let mut out = io::stdout().lock();
        match (arguments.json, arguments.quiet) {
            (true, _) => out.write_all(report.summary().as_bytes())?,
            (false, true) => {}
            (false, false) => report.write(&mut out, arguments.list)?,
        }
        out.flush()
    };
    let printed = print();
    written.transpose().context("--out")?;
    super::ignore_broken_pipe(printed)?;
    Ok(ExitCode::SUCCESS)
}
