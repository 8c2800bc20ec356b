//! Lines about how far a command is, where standard error is no terminal.

use std::process::Output;

use crate::files::{Folder, Stored, integers};
use crate::models::{States, gpt2, gpt2_tokens, rows};
use crate::{said, unargmax};

/// Runs the command with a line every so many seconds.
fn run_telling(seconds: &str, arguments: &[&str]) -> Output {
    unargmax().env("UNARGMAX_PROGRESS", seconds).args(arguments).output().unwrap()
}

/// The stages that lines tell of, each line checked: its form, and that its share is that of its numbers.
fn stages(output: &Output) -> Vec<String> {
    let lines = said(output);
    let stage = |line: &str| {
        let (time, rest) = line.strip_prefix("unargmax: after ")?.split_once(": ")?;
        assert!(time.ends_with(" s"), "{line}");
        // How long it lasts or how much longer, where it takes some seconds.
        let rest = match rest.rsplit_once(", ") {
            Some((rest, left)) if left.ends_with(" s left") || left.starts_with("for ") => rest,
            _ => rest,
        };
        let Some((stage, share)) = rest.rsplit_once(" % (").and_then(|(before, numbers)| {
            let (stage, percent) = before.rsplit_once(", ")?;
            Some((stage, (percent, numbers)))
        }) else {
            return Some(rest.to_owned());
        };
        let numbers: Vec<&str> = share.1.strip_suffix(')')?.splitn(4, ' ').collect();
        let [done, "of", total, unit] = numbers[..] else { return None };
        let (done, total): (u64, u64) = (done.parse().ok()?, total.parse().ok()?);
        assert!(done <= total && share.0 == (100 * done / total).to_string(), "{line}");
        assert!(["tokens", "hard tokens", "checks", "bytes", "texts"].contains(&unit), "{line}");
        Some(stage.to_owned())
    };
    lines.lines().map(|line| stage(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// A head that takes an audit some hundredths of a second at least.
fn head(folder: &Folder) -> String {
    const TOKENS: usize = 3000;
    const DIM: usize = 32;
    let numbers = integers(TOKENS * DIM, 5);
    folder.safetensors("head.safetensors", &[("weight", Stored::f32(&[TOKENS, DIM], &numbers))])
}

#[test]
fn without_a_terminal_lines_tell_of_an_audit_and_of_its_check() {
    let folder = Folder::new();
    let (head, out) = (head(&folder), folder.path("out"));
    let out = out.to_str().unwrap();
    let output = run_telling("0.001", &["audit", &head, "--domain", "range:0:inf", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = stages(&output);
    // Stages that take longer than it takes to write some lines.
    for stage in ["screen", "prove"] {
        assert!(told.iter().any(|told| told == stage), "{stage} is missing in {told:?}");
    }
    assert!(told.len() > 10, "{told:?}");
    let certificate = format!("{out}/certificate.safetensors");
    let told = stages(&run_telling("0.001", &["verify", &head, &certificate]));
    assert!(told.iter().any(|told| told == "verify, range:0:inf"), "{told:?}");
}

#[test]
fn without_a_terminal_lines_tell_how_much_of_a_corpus_was_seen() {
    let folder = Folder::new();
    let model = gpt2(&folder, &rows(gpt2_tokens()), States::Anywhere);
    let corpus = folder.write("corpus.txt", "The river was high after the rain.\n".repeat(400));
    let out = folder.path("out").to_str().unwrap().to_owned();
    let output = run_telling("0.002", &["observe", &model, "--file", &corpus, "--out", &out]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = said(&output);
    assert!(stages(&output).iter().any(|stage| stage == "observe"), "{told}");
    let shares: Vec<u64> = told
        .lines()
        .filter_map(|line| line.split_once(": observe, ")?.1.split_once(" %")?.0.parse().ok())
        .collect();
    let mut distinct = shares.clone();
    distinct.dedup();
    assert!(shares.is_sorted() && distinct.len() > 5, "{told}");
    assert!(told.contains(&format!(" of {} bytes)", 35 * 400)), "{told}");
}

#[test]
fn there_are_no_lines_when_quiet_or_turned_off_or_before_half_a_minute() {
    let folder = Folder::new();
    let head = head(&folder);
    for (seconds, more) in [("0.001", &["--quiet"][..]), ("0", &[]), ("", &[]), ("3600", &[])] {
        let output = run_telling(seconds, &[&["audit", &head], more].concat());
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()), "{seconds}");
    }
    // Lines are no output: what is printed is the same.
    let json = |seconds: &str| run_telling(seconds, &["inspect", &head, "--json"]).stdout;
    assert_eq!(json("0.001"), json("0"));
}

#[test]
fn an_interval_that_is_none_is_refused() {
    let output = run_telling("soon", &["audit"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("$UNARGMAX_PROGRESS: `soon` is not a number of seconds"));
}
