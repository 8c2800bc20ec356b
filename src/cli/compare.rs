//! The subcommand `unargmax compare`: compare several audits on one page.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::interruption;
use unargmax::report::compare::trend::Trend;
use unargmax::report::compare::{Comparison, csv, page};
use unargmax::report::files::OutputFolder;
use unargmax::report::numbers::percent;
use unargmax::report::own_files;

/// Compare audits: checkpoints of one run, quantisations of one model, or a family of models.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folders that `audit --out` wrote. Where all names end in a step (`step-1000`, `checkpoint-500`, `2000`),
    /// counts are drawn against it
    #[arg(value_name = "DIR", num_args = 2.., required = true)]
    folders: Vec<PathBuf>,
    /// Write compare.html, compare.csv and changes.csv into this folder
    #[arg(long, value_name = "DIR", default_value = "comparison")]
    out: PathBuf,
    /// Replace files of these names that were not written by unargmax
    #[arg(long)]
    force: bool,
}

/// The most audits that the terminal lists.
const LISTED: usize = 40;

/// Runs `unargmax compare`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    interruption::end_when_interrupted(true);
    let folder =
        OutputFolder::open_for(&arguments.out, &own_files::COMPARISON, |_| true, arguments.force)
            .context("--out")?;
    let comparison = Comparison::open(&arguments.folders)?;
    let (mut audits, mut changes) = (Vec::new(), Vec::new());
    csv::audits(&mut audits, &comparison)?;
    csv::changes(&mut changes, &comparison)?;
    let page = page::render(&comparison).into_bytes();
    let names = own_files::COMPARISON_FILES.map(str::to_owned);
    let files: Vec<_> = names.into_iter().zip([page, audits, changes]).collect();
    interruption::write(&folder, &files).context("--out")?;
    super::ignore_broken_pipe(print(&comparison, &arguments.out))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a table of the verdict counts of each audit, with the share of tokens that cannot win, and how many tokens change their verdict.
fn print(comparison: &Comparison, folder: &std::path::Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let terms = comparison.terms();
    let (token, tokens) = (terms.token, terms.tokens);
    let width = comparison.entries.iter().map(|e| e.label.chars().count()).max().unwrap_or(0);
    writeln!(out, "{:width$}  cannot win       tied  undecided      share", "")?;
    let all = comparison.entries.len();
    // Of many audits, some at equal distances and the last.
    let every = all.div_ceil(LISTED);
    let is_listed = |i: usize| all <= LISTED || i.is_multiple_of(every) || i + 1 == all;
    for (_, entry) in comparison.entries.iter().enumerate().filter(|(i, _)| is_listed(*i)) {
        let tally = entry.results.tally();
        let (counts, label) = (tally.tokens, &entry.label);
        write!(
            out,
            "{label:width$}  {:>10} {:>10} {:>10} {:>10}",
            counts.unargmaxable,
            counts.tied,
            counts.undecided,
            percent(counts.unargmaxable, counts.sum())
        )?;
        match tally.padding.sum() {
            0 => writeln!(out)?,
            1 => writeln!(out, "  (1 row of padding not counted)")?,
            n => writeln!(out, "  ({n} rows of padding not counted)")?,
        }
    }
    if all > LISTED {
        writeln!(out, "(one in {every} of {all} audits, and the last; compare.csv has all)")?;
    }
    if let Some(trend) = Trend::of(comparison) {
        let extremes =
            trend.extremes().map_or(String::new(), |extremes| format!("; in between {extremes}"));
        writeln!(out, "\ncannot win: {}{extremes}", trend.ends())?;
    }
    match (&comparison.incomparable, &comparison.by_text) {
        (Some(why), None) => writeln!(out, "\n{tokens} cannot be followed: {why}")?,
        (why, by_text) => {
            if let (Some(why), Some(by_text)) = (why, by_text) {
                let followed = by_text.followed;
                writeln!(out, "\n{followed} {tokens} are followed by their texts: {why}")?;
            }
            let (audited, free) = comparison.changed();
            match audited {
                1 => writeln!(out, "\n1 {token} changes its verdict")?,
                n => writeln!(out, "\n{n} {tokens} change their verdict")?,
            }
            match free {
                0 => {}
                1 => writeln!(out, "1 more changes only that over all vectors")?,
                n => writeln!(out, "{n} more change only that over all vectors")?,
            }
            match comparison.freed() {
                0 => {}
                1 => writeln!(
                    out,
                    "1 {token} loses where more rows compete, and is free among the kept rows"
                )?,
                n => writeln!(
                    out,
                    "{n} {tokens} lose where more rows compete, and are free among the kept rows"
                )?,
            }
            match comparison.changed_padding() {
                0 => {}
                1 => writeln!(out, "1 row of padding changes, too")?,
                n => writeln!(out, "{n} rows of padding change, too")?,
            }
        }
    }
    if !comparison.same_domain() {
        writeln!(out, "the audits are over different domains")?;
    }
    writeln!(out, "{}", folder.join("compare.html").display())
}
