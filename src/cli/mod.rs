//! The command line: the only module that knows clap. Arguments are parsed here and resolved in the subcommands; the
//! rest of the library never sees them. It is in the library so that the Python package carries the command, too.

mod audit;
mod bounded;
mod claims;
mod compare;
mod export;
mod generate;
mod input;
mod inspect;
mod interruption;
mod labels;
mod logits;
mod memory;
mod mistakes;
mod model;
mod observe;
mod pattern;
mod progress;
mod reach;
mod repair;
mod report;
pub mod selection;
mod shell;
mod stamps;
mod tune;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

pub use audit::domain;

/// Exit status where a condition of `--fail-on` holds, or a certificate is refused.
const CONDITION: u8 = 1;
/// Exit status of an error.
const ERROR: u8 = 2;
/// Exit status where a model does what an audit proved impossible.
const CONTRADICTION: u8 = 3;

/// Which tokens can a language model never output? Decided and proved for every token.
#[derive(Debug, Parser)]
#[command(name = "unargmax", version, arg_required_else_help = true, max_term_width = 100)]
#[command(
    after_help = "Try `unargmax audit` without a checkpoint: it audits a bundled real model.\n\
    Exit status: 0 done, 1 a condition asked for by --fail-on or a refused certificate, 2 an error, 3 an \
    observation or search that contradicts an audit."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

// The variants differ much in size, but only one value is ever made.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Inspect(inspect::Arguments),
    Repair(repair::Arguments),
    Labels(labels::Arguments),
    Verify(verify::Arguments),
    Export(export::Arguments),
    Report(report::Arguments),
    Compare(compare::Arguments),
    Logits(logits::Arguments),
    Generate(generate::Arguments),
    Pattern(pattern::Arguments),
    Observe(observe::Arguments),
    Reach(reach::Arguments),
    Completions(shell::Completions),
    /// Print the manual pages, in roff
    Man,
}

/// Parses the arguments, of which the first is the name of the program, runs the subcommand, and returns the exit status.
pub fn run(arguments: &[OsString]) -> ExitCode {
    let command = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.command,
        Err(mistake) => return mistakes::told(&mistake, arguments),
    };
    let result = match command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Labels(arguments) => labels::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Logits(arguments) => logits::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Pattern(arguments) => pattern::run(&arguments),
        Command::Observe(arguments) => observe::run(&arguments),
        Command::Reach(arguments) => reach::run(&arguments),
        Command::Completions(arguments) => shell::completions(&arguments),
        Command::Man => shell::man(),
    };
    match result {
        Ok(code) => code,
        // A reader that closes the pipe (`| head`) is no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unargmax: error: {}", one_line(&format!("{error:#}")));
            ExitCode::from(ERROR)
        }
    }
}

/// Parses a number of seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|e| e.to_string())
}

/// Escapes control characters, so that an error stays on one line whatever path or token it quotes.
fn one_line(message: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    message.trim_end().chars().map(escaped).collect()
}

/// Ignores a broken pipe: a reader that stops early (`| head`) does not change the outcome.
fn ignore_broken_pipe(printed: std::io::Result<()>) -> std::io::Result<()> {
    match printed {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Whether the error was caused by a reader that closed the pipe.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
