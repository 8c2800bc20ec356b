//! Effort: how far out a token's winning points begin, as a share of the radius.

use super::ball_bound::BallBound;
use super::rival::Rival;
use super::scored::Scored;
use super::verdict::{Loss, Verdict};
use super::witness::Refusal;
use crate::problem::Problem;

/// A proved interval of `inf |z| / R` over the points `z` at which a token strictly wins, inside the ball or beyond it
/// (and within the ranges): below 1 for tokens that can win, at least 1 for those that cannot, infinite where no point
/// of space will do. Where winning points form a cone it is 0 or infinite; the best gap says more there, see
/// [`super::best_gap`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    token: u32,
    low: f64,
    high: f64,
}

impl Effort {
    /// What the verdict of `problem` about `token` says, and the one over all of space, if known; `None` without a ball.
    pub(crate) fn new(
        problem: &Problem,
        token: u32,
        verdict: &Verdict,
        free: Option<&Verdict>,
    ) -> Option<Self> {
        problem.domain().ball()?;
        // Behind a norm a token may have equals that it does not have in all of space, and so win there alone.
        let alone = problem.equals(token).len() == 1;
        let never = match (verdict, free) {
            (Verdict::Unargmaxable(Loss::Dominated(_) | Loss::Carried(_)), _) => alone,
            (Verdict::Unargmaxable(_), Some(Verdict::Unargmaxable(_))) => alone,
            _ => false,
        };
        let (low, high) = match (verdict, never || problem.is_scale_free()) {
            (Verdict::Argmaxable(_) | Verdict::Tied(_), true) => (0.0, 0.0),
            (Verdict::Argmaxable(_) | Verdict::Tied(_), false) => (0.0, 1.0),
            (Verdict::Unargmaxable(_), true) => (f64::INFINITY, f64::INFINITY),
            (Verdict::Unargmaxable(_), false) => (1.0, f64::INFINITY),
            (Verdict::Undecided(_), _) => (0.0, f64::INFINITY),
        };
        Some(Effort { token, low, high })
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The interval.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Raises the lower end by what weights on rivals and ends of ranges prove, see [`BallBound`].
    pub fn weigh(&mut self, problem: &Problem, multipliers: &[(Rival, f64)]) {
        let Some(ball) = problem.domain().ball() else { return };
        let Some(weighed) = BallBound::in_sum(problem, self.token, multipliers) else { return };
        let low = (weighed.least_length() / ball.radius_up()).next_down();
        self.low = self.low.max(low);
    }

    /// Lowers the upper end to a point where the token wins. The points may be those of a problem that differs from
    /// `problem` by the radius of its ball.
    ///
    /// # Errors
    /// The token is not proved to win there.
    pub fn reach(&mut self, problem: &Problem, scored: &Scored, at: usize) -> Result<(), Refusal> {
        let outer = scored.problem().domain().ball();
        let Some((ball, outer)) = problem.domain().ball().zip(outer) else {
            return Err(Refusal::Outside);
        };
        if !std::ptr::eq(problem.stored(), scored.problem().stored()) || !ball.is_concentric(outer)
        {
            return Err(Refusal::Outside);
        }
        let witness = scored.witness(at, self.token)?;
        let high = (witness.norm() / ball.radius_down()).next_up();
        // The point 0 needs no room for rounding.
        let high = if witness.norm() == 0.0 { 0.0 } else { high };
        self.high = self.high.min(high);
        Ok(())
    }
}
