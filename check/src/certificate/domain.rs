//! Writes and reads the domain of an audit in a certificate file: its kind in the description, its numbers in arrays.

use num_bigint::BigInt;

use super::arrays::Arrays;
use crate::domain::{Ball, Domain, Inside};
use crate::error::Error;

/// The kinds of domain: the name, whether it has a box, and whether it has a ball.
const KINDS: [(&str, bool, bool); 4] = [
    ("free", false, false),
    ("box", true, false),
    ("ball", false, true),
    ("box and ball", true, true),
];

/// Maps the name of a field to the name of its array in this audit.
pub type Name<'a> = dyn Fn(&str) -> String + 'a;

/// Adds the arrays of a domain, with an interior point where it needs one, and returns the name of its kind.
pub fn put(
    arrays: &mut Arrays,
    name: &Name,
    domain: &Domain,
    inside: Option<&Inside>,
) -> &'static str {
    let kind = (domain.has_ranges(), domain.ball().is_some());
    if domain.has_ranges() {
        arrays.put_list(name("domain.lo"), (0..domain.dim()).map(|k| domain.lo(k)));
        arrays.put_list(name("domain.hi"), (0..domain.dim()).map(|k| domain.hi(k)));
    }
    if let Some(ball) = domain.ball() {
        arrays.put_list(name("domain.radius"), ball.radius().iter().copied());
        arrays.put_list(name("domain.gain"), ball.gain().iter().copied());
        arrays.put_list(name("domain.shift"), ball.shift().iter().copied());
    }
    match inside {
        Some(Inside::Float(z)) => arrays.put_list(name("domain.point"), z.iter().copied()),
        Some(Inside::Integers(numerators, denominator)) => {
            let mut integers: Vec<&BigInt> = numerators.iter().collect();
            integers.push(denominator);
            arrays.put_integers(&name("domain.point"), &integers);
        }
        Some(Inside::Only) | None => {}
    }
    let named = KINDS.iter().find(|k| (k.1, k.2) == kind);
    named.map_or(KINDS[0].0, |k| k.0)
}

/// The name that the description gives to a kind of [`Inside`].
pub fn kind_of_point(inside: &Inside) -> &'static str {
    match inside {
        Inside::Float(_) => "float",
        Inside::Integers(..) => "integers",
        Inside::Only => "only",
    }
}

/// Removes the arrays of a domain of the given kind; returns the domain and the point that is claimed to lie inside
/// it. [`crate::verify`] checks whether it does.
///
/// # Errors
/// The kind is not known, an array is missing or has another length, or the numbers make no box or ball.
pub fn take(
    arrays: &mut Arrays,
    name: &Name,
    kind: &str,
    centred: Option<bool>,
    point: Option<&str>,
    dim: usize,
) -> Result<(Domain, Option<Inside>), String> {
    let unknown = || format!("the kind of domain {kind:?} is not known to this version");
    let &(_, has_box, has_ball) = KINDS.iter().find(|k| k.0 == kind).ok_or_else(unknown)?;
    if has_ball != centred.is_some() {
        let fault = if has_ball { "needs a field" } else { "has no use for a field" };
        return Err(format!("the domain {kind:?} {fault} `centred`"));
    }
    let text = |e: Error| e.to_string();
    let mut domain = Domain::free(dim);
    if has_box {
        let lo = arrays.take_exactly(&name("domain.lo"), dim)?;
        let hi = arrays.take_exactly(&name("domain.hi"), dim)?;
        domain = Domain::ranges(lo, hi).map_err(text)?;
    }
    if let Some(centred) = centred {
        let radius: Vec<f64> = arrays.take_exactly(&name("domain.radius"), 2)?;
        let gain = arrays.take_exactly(&name("domain.gain"), dim)?;
        let shift = arrays.take_exactly(&name("domain.shift"), dim)?;
        let ball = Ball::new([radius[0], radius[1]], gain, shift, centred).map_err(text)?;
        domain = domain.within_unchecked(ball).map_err(text)?;
    }
    let inside = match point {
        _ if point.is_some() != (has_box && has_ball) => {
            let fault = if point.is_some() { "has no use for a field" } else { "needs a field" };
            return Err(format!("the domain {kind:?} {fault} `point`"));
        }
        None => None,
        Some("float") => Some(Inside::Float(arrays.take_exactly(&name("domain.point"), dim)?)),
        Some("integers") => {
            let count = dim.checked_add(1).ok_or("too many integers")?;
            let mut integers = arrays.take_integers(&name("domain.point"), count)?;
            let denominator = integers.pop().unwrap_or_default();
            Some(Inside::Integers(integers, denominator))
        }
        Some("only") => Some(Inside::Only),
        Some(other) => {
            return Err(format!("the kind of point {other:?} is not known to this version"));
        }
    };
    Ok((domain, inside))
}
