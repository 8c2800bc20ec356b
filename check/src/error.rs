//! What can go wrong with heads, domains and certificates.

use std::path::{Path, PathBuf};

/// An error of this crate. Every message is one line that names its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open or read a file.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said. It is part of the message, so it is not its `source` as well.
        reason: std::io::Error,
    },
    /// The file is not what its format says it must be.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the array or the byte offset where there is one.
        problem: String,
    },
    /// A head, a domain or a certificate that has no meaning (a shape that does not fit, a number that is not finite).
    #[error("{0}")]
    Invalid(String),
}

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An operating-system error at `path`.
    pub fn io(path: impl AsRef<Path>, reason: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), reason }
    }

    /// A fault in the bytes of `path`.
    pub fn malformed(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Error::Malformed { path: path.as_ref().to_path_buf(), problem: one_line(problem.into()) }
    }
}

/// Makes a message safe to print on one line of a terminal.
///
/// The message may quote names from a file: control characters, line separators and bidirectional overrides are
/// escaped, and a message that is too long is cut.
pub fn one_line(problem: String) -> String {
    /// The length in bytes at which a message is cut.
    const LONGEST: usize = 2000;
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if problem.len() <= LONGEST && !problem.contains(steers) {
        return problem;
    }
    let mut line = String::new();
    for character in problem.chars() {
        if line.len() > LONGEST {
            line.push_str(" ...");
            break;
        }
        if steers(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_name_cannot_break_the_line_or_steer_the_terminal() {
        let said = Error::malformed("a", "tensor `x\ny\u{1b}[2J\u{202e}é`").to_string();
        assert_eq!(said, r"a: tensor `x\ny\u{1b}[2J\u{202e}é`");
        assert!(Error::malformed("a", "é".repeat(1 << 20)).to_string().len() < 2100);
    }
}
