//! Stored floats as integers over one power of two, and points as integers over any denominator.

use num_bigint::BigInt;

use crate::arithmetic::dyadic::{as_integers, split};
use crate::domain::Domain;
use crate::head::Head;

/// A unit `2^-bits` of which some numbers are integer multiples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    bits: u32,
}

impl Unit {
    /// The largest unit of at most 1 that these finite numbers are multiples of; infinite ones are skipped.
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let finite = numbers.filter(|x| x.is_finite() && *x != 0.0);
        let lowest = finite.map(|x| split(x).1).min().unwrap_or(0).min(0);
        Unit { bits: lowest.unsigned_abs() as u32 }
    }

    /// The unit of all rows and biases.
    pub fn of_head(head: &Head) -> Self {
        let rows = (0..head.tokens()).flat_map(|t| head.row(t).chain([head.bias(t)]));
        Unit::of(rows)
    }

    /// The unit of the ends of a box and the numbers of a ball.
    pub fn of_domain(domain: &Domain) -> Self {
        let ends = (0..domain.dim()).flat_map(|k| [domain.lo(k), domain.hi(k)]);
        match domain.ball() {
            None => Unit::of(ends),
            Some(ball) => {
                let norm = ball.gain().iter().chain(ball.shift()).copied().chain(ball.radius());
                Unit::of(ends.chain(norm))
            }
        }
    }

    /// One divided by the unit.
    pub fn per_one(self) -> BigInt {
        BigInt::from(1) << self.bits
    }

    /// The integer times this unit that a finite number is.
    pub fn integer(self, x: f64) -> BigInt {
        let (mantissa, exponent) = split(x);
        // Zero has no exponent of its own.
        if mantissa == 0 { BigInt::ZERO } else { BigInt::from(mantissa) << self.shift(exponent) }
    }

    /// The same where it is small.
    pub fn small_integer(self, x: f64) -> Option<i128> {
        let (mantissa, exponent) = split(x);
        match mantissa {
            0 => Some(0),
            _ if self.shift(exponent) <= 64 => Some(i128::from(mantissa) << self.shift(exponent)),
            _ => None,
        }
    }

    /// An integer in this unit.
    pub fn scaled(self, x: &BigInt) -> BigInt {
        x << self.bits
    }

    /// By how many bits a mantissa with this exponent is shifted; not below 0 for numbers that the unit was made for.
    fn shift(self, exponent: i64) -> u64 {
        (exponent + i64::from(self.bits)).max(0) as u64
    }
}

/// A point: of `z` where there is a ball, else a hidden state (`d` coordinates).
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// Finite float64 numbers, which take the least memory.
    Floats(Vec<f64>),
    /// Numerators and their denominator.
    Fractions(Vec<BigInt>, BigInt),
}

impl Point {
    /// The numerators and their denominator.
    pub fn fractions(&self) -> (Vec<BigInt>, BigInt) {
        match self {
            Point::Floats(numbers) => as_integers(numbers),
            Point::Fractions(numerators, denominator) => (numerators.clone(), denominator.clone()),
        }
    }
}
