//! The subcommand `unargmax reach`: which inputs make a model emit a token?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::model::{ModelArguments, Opened};
use super::progress::Bar;
use super::stamps::stamps;
use super::{CONTRADICTION, interruption, observe, selection};
use unargmax::audit::{Audit, Options, audit};
use unargmax::certify::Outcome;
use unargmax::certify::survival::Format;
use unargmax::locate::{Choice, Located, locate};
use unargmax::reach::corpus::{Corpus, Texts};
use unargmax::reach::ladder::climb::{Found, Plan, climb};
use unargmax::reach::ladder::discrete::Search;
use unargmax::reach::ladder::frame::Frame;
use unargmax::reach::ladder::gradient::GradientBudget;
use unargmax::reach::ladder::journal::{Entry, Journal, Sighting};
use unargmax::reach::ladder::judge::Judge;
use unargmax::reach::ladder::prefix::SharedPrefix;
use unargmax::reach::ladder::soft::SoftBudget;
use unargmax::reach::ladder::spelling::{Spelling, alphabet};
use unargmax::reach::observe::{Claims, Observer};
use unargmax::reach::rules::{Ignored, Rules};
use unargmax::reach::text::Tokenizer;
use unargmax::report::files::OutputFolder;
use unargmax::report::ladder::{Climbed, LadderReport};
use unargmax::report::own_files;
use unargmax::report::results::Results;
use unargmax::report::results::verdicts::Row;

/// Search inputs that make a model emit a token: free vectors (soft prompts), then prompts of real tokens, beside what an
/// audit proves.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The wanted tokens: ids, ranges of ids, token texts, or @FILE
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    tokens: Option<String>,
    /// Also want so many ordinary tokens, drawn at random
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// Also want the N tokens that need the greatest effort to win, by --audit; among equal efforts those of the least margin
    #[arg(long, value_name = "N", requires = "audit")]
    hardest: Option<usize>,
    /// Take the verdicts from an audit of this head (a folder that `audit --out` wrote; for --hardest with `--effort
    /// all`, and without a bias `--margins all`) [default: the wanted tokens are audited first]
    #[arg(long, value_name = "DIR", conflicts_with = "domain")]
    audit: Option<PathBuf>,
    /// A text that follows what is searched. In a model that fills gaps it may hold the gap
    #[arg(long, value_name = "TEXT", default_value = "", allow_hyphen_values = true)]
    prompt: String,
    /// Where hidden states lie, as for `audit`
    #[arg(long, default_value = "auto", allow_hyphen_values = true)]
    domain: String,
    /// The number of free vectors of a soft prompt; 0 leaves soft prompts out
    #[arg(long, value_name = "M", default_value_t = 4)]
    vectors: usize,
    /// Steps of the optimiser from each start
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: usize,
    /// From how many starts a soft prompt is searched
    #[arg(long, value_name = "N", default_value_t = 2)]
    starts: usize,
    /// The size of a step, as a share of the typical coordinate of a row of the vocabulary
    #[arg(long, value_name = "X", default_value_t = 0.3)]
    rate: f64,
    /// Keep each vector no longer than the longest row of the vocabulary
    #[arg(long)]
    inside_rows: bool,
    /// Try all prompts of 1 token, 2 tokens, ... as long as there are at most N of a length; 0 leaves this out
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    enumerate: u64,
    /// Search prompts of so many tokens by gradients, in this order; none leaves this out
    #[arg(long, value_name = "LENGTHS", value_delimiter = ',', num_args = 0.., default_values_t = [2, 4])]
    lengths: Vec<usize>,
    /// Rounds of the search by gradients, for each length
    #[arg(long, value_name = "N", default_value_t = 20)]
    rounds: usize,
    /// Prompts that are tried in a round
    #[arg(long, value_name = "N", default_value_t = 64)]
    candidates: usize,
    /// From how many tokens of the steepest descent at each place these are drawn
    #[arg(long, value_name = "N", default_value_t = 256)]
    steepest: usize,
    /// The seed of all that is drawn
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Also run the model over this text file, and count how often each token wins
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// With --corpus: each line is a text of its own
    #[arg(long, requires = "corpus")]
    lines: bool,
    /// Do not ask that a prompt is split into the same tokens again: no tokenizer is needed then
    #[arg(long, conflicts_with_all = ["prompt", "corpus"])]
    any_ids: bool,
    /// Write reach.csv, reach.json, reach.html and the witnesses into this folder, and until then a journal: after an end
    /// by Ctrl-C, `kill` or an error the same command continues from it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Begin anew: a journal in the folder is removed
    #[arg(long)]
    restart: bool,
    /// Replace files of these names that were not written by unargmax
    #[arg(long)]
    force: bool,
    /// How many tokens that were not reached to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
    /// Print nothing but errors and contradictions
    #[arg(long)]
    quiet: bool,
    /// Print the summary as JSON
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

