//! The best rank of a token over the domain, as a proved interval.
//!
//! At a hidden state the *rank* of a token is one more than the number of other tokens that score at least as much: a
//! tie counts against it. Its best rank is the least over the domain; rank 1 is a strict win. (The number of tokens that
//! score at least as much is the halfspace depth of Tukey, 1975, in the free domain without a bias.)
//!
//! - *From below.* Let some sets of rivals each block the token: at every hidden state some member of each scores at
//!   least as much ([`BlockingSet`], a losing proof of any kind). Give each set a share `y_i >= 0`, such that the shares of
//!   the sets that contain a rival have a sum of at most 1, for every rival. Then at every hidden state
//!   `#{j ahead} >= sum_{j ahead} sum_{i contains j} y_i >= sum_i y_i`. Sets that are pairwise disjoint have share 1 each.
//! - *Rivals of the same row* and a level at least as large are always ahead; they are in no set, and count besides.
//! - *From above.* At a point of the domain, the rivals that are not proved to score less are counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use num_bigint::BigInt;

use super::combination::Combination;
use super::enclosure::{self, Support};
use super::score_error::ScoreError;
use super::verdict::{Loss, Verdict};
use super::witness::ExactPoint;
use super::{ball_loss, exact, rival::Rival};
use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::arithmetic::rounding::norm_up;
use crate::problem::Problem;

/// The share 1. Shares are whole multiples of its inverse, so that sums of them are exact in float64 too.
pub const WHOLE: u64 = 1 << 32;

/// Rivals of which at every hidden state of the domain at least one scores at least as much as the token; none has its
/// row.
#[derive(Clone, Debug)]
pub struct BlockingSet {
    token: u32,
    proof: Loss,
    /// Ids rise.
    rivals: Vec<u32>,
}

impl BlockingSet {
    /// The rivals of the losing proof of a verdict of `problem` about `token`; `None` if it has no set of rivals of other
    /// rows.
    pub(crate) fn of_verdict(problem: &Problem, token: u32, verdict: &Verdict) -> Option<Self> {
        let Verdict::Unargmaxable(loss) = verdict else { return None };
        let loss = match loss {
            Loss::Carried(carried) => carried.loss(),
            loss => loss,
        };
        BlockingSet::of(problem, token, loss.clone())
    }

    /// A set whose weights are proved to exist near these, in a domain without a ball; see [`enclosure`]. `around` is a
    /// problem about the same head over `problem`'s domain or a larger one.
    pub(crate) fn enclosed(
        problem: &Problem,
        around: &Problem,
        token: u32,
        support: Support,
    ) -> Option<Self> {
        let evidence = enclosure::prove(around, token, support)?;
        holds(around, problem)
            .then(|| BlockingSet::of(problem, token, Loss::Enclosed(Arc::new(evidence))))?
    }

    /// A set with exactly these weights, like [`BlockingSet::enclosed`]; see [`exact`].
    pub(crate) fn exact(
        problem: &Problem,
        around: &Problem,
        token: u32,
        weights: Vec<(u32, BigInt)>,
    ) -> Option<Self> {
        let evidence = exact::prove(around, token, weights)?;
        holds(around, problem)
            .then(|| BlockingSet::of(problem, token, Loss::Exact(Arc::new(evidence))))?
    }

    /// A set that blocks the token in the ball of the problem; see [`ball_loss`].
    pub(crate) fn in_ball(
        problem: &Problem,
        token: u32,
        multipliers: &[(Rival, f64)],
    ) -> Option<Self> {
        let evidence = ball_loss::prove(problem, token, multipliers)?;
        BlockingSet::of(problem, token, Loss::Ball(Arc::new(evidence)))
    }

    /// A set with exactly these weights in the ball of the problem.
    pub(crate) fn in_ball_exactly(
        problem: &Problem,
        token: u32,
        weights: Combination<BigInt>,
    ) -> Option<Self> {
        let evidence = ball_loss::prove_integers(problem, token, weights)?;
        BlockingSet::of(problem, token, Loss::Ball(Arc::new(evidence)))
    }

