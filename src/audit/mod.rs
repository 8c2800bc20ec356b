//! One run: every token asked for goes through the stages, and comes out with a verdict.

mod ball;
mod decide;
mod exact;
mod measured;

use std::collections::BTreeMap;
use std::time::Instant;

use rayon::prelude::*;

use crate::certify::best_gap::BestGap;
use crate::certify::effort::Effort;
use crate::certify::pairs::Trial;
use crate::certify::pairs::kernel::Kernel;
use crate::certify::{self, Rival, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::head::groups::Standing;
use crate::progress::{About, Progress, Silent};
use crate::prove::least_distance::LeastDistance;
use crate::prove::linear_program::LinearProgram;
use crate::prove::radius;
use crate::prove::sphere::Sphere;
use crate::prove::system::System;
use crate::prove::working_set::Start;
use crate::question::Question;
use crate::screen::{Moments, Screen};
use exact::Decision;
use measured::Measured;

/// What proposes the verdicts. The proofs, and the exact integers where float64 fails, are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// A screen for most tokens at once, then the least-distance problem of each of the others.
    #[default]
    LeastDistance,
    /// Linear programs by a general solver for every token that is not an exact loser by its row
    /// alone: slow, and a check on the other engine.
    LinearProgram {
        /// Whether to compute the radius of the 2022 paper too, see [`crate::prove::radius`].
        radius: bool,
    },
}

impl Engine {
    fn without_radius(self) -> Self {
        match self {
            Engine::LinearProgram { .. } => Engine::LinearProgram { radius: false },
            other => other,
        }
    }

    /// The name as in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::LeastDistance => "least-distance",
            Engine::LinearProgram { .. } => "lp",
        }
    }
}

/// What to audit, and how.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The tokens to decide against all others; `None` is every token.
    pub tokens: Option<&'a [u32]>,
    /// What proposes the verdicts.
    pub engine: Engine,
    /// Threads to use; 0 takes all cores. Verdicts do not depend on it.
    pub threads: usize,
    /// Whether to decide the tokens over all of space too, where the domain is less than that.
    pub beside: bool,
    /// The tokens whose efforts to measure, in a ball: some of those to decide.
    pub efforts: Option<&'a [u32]>,
    /// The tokens whose best gaps to measure, in a ball: some of those to decide.
    pub margins: Option<&'a [u32]>,
    /// Whether to measure the raise of its own bias that each lost token of a head with a bias lacks.
    pub bias_needed: bool,
    /// What multiplies integers in the screen. Verdicts and proofs do not depend on it.
    pub kernel: Kernel,
    /// Who is told how far the audit is.
    pub progress: &'a dyn Progress,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            tokens: None,
            engine: Engine::default(),
            threads: 0,
            beside: false,
            efforts: None,
            margins: None,
            bias_needed: false,
            kernel: Kernel::best(),
            progress: &Silent,
        }
    }
}

/// The verdicts of one head over one domain.
#[derive(Clone, Debug)]
pub struct Audit {
    verdicts: Vec<(u32, Verdict)>,
    radii: Option<Vec<(u32, f64)>>,
    seconds: BTreeMap<&'static str, f64>,
    free: Option<Box<Audit>>,
    measured: Measured,
}

/// How many tokens have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Strict winners somewhere.
    pub argmaxable: usize,
    /// Winners up to exact equals.
    pub tied: usize,
    /// Never strict winners.
    pub unargmaxable: usize,
    /// Not proved either way.
    pub undecided: usize,
}

impl Audit {
    /// Token ids and verdicts, in id order.
    pub fn verdicts(&self) -> &[(u32, Verdict)] {
        &self.verdicts
    }

    /// The verdict of a token, if it was asked for.
    pub fn verdict(&self, token: u32) -> Option<&Verdict> {
        self.verdicts.binary_search_by_key(&token, |v| v.0).ok().map(|i| &self.verdicts[i].1)
    }

