//! Checks verdicts that follow from another audit of the same head over a larger or a smaller domain.

use std::collections::{BTreeMap, HashSet};

use super::examined::{Examined, Outcome};
use super::{Checked, Refusal};
use crate::order;

/// The final result of an audit, given all audits of the certificate.
pub fn checked(here: &Examined, all: &[Examined]) -> Checked {
    let (mut refused, mut accepted) = (here.refused.clone(), BTreeMap::new());
    let source = here.record().carried_from.and_then(|index| all.get(index));
    if source.is_some_and(|source| std::ptr::eq(source, here)) {
        let reason = "it is said to carry verdicts from itself".to_owned();
        refused.push(Refusal { token: None, reason });
    }
    for (token, upper, result) in &here.caps.of {
        let result = match result {
            Some(result) => result.clone(),
            None => check_cap(here, all, *token, *upper),
        };
        if let Err(reason) = result {
            refused.push(Refusal { token: Some(*token), reason });
        }
    }
    // A verdict beside a false measure of the same token does not count as accepted.
    let spoiled: HashSet<u32> = refused.iter().filter_map(|refusal| refusal.token).collect();
    for (token, claim, outcome) in &here.claims {
        let outcome = match outcome {
            Outcome::Own(outcome) => outcome.clone(),
            Outcome::Carried(by) => check(here, all, *by),
        };
        match outcome {
            Err(reason) => refused.push(Refusal { token: Some(*token), reason }),
            Ok(()) if here.is_faulty(*token) || spoiled.contains(token) => {}
            Ok(()) => *accepted.entry(*claim).or_default() += 1,
        }
    }
    order::by(&mut refused, &|a, b| a.token.cmp(&b.token).then(a.reason.cmp(&b.reason)));
    refused.dedup();
    let domain = here.record().domain.clone();
    Checked { domain, complete: here.complete, accepted, ranks: here.ranks, refused }
}

/// Checks a claim of `here` that rests on another audit: that a token loses, because it loses in all of space; or
/// that it can win in all of space, because it wins in a part of it. The token must have the same equals in both
/// domains: a token that loses to others in all of space may be tied with them in a part of it.
fn check(here: &Examined, all: &[Examined], token: u32) -> Result<(), String> {
    let there = here.record().carried_from.and_then(|index| all.get(index));
    let there = there.ok_or("there is no audit to carry its verdict from")?;
    let (Some(equals), Some(equals_there)) = (here.equals(), there.equals()) else {
        return Err("the audit that its verdict is carried from is refused".to_owned());
    };
    let is_free = |audit: &Examined| audit.record().domain.is_free();
    let proved = match (is_free(here), is_free(there)) {
        (false, true) => there.proves_loss(token),
        (true, false) => there.proves_win(token),
        _ => {
            return Err("verdicts are carried only from the free domain and into it".to_owned());
        }
    };
    if !proved {
        let verdict = if is_free(here) { "win" } else { "loss" };
        return Err(format!("the other audit has no accepted proof of its own for its {verdict}"));
    }
    if equals.tie(token) != equals_there.tie(token) {
        return Err(
            "its equals are others in the audit that its verdict is carried from".to_owned()
        );
    }
    Ok(())
}

/// Checks a bound of the probability of a token that loses because it loses in all of space: what bounds it there, bounds it
/// in a part of space.
fn check_cap(here: &Examined, all: &[Examined], token: u32, upper: f64) -> Result<(), String> {
    let there = here.record().carried_from.and_then(|index| all.get(index));
    let proved = there.is_some_and(|there| {
        let smaller = !here.record().domain.is_free() && there.record().domain.is_free();
        smaller && there.proves_loss(token) && there.caps.prove(token, upper)
    });
    match proved {
        true => Ok(()),
        false => Err("the other audit does not bound its probability by as much".to_owned()),
    }
}
