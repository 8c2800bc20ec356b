//! The subcommand `unargmax observe`: count which tokens win on a corpus, and test an audit against these counts.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};

use super::CONTRADICTION;
use super::model::{ModelArguments, Opened};
use super::progress::Bar;
use super::seconds;
use super::stamps::stamps;
use unargmax::locate::{Choice, locate};
use unargmax::progress::Progress;
use unargmax::reach::corpus::{Corpus, Place, Texts};
use unargmax::reach::journal::{Journal, Run};
use unargmax::reach::observe::{Claims, Counts, Observer};
use unargmax::report::files::OutputFolder;
use unargmax::report::observed::{self, Subject};
use unargmax::report::own_files;
use unargmax::report::results::verdicts::{Outcome, Row};
use unargmax::report::results::{self, Results};

/// Run a model over a corpus: how often was each token the argmax, how near did the others come, and does that agree
/// with an audit?
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The corpus, a text file in UTF-8
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Write observed.csv into this folder, and until then a journal: after an end by Ctrl-C, `kill` or an error the same
    /// command continues from it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How often the journal is written; 0 is after every pass of the model, which runs short windows together
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    save_every: Duration,
    /// Begin anew: a journal in the folder is removed
    #[arg(long)]
    restart: bool,
    /// An audit of this head (a folder that `audit --out` wrote): a token that is proved never to be the strict winner
    /// and seems to win is scored again, exactly
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    /// How many tokens pass the model together; those of one window do not see those of another [default: the model's
    /// context, at most 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// Each line is a text of its own
    #[arg(long)]
    lines: bool,
    /// Print nothing but errors and contradictions
    #[arg(long)]
    quiet: bool,
    /// Print the summary as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// The longest window that is chosen by default, in tokens: the memory of attention grows with the square of the
/// length.
const WINDOW: usize = 512;

/// The number of tokens of windows that run together, with the padding of the shorter ones.
const TOGETHER: usize = 512;

/// Runs `unargmax observe`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (file, size) = open_corpus(&arguments.file)?;
    let saved = Arc::new(Mutex::new(0));
    tell_when_interrupted(saved.clone());
    let folder = OutputFolder::open_for(&arguments.out, &own_files::OBSERVATION, |_| true, false)
        .context("--out")?;
    let bar = Bar::new(arguments.quiet)?;
    let opened = arguments.model.open(&bar)?;
    let configuration = opened.model.configuration();
    if configuration.has_encoder() {
        bail!(
            "{} has an encoder, whose text a corpus does not give: observe runs models of one stack",
            configuration.family
        );
    }
    let tokenizer = arguments.model.tokenizer(&opened)?;
    let audit = arguments.audit.as_deref().map(|dir| audited(dir, &opened)).transpose()?;
    let (results, claims) = audit.unzip();
    let window = window(arguments.window, configuration.context)?;
    let texts = if arguments.lines { Texts::Lines } else { Texts::Whole };
    let mut corpus = Corpus::new(BufReader::new(file), &arguments.file, &tokenizer, texts, window)?;
    let run = identity(arguments, &opened, claims.as_ref(), size, window)?;
    let journal = Journal::new(&arguments.out, run, configuration.tokens);
    if arguments.restart {
        journal.remove()?;
    }
    let alone = opened.model.depends_on_longest_row(window);
    let together = if alone { 0 } else { TOGETHER };
    let observation =
        Observation { arguments, opened: &opened, together, journal: &journal, bar: &bar, saved };
    let mut observer = observation.begin_or_resume(&mut corpus, claims)?;
    bar.begin("observe", size as usize, "bytes");
    observation.observe(&mut corpus, &mut observer)?;
    bar.finish();
    let windows = corpus.place().windows as usize;
    ensure!(windows > 0, "{}: the corpus holds no text", arguments.file.display());

    let subject = Subject {
        checkpoint: opened.path.display().to_string(),
        corpus: arguments.file.display().to_string(),
        window,
        windows,
        vocabulary: opened.vocabulary.as_ref(),
        audit: results.as_ref(),
        observer: &observer,
    };
    let mut files = vec![(observed::FILE.to_owned(), subject.table()?)];
    if observer.contradicting() > 0 {
        files.push((observed::CONTRADICTIONS.to_owned(), subject.contradictions()?));
    }
    super::audit::write(&folder, &files).context("--out")?;
    journal.remove().context("--out")?;
    print(arguments, &subject)?;
    if observer.contradicting() == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    print_contradictions(arguments, &opened, &observer);
    Ok(ExitCode::from(CONTRADICTION))
}

