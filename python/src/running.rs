//! Runs work of seconds or hours without the interpreter's lock: other threads of Python run, progress is reported, and Ctrl-C
//! ends the work.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use unargmax::progress::Progress;

use crate::error::exception;

/// How often signals are checked and progress is reported.
const TICK: Duration = Duration::from_millis(100);
/// The stack of the work, as large as that of the first thread usually is.
const STACK: usize = 8 << 20;

/// What is thrown in every thread of the work to end it.
struct Cancelled;

/// The stage of the work, and whether it is to end.
#[derive(Default)]
struct Watched {
    cancelled: AtomicBool,
    /// The stage, its amount of work (0 where it is not known) and the unit of that.
    stage: Mutex<(String, usize, String)>,
    done: AtomicUsize,
}

impl Watched {
    /// Ends the calling thread's work if it was cancelled.
    fn go_on(&self) {
        if self.cancelled.load(Ordering::Relaxed) {
            // No panic: nothing is printed.
            resume_unwind(Box::new(Cancelled));
        }
    }

    /// Tells the callback where the work is.
    fn tell(&self, py: Python<'_>, callback: &Py<PyAny>) -> PyResult<()> {
        let (stage, total, unit) =
            self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = self.done.load(Ordering::Relaxed);
        let done = if total == 0 { done } else { done.min(total) };
        callback.call1(py, (stage, done, total, unit)).map(drop)
    }
}

impl Progress for Watched {
    fn begin(&self, stage: &str, total: usize, unit: &str) {
        self.go_on();
        let mut now = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (stage.to_owned(), total, unit.to_owned());
        self.done.store(0, Ordering::Relaxed);
    }

    fn advance(&self, count: usize) {
        self.go_on();
        self.done.fetch_add(count, Ordering::Relaxed);
    }
}

/// Does `work` on a thread of its own, without the interpreter's lock. Meanwhile this thread calls `callback` with the stage,
/// what of it is done, its total (0 where that is not known) and its unit, and raises what a signal handler raises.
pub fn run<T: Send>(
    py: Python<'_>,
    callback: Option<&Py<PyAny>>,
    work: impl FnOnce(&dyn Progress) -> unargmax::error::Result<T> + Send,
) -> PyResult<T> {
    let watched = Watched::default();
    let ended = py.detach(|| {
        thread::scope(|scope| {
            let (done, finished) = channel();
            let watched = &watched;
            let work = move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(watched)));
                // The receiver waits for this.
                let _ = done.send(result);
            };
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
            let mut raised = None;
            let result = loop {
                match finished.recv_timeout(TICK) {
                    Ok(result) => break Some(result),
                    Err(RecvTimeoutError::Disconnected) => break None,
                    Err(RecvTimeoutError::Timeout) if raised.is_some() => {}
                    Err(RecvTimeoutError::Timeout) => {
                        let looked = Python::attach(|py| {
                            py.check_signals()?;
                            callback.map_or(Ok(()), |callback| watched.tell(py, callback))
                        });
                        if let Err(error) = looked {
                            watched.cancelled.store(true, Ordering::Relaxed);
                            raised = Some(error);
                        }
                    }
                }
            };
            match (raised, result) {
                (Some(raised), _) => Err(raised),
                (None, Some(result)) => Ok(result),
                (None, None) => unreachable!("the thread sends its result"),
            }
        })
    })?;
    match ended {
        Ok(result) => {
            if let Some(callback) = callback {
                watched.tell(py, callback)?;
            }
            result.map_err(exception)
        }
        // A fault of the program: pyo3 raises it as PanicException.
        Err(panic) => resume_unwind(panic),
    }
}