    /// The set of a proof; `None` if some rival has the token's row, or if the kind of proof names no set.
    fn of(problem: &Problem, token: u32, proof: Loss) -> Option<Self> {
        let mut rivals: Vec<u32> = match &proof {
            Loss::Enclosed(e) => {
                let support = e.support();
                support.basic.iter().chain(&support.frozen).map(|r| r.0).collect()
            }
            Loss::Exact(e) => e.weights().iter().map(|w| w.0).collect(),
            Loss::Ball(b) => {
                let Combination { rivals, .. } = b.combination();
                rivals.iter().map(|r| r.0).collect()
            }
            Loss::Dominated(_) | Loss::Carried(_) | Loss::OnePoint(_) => return None,
        };
        rivals.sort_unstable();
        rivals.dedup();
        let other_rows = rivals.iter().all(|&j| !problem.groups().same_row(j, token));
        (other_rows && !rivals.is_empty()).then_some(BlockingSet { token, proof, rivals })
    }

    /// The same set, where `ids` are the ids of tokens in the whole head, rising.
    fn with_ids(&self, ids: &[u32]) -> Self {
        let id = |place: u32| ids[place as usize];
        let rivals = self.rivals.iter().map(|&j| id(j)).collect();
        BlockingSet { token: id(self.token), proof: self.proof.with_ids(ids), rivals }
    }

    /// The losing proof: [`Loss::Enclosed`], [`Loss::Exact`] or [`Loss::Ball`].
    pub fn proof(&self) -> &Loss {
        &self.proof
    }

    /// The rivals, ids rising.
    pub fn rivals(&self) -> &[u32] {
        &self.rivals
    }
}

/// Whether `around` is a problem about the same head over a domain that holds that of `problem` and has no ball.
fn holds(around: &Problem, problem: &Problem) -> bool {
    let (outer, inner) = (around.domain(), problem.domain());
    std::ptr::eq(around.stored(), problem.stored())
        && outer.ball().is_none()
        && (0..inner.dim()).all(|k| outer.lo(k) <= inner.lo(k) && inner.hi(k) <= outer.hi(k))
}

/// A proved interval of the best rank of a token, with its proofs.
#[derive(Clone, Debug)]
pub struct BestRank {
    token: u32,
    /// One more than the number of tokens of the same row and a level at least as large.
    first: u32,
    /// Whether the interval follows from the verdict: the token wins, alone or tied.
    is_win: bool,
    low: u32,
    high: u32,
    sets: Vec<(BlockingSet, u64)>,
    point: Option<Vec<f64>>,
}

impl BestRank {
    /// The interval that follows from the verdict of `problem` about `token`: a token that can win, alone or tied, has
    /// only its equals beside it.
    pub(crate) fn new(problem: &Problem, token: u32, verdict: &Verdict) -> Self {
        let first = problem.groups().not_below(token) as u32 + 1;
        let all = problem.head().tokens() as u32;
        let is_win = verdict.witness().is_some();
        let high = if is_win { first } else { all };
        BestRank { token, first, is_win, low: first, high, sets: Vec::new(), point: None }
    }

