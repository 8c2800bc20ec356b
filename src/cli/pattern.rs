//! The subcommand `unargmax pattern`: classify texts by the word that a model puts into a gap.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::model::{ModelArguments, Opened, read};
use super::progress::Bar;
use super::tune::{self, Text, TuneArguments};
use unargmax::audit::Audit;
use unargmax::locate::{Choice, locate};
use unargmax::progress::Progress;
use unargmax::reach::cloze::{Scorer, Scores};
use unargmax::reach::pattern::{Label, LabelAudits, Pattern, Word, fates, labels, words};
use unargmax::reach::tuning::{Course, Tuning, Vectors};

/// Classify texts by a pattern with a gap (PET): say of each label word whether it can win at all, then score.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The pattern: `{text}` is the place of the text, `[MASK]` of the label word; `{text} It was [MASK]`. A model that
    /// sees only what stands before needs the gap last
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pattern: String,
    /// The label words, `great,terrible`, or classes with one or more words each, `positive=great|good,negative=terrible`. A
    /// word may have several tokens
    #[arg(long, value_name = "WORDS")]
    labels: String,
    /// The texts: a .csv or .tsv file with a column `text` and perhaps one `label`, or one text per line
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print no scores of single texts
    #[arg(long)]
    summary: bool,
    #[command(flatten)]
    tune: TuneArguments,
}

