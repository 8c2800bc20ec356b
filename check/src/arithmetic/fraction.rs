//! Exact fractions of dyadic numbers, and sums of many of them.
//!
//! Fractions are not reduced: the denominators in a sum rarely have common factors, so the sum is as long as their
//! product either way. Fractions with equal denominators, the common case, are added first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::{Add, Mul, Neg};

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::One;

use super::dyadic::{Dyadic, split};

/// The exact fraction `numerator / denominator`; the denominator is a positive integer.
#[derive(Clone, Debug)]
pub struct Fraction {
    numerator: Dyadic,
    denominator: BigInt,
}

impl Fraction {
    /// `numerator / divisor` for a divisor that is finite and not 0.
    pub fn new(numerator: &Dyadic, divisor: f64) -> Self {
        debug_assert!(divisor != 0.0 && divisor.is_finite());
        let (mantissa, exponent) = split(divisor);
        let scaled = numerator.scaled(-exponent);
        let numerator = if mantissa < 0 { -&scaled } else { scaled };
        Fraction { numerator, denominator: mantissa.abs().into() }
    }

    /// A dyadic number as a fraction with denominator 1.
    pub fn from_dyadic(numerator: Dyadic) -> Self {
        Fraction { numerator, denominator: BigInt::one() }
    }

    /// The number 0.
    pub fn zero() -> Self {
        Fraction::from_dyadic(Dyadic::zero())
    }

    /// Divides by a positive integer.
    pub fn over(self, divisor: usize) -> Self {
        Fraction { denominator: self.denominator * divisor, ..self }
    }

    /// Whether the number is above 0.
    pub fn is_positive(&self) -> bool {
        self.numerator.is_positive()
    }

    /// Whether the number is 0.
    pub fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// `self^2`.
    pub fn squared(&self) -> Self {
        self * self
    }

    /// The exact sum of `all`.
    pub fn sum(all: impl IntoIterator<Item = Fraction>) -> Self {
        let mut sums: HashMap<BigInt, Dyadic> = HashMap::new();
        for Fraction { numerator, denominator } in all {
            let sum = sums.entry(denominator).or_insert_with(Dyadic::zero);
            *sum = &*sum + &numerator;
        }
        let sums = sums.into_iter().filter(|(_, numerator)| !numerator.is_zero());
        let mut rest: Vec<Fraction> =
            sums.map(|(denominator, numerator)| Fraction { numerator, denominator }).collect();
        // Add in pairs, then pairs of pairs, so that most products are of numbers of similar length.
        while rest.len() > 1 {
            rest = rest
                .chunks(2)
                .map(|pair| match pair {
                    [a, b] => a + b,
                    _ => pair[0].clone(),
                })
                .collect();
        }
        rest.pop().unwrap_or_else(Fraction::zero)
    }

    /// The largest integer that is not above `self 2^bits`.
    pub fn floor_at(&self, bits: u32) -> BigInt {
        let scaled = self.numerator.scaled(i64::from(bits));
        // The scaled numerator may have a negative exponent: multiply both sides by that power of two.
        let below = scaled.lowest_exponent().map_or(0, |e| (-e).max(0));
        scaled.integer_at(-below).div_floor(&(&self.denominator << below as u64))
    }

    /// The smallest integer that is not below `self 2^bits`.
    pub fn ceiling_at(&self, bits: u32) -> BigInt {
        -(-self).floor_at(bits)
    }

    /// The nearest float64, to a few units in the last place.
    pub fn approximate(&self) -> f64 {
        let size =
            if self.numerator.is_negative() { -&self.numerator } else { self.numerator.clone() };
        let quotient = size.quotient_down(&self.denominator).max(0.0);
        if self.numerator.is_negative() { -quotient } else { quotient }
    }
}

impl Add for &Fraction {
    type Output = Fraction;
    fn add(self, other: &Fraction) -> Fraction {
        let over = |n: &Dyadic, d: &BigInt| n * &Dyadic::from_integer(d.clone());
        Fraction {
            numerator: &over(&self.numerator, &other.denominator)
                + &over(&other.numerator, &self.denominator),
            denominator: &self.denominator * &other.denominator,
        }
    }
}

impl Mul for &Fraction {
    type Output = Fraction;
    fn mul(self, other: &Fraction) -> Fraction {
        Fraction {
            numerator: &self.numerator * &other.numerator,
            denominator: &self.denominator * &other.denominator,
        }
    }
}

impl Neg for &Fraction {
    type Output = Fraction;
    fn neg(self) -> Fraction {
        Fraction { numerator: -&self.numerator, denominator: self.denominator.clone() }
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Fraction {}
impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = &self.numerator * &Dyadic::from_integer(other.denominator.clone());
        let right = &other.numerator * &Dyadic::from_integer(self.denominator.clone());
        left.cmp(&right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fraction(numerator: f64, divisor: f64) -> Fraction {
        Fraction::new(&Dyadic::from_f64(numerator), divisor)
    }

    #[test]
    fn sums_are_exact_whatever_the_denominators() {
        let parts = [(1.0, 3.0), (1.0, -6.0), (1.0, 7.0), (-2.0, 14.0), (0.0, 5.0), (1.0, -6.0)];
        assert!(Fraction::sum(parts.map(|(n, d)| fraction(n, d))).is_zero());
        let more = parts.into_iter().chain([(5e-324, 11.0)]);
        assert!(Fraction::sum(more.map(|(n, d)| fraction(n, d))).is_positive());
        assert!(fraction(1.0, 3.0) < fraction(1.0, 3.0f64.next_down()));
        assert_eq!(fraction(1.0, 3.0).squared(), fraction(1.0, 9.0));
        assert_eq!(fraction(1.0, 3.0).over(2), fraction(1.0, 6.0));
    }

    #[test]
    fn floors_and_ceilings_hold_the_number_at_any_precision() {
        for (n, d, bits, floor, ceiling) in [
            (1.0, 3.0, 0, 0, 1),
            (-1.0, 3.0, 0, -1, 0),
            (7.0, 2.0, 0, 3, 4),
            (7.0, 2.0, 1, 7, 7),
            (1.0, 3.0, 8, 85, 86),
            (1e-300, 3.0, 8, 0, 1),
            (5.0, -1.0, 2, -20, -20),
        ] {
            let x = fraction(n, d);
            assert_eq!(x.floor_at(bits), BigInt::from(floor), "{n} / {d}");
            assert_eq!(x.ceiling_at(bits), BigInt::from(ceiling), "{n} / {d}");
        }
        assert!((fraction(-1.0, 3.0).approximate() + 1.0 / 3.0).abs() < 1e-15);
    }
}
