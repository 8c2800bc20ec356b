//! Audits that are ended in the middle and go on: the same files in the end, or a refusal.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::files::{Folder, Stored, integers};
use crate::{done, ended, run, said};

const JOURNAL: &str = "audit.journal";
const TOKENS: usize = 2500;
const DIM: usize = 9;

/// A head of which most tokens need a search, and a folder for results.
struct Audits {
    folder: Folder,
    head: String,
}

impl Audits {
    fn new() -> Self {
        let folder = Folder::new();
        let head = Self::head(&folder, "head.safetensors", 5);
        Audits { folder, head }
    }

    fn head(folder: &Folder, name: &str, seed: u64) -> String {
        let numbers = integers(TOKENS * DIM, seed);
        folder.safetensors(name, &[("weight", Stored::f32(&[TOKENS, DIM], &numbers))])
    }

    fn place(&self, out: &str) -> String {
        self.folder.path(out).to_str().unwrap().to_owned()
    }

    fn journal(&self, out: &str) -> PathBuf {
        self.folder.path(out).join(JOURNAL)
    }

    fn names(&self, out: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path(out)).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> =
            entries.map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn arguments(&self, out: &str, more: &[&str]) -> Vec<String> {
        let out = self.place(out);
        let all = ["audit", &self.head, "--out", &out, "--no-report", "--json"];
        all.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
    }

