//! Measures the largest probability of tokens over the domain, see [`Ceiling`].
//!
//! The log odds against a token, `S(h) = ln sum_(j != t) e^(z_j - z_t)`, are convex in the hidden state, so their least
//! value is a convex problem. It is solved over a small working set of rivals, which grows by those that carry a share of
//! the probability at the point found. The softmax weights of the rivals at the solution are the dual solution: they prove
//! the upper end ([`unargmax_check::verify::log_odds`]), and the point proves the lower one.
//!
//! - [`working`]: the rivals of a token that count, and the log odds over them;
//! - [`gradient`]: a search in a ball, by projected gradients; [`region`]: the points that it may visit, with ranges too;
//! - [`newton`]: a search outside a ball, where the weights must combine to the row of the token exactly;
//! - [`basis`]: the weights split into those that are kept and those that solve the equations.

mod basis;
mod exponential;
mod gradient;
mod newton;
mod region;
mod working;

use super::{Done, in_groups};
use crate::certify::ceiling::{self, Ceiling};
use crate::certify::enclosure::Support;
use crate::certify::{Rival, Verdict};
use crate::problem::Problem;
use region::Region;
use working::Working;

/// The relative width at which an interval is accepted: less than the one per cent that is promised, because the bounds
/// have slack of their own.
const WIDTH: f64 = 0.006;
/// Weights below these take no part, one bound after the other until the others are proved to exist.
const NEGLIGIBLE: [f64; 4] = [1e-14, 1e-9, 1e-5, 1e-2];
/// The most comparisons with all rivals.
const ROUNDS: usize = 12;
/// The factor by which a winning point is moved outwards.
const OUTWARD: f64 = 8.0;
/// The most coordinates for which Newton's method is used, whose steps cost the square of that for each rival.
const WIDEST: usize = 1024;

/// The intervals of the largest probabilities of tokens with these verdicts, in their order.
pub fn ceilings(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    done: Done<Ceiling>,
) -> Vec<Ceiling> {
    let norms = ceiling::norms(problem);
    let centre = centre(problem);
    let region = Region::new(problem.domain());
    let region = region.as_ref();
    let measure = |group: &[(u32, &Verdict)]| {
        let mut seekers: Vec<Seeker> =
            group.iter().map(|(t, v)| Seeker::new(problem, region, *t, v, &centre)).collect();
        for _ in 0..ROUNDS {
            let mut running: Vec<&mut Seeker> = seekers.iter_mut().filter(|s| !s.done).collect();
            if running.is_empty() {
                break;
            }
            let points: Vec<f64> = running.iter().flat_map(|s| s.point.iter().copied()).collect();
            let products = problem.head().products(&points);
            let products = products.chunks_exact(problem.head().tokens());
            running.iter_mut().zip(products).for_each(|(seeker, products)| seeker.look(products));
        }
        let (mut ceilings, points): (Vec<Ceiling>, Vec<Vec<f64>>) =
            seekers.into_iter().map(|seeker| (seeker.ceiling, seeker.best)).unzip();
        let mut reached: Vec<(&mut Ceiling, &[f64])> =
            ceilings.iter_mut().zip(points.iter().map(Vec::as_slice)).collect();
        Ceiling::reach(problem, &norms, &mut reached);
        ceilings.iter_mut().for_each(|ceiling| ceiling.shorten(problem));
        ceilings
    };
    in_groups(problem.head(), tokens, done, measure)
}

/// The mean of the rows that score points.
fn centre(problem: &Problem) -> Vec<f64> {
    let head = problem.head();
    let (mut sum, mut row) = (vec![0.0; head.dim()], vec![0.0; head.dim()]);
    for t in 0..head.tokens() {
        head.copy_row(t, &mut row);
        sum.iter_mut().zip(&row).for_each(|(s, x)| *s += x);
    }
    sum.iter().map(|s| s / head.tokens() as f64).collect()
}

