//! The subcommand `unargmax audit`: read a head, decide every token, print the results and write them to a folder.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::CONDITION;
use super::input::HeadArguments;
pub(super) use super::interruption::{end_when_interrupted_saying, write};
use super::progress::Bar;
use super::seconds;
use super::selection::{self, Sample};
use unargmax::audit::journal::Journal;
use unargmax::audit::{Among, Audit, Engine, Options, audit};
use unargmax::certify::pairs::kernel::Kernel;
use unargmax::domain::Domain;
use unargmax::locate::final_norm::FinalNorm;
use unargmax::output_layer::OutputLayer;
use unargmax::report::Report;
use unargmax::report::baseline::Baseline;
use unargmax::report::files::OutputFolder;
use unargmax::report::frequencies::Frequencies;
use unargmax::report::gate::{self, Gate};
use unargmax::report::run::Run;
use unargmax::report::terms::{RowKind, Terms};
use unargmax::report::{command, markdown, measures, moved_rows, multiqc, own_files, page, text};

/// Decide for every token of a head whether it can ever be the strict argmax, and prove it.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    head: HeadArguments,
    /// Where hidden states lie: `auto` (what is known to stand before the head, else free), `free`, `range:LO:HI` with
    /// infinities, `ball:R`, what the final norm leaves (`layernorm`, `rmsnorm`), or a ball or norm with a range
    /// (`layernorm+range:-1:inf`). With any other domain than `free`, the verdicts over `free` are shown as well
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    domain: String,
    /// Audit only these tokens, against all rivals: `5,17,100-200`, `special` for all special tokens, `added` for those
    /// that were added to the tokenizer, `template` for those of the chat template and of generation_config.json (in `@FILE`
    /// these words are tokens spelled so), or `@FILE` with one id or token per line
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: Option<String>,
    /// Keep only these rows, as if all others were removed, and audit them against each other: `5,17,100-200`, or
    /// `@FILE` with one id or token per line (a trimmed vocabulary, the tokens of a grammar, labels); `d2t` for the rows
    /// that the tensor `d2t` of an EAGLE-3 draft head names, `@FILE` or `@FOLDER` for those of another checkpoint
    #[arg(long, value_name = "IDS|@FILE|d2t")]
    among: Option<String>,
    /// In a ball or behind a norm: measure how far out each of these tokens begins to win, as a share of the radius:
    /// `all`, a number (a sample of so many, by a fixed seed), or `@FILE` with one id or token per line
    #[arg(long, value_name = "all|N|@FILE")]
    effort: Option<String>,
    /// In a ball or behind a norm: measure the best margin of each of these tokens, and whether it survives rounding
    #[arg(long, value_name = "all|N|@FILE")]
    margins: Option<String>,
    /// Measure the largest probability that a softmax gives to each of these tokens at any state of the domain, as a proved
    /// interval. Lost and tied tokens have an upper bound in any case
    #[arg(long, value_name = "all|N|@FILE")]
    max_probability: Option<String>,
    /// Prove how high each of these tokens can rank (rank 1 is the strict winner, and ties count against a token): can
    /// a beam, or top-k sampling, reach it?
    #[arg(long, value_name = "all|N|@FILE")]
    ranks: Option<String>,
    /// Measure how far each lost token's own bias would have to be raised for it to win (heads with a bias). It takes
    /// some seconds where hundreds of tokens lose
    #[arg(long)]
    bias_needed: bool,
    /// Measure how far each lost or tied token's own row must move for it to win, as a proved interval in the unit of the rows.
    /// --out adds moved-rows.safetensors, rows that are proved to be enough
    #[arg(long)]
    move_needed: bool,
    /// List frequent tokens before rare ones: a CSV file with a column `id` and one called `frequency`, `count` or `argmax`
    /// (the observed.csv that `observe` writes)
    #[arg(long, value_name = "FILE")]
    frequencies: Option<PathBuf>,
    /// What proposes the verdicts, which are proved in the same way: `lp` puts every token through linear
    /// programs by a general solver, slowly, as a check on `least-distance`
    #[arg(long, value_enum, default_value = "least-distance")]
    engine: EngineName,
    /// Also compute the radius of Grivas et al. (ACL 2022) for each token, as published: by linear programs,
    /// not proved. Needs `--engine lp` and a bounded domain, there `range:-100:100`; --out adds radius.csv
    #[arg(long)]
    radius: bool,
    /// Write summary.json, verdicts.csv, inspect.json, certificate.safetensors and a report (report.html,
    /// summary.md, unargmax_mqc.json, and report.json behind them) into this folder, and until then, if it takes long, a journal: after an
    /// end by Ctrl-C, `kill` or a crash the same command continues from it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// With --out: how often the journal is written; 0 is after every batch of tokens
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    save_every: Duration,
    /// With --out: begin anew; a journal in the folder is removed
    #[arg(long, requires = "out")]
    restart: bool,
    /// Replace files in that folder that have the names of results but were not written by unargmax
    #[arg(long, requires = "out")]
    force: bool,
    /// Write no report with --out
    #[arg(long, requires = "out")]
    no_report: bool,
    /// Also write each picture of the report as an SVG file
    #[arg(long, requires = "out", conflicts_with = "no_report")]
    svg: bool,
    /// Exit with status 1 if some token has one of these verdicts, or if a row without a token can win. Such padding is
    /// no token: it counts only for `padding-can-win`, and for `undecided`, where it is named apart
    #[arg(long, value_name = "VERDICT", value_delimiter = ',')]
    fail_on: Vec<Condition>,
    /// Let --fail-on count only tokens that were better off in this earlier audit (a folder that --out wrote)
    #[arg(long, value_name = "DIR", requires = "fail_on")]
    baseline: Option<PathBuf>,
    /// What the rows stand for: `tokens`, or `items`, the documents in the index of a retriever. It changes words only
    #[arg(long, value_enum, default_value = "tokens")]
    kind: Kind,
    /// How many tokens of each kind to list: a number, or `all`
    #[arg(long, value_name = "N|all", default_value = "20", value_parser = list_length)]
    list: usize,
    /// Threads [default: all cores]; the verdicts do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// What multiplies 8-bit integers in the screen: `vnni`, `avx-vnni`, `avx2`, `neon` or `portable`
    /// [default: $UNARGMAX_KERNEL, else the fastest of this machine]; the files do not depend on it
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// Print nothing but errors
    #[arg(long)]
    quiet: bool,
    /// Print the summary as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    LeastDistance,
    Lp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Condition {
    Unargmaxable,
    Undecided,
    Tied,
    PaddingCanWin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Tokens,
    Items,
}

