//! The subcommand `unargmax verify`: check the verdicts of a certificate against a checkpoint; for an output folder
//! also check that its table agrees with the certificate.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::CONDITION;
use super::claims::{Claims, Stated};
use super::input::TensorArguments;
use super::progress::Bar;
use super::selection;
use unargmax::certificate::SubjectKind;
use unargmax::report::consistency::Difference;
use unargmax::report::results::{SUMMARY, VERDICTS};
use unargmax::report::terms::RowKind;
use unargmax::verify::{Claim, Verification, verify_with_progress};

/// Check every verdict of a certificate against the head it speaks of.
#[derive(Debug, Args)]
#[command(override_usage = "unargmax verify [OPTIONS] [CHECKPOINT] <CERTIFICATE|DIR>")]
pub struct Arguments {
    /// The checkpoint, then the certificate.safetensors of its audit, or the folder that `audit --out` or
    /// `labels --out` wrote: the table there is compared with the certificate as well. A folder alone names its checkpoint itself; a certificate alone is
    /// for the bundled head
    #[arg(num_args = 0..=2, value_names = ["CHECKPOINT", "CERTIFICATE|DIR"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    head: TensorArguments,
    /// Check only the verdicts of these tokens: `5,17,100-200`, or `@FILE` with one id or token per line
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

/// Runs `unargmax verify`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let claims = Claims::named(&arguments.files, "verify")?;
    let input = claims.layer(&arguments.head, arguments.tokens.is_some())?;
    let head = input.head();
    let tokens = arguments.tokens.as_ref().map(|t| {
        let names = (input.vocabulary(), claims.checkpoint.as_deref());
        selection::parse(t, head.tokens(), names)
    });
    let tokens = tokens.transpose()?;
    let mut verification = verify_with_progress(head, &claims.certificate, tokens.as_deref(), &bar);
    bar.finish();
    if !verification.refused.is_empty() && claims.checkpoint.is_none() && claims.stated.is_none() {
        let hint = "the bundled head was taken, since no checkpoint was named: unargmax verify CHECKPOINT CERTIFICATE";
        verification.refused.push(hint.to_owned());
    }
    let differences = claims.stated.as_ref().map(|s| s.differences(&claims.certificate));
    let outcome = Outcome {
        checkpoint: &input.origin().path,
        rows: head.tokens(),
        padding: claims.stated.as_ref().map_or(0, Stated::padding),
        kind: claims.stated.as_ref().map_or(RowKind::Tokens, Stated::kind),
        verification: &verification,
        names: claims.stated.as_ref().map_or([SUMMARY, VERDICTS], Stated::names),
        differences: differences.as_deref(),
    };
    let mut out = io::stdout().lock();
    super::ignore_broken_pipe(if arguments.json {
        let text = serde_json::to_string_pretty(&outcome.to_json()?)? + "\n";
        out.write_all(text.as_bytes())
    } else {
        outcome.print(&mut out, started.elapsed().as_secs_f64(), arguments.list)
    })?;
    let accepted = verification.is_accepted() && differences.is_none_or(|d| d.is_empty());
    Ok(if accepted { ExitCode::SUCCESS } else { ExitCode::from(CONDITION) })
}

/// The result of a check, for printing.
struct Outcome<'a> {
    checkpoint: &'a str,
    /// The number of rows of the head.
    rows: usize,
    /// The number of padding rows in the table.
    padding: usize,
    /// What the rows stand for, as the summary says.
    kind: RowKind,
    verification: &'a Verification,
    /// The names of the summary and of the table.
    names: [&'static str; 2],
    /// Differences between the table and the certificate; `None` where no folder was named.
    differences: Option<&'a [Difference]>,
}

