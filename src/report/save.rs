//! Writes all results of an audit into a folder with one call.

use std::path::Path;
use std::sync::OnceLock;

use super::files::OutputFolder;
use super::folder::{self, File};
use super::frequencies::Frequencies;
use super::inspection::{self, Inspection};
use super::measures::{self, Measures};
use super::options::HeadOptions;
use super::results::{self, Reported};
use super::run::Run;
use super::summary::Summary;
use super::terms::RowKind;
use super::{markdown, moved_rows, multiqc, own_files, page, table};
use crate::audit::Audit;
use crate::causes::RowLayout;
use crate::certificate;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::output_layer::OutputLayer;
use crate::progress::{Progress, Silent};

/// The report of an audit: the table of verdicts, the certificate, a summary, and a page with plots.
///
/// ```
/// use unargmax::{Domain, Head, Options, OutputLayer, Report, audit};
///
/// // Five tokens in two dimensions; the last lies inside the square of the others.
/// let rows = vec![1.0f32, 0.0, 0.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0];
/// let head = Head::new(rows, None, 5, 2)?;
/// let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
/// let layer = OutputLayer::from_head(head, Domain::free(2), Some(&names))?;
/// let audit = audit(layer.head(), layer.domain(), Options::default())?;
///
/// let folder = std::env::temp_dir().join("unargmax-example");
/// Report::of(&layer, &audit).write(&folder)?;
/// assert!(folder.join("report.html").is_file());
/// # Ok::<(), unargmax::Error>(())
/// ```
#[derive(Clone)]
pub struct Report<'a> {
    layer: &'a OutputLayer,
    audit: &'a Audit,
    /// How the rows lie, computed on first use.
    rows: OnceLock<RowLayout>,
    reason: String,
    from_folder: Option<String>,
    options: HeadOptions,
    kind: RowKind,
    run: Option<Run>,
    seeds: [Option<u64>; 4],
    frequencies: Option<&'a Frequencies>,
    page: bool,
    pictures: bool,
    progress: &'a dyn Progress,
}

impl<'a> Report<'a> {
    /// Makes the report of an audit of the head of `layer`.
    pub fn of(layer: &'a OutputLayer, audit: &'a Audit) -> Self {
        Report {
            layer,
            audit,
            rows: OnceLock::new(),
            reason: format!("auto: {}", layer.domain_reason()),
            from_folder: None,
            options: HeadOptions::default(),
            kind: RowKind::default(),
            run: None,
            seeds: [None; 4],
            frequencies: None,
            page: true,
            pictures: false,
            progress: &Silent,
        }
    }

    /// Sets the reason why this domain was audited.
    pub fn with_domain_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Omits the page, its summary in Markdown, the row for MultiQC and the data that they are made from.
    pub fn without_page(mut self) -> Self {
        self.page = false;
        self
    }

    /// Also writes each picture as a file.
    pub fn with_pictures(mut self) -> Self {
        self.pictures = true;
        self
    }

    /// Sets the path of the checkpoint from the folder, so that `unargmax verify DIR` finds it.
    pub fn with_checkpoint_from_folder(mut self, path: Option<String>) -> Self {
        self.from_folder = path;
        self
    }

