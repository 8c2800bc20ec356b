//! The table of an audit, column by column.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use unargmax::report::results::{Results, SUMMARY, VERDICTS};

use crate::error::exception;

/// The rows of a `verdicts.csv`.
#[pyclass(frozen, module = "unargmax._unargmax")]
pub struct Table {
    header: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads the bytes of a `verdicts.csv`.
    pub fn of(bytes: &[u8]) -> PyResult<Self> {
        let failed = |e: csv::Error| PyValueError::new_err(format!("{VERDICTS}: {e}"));
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        let rows = reader.into_records().collect::<Result<_, _>>().map_err(failed)?;
        Ok(Table { header, rows })
    }

    /// The place of a column.
    fn place(&self, name: &str) -> PyResult<usize> {
        let found = self.header.iter().position(|column| column == name);
        found.ok_or_else(|| PyKeyError::new_err(format!("there is no column `{name}`")))
    }
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.header.clone()
    }

    /// The texts of a column.
    fn texts(&self, name: &str) -> PyResult<Vec<&str>> {
        let place = self.place(name)?;
        Ok(self.rows.iter().map(|row| row.get(place).unwrap_or_default()).collect())
    }

    /// The numbers of a column; NaN where there is none.
    fn numbers<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let place = self.place(name)?;
        let number = |row: &csv::StringRecord| match row.get(place).unwrap_or_default() {
            "" => Ok(f64::NAN),
            text => text.parse().map_err(|_| {
                PyValueError::new_err(format!("{VERDICTS}: `{text}` is not a valid {name}"))
            }),
        };
        let numbers: Vec<f64> = self.rows.iter().map(number).collect::<PyResult<_>>()?;
        Ok(numbers.into_pyarray(py))
    }
}

/// Reads the table and the summary (JSON) of a folder that `audit --out` wrote, and checks that they belong together.
#[pyfunction]
pub fn read_table(py: Python<'_>, folder: PathBuf) -> PyResult<(Table, String)> {
    py.detach(|| {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|e| exception(unargmax::Error::io(&path, e)))
        };
        let (summary, table) = (read(SUMMARY)?, read(VERDICTS)?);
        Results::from_bytes(&folder, &summary, &table).map_err(exception)?;
        let summary = String::from_utf8(summary);
        let summary = summary.map_err(|e| PyValueError::new_err(format!("{SUMMARY}: {e}")))?;
        Ok((Table::of(&table)?, summary))
    })
}
