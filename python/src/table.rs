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
    columns: Vec<Texts>,
    rows: usize,
}

/// The texts of a column, one after the other.
#[derive(Clone, Default)]
struct Texts {
    joined: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.joined.push_str(text);
        self.ends.push(self.joined.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.joined[start..end])
    }
}

impl Table {
    /// Reads the bytes of a `verdicts.csv`.
    pub fn of(bytes: &[u8]) -> PyResult<Self> {
        let failed = |e: csv::Error| PyValueError::new_err(format!("{VERDICTS}: {e}"));
        let mut reader = csv::Reader::from_reader(bytes);
        let header: Vec<String> =
            reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
        let mut columns = vec![Texts::default(); header.len()];
        let (mut row, mut rows) = (csv::StringRecord::new(), 0);
        while reader.read_record(&mut row).map_err(failed)? {
            columns.iter_mut().zip(&row).for_each(|(column, text)| column.push(text));
            rows += 1;
        }
        Ok(Table { header, columns, rows })
    }

    /// The texts of a column.
    fn column(&self, name: &str) -> PyResult<&Texts> {
        let place = self.header.iter().position(|column| column == name);
        let place =
            place.ok_or_else(|| PyKeyError::new_err(format!("there is no column `{name}`")));
        Ok(&self.columns[place?])
    }
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.rows
    }

    /// The names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.header.clone()
    }

    /// The texts of a column.
    fn texts(&self, name: &str) -> PyResult<Vec<&str>> {
        Ok(self.column(name)?.iter().collect())
    }

    /// The text that all rows have in a column, if there is one.
    fn common_text(&self, name: &str) -> PyResult<Option<&str>> {
        let mut texts = self.column(name)?.iter();
        let first = texts.next();
        Ok(first.filter(|first| texts.all(|text| text == *first)))
    }

    /// The numbers of a column; NaN where there is none.
    fn numbers<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let number = |text: &str| match text {
            "" => Ok(f64::NAN),
            text => text.parse().map_err(|_| {
                PyValueError::new_err(format!("{VERDICTS}: `{text}` is not a valid {name}"))
            }),
        };
        let numbers: Vec<f64> = self.column(name)?.iter().map(number).collect::<PyResult<_>>()?;
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
