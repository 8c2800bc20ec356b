//! Proves losses by rival weights that are integers over a common denominator; every equation is checked in integers.

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::rival::{self, Blocker, Rival};
use crate::arithmetic::dyadic::{Dyadic, dot_integers};
use crate::problem::Problem;

/// An exact combination of rivals that never scores less than the token.
#[derive(Clone, Debug)]
pub struct Exact {
    weights: Vec<(u32, BigInt)>,
    blockers: Vec<Blocker>,
}

impl Exact {
    /// Rivals and positive integers; divided by their sum, these are the weights.
    pub fn weights(&self) -> &[(u32, BigInt)] {
        &self.weights
    }

    /// The weights, and the multipliers of the ends of the domain (where it fixes no coordinate),
    /// to float64 precision.
    pub fn blockers(&self) -> &[Blocker] {
        &self.blockers
    }

    /// The same proof, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        let weights = rival::weights_with_ids(&self.weights, ids);
        Exact { weights, blockers: rival::with_ids(&self.blockers, ids) }
    }
}

/// Proves that `token` never wins strictly, from integer weights on rivals (zeros are dropped), or returns `None`.
///
/// With `D = sum N_j` and `r = sum N_j w_j - D w_t` it requires, exactly, an end of the domain on the
/// side of every `r_k` that is not 0 and `sum N_j (b_j - b_t) + sum_k min(r_k lo_k, r_k hi_k) >= 0`.
pub(super) fn prove(problem: &Problem, token: u32, weights: Vec<(u32, BigInt)>) -> Option<Exact> {
    let (weights, blockers, slack) = combined(problem, token, weights)?;
    (!slack.is_negative()).then_some(Exact { weights, blockers })
}

/// A lower bound of how far the combination stays ahead of the token everywhere, in logits (it may be negative);
/// `None` if the weights do not combine to the token's row.
pub(super) fn slack(problem: &Problem, token: u32, weights: Vec<(u32, BigInt)>) -> Option<f64> {
    let (weights, _, slack) = combined(problem, token, weights)?;
    Some(slack.quotient_down(&weights.iter().map(|w| &w.1).sum()))
}

/// The positive weights, the same in float64 together with the range ends, and `sum N_j` times the slack.
fn combined(
    problem: &Problem,
    token: u32,
    weights: Vec<(u32, BigInt)>,
) -> Option<(Vec<(u32, BigInt)>, Vec<Blocker>, Dyadic)> {
    let (head, domain) = (problem.head(), problem.domain());
    let t = token as usize;
    let weights: Vec<(u32, BigInt)> = weights.into_iter().filter(|(_, n)| !n.is_zero()).collect();
    let sound = |&(j, ref n): &(u32, BigInt)| {
        n.is_positive() && (j as usize) < head.tokens() && !problem.groups().same_row(j, token)
    };
    if weights.is_empty() || !weights.iter().all(sound) {
        return None;
    }
    let sum: BigInt = weights.iter().map(|w| &w.1).sum();
    // The token itself takes part with weight -D.
    let (mut ids, mut integers) = (vec![t], vec![-&sum]);
    for (j, n) in &weights {
        ids.push(*j as usize);
        integers.push(n.clone());
    }
    let mut blockers: Vec<Blocker> = Vec::new();
    // Undo the last step down, so that a share that is a float is shown as that float.
    let share = |n: &Dyadic| n.quotient_down(&sum).next_up();
    for (j, n) in &weights {
        blockers.push((Rival::Token(*j), share(&Dyadic::from_integer(n.clone()))));
    }
    let mut slack = dot_integers(ids.iter().map(|&j| head.bias(j)), &integers);
    for k in 0..head.dim() {
        let r = dot_integers(ids.iter().map(|&j| head.weight(j, k)), &integers);
        if r.is_zero() {
            continue;
        }
        let (end, rival) = if r.is_positive() {
            (domain.lo(k), Rival::Lower(k as u32))
        } else {
            (domain.hi(k), Rival::Upper(k as u32))
        };
        if end.is_infinite() {
            return None;
        }
        slack = &slack + &(&r * &Dyadic::from_f64(end));
        // Both ends of a fixed coordinate are one number, which counts as bias; tokens that differ
        // only there share this verdict.
        if !domain.is_fixed(k) {
            let multiplier = if r.is_negative() { -&r } else { r };
            blockers.push((rival, share(&multiplier)));
        }
    }
    Some((weights, blockers, slack))
}