/// Runs `unargmax pattern`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let pattern = Pattern::parse(&arguments.pattern).context("--pattern")?;
    let labels = labels(&arguments.labels).context("--labels")?;
    let train = arguments.tune.train.as_deref().map(|file| texts(file, &labels)).transpose()?;
    let texts = texts(&arguments.file, &labels)?;
    let bar = Bar::new(false)?;
    let opened = arguments.model.open(&bar)?;
    bar.stage("labels");
    pattern.check(&opened.model).context("--pattern")?;
    let tokenizer = arguments.model.tokenizer(&opened)?;
    let words = words(&labels, &pattern, &tokenizer).context("--labels")?;
    let located = locate(opened.checkpoint.as_ref(), &opened.path, &Choice::default())?;
    let fates = fates(&located.head, &located.domain()?.0, &words)?;
    bar.finish();
    let mut out = io::stdout().lock();
    if !arguments.json {
        // The words are printed before anything is scored, and also where no text can be scored.
        super::ignore_broken_pipe(print_words(&mut out, &opened, &labels, &words, &fates))?;
    }
    let scorer = Scorer::new(&opened.model, &tokenizer, &pattern, &words)?;
    let bar = Bar::new(false)?;
    bar.begin("score", texts.len(), "texts");
    let lines: Vec<&str> = texts.iter().map(|t| t.text.as_str()).collect();
    let scores = scorer
        .score(&lines, |done| bar.advance(done))
        .with_context(|| arguments.file.display().to_string())?;
    let outcome = Outcome::new(&texts, &scores, labels.len());
    let tuned = match arguments.tune.is_asked() {
        true => {
            let tuning = Tuning::new(&opened.model, &tokenizer, &pattern, &words)?;
            let width = opened.model.configuration().input_width;
            let head = located.head.sha256();
            let train = train.as_deref().unwrap_or_default();
            let (vectors, course) = arguments.tune.vectors(&tuning, train, (width, &head), &bar)?;
            Some(Tuned::new(&tuning, vectors, course, &texts, labels.len(), &bar)?)
        }
        false => None,
    };
    bar.finish();
    super::ignore_broken_pipe(if arguments.json {
        let mut value = to_json(&opened, &labels, &words, &fates, &texts, &scores, &outcome);
        if let Some(tuned) = &tuned {
            value["tuned"] = tuned.to_json(&labels);
        }
        out.write_all((serde_json::to_string_pretty(&value)? + "\n").as_bytes())
    } else {
        let shown = if arguments.summary { &[][..] } else { &scores[..] };
        let printed = print(&mut out, &labels, &texts, shown, &outcome);
        match &tuned {
            Some(tuned) => printed.and_then(|()| tuned.print(&mut out, &labels)),
            None => printed,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The classes of the texts with learned vectors before the gap.
struct Tuned {
    vectors: Vectors,
    course: Option<Course>,
    probabilities: Vec<Vec<f64>>,
    outcome: Outcome,
}

impl Tuned {
    /// Scores all texts.
    fn new(
        tuning: &Tuning,
        vectors: Vectors,
        course: Option<Course>,
        texts: &[Text],
        classes: usize,
        bar: &Bar,
    ) -> Result<Self> {
        bar.begin("score with vectors", texts.len(), "texts");
        let mut probabilities = Vec::new();
        for (number, text) in (1..).zip(texts) {
            let one = tuning.probabilities(&text.text, &vectors);
            probabilities.push(one.with_context(|| format!("text {number}"))?);
            bar.advance(1);
        }
        let best = |p: &Vec<f64>| {
            (0..p.len()).fold(0, |best, class| if p[class] > p[best] { class } else { best })
        };
        let best: Vec<usize> = probabilities.iter().map(best).collect();
        let outcome = Outcome::of(texts, &best, classes);
        Ok(Tuned { vectors, course, probabilities, outcome })
    }

    /// Prints how the vectors were learned, the counts and the accuracy.
    fn print(&self, out: &mut impl Write, labels: &[Label]) -> io::Result<()> {
        tune::print(out, &self.vectors, self.course.as_ref())?;
        print_outcome(out, labels, self.probabilities.len(), &self.outcome)
    }

    fn to_json(&self, labels: &[Label]) -> Value {
        let mut value = tune::to_json(&self.vectors, self.course.as_ref());
        let predicted: Vec<(&str, usize)> = (labels.iter().zip(&self.outcome.predicted))
            .map(|(label, n)| (label.class.as_str(), *n))
            .collect();
        value["predicted"] =
            predicted.into_iter().map(|(c, n)| json!({"class": c, "texts": n})).collect();
        value["probabilities"] = json!(self.probabilities);
        value["accuracy"] = self.outcome.accuracy_json();
        value
    }
}

/// The result of a classification: texts per predicted class, and the accuracy.
struct Outcome {
    predicted: Vec<usize>,
    /// The number of correct texts, of labelled texts, and the size of the largest class; `None` where the file has
    /// no labels.
    accuracy: Option<(usize, usize, usize)>,
}

impl Outcome {
    /// Counts the predicted classes and the correct ones.
    fn new(texts: &[Text], scores: &[Scores], labels: usize) -> Self {
        let best: Vec<usize> = scores.iter().map(|s| s.best).collect();
        Outcome::of(texts, &best, labels)
    }

    /// Counts predicted classes.
    fn of(texts: &[Text], best: &[usize], labels: usize) -> Self {
        let mut predicted = vec![0; labels];
        best.iter().for_each(|&class| predicted[class] += 1);
        let classes: Vec<usize> = texts.iter().filter_map(|t| t.class).collect();
        let right = texts.iter().zip(best).filter(|(t, best)| t.class == Some(**best)).count();
        let mut sizes = BTreeMap::new();
        classes.iter().for_each(|&class| *sizes.entry(class).or_insert(0) += 1);
        let largest = sizes.values().copied().max();
        Outcome { predicted, accuracy: largest.map(|largest| (right, classes.len(), largest)) }
    }

    /// The accuracy as JSON; null where the file has no labels.
    fn accuracy_json(&self) -> Value {
        let accuracy = self.accuracy.map(
            |(right, labelled, largest)| json!({"right": right, "labelled": labelled, "largest_class": largest}),
        );
        json!(accuracy)
    }
}

/// Reads the texts of a file: a table (.csv, .tsv), or one text per line.
fn texts(file: &Path, labels: &[Label]) -> Result<Vec<Text>> {
    let content = read(file)?;
    let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let texts = match extension.to_ascii_lowercase().as_str() {
        "csv" => table(&content, b',', labels),
        "tsv" => table(&content, b'\t', labels),
        _ => Ok(content
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Text { text: line.to_owned(), class: None })
            .collect()),
    };
    let texts = texts.with_context(|| file.display().to_string())?;
    ensure!(!texts.is_empty(), "{}: it holds no text", file.display());
    Ok(texts)
}

/// Reads the texts of a table with a column `text` and perhaps a column `label`.
fn table(content: &str, delimiter: u8, labels: &[Label]) -> Result<Vec<Text>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(content.as_bytes());
    let header = reader.headers()?.clone();
    let column = |name: &str| header.iter().position(|h| h.trim() == name);
    let Some(text) = column("text") else { bail!("there is no column `text` in its first line") };
    let label = column("label");
    let mut texts = Vec::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let class = match label.and_then(|column| record.get(column)) {
            Some(name) => match labels.iter().position(|l| l.class == name.trim()) {
                None => bail!("line {line}: `{name}` is none of the classes of --labels"),
                found => found,
            },
            None => None,
        };
        texts.push(Text { text: record.get(text).unwrap_or_default().to_owned(), class });
    }
    Ok(texts)
}

