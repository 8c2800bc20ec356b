//! Proved bounds of the probability of a token: from the weights of a loss ([`cap`]), and as an interval of the largest
//! probability over the domain ([`Ceiling`]). The mathematics is in [`unargmax_check::verify::log_odds`].

use unargmax_check::certificate::{CeilingRecord, EnclosedRecord};
use unargmax_check::verify::log_odds::{self, entropy, most_probable};
use unargmax_check::verify::probability;

use super::enclosure::{Enclosed, Support};
use super::rival;
use super::verdict::{Loss, Verdict};
use crate::arithmetic::interval::Interval;
use crate::parallel;
use crate::problem::Problem;

/// The relative distance from stored weights within which the proved ones are taken to lie: it makes the bound the same
/// for every enclosure of the same weights, and costs about as much of the probability.
const NEAR: f64 = 1e-6;

/// The factors by which the ends of an interval are moved outwards, so that a checker whose own bounds are a little wider
/// accepts them.
const SPARE: (f64, f64) = (1.0 - 1e-9, 1.0 + 1e-9);

/// The most weights that are stored for a token in a ball if those that follow from its point prove almost as much.
const LONG: usize = 2048;
/// By how much, as a share, these may prove less.
const ALMOST: f64 = 1e-3;

/// An upper bound of the probability of a token over the domain of `problem`, at every temperature, from the proof of its
/// verdict; `None` for tokens that can win alone and for undecided ones.
pub(crate) fn cap(problem: &Problem, token: u32, verdict: &Verdict) -> Option<f64> {
    let entropy = match verdict {
        Verdict::Tied(tie) => log_odds::tied(tie.members().len()),
        Verdict::Unargmaxable(loss) => entropy_of_loss(problem, token, loss),
        Verdict::Argmaxable(_) | Verdict::Undecided(_) => return None,
    };
    Some(most_probable(entropy))
}

/// A lower bound of the entropy of the weights of a loss, in nats.
fn entropy_of_loss(problem: &Problem, token: u32, loss: &Loss) -> f64 {
    match loss {
        Loss::Enclosed(enclosed) => entropy_of_enclosed(problem, token, enclosed),
        Loss::Exact(exact) => log_odds::entropy_of_integers(exact.weights()),
        Loss::Ball(ball) => log_odds::entropy_of_integers(&ball.combination().rivals),
        Loss::Carried(carried) => entropy_of_loss(problem, token, carried.loss()),
        Loss::Dominated(_) | Loss::OnePoint(_) => 0.0,
    }
}

/// A lower bound of the entropy of enclosed weights.
fn entropy_of_enclosed(problem: &Problem, token: u32, enclosed: &Enclosed) -> f64 {
    let Support { basic, frozen, equations } = enclosed.support();
    // A NaN fails the comparison.
    if enclosed.spread() < 0.5 * NEAR {
        let near =
            |&(j, w): &(u32, f64)| (j, Interval { lo: w * (1.0 - NEAR), hi: w * (1.0 + NEAR) });
        let exact = |&(j, w): &(u32, f64)| (j, Interval::point(w));
        return entropy(basic.iter().map(near).chain(frozen.iter().map(exact)));
    }
    let (basic, frozen, equations) = (basic.clone(), frozen.clone(), equations.clone());
    let record = EnclosedRecord { token, basic, frozen, equations };
    let free = crate::domain::Domain::free(problem.stored().dim());
    // A loss that is carried here was proved over all of space.
    let proved = log_odds::enclosed(problem.stored(), problem.domain(), &record)
        .or_else(|| log_odds::enclosed(problem.stored(), &free, &record));
    proved.map_or(0.0, |odds| odds.entropy)
}

/// Upper bounds of the norms of the stored rows.
pub(crate) fn norms(problem: &Problem) -> Vec<f64> {
    let stored = problem.stored();
    parallel::map(stored.tokens(), &|t| stored.norm_up(t))
}

/// A proved interval of the largest probability of a token over the domain, at temperature 1: between that at a point, and
/// the bound that weights of rivals prove.
#[derive(Clone, Debug, PartialEq)]
pub struct Ceiling {
    record: CeilingRecord,
}

impl Ceiling {
    /// The interval from 0 to 1.
    pub(crate) fn unknown(token: u32) -> Self {
        let (point, basic, frozen, equations, ends) = Default::default();
        let (low, high, at_point) = (0.0, 1.0, false);
        let record =
            CeilingRecord { token, low, high, point, basic, frozen, equations, ends, at_point };
        Ceiling { record }
    }

