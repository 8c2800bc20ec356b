//! Runs work whose memory cannot be bounded from within, in a process that can end while it still runs.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// By how many bytes the memory of the process may grow.
const GROWTH: usize = 1 << 30;
/// How long the work may take where the memory of the process cannot be read.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the memory is looked at.
const EVERY: Duration = Duration::from_millis(5);
/// The stack of the work, as large as that of the first thread usually is.
const STACK: usize = 8 << 20;

/// Returns what `work` returns, or an error once the memory of the process has grown by 1 GiB. The work is then still
/// running on a thread of its own, so that the process has to end.
pub fn bounded<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (done, finished) = channel();
    let (before, begun) = (resident(), Instant::now());
    std::thread::Builder::new().stack_size(STACK).spawn(move || drop(done.send(work())))?;
    loop {
        match finished.recv_timeout(EVERY) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Disconnected) => bail!("{what} ended in a panic"),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match (before, resident()) {
            (Some(before), Some(now)) if now.saturating_sub(before) > GROWTH => {
                bail!("{what} takes more than {} MiB of memory", GROWTH >> 20)
            }
            (None, _) | (_, None) if begun.elapsed() > PATIENCE => {
                bail!("{what} takes more than {} seconds", PATIENCE.as_secs())
            }
            _ => {}
        }
    }
}

/// Returns the bytes of memory that the process has; `None` where the system does not tell in this way.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_stays_small_returns_and_a_panic_is_an_error() {
        assert_eq!(bounded("it", || 7).unwrap(), 7);
        let said = bounded("it", || panic!("planned")).unwrap_err().to_string();
        assert_eq!(said, "it ended in a panic");
    }
}
