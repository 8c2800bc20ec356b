//! The binary part of the Python package `unargmax`. What users see is in `python/unargmax`; this module is private to it.

// One function of `numbers` lends memory of an array to Rust; nothing else is unsafe.
#![deny(unsafe_code)]

mod audit;
mod auditing;
mod error;
mod layer;
mod numbers;
mod running;
mod table;

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command with these arguments, of which the first is the name of the program, and returns its exit status.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let code = py.detach(|| unargmax::cli::run(&arguments));
    // The standard library tells no number; the statuses of the command are few.
    (0..=u8::MAX).find(|&number| ExitCode::from(number) == code).unwrap_or(2)
}

#[pymodule]
fn _unargmax(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(command, module)?)?;
    module.add_function(wrap_pyfunction!(auditing::audit, module)?)?;
    module.add_function(wrap_pyfunction!(table::read_table, module)?)?;
    module.add_class::<layer::Layer>()?;
    module.add_class::<audit::Audit>()?;
    module.add_class::<table::Table>()
}
