//! Decides the tokens that the screen did not settle, over a box or all of space: search, certify, and fall back to
//! surer methods.

use crate::certify::interval::Margin;
use crate::certify::pairs::Pairs;
use crate::certify::{self, Rival, Verdict};
use crate::order::ByToken;
use crate::problem::Problem;
use crate::prove::least_distance::LeastDistance;
use crate::prove::polyhedron::support;
use crate::prove::polyhedron::system::{Constraint, System};
use crate::prove::polyhedron::working_set::{Proposal, SearchOutcome, Start, search};
use crate::prove::solver::Solver;
use crate::prove::{Decision, Open};

/// The total shares of the fixed weights that are tried, largest first.
const PERTURBATIONS: [f64; 4] = [1.0 / 16.0, 1.0 / 512.0, 1.0 / 32768.0, 1.0 / 1048576.0];

/// The most numbers in a working set for which a perturbation is tried in a wide head.
const WIDEST: usize = 1 << 20;

/// The verdicts over a box of the tokens that lose in all of space by exact weights; `free` is the system of the same
/// head there. This is for wide heads, whose searches are small in all of space and large in a box.
pub fn lost_everywhere(
    problem: &Problem,
    free: &System,
    tokens: &[(u32, Start)],
) -> ByToken<Verdict> {
    let proposals = search::<LeastDistance>(free, None, tokens.to_vec()).into_iter();
    let lost = proposals.filter_map(|Proposal { token, outcome, .. }| match outcome {
        SearchOutcome::Loses(multipliers) => {
            let weights = support::exact(free, token, &multipliers)?;
            Some((token, certify::lost_exactly(problem, token, weights)?))
        }
        _ => None,
    });
    lost.collect()
}

/// Decides tokens that no other row dominates, from proposals of the solver `S`. Tokens whose float64 proposals fail
/// stay open; `done` is called for each token. The verdicts do not depend on which tokens are decided together.
pub fn decide<S: Solver>(
    system: &System,
    pairs: Option<&Pairs>,
    tokens: Vec<(u32, Start)>,
    done: &dyn Fn(),
) -> Vec<(u32, Decision)> {
    let problem = system.problem();
    let proposals = search::<S>(system, pairs, tokens);
    let points = proposals.iter().filter_map(|proposal| match &proposal.outcome {
        SearchOutcome::Wins(h) => Some((proposal.token, unit_length(problem, h.clone()))),
        _ => None,
    });
    // One for each proposal of a point, in their order.
    let mut witnesses = certify::witness::certify_floats(problem, points.collect()).into_iter();
    let mut decide = |proposal: Proposal| {
        let token = proposal.token;
        let verdict = match &proposal.outcome {
            SearchOutcome::Wins(_) => {
                let witness = witnesses.next().and_then(Result::ok);
                witness.map(|witness| certify::won(problem, witness))
            }
            SearchOutcome::Proved(witness) => Some(certify::won(problem, witness.clone())),
            SearchOutcome::Loses(multipliers) => {
                certified_loss::<S>(system, token, multipliers, &proposal.working)
            }
            SearchOutcome::Stuck => perturbed_loss::<S>(system, token, &proposal.working),
        };
        let decision = verdict.ok_or_else(|| {
            let undecided = undecided(problem, token, &proposal);
            Box::new(Open { token, working: proposal.working, undecided })
        });
        done();
        (token, decision)
    };
    proposals.into_iter().map(&mut decide).collect()
}

/// Tries to certify losing weights: as a basic combination, then perturbed off a degenerate position, then exactly.
fn certified_loss<S: Solver>(
    system: &System,
    token: u32,
    multipliers: &[(Constraint, f64)],
    working: &[Constraint],
) -> Option<Verdict> {
    let problem = system.problem();
    let enclose = |support| certify::enclosed(problem, token, support);
    support::basic(system, token, multipliers)
        .and_then(enclose)
        .or_else(|| perturbed_loss::<S>(system, token, working))
        .or_else(|| {
            let weights = support::exact(system, token, multipliers)?;
            certify::lost_exactly(problem, token, weights)
        })
}

/// Tries to certify losing weights that include small fixed weights of all rivals in the working set.
fn perturbed_loss<S: Solver>(
    system: &System,
    token: u32,
    working: &[Constraint],
) -> Option<Verdict> {
    let problem = system.problem();
    // In a wide head no support has as many rivals as equations, apart from range ends.
    if working.len() * system.dim() > WIDEST && problem.head().is_wide() {
        return None;
    }
    let perturbed = |share: &f64| {
        let support = support::perturbed::<S>(system, token, working, *share)?;
        certify::enclosed(problem, token, support)
    };
    PERTURBATIONS.iter().find_map(perturbed)
}

/// Scales a hidden state to length one if its length does not matter.
fn unit_length(problem: &Problem, mut h: Vec<f64>) -> Vec<f64> {
    if problem.is_scale_free() {
        let length = crate::arithmetic::rounding::norm_up(h.iter().copied());
        if length > 0.0 && length.is_finite() {
            h.iter_mut().for_each(|x| *x /= length);
        }
    }
    h
}

/// The undecided verdict, with a bound of the margin from the proposal's multipliers.
fn undecided(problem: &Problem, token: u32, proposal: &Proposal) -> Verdict {
    let multipliers = match &proposal.outcome {
        SearchOutcome::Loses(multipliers) => multipliers,
        _ => &proposal.multipliers,
    };
    let mut sigma = 0.0;
    let mut rivals: Vec<(Rival, f64)> = Vec::new();
    for &(constraint, weight) in multipliers {
        match constraint {
            Constraint::Rival(rival) => rivals.push((rival, weight)),
            Constraint::Scale => sigma += weight,
        }
    }
    let reason = match proposal.outcome {
        SearchOutcome::Wins(_) | SearchOutcome::Proved(_) => {
            "a witness was proposed, but its gap is too small to prove within the budget of exact arithmetic"
        }
        SearchOutcome::Loses(_) => {
            "losing weights were proposed, but not proved within the budget of exact arithmetic"
        }
        SearchOutcome::Stuck => {
            "float64 could not tell the sides apart, and the budget of exact arithmetic ran out"
        }
    };
    certify::undecided(reason, Margin::bounded_by(problem, token, &rivals, sigma))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    #[cfg(feature = "files")]
    use crate::locate::bundled;
    use crate::prove::least_distance::tests::uses;
    use crate::prove::polyhedron::linear_program::LinearProgram;

    /// How often deciding some tokens of the bundled head, on this thread, uses the least-distance method.
    fn uses_by<S: Solver>() -> usize {
        let head = bundled::read().unwrap().0.head;
        let domain = Domain::free(head.dim());
        let problem = Problem::new(&head, &domain).unwrap();
        let system = System::new(&problem);
        let before = uses();
        let mut lost = 0;
        for token in (0..head.tokens() as u32).step_by(11) {
            let near = vec![0.0; head.dim()];
            let start = Start { near, behind: Vec::new(), may_win: false };
            let verdicts = decide::<S>(&system, None, vec![(token, start)], &|| {});
            lost += usize::from(verdicts[0].1.as_ref().is_ok_and(|v| v.name() == "unargmaxable"));
        }
        assert!(lost > 10, "losing tokens take part");
        uses() - before
    }

    #[test]
    fn the_linear_programs_never_ask_the_other_engine() {
        assert_eq!(uses_by::<LinearProgram>(), 0);
        assert!(uses_by::<LeastDistance>() > 0, "the count works");
    }
}
