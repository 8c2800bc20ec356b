//! The stages that decide tokens: equal rows, the screen, the search, exact arithmetic.

use super::clock::Clock;
use super::{Engine, Options};
use crate::certify::pairs::Trial;
use crate::certify::{self, Rival, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::head::groups::Standing;
use crate::order::{self, ByToken};
use crate::parallel;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::decide as ball;
use crate::prove::ball::system::BallSystem;
use crate::prove::exact::budget;
use crate::prove::least_distance::LeastDistance;
use crate::prove::polyhedron::decide;
#[cfg(feature = "lp")]
use crate::prove::polyhedron::linear_program::LinearProgram;
use crate::prove::polyhedron::shared;
use crate::prove::polyhedron::system::System;
use crate::prove::polyhedron::working_set::Start;
use crate::prove::{Decision, Finding};
use crate::screen::{Keeper, Screen};

/// Pairs the findings of a stage with the tokens that the stage was given.
///
/// # Errors
/// The numbers of findings and tokens differ: a fault of this program, which must not drop a token silently.
fn matched<T>(tokens: &[u32], found: Vec<T>, stage: &str) -> Result<Vec<(u32, T)>> {
    if tokens.len() != found.len() {
        let (given, came) = (tokens.len(), found.len());
        return Err(Error::Internal(format!(
            "the stage `{stage}` was given {given} tokens and came back with {came}"
        )));
    }
    Ok(tokens.iter().copied().zip(found).collect())
}

/// Sends tokens (ids rising) through the stages, and returns a finding for each, in the order of `tokens`.
///
/// # Errors
/// A token has no finding: a fault of this program.
pub fn run(
    problem: &Problem,
    screen: Screen,
    tokens: &[u32],
    options: Options,
    clock: &mut Clock,
) -> Result<Vec<(u32, Finding)>> {
    // One token of each group of equals is searched; dominated tokens need no search.
    let representative = |token: u32| match problem.groups().standing(token) {
        Standing::Tied(members) => members[0],
        _ => token,
    };
    let searched = tokens.iter().copied();
    let searched = searched.filter(|&t| certify::dominated(problem, t).is_none());
    let mut searched: Vec<u32> = searched.map(representative).collect();
    order::distinct(&mut searched);

    let screen = screen.with_kernel(options.kernel);
    clock.lap("prepare");
    let trials = match options.engine {
        Engine::LeastDistance => {
            let trials = options.journal.map(|journal| journal.trials(problem));
            let keeper = trials.as_ref().map(|trials| trials as &dyn Keeper);
            screen.try_tokens_keeping(&searched, options.progress, keeper)
        }
        #[cfg(feature = "lp")]
        Engine::LinearProgram { .. } => vec![Trial::Behind(Vec::new()); searched.len()],
    };
    clock.lap("screen");

    let (mut found, mut hard) = (Vec::new(), Vec::new());
    for (token, trial) in matched(&searched, trials, "screen")? {
        match trial {
            Trial::Wins(witness) => {
                found.push((token, Finding::Decided(certify::won(problem, witness))));
            }
            Trial::Behind(rivals) => hard.push((token, rivals)),
        }
    }
    if !hard.is_empty() {
        found.extend(search_the_rest(problem, &screen, hard, options)?);
    }
    let found = ByToken::new(found);
    clock.lap("prove");

    let finding = |&token: &u32| {
        let finding = match certify::dominated(problem, token) {
            Some(verdict) => Some(Finding::Decided(verdict)),
            None => found.get(&representative(token)).cloned(),
        };
        finding.map(|finding| (token, finding)).ok_or_else(|| lost(token))
    };
    tokens.iter().map(finding).collect()
}

/// Checks that a stage came back with every token.
fn complete<T>(tokens: &[u32], found: ByToken<T>) -> Result<Vec<(u32, T)>> {
    match tokens.iter().find(|token| !found.has(**token)) {
        Some(&token) => Err(lost(token)),
        None => Ok(found.into_vec()),
    }
}

/// A token without a finding.
pub fn lost(token: u32) -> Error {
    Error::Internal(format!("token {token} left the stages of the audit without a finding"))
}

/// The number of tokens of a ball that are searched together, and the largest number of weights of the head times
/// tokens (some seconds or minutes of work), as long as that leaves as many tokens as each can learn from.
const TOGETHER: usize = 2048;
const WORK_TOGETHER: usize = 1 << 40;
const LEAST_TOGETHER: usize = 256;

/// Finds a verdict for each token that the screen left: that of the journal, proved again, or one by [`search`].
fn search_the_rest(
    problem: &Problem,
    screen: &Screen,
    hard: Vec<(u32, Vec<u32>)>,
    options: Options,
) -> Result<Vec<(u32, Finding)>> {
    let known = options.journal.map(|journal| {
        let ids: Vec<u32> = hard.iter().map(|h| h.0).collect();
        journal.findings(problem, screen.pairs(), &ids, options.progress)
    });
    let known = known.unwrap_or_else(|| vec![None; hard.len()]);
    // In a ball the point where a token wins depends on the tokens that are searched with it. So these are always the
    // same ones, whether there is a journal or not, and all of them are searched or none. Elsewhere a token may lose by the
    // rivals of another, so all of them take part, and those of the journal are not searched.
    let head = problem.head();
    let together = match problem.domain().ball() {
        Some(_) => (WORK_TOGETHER / (head.tokens() * head.dim())).clamp(LEAST_TOGETHER, TOGETHER),
        None => 1,
    };
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for (hard, known) in hard.chunks(together).zip(known.chunks(together)) {
        match known.iter().cloned().collect::<Option<Vec<Finding>>>() {
            Some(known) => found.extend(hard.iter().map(|h| h.0).zip(known)),
            None => rest.push(hard),
        }
    }
    if rest.is_empty() {
        return Ok(found);
    }
    let open = rest.iter().map(|hard| hard.len()).sum();
    options.progress.begin("prove", open, "hard tokens");
    if problem.domain().ball().is_none() {
        let known = hard.iter().map(|h| h.0).zip(known);
        let known = known.filter_map(|(token, known)| match known? {
            Finding::Decided(verdict) => Some((token, verdict)),
            Finding::Unclear(_) => None,
        });
        return search(problem, screen, hard.clone(), &known.collect(), options);
    }
    for hard in rest {
        let these = search(problem, screen, hard.to_vec(), &ByToken::new(Vec::new()), options)?;
        if let Some(journal) = options.journal {
            journal.keep(problem, these.iter().map(|(token, finding)| (*token, finding)));
        }
        found.extend(these);
    }
    Ok(found)
}

/// Finds a verdict for each token that the screen left: the one in `known`, or one by a search that starts from the rivals
/// that the token did not beat.
fn search(
    problem: &Problem,
    screen: &Screen,
    hard: Vec<(u32, Vec<u32>)>,
    known: &ByToken<Verdict>,
    options: Options,
) -> Result<Vec<(u32, Finding)>> {
    let least_distance = options.engine == Engine::LeastDistance;
    let ids: Vec<u32> = hard.iter().map(|h| h.0).collect();
    let near = matched(&ids, screen.starts(&ids), "starts")?;
    let start = |((token, behind), (_, near)): ((u32, Vec<u32>), (u32, Vec<f64>))| {
        (token, Start { near, behind, may_win: least_distance })
    };
    let starts: Vec<(u32, Start)> = hard.into_iter().zip(near).map(start).collect();
    if let Some(sphere) = BallSystem::new(problem) {
        let found = ball::decide(&sphere, screen, &starts, options.progress);
        return complete(&ids, ByToken::new(found));
    }
    let system = System::new(problem);
    let everywhere = Domain::free(problem.domain().dim());
    let boxed = problem.domain().has_ranges() && problem.head().is_wide();
    let free = boxed.then(|| Problem::new(problem.stored(), &everywhere)).transpose()?;
    let free = free.as_ref().map(System::new);
    let done = || options.progress.advance(1);
    let decide = |group: Vec<(u32, Start)>| match options.engine {
        Engine::LeastDistance => {
            // In a wide head, losing everywhere is cheaper to prove than losing in the box.
            let everywhere = match &free {
                Some(free) => decide::lost_everywhere(problem, free, &group),
                None => ByToken::new(Vec::new()),
            };
            (0..everywhere.len()).for_each(|_| done());
            let open = group.into_iter().filter(|(token, _)| !everywhere.has(*token));
            let others =
                decide::decide::<LeastDistance>(&system, screen.pairs(), open.collect(), &done);
            let everywhere =
                everywhere.into_vec().into_iter().map(|(token, verdict)| (token, Ok(verdict)));
            everywhere.chain(others).collect()
        }
        #[cfg(feature = "lp")]
        Engine::LinearProgram { .. } => {
            decide::decide::<LinearProgram>(&system, None, group, &done)
        }
    };
    let decide = |group: Vec<(u32, Start)>| {
        options.progress.advance(0);
        let (before, open): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|(token, _)| known.has(*token));
        before.iter().for_each(|_| done());
        let before = before.into_iter().filter_map(|(t, _)| Some((t, Ok(known.get(&t)?.clone()))));
        before.chain(keeping(problem, options, decide(open))).collect()
    };
    // Without the comparison of all pairs, a pass over the rows costs as much for a few points as for one.
    let least = if least_distance && screen.pairs().is_none() { 4 } else { 1 };
    let all = |tokens| in_groups(tokens, problem, least, &decide);
    let decided = if least_distance && !problem.head().is_wide() {
        shared::decide(&system, starts, &all, &done)
    } else {
        all(starts)
    };
    let verdicts = finish(problem, decided, options.progress);
    Ok(complete(&ids, verdicts)?
        .into_iter()
        .map(|(token, verdict)| (token, Finding::Decided(verdict)))
        .collect())
}