/// The longest window of a corpus, in tokens, and how many tokens of short ones run together.
const WINDOW: usize = 512;

/// Runs `unargmax reach`.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    interruption::end_when_interrupted_saying(|| {
        "; the same command goes on from the journal".to_owned()
    });
    let folder =
        OutputFolder::open_for(&arguments.out, &own_files::REACH, |_| true, arguments.force)
            .context("--out")?;
    let bar = Bar::new(arguments.quiet)?;
    let opened = arguments.model.open(&bar)?;
    let tokenizer = match arguments.any_ids {
        true => None,
        false => Some(arguments.model.tokenizer(&opened)?),
    };
    let all = Ignored::keys(vec!["all".to_owned()]);
    let rules = Rules::of(opened.checkpoint.as_ref(), opened.model.configuration(), &all)?;
    let frame = Frame::new(&opened.model, tokenizer.as_ref(), &rules, &arguments.prompt)?;
    let spelling = Spelling::new(tokenizer.as_ref(), frame.text())?;
    let located = locate(opened.checkpoint.as_ref(), &opened.path, &Choice::default())?;
    let read = arguments.audit.as_deref().map(|dir| observe::audited(dir, &opened)).transpose()?;
    let chosen = chosen(arguments, &opened, &located, read.as_ref().map(|read| &read.0))?;
    let ids: Vec<u32> = chosen.keys().copied().collect();
    let (proofs, claims) = match read {
        Some((results, claims)) => (of_results(&results, &ids)?, claims),
        None => by_audit(&arguments.domain, &located, &ids, &bar)?,
    };
    let judge = Judge::new(claims);
    let letters =
        alphabet(frame.known(&opened.model)?, tokenizer.as_ref(), opened.vocabulary.as_ref());
    ensure!(!letters.is_empty(), "the vocabulary has no ordinary token for a prompt");
    let plan = plan(arguments, ids)?;
    let run = identity(arguments, &opened, &located, &plan)?;
    if arguments.restart {
        Journal::remove(&arguments.out)?;
    }
    let (mut journal, before) = Journal::open(&arguments.out, &run)?;
    if !before.is_empty() && !arguments.quiet {
        let pieces = before.len();
        eprintln!("unargmax: going on after {pieces} pieces of work; --restart begins anew");
    }
    let seen =
        sightings(arguments, &opened, tokenizer.as_ref(), &plan, &mut journal, &before, &bar)?;
    let search = Search {
        model: &opened.model,
        frame: &frame,
        judge: &judge,
        spelling: &spelling,
        alphabet: &letters,
        prefix: SharedPrefix::default(),
    };
    let found = climb(&search, &plan, (&mut journal, before), &bar)?;
    bar.finish();
    let tokens = climbed(proofs, &search, &chosen, &found, &seen);
    let report = LadderReport {
        checkpoint: opened.path.display().to_string(),
        head: located.head.sha256(),
        domain: (judge.domain().to_string(), located.head.dim()),
        prompt: frame.text(),
        corpus: arguments.corpus.as_ref().map(|path| path.display().to_string()),
        plan: &plan,
        alphabet: letters.len(),
        enumerations: &found.enumerations,
        vocabulary: opened.vocabulary.as_ref(),
        tokens: &tokens,
    };
    interruption::write(&folder, &report.files()?).context("--out")?;
    drop(journal);
    Journal::remove(&arguments.out).context("--out")?;
    print(arguments, &report)?;
    Ok(tell_contradictions(arguments, &report, &opened))
}

