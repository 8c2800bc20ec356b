//! A certificate or an output folder that a command line names, and the head that it is about.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::input::{HeadArguments, TensorArguments};
use unargmax::certificate::{self, Certificate};
use unargmax::locate::bundled;
use unargmax::output_layer::OutputLayer;
use unargmax::report::consistency::{Difference, differences};
use unargmax::report::label_sets::{self, folder::LabelFolder};
use unargmax::report::options::HeadOptions;
use unargmax::report::results::summary::Summary;
use unargmax::report::results::{Results, SUMMARY, VERDICTS};
use unargmax::report::terms::RowKind;

/// A certificate to check, and what is known of the head that it is about.
pub struct Claims {
    pub certificate: Certificate,
    /// What stands beside the certificate in its folder; `None` where only a certificate was named.
    pub stated: Option<Stated>,
    /// The checkpoint; `None` for the bundled head.
    pub checkpoint: Option<PathBuf>,
    /// The options by which the audit chose its tensors, if the summary next to the certificate states them.
    options: HeadOptions,
    /// Whether the checkpoint was named on the command line.
    is_named: bool,
    /// The name of the command.
    command: &'static str,
}

/// The summary and the table of an output folder.
pub enum Stated {
    /// Those of `audit`.
    Audit(Box<Results>),
    /// Those of `labels`.
    LabelSets(Box<LabelFolder>),
}

impl Stated {
    /// Reads them: those of `labels` where only these are there.
    fn open(folder: &Path) -> Result<Self> {
        let is_there = |name: &str| folder.join(name).exists();
        Ok(if is_there(label_sets::SUMMARY) && !is_there(SUMMARY) {
            Stated::LabelSets(Box::new(LabelFolder::open(folder)?))
        } else {
            Stated::Audit(Box::new(Results::open_unmatched(folder)?))
        })
    }

    /// The names of the summary and of the table.
    pub fn names(&self) -> [&'static str; 2] {
        match self {
            Stated::Audit(_) => [SUMMARY, VERDICTS],
            Stated::LabelSets(_) => [label_sets::SUMMARY, label_sets::TABLE],
        }
    }

    /// The path of the checkpoint as it was given, and the one from the folder.
    fn checkpoint(&self) -> (&str, Option<&String>) {
        match self {
            Stated::Audit(results) => {
                let checkpoint = &results.summary.checkpoint;
                (&checkpoint.path, checkpoint.from_folder.as_ref())
            }
            Stated::LabelSets(folder) => folder.checkpoint(),
        }
    }

    /// The options that chose the tensors.
    fn options(&self) -> HeadOptions {
        match self {
            Stated::Audit(results) => results.summary.head.options.clone().unwrap_or_default(),
            Stated::LabelSets(folder) => folder.options(),
        }
    }

    /// In what they differ from the certificate.
    pub fn differences(&self, certificate: &Certificate) -> Vec<Difference> {
        match self {
            Stated::Audit(results) => differences(results, certificate),
            Stated::LabelSets(folder) => folder.differences(certificate),
        }
    }

    /// What the rows stand for.
    pub fn kind(&self) -> RowKind {
        match self {
            Stated::Audit(results) => results.summary.kind,
            Stated::LabelSets(_) => RowKind::Tokens,
        }
    }

    /// The number of padding rows in the table.
    pub fn padding(&self) -> usize {
        match self {
            Stated::Audit(results) => results.tally().padding.sum(),
            Stated::LabelSets(_) => 0,
        }
    }
}

impl Claims {
    /// Reads what a command line names: a certificate, or a folder that `audit --out` wrote, alone or after a checkpoint; `command` is
    /// the name of the command, for errors.
    pub fn named(files: &[PathBuf], command: &'static str) -> Result<Self> {
        let (checkpoint, claims) = match files {
            [checkpoint, claims] => (Some(checkpoint.clone()), claims),
            [claims, ..] => (None, claims),
            [] => bail!(
                "name what to {}: a certificate, or a folder that `audit --out` wrote",
                if command == "verify" { "check" } else { command }
            ),
        };
        match claims.is_dir() {
            true => Claims::of_folder(claims, checkpoint, command),
            false => Claims::of_file(claims, checkpoint, command),
        }
    }

    /// Reads the head. Proofs need no token names, so a faulty vocabulary prevents nothing unless names are needed.
    pub fn layer(&self, tensors: &TensorArguments, with_names: bool) -> Result<OutputLayer> {
        let mut tensors = tensors.clone().or(self.options.clone());
        if !with_names {
            tensors = tensors.without_own_vocabulary();
        }
        let input = HeadArguments { checkpoint: self.checkpoint.clone(), tensors }.read();
        match &self.checkpoint {
            Some(path) if !self.is_named => {
                let summary = self.stated.as_ref().map_or(SUMMARY, |stated| stated.names()[0]);
                let advice = || {
                    format!(
                        "the checkpoint {} of {summary} ({} CHECKPOINT DIR names another)",
                        path.display(),
                        self.command
                    )
                };
                input.with_context(advice)
            }
            _ => input,
        }
    }

    /// Reads the claims of an output folder.
    fn of_folder(
        folder: &Path,
        checkpoint: Option<PathBuf>,
        command: &'static str,
    ) -> Result<Self> {
        let stated = Stated::open(folder)?;
        let certificate = Certificate::open(folder.join(certificate::FILE))?;
        let is_named = checkpoint.is_some();
        let checkpoint = match checkpoint {
            Some(named) => Some(named),
            None => recorded(folder, &stated, command)?,
        };
        let options = match checkpoint {
            Some(_) => stated.options(),
            None => HeadOptions::default(),
        };
        Ok(Claims { certificate, stated: Some(stated), checkpoint, options, is_named, command })
    }

    /// Reads the claims of a certificate; the summary next to it may say how the tensors of this head were chosen.
    fn of_file(path: &Path, checkpoint: Option<PathBuf>, command: &'static str) -> Result<Self> {
        let certificate = Certificate::open(path)?;
        let beside = path.with_file_name(SUMMARY);
        let summary = Summary::open(&beside).ok();
        let options = summary
            .filter(|summary| checkpoint.is_some() && summary.head.sha256 == certificate.head)
            .and_then(|summary| summary.head.options);
        let options = options.unwrap_or_default();
        let is_named = checkpoint.is_some();
        Ok(Claims { certificate, stated: None, checkpoint, options, is_named, command })
    }
}

/// Returns the checkpoint that an output folder was made from; `None` for the bundled head.
fn recorded(folder: &Path, stated: &Stated, command: &str) -> Result<Option<PathBuf>> {
    let (path, way) = stated.checkpoint();
    if path == bundled::NAME {
        return Ok(None);
    }
    let there = [way.map(|way| folder.join(way)), Some(PathBuf::from(path))];
    if let Some(found) = there.into_iter().flatten().find(|path| path.exists()) {
        return Ok(Some(found));
    }
    // The name of a model in the cache is not a path, and is the same from every folder.
    if way.is_some_and(|way| way == path) {
        return Ok(Some(PathBuf::from(path)));
    }
    bail!(
        "{}: the checkpoint {path} that it was made of is not there; name the checkpoint: unargmax {command} CHECKPOINT {}",
        folder.join(stated.names()[0]).display(),
        folder.display()
    )
}
