//! The baselines on a sample of tokens, each in a process of its own that is ended after its time.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::index;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unargmax::audit::RADIUS_THRESHOLD;
use unargmax::baselines::{full_program, reflection};
use unargmax::checkpoint;
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::locate::bundled;
use unargmax::locate::{Choice, locate};

use crate::heads::Subject;
use crate::options::Sample;
use crate::process;

/// Tokens asked of each baseline.
const REFLECTED: usize = 512;
const PROGRAMMED: usize = 16;
/// The address space a linear program may take.
const MEMORY: u64 = 10 << 30;
/// Of the sample.
const SEED: u64 = 1;

/// Something to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Reflection,
    Program,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Reflection => "reflection heuristic",
            Method::Program => "one full LP a token",
        }
    }

    fn command(self) -> &'static str {
        if self == Method::Reflection { "reflect" } else { "program" }
    }
}

/// What the process prints, a line of JSON an event, as it happens.
#[derive(Debug, Deserialize, Serialize)]
enum Event {
    /// The head was read, in so many seconds, which are nobody's.
    Read { seconds: f64 },
    /// A token is done: the seconds since the start, and whether it was found to win.
    Done { seconds: f64, found: bool },
}

/// What a sample says of the whole head.
#[derive(Clone, Debug)]
pub struct Estimate {
    pub method: Method,
    pub asked: usize,
    pub done: usize,
    /// Of those done, how many the method takes for winners.
    pub found: usize,
    /// Seconds a token with all threads at work.
    pub each: f64,
    /// For all tokens: `each` times their number.
    pub whole: f64,
    /// The sample was not finished: tokens still at work count as done, so that this is from below.
    pub at_least: bool,
    /// Why the sample was not finished.
    pub note: String,
}

/// Runs a baseline on a sample of a head's tokens.
pub fn estimate(subject: &Subject, method: Method, threads: usize, cap: u64) -> Result<Estimate> {
    // Linear programs run one at a time, and count as if threads shared them perfectly: in their favour.
    let (asked, busy) = match method {
        Method::Reflection => (REFLECTED.min(subject.tokens), threads),
        Method::Program => (PROGRAMMED.min(subject.tokens), 1),
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(method.command()).args([
        "--count",
        &asked.to_string(),
        "--threads",
        &busy.to_string(),
    ]);
    command.args(subject.source.path());
    let ended = process::run(&mut command, Duration::from_secs(cap))?;
    let events = ended
        .output
        .lines()
        .filter(|line| line.ends_with('}'))
        .map(|line| serde_json::from_str(line).with_context(|| format!("it printed {line:?}")))
        .collect::<Result<Vec<Event>>>()?;
    let (mut reading, mut done) = (0.0, Vec::new());
    for event in events {
        match event {
            Event::Read { seconds } => reading = seconds,
            Event::Done { seconds, found } => done.push((seconds, found)),
        }
    }
    let finished = done.len() == asked;
    // A token that was begun counts, as if it had ended with its process.
    let (spent, begun) = match finished {
        true => (done.iter().fold(0.0, |m: f64, d| m.max(d.0)), asked),
        false => (ended.seconds - reading, (done.len() + busy).min(asked)),
    };
    let each = spent / begun as f64 * busy as f64 / threads as f64;
    let last = ended.errors.lines().next_back().unwrap_or_default();
    let note = match (finished, ended.stopped) {
        (true, _) => String::new(),
        (false, true) => format!("ended after {cap} s"),
        (false, false) => format!("{} ({last}; it may take {} GiB)", ended.status, MEMORY >> 30),
    };
    Ok(Estimate {
        method,
        asked,
        done: done.len(),
        found: done.iter().filter(|d| d.1).count(),
        each,
        whole: each * subject.tokens as f64,
        at_least: !finished,
        note,
    })
}

/// The process that reflects.
pub fn reflect(sample: &Sample) -> Result<()> {
    let (head, reading) = head(sample.checkpoint.as_deref())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(sample.threads).build()?;
    each(&head, reading, sample, |tokens, done| {
        pool.install(|| {
            tokens.par_iter().with_max_len(1).for_each(|&token| {
                let search = reflection::reflect(&head, token, reflection::STEPS);
                done(matches!(search.outcome, reflection::Outcome::Found(_)));
            });
        });
    })
}

/// The process that solves linear programs.
pub fn program(sample: &Sample) -> Result<()> {
    let (head, reading) = head(sample.checkpoint.as_deref())?;
    let domain = Domain::range(head.dim(), -100.0, 100.0)?;
    process::limit_memory(MEMORY)?;
    each(&head, reading, sample, |tokens, done| {
        for &token in tokens {
            done(full_program::radius(&head, &domain, token) >= RADIUS_THRESHOLD);
        }
    })
}

/// Draws the tokens, and prints what becomes of them.
fn each(
    head: &Head,
    reading: f64,
    sample: &Sample,
    work: impl Fn(&[u32], &(dyn Fn(bool) + Sync)),
) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let count = sample.count.min(head.tokens());
    let tokens: Vec<u32> =
        index::sample(&mut random, head.tokens(), count).into_iter().map(|t| t as u32).collect();
    let say = |event: &Event| {
        let mut out = std::io::stdout().lock();
        let text = serde_json::to_string(event).unwrap_or_default();
        // Whoever reads sees that a line is missing.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    };
    say(&Event::Read { seconds: reading });
    let started = Instant::now();
    work(&tokens, &|found| {
        say(&Event::Done { seconds: started.elapsed().as_secs_f64(), found });
    });
    Ok(())
}

/// The head, and how long reading it took.
fn head(path: Option<&Path>) -> Result<(Head, f64)> {
    let started = Instant::now();
    let located = match path {
        Some(path) => locate(checkpoint::open(path)?.as_ref(), path, &Choice::default())?,
        None => bundled::read()?.0,
    };
    Ok((located.head, started.elapsed().as_secs_f64()))
}
