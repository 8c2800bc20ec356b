//! Verdicts over a domain that is one hidden state: a box and a centred ball that meet in a single point.
//!
//! There the winner is the strict argmax of the exact scores, up to its equals. If tokens of different rows share the
//! maximum, no token wins.

use super::verdict::{Loss, OnePoint, Verdict, dominated, won};
use super::witness::Witness;
use crate::arithmetic::dyadic::{Dyadic, dot_floats, one};
use crate::parallel;
use crate::problem::Problem;

/// Decides tokens over a domain that is one hidden state; `None` for other domains.
pub fn decide(problem: &Problem, tokens: &[u32]) -> Option<Vec<(u32, Verdict)>> {
    let h = problem.domain().only_state()?;
    let head = problem.stored();
    let score =
        |t: usize| &dot_floats(head.row(t), h.iter().copied()) + &Dyadic::from_f64(head.bias(t));
    let scores: Vec<Dyadic> = parallel::map(head.tokens(), &score);
    let best = scores.iter().max()?;
    let first = scores.iter().position(|s| s == best)? as u32;
    let equals = problem.equals(first);
    // Another token, not one of the equals, that shares the maximum.
    let other =
        (0..head.tokens() as u32).find(|&t| scores[t as usize] == *best && !equals.contains(&t));
    let witness = || {
        let rivals = (0..head.tokens() as u32).filter(|t| !equals.contains(t));
        let second = rivals.map(|t| &scores[t as usize]).max();
        let margin = second.map_or(0.0, |second| (best - second).quotient_down(&one()).max(0.0));
        Witness::at_only_point(first, problem, margin)
    };
    let verdict = |&token: &u32| {
        if let Some(verdict) = dominated(problem, token) {
            return verdict;
        }
        match other {
            None if equals.contains(&token) => won(problem, witness()),
            Some(other) if equals.contains(&token) => lost(other),
            _ => lost(first),
        }
    };
    Some(tokens.iter().map(|token| (*token, verdict(token))).collect())
}

/// The verdict of a token that `rival` beats or equals at the only point.
fn lost(rival: u32) -> Verdict {
    Verdict::Unargmaxable(Loss::OnePoint(OnePoint::proved(rival)))
}
