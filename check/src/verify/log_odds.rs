//! Bounds of a token's probability from weights of its rivals.
//!
//! `p_t(h) = 1 / (1 + sum_(j != t) e^(z_j - z_t))` with `z = W h + b`. For weights `a_j >= 0` of sum 1 on distinct rivals,
//! Jensen's inequality for the exponential function gives
//!
//! ```text
//! ln sum_(j != t) e^(z_j - z_t) >= H(a) + sum_j a_j (z_j - z_t),    H(a) = - sum_j a_j ln a_j  (in nats).
//! ```
//!
//! So if the weighted rivals are at least `slack` logits ahead of the token everywhere in a domain, the *log odds*
//! against the token are at least `H(a) + slack` there, and its probability is at most `1 / (1 + e^(H(a) + slack))`. (The
//! bound is the variational formula of the log-sum-exp function; Boyd and Vandenberghe, *Convex Optimization*, 2004,
//! example 3.25.) A temperature divides all logits, and so the slack; where that is 0 or more, as for the weights of a
//! loss, the bound by `H(a)` alone holds at every temperature.

use num_bigint::BigInt;
use num_traits::Signed;

use super::ball_loss::bound_over_limit;
use super::enclosed::enclosed_weights;
use super::losing::share;
use crate::arithmetic::exponential::{exp, ln};
use crate::arithmetic::interval::Interval;
use crate::arithmetic::rounding::{add_down, mul_down};
use crate::certificate::EnclosedRecord;
use crate::domain::Domain;
use crate::head::Head;
use crate::order;

/// An upper bound of a probability, at most 1, from a lower bound of the log odds against it.
pub fn most_probable(log_odds: f64) -> f64 {
    // A NaN has the lower bound 0.
    let odds = exp(log_odds).lo;
    (1.0 / add_down(1.0, odds)).next_up().min(1.0)
}

/// A lower bound of the entropy, in nats, of weights of sum 1 that lie in these intervals. The weights of a rival that
/// occurs several times count as one: apart, they would have a larger entropy.
pub fn entropy(weights: impl IntoIterator<Item = (u32, Interval)>) -> f64 {
    entropy_of(weights.into_iter().collect())
}

/// [`entropy`], compiled once for all iterators.
fn entropy_of(mut weights: Vec<(u32, Interval)>) -> f64 {
    order::by_token(&mut weights, |weight| weight.0);
    let of_rival = |of_one: &[(u32, Interval)]| {
        of_one.iter().fold(Interval::point(0.0), |sum, weight| sum + weight.1)
    };
    // `-a ln a` is concave, so its least value over an interval is at an end; the weights are from 0 to 1.
    let term = |a: f64| if a > 0.0 && a < 1.0 { mul_down(a, -ln(a).hi).max(0.0) } else { 0.0 };
    let least = |weight: Interval| term(weight.lo).min(term(weight.hi));
    let of_rivals = weights.chunk_by(|a, b| a.0 == b.0).map(of_rival);
    of_rivals.fold(0.0, |sum, weight| add_down(sum, least(weight)))
}

/// Lower bounds of the two terms of the log odds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogOdds {
    /// The entropy of the weights, in nats.
    pub entropy: f64,
    /// How far the weighted rivals are ahead of the token everywhere, in logits; of either sign.
    pub slack: f64,
}

impl LogOdds {
    /// The largest probability at temperature 1.
    pub fn most_probable(self) -> f64 {
        most_probable(add_down(self.entropy, self.slack))
    }
}

/// The log odds from weights that are proved to exist near those of a record; `None` if they are not. Unlike for a loss, the
/// rivals may be behind, and every token but the record's own is a rival.
pub fn enclosed(head: &Head, domain: &Domain, record: &EnclosedRecord) -> Option<LogOdds> {
    let mut rivals = record.basic.iter().chain(&record.frozen);
    if rivals.any(|&(j, _)| j == record.token || j as usize >= head.tokens()) {
        return None;
    }
    let (weights, slack) = enclosed_weights(head, domain, record)?;
    Some(LogOdds { entropy: entropy(weights), slack })
}

/// The entropy of exact weights; 0 if their sum is not above 0.
pub fn entropy_of_integers(weights: &[(u32, BigInt)]) -> f64 {
    let sum: BigInt = weights.iter().map(|w| &w.1).sum();
    if !sum.is_positive() {
        return 0.0;
    }
    entropy(weights.iter().map(|(j, n)| (*j, share(n, &sum))))
}

/// The log odds in a ball, from positive weights of rivals and multipliers of ends of the box
/// (positive for the lower end); `None` if a rival or an end does not exist. See [`super::ball_loss`].
pub fn in_ball(
    head: &Head,
    domain: &Domain,
    token: u32,
    rivals: &[(u32, f64)],
    ends: &[(u32, f64)],
) -> Option<LogOdds> {
    let ball = domain.ball()?;
    let is_rival = |&(j, weight): &(u32, f64)| {
        j != token && (j as usize) < head.tokens() && weight > 0.0 && weight.is_finite()
    };
    let is_end = |&(k, multiplier): &(u32, f64)| {
        let k = k as usize;
        let end = |k| if multiplier > 0.0 { domain.lo(k) } else { domain.hi(k) };
        k < head.dim() && multiplier != 0.0 && multiplier.is_finite() && f64::is_finite(end(k))
    };
    if rivals.is_empty() || !rivals.iter().all(is_rival) || !ends.iter().all(is_end) {
        return None;
    }
    let sum = rivals.iter().fold(Interval::point(0.0), |sum, r| sum + Interval::point(r.1));
    let share = |weight: f64| Interval {
        lo: (weight / sum.hi).next_down().max(0.0),
        hi: (weight / sum.lo).next_up(),
    };
    let entropy = entropy(rivals.iter().map(|&(j, weight)| (j, share(weight))));
    // The token is ahead of the weighted rivals by at most this.
    let ahead = bound_over_limit(head, domain, ball, token, rivals, ends, 0.0);
    let ahead = if ahead > 0.0 { ahead / sum.lo } else { ahead / sum.hi };
    Some(LogOdds { entropy, slack: -ahead.next_up() })
}

/// A lower bound of the log odds against each of `members` tokens with one row and level.
pub fn tied(members: usize) -> f64 {
    ln(members.saturating_sub(1) as f64).lo
}