/// Keeps the verdicts of a group of tokens in the journal, if there is one; open tokens are searched again.
fn keeping(
    problem: &Problem,
    options: Options,
    decided: Vec<(u32, Decision)>,
) -> Vec<(u32, Decision)> {
    if let Some(journal) = options.journal {
        let verdicts = decided.iter().filter_map(|(token, d)| Some((*token, d.as_ref().ok()?)));
        let findings: Vec<(u32, Finding)> =
            verdicts.map(|(token, verdict)| (token, Finding::Decided(verdict.clone()))).collect();
        journal.keep(problem, findings.iter().map(|(token, finding)| (*token, finding)));
    }
    decided
}

/// Decides hard tokens in groups of `least` or more. Hard tokens cluster, so groups are strided to balance the load.
fn in_groups(
    starts: Vec<(u32, Start)>,
    problem: &Problem,
    least: usize,
    decide: &(impl Fn(Vec<(u32, Start)>) -> Vec<(u32, Decision)> + Sync),
) -> Vec<(u32, Decision)> {
    let together = group_size(starts.len(), problem.head()).max(least);
    let count = starts.len().div_ceil(together).max(1);
    let group = |first| decide(starts.iter().skip(first).step_by(count).cloned().collect());
    parallel::flat_map(count, 1, &|range| group(range.start))
}

