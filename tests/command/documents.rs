//! What README.md and docs/ show is what the program prints.
//!
//! In a code block that begins with `$ `, such lines are commands and the others what they print on standard output. A line
//! `...` stands for any lines, and times in seconds may differ. Commands run where models, `assets` and `tests` are, one after the
//! other, so that one may use what another has written.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// README.md and every document in docs/, by name, with how many commands it shows: those that need no models, and those that
/// need them.
const DOCUMENTS: [(&str, usize, usize); 21] = [
    ("README.md", 1, 0),
    ("docs/README.md", 0, 0),
    ("docs/certificate.md", 0, 0),
    ("docs/ci.md", 3, 0),
    ("docs/commands.md", 0, 0),
    ("docs/decisions.md", 0, 0),
    ("docs/families.md", 0, 0),
    ("docs/findings.md", 0, 0),
    ("docs/fine-tuning.md", 3, 0),
    ("docs/forward.md", 9, 6),
    ("docs/hostile-files.md", 0, 0),
    ("docs/library.md", 0, 0),
    ("docs/models.md", 0, 0),
    ("docs/python.md", 0, 0),
    ("docs/reach.md", 1, 0),
    ("docs/repair.md", 3, 0),
    ("docs/report.md", 0, 0),
    ("docs/results.md", 0, 0),
    ("docs/speed.md", 0, 0),
    ("docs/subsets.md", 5, 0),
    ("docs/verdicts.md", 0, 1),
];

/// The file that `$M` and its own name stand for.
const SMOLLM: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// A command and what it is said to print, with the line where it stands.
struct Shown {
    line: usize,
    command: String,
    prints: Vec<String>,
}

impl Shown {
    fn needs_models(&self) -> bool {
        ["models/", "$M", SMOLLM].iter().any(|name| self.command.contains(name))
    }
}

/// The commands of a document.
fn shown(document: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let (mut inside, mut sample) = (false, false);
    for (line, text) in (1..).zip(document.lines()) {
        if text.starts_with("```") {
            (inside, sample) = (!inside, false);
            continue;
        }
        match text.strip_prefix("$ ").filter(|_| inside) {
            Some(command) => {
                sample = true;
                found.push(Shown { line, command: command.to_owned(), prints: Vec::new() });
            }
            None if sample => found.last_mut().unwrap().prints.push(text.to_owned()),
            None => {}
        }
    }
    found
}

/// The same line for any times in seconds.
fn without_times(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    for i in 1..words.len() {
        if words[i].trim_end_matches([';', ',', '.']) == "s" && words[i - 1].parse::<f64>().is_ok()
        {
            words[i - 1] = "#";
        }
    }
    words.join(" ")
}

/// Whether lines are as shown, `...` standing for any of them.
fn agree(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=printed.len()).any(|skipped| agree(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed.split_first().is_some_and(|(line, printed)| {
            without_times(first) == without_times(line) && agree(rest, printed)
        }),
    }
}

/// Runs the commands of a document that need models, or those that do not, and returns how many they were.
fn check(name: &str, models: Option<&Path>) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join(name)).unwrap();
    let folder = TempDir::new().unwrap();
    let link = |from: &Path, name: &str| {
        std::os::unix::fs::symlink(from, folder.path().join(name)).unwrap();
    };
    link(&root.join("tests"), "tests");
    link(&root.join("assets"), "assets");
    if let Some(models) = models {
        link(models, "models");
        link(&models.join("smollm2/published").join(SMOLLM), SMOLLM);
    }
    let program = Path::new(env!("CARGO_BIN_EXE_unargmax")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = [program.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).unwrap();
    let mut checked = 0;
    for shown in shown(&document).iter().filter(|shown| shown.needs_models() == models.is_some()) {
        let command = shown.command.replace("cargo run --release -- ", "unargmax ");
        assert!(command.starts_with("unargmax "), "{name}: line {}: {command}", shown.line);
        let output = Command::new("sh")
            .args(["-c", &command])
            .env("PATH", &path)
            .env("M", SMOLLM)
            .current_dir(&folder)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<String> = printed.lines().map(str::to_owned).collect();
        assert!(
            agree(&shown.prints, &lines),
            "{name}, line {}: `{command}` does not print what is shown there, but\n{printed}{}",
            shown.line,
            String::from_utf8_lossy(&output.stderr)
        );
        checked += 1;
    }
    checked
}

#[test]
fn every_document_is_listed_with_the_commands_that_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<String> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    found.sort();
    let listed = DOCUMENTS.iter().map(|document| document.0);
    let listed: Vec<&str> = listed.filter(|name| name.starts_with("docs/")).collect();
    assert_eq!(found, listed, "DOCUMENTS is the list of all documents");
    for (name, without, with) in DOCUMENTS {
        let document = std::fs::read_to_string(root.join(name)).unwrap();
        let shown = shown(&document);
        let needing = shown.iter().filter(|shown| shown.needs_models()).count();
        assert_eq!((shown.len() - needing, needing), (without, with), "{name}");
    }
}

#[test]
fn the_commands_shown_print_what_is_shown() {
    for (name, without, _) in DOCUMENTS {
        assert_eq!(check(name, None), without, "{name}");
    }
}

#[test]
#[ignore = "needs models, see analyses/fetch_heads.py"]
fn the_commands_shown_with_models_print_what_is_shown() {
    let models = std::env::var_os("UNARGMAX_MODELS").map_or("models".into(), PathBuf::from);
    let models = models.canonicalize().unwrap();
    for (name, _, with) in DOCUMENTS {
        assert_eq!(check(name, Some(&models)), with, "{name}");
    }
}

#[test]
fn a_line_of_dots_stands_for_any_lines_and_nothing_else_is_overlooked() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let agree = |shown: &str, printed: &str| agree(&lines(shown), &lines(printed));
    assert!(agree("a\n...\nd", "a\nb\nc\nd") && agree("a\n...", "a") && agree("...\nb", "b"));
    assert!(agree("done in 0.08 s; all", "done in 1.93 s; all"));
    for (shown, printed) in [
        ("a\n...\nd", "a\nb\nc"),
        ("a", "a\nb"),
        ("a\nb", "a"),
        ("a ...", "a b"),
        ("done in 0.08 s; 5", "done in 0.08 s; 6"),
        ("0.08 t", "0.09 t"),
        ("", "a"),
    ] {
        assert!(!agree(shown, printed), "{shown:?} {printed:?}");
    }
}
