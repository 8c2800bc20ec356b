//! Whole audits, from file to certificate, as processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::answers;
use crate::heads::{Source, Subject};
use crate::process;
use crate::timing::Timing;

/// No further run once the runs have taken so many seconds.
const ENOUGH: f64 = 60.0;

/// How audits are run.
#[derive(Debug)]
pub struct RunningSearch {
    /// The command `unargmax`.
    pub program: PathBuf,
    pub threads: usize,
    pub runs: usize,
    pub cap: Duration,
    pub verify: bool,
    /// Where audits write.
    pub scratch: PathBuf,
}

/// A timed audit.
#[derive(Clone, Debug)]
pub struct Audited {
    /// No runs: it was ended after the cap.
    pub timing: Timing,
    /// Of the same file over all of space, where the subject is held against that.
    pub free: Option<Timing>,
    /// The largest resident set of all runs, in bytes.
    pub peak: u64,
    /// Counts of verdicts, for people.
    pub answer: String,
    /// What differs from what is known; empty: all as known.
    pub wrong: Vec<String>,
    /// Of `unargmax verify`, where it was asked for.
    pub verified: Option<Verified>,
}

/// One run of `unargmax verify`.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    pub seconds: f64,
    /// The largest resident set, in bytes.
    pub peak: u64,
}

impl RunningSearch {
    /// Times the audit of a head, and checks what it found.
    pub fn audit(&self, subject: &Subject) -> Result<Audited> {
        let out = self.scratch.join("out").join(&subject.name);
        if let Some(path) = subject.source.path() {
            into_cache(&path, &subject.source)?;
        }
        let (mut seconds, mut free, mut peak) = (Vec::new(), Vec::new(), 0);
        while seconds.len() < self.runs && seconds.iter().sum::<f64>() < ENOUGH {
            if subject.is_beside_free() {
                let beside = self.scratch.join("out").join("free");
                let ended = self.once(subject, "free", &beside)?;
                ensure!(!ended.stopped, "{}: ended over all of space", subject.name);
                free.push(ended.seconds);
            }
            let ended = self.once(subject, subject.domain, &out)?;
            peak = peak.max(ended.peak);
            if ended.stopped {
                let answer = format!("ended after {} s", self.cap.as_secs());
                let wrong = vec![format!("{}: {answer}", subject.name)];
                return Ok(Audited {
                    timing: Timing::default(),
                    free: None,
                    peak,
                    answer,
                    wrong,
                    verified: None,
                });
            }
            seconds.push(ended.seconds);
        }
        let (answer, mut wrong) = answers::check(subject, &out)?;
        let verified = self.verify.then(|| self.verify(subject, &out, &mut wrong)).transpose()?;
        let free = subject.is_beside_free().then(|| Timing::new(free));
        Ok(Audited { timing: Timing::new(seconds), free, peak, answer, wrong, verified })
    }

    /// One audit into an empty folder.
    fn once(&self, subject: &Subject, domain: &str, out: &Path) -> Result<process::Ended> {
        // Results of an earlier run must not be taken for this one's.
        if out.exists() {
            std::fs::remove_dir_all(out)?;
        }
        let mut command = Command::new(&self.program);
        command.arg("audit").args(subject.source.path()).args(["--domain", domain]);
        command
            .args(["--quiet", "--no-report", "--threads", &self.threads.to_string(), "--out"])
            .arg(out);
        process::run(&mut command, self.cap)?.succeeded(&subject.name)
    }

    fn verify(&self, subject: &Subject, out: &Path, wrong: &mut Vec<String>) -> Result<Verified> {
        let mut command = Command::new(&self.program);
        command.arg("verify").args(subject.source.path()).arg(out.join("certificate.safetensors"));
        let ended = process::run(&mut command, self.cap)?;
        if ended.stopped || !ended.status.success() {
            wrong.push(format!("{}: verify ended with {}", subject.name, ended.status));
        }
        Ok(Verified { seconds: ended.seconds, peak: ended.peak })
    }
}

/// Reads a file once, so that no run waits for the disk.
fn into_cache(path: &Path, source: &Source) -> Result<()> {
    let mut file = File::open(path).with_context(|| match source {
        Source::File(_) => format!(
            "{}; fetch it by: python3 analyses/fetch_heads.py smollm2 whisper-tiny-en pp-ocrv4 --out models",
            path.display()
        ),
        _ => path.display().to_string(),
    })?;
    std::io::copy(&mut file, &mut std::io::sink())?;
    Ok(())
}
