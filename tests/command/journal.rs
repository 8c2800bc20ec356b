//! Observations that are ended in the middle and go on: the same files in the end, or a refusal.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

#[cfg(unix)]
use crate::ended;
use crate::files::Folder;
use crate::models::{States, gpt2, gpt2_tokens, rows};
use crate::reach::{Audited, column};
use crate::{run, said};

const JOURNAL: &str = "observe.journal";

/// The files of a folder with their bytes, by name.
pub fn files(folder: impl AsRef<Path>) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// An audited model whose audit is wrong about one token, so that there are contradictions to keep, and a corpus that takes
/// it some hundred windows.
fn contradicted() -> Audited {
    let audited = Audited::new(&rows(gpt2_tokens()), States::Anywhere);
    let lines: String = (0..600)
        .map(|i| format!("She counted {i} steps from the harbour to lighthouse {}.\n", 7 * i % 101))
        .collect();
    std::fs::write(&audited.corpus, lines).unwrap();
    let first = observe(&audited, "first", &[]);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let counts = column(&place(&audited, "first"), "argmax");
    let winner = (0..counts.len()).max_by_key(|&id| counts[id]).unwrap();
    audited.slander(&[winner]);
    audited
}

fn place(audited: &Audited, out: &str) -> String {
    audited.folder.path(out).to_str().unwrap().to_owned()
}