impl From<Kind> for RowKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Tokens => RowKind::Tokens,
            Kind::Items => RowKind::Items,
        }
    }
}

impl From<Condition> for gate::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Unargmaxable => gate::Condition::Unargmaxable,
            Condition::Undecided => gate::Condition::Undecided,
            Condition::Tied => gate::Condition::Tied,
            Condition::PaddingCanWin => gate::Condition::PaddingCanWin,
        }
    }
}

/// Parses the value of `--list`: a number, or `all`.
fn list_length(text: &str) -> Result<usize, String> {
    if text == "all" {
        Ok(usize::MAX)
    } else {
        text.parse().map_err(|_| "neither a number nor `all`".to_owned())
    }
}

/// The environment variable that names the integer kernel where `--kernel` is not given.
const KERNEL: &str = "UNARGMAX_KERNEL";

/// Runs `unargmax audit`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (started, run) = (Instant::now(), Run::of_this_process()?);
    let (engine, kernel) = (arguments.engine()?, kernel(arguments.kernel.as_deref())?);
    let journal: SharedJournal = Arc::default();
    tell_when_interrupted(arguments.out.is_some(), journal.clone());
    let folder = arguments.folder().context("--out")?;
    let bar = Bar::new(arguments.quiet)?;
    bar.stage("read");
    let layer = arguments.head.read_with(arguments.among.as_deref() == Some("d2t"))?;
    let plan = Plan::resolve(arguments, &layer)?;
    if let Some(folder) = &folder {
        let opened = open_journal(arguments, folder, &layer, (&plan, engine))?;
        *locked(&journal) = Some(opened);
    }
    let kept = locked(&journal).clone();
    let options = Options {
        tokens: plan.tokens.as_deref(),
        engine,
        threads: arguments.threads.map_or_else(all_cores, usize::from),
        also_free: true,
        efforts: plan.efforts.as_ref().map(|m| m.tokens.as_slice()),
        margins: plan.margins.as_ref().map(|m| m.tokens.as_slice()),
        ranks: plan.ranks.as_ref().map(|m| m.tokens.as_slice()),
        bias_needed: arguments.bias_needed,
        move_needed: arguments.move_needed,
        max_probability: plan.probabilities.as_ref().map(|m| m.tokens.as_slice()),
        kernel,
        progress: &bar,
        journal: kept.as_deref(),
    };
    let audit = match &plan.among {
        Some(among) => among.audit(&plan.domain, options)?,
        None => audit(layer.head(), &plan.domain, options)?,
    };

    let places = folder.as_ref().zip(arguments.head.checkpoint.as_ref());
    let report = Report::of(&layer, &audit)
        .with_domain_reason(plan.reason.as_str())
        .with_checkpoint_from_folder(
            places.and_then(|(folder, path)| command::way(folder.path(), path)),
        )
        .with_options(arguments.head.tensors.options())
        .with_seeds(plan.seeds())
        .with_kind(arguments.kind.into())
        .with_run(run)
        .with_frequencies(plan.frequencies.as_ref())
        .with_progress(&bar);
    let report = if arguments.no_report { report.without_page() } else { report };
    let report = if arguments.svg { report.with_pictures() } else { report };
    let written = folder.map(|folder| {
        let files = report.files(folder.path())?;
        bar.stage("write");
        write(&folder, &files)?;
        Journal::remove(folder.path()).map_err(anyhow::Error::from)
    });
    bar.finish();
    if let Some(failure) = kept.and_then(|journal| journal.take_failure()) {
        eprintln!("unargmax: there was no journal to continue from: {failure}");
    }
    let printed = print(arguments, &layer, &plan, &audit, &report, started.elapsed());
    // Only after the summary is printed, so that a full disk does not lose what was computed.
    written.transpose().context("--out")?;
    super::ignore_broken_pipe(printed)?;
    let told = !arguments.no_report && !arguments.quiet && !arguments.json;
    if let Some(out) = arguments.out.as_ref().filter(|_| told) {
        let place = out.join(page::FILE);
        super::ignore_broken_pipe(writeln!(io::stdout(), "\nreport: {}", place.display()))?;
    }
    exit_code(arguments, &layer, &plan, &audit)
}

