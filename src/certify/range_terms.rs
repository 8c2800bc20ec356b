//! A lower bound of the slack of a combination of rivals, including the range ends of the domain.
//!
//! For weights `lambda` (sum 1) let `r = sum lambda_j w_j - w_t`. For every `h` of the domain
//!
//! ```text
//! max_j (w_j.h + b_j) - (w_t.h + b_t) >= sum lambda_j (b_j - b_t) + sum_k r_k h_k
//!                                     >= sum lambda_j (b_j - b_t) + sum_k min(r_k lo_k, r_k hi_k),
//! ```
//!
//! so the token never wins strictly if the last line is not negative. The multiplier of the
//! lower end is `max(r_k, 0)` and that of the upper end `max(-r_k, 0)`.

use crate::arithmetic::interval::Interval;
use crate::arithmetic::rounding::{add_down, add_up, mul_down};
use crate::domain::Domain;

/// A lower bound of a sum of numbers of both signs; it is at least 0 exactly when no term is negative.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlackBound {
    /// A lower bound of the sum of the terms that are not negative.
    gains: f64,
    /// An upper bound of the absolute sum of the other terms.
    losses: f64,
}

impl SlackBound {
    /// Adds a term that is at least `term`.
    pub fn add(&mut self, term: f64) {
        if term >= 0.0 {
            self.gains = add_down(self.gains, term).max(0.0);
        } else {
            self.losses = add_up(self.losses, -term);
        }
    }

    /// Adds `weight (b_j - b_t)` for a non-negative weight in the interval.
    pub fn add_bias(&mut self, weight: Interval, rival: f64, token: f64) {
        if rival >= token {
            self.add(mul_down(weight.lo, (rival - token).next_down().max(0.0)).max(0.0));
        } else {
            self.add(mul_down(weight.hi, (rival - token).next_down()));
        }
    }

    /// Whether the sum is proved not to be negative (false for NaN).
    pub fn is_not_negative(&self) -> bool {
        self.losses == 0.0 && self.gains >= 0.0 || self.gains >= self.losses
    }

    /// A lower bound of the sum.
    pub fn total(&self) -> f64 {
        if self.losses == 0.0 { self.gains } else { add_down(self.gains, -self.losses) }
    }

    /// Adds the least value of `r h_k` for `r` in the interval and `h_k` in the domain.
    ///
    /// Returns false if the domain has no end on the side that is needed. The least value is a concave function of
    /// `r` (`hi_k >= lo_k`), so it is attained at an end of the interval.
    #[must_use]
    pub fn add_range(&mut self, domain: &Domain, k: usize, r: Interval) -> bool {
        let least = |r: f64| match r {
            r if r > 0.0 && domain.lo(k) == f64::NEG_INFINITY => None,
            r if r < 0.0 && domain.hi(k) == f64::INFINITY => None,
            r if r > 0.0 => Some(mul_down(r, domain.lo(k))),
            r if r < 0.0 => Some(mul_down(r, domain.hi(k))),
            0.0 => Some(0.0),
            _ => None,
        };
        match (least(r.lo), least(r.hi)) {
            (Some(a), Some(b)) => {
                self.add(a.min(b));
                true
            }
            _ => false,
        }
    }
}
