//! Decides exactly whether a box and a ball meet, and finds a common point.
//!
//! The ball is open and the box closed. In the coordinates `y = Pz` the box demands `l_k <= y_k <= u_k` with
//! `l_k, u_k = (end - c_k) / g_k`, or nothing where `g_k = 0` (there `h_k = c_k`), and a centred ball demands
//! `sum y = 0`. So they meet if and only if the shortest such `y` is shorter than `R`. A centred ball and a box can meet
//! in a single point: where the lower ends have sum 0, or the upper ones. Otherwise there are points strictly between all
//! ends.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use super::{Ball, Domain};
use crate::arithmetic::dyadic::{Dyadic, as_integers};
use crate::arithmetic::fraction::Fraction;
use crate::error::{Error, Result};
use crate::order;

/// How far inside its ends a point is searched, as shares of a range (of 1 for a half-infinite range), largest first.
const INSETS: [f64; 4] = [1e-2, 1e-4, 1e-7, 1e-11];
/// The number of bisections for the multiplier of the mean.
const HALVINGS: usize = 200;
/// The number of fractional bits with which the search for a point beyond float64 starts; it doubles in every round.
const BITS: u32 = 64;
/// The most fractional bits tried: more than the difference of `R^2` and a square needs in practice.
const MOST_BITS: u32 = 1 << 22;

/// A point in the intersection of a box and a ball.
#[derive(Clone, Debug, PartialEq)]
pub enum Inside {
    /// `z` in float64.
    Float(Vec<f64>),
    /// `z` as numerators over a positive denominator.
    Integers(Vec<BigInt>, BigInt),
    /// The intersection is a single point, whose hidden state is an end of each range: [`Domain::only_state`].
    Only,
}

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

/// Finds a point in the intersection of the box and the ball; `None` if it is empty.
pub fn inside(domain: &Domain, ball: &Ball) -> Option<Inside> {
    if !domain.has_ranges() {
        return Some(Inside::Float(vec![0.0; domain.dim()]));
    }
    if only_state(domain, ball).is_some() {
        return Some(Inside::Only);
    }
    let float = INSETS.iter().find_map(|inset| {
        let z = nearest(domain, ball, *inset)?;
        holds(domain, ball, &z).then_some(z)
    });
    if let Some(z) = float {
        return Some(Inside::Float(z));
    }
    let ends = Ends::new(domain, ball)?;
    let shortest = ends.shortest(ball.is_centred())?;
    let square = Fraction::sum(shortest.iter().map(Fraction::squared));
    if square >= Fraction::from_dyadic(ball.radius_squared()) {
        return None;
    }
    let mut bits = BITS;
    while bits <= MOST_BITS {
        let point = ends.rounded(bits, ball.is_centred());
        bits *= 2;
        let Some((numerators, denominator)) = point else { continue };
        if domain.contains_exactly(&numerators, &denominator) {
            let float: Vec<f64> = numerators.iter().map(|n| approximate(n, &denominator)).collect();
            return Some(match holds(domain, ball, &float) {
                true => Inside::Float(float),
                false => Inside::Integers(numerators, denominator),
            });
        }
    }
    None
}

/// Some point of the domain in float64, or a point near it if the domain contains no float64 point.
pub fn point(domain: &Domain, ball: &Ball) -> Option<Vec<f64>> {
    Some(match inside(domain, ball)? {
        Inside::Float(z) => z,
        Inside::Integers(numerators, denominator) => {
            numerators.iter().map(|n| approximate(n, &denominator)).collect()
        }
        Inside::Only => ball.point_of(&only_state(domain, ball)?),
    })
}

/// `numerator / denominator` in float64.
fn approximate(numerator: &BigInt, denominator: &BigInt) -> f64 {
    let size = Dyadic::from_integer(numerator.abs()).quotient_down(denominator).next_up();
    if numerator.is_negative() { -size } else { size }
}

