//! Float64 scores of all tokens at several points, and the wins and gaps that they prove.

use super::score_error::ScoreError;
use super::witness::{Refusal, Witness, certify_scored};
use crate::arithmetic::rounding::norm_up;
use crate::order;
use crate::problem::Problem;

/// Points of a problem and the scores of all tokens there, from one block product.
pub struct Scored<'a> {
    problem: &'a Problem<'a>,
    points: Vec<Vec<f64>>,
    /// Scores without biases, `points x V`.
    scores: Vec<f64>,
}

impl<'a> Scored<'a> {
    /// Scores points of `d` coordinates. The scores at a point do not depend on the other points.
    pub fn new(problem: &'a Problem<'a>, points: Vec<Vec<f64>>) -> Self {
        let head = problem.head();
        debug_assert!(points.iter().all(|p| p.len() == head.dim()));
        let scores = head.products(&points.concat());
        Scored { problem, points, scores }
    }

    /// The problem.
    pub fn problem(&self) -> &'a Problem<'a> {
        self.problem
    }

    /// The point with this index.
    pub fn point(&self, at: usize) -> &[f64] {
        &self.points[at]
    }

    /// The scores of all tokens at a point, without biases.
    fn at(&self, at: usize) -> &[f64] {
        let count = self.problem.head().tokens();
        &self.scores[at * count..(at + 1) * count]
    }

    /// The score of a token at a point, in logits, to within [`Scored::error`].
    pub fn score(&self, at: usize, token: u32) -> f64 {
        self.at(at)[token as usize] + self.problem.head().bias(token as usize)
    }

    /// Bounds the errors of the scores at a point, as a function of the token.
    pub fn error(&self, at: usize) -> impl Fn(u32) -> f64 + '_ {
        let norm = norm_up(self.points[at].iter().copied());
        let error = ScoreError::at(self.problem, norm, 0.0, 1.0);
        move |j| error.of(j)
    }

    /// Proves that `token` wins at a point, see [`super::witness::certify_float`].
    ///
    /// # Errors
    /// As there.
    pub fn witness(&self, at: usize, token: u32) -> Result<Witness, Refusal> {
        certify_scored(self.problem, token, self.points[at].clone(), self.at(at))
    }

    /// A proved lower bound of the least gap of `token` at a point, in logits and of either sign, over all tokens but
    /// those that it need not beat. Infinite if there is no such token, and `-inf` if nothing is proved.
    pub fn least_gap(&self, at: usize, token: u32) -> f64 {
        let error = self.error(at);
        let own = self.score(at, token) - error(token);
        let skip = self.problem.equals(token);
        let mut least = f64::INFINITY;
        let mut start = 0;
        for &equal in skip.iter().chain([&(self.problem.head().tokens() as u32)]) {
            for j in start..equal {
                let gap = own - (self.score(at, j) + error(j));
                if !gap.is_finite() {
                    return f64::NEG_INFINITY;
                }
                least = least.min(gap);
            }
            start = equal + 1;
        }
        if least.is_finite() { least.next_down() } else { least }
    }

    /// At most `count` rivals whose gap to `token` is below `wanted`, by falling score. Tokens with the same row are
    /// left out: no point changes their gap.
    pub fn ahead(&self, at: usize, token: u32, wanted: f64, count: usize) -> Vec<u32> {
        let limit = self.score(at, token) - wanted;
        let groups = self.problem.groups();
        let mut ahead: Vec<(f64, u32)> = (0..self.problem.head().tokens() as u32)
            .map(|j| (self.score(at, j), j))
            // Negated so that NaN counts as ahead.
            .filter(|&(score, j)| !(score <= limit) && j != token && !groups.same_row(token, j))
            .collect();
        order::keep_highest(&mut ahead, count);
        ahead.into_iter().map(|a| a.1).collect()
    }
}