fn arguments(audited: &Audited, out: &str, more: &[&str]) -> Vec<String> {
    let out = place(audited, out);
    let Audited { model, corpus, audit, .. } = audited;
    let all = ["observe", model, "--file", corpus, "--audit", audit, "--out", &out, "--json"];
    all.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

fn observe(audited: &Audited, out: &str, more: &[&str]) -> Output {
    let arguments = arguments(audited, out, more);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Starts an observation that writes its journal after every window, ends it by this signal once there is one, or later,
/// and returns what it said; `None` if it was done before.
#[cfg(unix)]
fn ended(audited: &Audited, out: &str, signal: &str, later: Duration) -> Option<Output> {
    let journal = PathBuf::from(place(audited, out)).join(JOURNAL);
    let arguments = arguments(audited, out, &["--save-every", "0"]);
    ended::ended(&arguments, &journal, (signal, later), &[0, 3])
}

#[cfg(unix)]
#[test]
fn an_observation_that_is_killed_again_and_again_ends_as_one_that_is_left_alone() {
    let audited = contradicted();
    let alone = observe(&audited, "alone", &[]);
    assert_eq!(alone.status.code(), Some(3));
    let mut killed = 0;
    while killed < 12 && ended(&audited, "ended", "KILL", Duration::from_millis(killed)).is_some() {
        killed += 1;
        let there = files(place(&audited, "ended"));
        assert!(there.iter().all(|file| file.0.starts_with(JOURNAL)), "nothing else is there yet");
    }
    assert!(killed > 2, "it was done too early to be killed: {killed}");
    let last = observe(&audited, "ended", &[]);
    assert_eq!(last.status.code(), Some(3), "{}", said(&last));
    assert_eq!(last.stdout, alone.stdout);
    assert_eq!(files(place(&audited, "ended")), files(place(&audited, "alone")));
    // What was found before the first end is still said.
    let contradictions = |output: &Output| -> Vec<String> {
        let lines = said(output);
        lines.lines().filter(|l| l.contains("CONTRADICTION")).map(str::to_owned).collect()
    };
    assert_eq!(contradictions(&last), contradictions(&alone));
    assert!(said(&last).starts_with("unargmax: going on after window "), "{}", said(&last));
}

#[cfg(unix)]
#[test]
fn an_interruption_says_where_the_same_command_goes_on() {
    let audited = contradicted();
    let output = ended(&audited, "out", "INT", Duration::from_millis(50)).expect("it was too fast");
    assert_eq!(output.status.code(), Some(130));
    let told = said(&output);
    let (_, window) = told.trim().rsplit_once("the same command goes on after window ").unwrap();
    let window: u64 = window.parse().unwrap();
    let last = observe(&audited, "out", &[]);
    let told = said(&last);
    let (_, rest) = told.split_once("going on after window ").unwrap();
    let resumed: u64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(window > 0 && resumed == window, "{window} {resumed}");
    observe(&audited, "alone", &[]);
    assert_eq!(files(place(&audited, "out")), files(place(&audited, "alone")));
}

/// A model and a corpus of lines, and a folder with the journal of a run that stopped after ten lines of it: there the
/// corpus was no text.
struct Stopped {
    folder: Folder,
    model: String,
    corpus: String,
    out: String,
}

impl Stopped {
    const TEXT: &str = "The river was high after the rain.\n";

    fn new() -> Self {
        let folder = Folder::new();
        let model = gpt2(&folder, &rows(gpt2_tokens()), States::Anywhere);
        let mut bytes = Self::TEXT.repeat(30).into_bytes();
        bytes[10 * Self::TEXT.len()] = 0xff;
        let corpus = folder.write("corpus.txt", &bytes);
        let out = folder.path("out").to_str().unwrap().to_owned();
        let stopped = Stopped { folder, model, corpus, out };
        let output = stopped.observe(&[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("it is not UTF-8"), "{}", said(&output));
        std::fs::write(&stopped.corpus, Self::TEXT.repeat(30)).unwrap();
        assert_eq!(stopped.names(), [JOURNAL]);
        stopped
    }

    fn observe(&self, more: &[&str]) -> Output {
        let all = ["observe", &self.model, "--file", &self.corpus, "--lines", "--save-every", "0"];
        run(&[&all[..], &["--out", &self.out], more].concat())
    }

    fn names(&self) -> Vec<String> {
        files(&self.out).into_iter().map(|file| file.0).collect()
    }

    fn journal(&self) -> PathBuf {
        Path::new(&self.out).join(JOURNAL)
    }

    fn table(&self) -> Vec<u8> {
        std::fs::read(format!("{}/observed.csv", self.out)).unwrap()
    }

    /// Asserts that the command refuses the journal, leaves it as it is and writes nothing.
    fn refused(&self, more: &[&str], says: &str) {
        let before = std::fs::read(self.journal()).unwrap();
        let output = self.observe(more);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(2), "{says}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(says) && told.contains("--restart"), "{says:?} is missing: {told}");
        assert!(told.contains(JOURNAL), "{told}");
        assert_eq!(self.names(), [JOURNAL]);
        assert_eq!(std::fs::read(self.journal()).unwrap(), before);
    }
}

#[test]
fn an_observation_that_stopped_at_an_error_goes_on_where_it_was() {
    let stopped = Stopped::new();
    let output = stopped.observe(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("going on after window 10 by "), "{}", said(&output));
    assert_eq!(stopped.names(), ["observed.csv"]);
    let table = stopped.table();
    // A whole run, which has no journal to go on from.
    let output = stopped.observe(&[]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    assert_eq!(stopped.table(), table);
}

#[test]
fn what_was_not_read_before_may_be_another_text() {
    let stopped = Stopped::new();
    let other = Stopped::TEXT.replace("river", "ferry");
    std::fs::write(&stopped.corpus, Stopped::TEXT.repeat(10) + &other.repeat(20)).unwrap();
    assert_eq!(stopped.observe(&["--quiet"]).status.code(), Some(0));
    let table = stopped.table();
    assert_eq!(stopped.observe(&["--quiet"]).status.code(), Some(0));
    assert_eq!(stopped.table(), table);
}

#[test]
fn a_damaged_journal_is_refused_and_restart_begins_anew() {
    let stopped = Stopped::new();
    let whole = std::fs::read(stopped.journal()).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    let mut flipped = whole.clone();
    // In the counts, behind the header.
    let at = whole.len() - 100;
    flipped[at] ^= 1;
    for damaged in [half, flipped, Vec::new(), b"observed".to_vec()] {
        std::fs::write(stopped.journal(), damaged).unwrap();
        stopped.refused(&[], "the journal is damaged");
    }
    let output = stopped.observe(&["--restart"]);
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
    assert_eq!(stopped.names(), ["observed.csv"]);
    let table = stopped.table();
    stopped.observe(&[]);
    assert_eq!(stopped.table(), table);
}

#[test]
fn a_journal_of_another_corpus_is_refused() {
    let stopped = Stopped::new();
    let text = |lines: usize| Stopped::TEXT.repeat(lines);
    std::fs::write(&stopped.corpus, text(31)).unwrap();
    stopped.refused(&[], "the corpus had 1050 bytes, and has 1085");
    // As long, and another one from the start.
    std::fs::write(&stopped.corpus, text(30).replace("rain", "hail")).unwrap();
    stopped.refused(&[], "the corpus is a different one or has been changed since");
    // Only in the last line that was read.
    let changed = text(9) + &Stopped::TEXT.replace("high", "deep") + &text(20);
    std::fs::write(&stopped.corpus, changed).unwrap();
    stopped.refused(&[], "the corpus is a different one or has been changed since");
}

#[test]
fn a_journal_of_other_options_is_refused() {
    let stopped = Stopped::new();
    stopped.refused(&["--window", "7"], "windows had 24 tokens, not 7");
}

#[test]
fn a_journal_of_another_tokenizer_is_refused() {
    let stopped = Stopped::new();
    let path = format!("{}/tokenizer.json", stopped.model);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(!tokenizer["model"]["merges"].as_array().unwrap().is_empty());
    tokenizer["model"]["merges"] = serde_json::json!([]);
    let other = stopped.folder.write("other.json", tokenizer.to_string());
    stopped.refused(&["--tokenizer", &other], "text was split into other tokens");
}

/// Changes numbers of the model's file, of which its size and, if it is wished, its time tell nothing.
fn change(stopped: &Stopped, tensor: &str, keep_time: bool) {
    let path = format!("{}/model.safetensors", stopped.model);
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let at = header[tensor]["data_offsets"][0].as_u64().unwrap() as usize + 8 + length;
    bytes[at + 1] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    if keep_time {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    }
}

#[test]
fn a_journal_of_another_model_is_refused() {
    for (tensor, keep_time, says) in [
        ("lm_head.weight", true, "the output layer was different"),
        ("transformer.h.0.attn.c_attn.weight", false, "the model's `model.safetensors`"),
        ("transformer.h.0.attn.c_attn.weight", true, "the model makes other hidden states"),
        ("transformer.wpe.weight", true, "the model makes other hidden states"),
    ] {
        let stopped = Stopped::new();
        change(&stopped, tensor, keep_time);
        stopped.refused(&[], says);
    }
    let stopped = Stopped::new();
    let config = format!("{}/config.json", stopped.model);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("\"n_head\": 2", "\"n_head\": 4")).unwrap();
    stopped.refused(&[], "the model's `config.json`");
}

#[test]
fn a_journal_of_another_audit_is_refused() {
    let audited = contradicted();
    let mut bytes = std::fs::read(&audited.corpus).unwrap();
    let good = bytes.clone();
    bytes[5000] = 0xff;
    std::fs::write(&audited.corpus, bytes).unwrap();
    let more = ["--lines", "--save-every", "0"];
    assert_eq!(observe(&audited, "out", &more).status.code(), Some(2));
    std::fs::write(&audited.corpus, good).unwrap();
    // Another lie.
    let counts = column(&place(&audited, "first"), "argmax");
    let second = (0..counts.len()).filter(|&id| counts[id] > 0).min_by_key(|&id| counts[id]);
    audited.slander(&[second.unwrap()]);
    let output = observe(&audited, "out", &more);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("the audit was a different one"), "{}", said(&output));
}