    /// Sets the options that chose the tensors of the head, so that `verify` can choose the same.
    pub fn with_options(mut self, options: HeadOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets what the rows stand for, which changes the words of the report and nothing else.
    pub fn with_kind(mut self, kind: RowKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets when and by which command the audit was made.
    pub fn with_run(mut self, run: Run) -> Self {
        self.run = Some(run);
        self
    }

    /// Sets the seeds of the samples for which efforts, margins, largest probabilities and best ranks were measured.
    pub fn with_seeds(mut self, seeds: [Option<u64>; 4]) -> Self {
        self.seeds = seeds;
        self
    }

    /// Sets how often tokens occur: lists then begin with the most frequent ones, and `verdicts.csv` has the counts.
    pub fn with_frequencies(mut self, frequencies: Option<&'a Frequencies>) -> Self {
        self.frequencies = frequencies;
        self
    }

    /// Reports progress: a stage for each kind of file.
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// How the rows of the head lie, those that competed in the audit.
    pub fn row_layout(&self) -> &RowLayout {
        self.rows.get_or_init(|| RowLayout::of(self.layer.head(), self.audit.kept()))
    }

    /// The content of `summary.json`.
    ///
    /// # Errors
    /// The audit is one among rows that the head does not have.
    pub fn summary(&self) -> Result<Summary> {
        Ok(Summary::new(self.layer, self.audit, self.row_layout())?
            .with_way(self.from_folder.clone())
            .with_options(self.options.clone())
            .with_kind(self.kind)
            .with_run(self.run.clone())
            .with_seeds(self.seeds))
    }

    /// The content of `verdicts.csv`.
    ///
    /// # Errors
    /// None in practice: the table is written to memory.
    pub fn table(&self) -> Result<Vec<u8>> {
        let mut table = Vec::new();
        let (head, vocabulary) = (self.layer.head(), self.layer.vocabulary());
        let about = (self.audit, self.row_layout());
        table::write(&mut table, head, vocabulary, about, self.frequencies)
            .map_err(table_failed)?;
        Ok(table)
    }

    /// All files by name. The page is made from the bytes of the others, as `unargmax report` makes it later.
    ///
    /// # Errors
    /// The certificate cannot be serialised, and those of [`Report::summary`].
    pub fn files(&self, folder: &Path) -> Result<Vec<File>> {
        let (layer, audit) = (self.layer, self.audit);
        self.progress.begin("inspect", 0, "");
        let inspection = match audit.kept() {
            None => Inspection::with(layer, self.row_layout()),
            Some(_) => Inspection::of(layer),
        };
        self.progress.begin("certificate", 0, "");
        let verdicts = self.table()?;
        let all = Domain::free(layer.head().dim());
        let free = audit.free().map(|free| (&all, free));
        let audits: Vec<_> = [(audit.domain(), audit)].into_iter().chain(free).collect();
        let certificate = certificate::from_audits(layer.head(), &audits).to_bytes()?;
        let mut files = vec![
            (results::SUMMARY.to_owned(), self.summary()?.to_json().into_bytes()),
            (results::VERDICTS.to_owned(), verdicts),
            (inspection::FILE.to_owned(), inspection.to_json().into_bytes()),
            (certificate::FILE.to_owned(), certificate),
        ];
        if audit.radii().is_some() {
            let mut radii = Vec::new();
            table::write_radii(&mut radii, audit).map_err(table_failed)?;
            files.push((own_files::RADII.to_owned(), radii));
        }
        if !audit.moves_needed().is_empty() {
            files.push((moved_rows::FILE.to_owned(), moved_rows::bytes(audit)?));
        }
        if self.page {
            self.progress.begin("report", 0, "");
            let spectra = inspection.statistics().spectra.as_ref();
            let (located, vocabulary) = (layer.located(), layer.vocabulary());
            let about = (audit, self.row_layout());
            let measures = Measures::new(
                located,
                spectra,
                vocabulary,
                (&self.reason, self.frequencies),
                about,
            );
            let measures = measures.to_json().into_bytes();
            let reported = Reported::from_bytes(folder, &files[0].1, &files[1].1, &measures)?;
            files.push((measures::FILE.to_owned(), measures));
            files.extend(folder::files(&reported, self.pictures));
        }
        Ok(files)
    }

    /// Writes all files into a folder, which is created if needed: all or none. Results of an earlier audit there are
    /// replaced.
    ///
    /// # Errors
    /// The operating system refuses something, or there is a file with one of these names that this library did not
    /// write.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = self.open(folder, false)?;
        folder.write(&self.files(folder.path())?)
    }

    /// Opens the folder for the files of this report; with `force`, also files of these names that this library did
    /// not write are replaced.
    ///
    /// # Errors
    /// As [`Report::write`].
    pub fn open(&self, folder: impl AsRef<Path>, force: bool) -> Result<OutputFolder> {
        let writes = |name: &str| match name {
            own_files::RADII => self.audit.radii().is_some(),
            moved_rows::FILE => !self.audit.moves_needed().is_empty(),
            page::FILE | markdown::FILE | multiqc::FILE | measures::FILE => self.page,
            name => self.pictures || !name.ends_with(".svg"),
        };
        OutputFolder::open_for(folder, &own_files::AUDIT, writes, force)
    }
}

/// The error of a table that cannot be written.
fn table_failed(error: csv::Error) -> Error {
    Error::Invalid(format!("{}: {error}", results::VERDICTS))
}
