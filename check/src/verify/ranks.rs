//! Checks the best ranks of tokens: sets of rivals with shares for the lower end, a point for the upper end.

use std::collections::{HashMap, HashSet};

use super::equals::Equals;
use super::one_point::OnePoint;
use super::state::{State, row_norms, score_error};
use super::{Refusal, ball_loss, enclosed, losing};
use crate::arithmetic::dyadic::Dyadic;
use crate::arithmetic::rounding::norm_up;
use crate::certificate::{AuditRecord, RankRecords};
use crate::domain::Domain;
use crate::head::Head;
use crate::order;
use crate::parallel;

/// Checks the best ranks of a well-formed record; with `only`, those of these tokens. Returns the number of accepted
/// intervals, and what is refused.
pub fn check(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    one_point: &OnePoint,
    only: Option<&HashSet<u32>>,
) -> (usize, Vec<Refusal>) {
    let Some(ranks) = &record.ranks else { return (0, Vec::new()) };
    let ids: Vec<u32> = ranks.ends.iter().map(|r| r.0).collect();
    if let Err(reason) = well_formed(head, record, ranks, &ids) {
        return (0, vec![Refusal { token: None, reason }]);
    }
    let norms = row_norms(head);
    let sets = Sets::new(ranks);
    let points: HashMap<u32, &[f64]> = ranks.points.iter().map(|p| (p.0, p.1.as_slice())).collect();
    let ranking = Ranking { head, domain: &record.domain, ranks, equals, one_point, norms: &norms };
    let checked = |&(token, low, high): &(u32, u32, u32)| {
        let outcome =
            ranking.check(token, (low, high), sets.of(token), points.get(&token).copied());
        outcome.err().map(|reason| Refusal { token: Some(token), reason })
    };
    let asked = ranks.ends.iter().filter(|r| only.is_none_or(|only| only.contains(&r.0)));
    let asked: Vec<&(u32, u32, u32)> = asked.collect();
    let refused: Vec<Refusal> =
        parallel::map(asked.len(), &|i| checked(asked[i])).into_iter().flatten().collect();
    (asked.len() - refused.len(), refused)
}

/// Checks the lists as a whole: ids, lengths, and that every set and point belongs to a rank.
fn well_formed(
    head: &Head,
    record: &AuditRecord,
    ranks: &RankRecords,
    ids: &[u32],
) -> Result<(), String> {
    let rises = |ids: &[u32]| ids.windows(2).all(|w| w[0] < w[1]);
    if !rises(ids) || ids.last().is_some_and(|&t| t as usize >= head.tokens()) {
        return Err(
            "the tokens with best ranks are not a rising list of ids of the head".to_owned()
        );
    }
    let outside = |t: &&u32| record.scope.as_ref().is_some_and(|s| s.binary_search(t).is_err());
    if let Some(token) = ids.iter().find(outside) {
        return Err(format!("token {token} has a best rank and is outside the scope"));
    }
    let points: Vec<u32> = ranks.points.iter().map(|p| p.0).collect();
    if !rises(&points) {
        return Err("the points of best ranks are not a rising list of ids".to_owned());
    }
    if ranks.points.iter().any(|p| p.1.len() != head.dim()) {
        return Err("a point of a best rank has another number of coordinates".to_owned());
    }
    let mut tokens = points;
    ranks.enclosed.iter().for_each(|set| tokens.push(set.0.token));
    ranks.exact.iter().for_each(|set| tokens.push(set.0.0));
    ranks.outweighed.iter().for_each(|set| tokens.push(set.0.token));
    match tokens.iter().find(|t| ids.binary_search(t).is_err()) {
        Some(token) => {
            Err(format!("a set or point belongs to token {token}, which has no best rank"))
        }
        None => Ok(()),
    }
}

/// The kind and the index of a set.
#[derive(Clone, Copy)]
enum Set {
    Enclosed(usize),
    Exact(usize),
    Outweighed(usize),
}

/// The sets by token.
struct Sets(HashMap<u32, Vec<Set>>);

impl Sets {
    fn new(ranks: &RankRecords) -> Self {
        let mut by_token: HashMap<u32, Vec<Set>> = HashMap::new();
        let mut add = |token: u32, set: Set| by_token.entry(token).or_default().push(set);
        ranks.enclosed.iter().enumerate().for_each(|(i, s)| add(s.0.token, Set::Enclosed(i)));
        ranks.exact.iter().enumerate().for_each(|(i, s)| add(s.0.0, Set::Exact(i)));
        ranks.outweighed.iter().enumerate().for_each(|(i, s)| add(s.0.token, Set::Outweighed(i)));
        Sets(by_token)
    }

    /// The sets of a token.
    fn of(&self, token: u32) -> &[Set] {
        self.0.get(&token).map_or(&[], Vec::as_slice)
    }
}

/// Everything that is needed to check one interval.
struct Ranking<'a, 'h> {
    head: &'a Head,
    domain: &'a Domain,
    ranks: &'a RankRecords,
    equals: &'a Equals<'h>,
    one_point: &'a OnePoint<'a>,
    norms: &'a [f64],
}

