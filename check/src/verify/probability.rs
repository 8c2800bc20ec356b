//! Checks bounds of probabilities: those that follow from the proof of a verdict (*capped*), and intervals with points and
//! weights of their own (*ceilings*).

use super::claims::{Claimed, Proof};
use super::log_odds::{self, LogOdds, most_probable};
use super::state::{State, row_norms, score_error};
use crate::arithmetic::exponential::exp;
use crate::arithmetic::rounding::{add_up, norm_up};
use crate::certificate::{AuditRecord, CeilingRecord, EnclosedRecord};
use crate::domain::Domain;
use crate::head::Head;
use crate::parallel;

/// Checks the claim that the probability of a token is at most `upper` at every hidden state of the domain and at every
/// temperature, by the proof of its verdict; that proof itself is checked elsewhere.
///
/// # Errors
/// Why the claim does not follow.
pub fn check_cap(
    head: &Head,
    record: &AuditRecord,
    proof: Proof,
    upper: f64,
) -> Result<(), String> {
    let odds = match proof {
        Proof::Enclosed(i) => {
            let odds = log_odds::enclosed(head, &record.domain, &record.enclosed[i]);
            odds.map_or(0.0, |odds| odds.entropy)
        }
        Proof::Exact(i) => log_odds::entropy_of_integers(&record.exact[i].1),
        Proof::BallLoss(i) => log_odds::entropy_of_integers(&record.ball_losses[i].rivals),
        Proof::Tie { group } => log_odds::tied(record.ties[group].len()),
        // One rival is never behind.
        Proof::Dominated(_) | Proof::OnlyLoss(_) => 0.0,
        Proof::Point | Proof::Carried | Proof::Undecided(_) => {
            return Err("its proof does not bound its probability".to_owned());
        }
    };
    let proved = most_probable(odds);
    if proved <= upper {
        Ok(())
    } else {
        Err(format!("its proof bounds its probability by {proved}, not by {upper}"))
    }
}

/// Checks intervals of the largest probabilities of tokens over the domain, and returns the tokens whose interval is not
/// proved, with the reason.
pub fn refused_ceilings(
    head: &Head,
    domain: &Domain,
    records: &[&CeilingRecord],
) -> Vec<(u32, String)> {
    if records.is_empty() {
        return Vec::new();
    }
    let norms = row_norms(head);
    let check = |group: &[&CeilingRecord]| -> Vec<(u32, String)> {
        let sound = |record: &&CeilingRecord| upper_end_is_proved(head, domain, record);
        let mut refused = Vec::new();
        let mut places: Vec<(&CeilingRecord, (u32, &[f64]))> = Vec::new();
        for record in group {
            match sound(record) {
                Err(reason) => refused.push((record.token, reason)),
                Ok(()) if record.low > 0.0 => {
                    places.push((record, (record.token, record.point.as_slice())));
                }
                Ok(()) => {}
            }
        }
        let points: Vec<(u32, &[f64])> = places.iter().map(|place| place.1).collect();
        let least = least_at(head, domain, &norms, &points);
        for ((record, _), least) in places.into_iter().zip(least) {
            let low = record.low;
            let reason = match least {
                Ok(least) if least >= low => continue,
                Ok(least) => {
                    format!(
                        "its probability at its point is proved to be {least}, not {low}, or more"
                    )
                }
                Err(reason) => reason,
            };
            refused.push((record.token, reason));
        }
        refused
    };
    parallel::flat_map(records.len(), POINTS, &|range| check(&records[range]))
}

/// The number of points that are scored in one product.
const POINTS: usize = 16;

/// Checks that an interval is one, of a token of the head, and that its upper end is proved.
fn upper_end_is_proved(head: &Head, domain: &Domain, record: &CeilingRecord) -> Result<(), String> {
    if record.token as usize >= head.tokens() {
        return Err("there is no such token".to_owned());
    }
    let CeilingRecord { low, high, .. } = *record;
    if !(0.0 <= low && low <= high && high <= 1.0) {
        return Err("the interval of its largest probability is no interval from 0 to 1".to_owned());
    }
    let most = if high < 1.0 { upper_end(head, domain, record) } else { 1.0 };
    if most <= high {
        Ok(())
    } else {
        Err(format!("its weights bound its probability by {most}, not by {high}"))
    }
}

/// The upper bound of the probability that the weights of a record prove, at most 1.
pub fn upper_end(head: &Head, domain: &Domain, record: &CeilingRecord) -> f64 {
    if record.at_point {
        return upper_end_at_point(head, domain, record);
    }
    let log_odds = match domain.ball() {
        // In a ball no equation is needed: any weights bound the probability.
        Some(_) if record.basic.is_empty() && record.equations.is_empty() => {
            log_odds::in_ball(head, domain, record.token, &record.frozen, &record.ends)
        }
        None if record.ends.is_empty() => {
            let CeilingRecord { token, basic, frozen, equations, .. } = record.clone();
            let support = EnclosedRecord { token, basic, frozen, equations };
            log_odds::enclosed(head, domain, &support)
        }
        _ => None,
    };
    log_odds.map_or(1.0, LogOdds::most_probable)
}

