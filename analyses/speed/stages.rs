//! How the seconds of one audit are spent: its stages, in a process of its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use unargmax::audit::journal::Journal;
use unargmax::audit::{Engine, Options, audit};
use unargmax::domain::Domain;
use unargmax::output_layer::OutputLayer;
use unargmax::report::Report;

use crate::heads::Subject;
use crate::process;

/// The stages in order: as the library names them (but for the first and the last two), and what they do.
pub const STAGES: [(&str, &str); 7] = [
    ("read", "read the file"),
    ("groups", "hash, equal rows, eigenvectors"),
    ("prepare", "prepare the screen"),
    ("screen", "screen: all pairs of rows"),
    ("prove", "searches, one token at a time"),
    ("write", "write table and certificate"),
    ("rest", "start of the process, rest"),
];

/// One stage of an audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub name: String,
    pub seconds: f64,
}

/// Runs the audit of a head once in a process of its own; its stages add up to the time of that process. None if it was
/// ended after the cap.
pub fn measure(subject: &Subject, threads: usize, cap: Duration) -> Result<Vec<Stage>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("stages").args(subject.source.path());
    command.args(["--threads", &threads.to_string()]);
    let ended = process::run(&mut command, cap)?.succeeded("stages")?;
    if ended.stopped {
        return Ok(Vec::new());
    }
    whole(&ended.output, ended.seconds)
}

/// The stages that the process printed, and the rest of its seconds.
fn whole(printed: &str, seconds: f64) -> Result<Vec<Stage>> {
    let stages: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(printed).with_context(|| format!("it printed {printed:?}"))?;
    let mut stages = stages
        .into_iter()
        .map(|(name, value)| {
            let seconds = value.as_f64().with_context(|| format!("{name}: {value}"))?;
            Ok(Stage { name, seconds })
        })
        .collect::<Result<Vec<_>>>()?;
    let rest = seconds - stages.iter().map(|s| s.seconds).sum::<f64>();
    stages.push(Stage { name: "rest".to_owned(), seconds: rest.max(0.0) });
    let place = |s: &Stage| STAGES.iter().position(|known| known.0 == s.name);
    if let Some(unknown) = stages.iter().find(|s| place(s).is_none()) {
        bail!("an audit has a stage {:?}, which has no place in the picture", unknown.name);
    }
    stages.sort_by_key(place);
    Ok(stages)
}

/// The process: audits a checkpoint over all of space as `unargmax audit --out` does, and prints seconds by stage.
pub fn print(checkpoint: &Path, threads: usize) -> Result<()> {
    let started = Instant::now();
    let out = tempfile::tempdir()?;
    let layer = OutputLayer::open(checkpoint)?;
    let read = started.elapsed().as_secs_f64();
    let domain = Domain::free(layer.head().dim());
    let scope = (None, Engine::default());
    let every = Duration::from_secs(10);
    let journal = Journal::open(out.path(), layer.head(), &domain, scope, every)?;
    let options = Options { threads, journal: Some(&journal), ..Options::default() };
    let audit = audit(layer.head(), &domain, options)?;
    let audited = Instant::now();
    Report::of(&layer, &audit).without_page().write(out.path())?;
    let mut stages = serde_json::Map::new();
    stages.insert("read".to_owned(), read.into());
    for (&name, &seconds) in audit.seconds() {
        stages.insert(name.to_owned(), seconds.into());
    }
    stages.insert("write".to_owned(), audited.elapsed().as_secs_f64().into());
    println!("{}", serde_json::Value::Object(stages));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_in_order_and_add_up_to_the_process() {
        let stages = whole(r#"{"read": 0.5, "prove": 1.0, "groups": 0.25}"#, 2.0).unwrap();
        let named: Vec<(&str, f64)> = stages.iter().map(|s| (s.name.as_str(), s.seconds)).collect();
        assert_eq!(named, [("read", 0.5), ("groups", 0.25), ("prove", 1.0), ("rest", 0.25)]);
        assert!(whole(r#"{"unheard": 1.0}"#, 2.0).is_err());
        assert!(whole("", 2.0).is_err());
    }
}
