//! The results of an audit.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use unargmax::certificate::{self, Certificate};
use unargmax::certify::RowMove;
use unargmax::head::Head;
use unargmax::report::command::way;
use unargmax::verify::verify_with_progress;
use unargmax::{Domain, Report, Rival, Verdict};

use crate::error::exception;
use crate::layer::{Layer, Read};
use crate::running;
use crate::table::Table;

/// The verdicts of one output layer over one domain.
#[pyclass(frozen, module = "unargmax._unargmax")]
pub struct Audit {
    pub read: Arc<Read>,
    pub audit: unargmax::Audit,
    /// Why the domain was chosen.
    pub reason: String,
    /// The seeds of samples of efforts, margins, probabilities and ranks.
    pub seeds: [Option<u64>; 4],
}

/// The number of a verdict: 0 argmaxable, 1 tied, 2 unargmaxable, 3 undecided.
fn code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Argmaxable(_) => 0,
        Verdict::Tied(_) => 1,
        Verdict::Unargmaxable(_) => 2,
        Verdict::Undecided(_) => 3,
    }
}

#[pymethods]
impl Audit {
    /// The audited layer.
    #[getter]
    fn layer(&self) -> Layer {
        Layer { read: self.read.clone() }
    }

    /// The domain, and the reason for it.
    #[getter]
    fn domain(&self) -> (String, String) {
        (self.audit.domain().to_string(), self.reason.clone())
    }

    /// The ids of the audited tokens, rising.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        let ids: Vec<u32> = self.audit.verdicts().iter().map(|v| v.0).collect();
        ids.into_pyarray(py)
    }

    /// Their verdicts, as numbers.
    #[getter]
    fn codes<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u8>> {
        let codes: Vec<u8> = self.audit.verdicts().iter().map(|v| code(&v.1)).collect();
        codes.into_pyarray(py)
    }

    /// Wall time of each stage, in seconds.
    #[getter]
    fn seconds(&self) -> std::collections::BTreeMap<&'static str, f64> {
        self.audit.seconds().clone()
    }

    /// What blocks a token that can never win: rivals, an id or an end of the domain (`lo[3]`, `hi[3]`), and their weights.
    fn blockers<'py>(
        &self,
        py: Python<'py>,
        token: u32,
    ) -> PyResult<Option<Vec<(Bound<'py, PyAny>, f64)>>> {
        self.check_audited(token)?;
        let Some(blockers) = self.audit.blockers(token) else { return Ok(None) };
        let named = |(rival, weight): (Rival, f64)| {
            let rival = match rival {
                Rival::Token(id) => id.into_pyobject(py)?.into_any(),
                end => end.to_string().into_pyobject(py)?.into_any(),
            };
            Ok((rival, weight))
        };
        blockers.into_iter().map(named).collect::<PyResult<_>>().map(Some)
    }

    /// Hidden states (`d` numbers each) where tokens win; `None` for those without.
    fn witnesses<'py>(
        &self,
        py: Python<'py>,
        tokens: Vec<u32>,
    ) -> PyResult<Vec<Option<Bound<'py, PyArray1<f64>>>>> {
        tokens.iter().try_for_each(|token| self.check_audited(*token))?;
        let states = py.detach(|| {
            self.check_unchanged()?;
            self.audit.hidden_states(self.read.layer.head(), &tokens).map_err(exception)
        })?;
        Ok(states.into_iter().map(|state| state.map(|h| h.into_pyarray(py))).collect())
    }

    /// A row with which a token would win (`d` numbers), if its move was measured and one was found.
    fn moved_row<'py>(
        &self,
        py: Python<'py>,
        token: u32,
    ) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        self.check_audited(token)?;
        let moves = self.audit.moves_needed();
        let at = moves.binary_search_by_key(&token, RowMove::token).ok();
        Ok(at.and_then(|at| Some(moves[at].row()?.to_vec().into_pyarray(py))))
    }

    /// The table: the content of `verdicts.csv`.
    fn table(&self, py: Python<'_>) -> PyResult<Table> {
        py.detach(|| {
            self.check_unchanged()?;
            let report = Report::of(&self.read.layer, &self.audit);
            Table::of(&report.table().map_err(exception)?)
        })
    }

    /// The summary, as the content of `summary.json`.
    fn summary(&self, py: Python<'_>) -> PyResult<String> {
        let summary = py.detach(|| self.report().summary());
        Ok(summary.map_err(exception)?.to_json())
    }

    /// Writes the files of `unargmax audit --out` into a folder.
    fn save(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        force: bool,
        page: bool,
        pictures: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        py.detach(|| self.check_unchanged())?;
        running::run(py, progress.as_ref(), |progress| {
            let report = self.report().with_progress(progress);
            let report = if page { report } else { report.without_page() };
            let report = if pictures { report.with_pictures() } else { report };
            let folder = report.open(&folder, force)?;
            let path = self.read.path.as_ref();
            let place = path.and_then(|path| way(folder.path(), path));
            let files = report.with_checkpoint_from_folder(place).files(folder.path())?;
            folder.write(&files)
        })
    }

    /// Proves the verdicts again with the code of `unargmax verify`; returns the outcome as JSON, and whether all were accepted.
    #[pyo3(signature = (tokens, progress))]
    fn verify(
        &self,
        py: Python<'_>,
        tokens: Option<Vec<u32>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(bool, String)> {
        py.detach(|| self.check_unchanged())?;
        let head = self.read.layer.head();
        let verification = running::run(py, progress.as_ref(), |progress| {
            let all = Domain::free(head.dim());
            let free = self.audit.free().map(|free| (&all, free));
            let audits: Vec<_> =
                [(self.audit.domain(), &self.audit)].into_iter().chain(free).collect();
            // By way of the bytes, as a checker elsewhere would have them.
            let bytes = certificate::from_audits(head, &audits).to_bytes()?;
            let certificate = Certificate::from_bytes(&bytes).map_err(|e| {
                unargmax::Error::Internal(format!("the certificate cannot be read: {e}"))
            })?;
            Ok(verify_with_progress(head, &certificate, tokens.as_deref(), progress))
        })?;
        let text = serde_json::to_string(&verification)
            .map_err(|e| PyValueError::new_err(e.to_string()))?;
        Ok((verification.is_accepted(), text))
    }
}

impl Audit {
    /// The report, with what the summary says of the run.
    fn report(&self) -> Report<'_> {
        Report::of(&self.read.layer, &self.audit)
            .with_domain_reason(self.reason.as_str())
            .with_options(self.read.options.clone())
            .with_seeds(self.seeds)
    }

    /// Refuses a token that was not audited.
    fn check_audited(&self, token: u32) -> PyResult<()> {
        match self.audit.verdict(token) {
            Some(_) => Ok(()),
            None => Err(PyValueError::new_err(format!("token {token} was not audited"))),
        }
    }

    /// Refuses rows that were changed since the audit: verdicts and proofs are about what they were.
    fn check_unchanged(&self) -> PyResult<()> {
        let head = self.read.layer.head();
        if !self.read.lent {
            return Ok(());
        }
        let bias = head.has_bias().then(|| (0..head.tokens()).map(|t| head.bias(t)).collect());
        let now = Head::new(head.rows().clone(), bias, head.tokens(), head.dim());
        match now {
            Ok(now) if now.sha256() == head.sha256() => Ok(()),
            _ => Err(PyRuntimeError::new_err(
                "the array was changed since its audit, whose verdicts are about the old numbers: audit again, or audit with \
                 copy=True",
            )),
        }
    }
}
