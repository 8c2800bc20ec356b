//! Searches the best ranks of tokens that are not proved to win: sets of rivals that block a token, with shares, from
//! below, and points where few rivals are ahead from above. [`crate::certify::rank`] proves what is proposed here.
//!
//! - [`space`]: the inequalities of a token in a box or a ball;
//! - [`oracle`]: the search for one set or point, where rivals have prices;
//! - [`pool`]: the sets found so far, prices by use, and the linear program of the shares;
//! - [`walk`]: from a point to better ones.
//!
//! Sets and points are searched together. Rivals become dearer the more sets they are in, so that further sets use others
//! (multiplicative weights); the point beyond the cheapest set lets mainly dear rivals be ahead, and is a point of low
//! rank. At the best point each rival ahead is put back, alone: either that gives a better point, or a set that has only this
//! one of them.

mod oracle;
mod pool;
mod space;
mod walk;

use super::Done;
use crate::certify::rank::{BestRank, BlockingSet};
use crate::certify::{Rival, Verdict};
use crate::domain::Domain;
use crate::parallel;
use crate::problem::Problem;
use crate::prove::polyhedron::support;
use crate::prove::polyhedron::system::{Constraint, System};
use oracle::{Answer, Oracle, Weights};
use pool::{Entry, Pool};
use space::Space;
use walk::Walk;

/// How fast prices grow with use, as powers of two, and the number of sets searched at each.
const PASSES: [(u32, usize); 2] = [(1, 32), (3, 16)];
/// The number of steps of a walk from a point that was found by the prices, and from the best one.
const STEPS: (usize, usize) = (8, 200);
/// The most rivals put back at a point before the next point.
const PUT_BACK: usize = 64;
/// The most points at which rivals are put back.
const POINTS: usize = 8;

/// The best ranks of tokens with these verdicts, in their order.
pub fn best_ranks(
    problem: &Problem,
    tokens: &[(u32, &Verdict)],
    done: Done<BestRank>,
) -> Vec<BestRank> {
    if let Some(ranks) = BestRank::at_only_point(problem, tokens) {
        return ranks;
    }
    without_its_ball(problem, |around| searched(problem, around, tokens, done))
}

/// The best ranks, with sets that block tokens over the domain of `around`, which has no ball.
fn searched(
    problem: &Problem,
    around: &Problem,
    tokens: &[(u32, &Verdict)],
    done: Done<BestRank>,
) -> Vec<BestRank> {
    let (space, system) = (Space::new(problem), System::new(around));
    let rank = |&(token, verdict): &(u32, &Verdict)| {
        done(&[]);
        let best = BestRank::new(problem, token, verdict);
        let best = match verdict.witness() {
            Some(_) => best,
            None => {
                let first = BlockingSet::of_verdict(problem, token, verdict);
                Hunt::new(&space, &system, best, first).run()
            }
        };
        done(std::slice::from_ref(&best));
        best
    };
    parallel::map_singly(tokens.len(), &|i| rank(&tokens[i]))
}

/// Calls `look` with the problem over the same domain without its ball (the same problem, if there is none): weights that
/// combine to a row prove their set in a ball too, where those of a ball may need rounding.
pub fn without_its_ball<R>(problem: &Problem, look: impl FnOnce(&Problem) -> R) -> R {
    let domain = without_ball(problem.domain());
    let around = domain.as_ref().and_then(|domain| Problem::new(problem.stored(), domain).ok());
    look(around.as_ref().unwrap_or(problem))
}

/// The box of a domain with a ball; `None` without one.
fn without_ball(domain: &Domain) -> Option<Domain> {
    domain.ball()?;
    let ends = |end: fn(&Domain, usize) -> f64| (0..domain.dim()).map(|k| end(domain, k)).collect();
    match domain.has_ranges() {
        true => Domain::ranges(ends(Domain::lo), ends(Domain::hi)).ok(),
        false => Some(Domain::free(domain.dim())),
    }
}

/// The search for the best rank of one token.
struct Hunt<'a> {
    space: &'a Space<'a>,
    /// The inequalities without the ball.
    system: &'a System<'a>,
    oracle: Oracle<'a>,
    best: BestRank,
    /// The proved set of the verdict.
    first: Option<BlockingSet>,
    pool: Pool,
    /// The best point so far, and the number of rivals of other rows ahead there.
    point: Option<(Vec<f64>, usize)>,
}

impl<'a> Hunt<'a> {
    fn new(
        space: &'a Space<'a>,
        system: &'a System<'a>,
        best: BestRank,
        first: Option<BlockingSet>,
    ) -> Self {
        let rivals = first.as_ref().map_or(&[][..], BlockingSet::rivals);
        let oracle = Oracle::new(space, best.token(), rivals);
        let mut pool = Pool::default();
        if first.is_some() {
            pool.add(Entry { rivals: rivals.to_vec(), weights: None });
        }
        Hunt { space, system, oracle, best, first, pool, point: None }
    }

    /// Searches from both sides.
    fn run(mut self) -> BestRank {
        self.visit(self.space.problem().domain().some_point(), STEPS.0);
        for (growth, rounds) in PASSES {
            self.pool.rest();
            for _ in 0..rounds {
                if !self.round(growth) {
                    break;
                }
            }
        }
        self.put_back();
        self.prove();
        self.best
    }

