//! The error bound of float64 scores, on which every witness relies.

use crate::arithmetic::rounding::{TINY, UP_4000, bound_of_product, gamma};
use crate::problem::Problem;

/// Error bounds of the scores `w_j . h + b_j` at one point.
///
/// `w_j . h` may be summed in any order, with a relative error of `h` of a few units in the last place, and
/// multiplied by a power of two up to `factor` afterwards, underflow included. Adding score and bias has an error of
/// a unit each. So `gamma_(d+16)` of `|w_j| |h| + |b_j|` (Higham 2002, section 3.1) covers the sum, with slack for
/// the bound's own roundings and for two more sums. With a `radius` the bound holds for every hidden state within
/// that distance: each score moves by at most `radius |w_j|`. The errors of folded rows and levels are bounded by
/// those of the problem.
pub(super) struct ScoreError<'a> {
    problem: &'a Problem<'a>,
    unit: f64,
    reach: f64,
    floor: f64,
    folding: f64,
}

impl<'a> ScoreError<'a> {
    /// The error bounds at points of length at most `norm`.
    pub fn at(problem: &'a Problem<'a>, norm: f64, radius: f64, factor: f64) -> Self {
        let count = problem.head().dim() + 16;
        let unit = gamma(count);
        let folding = (problem.row_error() * (norm + radius) + problem.level_error()) * UP_4000;
        ScoreError {
            problem,
            unit,
            reach: bound_of_product(unit, norm) + radius,
            floor: count as f64 * TINY * factor.max(1.0),
            folding,
        }
    }

    /// The error bound of the score of token `j`, in logits.
    pub fn of(&self, j: u32) -> f64 {
        let (norm, bias) = (self.problem.norms()[j as usize], self.problem.head().bias(j as usize));
        norm * self.reach + self.unit * bias.abs() + self.floor + self.folding
    }
}
