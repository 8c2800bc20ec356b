//! What the `unargmax` command does, seen from outside.
//!
//! - `results`: verdicts on standard output and in files;
//! - `containers`: folders, a cache, pickles;
//! - `finding`: heads found by themselves, vocabularies, padding, `inspect`;
//! - `gate`: doubtful vocabularies, and one count in terminal, files, pages and `--fail-on`;
//! - `folders`: what an output folder holds after a run, and after one that failed;
//! - `checking`: the commands that reports print, and `verify` of a folder;
//! - `inputs`: checkpoints, tensors, tokens, domains;
//! - `report`: reports, comparisons and baselines;
//! - `comparisons`: runs of many checkpoints, and families;
//! - `refusals`: every error is one line, names its place and a way out, and exits with 2;
//! - `export`: certificates in integers, for the checker in proofs/;
//! - `repair`: biases and rows are changed, and one tensor of a file with them;
//! - `reach`, `reach_refusals`, `forward_options`: models run on text;
//! - `long_texts`: the memory that models take;
//! - `journal`, `ended_audits`: observations and audits that are ended and go on;
//! - `items`: the words for the index of a retriever;
//! - `preflight`: tokens chosen before a fine-tune, and what it takes for them to win;
//! - `progress`: lines about how far a command is;
//! - `documents`: the commands and outputs that README.md and docs/ show;
//! - `interruption`: signals and pipes that close.
//!
//! `files` makes the checkpoints, `models` whole models, `ended` ends a command by a signal.

mod causes;
mod checking;
mod comparisons;
mod containers;
mod documents;
mod ended;
mod ended_audits;
mod export;
mod files;
mod finding;
mod folders;
mod forward_options;
mod gate;
mod inputs;
mod interruption;
mod items;
mod journal;
mod ladder;
mod long_texts;
mod models;
mod preflight;
mod progress;
mod reach;
mod reach_refusals;
mod refusals;
mod repair;
mod report;
mod results;
mod systems;
mod tuning;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

/// The command, ready for arguments.
fn unargmax() -> assert_cmd::Command {
    assert_cmd::cargo::cargo_bin_cmd!("unargmax")
}

/// Runs the command and returns what it said, whatever its exit status.
fn run(arguments: &[&str]) -> Output {
    unargmax().args(arguments).output().unwrap()
}

/// Runs the command in a folder and returns what it said, whatever its exit status.
fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    unargmax().current_dir(folder).args(arguments).output().unwrap()
}

/// Runs the command, which must exit with 0.
fn done(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The summary that `--json` prints.
fn summary(arguments: &[&str]) -> Value {
    serde_json::from_str(&done(&[arguments, &["--json"]].concat())).unwrap()
}

/// Argmaxable, tied, unargmaxable, undecided.
fn counts(summary: &Value) -> [u64; 4] {
    ["argmaxable", "tied", "unargmaxable", "undecided"]
        .map(|name| summary["audits"][0]["counts"][name].as_u64().unwrap())
}

/// The bytes of `verdicts.csv` of an audit with these arguments.
fn table(arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    done(&[arguments, &["--quiet", "--out", utf8(folder.path())]].concat());
    std::fs::read(folder.path().join("verdicts.csv")).unwrap()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}
