//! Bounds the gaps of a token in a ball by weights of rivals, in float64 with bounded errors.
//!
//! With the notation of [`super::ball_loss`]: for every point of the domain `sum N_j gap_j <= z.P(g * v) + F`. So with
//! `pull >= |P(g * v)|` and `level >= F`
//!
//! - the best `min_j gap_j` within the radius `R` is at most `(R pull + level) / sum N_j`;
//! - where `level < 0`, no point shorter than `-level / pull` lets the token win.

use crate::arithmetic::rounding::{DOWN_8, TINY, UP_4M, UP_8, gamma, norm_up};
use crate::certify::Rival;
use crate::problem::Problem;

/// Float64 bounds of the terms of a weighted sum of gaps.
#[derive(Clone, Copy, Debug)]
pub struct BallBound {
    /// An upper bound of `|P(g * v)|`.
    pub pull: f64,
    /// An upper bound of `F`, in logits.
    pub level: f64,
    /// A lower bound of the sum of the weights of the rivals.
    pub weight: f64,
}

impl BallBound {
    /// Bounds the weighted sum over these rivals and ends of ranges; the weights are taken as exact. `None` for a
    /// domain without a ball, for weights that are negative or NaN, for rivals with the token's row or of zero total
    /// weight, and for infinite ends.
    pub fn new(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Option<Self> {
        let weighed = BallBound::allowing_no_rivals(problem, token, multipliers)?;
        (weighed.weight > 0.0 && (1.0 / weighed.weight).is_finite()).then_some(weighed)
    }

    /// [`BallBound::new`], except that the rivals may have no weight: then no point shorter than
    /// [`BallBound::least_length`] is in the domain.
    pub(super) fn allowing_no_rivals(
        problem: &Problem,
        token: u32,
        multipliers: &[(Rival, f64)],
    ) -> Option<Self> {
        let ball = problem.domain().ball()?;
        let (head, domain, t) = (problem.head(), problem.domain(), token as usize);
        let mut v = vec![0.0; head.dim()];
        let (mut own, mut rival) = (v.clone(), v.clone());
        head.copy_row(t, &mut own);
        let (mut weights, mut size, mut level, mut level_size) = (0.0, 0.0, 0.0, 0.0);
        for &(whom, weight) in multipliers {
            if !(weight >= 0.0) {
                return None;
            }
            match whom {
                Rival::Token(j) if (j as usize) < head.tokens() => {
                    if problem.groups().same_row(j, token) {
                        return None;
                    }
                    let j = j as usize;
                    head.copy_row(j, &mut rival);
                    v.iter_mut()
                        .zip(&own)
                        .zip(&rival)
                        .for_each(|((v, a), b)| *v += weight * (a - b));
                    weights += weight;
                    size += weight * (problem.norms()[t] + problem.norms()[j]);
                    level += weight * (head.bias(t) - head.bias(j));
                    level_size += weight * (head.bias(t).abs() + head.bias(j).abs());
                }
                Rival::Lower(k) | Rival::Upper(k) if (k as usize) < head.dim() => {
                    let k = k as usize;
                    let (sign, end) = match whom {
                        Rival::Lower(_) => (1.0, domain.lo(k)),
                        _ => (-1.0, domain.hi(k)),
                    };
                    if end.is_infinite() {
                        return None;
                    }
                    let gain = sign * weight * ball.gain()[k];
                    let mean = if ball.is_centred() { gain / head.dim() as f64 } else { 0.0 };
                    v.iter_mut().for_each(|x| *x -= mean);
                    v[k] += gain;
                    size += 2.0 * gain.abs();
                    level += sign * weight * (ball.shift()[k] - end);
                    level_size += weight * (ball.shift()[k].abs() + end.abs());
                }
                _ => return None,
            }
        }
        // Each term has an error of at most four units and each sum of one unit for each term; so do the bounds
        // themselves.
        let unit = gamma(multipliers.len() + 16);
        let spare = UP_4M;
        let tiny = (multipliers.len() * head.dim() + 16) as f64 * TINY;
        let doubt = 2.0 * weights * (1.0 + unit);
        let pull =
            norm_up(v.iter().copied()) + (unit * size + doubt * problem.row_error()) * spare + tiny;
        let level = level + (unit * level_size + doubt * problem.level_error()) * spare + tiny;
        let level = level + level.abs() * 4.0 * f64::EPSILON;
        let weight = weights * (1.0 - unit);
        let weighed = BallBound { pull: pull * UP_8, level, weight };
        [weighed.pull, weighed.level, weight].iter().all(|x| x.is_finite()).then_some(weighed)
    }

    /// An upper bound of the best weighted sum of gaps within a radius of at most `radius`, in logits times weight.
    pub fn most(&self, radius: f64) -> f64 {
        let pull = radius * self.pull * UP_8;
        self.level + pull + (self.level.abs() + pull) * 1e-12
    }

    /// An upper bound of the best `min_j gap_j` within a radius of at most `radius`, in logits.
    pub fn best_gap(&self, radius: f64) -> f64 {
        let most = self.most(radius);
        let gap = most / self.weight;
        // A quotient below 0 is nearest to 0 with the larger divisor; the weight is within `gamma` of its bound.
        let bound = gap + gap.abs() * 1e-9;
        // Where the quotient underflows, a relative margin is not enough.
        if gap.abs() < f64::MIN_POSITIVE && most != 0.0 { bound.next_up() } else { bound }
    }

    /// A lower bound of the length of every point where the token wins; 0 if the weights prove nothing.
    pub fn least_length(&self) -> f64 {
        if self.level >= 0.0 {
            return 0.0;
        }
        if self.pull == 0.0 {
            return f64::INFINITY;
        }
        let length = -self.level / self.pull * DOWN_8;
        if length < f64::MIN_POSITIVE { length.next_down().max(0.0) } else { length }
    }
}
