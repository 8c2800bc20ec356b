//! An output layer: of an array, or found in a checkpoint.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{PyArray2, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use unargmax::cli::selection::{Sample, item, sample};
use unargmax::domain::Ball;
use unargmax::head::{Head, Rows};
use unargmax::locate::{BiasChoice, Choice};
use unargmax::output_layer::{Names, OutputLayer, ReadOptions};
use unargmax::report::options::HeadOptions;
use unargmax::{Domain, Options};

use crate::audit::Audit;
use crate::error::exception;
use crate::{numbers, running};

/// An output layer, and how it was named.
pub struct Read {
    pub layer: OutputLayer,
    /// The path of the checkpoint; `None` for an array.
    pub path: Option<PathBuf>,
    pub options: HeadOptions,
    /// Whether the rows lie in an array of the caller, who may change them.
    pub lent: bool,
}

/// The gain, the shift and the kind of a final norm that the caller gives.
pub type Norm = (Vec<f64>, Vec<f64>);

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

    /// Audits the layer. `measures` are what to measure: efforts, margins, probabilities and ranks, each by ids or as the
    /// command writes it (`all`, the size of a sample).
    #[pyo3(signature = (domain, norm, tokens, measures, bias_needed, threads, progress))]
    #[allow(clippy::too_many_arguments)]
    fn audit(
        &self,
        py: Python<'_>,
        domain: &str,
        norm: Option<Norm>,
        tokens: Option<Vec<u32>>,
        measures: [Option<Measure>; 4],
        bias_needed: bool,
        threads: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Audit> {
        let (domain, reason) = self.domain(domain, norm)?;
        let [efforts, margins, probabilities, ranks] = self.samples(measures, tokens.as_deref())?;
        let needs_ball = domain.ball().is_none() && (efforts.is_some() || margins.is_some());
        if needs_ball {
            return Err(PyValueError::new_err(format!(
                "efforts and margins need a ball, the domain of a final norm or `ball:R`: in {domain} lengths have no measure"
            )));
        }
        let head = self.read.layer.head();
        if bias_needed && !head.has_bias() {
            return Err(PyValueError::new_err("bias_needed is about heads with a bias"));
        }
        let seeds = [&efforts, &margins, &probabilities, &ranks]
            .map(|sample| sample.as_ref().and_then(|sample| sample.seed));
        let audit = running::run(py, progress.as_ref(), |progress| {
            let of = |sample: &'_ Option<Sample>| sample.as_ref().map(|s| s.tokens.clone());
            let [efforts, margins, probabilities, ranks] =
                [of(&efforts), of(&margins), of(&probabilities), of(&ranks)];
            let options = Options {
                tokens: tokens.as_deref(),
                threads,
                also_free: true,
                efforts: efforts.as_deref(),
                margins: margins.as_deref(),
                ranks: ranks.as_deref(),
                bias_needed,
                max_probability: probabilities.as_deref(),
                progress,
                ..Options::default()
            };
            unargmax::audit(head, &domain, options)
        })?;
        Ok(Audit { read: self.read.clone(), audit, reason, seeds })
    }
}

/// The tokens to measure.
#[derive(FromPyObject)]
pub enum Measure {
    Text(String),
    Ids(Vec<u32>),
}

impl Layer {
    /// The domain that a text names, and the reason for it.
    fn domain(&self, text: &str, norm: Option<Norm>) -> PyResult<(Domain, String)> {
        let layer = &self.read.layer;
        let asked = "asked for".to_owned();
        match norm {
            Some((gain, shift)) => {
                let ball =
                    |name: &str| Ball::after_norm(gain.clone(), shift.clone(), name == "layernorm");
                let domain = Domain::parse(text, layer.head().dim(), ball);
                Ok((domain.map_err(|e| exception(e.into()))?, asked))
            }
            None => unargmax::cli::domain(text, layer)
                .map_err(|e| PyValueError::new_err(format!("{e:#}"))),
        }
    }

    /// The samples to measure: by ids, or as the command draws them.
    fn samples(
        &self,
        measures: [Option<Measure>; 4],
        audited: Option<&[u32]>,
    ) -> PyResult<[Option<Sample>; 4]> {
        let layer = &self.read.layer;
        let mut names = ["efforts", "margins", "max_probability", "ranks"].into_iter();
        let mut samples = [None, None, None, None];
        for (slot, measure) in samples.iter_mut().zip(measures) {
            let name = names.next().unwrap_or_default();
            *slot = match measure {
                None => None,
                Some(Measure::Ids(mut tokens)) => {
                    tokens.sort_unstable();
                    tokens.dedup();
                    Some(Sample { tokens, seed: None })
                }
                Some(Measure::Text(text)) => {
                    let count = layer.head().tokens();
                    let drawn = sample(name, &text, audited, count, layer.vocabulary());
                    Some(drawn.map_err(|e| PyValueError::new_err(format!("{e:#}")))?)
                }
            };
        }
        Ok(samples)
    }
}