    /// How many tokens have each verdict.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, verdict) in &self.verdicts {
            *match verdict {
                Verdict::Argmaxable(_) => &mut counts.argmaxable,
                Verdict::Tied(_) => &mut counts.tied,
                Verdict::Unargmaxable(_) => &mut counts.unargmaxable,
                Verdict::Undecided(_) => &mut counts.undecided,
            } += 1;
        }
        counts
    }

    /// How many tokens are undecided because the budget of exact arithmetic was spent.
    pub fn undecided_by_budget(&self) -> usize {
        let by_budget =
            |v: &&(u32, Verdict)| matches!(&v.1, Verdict::Undecided(u) if u.is_by_budget());
        self.verdicts.iter().filter(by_budget).count()
    }

    /// Token ids and radii, if they were asked for: optima of float64 linear programs, not proved.
    pub fn radii(&self) -> Option<&[(u32, f64)]> {
        self.radii.as_deref()
    }

    /// How many tokens the paper's threshold calls unargmaxable, if the radii were asked for.
    pub fn radii_below_threshold(&self) -> Option<usize> {
        Some(self.radii()?.iter().filter(|r| r.1 < radius::THRESHOLD).count())
    }

    /// The verdicts over all of space, if they were asked for or if some of these follow from them; then perhaps for
    /// those tokens alone.
    pub fn free(&self) -> Option<&Audit> {
        self.free.as_deref()
    }

    /// The efforts asked for, in id order; none outside balls.
    pub fn efforts(&self) -> &[Effort] {
        &self.measured.efforts
    }

    /// The best gaps asked for, in id order; none outside balls, nor of a token without a rival.
    pub fn margins(&self) -> &[BestGap] {
        &self.measured.margins
    }

    /// The best gaps of lost tokens, in id order, if the bias that they lack was asked for.
    pub fn bias_needed(&self) -> &[BestGap] {
        &self.measured.lacking
    }

    /// Wall time of each stage, in seconds.
    pub fn seconds(&self) -> &BTreeMap<&'static str, f64> {
        &self.seconds
    }
}

/// Decides tokens of `head` over `domain`, with proof.
///
/// # Errors
/// A domain of the wrong dimension or, for radii, with an infinite end, or a ball for linear programs; efforts or margins
/// outside a ball, or of tokens that are not decided; a token beyond the head; or a thread pool that the system refuses.
pub fn audit(head: &Head, domain: &Domain, options: Options) -> Result<Audit> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|e| Error::Invalid(format!("cannot start {} threads: {e}", options.threads)))?;
    pool.install(|| run(head, domain, options))
}

