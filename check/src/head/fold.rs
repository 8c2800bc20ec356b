//! A final norm folded into a head: scores as a function of the normalised state `z`.
//!
//! With `h = g * Pz + c` (see [`Ball`]) the score of token `j` is `a_j.z + c_j` for the *folded row* `a_j = P(g * w_j)`
//! and the *level* `c_j = w_j.c + b_j`. Neither is a float in general, so both come with bounds of their rounding
//! errors; exact comparisons use the stored numbers.

use super::Head;
use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{TINY, UP_4000, gamma, norm_up_of};
use crate::domain::Ball;
use crate::error::{Error, Result};
use crate::parallel;

/// The folded rows and levels in float64, with bounds of their errors.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The rounded rows `a_j`, with the levels `c_j` as bias.
    pub head: Head,
    /// Bounds the Euclidean distance of every row from the true one.
    pub row_error: f64,
    /// Bounds the distance of every level from the true one, in logits.
    pub level_error: f64,
}

/// The number of rows that a thread folds in one task.
const CHUNK: usize = 256;

impl Folded {
    /// Folds the norm behind `ball` into `head`.
    ///
    /// # Errors
    /// A product leaves the range of float64.
    pub fn new(head: &Head, ball: &Ball) -> Result<Self> {
        let (dim, tokens) = (head.dim(), head.tokens());
        let (gain, shift) = (ball.gain(), ball.shift());
        let shift_norm = norm_up_of(shift);
        let unit = gamma(dim + 8);
        let floor = (dim + 8) as f64 * TINY;
        let ones = vec![1.0; dim];
        let mut rows = vec![0.0; tokens * dim];
        let mut rest = vec![(0.0, 0.0, 0.0); tokens];
        parallel::fill_both((&mut rows, CHUNK * dim), (&mut rest, CHUNK), &|i, rows, rest| {
            for (n, (row, rest)) in rows.chunks_exact_mut(dim).zip(rest).enumerate() {
                let token = i * CHUNK + n;
                head.copy_row(token, row);
                let level = f64::dot(row, shift) + head.bias(token);
                let length = norm_up_of(row);
                let level_error = unit * (length * shift_norm + head.bias(token).abs()) + floor;
                row.iter_mut().zip(gain).for_each(|(w, g)| *w *= g);
                // Errors: a unit for the product; for the mean, `gamma_(d+2)` times the mean of absolute values,
                // which is at most `|q| / sqrt(d)`, in each of d coordinates; and a unit for the difference.
                let row_error = unit * norm_up_of(row) + floor;
                if ball.is_centred() {
                    // The sum as a scalar product, which uses several partial sums in parallel.
                    let mean = f64::dot(row, &ones) / dim as f64;
                    row.iter_mut().for_each(|q| *q -= mean);
                }
                *rest = (level, level_error * UP_4000, row_error * UP_4000);
            }
        });
        let largest = |of: fn(&(f64, f64, f64)) -> f64| rest.iter().map(of).fold(0.0, f64::max);
        let (level_error, row_error) = (largest(|r| r.1), largest(|r| r.2));
        let levels: Vec<f64> = rest.iter().map(|r| r.0).collect();
        let beyond = |e: Error| {
            Error::Invalid(format!(
                "folded into the head, the final norm leaves the range of float64: {e}"
            ))
        };
        let head = Head::new(rows, Some(levels), tokens, dim).map_err(beyond)?;
        Ok(Folded { head, row_error, level_error })
    }

    /// Whether the levels can affect a verdict: without shift and bias they are all exactly 0.
    pub fn has_levels(head: &Head, ball: &Ball) -> bool {
        !head.bias_is_constant() || ball.shift().iter().any(|c| *c != 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_scores_are_those_of_the_norm() {
        let head =
            Head::new(vec![1.0, 2.0, -3.0, 0.1, 0.2, 7.0], Some(vec![0.5, -1.0]), 2, 3).unwrap();
        for centred in [false, true] {
            let ball =
                Ball::after_norm(vec![2.0, 0.3, -1.0], vec![0.25, 1.0, 0.0], centred).unwrap();
            let folded = Folded::new(&head, &ball).unwrap();
            let z = [0.3, -0.7, 0.9];
            let h = ball.hidden_state(&z);
            for t in 0..2 {
                let direct = head.score(t, &h);
                let through = folded.head.score(t, &z);
                assert!((direct - through).abs() < 1e-13, "{direct} {through}");
            }
            assert!(folded.row_error < 1e-13 && folded.level_error < 1e-13);
        }
    }
}
