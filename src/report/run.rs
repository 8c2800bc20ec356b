//! When and by which command line an audit was made.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::shell_words::{quoted, shareable_word};
use crate::error::{Error, Result};

/// The variable that sets the date of all files that a build makes, in seconds since 1970
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// A run of the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The date and time of its start, in UTC: `2026-11-29T07:15:00Z`.
    pub date: String,
    /// The words of the command line, as they were given; the first is `unargmax`.
    pub command: Vec<String>,
}

impl Run {
    /// The run of this process: the time is now, or that of `$SOURCE_DATE_EPOCH`.
    ///
    /// # Errors
    /// `$SOURCE_DATE_EPOCH` is no number of seconds.
    pub fn of_this_process() -> Result<Run> {
        let epoch = std::env::var_os(SOURCE_DATE_EPOCH).filter(|epoch| !epoch.is_empty());
        let given = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        Ok(Run {
            date: date(epoch.as_deref())?,
            command: ["unargmax".to_owned()].into_iter().chain(given).collect(),
        })
    }

    /// The same run, without absolute paths of the machine it ran on.
    pub fn published(&self) -> Run {
        let command = self.command.iter().map(|word| shareable_word(word)).collect();
        Run { date: self.date.clone(), command }
    }

    /// The command line for a shell, without absolute paths of the machine it ran on.
    pub fn shareable(&self) -> String {
        let words = self.command.iter().map(|word| quoted(&shareable_word(word)));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// The date of a number of seconds since 1970, or of now.
fn date(epoch: Option<&OsStr>) -> Result<String> {
    let time = match epoch {
        None => Some(SystemTime::now()),
        Some(epoch) => {
            let seconds = epoch.to_str().and_then(|text| text.parse().ok());
            // The year 9999 ends here.
            let seconds = seconds.filter(|seconds| *seconds < 253_402_300_800u64);
            seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        }
    };
    let no_time = || {
        let given = epoch.unwrap_or_default().to_string_lossy();
        Error::Invalid(format!(
            "${SOURCE_DATE_EPOCH} is `{given}`, which is no number of seconds since 1970"
        ))
    };
    Ok(humantime::format_rfc3339_seconds(time.ok_or_else(no_time)?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_seconds_since_1970() {
        for (seconds, text) in [
            ("0", "1970-01-01T00:00:00Z"),
            ("951782400", "2000-02-29T00:00:00Z"),
            ("1795936500", "2026-11-29T07:15:00Z"),
        ] {
            assert_eq!(date(Some(OsStr::new(seconds))).unwrap(), text);
        }
        for wrong in ["", "x", "-1", "1.5", "99999999999999999999"] {
            assert!(date(Some(OsStr::new(wrong))).is_err(), "{wrong}");
        }
        assert!(date(None).unwrap().starts_with("2"));
    }

    #[test]
    fn a_command_line_is_shown_without_absolute_paths() {
        let words = [
            "unargmax",
            "audit",
            "/home/me/x.npy",
            "--out",
            "/tmp/a b",
            "--vocab=/v.txt",
            "--tokens",
            "@/t",
            "it's",
        ];
        let run = Run { date: String::new(), command: words.map(str::to_owned).to_vec() };
        assert_eq!(
            run.shareable(),
            r"unargmax audit /path/to/x.npy --out '/path/to/a b' --vocab=/path/to/v.txt --tokens @/path/to/t 'it'\''s'"
        );
    }
}
