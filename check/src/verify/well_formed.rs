//! Checks that a record is well-formed: list lengths, finite numbers, and a domain that is not empty.

use num_traits::Signed;

use crate::certificate::{AuditRecord, Linear};
use crate::domain::{Domain, Inside};
use crate::head::Head;

/// Checks that every list of the record has the length that the head demands, and that the domain is not empty.
pub fn check(head: &Head, record: &AuditRecord) -> Result<(), String> {
    let (tokens, dim) = (head.tokens(), head.dim());
    let fits = |what: &str, length: usize| {
        if length == dim {
            Ok(())
        } else {
            Err(format!("{what} has {length} coordinates, not {dim}"))
        }
    };
    fits("the domain", record.domain.dim())?;
    // A non-empty domain must be shown, because in an empty domain every token loses.
    let needs_point = record.domain.ball().is_some() && record.domain.has_ranges();
    match &record.inside {
        None if needs_point => return Err("no point shows that box and ball meet".to_owned()),
        Some(inside) if !shows_a_point(&record.domain, inside) => {
            return Err(match inside {
                Inside::Only => "box and ball do not meet in one point alone".to_owned(),
                _ => "the point that should show that box and ball meet lies outside".to_owned(),
            });
        }
        _ => {}
    }
    let has_only = !record.only_wins.is_empty() || !record.only_losses.is_empty();
    if has_only && record.inside != Some(Inside::Only) {
        return Err(
            "it has verdicts at an only point, and its domain is said to be more".to_owned()
        );
    }
    if record.carried.windows(2).any(|w| w[0] >= w[1]) {
        return Err("what it carries is not a rising list of ids".to_owned());
    }
    let rising = |ids: Vec<u32>| ids.windows(2).all(|w| w[0] < w[1]);
    if !rising(record.capped.iter().map(|c| c.0).collect()) {
        return Err("the tokens with a bound of their probability are not a rising list".to_owned());
    }
    if !rising(record.ceilings.iter().map(|c| c.token).collect()) {
        return Err("the tokens with a largest probability are not a rising list".to_owned());
    }
    for map in &record.maps {
        fits("the centre of a map", map.centre.len())?;
        let (matrix, rows, factors): (&[f32], usize, Vec<f64>) = match &map.linear {
            Linear::Identity => (&[], 0, Vec::new()),
            Linear::Matrix(matrix) => (matrix, dim, Vec::new()),
            Linear::LowRank { rest, gains, basis } => {
                (basis, gains.len(), [gains.as_slice(), &[*rest]].concat())
            }
        };
        if rows > dim {
            return Err(format!("a map has {rows} vectors, more than {dim}"));
        }
        if Some(matrix.len()) != rows.checked_mul(dim) {
            return Err(format!("the matrix of a map is not {rows} x {dim}"));
        }
        let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        if !finite(&map.centre) || !finite(&factors) || matrix.iter().any(|x| !x.is_finite()) {
            return Err("a map has a number that is not finite".to_owned());
        }
    }
    record.witnesses.iter().try_for_each(|w| fits("a point", w.1.len()))?;
    record.integers.iter().try_for_each(|w| fits("a point of integers", w.1.len()))?;
    match &record.scope {
        Some(scope) if scope.is_empty() => Err("its scope is empty".to_owned()),
        Some(scope)
            if scope.windows(2).any(|w| w[0] >= w[1])
                || scope.last().is_some_and(|&t| t as usize >= tokens) =>
        {
            Err("the scope is not a rising list of ids of the head".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether `inside` is a point of the domain, exactly.
fn shows_a_point(domain: &Domain, inside: &Inside) -> bool {
    match inside {
        Inside::Float(z) => domain.contains(z),
        Inside::Integers(numerators, denominator) => {
            numerators.len() == domain.dim()
                && denominator.is_positive()
                && domain.contains_exactly(numerators, denominator)
        }
        Inside::Only => domain.only_state().is_some(),
    }
}
