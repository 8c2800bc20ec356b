//! Effort: the shortest points at which tokens win, see [`Effort`].
//!
//! The shortest point with a little clearance to all rivals, by the search of [`crate::prove::ball::search`], is a witness; the
//! multipliers that hold it there bound the effort from below (Lawson and Hanson 1974, ch. 23: the dual of
//! least-distance programming). The clearance is made smaller until both ends meet.

use super::{ROUNDS, batch, in_groups};
use crate::arithmetic::rounding::norm_up;
use crate::certify::effort::Effort;
use crate::certify::scored::Scored;
use crate::certify::witness::{self, Refusal};
use crate::certify::{self, Rival, Verdict};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;

/// Rooms asked for, largest first, in the coordinates of [`BallSystem`] for a ball of the radius that shares are of.
const CLEARANCES: [f64; 5] =
    [1.0, 1.0 / 1024.0, 1.0 / 262144.0, 1.0 / 16777216.0, 1.0 / 268435456.0];
/// The clearance to begin with: the point is then about `1e-8` of the radius longer than it must be, for most tokens.
const FIRST: usize = 2;
/// The width of the interval that is good enough, as a share of its upper end.
const WIDTH: f64 = 1e-7;
/// How much larger the ball is in which tokens that cannot win are searched for.
pub const BEYOND: f64 = 64.0;

/// A token and its verdicts.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The token.
    pub token: u32,
    /// Over the ball.
    pub verdict: &'a Verdict,
    /// Over all of space, if it was asked for.
    pub free: Option<&'a Verdict>,
}

/// The efforts of tokens with these verdicts over the ball of `problem`, in their order. Points are looked for in
/// `outer`, the same problem with a ball as large or larger by a power of two.
pub fn efforts(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    progress: &dyn Progress,
) -> Vec<Effort> {
    measured(problem, outer, tokens, progress, |seeker| seeker.effort)
}

/// Verdicts of undecided tokens from what the search for their efforts finds: a point inside the ball where the token wins, or
/// weights that no point inside overcomes. Those that stay undecided are left out.
pub fn settled(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    progress: &dyn Progress,
) -> Vec<(u32, Verdict)> {
    let settled = measured(problem, outer, tokens, progress, |seeker| {
        let token = seeker.effort.token();
        let won = seeker.point.and_then(|z| witness::certify_float(problem, token, z).ok());
        let won = won.map(|witness| certify::won(problem, witness));
        let lost = || certify::lost_in_ball(problem, token, &seeker.outweighing?);
        Some((token, won.or_else(lost)?))
    });
    settled.into_iter().flatten().collect()
}

/// What `finish` makes of the search for each token.
fn measured<R: Send>(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    progress: &dyn Progress,
    finish: impl Fn(Seeker) -> R + Sync,
) -> Vec<R> {
    let Some(sphere) = BallSystem::new(outer) else { return Vec::new() };
    let Some((inside, outside)) = problem.domain().ball().zip(outer.domain().ball()) else {
        return Vec::new();
    };
    let finer = inside.radius_up() / outside.radius_up();
    let measure = |group: &[Known]| {
        let start = |known: &Known| {
            let effort = Effort::new(problem, known.token, known.verdict, known.free)?;
            Some(Seeker::new(problem, &sphere, effort, finer))
        };
        let mut seekers: Vec<Seeker> = group.iter().filter_map(start).collect();
        for _ in 0..ROUNDS {
            let mut running: Vec<&mut Seeker> = seekers.iter_mut().filter(|s| !s.done).collect();
            if running.is_empty() {
                break;
            }
            let points = running.iter().map(|s| s.search.point().to_vec()).collect();
            let scored = Scored::new(outer, points);
            for (at, seeker) in running.iter_mut().enumerate() {
                seeker.look(&scored, at);
            }
        }
        seekers.into_iter().map(&finish).collect()
    };
    in_groups(problem.head(), tokens, progress, measure)
}