/// Tells every contradiction between a proof and an input, and returns the exit status that this gives.
fn tell_contradictions(arguments: &Arguments, report: &LadderReport, opened: &Opened) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for climbed in report.contradictions() {
        eprintln!(
            "unargmax: CONTRADICTION: token {} {} is proved never to be the strict winner, but an input makes it so; its \
             hidden state is in {}",
            climbed.token,
            opened.label(climbed.token),
            arguments.out.join(unargmax::report::ladder::WITNESSES).display()
        );
        status = ExitCode::from(CONTRADICTION);
    }
    status
}

/// The wanted tokens, each with the reason why it is wanted.
fn chosen(
    arguments: &Arguments,
    opened: &Opened,
    located: &Located,
    audit: Option<&Results>,
) -> Result<BTreeMap<u32, &'static str>> {
    let vocabulary = opened.vocabulary.as_ref();
    let tokens = located.head.tokens();
    let mut chosen = BTreeMap::new();
    if let Some(list) = &arguments.tokens {
        chosen.extend(
            selection::parse(list, tokens, (vocabulary, Some(&opened.path)))?
                .into_iter()
                .map(|id| (id, "listed")),
        );
    }
    if let (Some(count), Some(results)) = (arguments.hardest, audit) {
        for id in hardest(count, results)? {
            chosen.entry(id).or_insert("hardest");
        }
    }
    if let Some(count) = arguments.sample {
        let ordinary: Vec<u32> = (0..tokens as u32)
            .filter(|id| {
                let token = vocabulary.and_then(|v| v.tokens.get(*id as usize));
                !chosen.contains_key(id) && token.is_none_or(|token| !token.kind.is_marginal())
            })
            .collect();
        let sample =
            selection::sample("--sample", &count.to_string(), Some(&ordinary), tokens, vocabulary)?;
        chosen.extend(sample.tokens.into_iter().map(|id| (id, "sample")));
    }
    if chosen.is_empty() {
        bail!("no token is wanted: name some by --tokens, --sample or --hardest");
    }
    Ok(chosen)
}

