//! `unargmax verify`: a checkpoint, a certificate, and whether its verdicts stand.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::CONDITION;
use super::input::HeadArguments;
use super::progress::Bar;
use super::selection;
use unargmax::certificate::Certificate;
use unargmax::verify::{Claim, Verification, verify_telling};

/// Check every verdict of a certificate against the head it speaks of.
#[derive(Debug, Args)]
#[command(override_usage = "unargmax verify [OPTIONS] [CHECKPOINT] <CERTIFICATE>")]
pub struct Arguments {
    /// The checkpoint, then the certificate.safetensors of its audit; the certificate alone is for the
    /// bundled head
    #[arg(num_args = 1..=2, required = true, value_names = ["CHECKPOINT", "CERTIFICATE"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    head: super::input::TensorArguments,
    /// Check only the verdicts of these tokens: `5,17,100-200`, or `@FILE` with an id or a token a line
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: Option<String>,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
    /// How many refusals to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
}

/// Runs a check.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    let (checkpoint, certificate) = match &arguments.files[..] {
        [checkpoint, certificate] => (Some(checkpoint.clone()), certificate),
        [certificate, ..] => (None, certificate),
        [] => anyhow::bail!("name a checkpoint and a certificate"),
    };
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let input = HeadArguments { checkpoint, tensors: arguments.head.clone() }.read()?;
    let head = &input.located.head;
    let certificate = Certificate::open(certificate)?;
    let tokens = arguments
        .tokens
        .as_ref()
        .map(|t| selection::parse(t, head.tokens(), input.vocabulary.as_ref()));
    let tokens = tokens.transpose()?;
    let verification = verify_telling(head, &certificate, tokens.as_deref(), &bar);
    bar.finish();
    let mut out = io::stdout().lock();
    super::unless_unread(if arguments.json {
        let text = serde_json::to_string_pretty(&verification)? + "\n";
        out.write_all(text.as_bytes())
    } else {
        print(&mut out, &verification, started.elapsed().as_secs_f64(), arguments.list)
    })?;
    Ok(if verification.is_accepted() { ExitCode::SUCCESS } else { ExitCode::from(CONDITION) })
}

fn print(
    out: &mut impl Write,
    verification: &Verification,
    seconds: f64,
    shown: usize,
) -> io::Result<()> {
    for reason in &verification.refused {
        writeln!(out, "refused: {reason}")?;
    }
    for audit in &verification.audits {
        let scope = if audit.complete { "all tokens" } else { "some tokens" };
        writeln!(out, "domain {}, {scope}", audit.domain)?;
        for (claim, count) in &audit.accepted {
            writeln!(out, "  {:<12} {count:>8} accepted", format!("{claim:?}").to_lowercase())?;
        }
        if audit.accepted.is_empty() {
            writeln!(out, "  no verdict accepted")?;
        }
        if !audit.refused.is_empty() {
            writeln!(out, "  {} refused:", audit.refused.len())?;
        }
        for refusal in audit.refused.iter().take(shown) {
            let token = refusal.token.map_or("the audit".to_owned(), |t| format!("token {t}"));
            writeln!(out, "    {token}: {}", refusal.reason)?;
        }
    }
    let undecided: usize =
        verification.audits.iter().filter_map(|a| a.accepted.get(&Claim::Undecided)).sum();
    let note = if undecided > 0 { " (undecided ones claim only a bound)" } else { "" };
    let word = if verification.is_accepted() { "accepted" } else { "REFUSED" };
    writeln!(out, "certificate {word} in {seconds:.2} s{note}")
}