/// The search for one token.
struct Seeker<'a> {
    problem: &'a Problem<'a>,
    sphere: &'a BallSystem<'a>,
    search: Search<'a>,
    effort: Effort,
    /// What clearances are multiplied by.
    finer: f64,
    clearance: usize,
    /// Whether some point was proved, and whether larger clearances were tried.
    reached: bool,
    bolder: bool,
    /// The shortest point that was proved.
    point: Option<Vec<f64>>,
    /// Weights that no point inside the ball overcomes.
    outweighing: Option<Vec<(Rival, f64)>>,
    done: bool,
}

impl<'a> Seeker<'a> {
    fn new(
        problem: &'a Problem<'a>,
        sphere: &'a BallSystem<'a>,
        effort: Effort,
        finer: f64,
    ) -> Self {
        let search =
            Search::new(sphere, effort.token(), Ask::Room(CLEARANCES[FIRST] * finer), None);
        let (reached, bolder) = (false, false);
        let mut seeker = Seeker {
            problem,
            sphere,
            search,
            effort,
            finer,
            clearance: FIRST,
            reached,
            bolder,
            point: None,
            outweighing: None,
            done: false,
        };
        seeker.done = seeker.is_settled();
        seeker
    }

    fn is_settled(&self) -> bool {
        let (low, high) = self.effort.ends();
        high.is_finite() && high - low <= WIDTH * high || low == high
    }

    /// Looks at the scores of the search's point.
    fn look(&mut self, scored: &Scored, at: usize) {
        let token = self.effort.token();
        let count = batch(self.search.point().len());
        let mut ends = self.sphere.ends_passed(self.search.point());
        ends.truncate(count / 2);
        let ahead = scored.ahead(at, token, 0.0, count - ends.len());
        let rivals: Vec<Rival> =
            ends.into_iter().chain(ahead.into_iter().map(Rival::Token)).collect();
        if rivals.iter().any(|r| !self.search.knows(*r)) {
            return self.add(rivals);
        }
        match self.effort.reach(self.problem, scored, at) {
            Ok(()) => {
                self.reached = true;
                let point = scored.point(at);
                let length = |z: &[f64]| norm_up(z.iter().copied());
                if self.point.as_ref().is_none_or(|best| length(point) < length(best)) {
                    self.point = Some(point.to_vec());
                }
                self.done = self.is_settled() || self.bolder;
                if !self.done {
                    self.next();
                }
            }
            Err(Refusal::Beaten(rivals)) => self.add(rivals.into_iter().map(Rival::Token)),
            Err(Refusal::Outside) => self.next(),
        }
    }

    fn add(&mut self, rivals: impl IntoIterator<Item = Rival>) {
        let step = self.search.advance(rivals);
        self.take(step);
    }

    fn weigh(&mut self, multipliers: Vec<(Rival, f64)>) {
        let before = self.effort.ends().0;
        self.effort.weigh(self.problem, &multipliers);
        let low = self.effort.ends().0;
        if low >= 1.0 && (low > before || self.outweighing.is_none()) {
            self.outweighing = Some(multipliers);
        }
    }

    /// Keeps what a step proves; goes on to another clearance where it gives no point.
    fn take(&mut self, step: Step) {
        match step {
            Step::Point => {
                let multipliers = self.search.multipliers();
                self.weigh(multipliers);
                // No longer worth while: the shortest points are all beyond what is known.
                self.done = self.is_settled();
            }
            Step::Combination(multipliers) => {
                self.weigh(multipliers);
                self.next();
            }
            Step::Stalled => self.next(),
        }
    }

    /// A smaller clearance, or a larger one as long as nothing was reached.
    fn next(&mut self) {
        let fainter = self.clearance + 1 < CLEARANCES.len() && !self.bolder;
        if !fainter && !self.bolder && !self.reached {
            self.bolder = true;
            self.clearance = FIRST;
        }
        let clearance = if self.bolder {
            self.clearance.checked_sub(1)
        } else {
            fainter.then_some(self.clearance + 1)
        };
        let Some(clearance) = clearance else {
            self.done = true;
            return;
        };
        self.clearance = clearance;
        let step = self.search.restart(Ask::Room(CLEARANCES[clearance] * self.finer));
        self.take(step);
    }
}
