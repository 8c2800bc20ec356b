//! Ends a command by a signal while it works, once its journal has grown.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Starts the command, ends it by this signal once its journal is further than at the start, or so much later, and returns
/// what it said; `None` if it was done before, with one of these exit statuses.
pub fn ended(
    arguments: &[String],
    journal: &Path,
    (signal, later): (&str, Duration),
    done: &[i32],
) -> Option<Output> {
    let before = std::fs::read(journal).ok();
    let mut child = Command::new(env!("CARGO_BIN_EXE_unargmax"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    while std::fs::read(journal).ok() == before
        && child.try_wait().unwrap().is_none()
        && patience.elapsed() < Duration::from_secs(60)
    {
        sleep(Duration::from_millis(1));
    }
    sleep(later);
    let early = child.try_wait().unwrap().is_some();
    let kill = ["-c", &format!("kill -{signal} {} 2>&1", child.id())];
    let _ = Command::new("sh").args(kill).output();
    let output = child.wait_with_output().unwrap();
    // It may have come to its end before the signal came.
    let is_done = output.status.code().is_some_and(|code| done.contains(&code));
    (!early && !is_done).then_some(output)
}
