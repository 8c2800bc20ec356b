//! Runs an audit of an output layer.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use unargmax::cli::selection::{Sample, sample};
use unargmax::domain::Ball;
use unargmax::output_layer::OutputLayer;
use unargmax::{Domain, Options};

use crate::audit::Audit;
use crate::error::exception;
use crate::layer::Layer;
use crate::running;

/// The gain and the shift of a final norm that the caller gives.
pub type Norm = (Vec<f64>, Vec<f64>);

/// The tokens to measure.
#[derive(FromPyObject)]
pub enum Measure {
    Text(String),
    Ids(Vec<u32>),
}

/// Audits the layer. `measures` are what to measure: efforts, margins, probabilities and ranks, each by ids or as the
/// command writes it (`all`, the size of a sample); `needed` says whether to measure the bias and the move of its row that a token
/// needs.
#[pyfunction]
#[pyo3(signature = (layer, domain, norm, tokens, measures, needed, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn audit(
    py: Python<'_>,
    layer: &Layer,
    domain: &str,
    norm: Option<Norm>,
    tokens: Option<Vec<u32>>,
    measures: [Option<Measure>; 4],
    needed: (bool, bool),
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Audit> {
    let found = &layer.read.layer;
    let (domain, reason) = parsed(domain, norm, found)?;
    let [efforts, margins, probabilities, ranks] = samples(measures, tokens.as_deref(), found)?;
    let needs_ball = domain.ball().is_none() && (efforts.is_some() || margins.is_some());
    if needs_ball {
        return Err(PyValueError::new_err(format!(
            "efforts and margins need a ball, the domain of a final norm or `ball:R`: in {domain} lengths have no measure"
        )));
    }
    let head = found.head();
    let (bias_needed, move_needed) = needed;
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
            move_needed,
            max_probability: probabilities.as_deref(),
            progress,
            ..Options::default()
        };
        unargmax::audit(head, &domain, options)
    })?;
    Ok(Audit { read: layer.read.clone(), audit, reason, seeds })
}

/// The domain that a text names, and the reason for it.
fn parsed(text: &str, norm: Option<Norm>, layer: &OutputLayer) -> PyResult<(Domain, String)> {
    let asked = "asked for".to_owned();
    match norm {
        Some((gain, shift)) => {
            let ball =
                |name: &str| Ball::after_norm(gain.clone(), shift.clone(), name == "layernorm");
            let domain = Domain::parse(text, layer.head().dim(), ball);
            Ok((domain.map_err(|e| exception(e.into()))?, asked))
        }
        None => {
            unargmax::cli::domain(text, layer).map_err(|e| PyValueError::new_err(format!("{e:#}")))
        }
    }
}

/// The samples to measure: by ids, or as the command draws them.
fn samples(
    measures: [Option<Measure>; 4],
    audited: Option<&[u32]>,
    layer: &OutputLayer,
) -> PyResult<[Option<Sample>; 4]> {
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