impl Outcome<'_> {
    fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self.verification)?;
        if let Some(differences) = self.differences {
            value["checkpoint"] = json!(self.checkpoint);
            value["differences"] = serde_json::to_value(differences)?;
        }
        Ok(value)
    }

    fn print(&self, out: &mut impl Write, seconds: f64, shown: usize) -> io::Result<()> {
        if self.differences.is_some() {
            writeln!(out, "checkpoint {}", self.checkpoint)?;
        }
        print(out, self.verification, (self.rows, self.kind), seconds, shown)?;
        let Some(differences) = self.differences else { return Ok(()) };
        let [summary, table] = self.names;
        if differences.is_empty() {
            let padding = match self.padding {
                0 => String::new(),
                n => format!("; {n} of the rows are padding there"),
            };
            return writeln!(out, "{summary} and {table} say the same{padding}");
        }
        writeln!(out, "{summary} and {table} REFUSED, {} differences:", differences.len())?;
        for Difference { token, problem } in differences.iter().take(shown) {
            match token {
                Some(id) => {
                    writeln!(
                        out,
                        "  {} {id}: {problem}",
                        one_of(self.verification.subject, self.kind)
                    )?;
                }
                None => writeln!(out, "  {problem}")?,
            }
        }
        if differences.len() > shown {
            writeln!(out, "  and {} more", differences.len() - shown)?;
        }
        Ok(())
    }
}

/// The name of a claim: sets of labels are feasible or not.
fn name_of(claim: Claim, subject: SubjectKind) -> String {
    match (subject, claim) {
        (SubjectKind::LabelSets(_), Claim::Argmaxable) => "feasible".to_owned(),
        (SubjectKind::LabelSets(_), Claim::Unargmaxable) => "infeasible".to_owned(),
        _ => format!("{claim:?}").to_lowercase(),
    }
}

/// What a certificate has verdicts on.
fn one_of(subject: SubjectKind, kind: RowKind) -> &'static str {
    match subject {
        SubjectKind::LabelSets(_) => "set",
        SubjectKind::Head | SubjectKind::KeptRows(_) => kind.terms().token,
    }
}

/// Prints how many verdicts of the certificate were accepted and which were refused.
fn print(
    out: &mut impl Write,
    verification: &Verification,
    (rows, kind): (usize, RowKind),
    seconds: f64,
    shown: usize,
) -> io::Result<()> {
    for reason in &verification.refused {
        writeln!(out, "refused: {reason}")?;
    }
    for audit in &verification.audits {
        let scope = if audit.complete { "all" } else { "some of" };
        let subject = match verification.subject {
            SubjectKind::Head => format!("{rows} rows"),
            SubjectKind::KeptRows(kept) => {
                format!("{kept} kept rows, as if the others of the {rows} rows were removed")
            }
            SubjectKind::LabelSets(sets) => format!("{sets} sets of {rows} labels"),
        };
        writeln!(out, "domain {}, {scope} {subject}", audit.domain)?;
        for (claim, count) in &audit.accepted {
            let name = name_of(*claim, verification.subject);
            writeln!(out, "  {name:<12} {count:>8} accepted")?;
        }
        if audit.ranks > 0 {
            writeln!(out, "  {:<12} {:>8} accepted", "best ranks", audit.ranks)?;
        }
        if audit.accepted.is_empty() {
            writeln!(out, "  no verdict accepted")?;
        }
        if !audit.refused.is_empty() {
            writeln!(out, "  {} refused:", audit.refused.len())?;
        }
        for refusal in audit.refused.iter().take(shown) {
            let what = one_of(verification.subject, kind);
            let token = refusal.token.map_or("the audit".to_owned(), |t| format!("{what} {t}"));
            writeln!(out, "    {token}: {}", refusal.reason)?;
        }
    }
    let undecided: usize =
        verification.audits.iter().filter_map(|a| a.accepted.get(&Claim::Undecided)).sum();
    let note = if undecided > 0 { " (undecided ones claim only a bound)" } else { "" };
    let word = if verification.is_accepted() { "accepted" } else { "REFUSED" };
    writeln!(out, "certificate {word} in {seconds:.2} s{note}")
}