/// Opens the corpus, and returns it with its size in bytes.
fn open_corpus(path: &Path) -> Result<(File, u64)> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let size = file.metadata().with_context(|| path.display().to_string())?.len();
    ensure!(size > 0, "{}: the corpus is empty", path.display());
    Ok((file, size))
}

/// Returns the largest number of tokens of a window, as asked or by the model's context.
fn window(asked: Option<u32>, context: Option<usize>) -> Result<usize> {
    Ok(match (asked, context) {
        (Some(window), Some(context)) if window as usize > context => {
            bail!("--window {window}: the model's context is {context}")
        }
        (Some(window), _) => window as usize,
        (None, context) => context.unwrap_or(WINDOW).min(WINDOW),
    })
}

/// Returns what the counts of this run depend on; a journal of another run is refused.
fn identity(
    arguments: &Arguments,
    opened: &Opened,
    claims: Option<&Claims>,
    size: u64,
    window: usize,
) -> Result<Run> {
    Ok(Run {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        head: match claims {
            Some(claims) => claims.head.sha256(),
            None => {
                locate(opened.checkpoint.as_ref(), &opened.path, &Choice::default())?.head.sha256()
            }
        },
        files: stamps(opened)?,
        corpus: size,
        window,
        lines: arguments.lines,
        audit: arguments.audit.as_deref().map(hash).transpose()?,
    })
}

/// A run over the corpus, with the journal that lets it continue after an interruption.
struct Observation<'a> {
    arguments: &'a Arguments,
    opened: &'a Opened,
    /// How many tokens may run together in several windows.
    together: usize,
    journal: &'a Journal,
    bar: &'a Bar,
    /// How many windows the last journal covers; the handler of signals reads it.
    saved: Arc<Mutex<u64>>,
}

impl Observation<'_> {
    /// Returns an observer that has seen nothing, or what the journal says; then the corpus continues there.
    fn begin_or_resume(
        &self,
        corpus: &mut Corpus<BufReader<File>>,
        claims: Option<Claims>,
    ) -> Result<Observer> {
        let Observation { arguments, journal, .. } = self;
        let tokens = self.opened.model.configuration().tokens;
        let Some((place, counts)) = journal.read()? else {
            return Ok(Observer::new(tokens, claims)?);
        };
        self.bar.stage("resume");
        let text = text_hash(&arguments.file, place.bytes)?;
        if text != place.text {
            bail!(journal.of_another("the corpus is a different one or has been changed since"));
        }
        self.go_back(corpus, &place, &counts)?;
        *locked(&self.saved) = place.windows;
        if !arguments.quiet {
            eprintln!(
                "unargmax: going on after window {} by {}; --restart begins anew",
                place.windows,
                journal.path().display()
            );
        }
        Ok(Observer::resume(tokens, claims, counts)?)
    }

    /// Reads the corpus again up to the place that the journal states, to continue from there. Fails unless the text is
    /// split into the same tokens as then and the model computes the same hidden states for the first window.
    fn go_back(
        &self,
        corpus: &mut Corpus<BufReader<File>>,
        place: &Place,
        counts: &Counts,
    ) -> Result<()> {
        let journal = self.journal;
        let mut first = None;
        while corpus.place().windows < place.windows
            && let Some(ids) = corpus.window()?
        {
            first.get_or_insert(ids);
        }
        let Some(first) = first else { bail!(journal.of_another("it had seen no window")) };
        if corpus.place() != *place {
            bail!(journal.of_another("text was split into other tokens"));
        }
        if !counts.are_of(&self.opened.model, first)? {
            bail!(journal.of_another(
                "the model makes other hidden states of the first window now, by other tensors, on another machine or with \
                 another number of threads"
            ));
        }
        Ok(())
    }

    /// Observes the windows that the corpus still has, and writes the journal from time to time.
    fn observe(&self, corpus: &mut Corpus<BufReader<File>>, observer: &mut Observer) -> Result<()> {
        let (mut told, mut since, mut took) = (0, Instant::now(), Duration::ZERO);
        loop {
            self.bar.advance((corpus.bytes_given() - told) as usize);
            told = corpus.bytes_given();
            let windows = corpus.group(self.together)?;
            if windows.is_empty() {
                return Ok(());
            }
            observer.windows(&self.opened.model, windows)?;
            // A large vocabulary makes a large journal, so at most a twentieth of the time is spent on writing it.
            let every = self.arguments.save_every;
            if every.is_zero() || since.elapsed() >= every.max(20 * took) {
                let begun = Instant::now();
                let mut saved = locked(&self.saved);
                self.journal.write(corpus.place(), observer.counts()).context("--out")?;
                *saved = corpus.place().windows;
                (since, took) = (Instant::now(), begun.elapsed());
            }
        }
    }
}

