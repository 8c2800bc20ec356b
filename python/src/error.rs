//! Errors of the library as exceptions of Python.

use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use unargmax::Error;

/// The exception for an error: `OSError` where the system refused something, `RuntimeError` for a fault of the program,
/// else `ValueError`.
pub fn exception(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Internal(_) | Error::Tensors(_) => PyRuntimeError::new_err(text),
        _ => PyValueError::new_err(text),
    }
}