    /// Searches the cheapest set at the present prices, and the point beyond it; false if nothing was found.
    fn round(&mut self, growth: u32) -> bool {
        let known = self.pool.cheapest(growth);
        let pool = &self.pool;
        let price = |j: u32| pool.price(growth, j);
        let handicap = known.map_or(0.0, |k| k.1);
        let (weights, point) = match handicap.is_finite() {
            true => self.oracle.cheapest(&price, handicap),
            false => (None, None),
        };
        if let Some(point) = point {
            self.visit(point, STEPS.0);
        }
        let cheapest = match weights {
            Some(weights) => Some(self.add(weights)),
            None => known.map(|k| k.0),
        };
        cheapest.inspect(|&index| self.pool.charge(index)).is_some()
    }

    /// Adds a set to the pool, and returns its index.
    fn add(&mut self, weights: Weights) -> usize {
        let mut rivals: Vec<u32> = weights.rivals.iter().map(|r| r.0).collect();
        rivals.sort_unstable();
        rivals.dedup();
        self.pool.add(Entry { rivals, weights: Some(weights) })
    }

    /// Walks some steps from a point, and keeps where the walk ends if it is the best point so far.
    fn visit(&mut self, point: Vec<f64>, steps: usize) -> bool {
        if !self.space.problem().domain().contains(&point) {
            return false;
        }
        let mut walk = Walk::new(self.space.problem(), self.best.token(), point);
        let count = walk.go(steps);
        let better = self.point.as_ref().is_none_or(|best| count < best.1);
        if better {
            self.point = Some((walk.point().to_vec(), count));
        }
        better
    }

    /// Puts the rivals ahead at the best point back, one at a time, as long as that leads to better points.
    fn put_back(&mut self) {
        if let Some((point, _)) = self.point.clone() {
            self.visit(point, STEPS.1);
        }
        for _ in 0..POINTS {
            let Some((point, _)) = &self.point else { return };
            let walk = Walk::new(self.space.problem(), self.best.token(), point.clone());
            let ahead = walk.ahead();
            let mut better = false;
            for &back in ahead.iter().take(PUT_BACK) {
                let banned = |j: u32| j != back && ahead.contains(&j);
                match self.oracle.without(&banned) {
                    Answer::Point(point) => better = self.visit(point, STEPS.0),
                    Answer::Blocked(weights) => {
                        self.add(weights);
                    }
                    Answer::Stuck => {}
                }
                if better {
                    break;
                }
            }
            if !better {
                return;
            }
        }
    }

    /// Proves the best point, and the sets that have a share; sets without a proof are dropped.
    fn prove(&mut self) {
        if let Some((point, _)) = &self.point {
            self.best.reach(self.space.problem(), point);
        }
        let mut proved: Vec<Option<BlockingSet>> = vec![None; self.pool.entries.len()];
        let mut open: Vec<usize> = (0..proved.len()).collect();
        loop {
            let sets: Vec<&[u32]> =
                open.iter().map(|&i| self.pool.entries[i].rivals.as_slice()).collect();
            let shares = pool::shares(&sets);
            let mut failed = Vec::new();
            for (&i, _) in open.iter().zip(&shares).filter(|(_, share)| **share > 0) {
                if proved[i].is_none() {
                    proved[i] = self.proof(i);
                    // The proved set may have other rivals than the proposed one.
                    let same = |set: &BlockingSet| set.rivals() == self.pool.entries[i].rivals;
                    if !proved[i].as_ref().is_some_and(same) {
                        failed.push(i);
                    }
                }
            }
            if failed.is_empty() {
                let sets = open.iter().zip(shares);
                let sets = sets.filter_map(|(&i, share)| Some((proved[i].clone()?, share)));
                self.best.pack(sets.collect());
                return;
            }
            for i in failed {
                match &proved[i] {
                    Some(set) => self.pool.entries[i].rivals = set.rivals().to_vec(),
                    None => open.retain(|&other| other != i),
                }
            }
        }
    }

    /// The proof of a set of the pool.
    fn proof(&self, index: usize) -> Option<BlockingSet> {
        let (problem, token) = (self.space.problem(), self.best.token());
        let entry = &self.pool.entries[index];
        if let Some(first) = self.first.as_ref().filter(|first| first.rivals() == entry.rivals) {
            return Some(first.clone());
        }
        let weights = entry.weights.as_ref()?;
        let multipliers = &weights.multipliers;
        if problem.domain().ball().is_some() {
            let rivals: Vec<(Rival, f64)> = multipliers
                .iter()
                .filter_map(|&(constraint, weight)| match constraint {
                    Constraint::Rival(rival) => Some((rival, weight)),
                    Constraint::Scale => None,
                })
                .collect();
            if let Some(set) = BlockingSet::in_ball(problem, token, &rivals) {
                return Some(set);
            }
        }
        let around = self.system.problem();
        let basic = support::basic(self.system, token, multipliers);
        let enclosed = basic.and_then(|s| BlockingSet::enclosed(problem, around, token, s));
        enclosed.or_else(|| {
            let weights = support::exact(self.system, token, multipliers)?;
            BlockingSet::exact(problem, around, token, weights)
        })
    }
}
