//! Asks for a point where a token beats its rivals with handicaps, or for rivals that block it.
//!
//! Each rival has a *price*. A handicap `tau` allows it to be ahead by `tau` times its price, in the scaled coordinates of
//! the solver: those of price 0 must be beaten. The larger `tau` is, the fewer rivals block the token, and the cheaper are
//! those that do. For weights `a_j` that block it, the largest such `tau` is a quotient of two sums over the weights, so
//! that Newton's method of Dinkelbach (1967) climbs to the cheapest weights: a linear program in a box. At the last step
//! there is a point, where mainly expensive rivals are ahead.

use std::collections::HashSet;

use super::space::Space;
use crate::certify::Rival;
use crate::order;
use crate::prove::least_distance::LeastDistance;
use crate::prove::polyhedron::system::Constraint;
use crate::prove::qr::norm;
use crate::prove::solver::{Outcome, Solver};

/// The most solutions compared with all rivals in one question.
const ROUNDS: usize = 60;
/// The most handicaps tried in the search for the cheapest weights.
const STEPS: usize = 24;
/// How much larger than what known weights allow a handicap is requested.
const BEYOND: f64 = 1.0 + 1.0 / 1048576.0;
/// A weight, as a share of the largest, that counts as rounding.
const NEGLIGIBLE: f64 = 1e-13;
/// The most numbers in the rows of one search.
const MOST_NUMBERS: usize = 1 << 25;

/// Weights by which rivals block a token, as proposed.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Constraints and weights of their unscaled rows.
    pub multipliers: Vec<(Constraint, f64)>,
    /// The rivals among them with the weights of rows of length one.
    pub rivals: Vec<(u32, f64)>,
    /// How much the weighted sum of all bounds exceeds what any point can give.
    excess: f64,
}

impl Weights {
    /// The largest handicap for which these weights still block the token.
    pub fn handicap(&self, price: &dyn Fn(u32) -> f64) -> f64 {
        let cost: f64 = self.rivals.iter().map(|&(j, weight)| weight * price(j)).sum();
        if cost > 0.0 { self.excess / cost } else { f64::INFINITY }
    }
}

/// The answer to a question.
pub enum Answer {
    /// A point where no rival is ahead by more than its handicap.
    Point(Vec<f64>),
    /// Weights that show that there is none.
    Blocked(Weights),
    /// Float64 could not tell.
    Stuck,
}

/// A constraint in the working set.
struct Known {
    constraint: Constraint,
    length: f64,
    wanted: f64,
}

/// The searches for one token, with a working set that they share.
pub struct Oracle<'a> {
    space: &'a Space<'a>,
    token: u32,
    working: Vec<Known>,
    seen: HashSet<Constraint>,
    rows: Vec<f64>,
}

/// One solver over the working set, without the banned rivals.
struct Run {
    solver: LeastDistance,
    /// The place in the working set of each row of the solver.
    placed: Vec<usize>,
}

impl<'a> Oracle<'a> {
    /// An oracle that knows these rivals.
    pub fn new(space: &'a Space<'a>, token: u32, rivals: &[u32]) -> Self {
        let (working, seen, rows) = (Vec::new(), HashSet::new(), Vec::new());
        let mut oracle = Oracle { space, token, working, seen, rows };
        let rivals = rivals.iter().map(|&j| Constraint::Rival(Rival::Token(j)));
        for constraint in space.first().into_iter().chain(rivals) {
            oracle.learn(constraint);
        }
        oracle
    }

    /// Adds a constraint to the working set, and returns its place if it is new and has a usable row.
    fn learn(&mut self, constraint: Constraint) -> Option<usize> {
        if !self.seen.insert(constraint) {
            return None;
        }
        let inequality = self.space.inequality(self.token, constraint);
        let place = self.working.len();
        let inequality = inequality.filter(|i| i.wanted.is_finite())?;
        self.rows.extend(inequality.row);
        let (length, wanted) = (inequality.length, inequality.wanted);
        self.working.push(Known { constraint, length, wanted });
        Some(place)
    }

    /// Asks with all rivals but the banned ones.
    pub fn without(&mut self, banned: &dyn Fn(u32) -> bool) -> Answer {
        let mut run = self.start(banned);
        self.answer(&mut run, banned, &|_| 0.0)
    }

    /// Searches the cheapest weights, beginning with a handicap that known weights allow, and the point beyond them. The
    /// weights are `None` if none are cheaper than the known ones, the point is `None` if some weights are free of charge.
    pub fn cheapest(
        &mut self,
        price: &dyn Fn(u32) -> f64,
        known: f64,
    ) -> (Option<Weights>, Option<Vec<f64>>) {
        let nobody = |_: u32| false;
        let mut run = self.start(&nobody);
        let (mut tau, mut best) = (known * BEYOND, None);
        for _ in 0..STEPS {
            let handicap = |j: u32| tau * price(j);
            self.aim(&mut run, &handicap);
            match self.answer(&mut run, &nobody, &handicap) {
                Answer::Point(point) => return (best, Some(point)),
                Answer::Blocked(weights) => {
                    let allowed = weights.handicap(price);
                    // Rounding may hide the gain; then these weights are as cheap as the request.
                    tau = allowed.max(tau) * BEYOND;
                    best = Some(weights);
                    if !tau.is_finite() {
                        break;
                    }
                }
                Answer::Stuck => break,
            }
        }
        (best, None)
    }

