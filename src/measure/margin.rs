//! Measures the best gap of tokens in a ball, see [`BestGap`].
//!
//! Let `N(m)` be the length of the shortest point with a gap of `m` to every rival in the working set: it is convex
//! and rising in `m`. The best gap within the radius `R` has `N(m) = R`. Newton's method from the right converges
//! from above, and its steps are the bounds of the multipliers by duality, so each is proved. Rivals that come closer
//! at the point found are added to the working set, until there are none.

use super::{Done, ROUNDS, batch, in_groups};
use crate::arithmetic::rounding::norm_up;
use crate::certify::best_gap::BestGap;
use crate::certify::scored::Scored;
use crate::certify::survival::RoundingCheck;
use crate::certify::{self, Rival, Verdict, witness};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;

/// The width at which an interval is accepted, as a share of its ends.
const WIDTH: f64 = 1e-7;
/// The float64 resolution of a gap, as a share of the largest score that a row can reach.
const FLOAT_SHARE: f64 = 1e-12;
/// The most Newton steps between two comparisons with all rivals, including steps that add range ends; usually a
/// handful suffices.
const NEWTON_STEPS: usize = 200;
/// The relative slack of proved bounds: steps of only a few times that size are not counted as progress.
const BOUND_SHARE: f64 = 4e-9;
/// The largest length, as a multiple of the radius, of a point that is pulled back into the ball.
const DRAWN_BACK: f64 = 1.0 + 1e-8;
/// The least and the largest share of the way to an interior point by which a point is pulled into the domain; shares
/// grow fourfold.
const DRAWN: (f64, f64) = (1e-12, 1e-4);

/// The best gaps of tokens with these verdicts over the ball of `problem`, in their order; tokens without a rival are
/// left out.
#[cfg(feature = "measures")]
pub fn margins(problem: &Problem, tokens: &[(u32, &Verdict)], done: Done<BestGap>) -> Vec<BestGap> {
    measured(problem, tokens, done, |seeker| seeker.gap)
}

/// Decides undecided tokens from the results of the search for their best gaps: a point where the token wins, or
/// weights that bound its gap by 0. Tokens that stay undecided are left out.
pub fn decided(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    progress: &dyn Progress,
) -> Vec<(u32, Verdict)> {
    let advance = |found: &[Option<(u32, Verdict)>]| progress.advance(found.len());
    let decided = measured(problem, tokens, &advance, |seeker| {
        let token = seeker.gap.token();
        let point = seeker.gap.point().map(<[f64]>::to_vec);
        let won = point.and_then(|z| witness::certify_float(problem, token, z).ok());
        let won = won.map(|witness| certify::won(problem, witness));
        let lost = || certify::lost_in_ball(problem, token, &seeker.outweighing?);
        Some((token, won.or_else(lost)?))
    });
    decided.into_iter().flatten().collect()
}

/// Searches the best gap of each token, and applies `finish` to each search.
fn measured<R: Send>(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    done: Done<R>,
    finish: impl Fn(Seeker) -> R + Sync,
) -> Vec<R> {
    let Some(sphere) = BallSystem::new(problem) else { return Vec::new() };
    let survival = RoundingCheck::new(problem);
    let measure = |group: &[(u32, &Verdict)]| {
        let mut seekers: Vec<Seeker> = group
            .iter()
            .filter_map(|(token, verdict)| Seeker::new(&sphere, *token, verdict))
            .collect();
        for _ in 0..ROUNDS {
            let mut running: Vec<&mut Seeker> = seekers.iter_mut().filter(|s| !s.done).collect();
            if running.is_empty() {
                break;
            }
            let scored = Scored::new(problem, running.iter().map(|s| s.point.clone()).collect());
            for (at, seeker) in running.iter_mut().enumerate() {
                seeker.look(&scored, at, &survival);
            }
        }
        seekers.into_iter().map(&finish).collect()
    };
    in_groups(problem.head(), tokens, done, measure)
}

/// The search for the best gap of one token.
struct Seeker<'a> {
    sphere: &'a BallSystem<'a>,
    gap: BestGap,
    /// Weights that bound the gap by 0 or less.
    outweighing: Option<Vec<(Rival, f64)>>,
    /// The search; `None` until some rivals are known.
    search: Option<Search<'a>>,
    /// The gap requested at present.
    asked: f64,
    /// A point inside the domain.
    inside: Vec<f64>,
    /// The point to score next, in the domain.
    point: Vec<f64>,
    /// The first rivals and range ends of the working set.
    first: Vec<Rival>,
    done: bool,
}

impl<'a> Seeker<'a> {
    /// Starts the search with the interval and the point that follow from the verdict.
    fn new(sphere: &'a BallSystem<'a>, token: u32, verdict: &Verdict) -> Option<Self> {
        let problem = sphere.problem();
        let gap = BestGap::new(problem, token, verdict)?;
        let won = verdict.witness().and_then(|w| w.point_in_floats(problem));
        let won = won.filter(|z| problem.domain().contains(z));
        // Halfway to a point well inside the ranges, because a witness need not lie well inside.
        let mut inside = problem.domain().some_point();
        if let Some(won) = &won {
            inside.iter_mut().zip(won).for_each(|(x, y)| *x = 0.5 * (*x + y));
        }
        let first = match verdict {
            Verdict::Unargmaxable(loss) => loss.blockers().into_iter().map(|b| b.0).collect(),
            _ => Vec::new(),
        };
        let point = won.unwrap_or_else(|| inside.clone());
        Some(Seeker {
            sphere,
            gap,
            outweighing: None,
            search: None,
            asked: 0.0,
            inside,
            point,
            first,
            done: false,
        })
    }