fn run(head: &Head, domain: &Domain, options: Options) -> Result<Audit> {
    let tokens = scope(head, options.tokens)?;
    measured::check(domain, &tokens, options)?;
    let mut clock = Clock::start();
    options.progress.begin("prepare", 0, "");
    let folded = Question::fold(head, domain)?;
    // The eigenvectors are the work of one thread; meanwhile the others group rows and name the head.
    let rows = folded.as_ref().map_or(head, |f| &f.head);
    let (question, moments) = rayon::join(
        || {
            let question = Question::about(head, domain, folded.clone());
            head.sha256();
            question
        },
        || Moments::new(rows),
    );
    let radii = options.engine == Engine::LinearProgram { radius: true };
    if radii && !domain.is_bounded() {
        return Err(Error::Invalid(format!(
            "radii need a domain that is bounded on all sides, such as range:-100:100, not {domain}"
        )));
    }
    if domain.ball().is_some() && options.engine != Engine::LeastDistance {
        return Err(Error::Invalid(format!(
            "a ball is no matter of linear programs: the engine `lp` decides `free` and ranges, not {domain}; choose one of them \
             by --domain"
        )));
    }
    clock.lap("groups");
    let findings = match certify::only::decide(&question, &tokens) {
        Some(verdicts) => {
            tokens.iter().copied().zip(verdicts.into_iter().map(Finding::Decided)).collect()
        }
        None => {
            let screen = Screen::with(&question, moments);
            settle(&question, screen, &tokens, options, &mut clock)
        }
    };

    // Over all of space: those that win inside win there too; the others are decided, and may lose inside as there.
    let all = Domain::free(head.dim());
    let stuck = findings.iter().any(|f| matches!(f.1, Finding::Stuck(_)));
    let larger = (!domain.is_free() && (options.beside || stuck))
        .then(|| Question::new(head, &all))
        .transpose()?;
    let free = larger.as_ref().map(|larger| beside(larger, &question, &findings, options));
    if free.is_some() {
        clock.lap("free");
    }
    let carried = |token: u32| {
        let verdict = free.as_ref()?.verdict(token)?;
        certify::carried_loss(larger.as_ref()?, &question, token, verdict)
    };
    let undecided = findings.iter().filter(|f| matches!(f.1, Finding::Stuck(_))).count();
    if undecided > 0 {
        options.progress.begin("edge", undecided, "tokens on the edge");
    }
    // One of a group of equals speaks for all, so that they share one proof.
    let edges: BTreeMap<u32, &[(Rival, f64)]> = findings
        .iter()
        .filter_map(|(token, finding)| match finding {
            Finding::Stuck(multipliers) if carried(*token).is_none() => {
                Some((question.equals(*token)[0], multipliers.as_slice()))
            }
            _ => None,
        })
        .collect();
    let edges = on_the_edges(&question, edges);
    let verdicts = findings.iter().filter_map(|(token, finding)| {
        let verdict = match finding {
            Finding::Decided(verdict) => Some(verdict.clone()),
            Finding::Stuck(_) => {
                carried(*token).or_else(|| edges.get(&question.equals(*token)[0]).cloned())
            }
        };
        Some((*token, verdict?))
    });
    let mut verdicts: Vec<(u32, Verdict)> = verdicts.collect();
    measured::settle(&question, &mut verdicts, free.as_ref(), options);
    if stuck {
        clock.lap("edge");
    }

    let radii = radii.then(|| {
        options.progress.begin("radius", tokens.len(), "tokens");
        let measured = tokens.par_iter().with_max_len(1).map(|&token| {
            let radius = radius::radius(&question, token);
            options.progress.advance(1);
            (token, radius)
        });
        let measured: Vec<(u32, f64)> = measured.collect();
        clock.lap("radius");
        measured
    });
    let measured = measured::measure(&question, &verdicts, free.as_ref(), options, &mut clock);
    Ok(Audit { verdicts, radii, seconds: clock.laps, free: free.map(Box::new), measured })
}

/// What the stages say of a token.
#[derive(Clone)]
enum Finding {
    Decided(Verdict),
    /// In a ball: neither side is plain. With multipliers of inequalities that come near to a proof of losing.
    Stuck(Vec<(Rival, f64)>),
}

/// The verdicts of tokens of a ball whose sides float64 could not tell apart.
fn on_the_edges(
    question: &Question,
    edges: BTreeMap<u32, &[(Rival, f64)]>,
) -> BTreeMap<u32, Verdict> {
    let edges: Vec<(u32, &[(Rival, f64)])> = edges.into_iter().collect();
    let decided = edges.par_iter().with_max_len(1);
    let decided = decided
        .map(|&(token, multipliers)| (token, ball::on_the_edge(question, token, multipliers)));
    closed(question, decided.collect())
}

/// The verdicts of tokens, ids rising, of which some are open: those by exact linear programs.
fn closed(question: &Question, decided: Vec<(u32, Decision)>) -> BTreeMap<u32, Verdict> {
    let (mut verdicts, mut open) = (BTreeMap::new(), Vec::new());
    for (token, verdict) in decided {
        match verdict {
            Ok(verdict) => drop(verdicts.insert(token, verdict)),
            Err(rest) => open.push(*rest),
        }
    }
    let exact = exact::decide(question, &open);
    verdicts.extend(open.iter().map(|open| open.token).zip(exact));
    verdicts
}

/// So few tokens are decided sooner than the engine of all pairs is made ready.
const FEW: usize = 32;

