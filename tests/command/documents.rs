//! What README.md and docs/ show is what the program prints.
//!
//! In a code block that begins with `$ `, such lines are commands and the others what they print on standard output. A line
//! `...` stands for any lines, and times in seconds may differ. Commands run where models and `tests` are, one after the
//! other, so that one may use what another has written.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

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
fn the_commands_shown_in_the_readme_print_what_is_shown() {
    assert_eq!(check("README.md", None), 1);
    for other in ["docs/results.md", "docs/report.md", "docs/certificate.md", "docs/forward.md"] {
        assert_eq!(check(other, None), 0, "{other}: count it here");
    }
}

#[test]
#[ignore = "needs models, see analyses/fetch_heads.py"]
fn the_commands_shown_with_models_print_what_is_shown() {
    let models = std::env::var_os("UNARGMAX_MODELS").map_or("models".into(), PathBuf::from);
    let models = models.canonicalize().unwrap();
    assert_eq!(check("README.md", Some(&models)), 4);
    assert_eq!(check("docs/forward.md", Some(&models)), 5);
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
