//! Measures the raise of its own bias that a lost token needs, in a box or all of space: its best gap there, see
//! [`BestGap`].
//!
//! The best gap is the value of a linear program, and by duality the least `sum x_j (b_t - b_j)` (plus terms of the
//! range ends) over weights that combine to the token's row. Each step asks for a gap a little below the least value
//! so far: either there is a point with that gap to the rivals in the working set, or these rivals combine to a
//! smaller value (Dinkelbach 1967; for a linear program this is the dual simplex method with whole pivots). Lengths
//! are those of a large ball, which only proposes.

use num_bigint::BigInt;

use super::{Done, ROUNDS, batch, in_groups};
use crate::arithmetic::rounding::norm_up;
use crate::certify::best_gap::BestGap;
use crate::certify::enclosure::Support;
use crate::certify::scored::Scored;
use crate::certify::{Loss, Rival, Verdict};
use crate::domain::{Ball, Domain};
use crate::problem::Problem;
use crate::prove::ball::search::{Ask, Search, Step};
use crate::prove::ball::system::BallSystem;
use crate::prove::polyhedron::support;
use crate::prove::polyhedron::system::{Constraint, System};

/// The most steps between two comparisons with all rivals.
const STEPS_A_LOOK: usize = 200;
/// How far below the least value so far a gap is requested, as a share of the score of the longest row at the
/// proposals' radius: a little more than the error of the solver.
const BELOW: f64 = 1.0 / 274877906944.0;

/// The best gaps of lost tokens over a domain without a ball, in their order. `length` is the approximate length of
/// hidden states where biases and scores balance. Empty if the domain fixes a coordinate.
pub fn gaps(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    length: f64,
    done: Done<BestGap>,
) -> Vec<BestGap> {
    let Some(domain) = proposing(problem.domain(), length) else { return Vec::new() };
    let Ok(around) = Problem::new(problem.stored(), &domain) else { return Vec::new() };
    let Some(sphere) = BallSystem::new(&around) else { return Vec::new() };
    let system = System::new(problem);
    let measure = |group: &[(u32, &Verdict)]| {
        let mut seekers: Vec<Seeker> = group
            .iter()
            .filter_map(|(token, verdict)| Seeker::new(problem, &sphere, *token, verdict))
            .collect();
        for _ in 0..ROUNDS {
            let mut running: Vec<&mut Seeker> = seekers.iter_mut().filter(|s| !s.done).collect();
            if running.is_empty() {
                break;
            }
            let scored = Scored::new(problem, running.iter().map(|s| s.point.clone()).collect());
            for (at, seeker) in running.iter_mut().enumerate() {
                seeker.look(&scored, at);
            }
        }
        seekers.into_iter().zip(group).map(|(s, (_, verdict))| s.proved(&system, verdict)).collect()
    };
    in_groups(problem.head(), tokens, done, measure)
}

/// The domain, restricted to a ball whose radius scales the searches.
fn proposing(domain: &Domain, length: f64) -> Option<Domain> {
    let size = norm_up(domain.some_point().into_iter());
    let radius = length.max(4.0 * size);
    let ball = Ball::around_origin(domain.dim(), radius).ok()?;
    domain.clone().within(ball).ok()
}

/// The search for the best gap of one token.
struct Seeker<'a> {
    problem: &'a Problem<'a>,
    sphere: &'a BallSystem<'a>,
    search: Search<'a>,
    gap: BestGap,
    asked: f64,
    below: f64,
    /// The weights of the least value so far.
    weights: Vec<(Rival, f64)>,
    least: f64,
    point: Vec<f64>,
    done: bool,
}

impl<'a> Seeker<'a> {
    /// Starts the search from the rivals in the losing proof; `None` for tokens that do not lose.
    fn new(
        problem: &'a Problem<'a>,
        sphere: &'a BallSystem<'a>,
        token: u32,
        verdict: &Verdict,
    ) -> Option<Self> {
        let Verdict::Unargmaxable(loss) = verdict else { return None };
        let gap = BestGap::new(problem, token, verdict)?;
        let longest = problem.norms().iter().fold(f64::MIN_POSITIVE, |m, n| m.max(*n));
        let reach = longest * sphere.ball().radius_up();
        let mut seeker = Seeker {
            problem,
            sphere,
            search: Search::new(sphere, token, Ask::Gap(0.0), None),
            gap,
            asked: 0.0,
            below: BELOW * reach,
            weights: Vec::new(),
            least: f64::INFINITY,
            point: problem.domain().some_point(),
            done: false,
        };
        let rivals = loss.blockers().into_iter().map(|b| b.0);
        let rivals: Vec<Rival> = rivals
            .filter(|r| !matches!(r, Rival::Token(j) if problem.groups().same_row(*j, token)))
            .collect();
        if !rivals.is_empty() {
            let step = seeker.search.advance(rivals);
            // If this step fails, the first comparison with all rivals makes up for it.
            seeker.descend(step);
        }
        Some(seeker)
    }