/// The verdicts over all of space of the tokens that `findings` are about, or where only what these need is asked for, of
/// those that are stuck.
fn beside(
    larger: &Question,
    inside: &Question,
    findings: &[(u32, Finding)],
    options: Options,
) -> Audit {
    let mut clock = Clock::start();
    let carried = findings.par_iter().map(|(_, finding)| match finding {
        Finding::Decided(verdict) => certify::carried_win(larger, inside, verdict),
        Finding::Stuck(_) => None,
    });
    let carried: Vec<Option<Verdict>> = carried.collect();
    let (mut verdicts, mut rest) = (Vec::new(), Vec::new());
    for ((token, finding), carried) in findings.iter().zip(carried) {
        match carried {
            Some(_) if !options.beside => {}
            Some(verdict) => verdicts.push((*token, verdict)),
            None if options.beside || matches!(finding, Finding::Stuck(_)) => rest.push(*token),
            None => {}
        }
    }
    if !rest.is_empty() {
        let progress = About::new(options.progress, "free");
        progress.begin("prepare", 0, "");
        let screen = match rest.len() {
            ..=FEW => Screen::of_none(larger),
            _ => Screen::new(larger),
        };
        let options =
            Options { engine: options.engine.without_radius(), progress: &progress, ..options };
        let found = settle(larger, screen, &rest, options, &mut clock);
        verdicts.extend(found.into_iter().filter_map(|(token, finding)| match finding {
            Finding::Decided(verdict) => Some((token, verdict)),
            Finding::Stuck(_) => None,
        }));
        verdicts.sort_by_key(|v| v.0);
    }
    let measured = Measured::default();
    Audit { verdicts, radii: None, seconds: clock.laps, free: None, measured }
}

/// Sends tokens through the stages, and returns what they say of each, in the order of `tokens`.
fn settle(
    question: &Question,
    screen: Screen,
    tokens: &[u32],
    options: Options,
    clock: &mut Clock,
) -> Vec<(u32, Finding)> {
    // One token of each group of equals speaks for all; dominated tokens need no search.
    let spokesman = |token: u32| match question.groups().standing(token) {
        Standing::Tied(members) => members[0],
        _ => token,
    };
    let mut open: Vec<u32> = tokens
        .iter()
        .copied()
        .filter(|&t| certify::dominated(question, t).is_none())
        .map(spokesman)
        .collect();
    open.sort_unstable();
    open.dedup();

    let screen = screen.with_kernel(options.kernel);
    clock.lap("prepare");
    let settled = match options.engine {
        Engine::LeastDistance => screen.settle(&open, options.progress),
        Engine::LinearProgram { .. } => vec![Trial::Behind(Vec::new()); open.len()],
    };
    clock.lap("screen");

    let mut hard = Vec::new();
    let found = open.iter().zip(settled).map(|(&token, trial)| match trial {
        Trial::Wins(witness) => Some(Finding::Decided(certify::tied(question, witness))),
        Trial::Behind(rivals) => {
            hard.push((token, rivals));
            None
        }
    });
    let found: Vec<Option<Finding>> = found.collect();
    if !hard.is_empty() {
        options.progress.begin("prove", hard.len(), "hard tokens");
    }
    let mut proved = search(question, &screen, &hard, options).into_iter();
    let mut found: Vec<Option<Finding>> =
        found.into_iter().map(|finding| finding.or_else(|| proved.next())).collect();
    clock.lap("prove");

    let finding = |&t: &u32| {
        if let Some(verdict) = certify::dominated(question, t) {
            return Some((t, Finding::Decided(verdict)));
        }
        let spokesman = spokesman(t);
        let of_all = &mut found[open.binary_search(&spokesman).ok()?];
        let finding = match question.groups().standing(t) {
            Standing::Tied(_) => of_all.clone(),
            _ => of_all.take(),
        };
        Some((t, finding?))
    };
    tokens.iter().filter_map(finding).collect()
}

