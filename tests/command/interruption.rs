//! Signals, and pipes that close.

use std::process::{Command, Stdio};

/// The command with both outputs in pipes; unlike assert_cmd's it can be watched while it runs.
fn piped(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unargmax"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_closed_pipe_is_no_error_and_hides_no_condition() {
    for (more, status) in [(&["--list", "all"][..], 0), (&["--fail-on", "unargmaxable"], 1)] {
        let mut child = piped(&[&["audit"], more].concat()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(!said.contains("error") && !said.contains("panic"), "{said}");
    }
}

/// The head is big enough for many seconds, so that the signal comes in the middle of the audit.
#[cfg(unix)]
#[test]
fn an_interrupted_audit_writes_nothing_leaves_no_folder_and_says_so() {
    use crate::files::{Folder, Stored, integers};
    const TOKENS: usize = 30_000;
    const DIM: usize = 64;
    let folder = Folder::new();
    let head = Stored::f32(&[TOKENS, DIM], &integers(TOKENS * DIM, 5));
    let path = folder.safetensors("big.safetensors", &[("weight", head)]);
    let out = folder.path("made/out");
    // By the slow engine: the other one would be done before the signal comes.
    let slow = ["audit", &path, "--threads", "1", "--engine", "lp", "--out", out.to_str().unwrap()];
    for signal in ["INT", "TERM", "HUP"] {
        interrupt(piped(&slow), signal, &out);
        assert!(!out.exists() && !folder.path("made").exists(), "it made both");
    }
    // A folder that was there before stays, with what is in it.
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("notes.txt"), "mine").unwrap();
    interrupt(piped(&slow), "TERM", &out);
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

/// Starts an audit, sends it the signal when its folder is there, and waits for its end.
#[cfg(unix)]
fn interrupt(mut audit: Command, signal: &str, out: &std::path::Path) {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    let mut child = audit.spawn().unwrap();

    // The folder is made before anything is read, and before it the handler is set.
    let patience = Instant::now();
    while !out.is_dir() && patience.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the audit ended before it was interrupted");
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status();
    assert!(sent.unwrap().success());

    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.trim(), "unargmax: interrupted; nothing was written");
}
