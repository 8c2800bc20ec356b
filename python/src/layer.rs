//! An output layer: of an array, or found in a checkpoint.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArray2, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use unargmax::Domain;
use unargmax::cli::selection::item;
use unargmax::head::{Head, Rows};
use unargmax::locate::{BiasChoice, Choice};
use unargmax::output_layer::{Names, OutputLayer, ReadOptions};
use unargmax::report::options::HeadOptions;

use crate::error::exception;
use crate::numbers;

/// An output layer, and how it was named.
pub struct Read {
    pub layer: OutputLayer,
    /// The path of the checkpoint; `None` for an array.
    pub path: Option<PathBuf>,
    pub options: HeadOptions,
    /// Whether the rows lie in an array of the caller, who may change them.
    pub lent: bool,
}

/// An output layer.
#[pyclass(frozen, module = "unargmax._unargmax")]
pub struct Layer {
    pub read: Arc<Read>,
}

#[pymethods]
impl Layer {
    /// The layer of an array (`V x d`, C-ordered, float32 or float64), a bias (`V`) and perhaps names (`V`).
    #[staticmethod]
    #[pyo3(signature = (rows, bias, vocab))]
    fn of_array(
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        bias: Option<PyReadonlyArray1<'_, f64>>,
        vocab: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let (numbers, shape): (Rows, [usize; 2]) = if let Ok(rows) = rows.cast::<PyArray2<f32>>() {
            (numbers::lent(rows)?.into(), [rows.shape()[0], rows.shape()[1]])
        } else if let Ok(rows) = rows.cast::<PyArray2<f64>>() {
            (numbers::lent(rows)?.into(), [rows.shape()[0], rows.shape()[1]])
        } else {
            return Err(PyTypeError::new_err("rows are a matrix of float32 or float64"));
        };
        let bias = bias.map(|bias| bias.as_array().to_vec());
        let make = || {
            let head = Head::new(numbers, bias, shape[0], shape[1])?;
            OutputLayer::from_head(head, Domain::free(shape[1]), vocab.as_deref())
        };
        let layer = py.detach(make).map_err(exception)?;
        let read = Read { layer, path: None, options: HeadOptions::default(), lent: true };
        Ok(Layer { read: Arc::new(read) })
    }

    /// The layer of a checkpoint, with the options of the command.
    #[staticmethod]
    #[pyo3(signature = (path, weight, bias, transpose, vocab, padding_ok))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        weight: Option<String>,
        bias: Option<String>,
        transpose: bool,
        vocab: Option<PathBuf>,
        padding_ok: bool,
    ) -> PyResult<Self> {
        let choice = match bias.as_deref() {
            None => BiasChoice::ByName,
            Some("none") => BiasChoice::None,
            Some(name) => BiasChoice::Named(name.to_owned()),
        };
        let names = match vocab {
            None => Names::Own,
            Some(path) if path.as_os_str() == "none" => Names::None,
            Some(path) => Names::File(path),
        };
        let tensors = Choice { weight: weight.clone(), bias: choice, transpose };
        let options = ReadOptions { tensors, names, padding_ok, draft: false };
        let layer = py.detach(|| OutputLayer::open_with(&path, &options)).map_err(exception)?;
        let options = HeadOptions { weight, bias, transpose };
        let read = Read { layer, path: Some(path), options, lent: false };
        Ok(Layer { read: Arc::new(read) })
    }

    /// The number of tokens and of dimensions.
    #[getter]
    fn shape(&self) -> (usize, usize) {
        let head = self.read.layer.head();
        (head.tokens(), head.dim())
    }

    /// The hash of the numbers.
    #[getter]
    fn sha256(&self, py: Python<'_>) -> String {
        py.detach(|| self.read.layer.head().sha256())
    }

    /// The name of the tensor, the reason why it was taken, the domain, and its reason.
    #[getter]
    fn found(&self) -> (String, String, String, String) {
        let layer = &self.read.layer;
        let located = layer.located();
        let domain = layer.domain().to_string();
        (located.weight.clone(), located.why.clone(), domain, layer.domain_reason().to_owned())
    }

    /// The name of a token, or its id where it has none.
    fn token(&self, id: u32) -> String {
        self.read.layer.token(id)
    }

    /// The ids of an item: an id, a range of ids, or the spelling of a token.
    fn ids(&self, text: &str) -> PyResult<Vec<u32>> {
        let layer = &self.read.layer;
        let found = item(text, layer.head().tokens(), layer.vocabulary());
        found.map_err(|e| PyValueError::new_err(format!("{e:#}")))
    }
}
