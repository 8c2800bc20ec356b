//! Measures effort: the shortest points at which tokens win, see [`Effort`].
//!
//! The shortest point with some clearance to all rivals, found by the search of [`crate::prove::ball::search`], is a
//! witness; its dual multipliers bound the effort from below (Lawson and Hanson 1974, ch. 23: the dual of
//! least-distance programming). The clearance is reduced until both ends meet.

use super::{Done, ROUNDS, batch, in_groups};
use crate::arithmetic::rounding::norm_up;
use crate::certify::effort::Effort;
use crate::certify::scored::Scored;
use crate::certify::witness::{self, Refusal};
use crate::certify::{self, Rival, Verdict};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;

/// The clearances requested, largest first, in the coordinates of [`BallSystem`] for a ball of the radius that
/// efforts are shares of.
const CLEARANCES: [f64; 5] =
    [1.0, 1.0 / 1024.0, 1.0 / 262144.0, 1.0 / 16777216.0, 1.0 / 268435456.0];
/// The index of the first clearance: for most tokens the point is then about `1e-8` of the radius longer than
/// necessary.
const FIRST: usize = 2;
/// The width at which an interval is accepted, as a share of its upper end.
const WIDTH: f64 = 1e-7;
/// The factor by which the ball is enlarged in which tokens that cannot win are searched.
pub const BEYOND: f64 = 64.0;

/// A token and its verdicts.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The token.
    pub token: u32,
    /// The verdict over the ball.
    pub verdict: &'a Verdict,
    /// The verdict over all of space, if there is one.
    pub free: Option<&'a Verdict>,
}

/// The efforts of tokens with these verdicts over the ball of `problem`, in their order. Points are searched in
/// `outer`, the same problem with a ball whose radius is larger by a power of two, or the same.
#[cfg(feature = "measures")]
pub fn efforts(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    done: Done<Effort>,
) -> Vec<Effort> {
    measured(problem, outer, tokens, done, |seeker| seeker.effort)
}

/// Decides undecided tokens from the results of the search for their efforts: a point inside the ball where the token
/// wins, or weights that no point inside overcomes. Tokens that stay undecided are left out.
pub fn decided(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    progress: &dyn Progress,
) -> Vec<(u32, Verdict)> {
    let advance = |found: &[Option<(u32, Verdict)>]| progress.advance(found.len());
    let decided = measured(problem, outer, tokens, &advance, |seeker| {
        let token = seeker.effort.token();
        let won = seeker.point.and_then(|z| witness::certify_float(problem, token, z).ok());
        let won = won.map(|witness| certify::won(problem, witness));
        let lost = || certify::lost_in_ball(problem, token, &seeker.outweighing?);
        Some((token, won.or_else(lost)?))
    });
    decided.into_iter().flatten().collect()
}

/// Searches the effort of each token, and applies `finish` to each search.
fn measured<R: Send>(
    problem: &Problem,
    outer: &Problem,
    tokens: &[Known],
    done: Done<R>,
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
    in_groups(problem.head(), tokens, done, measure)
}

/// The search for the effort of one token.
struct Seeker<'a> {
    problem: &'a Problem<'a>,
    sphere: &'a BallSystem<'a>,
    search: Search<'a>,
    effort: Effort,
    /// The factor that clearances are multiplied by.
    finer: f64,
    /// The index of the present clearance.
    clearance: usize,
    /// Whether a win at some point was proved.
    reached: bool,
    /// Whether clearances are being raised, because no smaller one gave a point.
    bolder: bool,
    /// The shortest point with a proved win.
    point: Option<Vec<f64>>,
    /// Weights that no point inside the ball overcomes.
    outweighing: Option<Vec<(Rival, f64)>>,
    done: bool,
}

impl<'a> Seeker<'a> {
    /// Starts the search with the interval that follows from the verdicts.
    fn new(
        problem: &'a Problem<'a>,
        sphere: &'a BallSystem<'a>,
        effort: Effort,
        finer: f64,
    ) -> Self {
        let search =
            Search::new(sphere, effort.token(), Ask::Clearance(CLEARANCES[FIRST] * finer), None);
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

    /// Whether the interval is narrow enough.
    fn is_settled(&self) -> bool {
        let (low, high) = self.effort.ends();
        high.is_finite() && high - low <= WIDTH * high || low == high
    }

    /// Compares with all rivals at the search's point, and continues the search.
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

    /// Adds rivals to the working set.
    fn add(&mut self, rivals: impl IntoIterator<Item = Rival>) {
        let step = self.search.advance(rivals);
        self.take(step);
    }

    /// Raises the lower end by dual multipliers, and keeps them if they prove that the token loses in the ball.
    fn weigh(&mut self, multipliers: Vec<(Rival, f64)>) {
        let before = self.effort.ends().0;
        self.effort.weigh(self.problem, &multipliers);
        let low = self.effort.ends().0;
        if low >= 1.0 && (low > before || self.outweighing.is_none()) {
            self.outweighing = Some(multipliers);
        }
    }

    /// Uses the bound that a step proves, and goes on to another clearance if the step gives no point.
    fn take(&mut self, step: Step) {
        match step {
            Step::Point => {
                let multipliers = self.search.multipliers();
                self.weigh(multipliers);
                // The effort may be settled: the shortest points cannot improve what is known.
                self.done = self.is_settled();
            }
            Step::Combination(multipliers) => {
                self.weigh(multipliers);
                self.next();
            }
            Step::Stalled => self.next(),
        }
    }

    /// Goes on to a smaller clearance, or, as long as no win was proved, to larger ones.
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
        let step = self.search.restart(Ask::Clearance(CLEARANCES[clearance] * self.finer));
        self.take(step);
    }
}