    fn audit(&self, out: &str, more: &[&str]) -> Output {
        run(&self.arguments(out, more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts an audit that writes its journal after every batch, ends it by this signal once it is further than the journal
    /// that it began with, or later, and returns what it said; `None` if it was done before.
    fn ended(&self, out: &str, more: &[&str], signal: &str, later: Duration) -> Option<Output> {
        let arguments = self.arguments(out, &[more, &["--save-every", "0"]].concat());
        ended::ended(&arguments, &self.journal(out), (signal, later), &[0])
    }

    /// The files of a folder with their bytes, without the times in the summary.
    fn files(&self, out: &str) -> Vec<(String, Vec<u8>)> {
        let file = |name: String| {
            let bytes = std::fs::read(self.folder.path(out).join(&name)).unwrap();
            match name.as_str() {
                "summary.json" => (name, without_times(&bytes).into_bytes()),
                _ => (name, bytes),
            }
        };
        self.names(out).into_iter().filter(|name| !name.starts_with('.')).map(file).collect()
    }
}

/// A summary without times and command lines.
fn without_times(summary: &[u8]) -> String {
    let mut summary: Value = serde_json::from_slice(summary).unwrap();
    // When, and by which command line.
    assert!(summary.as_object_mut().unwrap().remove("run").is_some());
    for audit in summary["audits"].as_array_mut().unwrap() {
        assert!(audit.as_object_mut().unwrap().remove("seconds").is_some());
    }
    summary.to_string()
}

/// The number of proofs in a line that ends with `after N proofs`, or has `by` after it.
fn proofs(said: &str, before: &str) -> usize {
    let (_, rest) = said.split_once(before).unwrap_or_else(|| panic!("no {before:?}: {said}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// Kills an audit again and again, and compares what it leaves in the end with that of an audit that is left alone.
fn killed_again_and_again(domain: &str) {
    let audits = Audits::new();
    let alone = audits.audit("alone", &["--domain", domain]);
    assert_eq!(alone.status.code(), Some(0), "{}", said(&alone));
    let more = ["--domain", domain];
    let (mut killed, mut done_early) = (0, false);
    while killed < 8 && !done_early {
        let later = Duration::from_millis(10 * killed);
        if audits.ended("out", &more, "KILL", later).is_none() {
            break;
        }
        killed += 1;
        // Killed while it wrote its results, it leaves some of them, and unfinished ones under names with a dot.
        done_early = audits.names("out").iter().any(|name| !name.starts_with(JOURNAL));
    }
    assert!(killed > 0, "it was done too early to be killed");
    if killed == 8 || done_early {
        // On other threads, and with all that was proved before.
        let last = audits.audit("out", &["--domain", domain, "--threads", "1"]);
        assert_eq!(last.status.code(), Some(0), "{}", said(&last));
        assert!(done_early || proofs(&said(&last), "unargmax: going on after ") > 0);
    }
    let (last, alone) = (audits.files("out"), audits.files("alone"));
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&last), names(&alone));
    for (last, alone) in last.iter().zip(&alone) {
        let threads = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let (before, rest) = text.split_once("\"threads\":").unwrap_or((&text, ""));
            format!("{before}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        };
        assert!(last.1 == alone.1 || threads(&last.1) == threads(&alone.1), "{}", last.0);
    }
    let certificate = format!("{}/certificate.safetensors", audits.place("out"));
    done(&["verify", &audits.head, &certificate]);
}

#[test]
fn an_audit_of_all_of_space_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    killed_again_and_again("free");
}

#[test]
fn an_audit_of_a_range_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    killed_again_and_again("range:0:inf");
}

#[test]
fn an_audit_of_a_ball_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    killed_again_and_again("ball:3");
}

#[test]
fn an_audit_by_linear_programs_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    let audits = Audits::new();
    let more = ["--engine", "lp", "--tokens", "0-149"];
    let alone = audits.audit("alone", &more);
    assert_eq!(alone.status.code(), Some(0), "{}", said(&alone));
    assert!(audits.ended("out", &more, "KILL", Duration::ZERO).is_some());
    let last = audits.audit("out", &more);
    assert!(proofs(&said(&last), "unargmax: going on after ") > 0);
    assert_eq!(audits.files("out"), audits.files("alone"));
}

#[test]
fn an_interruption_says_after_how_many_proofs_the_same_command_goes_on() {
    let audits = Audits::new();
    for signal in ["INT", "TERM", "HUP"] {
        let output = audits.ended("out", &[], signal, Duration::ZERO).expect("it was too fast");
        assert_eq!(output.status.code(), Some(130));
        assert!(output.stdout.is_empty());
        let kept = proofs(&said(&output), "unargmax: interrupted; the same command goes on after ");
        let file = std::fs::read(audits.journal("out")).unwrap();
        // It is refused for other tokens, and so stays as it is.
        let other = audits.audit("out", &["--tokens", "0-99"]);
        assert_eq!(
            (other.status.code(), std::fs::read(audits.journal("out")).unwrap()),
            (Some(2), file)
        );
        assert!(kept > 0);
    }
    let last = audits.audit("out", &[]);
    assert_eq!(last.status.code(), Some(0), "{}", said(&last));
    assert!(said(&last).contains(JOURNAL) && said(&last).contains("; --restart begins anew"));
    assert_eq!(audits.names("out").iter().filter(|name| name.contains("journal")).count(), 0);
}

#[test]
fn an_audit_that_ends_before_the_first_save_writes_no_journal_and_quiet_tells_nothing() {
    let audits = Audits::new();
    assert!(audits.ended("out", &[], "KILL", Duration::ZERO).is_some());
    let arguments =
        ["audit", &audits.head, "--out", &audits.place("out"), "--no-report", "--quiet"];
    let output = run(&arguments);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    assert!(output.stdout.is_empty());
    // A whole run, which has no journal to go on from.
    let output = audits.audit("out", &[]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
}

/// Asserts that the command refuses the journal, leaves it as it is and writes nothing.
fn refused(audits: &Audits, head: &str, more: &[&str], says: &str) {
    let before = std::fs::read(audits.journal("out")).unwrap();
    let out = audits.place("out");
    let output = run(&[&["audit", head, "--out", &out, "--no-report"], more].concat());
    let told = said(&output);
    assert_eq!(output.status.code(), Some(2), "{says}: {told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains(says) && told.contains("--restart"), "{says:?} is missing: {told}");
    assert!(told.contains(JOURNAL), "{told}");
    assert_eq!(audits.names("out"), [JOURNAL]);
    assert_eq!(std::fs::read(audits.journal("out")).unwrap(), before);
}

/// Removes what a kill in the middle of a save may leave beside the journal.
fn tidy(audits: &Audits) {
    let _ = std::fs::remove_file(Path::new(&audits.place("out")).join("audit.journal.new"));
}

#[test]
fn a_journal_of_another_head_domain_engine_or_of_other_tokens_is_refused() {
    let audits = Audits::new();
    assert!(audits.ended("out", &[], "KILL", Duration::ZERO).is_some());
    tidy(&audits);
    let other = Audits::head(&audits.folder, "other.safetensors", 6);
    refused(&audits, &other, &[], "the output layer was different");
    let head = &audits.head;
    refused(&audits, head, &["--domain", "range:0:1"], "the domain was free, not range:0:1");
    refused(&audits, head, &["--engine", "lp"], "the engine was different");
    refused(&audits, head, &["--tokens", "1-9"], "it had 2500 tokens to decide, not 9");
    // Whole again by the command of that run.
    assert_eq!(audits.audit("out", &[]).status.code(), Some(0));
}

#[test]
fn a_damaged_journal_is_refused_and_restart_begins_anew() {
    let audits = Audits::new();
    assert!(audits.ended("out", &[], "KILL", Duration::from_millis(20)).is_some());
    tidy(&audits);
    let whole = std::fs::read(audits.journal("out")).unwrap();
    let mut flipped = whole.clone();
    // In the records, behind the header.
    let at = whole.len() - 100;
    flipped[at] ^= 1;
    let cut = |length: usize| whole[..length].to_vec();
    for damaged in [cut(whole.len() / 2), cut(whole.len() - 1), flipped, Vec::new(), cut(20)] {
        std::fs::write(audits.journal("out"), damaged).unwrap();
        refused(&audits, &audits.head, &[], "the journal is damaged");
    }
    let output = audits.audit("out", &["--restart"]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    audits.audit("alone", &[]);
    assert_eq!(audits.files("out"), audits.files("alone"));
}
