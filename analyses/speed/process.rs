//! Other programs as whole processes: how long, how much memory, and an end to those that take too long.
//!
//! The only file with calls to the system. The kernel counts the memory of the process that forks towards its
//! child's peak, so whoever measures must stay small itself: all large work of this study is in processes of its own.

use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    /// From before it was started until it had ended, in seconds.
    pub seconds: f64,
    /// The largest resident set, in bytes.
    pub peak: u64,
    /// It was ended because it took longer than it may.
    pub stopped: bool,
    pub status: ExitStatus,
    pub output: String,
    pub errors: String,
}

impl Ended {
    /// This, unless the process failed by itself.
    pub fn succeeded(self, what: &str) -> Result<Ended> {
        let why = self.errors.trim();
        ensure!(self.stopped || self.status.success(), "{what} ended with {}: {why}", self.status);
        Ok(self)
    }
}

/// Runs a command to its end, or for `cap` at most.
pub fn run(command: &mut Command, cap: Duration) -> Result<Ended> {
    let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(errors.try_clone()?);
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("{command:?}"))?;
    let pid = child.id();
    let (ended, end) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let late = end.recv_timeout(cap) == Err(RecvTimeoutError::Timeout);
        if late {
            system::kill(pid);
        }
        late
    });
    system::wait(pid)?;
    let seconds = started.elapsed().as_secs_f64();
    // Until it is reaped below no other process can get its number, so a late signal hits nobody else.
    drop(ended);
    let stopped = watch.join().unwrap_or(false);
    let (status, peak) = system::reap(pid)?;
    let text = |file: &mut std::fs::File| -> Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (output, errors) = (text(&mut output)?, text(&mut errors)?);
    Ok(Ended { seconds, peak, stopped: stopped && !status.success(), status, output, errors })
}

pub use system::limit_memory;

mod system {
    use std::io::{Error, Result};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    /// Waits until a child has ended, and leaves it to be reaped.
    pub fn wait(pid: u32) -> Result<()> {
        loop {
            // SAFETY: all zeros is a valid `siginfo_t`, and `waitid` writes to nothing else.
            let done = unsafe {
                let mut information: libc::siginfo_t = std::mem::zeroed();
                libc::waitid(libc::P_PID, pid, &mut information, libc::WEXITED | libc::WNOWAIT)
            };
            match done {
                0 => return Ok(()),
                _ if Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
                _ => return Err(Error::last_os_error()),
            }
        }
    }

    /// How an ended child ended, and its peak memory in bytes.
    pub fn reap(pid: u32) -> Result<(ExitStatus, u64)> {
        let mut status = 0;
        // SAFETY: all zeros is a valid `rusage`, and `wait4` writes to these two only.
        let (done, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::wait4(pid as libc::pid_t, &mut status, 0, &mut usage), usage)
        };
        if done < 0 {
            return Err(Error::last_os_error());
        }
        // Kilobytes, but for Apple's systems.
        let unit = if cfg!(target_vendor = "apple") { 1 } else { 1024 };
        Ok((ExitStatus::from_raw(status), usage.ru_maxrss as u64 * unit))
    }

    /// Ends a child that has not been reaped.
    pub fn kill(pid: u32) {
        // SAFETY: takes two numbers.
        unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
    }

    /// Lets this process take no more than so many bytes of address space: more ends it.
    pub fn limit_memory(bytes: u64) -> Result<()> {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: reads the limit only.
        match unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) } {
            0 => Ok(()),
            _ => Err(Error::last_os_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, cap: Duration) -> Ended {
        run(Command::new("sh").args(["-c", script]), cap).unwrap()
    }

    #[test]
    fn time_output_and_status_are_those_of_the_process() {
        let ended = shell("sleep 0.2; echo out; echo err >&2; exit 3", Duration::from_secs(60));
        assert!((0.2..30.0).contains(&ended.seconds), "{}", ended.seconds);
        assert_eq!((ended.output.as_str(), ended.errors.as_str()), ("out\n", "err\n"));
        assert_eq!((ended.status.code(), ended.stopped), (Some(3), false));
        let refused = ended.succeeded("sh").unwrap_err().to_string();
        assert!(refused.contains("err"), "{refused}");
    }

    #[test]
    fn a_process_that_takes_too_long_is_ended_and_what_it_said_is_kept() {
        let ended = shell("echo begun; exec sleep 60", Duration::from_millis(300));
        assert!(ended.stopped && ended.seconds < 30.0);
        assert_eq!(ended.output, "begun\n");
        assert!(ended.succeeded("sh").is_ok(), "stopped is no failure of its own");
    }

    #[test]
    fn the_peak_counts_memory_that_was_given_back() {
        let small = shell("true", Duration::from_secs(60)).peak;
        // A line of 64 MB that the shell holds for a moment.
        let large = shell(
            "x=$(head -c 64000000 /dev/zero | tr '\\0' x); x=; true",
            Duration::from_secs(60),
        )
        .peak;
        assert!(large > small + 60_000_000, "{small} {large}");
    }
}