impl Ranking<'_, '_> {
    /// Checks both ends.
    fn check(
        &self,
        token: u32,
        (low, high): (u32, u32),
        sets: &[Set],
        point: Option<&[f64]>,
    ) -> Result<(), String> {
        let proved = self.least(token, sets)?;
        match self.one_point.rank(token) {
            Some(rank) => {
                if point.is_some() {
                    return Err("it has a point besides the only one of the domain".to_owned());
                }
                if u64::from(low) > rank || u64::from(high) < rank {
                    return Err(format!("its rank at the only point is {rank}"));
                }
                Ok(())
            }
            None if u64::from(low) > proved => {
                Err(format!("its sets prove a best rank of {proved} at least, not {low}"))
            }
            None => self.reaches(token, high, point),
        }
    }

    /// The least best rank that the sets prove.
    fn least(&self, token: u32, sets: &[Set]) -> Result<u64, String> {
        let Ranking { head, domain, ranks, equals, .. } = self;
        // Each rival with the place of a share.
        let mut of_rivals: Vec<(u32, usize)> = Vec::new();
        let mut shares: Vec<Dyadic> = Vec::new();
        for set in sets {
            let (mut rivals, share): (Vec<u32>, f64) = match *set {
                Set::Enclosed(i) => {
                    let (set, share) = &ranks.enclosed[i];
                    enclosed::check(head, domain, equals, set)?;
                    (set.basic.iter().chain(&set.frozen).map(|r| r.0).collect(), *share)
                }
                Set::Exact(i) => {
                    let ((_, weights), share) = &ranks.exact[i];
                    losing::check_exact(head, domain, equals, token, weights)?;
                    (weights.iter().map(|w| w.0).collect(), *share)
                }
                Set::Outweighed(i) => {
                    let (set, share) = &ranks.outweighed[i];
                    ball_loss::check(head, domain, equals, set)?;
                    (set.rivals.iter().map(|r| r.0).collect(), *share)
                }
            };
            if !(share > 0.0 && share <= 1.0) {
                return Err(format!("the share {share} of a set is not above 0 and at most 1"));
            }
            order::distinct(&mut rivals);
            of_rivals.extend(rivals.into_iter().map(|j| (j, shares.len())));
            shares.push(Dyadic::from_f64(share));
        }
        let sum = |sum: Dyadic, share: &Dyadic| &sum + share;
        let total = shares.iter().fold(Dyadic::zero(), sum);
        let one = Dyadic::from_f64(1.0);
        order::by_token(&mut of_rivals, |of| of.0);
        for of_one in of_rivals.chunk_by(|a, b| a.0 == b.0) {
            if of_one.iter().map(|of| &shares[of.1]).fold(Dyadic::zero(), sum) > one {
                return Err(format!("the shares of the sets with rival {} exceed 1", of_one[0].0));
            }
        }
        // No more than the number of sets, so the loop ends.
        let mut whole = 0u64;
        while Dyadic::from_f64(whole as f64) < total {
            whole += 1;
        }
        Ok(whole + equals.not_below(token) as u64 + 1)
    }

    /// Checks that the token reaches this rank at its point.
    fn reaches(&self, token: u32, high: u32, point: Option<&[f64]>) -> Result<(), String> {
        let Some(point) = point else {
            return match high as usize >= self.head.tokens() {
                true => Ok(()),
                false => Err("no point shows that it reaches its best rank".to_owned()),
            };
        };
        if point.iter().any(|x| !x.is_finite()) {
            return Err("the point of its best rank is not finite".to_owned());
        }
        let state = State::new(self.domain, point.to_vec())
            .ok_or("the point of its best rank lies outside the domain")?;
        let rank = self.rank(token, &state);
        if rank <= u64::from(high) {
            Ok(())
        } else {
            Err(format!("its rank at its point is {rank}, not {high}"))
        }
    }

    /// One more than the number of tokens that score at least as much at a state: decided in float64 where that proves
    /// it, else exactly.
    fn rank(&self, token: u32, state: &State) -> u64 {
        let head = self.head;
        let norm = norm_up(state.h.iter().copied());
        let error = |j: usize| score_error(head, self.norms, j, norm, state.doubt);
        let score = |j: usize| head.score(j, &state.h);
        let t = token as usize;
        let (own, own_error) = (score(t), error(t));
        let exactly = state.exact_score(head, token);
        let is_below = |&j: &usize| {
            let (other, other_error) = (score(j), error(j));
            let plainly = other.is_finite() && own.is_finite();
            if plainly && other + other_error < own - own_error {
                return true;
            }
            // If this comparison errs, the token is counted, which proves less and nothing false.
            let ahead = plainly && other - other_error > own + own_error;
            !ahead && state.exact_score(head, j as u32) < exactly
        };
        let below = (0..head.tokens()).filter(|&j| j != t).filter(is_below).count();
        (head.tokens() - below) as u64
    }
}
