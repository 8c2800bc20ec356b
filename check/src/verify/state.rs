//! The hidden states of certificate points: the points themselves, or under a ball their images `h = g * Pz + c`.

use std::cell::OnceCell;

use num_bigint::BigInt;

use crate::arithmetic::dyadic::{Dyadic, as_integers, dot_floats, dot_integers};
use crate::arithmetic::rounding::{TINY, UP_4M, UP_4000, gamma, norm_up};
use crate::domain::{Ball, Domain};
use crate::head::Head;
use crate::parallel;

/// The hidden state of a float64 point, with a bound of its error.
pub struct State<'a> {
    /// An approximation of the hidden state; without a ball it is exact.
    pub h: Vec<f64>,
    /// Bounds the Euclidean distance of `h` from the true hidden state.
    pub doubt: f64,
    norm: Option<Norm<'a>>,
}

/// The norm and the point that the state comes from, to compute it exactly on demand.
struct Norm<'a> {
    ball: &'a Ball,
    point: Vec<f64>,
    exact: OnceCell<(Vec<BigInt>, BigInt)>,
}

impl<'a> State<'a> {
    /// The hidden state of a finite point; `None` if the point lies outside the domain.
    pub fn new(domain: &'a Domain, point: Vec<f64>) -> Option<Self> {
        let Some(ball) = domain.ball() else {
            return domain.contains(&point).then_some(State { h: point, doubt: 0.0, norm: None });
        };
        let (h, errors) = evaluate(ball, &point);
        let plainly = |k: usize| {
            // Doubled, to cover the rounding of the differences.
            let error = 2.0 * errors[k];
            h[k] - domain.lo(k) > error && domain.hi(k) - h[k] > error
        };
        let inside = ball.holds_plainly(&point) && (0..h.len()).all(plainly);
        if !inside && !domain.contains(&point) {
            return None;
        }
        let doubt = norm_up(errors.into_iter()) * UP_4M;
        Some(State { h, doubt, norm: Some(Norm { ball, point, exact: OnceCell::new() }) })
    }

    /// The point that the state comes from, exactly: of the ball, or without one the hidden state itself.
    pub fn point(&self) -> &[f64] {
        self.norm.as_ref().map_or(&self.h, |norm| &norm.point)
    }

    /// The exact score of a token, times a positive number that is the same for all tokens.
    pub fn exact_score(&self, head: &Head, token: u32) -> Dyadic {
        let t = token as usize;
        let Some(norm) = &self.norm else {
            let bias = Dyadic::from_f64(head.bias(t));
            return &dot_floats(head.row(t), self.h.iter().copied()) + &bias;
        };
        let (numerators, denominator) = norm.exact.get_or_init(|| {
            let (numerators, denominator) = as_integers(&norm.point);
            norm.ball.exact_state(&numerators, &denominator)
        });
        integer_score(head, token, numerators, denominator)
    }
}

/// Bounds the error of a float64 score at a state whose length is at most `norm`: `gamma_(d+16) (|w_j| |h| + |b_j|)` and
/// underflow, plus the effect of the error `doubt` of the state itself. `norms` are upper bounds of the norms of the rows.
pub fn score_error(head: &Head, norms: &[f64], j: usize, norm: f64, doubt: f64) -> f64 {
    let (count, doubt) = (head.dim() + 16, doubt * UP_4000);
    gamma(count) * (norms[j] * norm + head.bias(j).abs()) + norms[j] * doubt + count as f64 * TINY
}

/// Upper bounds of the norms of all rows.
pub fn row_norms(head: &Head) -> Vec<f64> {
    parallel::map(head.tokens(), &|t| norm_up(head.row(t)))
}

/// The exact score of a token at the hidden state `numerators / denominator`, times the denominator.
pub fn integer_score(
    head: &Head,
    token: u32,
    numerators: &[BigInt],
    denominator: &BigInt,
) -> Dyadic {
    let t = token as usize;
    let bias = &Dyadic::from_f64(head.bias(t)) * &Dyadic::from_integer(denominator.clone());
    &dot_integers(head.row(t), numerators) + &bias
}

/// `g * Pz + c` in float64, and a bound of the error of each coordinate.
fn evaluate(ball: &Ball, z: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let dim = z.len();
    let (mean, size) = if ball.is_centred() {
        (z.iter().sum::<f64>() / dim as f64, z.iter().map(|x| x.abs()).sum::<f64>() / dim as f64)
    } else {
        (0.0, 0.0)
    };
    // Roundings of a sum of d numbers, a quotient, a difference, a product and a sum; and a few more for the bounds
    // themselves.
    let (unit, floor) = (gamma(dim + 8), (dim + 8) as f64 * TINY);
    z.iter()
        .zip(ball.gain().iter().zip(ball.shift()))
        .map(|(&x, (&g, &c))| {
            let error = unit * (g.abs() * (x.abs() + size) + c.abs()) + floor * (1.0 + g.abs());
            (g * (x - mean) + c, error * UP_4000)
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_state_lies_within_the_bounds() {
        let gain = vec![1e3, -0.3, 7e-9, 0.0, 1.1];
        let shift = vec![0.1, -1e4, 1e-9, 5.0, 0.7];
        let z = [0.3, -0.7, 1.3, 1e-3, 0.1];
        for centred in [false, true] {
            let ball = Ball::after_norm(gain.clone(), shift.clone(), centred).unwrap();
            let (h, errors) = evaluate(&ball, &z);
            let (numerators, denominator) = as_integers(&z);
            let (numerators, denominator) = ball.exact_state(&numerators, &denominator);
            let over = Dyadic::from_integer(denominator);
            for k in 0..z.len() {
                let end = |x: f64| &Dyadic::from_f64(x) * &over;
                let exact = Dyadic::from_integer(numerators[k].clone());
                assert!(end(h[k] - errors[k]) <= exact && exact <= end(h[k] + errors[k]));
                assert!(errors[k] < 1e-10 * (1.0 + h[k].abs()), "{k}: {}", errors[k]);
            }
        }
    }
}