/// Of the tokens that can win, those that need the greatest effort by an audit; among equal efforts those of the least best margin.
///
/// Without a bias a token wins at every length of a hidden state, so all efforts behind an RMSNorm are 0, and only
/// margins tell tokens apart.
fn hardest(count: usize, results: &Results) -> Result<Vec<u32>> {
    let rows = results.table.rows();
    let effort = |row: &Row| row.measured.effort.map(|effort| effort.low);
    let margin = |row: &Row| row.measured.margin.map(|margin| margin.high);
    let differ = |of: &dyn Fn(&Row) -> Option<f64>| {
        let mut values = rows.iter().filter_map(of);
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    ensure!(
        differ(&effort) || differ(&margin),
        "--hardest: the audit has no efforts that tell tokens apart; make it by `audit --effort all`, and for a head \
         without bias by `audit --effort all --margins all`"
    );
    let mut order: Vec<(f64, f64, u32)> = rows
        .iter()
        .filter(|row| row.outcome == Outcome::Argmaxable)
        .filter(|row| effort(row).is_some() || margin(row).is_some())
        .map(|row| (effort(row).unwrap_or(0.0), margin(row).unwrap_or(f64::INFINITY), row.id))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    Ok(order.into_iter().take(count).map(|(_, _, id)| id).collect())
}

/// What is proved of one wanted token.
struct Proof {
    free: Outcome,
    real: Outcome,
    /// The formats of logits in which it keeps its lead, where that was measured.
    precise: Option<Vec<Format>>,
}

/// What an audit that was read proves of the wanted tokens.
fn of_results(results: &Results, ids: &[u32]) -> Result<Vec<Proof>> {
    let is_free = results.summary.audit().domain == "free";
    let one = |&id: &u32| {
        let row =
            results.table.row(id).with_context(|| format!("--audit: token {id} is not in it"))?;
        let free = if is_free { row.outcome } else { row.free.unwrap_or(Outcome::Undecided) };
        let precise = row.measured.margin.map(|_| row.measured.survives.clone());
        Ok(Proof { free, real: row.outcome, precise })
    };
    ids.iter().map(one).collect()
}

/// Audits the wanted tokens, over the domain and over all vectors.
fn by_audit(
    domain: &str,
    located: &Located,
    ids: &[u32],
    bar: &Bar,
) -> Result<(Vec<Proof>, Claims)> {
    let domain = match domain {
        "auto" => located.domain()?.0,
        stated => located.parse_domain(stated).context("--domain")?,
    };
    let options = Options {
        tokens: Some(ids),
        also_free: true,
        margins: domain.ball().map(|_| ids),
        progress: bar,
        ..Options::default()
    };
    let audited = audit(&located.head, &domain, options)?;
    let free = audited.free().unwrap_or(&audited);
    let outcome = |audit: &Audit, id| {
        audit.verdict(id).map_or(Outcome::Undecided, |verdict| verdict.outcome())
    };
    let margins = audited.margins();
    let one = |&id: &u32| {
        let gap = margins.iter().find(|gap| gap.token() == id);
        let survives = || gap.map(|gap| gap.survives().to_vec()).unwrap_or_default();
        let precise = domain.ball().map(|_| survives());
        Proof { free: outcome(free, id), real: outcome(&audited, id), precise }
    };
    let never = |audit: &Audit| -> Vec<bool> {
        let lost = |id| matches!(outcome(audit, id), Outcome::Tied | Outcome::Unargmaxable);
        (0..located.head.tokens() as u32).map(lost).collect()
    };
    let claims = Claims {
        head: located.head.clone(),
        never_alone: never(&audited),
        never_anywhere: never(free),
        domain: domain.clone(),
    };
    Ok((ids.iter().map(one).collect(), claims))
}

/// What is searched, and for how long.
fn plan(arguments: &Arguments, tokens: Vec<u32>) -> Result<Plan> {
    ensure!(arguments.rate > 0.0 && arguments.rate.is_finite(), "--rate must be above 0");
    ensure!(arguments.lengths.iter().all(|length| *length > 0), "--lengths must be above 0");
    let soft = SoftBudget {
        vectors: arguments.vectors,
        steps: arguments.steps,
        starts: arguments.starts,
        rate: arguments.rate,
        inside_rows: arguments.inside_rows,
        seed: arguments.seed,
    };
    let gradient = GradientBudget {
        lengths: arguments.lengths.clone(),
        rounds: arguments.rounds,
        candidates: arguments.candidates,
        steepest: arguments.steepest.max(1),
        seed: arguments.seed,
    };
    let has_soft = soft.vectors > 0 && soft.steps > 0 && soft.starts > 0;
    let has_gradient =
        !gradient.lengths.is_empty() && gradient.rounds > 0 && gradient.candidates > 0;
    Ok(Plan {
        tokens,
        soft: has_soft.then_some(soft),
        enumerate: arguments.enumerate,
        gradient: has_gradient.then_some(gradient),
    })
}

/// All that the results depend on; a journal of another run is refused.
fn identity(
    arguments: &Arguments,
    opened: &Opened,
    located: &Located,
    plan: &Plan,
) -> Result<Map<String, Value>> {
    let corpus = arguments.corpus.as_deref().map(file_hash).transpose()?;
    let run = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "head": located.head.sha256(),
        "files": stamps(opened)?,
        "domain": arguments.domain,
        "audit": arguments.audit.as_deref().map(observe::hash).transpose()?,
        "prompt": arguments.prompt,
        "any_ids": arguments.any_ids,
        "corpus": corpus,
        "lines": arguments.lines,
        "plan": plan,
    });
    match run {
        Value::Object(run) => Ok(run),
        _ => bail!("the run has no form in JSON"),
    }
}

