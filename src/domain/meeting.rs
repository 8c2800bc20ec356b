//! Whether a box and a ball meet, and a point where they do.

use super::{Ball, Domain};
use crate::arithmetic::dyadic::as_integers;
use crate::error::{Error, Result};

/// How far inside its ends the point is looked for, as shares of a range (or of 1 where it has one end), from bold to faint.
const INSETS: [f64; 4] = [1e-2, 1e-4, 1e-7, 1e-11];
/// Halvings of the interval that holds the multiplier of the mean.
const HALVINGS: usize = 200;

/// Whether `z` lies in the open ball and `g * Pz + c` in the box, exactly.
pub fn holds(domain: &Domain, ball: &Ball, z: &[f64]) -> bool {
    if z.len() != domain.dim() || z.iter().any(|x| !x.is_finite()) {
        return false;
    }
    if !domain.has_ranges() && ball.holds_plainly(z) {
        return true;
    }
    let (numerators, denominator) = as_integers(z);
    domain.contains_exactly(&numerators, &denominator)
}

/// Finds a point of the domain.
pub fn point(domain: &Domain, ball: &Ball) -> Option<Vec<f64>> {
    if !domain.has_ranges() {
        return Some(vec![0.0; domain.dim()]);
    }
    INSETS.iter().find_map(|inset| {
        let z = nearest(domain, ball, *inset)?;
        holds(domain, ball, &z).then_some(z)
    })
}

/// Refuses a box and a ball without a common point.
pub fn check(domain: &Domain) -> Result<()> {
    match domain.ball() {
        Some(ball) if point(domain, ball).is_none() => Err(Error::Invalid(
            "no hidden state is left: the ranges and the ball of the domain do not meet (or only touch)".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The `z` of least length, of mean 0 if the ball is centred, with `h` inside the box by this share.
fn nearest(domain: &Domain, ball: &Ball, inset: f64) -> Option<Vec<f64>> {
    let mut ends = Vec::with_capacity(domain.dim());
    for k in 0..domain.dim() {
        let (lo, hi) = (domain.lo(k), domain.hi(k));
        let (g, c) = (ball.gain()[k], ball.shift()[k]);
        // A coordinate that is always `c` may be at an end.
        let width = if g == 0.0 { 0.0 } else { (hi - lo).min(1.0) * inset };
        let (lo, hi) = (lo + width, hi - width);
        ends.push(match g {
            0.0 if lo <= c && c <= hi => (f64::NEG_INFINITY, f64::INFINITY),
            0.0 => return None,
            _ => {
                let (a, b) = ((lo - c) / g, (hi - c) / g);
                (a.min(b), a.max(b))
            }
        });
    }
    let at =
        |level: f64| -> Vec<f64> { ends.iter().map(|&(lo, hi)| level.max(lo).min(hi)).collect() };
    if !ball.is_centred() {
        return Some(at(0.0));
    }
    // Without the mean: all coordinates follow one level, whose sum rises with it.
    let largest = ends
        .iter()
        .flat_map(|&(lo, hi)| [lo, hi])
        .filter(|x| x.is_finite())
        .fold(1.0f64, |m, x| m.max(x.abs()));
    let (mut low, mut high) = (-2.0 * largest, 2.0 * largest);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if at(middle).iter().sum::<f64>() > 0.0 { high = middle } else { low = middle }
    }
    let mut z = at(0.5 * (low + high));
    let mean = z.iter().sum::<f64>() / z.len() as f64;
    z.iter_mut().for_each(|x| *x -= mean);
    Some(z)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(radius: f64, centred: bool) -> Ball {
        Ball::new([radius, radius], vec![1.0, 2.0, 1.0], vec![0.0, 1.0, 0.0], centred).unwrap()
    }

    #[test]
    fn a_box_that_meets_the_ball_has_a_point_in_both() {
        for centred in [false, true] {
            let ball = ball(2.0, centred);
            let domain =
                Domain::ranges(vec![0.5, 1.5, -3.0], vec![1.0, 9.0, f64::INFINITY]).unwrap();
            let domain = domain.within(ball.clone()).unwrap();
            let z = point(&domain, &ball).unwrap();
            assert!(holds(&domain, &ball, &z), "{z:?}");
            assert!(!holds(&domain, &ball, &[2.0, 0.5, -2.5]), "outside the ball");
            assert!(!holds(&domain, &ball, &[0.0, 0.0, 0.0]), "outside the box");
        }
    }

    #[test]
    fn a_box_beyond_the_ball_or_of_one_number_is_an_error() {
        for (lo, hi, centred) in [(2.0, 3.0, false), (0.5, 3.0, true), (1.0, 1.0, false)] {
            let domain = Domain::range(3, lo, hi).unwrap();
            // After centring three coordinates of at least 0.5 are no mean of 0 with this gain.
            assert!(
                domain
                    .within(Ball::new([1.0, 1.0], vec![1.0; 3], vec![0.0; 3], centred).unwrap())
                    .is_err()
            );
        }
        let zero = Ball::new([1.0, 1.0], vec![0.0], vec![5.0], false).unwrap();
        assert!(Domain::range(1, 0.0, 4.0).unwrap().within(zero.clone()).is_err());
        assert!(Domain::range(1, 0.0, 6.0).unwrap().within(zero).is_ok());
    }
}
