//! Where and when a study ran, and how to run it again.

use std::time::Duration;

use crate::environment;

/// One run of a study.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// UTC, to the minute.
    pub date: String,
    /// The command that remakes it.
    pub command: String,
    /// Short hash, and whether the sources differed from it.
    pub commit: String,
    pub machine: String,
    /// Other processes wanted the cores: the average of the minute before.
    pub load: String,
    /// Wall time.
    pub time: String,
}

impl Provenance {
    pub fn now(study: &str, quick: bool) -> Self {
        Provenance {
            date: environment::date(),
            command: format!(
                "cargo run --release --example study -- {study}{}",
                if quick { " --quick" } else { "" }
            ),
            commit: environment::commit(&["src", "check", "analyses"]),
            machine: machine(),
            load: environment::load(),
            time: String::new(),
        }
    }

    /// The same, with the wall time.
    pub fn after(self, time: Duration) -> Self {
        Provenance { time: format!("{:.1} s", time.as_secs_f64()), ..self }
    }
}

/// Processor, cores, and how this program was built.
fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = information.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    let name = name.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores, cargo profile {}", profile().unwrap_or("unknown".to_owned()))
}

/// The profile that this program was built with: the folder of examples lies in the folder of the profile.
fn profile() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.parent()?.file_name()?.to_string_lossy().into_owned())
}