/// Searches for the tokens that the screen left, each with the rivals that were in its way.
fn search(
    question: &Question,
    screen: &Screen,
    hard: &[(u32, Vec<u32>)],
    options: Options,
) -> Vec<Finding> {
    if hard.is_empty() {
        return Vec::new();
    }
    let least_distance = options.engine == Engine::LeastDistance;
    let ids: Vec<u32> = hard.iter().map(|h| h.0).collect();
    let starts = hard.iter().zip(screen.starts(&ids)).map(|((token, behind), near)| {
        (*token, Start { near, behind: behind.clone(), may_win: least_distance })
    });
    let starts: Vec<(u32, Start)> = starts.collect();
    if let Some(sphere) = Sphere::new(question) {
        return ball::decide(&sphere, screen, &starts, options.progress);
    }
    let system = System::new(question);
    let all = Domain::free(question.domain().dim());
    let boxed = question.domain().has_ranges() && question.head().is_wide();
    let free = boxed.then(|| Question::new(question.stored(), &all).ok()).flatten();
    let free = free.as_ref().map(System::new);
    let decide = |group: Vec<(u32, Start)>| {
        let done = || options.progress.advance(1);
        match options.engine {
            Engine::LeastDistance => {
                let decide = |group, done: &dyn Fn()| {
                    decide::decide::<LeastDistance>(&system, screen.pairs(), group, done)
                };
                match &free {
                    Some(free) => {
                        let lost = decide::lost_everywhere(question, free, &group);
                        lost.iter().flatten().for_each(|_| done());
                        let open = group.into_iter().zip(&lost).filter(|g| g.1.is_none());
                        let mut others = decide(open.map(|g| g.0).collect(), &done).into_iter();
                        lost.into_iter()
                            .filter_map(|l| l.map(Ok).or_else(|| others.next()))
                            .collect()
                    }
                    None => decide(group, &done),
                }
            }
            Engine::LinearProgram { .. } => {
                decide::decide::<LinearProgram>(&system, None, group, &done)
            }
        }
    };
    // Without the engine of all pairs a pass over the rows costs as much for a few points as for one.
    let least = if least_distance && screen.pairs().is_none() { 4 } else { 1 };
    let decided = dealt(starts, question, least, &decide);
    let verdicts = closed(question, ids.into_iter().zip(decided).collect());
    verdicts.into_values().map(Finding::Decided).collect()
}

/// Decides hard tokens in groups of `least` or more. They often are neighbours: each group takes every so-and-so-many-th,
/// so that all have their share of the work.
fn dealt(
    starts: Vec<(u32, Start)>,
    question: &Question,
    least: usize,
    decide: &(impl Fn(Vec<(u32, Start)>) -> Vec<Decision> + Sync),
) -> Vec<Decision> {
    let together = group_size(starts.len(), question.head()).max(least);
    let count = starts.len().div_ceil(together).max(1);
    let found: Vec<Vec<_>> = (0..count)
        .into_par_iter()
        .with_max_len(1)
        .map(|first| decide(starts.iter().skip(first).step_by(count).cloned().collect()))
        .collect();
    let mut found: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
    (0..starts.len()).filter_map(|i| found[i % count].next()).collect()
}

/// How many tokens are decided together: enough to share a pass over the rows, few enough to keep all
/// threads busy and their scores in some tens of megabytes. The verdicts do not depend on it.
fn group_size(hard: usize, head: &Head) -> usize {
    let shared = hard.div_ceil(4 * rayon::current_num_threads());
    shared.clamp(1, 64).min((1 << 22) / head.tokens() + 1)
}

/// The tokens asked for, in id order and once each.
fn scope(head: &Head, tokens: Option<&[u32]>) -> Result<Vec<u32>> {
    let Some(tokens) = tokens else { return Ok((0..head.tokens() as u32).collect()) };
    if let Some(beyond) = tokens.iter().find(|t| **t as usize >= head.tokens()) {
        return Err(Error::Invalid(format!(
            "there is no token {beyond}: the head has {} tokens, from 0",
            head.tokens()
        )));
    }
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    Ok(tokens)
}

struct Clock {
    last: Instant,
    laps: BTreeMap<&'static str, f64>,
}

impl Clock {
    fn start() -> Self {
        Clock { last: Instant::now(), laps: BTreeMap::new() }
    }

    fn lap(&mut self, stage: &'static str) {
        self.laps.insert(stage, self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }
}