    /// Compares with all rivals at the present point, and continues the search.
    fn look(&mut self, scored: &Scored, at: usize) {
        self.gap.reach(scored, at, None);
        let count = batch(self.point.len());
        let mut ends = self.sphere.ends_passed(self.search.point());
        ends.truncate(count / 2);
        let ahead = scored.ahead(at, self.gap.token(), self.asked, count);
        let step = self.search.advance(ends.into_iter().chain(ahead.into_iter().map(Rival::Token)));
        self.done = !self.descend(step);
    }

    /// Lowers the requested gap until the working set allows a point; false if that fails or if nothing was added.
    fn descend(&mut self, mut step: Step) -> bool {
        let mut below = self.below;
        for _ in 0..STEPS_A_LOOK {
            match step {
                Step::Point => {
                    self.point = self.search.point().to_vec();
                    self.problem.domain().clamp(&mut self.point);
                    return self.point.iter().all(|x| x.is_finite());
                }
                Step::Combination(weights) => {
                    let value = self.value(&weights);
                    if value < self.least {
                        self.least = value;
                        self.weights = weights;
                    }
                    self.asked = self.asked.min(value) - below;
                    // Rounding may forbid a point although there is one: lower the request by more each time.
                    below *= 2.0;
                    step = self.search.restart(Ask::Gap(self.asked));
                }
                Step::Stalled => return false,
            }
        }
        false
    }

    /// The bound from weights of unscaled inequalities that combine to 0, up to rounding.
    fn value(&self, weights: &[(Rival, f64)]) -> f64 {
        let (head, domain) = (self.problem.head(), self.problem.domain());
        let own = head.bias(self.gap.token() as usize);
        let (mut sum, mut total) = (0.0, 0.0);
        for &(rival, weight) in weights {
            match rival {
                Rival::Token(j) => {
                    sum += weight * (own - head.bias(j as usize));
                    total += weight;
                }
                Rival::Lower(k) => sum -= weight * domain.lo(k as usize),
                Rival::Upper(k) => sum += weight * domain.hi(k as usize),
            }
        }
        if total > 0.0 { sum / total } else { f64::INFINITY }
    }

    /// The interval, with its upper end lowered by the best weights or, if these prove nothing, by those of the
    /// verdict.
    fn proved(mut self, system: &System, verdict: &Verdict) -> BestGap {
        let token = self.gap.token();
        let weights: Vec<(Constraint, f64)> =
            self.weights.iter().map(|&(r, w)| (Constraint::Rival(r), w)).collect();
        let enclosed = support::basic(system, token, &weights)
            .is_some_and(|support| self.gap.enclose(self.problem, support));
        if !enclosed
            && !support::exact(system, token, &weights)
                .is_some_and(|weights| self.gap.combine(self.problem, weights))
        {
            match verdict_weights(verdict) {
                Some(Weights::Enclosed(support)) => {
                    self.gap.enclose(self.problem, support);
                }
                Some(Weights::Exact(weights)) => {
                    self.gap.combine(self.problem, weights);
                }
                None => {}
            }
        }
        self.gap
    }
}

/// The weights of a losing proof, approximate or exact.
enum Weights {
    Enclosed(Support),
    Exact(Vec<(u32, BigInt)>),
}

/// The weights of the losing proof of a verdict, if it has any.
fn verdict_weights(verdict: &Verdict) -> Option<Weights> {
    let Verdict::Unargmaxable(loss) = verdict else { return None };
    match loss {
        Loss::Enclosed(e) => Some(Weights::Enclosed(e.support().clone())),
        Loss::Exact(e) => Some(Weights::Exact(e.weights().to_vec())),
        _ => None,
    }
}