    /// Whether the interval is narrow enough.
    fn is_settled(&self) -> bool {
        let (low, high) = self.gap.ends();
        let problem = self.sphere.problem();
        let reach = self.sphere.ball().radius_up() * problem.norms()[self.gap.token() as usize];
        high - low <= (WIDTH * high.abs().min(low.abs())).max(FLOAT_SHARE * reach)
    }

    /// Compares with all rivals at the present point, and continues the search.
    fn look(&mut self, scored: &Scored, at: usize, survival: &RoundingCheck) {
        self.gap.reach(scored, at, Some(survival));
        if self.search.is_some() && self.is_settled() {
            self.done = true;
            return;
        }
        let count = batch(self.point.len());
        let begun = self.search.is_some();
        let wanted =
            if begun { self.asked - BOUND_SHARE * self.asked.abs() } else { f64::INFINITY };
        let ahead = scored.ahead(at, self.gap.token(), wanted, count);
        let rivals: Vec<Rival> =
            self.first.drain(..).chain(ahead.into_iter().map(Rival::Token)).collect();
        let step = match &mut self.search {
            Some(search) => search.advance(rivals),
            None => self.begin(rivals),
        };
        self.done = !self.newton(step);
    }

    /// Starts the search with the smallest gap bound that a single rival proves.
    fn begin(&mut self, rivals: Vec<Rival>) -> Step {
        let problem = self.sphere.problem();
        let token = self.gap.token();
        let tokens = rivals.iter().filter(|r| matches!(r, Rival::Token(_)));
        let mut bound = f64::INFINITY;
        for &rival in tokens {
            let alone = [(rival, 1.0)];
            let gap = self.gap.weigh(problem, &alone).unwrap_or(f64::INFINITY);
            if gap <= 0.0 {
                self.outweighing = Some(alone.to_vec());
            }
            bound = bound.min(gap);
        }
        if !bound.is_finite() {
            return Step::Stalled;
        }
        self.asked = bound;
        let mut search = Search::new(self.sphere, token, Ask::Gap(bound), None);
        let step = search.advance(rivals);
        self.search = Some(search);
        step
    }

    /// Runs Newton's method over the working set and sets the next point to score; false if there is none.
    fn newton(&mut self, mut step: Step) -> bool {
        let problem = self.sphere.problem();
        let radius = self.sphere.ball().radius_up();
        let Some(search) = &mut self.search else { return false };
        // Where rounding alone forbids a point, the requested gap is lowered by more and more.
        let mut below = FLOAT_SHARE * radius * problem.norms()[self.gap.token() as usize];
        for _ in 0..NEWTON_STEPS {
            let (multipliers, is_point) = match step {
                Step::Point => (search.multipliers(), true),
                Step::Combination(multipliers) => (multipliers, false),
                Step::Stalled => return false,
            };
            let length = norm_up(search.point().iter().copied());
            let within = is_point && length <= radius;
            let bound = if within { None } else { self.gap.weigh(problem, &multipliers) };
            if bound.is_some_and(|bound| bound <= 0.0) {
                self.outweighing = Some(multipliers);
            }
            let next = bound.filter(|b| *b < self.asked - BOUND_SHARE * self.asked.abs());
            match next {
                Some(bound) => {
                    self.asked = bound;
                    step = search.restart(Ask::Gap(bound));
                }
                None if is_point && length <= radius * DRAWN_BACK => {
                    let point = search.point().to_vec();
                    let mut ends = self.sphere.ends_passed(&point);
                    ends.retain(|end| !search.knows(*end));
                    if ends.is_empty() {
                        return self.draw_in(point);
                    }
                    step = search.advance(ends);
                }
                // A point far outside counts as no point: the rivals almost forbid the gap, and float64 cannot
                // decide.
                None => {
                    below = (2.0 * below).max(BOUND_SHARE * self.asked.abs());
                    self.asked -= below;
                    step = search.restart(Ask::Gap(self.asked));
                }
            }
        }
        false
    }

    /// Pulls a point that is close to the domain into it; false if it is too far away.
    fn draw_in(&mut self, mut point: Vec<f64>) -> bool {
        let (domain, ball) = (self.sphere.problem().domain(), self.sphere.ball());
        let length = norm_up(point.iter().copied());
        // Pull towards the centre, unless that may lead out of the ranges.
        if length > ball.radius_down() && !domain.has_ranges() {
            point.iter_mut().for_each(|x| *x *= ball.radius_down() / length);
        }
        let mut share = 0.0;
        while share <= DRAWN.1 {
            let drawn: Vec<f64> =
                point.iter().zip(&self.inside).map(|(x, y)| x + share * (y - x)).collect();
            if domain.contains(&drawn) {
                self.point = drawn;
                return true;
            }
            share = (4.0 * share).max(DRAWN.0);
        }
        false
    }
}
