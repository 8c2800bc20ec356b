//! The errors of the library: what went wrong, where (file, tensor, shape or offset), and what to do.

use std::path::{Path, PathBuf};

use unargmax_check::error::{Error as CheckError, one_line};

/// An error of the library. Every message is one line that names its place and a remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to open, read or write a file.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said. It is part of the message, so it is not the `source` as well: otherwise a
        /// printed error chain would contain it twice.
        reason: std::io::Error,
    },
    /// The file is not what its format says it must be.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the tensor, the shape or the byte offset where there is one.
        problem: String,
    },
    /// The file is sound, but does not contain the requested head, or contains it more than once.
    #[error("{}: {problem}", path.display())]
    Head {
        /// The checkpoint.
        path: PathBuf,
        /// What is missing or ambiguous, and which option selects a head.
        problem: String,
    },
    /// A head, a domain or a selection that has no meaning (a shape that does not fit, a number that is not finite).
    #[error("{0}")]
    Invalid(String),
    /// A check of the program on itself failed. No wrong verdict is given: the run ends here.
    #[error("a fault of this program, please report it: {0}")]
    Internal(String),
    /// The tensor library refused an operation; a fault of this program, because shapes are checked before.
    #[error("the tensor library refused an operation: {0}")]
    Tensors(String),
}

#[cfg(feature = "model")]
impl From<candle_core::Error> for Error {
    fn from(refusal: candle_core::Error) -> Self {
        Error::Tensors(one_line(refusal.to_string()))
    }
}

/// The result type of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An operating-system error at `path`.
    pub fn io(path: impl AsRef<Path>, reason: std::io::Error) -> Self {
        CheckError::io(path, reason).into()
    }

    /// A fault in the bytes of `path`.
    pub fn malformed(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        CheckError::malformed(path, problem).into()
    }

    /// A head that cannot be found, or not uniquely, in `path`.
    pub fn head(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Error::Head { path: path.as_ref().to_path_buf(), problem: one_line(problem.into()) }
    }
}

impl From<CheckError> for Error {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Io { path, reason } => Error::Io { path, reason },
            CheckError::Malformed { path, problem } => Error::Malformed { path, problem },
            other => Error::Invalid(other.to_string()),
        }
    }
}

/// Refuses what has no meaning: [`Error::Invalid`] with this problem.
#[cfg(any(feature = "measures", feature = "model"))]
pub(crate) fn invalid<T>(problem: impl Into<String>) -> Result<T> {
    Err(Error::Invalid(problem.into()))
}