/// Returns the verdicts on a label word, by name: on each of its tokens among all tokens, and on the word among the label
/// words alone, where all of them are one token.
fn verdict_names(fates: &LabelAudits, word: &Word) -> (Vec<&'static str>, Option<&'static str>) {
    let name = |audit: &Audit, token: u32| audit.verdict(token).map_or("unknown", |v| v.name());
    let all = word.tokens.iter().map(|&token| name(&fates.among_all, token)).collect();
    let among = fates.among_labels.as_ref().zip(word.token());
    (all, among.map(|(audit, token)| name(audit, token)))
}

/// Prints each label word with its tokens and its verdicts.
fn print_words(
    out: &mut impl Write,
    opened: &Opened,
    labels: &[Label],
    words: &[Word],
    fates: &LabelAudits,
) -> io::Result<()> {
    for word in words {
        let (all, among) = verdict_names(fates, word);
        let class = &labels[word.class];
        write!(out, "label {:?}", word.text)?;
        if class.words.len() > 1 {
            write!(out, " of {}", class.class)?;
        }
        match word.token() {
            Some(token) => write!(out, ": token {token} {}", opened.label(token))?,
            None => {
                let parts: Vec<String> = word.tokens.iter().map(|&t| opened.label(t)).collect();
                write!(out, ": {} tokens ({})", parts.len(), parts.join(" "))?;
            }
        }
        write!(out, "; among all tokens {}", all.join(", "))?;
        match among {
            Some(among) => writeln!(out, ", among the labels {among}")?,
            None => writeln!(out)?,
        }
    }
    out.flush()
}

/// Prints the predicted class of each text, then the counts and the accuracy.
fn print(
    out: &mut impl Write,
    labels: &[Label],
    texts: &[Text],
    scores: &[Scores],
    outcome: &Outcome,
) -> io::Result<()> {
    for (text, scores) in texts.iter().zip(scores) {
        let mark = match text.class {
            Some(class) if class == scores.best => "right",
            Some(_) => "wrong",
            None => "",
        };
        let best = &labels[scores.best].class;
        writeln!(
            out,
            "{best:<12} {:.3} {mark:<5} {}",
            scores.probabilities[scores.best], text.text
        )?;
    }
    print_outcome(out, labels, texts.len(), outcome)
}

/// Prints the counts and the accuracy.
fn print_outcome(
    out: &mut impl Write,
    labels: &[Label],
    texts: usize,
    outcome: &Outcome,
) -> io::Result<()> {
    let counts: Vec<String> =
        labels.iter().zip(&outcome.predicted).map(|(l, n)| format!("{n} {}", l.class)).collect();
    writeln!(out, "{texts} texts: {}", counts.join(", "))?;
    if let Some((right, labelled, largest)) = outcome.accuracy {
        let share = |n: usize| 100.0 * n as f64 / labelled as f64;
        writeln!(
            out,
            "accuracy {right} of {labelled} ({:.1} %); always the most frequent class {largest} of {labelled} ({:.1} %)",
            share(right),
            share(largest)
        )?;
    }
    Ok(())
}

/// Returns the words, texts and accuracy as JSON.
fn to_json(
    opened: &Opened,
    labels: &[Label],
    words: &[Word],
    fates: &LabelAudits,
    texts: &[Text],
    scores: &[Scores],
    outcome: &Outcome,
) -> Value {
    let class = |class: usize| &labels[class].class;
    let words_json: Vec<Value> = words
        .iter()
        .map(|word| {
            let (all, among) = verdict_names(fates, word);
            // One verdict where the word is one token, else one for each token.
            let all = if all.len() == 1 { json!(all[0]) } else { json!(all) };
            json!({"class": class(word.class), "word": word.text, "tokens": word.tokens,
                   "among_all": all, "among_labels": among})
        })
        .collect();
    let texts: Vec<Value> = texts
        .iter()
        .zip(scores)
        .map(|(text, scores)| {
            let logits: Vec<Option<f32>> = scores.words.iter().map(|word| word.logit).collect();
            let logs: Vec<f64> = scores.words.iter().map(|word| word.log_probability).collect();
            json!({"text": text.text, "label": text.class.map(class), "predicted": class(scores.best),
                   "logits": logits, "log_probabilities": logs, "probabilities": scores.probabilities})
        })
        .collect();
    let classes: Vec<&String> = labels.iter().map(|label| &label.class).collect();
    json!({"checkpoint": opened.path.display().to_string(), "classes": classes, "labels": words_json, "texts": texts,
           "accuracy": outcome.accuracy_json()})
}
