//! When a study runs, on which commit and under what load; of all studies.

use std::process::Command;

/// UTC, to the minute.
pub fn date() -> String {
    said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_else(unknown)
}

/// The short hash of the commit, and whether the files under these paths differ from it; no path stands for all files.
pub fn commit(paths: &[&str]) -> String {
    let status = ["status", "--porcelain", "--untracked-files=no", "--"];
    let changed = said("git", &[&status, paths].concat());
    let changes = if changed.is_some_and(|c| !c.is_empty()) { " with changes" } else { "" };
    said("git", &["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(unknown) + changes
}

/// How many processes wanted the cores, on average over the minute before.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    load.and_then(|l| l.split(' ').next().map(str::to_owned)).unwrap_or_else(unknown)
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
