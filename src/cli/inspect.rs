//! The subcommand `unargmax inspect`: show what a checkpoint holds and which head is chosen, without an audit.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::input::HeadArguments;
use super::progress::Bar;
use unargmax::report::inspection::Inspection;

/// Say which head is chosen and why, what stands before it and what its rows look like, without an audit.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    head: HeadArguments,
    /// Print JSON, as `audit --out` writes it to inspect.json
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

/// Runs `unargmax inspect`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let layer = arguments.head.read()?;
    bar.stage("inspect");
    let inspection = Inspection::of(&layer);
    bar.finish();
    let print = || -> io::Result<()> {
        let mut out = io::stdout().lock();
        match arguments.json {
            true => out.write_all(inspection.to_json().as_bytes())?,
            false => inspection.write(&mut out)?,
        }
        out.flush()
    };
    super::ignore_broken_pipe(print())?;
    Ok(ExitCode::SUCCESS)
}
