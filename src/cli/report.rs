//! The subcommand `unargmax report`: write the report of an audit again, from the files of the audit.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::progress::Bar;
use unargmax::report::files::OutputFolder;
use unargmax::report::results::Reported;
use unargmax::report::{folder, own_files};

/// Write report.html, summary.md and unargmax_mqc.json again, from the files of an audit alone.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The folder that `audit --out` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Also write each picture as an SVG file
    #[arg(long)]
    svg: bool,
    /// Replace report.html, summary.md, unargmax_mqc.json and pictures that were not written by unargmax
    #[arg(long)]
    force: bool,
}

/// Runs `unargmax report`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let bar = Bar::new(false)?;
    bar.stage("report");
    let reported = Reported::open(&arguments.folder)?;
    let files = folder::files(&reported, arguments.svg);
    let product = if arguments.svg { &own_files::REPORT_WITH_PICTURES } else { &own_files::REPORT };
    OutputFolder::open_for(&arguments.folder, product, |_| true, arguments.force)?
        .write(&files)
        .context("report")?;
    bar.finish();
    let mut out = io::stdout().lock();
    let names = files
        .iter()
        .try_for_each(|(name, _)| writeln!(out, "{}", arguments.folder.join(name).display()));
    super::ignore_broken_pipe(names)?;
    Ok(ExitCode::SUCCESS)
}
