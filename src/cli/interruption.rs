//! Signals: an interrupted run leaves nothing half-written and no folder that it made.

use std::sync::{Mutex, TryLockError};

use anyhow::Result;

use unargmax::report::files::{self, OutputFolder};

/// Where the results of this run are. Whoever holds it is writing, and an interruption waits.
static RESULTS: Mutex<Results> = Mutex::new(Results::Nowhere);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Results {
    Nowhere,
    Written,
}

/// Writes files into a folder; an interruption comes before or after that.
pub fn write(folder: &OutputFolder, files: &[(String, Vec<u8>)]) -> Result<()> {
    let mut results = RESULTS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    folder.write(files)?;
    *results = Results::Written;
    Ok(())
}

/// On the first interruption (SIGINT, SIGTERM, SIGHUP) removes the folders that were made, says what was written, and ends.
pub fn end_when_interrupted(writes: bool) {
    end_when_interrupted_saying(move || {
        if writes { "; nothing was written".to_owned() } else { String::new() }
    });
}

/// The same, saying `what` became of the work where no results were written.
pub fn end_when_interrupted_saying(what: impl Fn() -> String + Send + 'static) {
    let handler = move || {
        // Held until the end: nothing can begin to write.
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
    // Without a handler an interruption still ends the program, only without a word.
    let _ = ctrlc::set_handler(handler);
}
