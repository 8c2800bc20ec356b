//! The best gap of a token over its domain, and the raise of its bias that it needs to win.

use num_bigint::BigInt;

use super::ball_bound::BallBound;
use super::enclosure::{self, Support};
use super::exact;
use super::rival::Rival;
use super::scored::Scored;
use super::survival::{Format, RoundingCheck};
use super::verdict::Verdict;
use crate::arithmetic::rounding::add_up;
use crate::head::groups::Standing;
use crate::problem::Problem;

/// A proved interval of `max min_j gap_j` over the closed domain, in logits: positive for a token that can win, not
/// positive for one that cannot. `gap_j` is the logit of the token minus that of rival `j`; tokens with the same row
/// and bias are no rivals.
///
/// In a ball any weights bound it from above ([`BallBound`]), elsewhere only weights that combine to the token's row
/// ([`enclosure`], [`exact`]); any point of the domain bounds it from below.
#[derive(Clone, Debug)]
pub struct BestGap {
    token: u32,
    low: f64,
    high: f64,
    /// The best point so far, and the gap proved there.
    point: Option<(Vec<f64>, f64)>,
    survives: Vec<Format>,
}

impl BestGap {
    /// The interval that follows from the verdict of `problem` about `token`; `None` if there is no rival.
    pub(crate) fn new(problem: &Problem, token: u32, verdict: &Verdict) -> Option<Self> {
        let head = problem.head();
        if problem.equals(token).len() == head.tokens() {
            return None;
        }
        let (low, mut high) = match verdict {
            Verdict::Argmaxable(w) => (w.margin(), f64::INFINITY),
            Verdict::Tied(t) => (t.witness().margin(), f64::INFINITY),
            Verdict::Unargmaxable(_) => (f64::NEG_INFINITY, 0.0f64),
            Verdict::Undecided(_) => (f64::NEG_INFINITY, f64::INFINITY),
        };
        if let Standing::Dominated(by) = problem.groups().standing(token) {
            high = high.min(behind(problem, token, by));
        }
        Some(BestGap { token, low, high, point: None, survives: Vec::new() })
    }

    /// An interval that [`crate::audit::journal`] kept, with the best point and the gap there; `None` if its ends are none.
    #[cfg(feature = "measures")]
    pub(crate) fn measured_before(
        token: u32,
        (low, high): (f64, f64),
        point: Option<(Vec<f64>, f64)>,
        survives: Vec<Format>,
    ) -> Option<Self> {
        (low <= high).then_some(BestGap { token, low, high, point, survives })
    }

    /// The best point so far, and the gap proved there.
    #[cfg(feature = "measures")]
    pub(crate) fn best(&self) -> Option<(&[f64], f64)> {
        self.point.as_ref().map(|(point, gap)| (point.as_slice(), *gap))
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head.
    #[cfg(feature = "measures")]
    pub(crate) fn with_ids(self, ids: &[u32]) -> Self {
        BestGap { token: ids[self.token as usize], ..self }
    }

    /// The interval; an end is infinite if nothing is known.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The raise of the token's own bias, in logits, beyond which it would win, as an interval.
    pub fn bias_needed(&self) -> (f64, f64) {
        // Adding 0 turns -0 into 0.
        ((-self.high).max(0.0) + 0.0, (-self.low).max(0.0) + 0.0)
    }

    /// The best point so far, where the lower end was found unless the verdict's own witness is better.
    pub fn point(&self) -> Option<&[f64]> {
        Some(&self.point.as_ref()?.0)
    }

    /// The logit formats in which the win at that point is proved to survive rounding.
    pub fn survives(&self) -> &[Format] {
        &self.survives
    }

    /// Lowers the upper end by weights in a ball, and returns the bound that they prove.
    pub fn weigh(&mut self, problem: &Problem, multipliers: &[(Rival, f64)]) -> Option<f64> {
        let ball = problem.domain().ball()?;
        let bound = BallBound::new(problem, self.token, multipliers)?.best_gap(ball.radius_up());
        self.lower_to(bound);
        Some(bound)
    }

    /// Lowers the upper end by rival weights that are proved to exist; returns whether they are.
    pub fn enclose(&mut self, problem: &Problem, support: Support) -> bool {
        match enclosure::slack(problem, self.token, support) {
            Some(slack) => self.lower_to(-slack),
            None => return false,
        }
        true
    }

    /// Lowers the upper end by exact rival weights; returns whether they combine to the token's row.
    pub fn combine(&mut self, problem: &Problem, weights: Vec<(u32, BigInt)>) -> bool {
        match exact::slack(problem, self.token, weights) {
            Some(slack) => self.lower_to(-slack),
            None => return false,
        }
        true
    }

    /// Lowers the upper end to `bound`, if that is lower.
    fn lower_to(&mut self, bound: f64) {
        self.high = self.high.min(bound);
    }

    /// Raises the lower end to the gap proved at a point of the domain.
    pub fn reach(&mut self, scored: &Scored, at: usize, survival: Option<&RoundingCheck>) {
        let problem = scored.problem();
        if !problem.domain().contains(scored.point(at)) {
            return;
        }
        let gap = scored.least_gap(at, self.token);
        self.low = self.low.max(gap);
        if self.point.as_ref().is_none_or(|p| p.1 < gap) {
            self.point = Some((scored.point(at).to_vec(), gap));
            self.survives = survival.map_or(Vec::new(), |s| s.formats(scored, at, self.token));
        }
    }
}

/// An upper bound of the gap to a token with the same row; that gap is the same at every hidden state.
fn behind(problem: &Problem, token: u32, by: u32) -> f64 {
    let level = |t: u32| problem.head().bias(t as usize);
    let fixed = (0..problem.domain().dim()).any(|k| problem.domain().is_fixed(k));
    // Fixed coordinates would count as well.
    if fixed {
        return 0.0;
    }
    add_up((level(token) - level(by)).next_up(), 2.0 * problem.level_error()).min(0.0)
}
