//! The claimed bound of the best margin of an undecided token: see
//! [`Margin`](crate::certify::interval::Margin) for what it says.

use crate::arithmetic::enclose::Interval;
use crate::arithmetic::rounding::norm_up;
use crate::certificate::{MultiplierKind, UndecidedRecord};
use crate::domain::Domain;
use crate::head::Head;

/// Recomputes the bound in intervals.
pub fn check(head: &Head, domain: &Domain, record: &UndecidedRecord) -> Result<(), String> {
    if record.upper == f64::INFINITY {
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
        let end = |end: f64| {
            if at < dim && end.is_finite() {
                Ok(end)
            } else {
                Err("an end of the domain that does not exist")
            }
        };
        match kind {
            MultiplierKind::Token if at < head.tokens() => {
                for k in 0..dim {
                    sum[k] = sum[k] + weight * head.weight(t, k) - weight * head.weight(at, k);
                }
                sum[dim] = sum[dim] + weight * head.bias(t) - weight * head.bias(at);
                total = total + weight;
            }
            MultiplierKind::Token => return Err(format!("its rival {index} does not exist")),
            MultiplierKind::Lower => {
                let lo = end(if at < dim { domain.lo(at) } else { f64::NAN })?;
                sum[at] = sum[at] + weight;
                sum[dim] = sum[dim] - weight * lo;
            }
            MultiplierKind::Upper => {
                let hi = end(if at < dim { domain.hi(at) } else { f64::NAN })?;
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