/// The SHA-256 of a file, in hexadecimal.
fn file_hash(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part).with_context(|| path.display().to_string())? {
            0 => break,
            count => hash.update(&part[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What is seen of the wanted tokens in the corpus, by id; from the journal where it is there.
fn sightings(
    arguments: &Arguments,
    opened: &Opened,
    tokenizer: Option<&Tokenizer>,
    plan: &Plan,
    journal: &mut Journal,
    before: &[Entry],
    bar: &Bar,
) -> Result<BTreeMap<u32, Sighting>> {
    let (Some(path), Some(tokenizer)) = (&arguments.corpus, tokenizer) else {
        return Ok(BTreeMap::new());
    };
    let known = before.iter().find_map(|entry| match entry {
        Entry::Observed(seen) => Some(seen.clone()),
        _ => None,
    });
    let seen = match known {
        Some(seen) => seen,
        None => {
            let seen = observed(path, arguments.lines, opened, tokenizer, plan, bar)?;
            journal.append(&Entry::Observed(seen.clone()))?;
            seen
        }
    };
    Ok(seen.into_iter().map(|seen| (seen.token, seen)).collect())
}

/// Runs the model over the corpus.
fn observed(
    path: &Path,
    lines: bool,
    opened: &Opened,
    tokenizer: &Tokenizer,
    plan: &Plan,
    bar: &Bar,
) -> Result<Vec<Sighting>> {
    use unargmax::progress::Progress;
    let configuration = opened.model.configuration();
    if configuration.has_encoder() {
        bail!(
            "{} has an encoder, whose text a corpus does not give: --corpus is for models of one stack",
            configuration.family
        );
    }
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let size = file.metadata().with_context(|| path.display().to_string())?.len();
    let window = configuration.context.unwrap_or(WINDOW).min(WINDOW);
    let texts = if lines { Texts::Lines } else { Texts::Whole };
    let mut corpus = Corpus::new(BufReader::new(file), path, tokenizer, texts, window)?;
    let mut observer = Observer::new(configuration.tokens, None)?;
    let together = if opened.model.depends_on_longest_row(window) { 0 } else { WINDOW };
    bar.begin("corpus", size as usize, "bytes");
    let mut told = 0;
    loop {
        let windows = corpus.group(together)?;
        if windows.is_empty() {
            break;
        }
        observer.windows(&opened.model, windows)?;
        bar.advance((corpus.bytes_given() - told) as usize);
        told = corpus.bytes_given();
    }
    ensure!(observer.positions() > 0, "{}: the corpus holds no text", path.display());
    let sighting = |&token: &u32| {
        let seen = observer.seen()[token as usize];
        Sighting {
            token,
            argmax: seen.argmax,
            best_rank: seen.best_rank,
            best_position: seen.best_position,
        }
    };
    Ok(plan.tokens.iter().map(sighting).collect())
}

/// Puts together what is proved and what was found of each wanted token.
fn climbed(
    proofs: Vec<Proof>,
    search: &Search,
    chosen: &BTreeMap<u32, &'static str>,
    found: &Found,
    seen: &BTreeMap<u32, Sighting>,
) -> Vec<Climbed> {
    let one = |(at, (proof, (&token, &chosen))): (usize, (Proof, (&u32, &&'static str)))| {
        let soft = found.soft.get(at).cloned();
        let discrete = found.discrete.get(at).cloned();
        let wins = [soft.as_ref().and_then(|s| s.win), discrete.as_ref().and_then(|d| d.win)];
        let prompt = discrete.as_ref().map(|d| d.ids.as_slice()).filter(|ids| !ids.is_empty());
        Climbed {
            token,
            chosen,
            free: proof.free,
            real: proof.real,
            precise: proof.precise,
            text: prompt.and_then(|ids| search.spelling.text(ids)),
            survives: prompt.and_then(|ids| search.spelling.survives(ids)),
            seen: seen.get(&token).copied(),
            contradicts: wins.iter().flatten().any(|&win| search.judge.contradicts(token, win)),
            soft,
            discrete,
        }
    };
    proofs.into_iter().zip(chosen).enumerate().map(one).collect()
}

/// Prints the summary in the form that was asked for.
fn print(arguments: &Arguments, report: &LadderReport) -> Result<()> {
    let mut out = io::stdout().lock();
    super::ignore_broken_pipe(match (arguments.json, arguments.quiet) {
        (true, _) => out.write_all(report.summary().as_bytes()),
        (false, true) => Ok(()),
        (false, false) => report.write(&mut out, arguments.list),
    })?;
    out.flush().or_else(|e| super::ignore_broken_pipe(Err(e)))?;
    Ok(())
}