/// Prints the summary in the form that was asked for.
fn print(arguments: &Arguments, subject: &Subject) -> Result<()> {
    let mut out = io::stdout().lock();
    super::ignore_broken_pipe(if arguments.json {
        let text = serde_json::to_string_pretty(&subject.summary())? + "\n";
        out.write_all(text.as_bytes())
    } else if arguments.quiet {
        Ok(())
    } else {
        subject.write(&mut out)
    })?;
    out.flush().or_else(|e| super::ignore_broken_pipe(Err(e)))?;
    Ok(())
}

/// Prints the strict wins that contradict the audit, as errors.
fn print_contradictions(arguments: &Arguments, opened: &Opened, observer: &Observer) {
    for c in observer.contradictions() {
        eprintln!(
            "unargmax: CONTRADICTION: token {} {} is proved never to be the strict winner, but it is at position {}",
            c.token,
            opened.label(c.token),
            c.position
        );
    }
    eprintln!(
        "unargmax: {} strict wins contradict the audit {}; the hidden states are in {}",
        observer.contradicting(),
        arguments.audit.as_deref().unwrap_or(Path::new("")).display(),
        arguments.out.join(observed::CONTRADICTIONS).display()
    );
}

/// Installs a signal handler that says where the same command continues: after the window of the last journal.
fn tell_when_interrupted(saved: Arc<Mutex<u64>>) {
    super::audit::end_when_interrupted_saying(move || {
        let window = locked(&saved);
        let told = match *window {
            0 => "; nothing was written".to_owned(),
            window => format!("; the same command goes on after window {window}"),
        };
        // The lock is never released, so that no other journal is written until the program ends.
        std::mem::forget(window);
        told
    });
}

/// Locks the mutex, also after a panic of another thread.
fn locked(saved: &Mutex<u64>) -> MutexGuard<'_, u64> {
    saved.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the SHA-256 of the first `bytes` bytes of a corpus, in hexadecimal.
fn text_hash(path: &Path, bytes: u64) -> Result<String> {
    let mut hash = Sha256::new();
    let file = File::open(path).with_context(|| path.display().to_string())?;
    io::copy(&mut file.take(bytes), &mut hash).with_context(|| path.display().to_string())?;
    Ok(hexadecimal(hash))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the SHA-256 of an audit's summary and verdicts, in hexadecimal.
pub fn hash(dir: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for name in [results::SUMMARY, results::VERDICTS] {
        let path = dir.join(name);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    Ok(hexadecimal(hash))
}

/// Opens an audit of the model's head, and returns its results and its claims: which tokens never win.
pub fn audited(dir: &Path, opened: &Opened) -> Result<(Results, Claims)> {
    let results = Results::open(dir).context("--audit")?;
    let located = locate(opened.checkpoint.as_ref(), &opened.path, &Choice::default())?;
    let (stated, found) = (&results.summary.head.sha256, located.head.sha256());
    ensure!(
        *stated == found,
        "--audit: {} is of another head: its sha256 is {stated}, that of `{}` is {found}; audit this checkpoint",
        dir.display(),
        located.weight
    );
    let domain = located
        .parse_domain(&results.summary.audit().domain)
        .with_context(|| format!("--audit: {}", dir.display()))?;
    let never =
        |outcome: Option<Outcome>| matches!(outcome, Some(Outcome::Unargmaxable | Outcome::Tied));
    let all = |claimed: &dyn Fn(&Row) -> bool| -> Vec<bool> {
        let ids = 0..located.head.tokens() as u32;
        ids.map(|id| results.table.row(id).is_some_and(claimed)).collect()
    };
    let never_alone = all(&|row| never(Some(row.outcome)));
    let never_anywhere =
        if domain.is_free() { never_alone.clone() } else { all(&|row| never(row.free)) };
    Ok((results, Claims { head: located.head, domain, never_alone, never_anywhere }))
}
