//! Progress display: a bar on a terminal, else a line on standard error at intervals.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use unargmax::progress::Progress;

/// The environment variable with the seconds between two progress lines; 0 turns them off.
const INTERVAL: &str = "UNARGMAX_PROGRESS";
/// The default number of seconds between two lines; a command that takes less prints no line at all.
const SECONDS: f64 = 30.0;
/// How long a stage has to last before its display says how much longer it will take.
const SETTLED: Duration = Duration::from_secs(2);
/// How often the bar is redrawn, so that its clock runs while no work is finished.
const TICK: Duration = Duration::from_millis(250);

/// The progress display of all stages of a command: one bar, or one series of lines.
pub struct Bar {
    state: Arc<State>,
    shown: Shown,
}

/// How progress is shown.
enum Shown {
    Nowhere,
    Bar(ProgressBar),
    /// The thread that writes lines ends when this sender is dropped.
    Lines(Mutex<Option<Sender<()>>>),
}

/// What the display shows: the stage, how much of it is done, and when the command began.
struct State {
    since: Instant,
    stage: Mutex<Stage>,
    done: AtomicUsize,
}

/// A stage of a command, with its amount of work.
struct Stage {
    name: String,
    /// When it began.
    since: Instant,
    /// The amount of work in `unit`; 0 where it is not known.
    total: usize,
    unit: String,
}

impl Bar {
    /// Shows a bar where standard error is a terminal, lines where it is not, and nothing if `quiet`.
    pub fn new(quiet: bool) -> Result<Self> {
        let interval = interval(env::var(INTERVAL).ok().as_deref())?;
        let since = Instant::now();
        let nothing = Stage { name: String::new(), since, total: 0, unit: String::new() };
        let state =
            Arc::new(State { since, stage: Mutex::new(nothing), done: AtomicUsize::new(0) });
        let shown = if quiet {
            Shown::Nowhere
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            Shown::Bar(bar)
        } else if let Some(interval) = interval {
            let (stop, stopped) = channel();
            let watched = state.clone();
            thread::spawn(move || tell(&watched, interval, &stopped));
            Shown::Lines(Mutex::new(Some(stop)))
        } else {
            Shown::Nowhere
        };
        Ok(Bar { state, shown })
    }

    /// Begins a stage whose amount of work is not known.
    pub fn stage(&self, name: &str) {
        self.begin(name, 0, "");
    }

    /// Removes the display for good.
    pub fn finish(&self) {
        match &self.shown {
            Shown::Nowhere => {}
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Lines(stop) => drop(locked(stop).take()),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Progress for Bar {
    fn begin(&self, stage: &str, total: usize, unit: &str) {
        let mut now = locked(&self.state.stage);
        let since = Instant::now();
        *now = Stage { name: stage.to_owned(), since, total, unit: unit.to_owned() };
        self.state.done.store(0, Ordering::Relaxed);
        if let Shown::Bar(bar) = &self.shown {
            let template = match total {
                0 => "{msg:12} {spinner} {elapsed}".to_owned(),
                _ => format!("{{msg:12}} {{wide_bar}} {{pos}}/{{len}} {unit}, {{elapsed}}{{left}}"),
            };
            let told = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let (done, total) = (state.pos() as usize, state.len().unwrap_or(0) as usize);
                if let Some(left) = left(done, total, state.elapsed()) {
                    let _ = write!(out, ", {} left", time(left.as_secs()));
                }
            };
            // Each of these calls may redraw the bar, so the style is set first.
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style.with_key("left", told));
            }
            bar.set_length(total as u64);
            bar.reset();
            bar.set_message(now.name.clone());
        }
    }

    fn advance(&self, count: usize) {
        self.state.done.fetch_add(count, Ordering::Relaxed);
        if let Shown::Bar(bar) = &self.shown {
            bar.inc(count as u64);
        }
    }
}

/// Parses the interval between two lines; `None` means no lines.
fn interval(seconds: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = seconds.filter(|text| !text.is_empty()) else {
        return Ok(Some(Duration::from_secs_f64(SECONDS)));
    };
    match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Ok(Duration::ZERO)) => Ok(None),
        Ok(Ok(interval)) => Ok(Some(interval)),
        _ => bail!("${INTERVAL}: `{text}` is not a number of seconds; 0 is for no lines"),
    }
}