/// The upper bound of the probability in a ball by the softmax weights of all rivals at the point of a record. Since all
/// weights bound the probability, the errors of these and the lightest ones do not matter.
fn upper_end_at_point(head: &Head, domain: &Domain, record: &CeilingRecord) -> f64 {
    let CeilingRecord { token, point, basic, frozen, equations, ends, .. } = record;
    let has_none = basic.is_empty() && frozen.is_empty() && equations.is_empty();
    let is_point = point.len() == head.dim() && point.iter().all(|x| x.is_finite());
    if domain.ball().is_none() || !has_none || !is_point {
        return 1.0;
    }
    let Some(state) = State::new(domain, point.clone()) else { return 1.0 };
    let products = head.products(&state.h);
    let scores: Vec<(u32, f64)> = (0..head.tokens())
        .filter(|&j| j != *token as usize)
        .map(|j| (j as u32, products[j] + head.bias(j)))
        .collect();
    let highest = scores.iter().fold(f64::NEG_INFINITY, |most, score| most.max(score.1));
    let weights = scores.into_iter().map(|(j, score)| (j, exp(score - highest).lo));
    let least = LIGHTEST / head.tokens() as f64;
    // A NaN fails the comparison.
    let rivals: Vec<(u32, f64)> = weights.filter(|rival| rival.1 >= least).collect();
    log_odds::in_ball(head, domain, *token, &rivals, ends).map_or(1.0, LogOdds::most_probable)
}

/// The weight below which a rival is left out of a bound, as a share of the heaviest one's, divided among all tokens: together
/// such rivals change the log odds by about that.
const LIGHTEST: f64 = 1e-6;

/// Lower bounds of the probabilities of tokens at points of the domain, each with its own; `norms` are upper bounds of the
/// norms of the rows.
///
/// An error is that a point has another number of coordinates, is not finite, or lies outside the domain.
pub fn least_at(
    head: &Head,
    domain: &Domain,
    norms: &[f64],
    places: &[(u32, &[f64])],
) -> Vec<Result<f64, String>> {
    let state = |point: &[f64]| -> Result<State, String> {
        if point.len() != head.dim() {
            return Err(format!("its point has {} coordinates, not {}", point.len(), head.dim()));
        }
        if point.iter().any(|x| !x.is_finite()) {
            return Err("its point is not finite".to_owned());
        }
        State::new(domain, point.to_vec())
            .ok_or_else(|| "its point lies outside the domain".to_owned())
    };
    let states: Vec<Result<State, String>> = places.iter().map(|place| state(place.1)).collect();
    let mut flat: Vec<f64> = Vec::with_capacity(states.len() * head.dim());
    states.iter().flatten().for_each(|state| flat.extend_from_slice(&state.h));
    let scores = head.products(&flat);
    let mut scores = scores.chunks_exact(head.tokens());
    let least = |(state, &(token, _)): (Result<State, String>, &(u32, &[f64]))| {
        let scores = state.map(|state| (state, scores.next().unwrap_or_default()));
        scores.map(|(state, scores)| least_of(head, norms, token as usize, &state, scores))
    };
    states.into_iter().zip(places).map(least).collect()
}

/// A lower bound of the probability of token `t` at a state, from the products of the rows with it.
fn least_of(head: &Head, norms: &[f64], t: usize, state: &State, products: &[f64]) -> f64 {
    let norm = norm_up(state.h.iter().copied());
    let error = |j: usize| score_error(head, norms, j, norm, state.doubt);
    let own = (products[t] + head.bias(t)) - error(t);
    let odds = products.iter().enumerate().filter(|&(j, _)| j != t).map(|(j, product)| {
        let ahead = add_up(add_up(product + head.bias(j), error(j)), -own);
        // A comparison with NaN fails, and so makes the odds infinite.
        if ahead < f64::INFINITY { exp(ahead).hi } else { f64::INFINITY }
    });
    (1.0 / add_up(1.0, odds.fold(0.0, add_up))).next_down().max(0.0)
}

/// The result for each token with a bound of its probability by the proof of its verdict.
pub struct Caps {
    /// Tokens and bounds, each with its result; `None` if it rests on what another audit says.
    pub of: Vec<(u32, f64, Option<Result<(), String>>)>,
}

impl Caps {
    /// Checks the bounds of all tokens with a claim, which are sorted by token.
    pub fn check(
        head: &Head,
        record: &AuditRecord,
        claims: &[Claimed],
        is_asked_for: impl Fn(u32) -> bool + Sync,
    ) -> Self {
        let asked = record.capped.iter().filter(|cap| is_asked_for(cap.0));
        let asked: Vec<(u32, f64)> = asked.copied().collect();
        let of = parallel::map(asked.len(), &|i| {
            let (token, upper) = asked[i];
            let at = claims.partition_point(|c| c.0 < token);
            let result = match claims.get(at).filter(|c| c.0 == token) {
                None => Some(Err("its probability is bounded without a verdict".to_owned())),
                Some((_, _, Proof::Carried)) => None,
                Some(&(_, _, proof)) => Some(check_cap(head, record, proof, upper)),
            };
            (token, upper, result)
        });
        Caps { of }
    }

    /// Whether an accepted bound of the token is at most `upper`.
    pub fn prove(&self, token: u32, upper: f64) -> bool {
        let at = self.of.partition_point(|c| c.0 < token);
        let own = self.of.get(at).filter(|c| c.0 == token);
        own.is_some_and(|(_, bound, result)| *bound <= upper && matches!(result, Some(Ok(()))))
    }
}
