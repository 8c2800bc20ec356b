//! Losing proofs as integer weights on rivals: those that are only known to exist are solved for.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use rayon::prelude::*;

use super::Loss;
use super::exact::Unit;
use crate::certificate::{AuditRecord, BallLossRecord};
use crate::domain::Domain;
use crate::head::Head;
use crate::progress::Progress;
use crate::verify::exact_weights;

/// All losing proofs of an audit, in the order of its lists; `unit` is that of the head.
///
/// # Errors
/// Weights that are said to exist do not, or a record has no place in this domain or names what does not exist.
pub fn by_token(
    head: &Head,
    unit: Unit,
    audit: &AuditRecord,
    progress: &dyn Progress,
) -> Result<Vec<(u32, Loss)>, String> {
    let has_ball = audit.domain.ball().is_some();
    if has_ball && !(audit.enclosed.is_empty() && audit.exact.is_empty()) {
        return Err("weights that no ball bounds have no place in an audit with a ball".to_owned());
    }
    if !has_ball && !audit.ball_losses.is_empty() {
        return Err("a loss in a ball has no place in an audit without one".to_owned());
    }
    let plain = |weights: Vec<(u32, BigInt)>| Loss { weights: reduced(weights), ends: Vec::new() };
    let solved: Result<Vec<(u32, Loss)>, String> = audit
        .enclosed
        .par_iter()
        .map(|record| {
            let weights = exact_weights(head, record);
            progress.advance(1);
            let weights = weights.map_err(|reason| format!("token {}: {reason}", record.token))?;
            Ok((record.token, plain(weights)))
        })
        .collect();
    let mut losses = solved?;
    losses.extend(audit.exact.iter().map(|(t, weights)| (*t, plain(weights.clone()))));
    for record in &audit.ball_losses {
        losses.push((record.token, in_ball(head, unit, record)?));
    }
    for &(t, rival) in &audit.only_losses {
        losses.push((t, at_only_point(head, unit, &audit.domain, t, rival)?));
    }
    losses.extend(audit.dominated.iter().map(|&(t, by)| (t, plain(vec![(by, BigInt::one())]))));
    Ok(losses)
}

/// The weights other than 0, divided by what divides them all.
fn reduced(mut weights: Vec<(u32, BigInt)>) -> Vec<(u32, BigInt)> {
    weights.retain(|w| !w.1.is_zero());
    let common = weights.iter().fold(BigInt::ZERO, |all, w| all.gcd(&w.1));
    if common > BigInt::one() {
        weights.iter_mut().for_each(|w| w.1 /= &common);
    }
    weights
}

/// A loss in a ball. The multiplier of a lower end is above 0 there, and the box bounds the negative multiple of that coordinate.
fn in_ball(head: &Head, unit: Unit, record: &BallLossRecord) -> Result<Loss, String> {
    let mut ends = Vec::new();
    for (k, multiplier) in &record.ends {
        if multiplier.is_zero() {
            return Err(format!("token {}: the multiplier of an end is 0", record.token));
        }
        ends.resize(head.dim(), BigInt::ZERO);
        let end: Option<&mut BigInt> = ends.get_mut(*k as usize);
        *end.ok_or_else(|| format!("token {}: there is no coordinate {k}", record.token))? -=
            unit.scaled(multiplier);
    }
    Ok(Loss { weights: record.rivals.clone(), ends })
}

/// A loss at the only point of a box and a centred ball, as one in the ball: the box bounds as much of the difference of the rows as leaves
/// the same number in all coordinates behind the gain, which the ball bounds by 0.
fn at_only_point(
    head: &Head,
    unit: Unit,
    domain: &Domain,
    token: u32,
    rival: u32,
) -> Result<Loss, String> {
    let only = domain.only_state().zip(domain.ball());
    let (state, ball) = only.ok_or("the domain is more than one point, or none")?;
    if [token, rival].iter().any(|&t| t as usize >= head.tokens()) {
        return Err(format!("token {token} or its rival {rival} does not exist"));
    }
    let of_domain = Unit::of_domain(domain);
    let gains: Vec<BigInt> = ball.gain().iter().map(|&g| of_domain.integer(g)).collect();
    let common = gains.iter().fold(BigInt::one(), |all, g| all.lcm(&g.abs()));
    let row = |t: u32| head.row(t as usize).map(|w| unit.integer(w)).collect::<Vec<_>>();
    let difference: Vec<BigInt> = row(token).iter().zip(row(rival)).map(|(a, b)| a - b).collect();
    let behind = || difference.iter().zip(&gains).map(|(x, g)| x * g);
    // Where the point is the lower end of every `z_k`, only lower ends may be used, and otherwise only upper ones.
    let is_low = (0..head.dim())
        .all(|k| state[k] == if ball.gain()[k] > 0.0 { domain.lo(k) } else { domain.hi(k) });
    let level = if is_low { behind().max() } else { behind().min() };
    let level = level.unwrap_or_default();
    let ends = difference.iter().zip(&gains);
    let ends = ends.map(|(x, g)| &common * x - &level * (&common / g)).collect();
    Ok(Loss { weights: vec![(rival, common)], ends })
}