/// The hidden state of the single common point of box and ball; `None` if they meet in no point or in more than one.
pub fn only_state(domain: &Domain, ball: &Ball) -> Option<Vec<f64>> {
    if !ball.is_centred() || domain.dim() < 2 || !domain.has_ranges() {
        return None;
    }
    let ends = Ends::new(domain, ball)?;
    let h = ends.only_state(domain, ball)?;
    let shortest = ends.shortest(true)?;
    let square = Fraction::sum(shortest.iter().map(Fraction::squared));
    (square < Fraction::from_dyadic(ball.radius_squared())).then_some(h)
}

/// Refuses a box and a ball without a common point.
pub fn check(domain: &Domain) -> Result<()> {
    match domain.ball() {
        Some(ball) if inside(domain, ball).is_none() => Err(Error::Invalid(
            "no hidden state is left: the ranges and the ball of the domain do not meet (the ball is open: the sphere is no \
             part of it)"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The bounds `l_k` and `u_k` of `y`; `None` where there is no bound.
struct Ends {
    lower: Vec<Option<Fraction>>,
    upper: Vec<Option<Fraction>>,
}

impl Ends {
    /// Computes the bounds; `None` if the shift of a coordinate without gain lies outside the box.
    fn new(domain: &Domain, ball: &Ball) -> Option<Self> {
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for k in 0..domain.dim() {
            let (g, c) = (ball.gain()[k], ball.shift()[k]);
            let (lo, hi) = (domain.lo(k), domain.hi(k));
            if g == 0.0 {
                if c < lo || hi < c {
                    return None;
                }
                lower.push(None);
                upper.push(None);
                continue;
            }
            let at = |end: f64| {
                let apart = || &Dyadic::from_f64(end) - &Dyadic::from_f64(c);
                end.is_finite().then(|| Fraction::new(&apart(), g))
            };
            let (a, b) = if g > 0.0 { (lo, hi) } else { (hi, lo) };
            lower.push(at(a));
            upper.push(at(b));
        }
        Some(Ends { lower, upper })
    }

    /// The value nearest to `level` between the bounds of `y_k`.
    fn clamped(&self, k: usize, level: &Fraction) -> Fraction {
        match (&self.lower[k], &self.upper[k]) {
            (Some(l), _) if level < l => l.clone(),
            (_, Some(u)) if level > u => u.clone(),
            _ => level.clone(),
        }
    }

    /// The vector whose coordinates are all nearest to `level`.
    fn at(&self, level: &Fraction) -> Vec<Fraction> {
        (0..self.lower.len()).map(|k| self.clamped(k, level)).collect()
    }

    /// The shortest `y` between the bounds, with sum 0 if `centred`; `None` if there is none.
    ///
    /// If centred, every `y_k` is one common level clamped to its bounds, and the sum rises with the level.
    fn shortest(&self, centred: bool) -> Option<Vec<Fraction>> {
        if !centred {
            return Some(self.at(&Fraction::zero()));
        }
        let mut corners: Vec<&Fraction> = self.lower.iter().chain(&self.upper).flatten().collect();
        order::by(&mut corners, &|a, b| a.cmp(b));
        corners.dedup();
        let is_low = |level: &&Fraction| !Fraction::sum(self.at(level)).is_positive();
        let low = corners.partition_point(is_low);
        let (below, above) = (low.checked_sub(1).map(|i| corners[i]), corners.get(low).copied());
        // Between these two levels each coordinate is either at one of its bounds or at the level.
        let mut fixed = Vec::new();
        let mut moving = 0;
        for (l, u) in self.lower.iter().zip(&self.upper) {
            match (l, u) {
                (Some(l), _) if above.is_some_and(|above| l >= above) => fixed.push(l.clone()),
                (_, Some(u)) if below.is_some_and(|below| u <= below) => fixed.push(u.clone()),
                _ => moving += 1,
            }
        }
        let rest = Fraction::sum(fixed);
        let level = match moving {
            0 if rest.is_zero() => below.or(above)?.clone(),
            0 => return None,
            _ => (-&rest).over(moving),
        };
        Some(self.at(&level))
    }

    /// The hidden state of the only `y` of sum 0 between the bounds; `None` unless all lower or all upper bounds have
    /// sum 0.
    fn only_state(&self, domain: &Domain, ball: &Ball) -> Option<Vec<f64>> {
        if !ball.is_centred() || domain.dim() < 2 {
            return None;
        }
        let is_only = |ends: &[Option<Fraction>]| {
            let finite: Option<Vec<Fraction>> = ends.iter().cloned().collect();
            finite.is_some_and(|ends| could_vanish(&ends) && Fraction::sum(ends).is_zero())
        };
        let end = |k: usize, low: bool| {
            if (ball.gain()[k] > 0.0) == low { domain.lo(k) } else { domain.hi(k) }
        };
        let at = |low: bool| (0..domain.dim()).map(|k| end(k, low)).collect();
        if is_only(&self.lower) { Some(at(true)) } else { is_only(&self.upper).then(|| at(false)) }
    }

    /// A `z` between the bounds whose coordinates are integer multiples of `2^-bits`, with sum 0 if `centred`, nearly
    /// as short as possible; `None` if there is no such multiple.
    fn rounded(&self, bits: u32, centred: bool) -> Option<(Vec<BigInt>, BigInt)> {
        let dim = self.lower.len();
        let lower: Vec<Option<BigInt>> =
            self.lower.iter().map(|l| l.as_ref().map(|l| l.ceiling_at(bits))).collect();
        let upper: Vec<Option<BigInt>> =
            self.upper.iter().map(|u| u.as_ref().map(|u| u.floor_at(bits))).collect();
        let crossed = |(l, u): (&Option<BigInt>, &Option<BigInt>)| matches!((l, u), (Some(l), Some(u)) if l > u);
        if lower.iter().zip(&upper).any(crossed) {
            return None;
        }
        let clamped = |k: usize, level: &BigInt| match (&lower[k], &upper[k]) {
            (Some(l), _) if level < l => l.clone(),
            (_, Some(u)) if level > u => u.clone(),
            _ => level.clone(),
        };
        let at = |level: &BigInt| -> Vec<BigInt> { (0..dim).map(|k| clamped(k, level)).collect() };
        let sum = |level: &BigInt| at(level).iter().sum::<BigInt>();
        let over = BigInt::one() << bits;
        if !centred {
            return Some((at(&BigInt::zero()), over));
        }
        // Take the largest level whose sum is not positive, then raise as many coordinates by one unit as the sum is
        // short of 0.
        let ends = || lower.iter().chain(&upper).flatten();
        let reach: BigInt = ends().map(Signed::abs).sum::<BigInt>() + 1;
        let (mut low, mut high) = (-&reach, reach);
        if sum(&low).is_positive() || sum(&high).is_negative() {
            return None;
        }
        while &high - &low > BigInt::one() {
            let middle: BigInt = (&low + &high) >> 1u32;
            if sum(&middle).is_positive() { high = middle } else { low = middle }
        }
        let (mut y, next) = (at(&low), at(&high));
        let mut missing = -y.iter().sum::<BigInt>();
        for (y, next) in y.iter_mut().zip(next) {
            if missing.is_positive() && next > *y {
                *y += 1;
                missing -= 1;
            }
        }
        missing.is_zero().then_some((y, over))
    }
}

/// Whether float64 arithmetic cannot exclude that the sum is 0.
fn could_vanish(ends: &[Fraction]) -> bool {
    let (mut sum, mut size) = (0.0f64, 0.0f64);
    for end in ends {
        let x = end.approximate();
        sum += x;
        size += x.abs();
    }
    // Each term has an error of a few units in the last place, and the sum one rounding for each term.
    !(sum.abs() > (ends.len() + 16) as f64 * f64::EPSILON * size + f64::MIN_POSITIVE)
}

/// The shortest `z` (of mean 0 if the ball is centred) whose `h` lies in the box with this inset from its ends.
fn nearest(domain: &Domain, ball: &Ball, inset: f64) -> Option<Vec<f64>> {
    let mut ends = Vec::with_capacity(domain.dim());
    for k in 0..domain.dim() {
        let (lo, hi) = (domain.lo(k), domain.hi(k));
        let (g, c) = (ball.gain()[k], ball.shift()[k]);
        // A coordinate that is always `c` may lie at an end.
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
    // With mean 0, all coordinates follow one level, and the sum rises with it: bisect.
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

    fn met(lo: &[f64], hi: &[f64], radius: [f64; 2], gain: &[f64], centred: bool) -> Met {
        let ball = Ball::new(radius, gain.to_vec(), vec![0.0; gain.len()], centred).unwrap();
        let domain = Domain::ranges(lo.to_vec(), hi.to_vec()).unwrap();
        let domain = domain.within_unchecked(ball).unwrap();
        domain.inside().map(|inside| (inside, domain.only_state()))
    }

    type Met = Option<(Inside, Option<Vec<f64>>)>;

    #[test]
    fn a_box_and_a_centred_ball_may_meet_in_one_point() {
        let all = f64::INFINITY;
        let above = met(&[0.0; 3], &[all; 3], [3.0, 1.0], &[1.0; 3], true);
        assert_eq!(above, Some((Inside::Only, Some(vec![0.0; 3]))));
        // Thirds: no float is there, and the corner is one of floats.
        let thirds = |radius| met(&[1.0, -1.0], &[2.0, all], radius, &[3.0, 3.0], true);
        assert_eq!(thirds([1.0, 1.0]), Some((Inside::Only, Some(vec![1.0, -1.0]))));
        // Its length is the root of 2 / 9.
        assert_eq!(thirds([0.25, 0.75]), None);
        let below = met(&[-all, -2.0], &[1.0, -1.0], [3.0, 1.0], &[-1.0, -1.0], true);
        assert_eq!(below, Some((Inside::Only, Some(vec![1.0, -1.0]))));
        // On the sphere, which is no part of the ball.
        assert_eq!(met(&[-all, -2.0], &[1.0, -1.0], [2.0, 1.0], &[-1.0, -1.0], true), None);
        // Beyond it, or with a little room.
        assert_eq!(met(&[5e-324, 0.0], &[all; 2], [2.0, 1.0], &[1.0; 2], true), None);
        let room = met(&[-5e-324, 0.0], &[all; 2], [2.0, 1.0], &[1.0; 2], true);
        assert!(matches!(room, Some((Inside::Float(_) | Inside::Integers(..), None))), "{room:?}");
    }

    #[test]
    fn a_box_that_touches_the_sphere_from_outside_does_not_meet_the_ball_and_one_a_unit_nearer_does()
     {
        let all = f64::INFINITY;
        for (low, meets) in [(3.0, false), (3.0f64.next_down(), true)] {
            let met = met(&[low, 4.0], &[all; 2], [5.0, 5.0], &[1.0; 2], false);
            assert_eq!(met.is_some(), meets, "{low}");
        }
        // Without the mean (1, -1) is nearest, of length sqrt 2.
        for (radius, meets) in [(2.0, false), (2.0f64.next_up(), true)] {
            let met = met(&[1.0, -4.0], &[all; 2], [radius, 1.0], &[1.0; 2], true);
            assert_eq!(met.is_some(), meets, "{radius}");
        }
    }

    #[test]
    fn a_point_between_neighbouring_floats_is_found_in_integers() {
        // In units in the last place, h = 1.75 z is 1.75 or 3.5 beyond 1.75 for floats z, and the range is from 2 to 3.
        let [low, high] = [2.0, 3.0].map(|units| 1.75 + units * f64::EPSILON);
        let inside = met(&[low], &[high], [4.0, 1.0], &[1.75], false);
        let Some((Inside::Integers(numerators, denominator), None)) = inside else {
            panic!("{inside:?}")
        };
        let ball = Ball::new([4.0, 1.0], vec![1.75], vec![0.0], false).unwrap();
        let domain = Domain::range(1, low, high).unwrap().within(ball).unwrap();
        assert!(domain.contains_exactly(&numerators, &denominator));
    }
}