/// The number of tokens decided together: enough to share a pass over the rows, few enough to keep all threads busy
/// and the scores in some tens of megabytes. The verdicts do not depend on it.
fn group_size(hard: usize, head: &Head) -> usize {
    let shared = hard.div_ceil(4 * rayon::current_num_threads());
    shared.clamp(1, 64).min((1 << 22) / head.tokens() + 1)
}

/// Decides the tokens of a ball for which float64 proved neither side, from their multipliers.
pub fn decide_unclear(
    problem: &Problem,
    unclear: ByToken<&[(Rival, f64)]>,
    progress: &dyn Progress,
) -> ByToken<Verdict> {
    let unclear = unclear.into_vec();
    if !unclear.is_empty() {
        progress.begin("edge", unclear.len(), "tokens on the edge");
    }
    let decide = |i: usize| {
        let (token, multipliers) = unclear[i];
        progress.advance(0);
        let decision = ball::decide_exactly(problem, token, multipliers);
        progress.advance(1);
        (token, decision)
    };
    finish(problem, parallel::map_singly(unclear.len(), &decide), progress)
}

/// Decides the tokens that are still open by exact linear programs, and returns all verdicts.
fn finish(
    problem: &Problem,
    decided: Vec<(u32, Decision)>,
    progress: &dyn Progress,
) -> ByToken<Verdict> {
    let (mut verdicts, mut open) = (Vec::new(), Vec::new());
    for (token, decision) in decided {
        match decision {
            Ok(verdict) => verdicts.push((token, verdict)),
            Err(rest) => open.push(*rest),
        }
    }
    order::by_token(&mut open, |open| open.token);
    if !open.is_empty() {
        progress.begin("exact", 0, "");
    }
    verdicts.extend(budget::decide(problem, open, progress));
    ByToken::new(verdicts)
}