    /// The intervals of these records, proved again; `None` where that gives another one.
    pub(crate) fn again(problem: &Problem, records: &[CeilingRecord]) -> Vec<Option<Self>> {
        let mut ceilings: Vec<Ceiling> =
            records.iter().map(|record| Ceiling::unknown(record.token)).collect();
        for (ceiling, record) in ceilings.iter_mut().zip(records) {
            let (basic, frozen) = (record.basic.clone(), record.frozen.clone());
            if !basic.is_empty() || !frozen.is_empty() {
                let equations = record.equations.clone();
                let support = Support { basic, frozen, equations };
                ceiling.weigh(problem, support, record.ends.clone());
            }
        }
        let mut reached: Vec<(&mut Ceiling, &[f64])> =
            ceilings.iter_mut().zip(records.iter().map(|r| r.point.as_slice())).collect();
        reached.retain(|(_, point)| point.len() == problem.domain().dim());
        Ceiling::reach(problem, &norms(problem), &mut reached);
        for (ceiling, record) in
            ceilings.iter_mut().zip(records).filter(|(_, record)| record.at_point)
        {
            ceiling.record.ends.clone_from(&record.ends);
            ceiling.weigh_at_point(problem, 1.0);
        }
        let same = |(ceiling, record): (Ceiling, &CeilingRecord)| {
            (ceiling.record == *record).then_some(ceiling)
        };
        ceilings.into_iter().zip(records).map(same).collect()
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.record.token
    }

    /// The interval.
    pub fn ends(&self) -> (f64, f64) {
        (self.record.low, self.record.high)
    }

    /// The point of the domain where the probability is proved to be at least the lower end; empty if that is 0. With a ball
    /// it is the state before gain and shift.
    pub fn point(&self) -> &[f64] {
        &self.record.point
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head.
    pub(crate) fn with_ids(self, ids: &[u32]) -> Self {
        let (token, basic, frozen) = (
            ids[self.record.token as usize],
            rival::weights_with_ids(&self.record.basic, ids),
            rival::weights_with_ids(&self.record.frozen, ids),
        );
        Ceiling { record: CeilingRecord { token, basic, frozen, ..self.record } }
    }

    /// The points and weights, for a certificate.
    pub(crate) fn record(&self) -> &CeilingRecord {
        &self.record
    }

    /// Raises the lower ends of intervals to what is proved at points of the domain; `norms` are upper bounds of the norms of
    /// the stored rows.
    pub(crate) fn reach(problem: &Problem, norms: &[f64], ceilings: &mut [(&mut Ceiling, &[f64])]) {
        let (head, domain) = (problem.stored(), problem.domain());
        let places: Vec<(u32, &[f64])> = ceilings.iter().map(|c| (c.0.token(), c.1)).collect();
        let least = probability::least_at(head, domain, norms, &places);
        for ((ceiling, point), least) in ceilings.iter_mut().zip(least) {
            let least = least.map(|least| least * SPARE.0);
            if let Some(least) = least.ok().filter(|least| *least > ceiling.record.low) {
                ceiling.record.low = least;
                ceiling.record.point = point.to_vec();
                ceiling.record.high = ceiling.record.high.max(least);
            }
        }
    }

    /// Stores the softmax weights of all rivals at the point in the place of more than [`LONG`] weights, if what they
    /// prove is almost as little.
    pub(crate) fn shorten(&mut self, problem: &Problem) {
        if problem.domain().ball().is_some() && self.record.frozen.len() > LONG {
            self.weigh_at_point(problem, (self.record.high * (1.0 + ALMOST)).min(1.0));
        }
    }

    /// Sets the upper end to what the softmax weights of all rivals at the point prove, with the present multipliers of
    /// ends, if that is below `limit`.
    fn weigh_at_point(&mut self, problem: &Problem, limit: f64) {
        let CeilingRecord { token, low, high, point, ends, .. } = self.record.clone();
        let unknown = Ceiling::unknown(token).record;
        let mut next = CeilingRecord { low, high, point, ends, at_point: true, ..unknown };
        next.high = probability::upper_end(problem.stored(), problem.domain(), &next) * SPARE.1;
        if next.high < limit {
            next.high = next.high.max(low);
            self.record = next;
        }
    }

    /// Lowers the upper end to what weights prove. In a ball they are frozen, with multipliers of ends of ranges if there
    /// are any (positive for lower ends); outside, they are proved to exist.
    pub(crate) fn weigh(&mut self, problem: &Problem, support: Support, ends: Vec<(u32, f64)>) {
        let Support { basic, frozen, equations } = support;
        let mut next = CeilingRecord {
            basic,
            frozen,
            equations,
            ends,
            at_point: false,
            ..self.record.clone()
        };
        let high = probability::upper_end(problem.stored(), problem.domain(), &next);
        next.high = (high * SPARE.1).min(1.0);
        if next.high < self.record.high {
            // Both ends are proved, so they cannot cross; equal ends may differ by a rounding of their bounds.
            next.high = next.high.max(next.low);
            self.record = next;
        }
    }
}
