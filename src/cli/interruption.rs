//! Signal handling: an interrupted run leaves no half-written file and no folder that it created.

use std::sync::{Mutex, TryLockError};

use anyhow::Result;

use unargmax::report::files::{self, OutputFolder};

/// Whether the results of this run have been written. The lock is held while writing, and the signal handler does
/// nothing meanwhile.
static RESULTS: Mutex<Results> = Mutex::new(Results::Nowhere);

/// What has become of the results of this run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Results {
    Nowhere,
    Written,
}

/// Writes files into a folder; the run cannot be interrupted in between.
pub fn write(folder: &OutputFolder, files: &[(String, Vec<u8>)]) -> Result<()> {
    let mut results = RESULTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    folder.write(files)?;
    *results = Results::Written;
    Ok(())
}

/// Installs the signal handler: on the first SIGINT, SIGTERM or SIGHUP it removes the folders that were created, says
/// what was written, and ends the program.
pub fn end_when_interrupted(writes: bool) {
    end_when_interrupted_saying(move || {
        if writes { "; nothing was written".to_owned() } else { String::new() }
    });
}

/// The same as [`end_when_interrupted`], with a message `what` for the case that no results were written.
pub fn end_when_interrupted_saying(what: impl Fn() -> String + Send + 'static) {
    let handler = move || {
        // The lock is held until the program ends, so that no write can begin.
        let results = match RESULTS.try_lock() {
            Ok(results) => results,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let told = match *results {
            Results::Nowhere => what(),
            Results::Written => " after everything was written".to_owned(),
        };
        files::abandon();
        eprintln!("\nunargmax: interrupted{told}");
        std::process::exit(130);
    };
    // If the handler cannot be installed, an interruption still ends the program, only without a message.
    let _ = ctrlc::set_handler(handler);
}