/// Writes a line after each interval, until the sender of `stopped` is dropped.
fn tell(state: &State, interval: Duration, stopped: &Receiver<()>) {
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        let stage = locked(&state.stage);
        if !stage.name.is_empty() {
            let done = state.done.load(Ordering::Relaxed);
            let line = line(&stage, done, state.since.elapsed(), stage.since.elapsed());
            // A failure to write is ignored: it is no reason to end the command.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// Formats the progress of a stage, `elapsed` after the command began and `lasts` after the stage did.
fn line(stage: &Stage, done: usize, elapsed: Duration, lasts: Duration) -> String {
    let Stage { name, total, unit, .. } = stage;
    let after = format!("unargmax: after {}: {name}", time(elapsed.as_secs()));
    if *total == 0 {
        return match lasts >= SETTLED {
            true => format!("{after}, for {}", time(lasts.as_secs())),
            false => after,
        };
    }
    let done = done.min(*total);
    let percent = (done as u128 * 100) / *total as u128;
    let left = left(done, *total, lasts);
    let left = left.map_or(String::new(), |left| format!(", {} left", time(left.as_secs())));
    format!("{after}, {percent} % ({done} of {total} {unit}){left}")
}

/// Estimates how much longer a stage takes if it goes on as fast as so far; `None` at its start and at its end.
fn left(done: usize, total: usize, lasts: Duration) -> Option<Duration> {
    let open = total.checked_sub(done).filter(|open| *open > 0)?;
    let known = done > 0 && lasts >= SETTLED;
    let seconds = lasts.as_secs_f64() * (open as f64 / done as f64);
    known.then(|| Duration::try_from_secs_f64(seconds.ceil()).ok()).flatten()
}

/// Formats a duration: `59 s`, `3 min 20 s`, `2 h 5 min`.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Locks the mutex, also after a panic of another thread.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_stage_share_units_and_time() {
        let since = Instant::now();
        let stage = |total| Stage { name: "screen".into(), since, total, unit: "tokens".into() };
        let of = |total, done, seconds| {
            line(&stage(total), done, Duration::from_secs(seconds), Duration::from_secs(1))
        };
        assert_eq!(of(9000, 483, 31), "unargmax: after 31 s: screen, 5 % (483 of 9000 tokens)");
        assert_eq!(of(0, 0, 75), "unargmax: after 1 min 15 s: screen");
        assert_eq!(of(3, 2, 7500), "unargmax: after 2 h 5 min: screen, 66 % (2 of 3 tokens)");
        // Never all before all is done, and never more than all.
        assert!(of(1000, 999, 1).contains(" 99 % "));
        assert!(of(3, 4, 1).contains(" 100 % (3 of 3 "));
        assert!(of(usize::MAX, usize::MAX - 1, 1).contains(" 99 % "));
    }

    #[test]
    fn a_stage_of_some_seconds_tells_how_long_it_lasts_or_how_much_is_left() {
        let since = Instant::now();
        let stage = |total| Stage { name: "screen".into(), since, total, unit: "tokens".into() };
        let of = |total, done, seconds| {
            line(&stage(total), done, Duration::from_secs(90), Duration::from_secs(seconds))
        };
        assert!(of(400, 100, 30).ends_with(": screen, 25 % (100 of 400 tokens), 1 min 30 s left"));
        assert!(of(0, 0, 30).ends_with(": screen, for 30 s"));
        // Not at once, not before anything is done, and not when all is.
        for (total, done, seconds) in [(400, 100, 1), (400, 0, 30), (400, 400, 30), (4, 5, 30)] {
            assert!(of(total, done, seconds).ends_with(" tokens)"), "{total} {done} {seconds}");
        }
        assert!(of(usize::MAX, 1, u64::MAX).ends_with(" tokens)"), "too long to be told");
    }

    #[test]
    fn the_interval_is_a_number_of_seconds() {
        assert_eq!(interval(None).unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(interval(Some("")).unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(interval(Some("0.5")).unwrap(), Some(Duration::from_millis(500)));
        assert_eq!(interval(Some("0")).unwrap(), None);
        for bad in ["-1", "x", "inf", "NaN", "1e99"] {
            assert!(interval(Some(bad)).is_err(), "{bad}");
        }
    }
}