    /// A solver with the rows of the working set that are not banned.
    fn start(&self, banned: &dyn Fn(u32) -> bool) -> Run {
        let dim = self.space.dim();
        let mut run = Run { solver: LeastDistance::new(dim), placed: Vec::new() };
        for (place, known) in self.working.iter().enumerate() {
            if !is_banned(known.constraint, banned) {
                run.solver.add_bounded(&self.rows[place * dim..(place + 1) * dim], known.wanted);
                run.placed.push(place);
            }
        }
        run
    }

    /// The bound of a constraint with a handicap.
    fn wanted(&self, place: usize, handicap: &dyn Fn(u32) -> f64) -> f64 {
        let known = &self.working[place];
        match known.constraint {
            Constraint::Rival(Rival::Token(j)) => known.wanted - handicap(j),
            _ => known.wanted,
        }
    }

    /// Gives the solver the bounds for other handicaps.
    fn aim(&self, run: &mut Run, handicap: &dyn Fn(u32) -> f64) {
        let bounds = run.placed.iter().map(|&place| self.wanted(place, handicap)).collect();
        run.solver.aim(&vec![0.0; self.space.dim()], bounds);
    }

    /// Solves, and adds the rivals that the solution does not beat, until there are none or no solution.
    fn answer(
        &mut self,
        run: &mut Run,
        banned: &dyn Fn(u32) -> bool,
        handicap: &dyn Fn(u32) -> f64,
    ) -> Answer {
        let dim = self.space.dim();
        for _ in 0..ROUNDS {
            let u = match run.solver.solve() {
                Outcome::Stalled => return Answer::Stuck,
                Outcome::Combination(weights) => return self.blocked(run, weights, handicap),
                Outcome::Point(u) => u,
            };
            if self.space.radius().is_some_and(|radius| norm(&u) >= radius) {
                let weights = run.solver.multipliers();
                return self.blocked(run, weights, handicap);
            }
            let point = self.space.point(&u);
            if !point.iter().all(|x| x.is_finite()) || self.rows.len() > MOST_NUMBERS {
                return Answer::Stuck;
            }
            let ends = self.space.ends_passed(&u).into_iter().take(dim).map(Constraint::Rival);
            let ahead = self.ahead(&point, banned, dim.clamp(32, 128));
            let ahead = ahead.into_iter().map(|j| Constraint::Rival(Rival::Token(j)));
            let mut added = false;
            for constraint in ends.chain(ahead) {
                let Some(place) = self.learn(constraint) else { continue };
                let wanted = self.wanted(place, handicap);
                run.solver.add_bounded(&self.rows[place * dim..(place + 1) * dim], wanted);
                run.placed.push(place);
                added = true;
            }
            if !added {
                return Answer::Point(point);
            }
        }
        Answer::Stuck
    }

    /// At most `count` rivals outside the working set that score at least as much at a point, the highest first.
    fn ahead(&self, point: &[f64], banned: &dyn Fn(u32) -> bool, count: usize) -> Vec<u32> {
        let problem = self.space.problem();
        let head = problem.head();
        let scores = head.products(point);
        let score = |j: u32| scores[j as usize] + head.bias(j as usize);
        let own = score(self.token);
        let is_new = |j: u32| !self.seen.contains(&Constraint::Rival(Rival::Token(j)));
        let mut ahead: Vec<(f64, u32)> = (0..head.tokens() as u32)
            .map(|j| (score(j), j))
            // Negated so that NaN counts as ahead.
            .filter(|&(score, j)| !(score < own) && j != self.token && is_new(j) && !banned(j))
            .filter(|&(_, j)| !problem.groups().same_row(self.token, j))
            .collect();
        order::keep_highest(&mut ahead, count);
        ahead.into_iter().map(|a| a.1).collect()
    }

    /// The weights of an outcome of the solver.
    fn blocked(
        &self,
        run: &Run,
        weights: Vec<(usize, f64)>,
        handicap: &dyn Fn(u32) -> f64,
    ) -> Answer {
        let largest = weights.iter().map(|w| w.1).fold(0.0, f64::max);
        let dim = self.space.dim();
        let mut found = Weights { multipliers: Vec::new(), rivals: Vec::new(), excess: 0.0 };
        let mut sum = vec![0.0; dim];
        for (row, weight) in weights {
            if !(weight > NEGLIGIBLE * largest) {
                continue;
            }
            let place = run.placed[row];
            let known = &self.working[place];
            let numbers = &self.rows[place * dim..(place + 1) * dim];
            sum.iter_mut().zip(numbers).for_each(|(s, x)| *s += weight * x);
            found.excess += weight * known.wanted;
            found.multipliers.push((known.constraint, weight / known.length));
            if let Constraint::Rival(Rival::Token(j)) = known.constraint {
                found.rivals.push((j, weight));
            }
        }
        if let Some(radius) = self.space.radius() {
            found.excess -= radius * norm(&sum);
        }
        // With a handicap, weights that need all of it prove nothing.
        let charged = |j: u32| handicap(j) > 0.0;
        let sound = found.excess > 0.0 || !found.rivals.iter().any(|r| charged(r.0));
        if found.rivals.is_empty() || !sound {
            return Answer::Stuck;
        }
        Answer::Blocked(found)
    }
}

/// Whether a constraint is a banned rival.
fn is_banned(constraint: Constraint, banned: &dyn Fn(u32) -> bool) -> bool {
    matches!(constraint, Constraint::Rival(Rival::Token(j)) if banned(j))
}
