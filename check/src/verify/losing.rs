//! Checks exact losing weights: weights of rivals that prove that the token is never the strict winner.
//!
//! For weights `lambda >= 0` of sum 1, on rivals whose rows differ from the token's, let
//! `r = sum lambda_j w_j - w_t`. For every hidden state `h` of the domain
//!
//! ```text
//! max_j (w_j.h + b_j) - (w_t.h + b_t) >= sum lambda_j (b_j - b_t) + sum_k min over the domain of r_k h_k,
//! ```
//!
//! and if the right side is not negative, the token never wins.

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::equals::Equals;
use crate::arithmetic::dyadic::{Dyadic, dot_integers};
use crate::arithmetic::interval::Interval;
use crate::domain::Domain;
use crate::head::Head;

/// Checks that the rivals exist and that their rows differ from the token's: equal rows prove nothing here.
pub fn check_rivals(
    head: &Head,
    equals: &Equals,
    token: u32,
    rivals: impl Iterator<Item = u32>,
) -> Result<(), String> {
    for j in rivals {
        if j as usize >= head.tokens() {
            return Err(format!("its rival {j} does not exist"));
        }
        if equals.same_row(j, token) {
            return Err(format!("its rival {j} has its own row"));
        }
    }
    Ok(())
}

/// Checks exact weights, given as non-negative integers that are divided by their sum.
pub fn check_exact(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    token: u32,
    weights: &[(u32, BigInt)],
) -> Result<(), String> {
    check_rivals(head, equals, token, weights.iter().map(|w| w.0))?;
    if exact_slack(head, domain, token, weights)?.0.is_negative() {
        Err("its rivals combine to less than its bias".to_owned())
    } else {
        Ok(())
    }
}

/// How far the weighted rivals, which exist, are ahead of the token at the worst place of the domain, in logits times the
/// sum of the weights; and that sum.
pub fn exact_slack(
    head: &Head,
    domain: &Domain,
    token: u32,
    weights: &[(u32, BigInt)],
) -> Result<(Dyadic, BigInt), String> {
    if weights.iter().any(|(_, n)| n.is_negative()) {
        return Err("a weight is negative".to_owned());
    }
    let sum: BigInt = weights.iter().map(|w| &w.1).sum();
    if sum.is_zero() {
        return Err("all its weights are zero".to_owned());
    }
    let (mut ids, mut integers) = (vec![token as usize], vec![-&sum]);
    for (j, n) in weights {
        ids.push(*j as usize);
        integers.push(n.clone());
    }
    let mut slack = dot_integers(ids.iter().map(|&j| head.bias(j)), &integers);
    for k in 0..head.dim() {
        let r = dot_integers(ids.iter().map(|&j| head.weight(j, k)), &integers);
        if r.is_zero() {
            continue;
        }
        let end = if r.is_positive() { domain.lo(k) } else { domain.hi(k) };
        if end.is_infinite() {
            return Err(format!("its rivals do not combine to its row in coordinate {k}"));
        }
        slack = &slack + &(&r * &Dyadic::from_f64(end));
    }
    Ok((slack, sum))
}

/// The quotient of an integer and a positive one.
pub fn share(numerator: &BigInt, denominator: &BigInt) -> Interval {
    let [n, negative] = [numerator.clone(), -numerator].map(Dyadic::from_integer);
    Interval { lo: n.quotient_down(denominator), hi: -negative.quotient_down(denominator) }
}
