//! The proved interval of the best margin of an undecided token.

use super::ball_bound::BallBound;
use super::rival::{self, Rival};
use crate::arithmetic::rounding::{TINY, UP_4M, gamma, norm_up};
use crate::domain::Ball;
use crate::problem::Problem;

/// A proved interval of `max { min_j (p_t - p_j).u : |u| <= 1, u in the domain's cone }`, where
/// `p_j = (w_j, b_j)` and `u = (h, s)`, `s >= 0`. The token can win exactly if this is above 0. In a ball it is instead
/// the best `min_j gap_j` over the closed ball (and the ranges), in logits.
#[derive(Clone, Debug)]
pub struct Margin {
    lower: f64,
    upper: f64,
    multipliers: Vec<(Rival, f64)>,
    sigma: f64,
}

impl Margin {
    /// The ends of the interval. Outside balls `u = 0` always gives 0, so the lower end is 0; in a ball it is `-inf`.
    pub fn ends(&self) -> (f64, f64) {
        (self.lower, self.upper)
    }

    /// The interval without an upper bound.
    pub fn unknown() -> Self {
        Margin { lower: 0.0, upper: f64::INFINITY, multipliers: Vec::new(), sigma: 0.0 }
    }

    /// The multipliers that prove the upper end, with their rows; `None` stands for `s >= 0`.
    pub fn multipliers(&self) -> impl Iterator<Item = (Option<Rival>, f64)> + '_ {
        let scale = (self.sigma > 0.0).then_some((None, self.sigma));
        self.multipliers.iter().map(|&(rival, weight)| (Some(rival), weight)).chain(scale)
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        Margin { multipliers: rival::with_ids(&self.multipliers, ids), ..*self }
    }

    /// The bound in a ball from approximate multipliers, see [`BallBound`].
    pub fn in_ball(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Self {
        let radius = problem.domain().ball().map_or(f64::INFINITY, Ball::radius_up);
        match BallBound::new(problem, token, multipliers).map(|w| w.best_gap(radius)) {
            // Some slack for a checker that adds in another order.
            Some(upper) if upper.is_finite() => Margin {
                lower: f64::NEG_INFINITY,
                upper: upper + upper.abs() * 1e-9 + f64::MIN_POSITIVE,
                multipliers: multipliers.to_vec(),
                sigma: 0.0,
            },
            _ => Margin { lower: f64::NEG_INFINITY, ..Margin::unknown() },
        }
    }

    /// The bound outside balls from approximate multipliers: for `lambda >= 0` on rivals (scaled to sum 1),
    /// `alpha`, `beta` on the ends of the domain and `sigma` on `s >= 0`, the margin is at most
    /// `|sum lambda_j (p_t - p_j) + sum alpha_k (e_k, -lo_k) + sum beta_k (-e_k, hi_k) + (0, sigma)|`.
    pub fn bounded_by(
        problem: &Problem,
        token: u32,
        multipliers: &[(Rival, f64)],
        sigma: f64,
    ) -> Self {
        let (head, domain) = (problem.head(), problem.domain());
        let total: f64 =
            multipliers.iter().filter(|m| matches!(m.0, Rival::Token(_))).map(|m| m.1).sum();
        // The token is no rival of itself, nor are its equals: their differences are 0.
        let equals = problem.equals(token);
        let is_rival = |m: &(Rival, f64)| !matches!(m.0, Rival::Token(j) if equals.contains(&j));
        if !(total > 0.0)
            || !multipliers.iter().all(is_rival)
            || multipliers.iter().any(|m| !(m.1 >= 0.0))
            || !(sigma >= 0.0)
        {
            return Margin::unknown();
        }
        let dim = head.dim();
        let (mut value, mut size) = (vec![0.0; dim + 1], vec![0.0f64; dim + 1]);
        let mut add = |k: usize, term: f64| {
            value[k] += term;
            size[k] += term.abs();
        };
        for &(rival, weight) in multipliers {
            match rival {
                Rival::Token(j) => {
                    let entries = head.row(token as usize).zip(head.row(j as usize)).enumerate();
                    for (k, (own, other)) in entries {
                        add(k, weight * own);
                        add(k, -(weight * other));
                    }
                    add(dim, weight * head.bias(token as usize));
                    add(dim, -(weight * head.bias(j as usize)));
                }
                Rival::Lower(k) => {
                    add(k as usize, weight);
                    add(dim, -(weight * domain.lo(k as usize)));
                }
                Rival::Upper(k) => {
                    add(k as usize, -weight);
                    add(dim, weight * domain.hi(k as usize));
                }
            }
        }
        add(dim, sigma);
        let unit = gamma(2 * multipliers.len() + 16);
        // Each product that underflowed has an error of at most half of the least float.
        let lost = (2 * multipliers.len() + 4) as f64 * TINY;
        let floor = |s: f64| if s < f64::MIN_POSITIVE / f64::EPSILON { lost } else { 0.0 };
        let reach =
            value.iter().zip(&size).map(|(v, s)| (v.abs() + unit * s) * (1.0 + unit) + floor(*s));
        // Some slack for a checker that adds in another order.
        let upper = norm_up(reach) / (total * (1.0 - unit)) * UP_4M;
        if upper.is_finite() {
            Margin { lower: 0.0, upper, multipliers: multipliers.to_vec(), sigma }
        } else {
            Margin::unknown()
        }
    }
}
