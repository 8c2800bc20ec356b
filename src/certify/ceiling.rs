//! A proved interval of the largest probability of a token over the domain. The mathematics is in
//! [`unargmax_check::verify::log_odds`].

use unargmax_check::certificate::CeilingRecord;
use unargmax_check::verify::probability;

use super::enclosure::Support;
use super::rival;
use crate::parallel;
use crate::problem::Problem;

/// The factors by which the ends of an interval are moved outwards, so that a checker whose own bounds are a little wider
/// accepts them.
const SPARE: (f64, f64) = (1.0 - 1e-9, 1.0 + 1e-9);

/// The most weights that are stored for a token in a ball if those that follow from its point prove almost as much.
const LONG: usize = 2048;
/// By how much, as a share, these may prove less.
const ALMOST: f64 = 1e-3;

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
