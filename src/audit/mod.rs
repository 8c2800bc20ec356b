//! One audit: every requested token goes through the stages and gets a verdict.

mod among;
mod clock;
mod edge;
pub mod journal;
mod kept;
#[cfg(feature = "measures")]
mod kept_measures;
#[cfg(feature = "measures")]
mod measured;
mod options;
mod outcome;
mod stages;

use crate::certify::{self, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::order;
use crate::parallel;
use crate::problem::Problem;
use crate::progress::{About, Progress};
use crate::prove::Finding;
use crate::screen::{Moments, Screen};
pub use among::Among;
use clock::Clock;
#[cfg(feature = "measures")]
use measured::Measured;
pub use options::{Engine, Kernel, Options};
pub use outcome::{Audit, Counts, RADIUS_THRESHOLD};

/// Decides tokens of `head` over `domain`, with proofs.
///
/// # Errors
/// A domain of the wrong dimension, one with an infinite end if radii are requested, or one with a ball if linear
/// programs are; efforts or margins outside a ball, or of tokens that are not audited; a token id that is too large;
/// or a thread pool that the system refuses.
pub fn audit(head: &Head, domain: &Domain, options: Options) -> Result<Audit> {
    parallel::in_pool(options.threads, || run(head, domain, options, true))
        .map_err(|e| Error::Invalid(format!("cannot start {} threads: {e}", options.threads)))?
}

/// The audit of one token of a small problem, in the thread pool of the caller and without a screen of all pairs.
#[cfg(feature = "measures")]
pub(crate) fn audit_one(head: &Head, domain: &Domain, options: Options) -> Result<Audit> {
    run(head, domain, options, false)
}

/// The audit, inside its thread pool; `may_screen` is whether many tokens may be tried together first.
fn run(head: &Head, domain: &Domain, options: Options, may_screen: bool) -> Result<Audit> {
    let tokens = scope(head, options.tokens)?;
    #[cfg(feature = "measures")]
    measured::check(domain, &tokens, options)?;
    check_engine(domain, options.engine)?;
    if let Some(journal) = options.journal {
        journal.check(head, domain, (&tokens, options.engine))?;
    }
    let mut clock = Clock::start();
    options.progress.begin("prepare", 0, "");
    let folded = Problem::fold(head, domain)?;
    // One thread computes the eigenvectors, if the screen needs them; meanwhile the others group rows and hash the head.
    let rows = folded.as_ref().map_or(head, |f| &f.head);
    let screens = may_screen
        && options.engine == Engine::LeastDistance
        && !are_few(tokens.len(), rows)
        && domain.only_state().is_none();
    let (problem, moments) = parallel::join(
        || {
            let problem = Problem::about(head, domain, folded.clone());
            if may_screen {
                head.sha256();
            }
            problem
        },
        || screens.then(|| Moments::new(rows)),
    );
    clock.lap("groups");
    let findings = found(&problem, moments, &tokens, options, &mut clock)?;

    // Over all of space: tokens that win inside win there too; the others are decided there, and may lose inside for
    // the same reason.
    let all = Domain::free(head.dim());
    let open = findings.iter().filter(|(_, finding)| finding.is_open()).count();
    let larger = (!domain.is_free() && (options.also_free || open > 0))
        .then(|| Problem::new(head, &all))
        .transpose()?;
    let free = larger.as_ref().map(|larger| over_all(larger, &problem, &findings, options));
    let free = free.transpose()?;
    if free.is_some() {
        clock.lap("free");
    }
    let carried = |token: u32| {
        let verdict = free.as_ref()?.verdict(token)?;
        certify::carried_loss(larger.as_ref()?, &problem, token, verdict)
    };
    let mut verdicts = with_open_decided(&problem, findings, carried, options.progress)?;
    edge::decide(&problem, &mut verdicts, free.as_ref(), options);
    if open > 0 {
        clock.lap("edge");
    }
    let radii = radii(&problem, &tokens, options);
    if radii.is_some() {
        clock.lap("radius");
    }
    #[cfg(feature = "measures")]
    let measured = measured::measure(&problem, &verdicts, free.as_ref(), options, &mut clock);
    let caps = caps(&problem, &verdicts);
    Ok(Audit {
        kept: None,
        domain: domain.clone(),
        engine: options.engine,
        threads: rayon::current_num_threads(),
        verdicts,
        caps,
        radii,
        seconds: clock.laps,
        free: free.map(Box::new),
        #[cfg(feature = "measures")]
        measured,
    })
}

/// What is found for each token in the domain.
fn found(
    problem: &Problem,
    moments: Option<Moments>,
    tokens: &[u32],
    options: Options,
    clock: &mut Clock,
) -> Result<Vec<(u32, Finding)>> {
    if let Some(verdicts) = certify::one_point::decide(problem, tokens) {
        let decided = |(token, verdict)| (token, Finding::Decided(verdict));
        return Ok(verdicts.into_iter().map(decided).collect());
    }
    let screen = match moments {
        Some(moments) => Screen::with(problem, moments),
        None => Screen::empty(problem),
    };
    stages::run(problem, screen, tokens, options, clock)
}

/// Refuses an engine that cannot do what is asked of it.
fn check_engine(domain: &Domain, engine: Engine) -> Result<()> {
    if engine.measures_radius() && !domain.is_bounded() {
        return Err(Error::Invalid(format!(
            "radii need a domain that is bounded on all sides, such as range:-100:100, not {domain}"
        )));
    }
    if domain.ball().is_some() && engine != Engine::LeastDistance {
        return Err(Error::Invalid(format!(
            "linear programs cannot describe a ball: the engine `lp` decides `free` and ranges, not {domain}; choose one of them \
             by --domain"
        )));
    }
    Ok(())
}

/// The verdicts of all tokens: decided tokens keep theirs, open tokens get the one carried from the audit over all of
/// space; of the others, unclear tokens get one from their multipliers.
fn with_open_decided(
    problem: &Problem,
    findings: Vec<(u32, Finding)>,
    carried: impl Fn(u32) -> Option<Verdict>,
    progress: &dyn Progress,
) -> Result<Vec<(u32, Verdict)>> {
    let open = findings.iter().filter_map(|(token, finding)| match finding {
        // One token of each group of equals is decided for all of them, so that they share one proof.
        Finding::Unclear(multipliers) if carried(*token).is_none() => {
            Some((problem.equals(*token)[0], multipliers.as_slice()))
        }
        _ => None,
    });
    let unclear = stages::decide_unclear(problem, open.collect(), progress);
    let verdict = |(token, finding)| {
        let verdict = match finding {
            // The budget may suffice in all of space and not inside.
            Finding::Decided(verdict @ Verdict::Undecided(_)) => {
                Some(carried(token).unwrap_or(verdict))
            }
            Finding::Decided(verdict) => Some(verdict),
            Finding::Unclear(_) => {
                carried(token).or_else(|| unclear.get(&problem.equals(token)[0]).cloned())
            }
        };
        verdict.map(|verdict| (token, verdict)).ok_or_else(|| stages::lost(token))
    };
    findings.into_iter().map(verdict).collect()
}

/// The radii of the 2022 paper, if they are requested.
#[cfg(feature = "lp")]
fn radii(problem: &Problem, tokens: &[u32], options: Options) -> Option<Vec<(u32, f64)>> {
    options.engine.measures_radius().then(|| {
        options.progress.begin("radius", tokens.len(), "tokens");
        let radius = |token: u32| {
            let radius = crate::prove::polyhedron::paper_radius::radius(problem, token);
            options.progress.advance(1);
            (token, radius)
        };
        parallel::map_singly(tokens.len(), &|i| radius(tokens[i]))
    })
}

#[cfg(not(feature = "lp"))]
fn radii(_: &Problem, _: &[u32], _: Options) -> Option<Vec<(u32, f64)>> {
    None
}

/// Up to this number of tokens, deciding them takes less time than preparing the comparison of all pairs.
const FEW_TOKENS: usize = 32;

/// The search for one token costs about as much as this number times the weights of the head, where the eigenvectors cost
/// the third power of the number of coordinates: an estimate that favours the eigenvectors.
const SEARCH: usize = 16;
/// Up to this number of coordinates the eigenvectors take a fraction of a second.
const FEW_COORDINATES: usize = 512;

/// Whether searching so many tokens takes less time than computing eigenvectors of the rows; there are none of wide heads.
fn are_few(tokens: usize, rows: &Head) -> bool {
    let (searches, dim) = (SEARCH.saturating_mul(tokens).saturating_mul(rows.tokens()), rows.dim());
    dim > FEW_COORDINATES && !rows.is_wide() && searches <= dim.saturating_mul(dim)
}

/// Whether so many tokens are tried together before each is searched.
fn is_screened(tokens: usize, engine: Engine) -> bool {
    tokens > FEW_TOKENS && engine == Engine::LeastDistance
}

/// The verdicts over all of space: of all tokens in `findings` if the options request them, else only of the open
/// tokens.
fn over_all(
    larger: &Problem,
    inside: &Problem,
    findings: &[(u32, Finding)],
    options: Options,
) -> Result<Audit> {
    let mut clock = Clock::start();
    let carried = parallel::map(findings.len(), &|i| match &findings[i].1 {
        Finding::Decided(verdict) => certify::carried_win(larger, inside, verdict),
        Finding::Unclear(_) => None,
    });
    let (mut verdicts, mut rest) = (Vec::new(), Vec::new());
    for ((token, finding), carried) in findings.iter().zip(carried) {
        match carried {
            Some(_) if !options.also_free => {}
            Some(verdict) => verdicts.push((*token, verdict)),
            None if options.also_free || finding.is_open() => rest.push(*token),
            None => {}
        }
    }
    if !rest.is_empty() {
        let progress = About::new(options.progress, "free");
        progress.begin("prepare", 0, "");
        let screen = match is_screened(rest.len(), options.engine) {
            true => Screen::new(larger),
            false => Screen::empty(larger),
        };
        let options = Options { progress: &progress, ..options };
        for (token, finding) in stages::run(larger, screen, &rest, options, &mut clock)? {
            match finding {
                Finding::Decided(verdict) => verdicts.push((token, verdict)),
                Finding::Unclear(_) => return Err(stages::lost(token)),
            }
        }
        order::by_token(&mut verdicts, |v| v.0);
    }
    let caps = caps(larger, &verdicts);
    Ok(Audit {
        kept: None,
        domain: larger.domain().clone(),
        engine: options.engine,
        threads: rayon::current_num_threads(),
        verdicts,
        caps,
        radii: None,
        seconds: clock.laps,
        free: None,
        #[cfg(feature = "measures")]
        measured: Measured::default(),
    })
}

/// The bounds of the probabilities of tokens that follow from their verdicts, ids rising.
fn caps(problem: &Problem, verdicts: &[(u32, Verdict)]) -> Vec<(u32, f64)> {
    let cap = |(token, verdict): &(u32, Verdict)| {
        certify::cap::cap(problem, *token, verdict).map(|cap| (*token, cap))
    };
    parallel::map(verdicts.len(), &|i| cap(&verdicts[i])).into_iter().flatten().collect()
}

/// The requested tokens, in id order and without duplicates.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certify::interval::Margin;

    #[test]
    fn a_token_that_is_undecided_inside_loses_there_if_it_loses_in_all_of_space() {
        // Token 4 lies within the square of the others; token 5 does not.
        let rows = [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [0.2, 0.1], [1.5, 0.0]];
        let head = Head::new(rows.concat(), None, 6, 2).unwrap();
        let (inside, all) = (Domain::range(2, 0.0, f64::INFINITY).unwrap(), Domain::free(2));
        let problem = Problem::new(&head, &inside).unwrap();
        let larger = Problem::new(&head, &all).unwrap();
        let free = audit(&head, &all, Options::default()).unwrap();
        let carried =
            |token: u32| certify::carried_loss(&larger, &problem, token, free.verdict(token)?);
        let open = || Finding::Decided(certify::undecided("for a test", Margin::unknown()));
        let findings = vec![(4, open()), (5, open())];
        let progress = Options::default().progress;
        let verdicts = with_open_decided(&problem, findings, carried, progress).unwrap();
        assert!(matches!(verdicts[0], (4, Verdict::Unargmaxable(_))));
        assert!(matches!(verdicts[1], (5, Verdict::Undecided(_))));
    }
}