    /// The ranks of some tokens over a domain that is one hidden state; `None` for other domains.
    pub(crate) fn at_only_point(
        problem: &Problem,
        tokens: &[(u32, &Verdict)],
    ) -> Option<Vec<Self>> {
        let h = problem.domain().only_state()?;
        let head = problem.stored();
        let score = |t: usize| {
            &dot_floats(head.row(t), h.iter().copied()) + &Dyadic::from_f64(head.bias(t))
        };
        let scores: Vec<Dyadic> = (0..head.tokens()).map(score).collect();
        let mut sorted: Vec<&Dyadic> = scores.iter().collect();
        sorted.sort();
        let of = |&(token, verdict): &(u32, &Verdict)| {
            let below = sorted.partition_point(|s| **s < scores[token as usize]);
            let rank = (scores.len() - below) as u32;
            BestRank { low: rank, high: rank, ..BestRank::new(problem, token, verdict) }
        };
        Some(tokens.iter().map(of).collect())
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head, rising.
    pub(crate) fn with_ids(self, ids: &[u32]) -> Self {
        let sets = self.sets.iter().map(|(set, share)| (set.with_ids(ids), *share)).collect();
        BestRank { token: ids[self.token as usize], sets, ..self }
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The least and the largest number that the best rank may be.
    pub fn ends(&self) -> (u32, u32) {
        (self.low, self.high)
    }

    /// Whether the interval follows from the verdict that the token wins, alone or tied: it is the size of its group.
    pub fn is_win(&self) -> bool {
        self.is_win
    }

    /// The sets that prove the lower end, each with its share in units of 1 / [`WHOLE`].
    pub fn sets(&self) -> &[(BlockingSet, u64)] {
        &self.sets
    }

    /// The point where the upper end was found, if it was found at a point.
    pub fn point(&self) -> Option<&[f64]> {
        self.point.as_deref()
    }

    /// Raises the lower end by sets and their shares (sets without a share are dropped), if they prove more than what
    /// is known. Returns whether the shares are sound: sets of this token, and a sum of at most [`WHOLE`] for every rival.
    pub fn pack(&mut self, mut sets: Vec<(BlockingSet, u64)>) -> bool {
        sets.retain(|set| set.1 > 0);
        let mut of_rival: BTreeMap<u32, u64> = BTreeMap::new();
        let mut total = 0u64;
        for (set, share) in &sets {
            if set.token != self.token || *share > WHOLE {
                return false;
            }
            total += share;
            set.rivals.iter().for_each(|&j| *of_rival.entry(j).or_default() += share);
        }
        if of_rival.values().any(|&share| share > WHOLE) {
            return false;
        }
        let low = self.first + total.div_ceil(WHOLE) as u32;
        if low > self.low {
            self.low = low;
            self.sets = sets;
        }
        true
    }

    /// Lowers the upper end to the rank proved at a point, if that is lower, and returns that rank; `None` if the point
    /// lies outside the domain.
    pub(crate) fn reach(&mut self, problem: &Problem, point: &[f64]) -> Option<u32> {
        let rank = rank_at(problem, self.token, point)?;
        if rank < self.high {
            self.high = rank;
            self.point = Some(point.to_vec());
        }
        Some(rank)
    }
}

/// One more than the number of tokens that are not proved to score less than `token` at a point; `None` if the point lies
/// outside the domain. Float64 scores decide where the gap exceeds the bound of their error, exact ones elsewhere.
fn rank_at(problem: &Problem, token: u32, point: &[f64]) -> Option<u32> {
    if !point.iter().all(|x| x.is_finite()) || !problem.domain().contains(point) {
        return None;
    }
    let head = problem.head();
    let scores = head.products(point);
    let error = ScoreError::at(problem, norm_up(point.iter().copied()), 0.0, 1.0);
    let score = |j: u32| scores[j as usize] + head.bias(j as usize);
    let (own, own_error) = (score(token), error.of(token));
    let exact = ExactPoint::new(problem, point);
    let is_below = |&j: &u32| {
        let gap = (own - own_error) - (score(j) + error.of(j));
        if gap > 0.0 && gap < f64::INFINITY {
            return true;
        }
        let behind = (score(j) - error.of(j)) - (own + own_error);
        let is_ahead = behind > 0.0 && behind < f64::INFINITY;
        !is_ahead && exact.gap(token, j).is_positive()
    };
    let below = (0..head.tokens() as u32).filter(|&j| j != token).filter(is_below).count();
    Some((head.tokens() - below) as u32)
}
