//! Checks the claimed upper bound of the best margin of an undecided token: see docs/certificate.md for its
//! definition. Under a ball it bounds the best gap, see [`outweighed`](super::ball_loss).

use num_bigint::BigInt;
use num_traits::Zero;

use super::ball_loss::{self, Combination};
use super::equals::Equals;
use crate::arithmetic::dyadic::{Dyadic, as_integers};
use crate::arithmetic::interval::Interval;
use crate::arithmetic::rounding::norm_up;
use crate::certificate::{MultiplierKind, UndecidedRecord};
use crate::domain::Domain;
use crate::head::Head;

/// Recomputes the bound from the multipliers, in intervals, or in exact arithmetic under a ball.
pub fn check(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    record: &UndecidedRecord,
) -> Result<(), String> {
    if record.upper == f64::INFINITY && record.multipliers.is_empty() {
        return Ok(());
    }
    for &(kind, index, weight) in &record.multipliers {
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err("a multiplier is negative or not finite".to_owned());
        }
        if kind == MultiplierKind::Token && index as usize >= head.tokens() {
            return Err(format!("its rival {index} does not exist"));
        }
        // The token's difference with itself is 0 and would prove the bound 0 for any token.
        if kind == MultiplierKind::Token && equals.are_tied(record.token, index) {
            return Err(format!("its rival {index} is not a rival: it has its own row and bias"));
        }
    }
    let bounded = match domain.ball() {
        Some(_) => bounded_in_ball(head, domain, record)?,
        None => bounded_for_directions(head, domain, record)?,
    };
    if bounded {
        Ok(())
    } else {
        Err(format!("its multipliers do not bound the margin by {}", record.upper))
    }
}

/// Whether the multipliers prove the bound in a ball.
fn bounded_in_ball(head: &Head, domain: &Domain, record: &UndecidedRecord) -> Result<bool, String> {
    // A common factor of all weights makes no difference.
    let weights: Vec<f64> = record.multipliers.iter().map(|m| m.2).collect();
    let (integers, _) = as_integers(&weights);
    let (mut rivals, mut ends): (Vec<(u32, BigInt)>, _) = (Vec::new(), Vec::new());
    for (&(kind, index, _), integer) in record.multipliers.iter().zip(integers) {
        let side: i32 = match kind {
            MultiplierKind::Token => {
                rivals.push((index, integer));
                continue;
            }
            MultiplierKind::Lower => 1,
            MultiplierKind::Upper => -1,
            MultiplierKind::Scale => return Err("points of a ball have no scale".to_owned()),
        };
        ball_loss::end(head, domain, index, &side.into())?;
        ends.push((index, side * integer));
    }
    rivals.retain(|r| !r.1.is_zero());
    ends.retain(|e: &(u32, BigInt)| !e.1.is_zero());
    let combination = Combination { token: record.token, rivals: &rivals, ends: &ends };
    let Some(ball) = domain.ball().filter(|_| !rivals.is_empty()) else { return Ok(false) };
    Ok(record.upper == f64::INFINITY
        || record.upper.is_finite() && combination.is_at_most(head, domain, ball, record.upper))
}

/// Whether the multipliers prove the bound for unit directions of the lifted space.
fn bounded_for_directions(
    head: &Head,
    domain: &Domain,
    record: &UndecidedRecord,
) -> Result<bool, String> {
    let dim = head.dim();
    let t = record.token as usize;
    let mut sum = vec![Interval::point(0.0); dim + 1];
    let mut total = Interval::point(0.0);
    for &(kind, index, weight) in &record.multipliers {
        let (at, weight) = (index as usize, Interval::point(weight));
        let end = |of: fn(&Domain, usize) -> f64| {
            let end = Some(at).filter(|&k| k < dim).map(|k| of(domain, k));
            end.filter(|end| end.is_finite())
                .ok_or_else(|| format!("the domain has no such end in coordinate {index}"))
        };
        match kind {
            MultiplierKind::Token => {
                for k in 0..dim {
                    sum[k] = sum[k] + weight * head.weight(t, k) - weight * head.weight(at, k);
                }
                sum[dim] = sum[dim] + weight * head.bias(t) - weight * head.bias(at);
                total = total + weight;
            }
            MultiplierKind::Lower => {
                let lo = end(Domain::lo)?;
                sum[at] = sum[at] + weight;
                sum[dim] = sum[dim] - weight * lo;
            }
            MultiplierKind::Upper => {
                let hi = end(Domain::hi)?;
                sum[at] = sum[at] - weight;
                sum[dim] = sum[dim] + weight * hi;
            }
            MultiplierKind::Scale => sum[dim] = sum[dim] + weight,
        }
    }
    let bound = norm_up(sum.iter().map(|x| x.lo.abs().max(x.hi.abs()))) / total.lo;
    let plainly = total.lo > 0.0 && bound.next_up() <= record.upper;
    Ok(plainly || record.upper >= 0.0 && bounded_exactly(head, domain, record))
}

/// [`bounded_for_directions`] in exact arithmetic; all rivals and ends exist.
fn bounded_exactly(head: &Head, domain: &Domain, record: &UndecidedRecord) -> bool {
    let exact = Dyadic::from_f64;
    let (dim, t) = (head.dim(), record.token as usize);
    let mut sum = vec![Dyadic::zero(); dim + 1];
    let mut total = Dyadic::zero();
    for &(kind, index, weight) in &record.multipliers {
        let (at, weight) = (index as usize, exact(weight));
        let mut add = |k: usize, x: &Dyadic| sum[k] = &sum[k] + &(&weight * x);
        match kind {
            MultiplierKind::Token => {
                for k in 0..dim {
                    add(k, &(&exact(head.weight(t, k)) - &exact(head.weight(at, k))));
                }
                add(dim, &(&exact(head.bias(t)) - &exact(head.bias(at))));
                total = &total + &weight;
            }
            MultiplierKind::Lower => {
                add(at, &exact(1.0));
                add(dim, &exact(-domain.lo(at)));
            }
            MultiplierKind::Upper => {
                add(at, &exact(-1.0));
                add(dim, &exact(domain.hi(at)));
            }
            MultiplierKind::Scale => add(dim, &exact(1.0)),
        }
    }
    if !total.is_positive() {
        return false;
    }
    if record.upper == f64::INFINITY {
        return true;
    }
    let square = sum.iter().fold(Dyadic::zero(), |square, x| &square + &(x * x));
    let limit = &exact(record.upper) * &total;
    square <= &limit * &limit
}