/// The journal of this run, once it is open.
type SharedJournal = Arc<Mutex<Option<Arc<Journal>>>>;

/// Locks the mutex, also after a panic of another thread.
fn locked(journal: &Mutex<Option<Arc<Journal>>>) -> MutexGuard<'_, Option<Arc<Journal>>> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs a signal handler that saves the journal, if there is one by then, and says what it keeps.
fn tell_when_interrupted(writes: bool, journal: SharedJournal) {
    end_when_interrupted_saying(move || {
        let kept = locked(&journal).as_ref().and_then(|journal| journal.end());
        match kept {
            Some(proofs) => format!("; the same command goes on after {proofs} proofs"),
            None if writes => "; nothing was written".to_owned(),
            None => String::new(),
        }
    });
}

/// Opens the journal in the folder of the results, and says if an earlier run left something there.
fn open_journal(
    arguments: &Arguments,
    folder: &OutputFolder,
    layer: &OutputLayer,
    (plan, engine): (&Plan, Engine),
) -> Result<Arc<Journal>> {
    if arguments.restart {
        Journal::remove(folder.path())?;
    }
    // The journal of an audit among some rows is one of the head that they make.
    let (head, tokens) = match &plan.among {
        Some(among) => (among.head(), plan.tokens.as_deref().map(|t| among.places(t)).transpose()?),
        None => (layer.head(), plan.tokens.clone()),
    };
    let scope = (tokens.as_deref(), engine);
    let journal = Journal::open(folder.path(), head, &plan.domain, scope, arguments.save_every)?;
    if journal.proofs() > 0 && !arguments.quiet {
        eprintln!(
            "unargmax: going on after {} proofs by {}; --restart begins anew",
            journal.proofs(),
            journal.path().display()
        );
    }
    Ok(Arc::new(journal))
}