/// The search for the largest probability of one token.
struct Seeker<'a> {
    problem: &'a Problem<'a>,
    /// Where points may lie, if there is a ball.
    region: Option<&'a Region<'a>>,
    ceiling: Ceiling,
    /// The rivals that count.
    rivals: Vec<u32>,
    /// The next point to score.
    point: Vec<f64>,
    /// The point with the least log odds so far, and these.
    best: Vec<f64>,
    least: f64,
    /// Whether the search only goes outwards so far: from a witness, where there is no ball.
    is_outward: bool,
    done: bool,
}

impl<'a> Seeker<'a> {
    /// Starts at the witness, or in the direction of the token's row, with the rivals of its losing proof.
    fn new(
        problem: &'a Problem<'a>,
        region: Option<&'a Region<'a>>,
        token: u32,
        verdict: &Verdict,
        centre: &[f64],
    ) -> Self {
        let mut point = problem.domain().some_point();
        if let Some(region) = region.filter(|_| !problem.domain().has_ranges()) {
            point = match verdict.witness().and_then(|w| w.point_in_floats(problem)) {
                Some(point) => point,
                None => {
                    problem.head().row(token as usize).zip(centre).map(|(w, c)| w - c).collect()
                }
            };
            region.stretch(&mut point);
        } else if let Some(won) = verdict.witness().and_then(|w| w.point_in_floats(problem)) {
            point = won;
        }
        let rivals = match verdict {
            Verdict::Unargmaxable(loss) => {
                let tokens = loss.blockers().into_iter().filter_map(|(rival, _)| match rival {
                    Rival::Token(j) => Some(j),
                    _ => None,
                });
                tokens.collect()
            }
            _ => Vec::new(),
        };
        Seeker {
            problem,
            region,
            ceiling: Ceiling::unknown(token),
            rivals,
            best: point.clone(),
            point,
            least: f64::INFINITY,
            is_outward: verdict.witness().is_some() && problem.domain().ball().is_none(),
            done: false,
        }
    }

    /// Compares with all rivals at the present point, given their products with it, and searches again with those that
    /// carry a share of the probability there.
    fn look(&mut self, products: &[f64]) {
        let token = self.ceiling.token();
        let log_odds = working::grow(self.problem, token, products, &mut self.rivals);
        let improved = log_odds < self.least;
        if improved {
            self.least = log_odds;
            self.best.clone_from(&self.point);
        }
        let low = 1.0 / (1.0 + exponential::exp(self.least));
        let high = self.ceiling.ends().1;
        if high <= low * (1.0 + WIDTH) || self.rivals.is_empty() {
            self.done = true;
            return;
        }
        let domain = self.problem.domain();
        if self.is_outward && improved {
            // Where the winning points are a cone, the probability rises along it without end.
            self.point.iter_mut().for_each(|x| *x *= OUTWARD);
            domain.clamp(&mut self.point);
            return;
        }
        self.is_outward = false;
        let working = Working::new(self.problem, token, &self.rivals);
        match self.region {
            Some(region) => {
                let weights = gradient::search(&working, region, &mut self.point);
                let ends = region.least(&working.pull(&weights)).ends;
                let support = Support { frozen: weights, ..Support::default() };
                self.ceiling.weigh(self.problem, support, ends);
                match region.drawn_in(&self.point) {
                    Some(point) => self.point = point,
                    None => self.done = true,
                }
            }
            None if domain.dim() <= WIDEST => {
                let weights = newton::search(&working, domain, &mut self.point);
                // Where the least value lies at infinity, only the heavier weights combine to the row.
                for negligible in NEGLIGIBLE {
                    let heavy: Vec<(u32, f64)> =
                        weights.iter().copied().filter(|weight| weight.1 > negligible).collect();
                    if let Some(support) = basis::split(self.problem, token, &self.point, &heavy) {
                        self.ceiling.weigh(self.problem, support, Vec::new());
                    }
                    if self.ceiling.ends().1 < 1.0 {
                        break;
                    }
                }
                self.done = weights.is_empty();
            }
            None => self.done = true,
        }
    }
}
