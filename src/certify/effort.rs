//! Effort: how far out a token's winning points begin, as a share of the radius.

use super::ball_bound::BallBound;
use super::rival::Rival;
use super::scored::Scored;
use super::verdict::{Loss, Verdict};
use super::witness::Refusal;
use crate::problem::Problem;

/// A proved interval of `inf |z| / R` over the points `z` where a token strictly wins, inside the ball or beyond it
/// (and within the ranges): below 1 for tokens that can win, at least 1 for those that cannot, infinite if the token
/// wins at no point of space. Where winning points form a cone it is 0 or infinite; the best gap says more there, see
/// [`super::best_gap`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    token: u32,
    low: f64,
    high: f64,
}

impl Effort {
    /// The interval that follows from the verdict of `problem` about `token` and, if known, the verdict over all of
    /// space; `None` without a ball.
    pub(crate) fn new(
        problem: &Problem,
        token: u32,
        verdict: &Verdict,
        free: Option<&Verdict>,
    ) -> Option<Self> {
        problem.domain().ball()?;
        // Behind a norm a token may have equals that it does not have in all of space, and so may win alone there.
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

    /// An interval that [`crate::audit::journal`] kept; `None` if its ends are none.
    #[cfg(feature = "measures")]
    pub(crate) fn measured_before(token: u32, (low, high): (f64, f64)) -> Option<Self> {
        (low <= high).then_some(Effort { token, low, high })
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head.
    #[cfg(feature = "measures")]
    pub(crate) fn with_ids(self, ids: &[u32]) -> Self {
        Effort { token: ids[self.token as usize], ..self }
    }

    /// The interval.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Raises the lower end by the bound that weights of rivals and range ends prove, see [`BallBound`].
    pub fn weigh(&mut self, problem: &Problem, multipliers: &[(Rival, f64)]) {
        let Some(ball) = problem.domain().ball() else { return };
        let Some(weighed) = BallBound::allowing_no_rivals(problem, self.token, multipliers) else {
            return;
        };
        let low = (weighed.least_length() / ball.radius_up()).next_down();
        self.low = self.low.max(low);
    }

    /// Lowers the upper end to the length of a point where the token wins. The points may belong to a problem whose
    /// ball has another radius than that of `problem`.
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
        // The point 0 needs no allowance for rounding.
        let high = if witness.norm() == 0.0 { 0.0 } else { high };
        self.high = self.high.min(high);
        Ok(())
    }
}
