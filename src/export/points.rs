//! Winning points, exactly: those that an audit gives, those that its maps make, and those that it carries from another audit. A point that is
//! given wrongly is written as it is, for the checker to refuse.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed};

use super::exact::{Point, Unit};
use super::short::short_forms;
use crate::certificate::AuditRecord;
use crate::domain::{Domain, Inside};
use crate::head::Head;
use crate::progress::Progress;
use crate::verify::mapped_points;

/// All points of an audit by which tokens win, in the order of its lists.
///
/// # Errors
/// A point is not finite, or its token does not exist.
pub fn by_token(
    head: &Head,
    audit: &AuditRecord,
    progress: &dyn Progress,
) -> Result<Vec<(u32, Point)>, String> {
    let tokens = head.tokens();
    let exists = |t: u32| match (t as usize) < tokens {
        true => Ok(()),
        false => Err(format!("token {t} has a point, but the head has {tokens} rows")),
    };
    let mut floats: Vec<(u32, Vec<f64>)> = Vec::new();
    for map in &audit.maps {
        map.winners.iter().try_for_each(|w| exists(w.0))?;
        let places: Vec<usize> = (0..map.winners.len()).collect();
        for chunk in places.chunks(1024) {
            let points = mapped_points(head, &audit.domain, map, chunk);
            let mut points: Vec<(usize, Vec<f64>)> = points.into_iter().collect();
            points.sort_by_key(|p| p.0);
            floats.extend(points.into_iter().map(|(i, point)| (map.winners[i].0, point)));
            progress.advance(chunk.len());
        }
    }
    floats.extend(audit.witnesses.iter().cloned());
    for (t, point) in &floats {
        exists(*t)?;
        if point.iter().any(|x| !x.is_finite()) {
            return Err(format!("the point of token {t} is not finite"));
        }
    }
    let short = short_forms(head, &audit.domain, &floats, &audit.ties);
    let given = floats.into_iter().zip(short);
    let mut points: Vec<(u32, Point)> =
        given.map(|((t, point), short)| (t, Point::Floats(short.unwrap_or(point)))).collect();
    for (t, numerators, denominator) in &audit.integers {
        points.push((*t, Point::Fractions(numerators.clone(), denominator.clone())));
    }
    for &t in &audit.only_wins {
        points.push((t, only_point(&audit.domain)?));
    }
    Ok(points)
}

/// A point of the domain.
///
/// # Errors
/// The point that the audit gives is not finite or is not the only one.
pub fn somewhere(audit: &AuditRecord) -> Result<Point, String> {
    match &audit.inside {
        Some(Inside::Float(z)) if z.iter().all(|x| x.is_finite()) => Ok(Point::Floats(z.clone())),
        Some(Inside::Float(_)) => Err("the point of the domain is not finite".to_owned()),
        Some(Inside::Integers(numerators, denominator)) => {
            Ok(Point::Fractions(numerators.clone(), denominator.clone()))
        }
        Some(Inside::Only) => only_point(&audit.domain),
        None => Ok(Point::Floats(audit.domain.some_point())),
    }
}

/// The point `z_k = (h_k - c_k) / g_k` of the only hidden state of a box and a centred ball.
fn only_point(domain: &Domain) -> Result<Point, String> {
    let only = domain.only_state().zip(domain.ball());
    let (state, ball) = only.ok_or("the domain is more than one point, or none")?;
    let unit = Unit::of_domain(domain);
    let gains: Vec<BigInt> = ball.gain().iter().map(|&g| unit.integer(g)).collect();
    let denominator = gains.iter().fold(BigInt::one(), |all, g| all.lcm(&g.abs()));
    let ends = state.iter().zip(ball.shift());
    let above = ends.map(|(&h, &c)| unit.integer(h) - unit.integer(c));
    let numerators = above.zip(&gains).map(|(x, g)| x * (&denominator / g)).collect();
    Ok(Point::Fractions(numerators, denominator))
}

/// The hidden states of points of another audit, as points of all of space. A state that is no float64 vector has a plain neighbour in its
/// place if its token wins there.
pub fn carried(
    head: &Head,
    from: &Domain,
    points: &[(u32, &Point)],
    ties: &[Vec<u32>],
) -> Vec<(u32, Point)> {
    let Some(ball) = from.ball() else {
        return points.iter().map(|(t, point)| (*t, (*point).clone())).collect();
    };
    let near = |point: &Point| match point {
        Point::Floats(z) => ball.hidden_state(z),
        // No float: it is kept as it is.
        Point::Fractions(..) => vec![f64::NAN; head.dim()],
    };
    let floats: Vec<(u32, Vec<f64>)> = points.iter().map(|(t, point)| (*t, near(point))).collect();
    let short = short_forms(head, &Domain::free(head.dim()), &floats, ties);
    let exact = |point: &Point| {
        let (numerators, denominator) = point.fractions();
        let (numerators, denominator) = ball.exact_state(&numerators, &denominator);
        Point::Fractions(numerators, denominator)
    };
    let chosen = points.iter().zip(short);
    chosen
        .map(|((t, point), short)| (*t, short.map_or_else(|| exact(point), Point::Floats)))
        .collect()
}
