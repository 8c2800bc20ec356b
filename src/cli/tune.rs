//! Vectors of a pattern for `unargmax pattern`: learned from labelled texts, or read from a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::progress::Bar;
use unargmax::progress::Progress;
use unargmax::reach::tuning::{Course, Tuning, TuningBudget, Vectors};
use unargmax::report::own_files::check_replaceable;

/// A text and its class, if the file states one.
pub struct Text {
    pub text: String,
    pub class: Option<usize>,
}

/// Where the vectors of a pattern come from.
#[derive(Debug, Args)]
pub struct TuneArguments {
    /// Learn so many vectors that stand before the gap, from the texts of --train, while the model stays as it is
    #[arg(long, value_name = "M", requires = "train", value_parser = clap::value_parser!(u16).range(1..))]
    tune: Option<u16>,
    /// The labelled texts to learn from: a .csv or .tsv file with the columns `text` and `label`. A fifth is held out, and
    /// says when to stop
    #[arg(long, value_name = "FILE", requires = "tune")]
    pub train: Option<PathBuf>,
    /// The most passes over these texts; it ends after five without a smaller loss on those held out
    #[arg(long, value_name = "N", default_value_t = 20, requires = "tune")]
    epochs: usize,
    /// The size of a step, as a share of the typical coordinate of a row of the vocabulary
    #[arg(long, value_name = "X", default_value_t = 0.1, requires = "tune")]
    rate: f64,
    /// The seed of the start and of the order of texts
    #[arg(long, value_name = "S", default_value_t = 1, requires = "tune")]
    seed: u64,
    /// Save the vectors to this safetensors file
    #[arg(long, value_name = "FILE", requires = "tune")]
    save: Option<PathBuf>,
    /// Use the vectors that --save wrote
    #[arg(long, value_name = "FILE", conflicts_with = "tune")]
    tuned: Option<PathBuf>,
}

/// The passes without a smaller loss on the texts held out after which the search ends.
const PATIENCE: usize = 5;
/// What the file of vectors has near its start.
const MARK: &str = "unargmax pattern vectors";

impl TuneArguments {
    /// Whether vectors are asked for.
    pub fn is_asked(&self) -> bool {
        self.tune.is_some() || self.tuned.is_some()
    }

    /// Learns or reads the vectors; `head` is the SHA-256 of the model's head.
    pub fn vectors(
        &self,
        tuning: &Tuning,
        texts: &[Text],
        (width, head): (usize, &str),
        bar: &Bar,
    ) -> Result<(Vectors, Option<Course>)> {
        if let Some(file) = &self.tuned {
            return Ok((Vectors::read(file, width, head)?, None));
        }
        let (Some(count), Some(train)) = (self.tune, &self.train) else {
            bail!("no vectors are asked for")
        };
        ensure!(self.rate > 0.0 && self.rate.is_finite(), "--rate must be above 0");
        if let Some(file) = &self.save {
            check_replaceable(file, MARK).context("--save")?;
        }
        let labelled = |(number, text): (usize, &'_ Text)| match text.class {
            Some(class) => Ok(class),
            None => bail!("{}: text {number} has no label", train.display()),
        };
        let mut examples = Vec::new();
        for (number, text) in (1..).zip(texts) {
            examples.push((text.text.as_str(), labelled((number, text))?));
        }
        let budget = TuningBudget {
            vectors: count.into(),
            epochs: self.epochs,
            patience: PATIENCE,
            rate: self.rate,
            seed: self.seed,
        };
        bar.begin("learn", self.epochs, "passes");
        let learned = tuning.learn(&examples, &budget, || bar.advance(1));
        let (vectors, course) = learned.with_context(|| train.display().to_string())?;
        if let Some(file) = &self.save {
            write_whole(file, &vectors.to_safetensors(head)?)?;
        }
        Ok((vectors, Some(course)))
    }
}

/// Writes a file, whole or not at all.
fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let told = || format!("--save {}", file.display());
    let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(told)?;
    temporary.write_all(bytes).with_context(told)?;
    temporary.persist(file).with_context(told)?;
    Ok(())
}

/// Prints how the vectors were learned.
pub fn print(out: &mut impl Write, vectors: &Vectors, course: Option<&Course>) -> io::Result<()> {
    let Some(course) = course else {
        return writeln!(out, "vectors {}, learned before", vectors.count());
    };
    let ((texts, held), (first, last)) = (course.texts, course.loss);
    writeln!(
        out,
        "vectors {}, learned from {texts} texts in {} passes; of pass {}: mean loss on the {held} texts held out {last:.3}, at the \
         start {first:.3}",
        vectors.count(),
        course.epochs,
        course.best
    )
}

/// How the vectors were learned, as JSON.
pub fn to_json(vectors: &Vectors, course: Option<&Course>) -> Value {
    let course = course.map(|course| {
        json!({"epochs": course.epochs, "best_epoch": course.best, "texts": course.texts.0, "held_out": course.texts.1,
               "loss_at_start": course.loss.0, "loss": course.loss.1})
    });
    json!({"count": vectors.count(), "course": course})
}
