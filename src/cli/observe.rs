//! `unargmax observe`: which tokens win on a corpus, and whether an audit stands up to it.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use super::CONTRADICTION;
use super::model::{ModelArguments, Opened};
use super::progress::Bar;
use unargmax::audit::progress::Progress;
use unargmax::head::locate::{Choice, locate};
use unargmax::reach::corpus::{Corpus, Texts};
use unargmax::reach::observe::{Claims, Observer};
use unargmax::report::files::OutputFolder;
use unargmax::report::observed::{self, Subject};
use unargmax::report::ours;
use unargmax::report::results::Results;
use unargmax::report::results::verdicts::{Outcome, Row};

/// Run a model over a corpus: how often was each token the argmax, how near did the others come, and does that agree
/// with an audit?
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The corpus, a text file in UTF-8
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Write observed.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
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

/// The longest window that is not asked for: attention takes memory by its square.
const WINDOW: usize = 512;

/// Runs an observation.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let file = File::open(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let size = file.metadata().with_context(|| arguments.file.display().to_string())?.len();
    ensure!(size > 0, "{}: the corpus is empty", arguments.file.display());
    super::audit::end_when_interrupted(true);
    let folder = OutputFolder::open_for(&arguments.out, &ours::OBSERVATION, |_| true, false)
        .context("--out")?;
    let opened = arguments.model.open()?;
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
    let mut observer = Observer::new(configuration.tokens, claims)?;
    let window = match (arguments.window, configuration.context) {
        (Some(window), Some(context)) if window as usize > context => {
            bail!("--window {window}: the model's context is {context}")
        }
        (Some(window), _) => window as usize,
        (None, context) => context.unwrap_or(WINDOW).min(WINDOW),
    };
    let texts = if arguments.lines { Texts::Lines } else { Texts::Whole };
    let mut corpus = Corpus::new(BufReader::new(file), &arguments.file, &tokenizer, texts, window)?;
    let bar = Bar::new(arguments.quiet || arguments.json).counting("bytes");
    bar.begin("observe", size as usize);
    let (mut windows, mut told) = (0, 0);
    while let Some(ids) = corpus.window()? {
        observer.window(&opened.model, ids)?;
        windows += 1;
        bar.advance((corpus.bytes_read() - told) as usize);
        told = corpus.bytes_read();
    }
    bar.finish();
    ensure!(windows > 0, "{}: the corpus holds no text", arguments.file.display());

    let corpus_name = arguments.file.display().to_string();
    let subject = Subject {
        checkpoint: opened.path.display().to_string(),
        corpus: corpus_name,
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
    let mut out = io::stdout().lock();
    super::unless_unread(if arguments.json {
        let text = serde_json::to_string_pretty(&subject.summary())? + "\n";
        out.write_all(text.as_bytes())
    } else if arguments.quiet {
        Ok(())
    } else {
        subject.write(&mut out)
    })?;
    out.flush().or_else(|e| super::unless_unread(Err(e)))?;
    if observer.contradicting() == 0 {
        return Ok(ExitCode::SUCCESS);
    }
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
    Ok(ExitCode::from(CONTRADICTION))
}

/// An audit of the model's head, and its claims.
fn audited(dir: &Path, opened: &Opened) -> Result<(Results, Claims)> {
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
