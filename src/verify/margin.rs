//! The claimed bound of the best margin of an undecided token: see
//! [`Margin`](crate::certify::interval::Margin) for what it says.

use super::equals::Equals;
use crate::arithmetic::enclose::Interval;
use crate::arithmetic::rounding::norm_up;
use crate::certificate::{MultiplierKind, UndecidedRecord};
use crate::domain::Domain;
use crate::head::Head;

/// Recomputes the bound in intervals.
pub fn check(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    record: &UndecidedRecord,
) -> Result<(), String> {
    if record.upper == f64::INFINITY && record.multipliers.is_empty() {
        return Ok(());
    }
    let dim = head.dim();
    let t = record.token as usize;
    let mut sum = vec![Interval::point(0.0); dim + 1];
    let mut total = Interval::point(0.0);
    for &(kind, index, weight) in &record.multipliers {
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err("a multiplier is negative or not finite".to_owned());
        }
        let (at, weight) = (index as usize, Interval::point(weight));
        let end = |of: fn(&Domain, usize) -> f64| {
            let end = Some(at).filter(|&k| k < dim).map(|k| of(domain, k));
            end.filter(|end| end.is_finite())
                .ok_or_else(|| format!("the domain has no such end in coordinate {index}"))
        };
        match kind {
            MultiplierKind::Token if at >= head.tokens() => {
                return Err(format!("its rival {index} does not exist"));
            }
            // Its own difference is 0 and would prove the bound 0 of any token.
            MultiplierKind::Token if equals.are_tied(record.token, index) => {
                return Err(format!("its rival {index} is no rival: it has its own row and bias"));
            }
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
    if total.lo > 0.0 && bound.next_up() <= record.upper {
        Ok(())
    } else {
        Err(format!("its multipliers do not bound the margin by {}", record.upper))
    }
}