/// Prints the verdicts of the audit, as text or as JSON.
fn print(
    arguments: &Arguments,
    layer: &OutputLayer,
    plan: &Plan,
    audit: &Audit,
    report: &Report,
    elapsed: Duration,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.json {
        let summary = report.summary().map_err(io::Error::other)?;
        out.write_all(summary.to_json().as_bytes())?;
    } else if !arguments.quiet {
        let subject = text::Subject {
            path: &layer.origin().path,
            located: layer.located(),
            vocabulary: layer.vocabulary(),
            layout: report.row_layout(),
            frequencies: plan.frequencies.as_ref(),
            domain: &plan.domain,
            reason: &plan.reason,
            seeds: plan.seeds(),
            terms: arguments.terms(),
        };
        text::write(&mut out, subject, audit, elapsed.as_secs_f64(), arguments.list)?;
    }
    out.flush()
}

/// Returns the exit status that `--fail-on` asks for, and prints which tokens made it fail.
fn exit_code(
    arguments: &Arguments,
    layer: &OutputLayer,
    plan: &Plan,
    audit: &Audit,
) -> Result<ExitCode> {
    let conditions: Vec<gate::Condition> = arguments.fail_on.iter().map(|&c| c.into()).collect();
    let tokens = audit.kept().map_or(layer.head().tokens(), <[u32]>::len);
    let vocabulary = layer.vocabulary();
    let gate = Gate::of(&conditions, audit, tokens, vocabulary, plan.baseline.as_ref());
    if gate.passes() {
        if !conditions.is_empty() && !arguments.quiet && !arguments.json {
            let told =
                writeln!(io::stdout(), "\n--fail-on: passed: {}", gate.sentence(arguments.terms()));
            super::ignore_broken_pipe(told)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("unargmax: --fail-on: {}", gate.sentence(arguments.terms()));
    if plan.baseline.is_some() {
        let label = |id: u32| vocabulary.map_or(String::new(), |v| v.label(id as usize));
        for id in gate.failing().take(arguments.list) {
            eprintln!("  {id} {}", label(id));
        }
    }
    Ok(ExitCode::from(CONDITION))
}

/// Returns the number of cores of this machine, the default number of threads.
fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Arguments {
    /// Returns the terms for what the rows stand for.
    fn terms(&self) -> &'static Terms {
        RowKind::from(self.kind).terms()
    }

    /// Returns the engine that proposes verdicts; `--radius` needs the linear programs.
    fn engine(&self) -> Result<Engine> {
        match (self.engine, self.radius) {
            (EngineName::LeastDistance, false) => Ok(Engine::LeastDistance),
            (EngineName::LeastDistance, true) => bail!("--radius needs --engine lp"),
            (EngineName::Lp, radius) => Ok(Engine::LinearProgram { radius }),
        }
    }

    /// Opens the folder for the results before any work is done: files in it that unargmax did not write are an
    /// error.
    fn folder(&self) -> unargmax::error::Result<Option<OutputFolder>> {
        let writes = |name: &str| match name {
            own_files::RADII => self.radius,
            moved_rows::FILE => self.move_needed,
            page::FILE | markdown::FILE | multiqc::FILE | measures::FILE => !self.no_report,
            name => self.svg || !name.ends_with(".svg"),
        };
        let open = |out| OutputFolder::open_for(out, &own_files::AUDIT, writes, self.force);
        self.out.as_ref().map(open).transpose()
    }
}

/// The options of an audit, resolved against the head that was read.
struct Plan {
    domain: Domain,
    /// Why that domain was chosen, for people.
    reason: String,
    tokens: Option<Vec<u32>>,
    /// The rows that compete, if not all do.
    among: Option<Among>,
    efforts: Option<Sample>,
    margins: Option<Sample>,
    probabilities: Option<Sample>,
    ranks: Option<Sample>,
    baseline: Option<Baseline>,
    /// How often tokens occur.
    frequencies: Option<Frequencies>,
}

impl Plan {
    /// Resolves and checks the options that depend on the head: domain, tokens, samples, baseline.
    fn resolve(arguments: &Arguments, layer: &OutputLayer) -> Result<Self> {
        let (domain, reason) = domain(&arguments.domain, layer)?;
        ensure!(
            !arguments.radius || domain.is_bounded(),
            "--radius needs a domain that is bounded on all sides, such as --domain range:-100:100, not {domain}"
        );
        let (count, vocabulary) = (layer.head().tokens(), layer.vocabulary());
        let tokens = arguments.tokens.as_ref();
        let names = (vocabulary, arguments.head.checkpoint.as_deref());
        let tokens = tokens.map(|t| selection::parse(t, count, names)).transpose()?;
        let among = arguments.among.as_ref().map(|text| selection::among(text, layer));
        let among = among.transpose()?.flatten();
        let among =
            among.map(|ids| Among::new(layer.head(), &ids)).transpose().context("--among")?;
        if let (Some(among), Some(tokens)) = (&among, &tokens) {
            among.places(tokens).context("--tokens")?;
        }
        let audited = tokens.as_deref().or_else(|| among.as_ref().map(Among::ids));
        let sample = |option: &str, text: &Option<String>| -> Result<Option<Sample>> {
            let sample =
                |text: &String| selection::sample(option, text, audited, count, vocabulary);
            text.as_ref().map(sample).transpose()
        };
        let in_ball = |option: &str, text: &Option<String>| -> Result<Option<Sample>> {
            ensure!(
                text.is_none() || domain.ball().is_some(),
                "{option} needs a ball, the domain of a final norm or `--domain ball:R`: in {domain} lengths have no measure"
            );
            sample(option, text)
        };
        ensure!(
            !arguments.bias_needed || layer.head().has_bias(),
            "--bias-needed is about heads with a bias, and this one has none"
        );
        let efforts = in_ball("--effort", &arguments.effort)?;
        let margins = in_ball("--margins", &arguments.margins)?;
        let probabilities = sample("--max-probability", &arguments.max_probability)?;
        let ranks = sample("--ranks", &arguments.ranks)?;
        let baseline =
            arguments.baseline.as_deref().map(Baseline::open).transpose().context("--baseline")?;
        if let Some(baseline) = &baseline {
            baseline.fits(&domain, count, vocabulary).context("--baseline")?;
        }
        let frequencies = arguments.frequencies.as_ref();
        let frequencies = frequencies.map(|path| Frequencies::read(path, count)).transpose();
        let frequencies = frequencies.context("--frequencies")?;
        Ok(Plan {
            domain,
            reason,
            tokens,
            among,
            efforts,
            margins,
            probabilities,
            ranks,
            baseline,
            frequencies,
        })
    }

    /// Returns the seeds of the random samples of `--effort`, `--margins`, `--max-probability` and `--ranks`; `None` for what is
    /// no sample.
    fn seeds(&self) -> [Option<u64>; 4] {
        [&self.efforts, &self.margins, &self.probabilities, &self.ranks]
            .map(|sample| sample.as_ref()?.seed)
    }
}

/// Returns the integer kernel named by the option, else by the environment, else the fastest of this machine.
fn kernel(option: Option<&str>) -> Result<Kernel> {
    if let Some(name) = option {
        return Kernel::named(name).context("--kernel");
    }
    match std::env::var_os(KERNEL) {
        Some(name) if !name.is_empty() => {
            Kernel::named(&name.to_string_lossy()).with_context(|| format!("${KERNEL}"))
        }
        _ => Ok(Kernel::best()),
    }
}

/// Returns the domain of hidden states that `--domain` asks for, and the reason for it.
///
/// # Errors
/// The text names no domain, or one that this layer does not have.
pub fn domain(text: &str, layer: &OutputLayer) -> Result<(Domain, String)> {
    if text != "auto" {
        let located = layer.located();
        let domain = located.parse_domain(text)?;
        let norm = located.final_norm.as_ref().filter(|_| text.contains("norm"));
        let caution = norm.map_or("", FinalNorm::caution);
        return Ok((domain, format!("asked for{caution}")));
    }
    Ok((layer.domain().clone(), format!("auto: {}", layer.domain_reason())))
}
