//! Numbers `m 2^e` with an integer `m` of any size: every finite float is one, and sums and
//! products of them are exact.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::{BigInt, Sign};
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The exact number `mantissa * 2^exponent`.
#[derive(Clone, Debug)]
pub struct Dyadic {
    mantissa: BigInt,
    exponent: i64,
}

/// Splits a finite float into an integer mantissa (`|m| < 2^53`, odd unless 0) and an exponent.
pub fn split(x: f64) -> (i64, i64) {
    debug_assert!(x.is_finite());
    if x == 0.0 {
        return (0, 0);
    }
    let bits = x.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i64;
    let fraction = (bits & ((1 << 52) - 1)) as i64;
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let twos = mantissa.trailing_zeros();
    let mantissa = mantissa >> twos;
    (if x < 0.0 { -mantissa } else { mantissa }, exponent + i64::from(twos))
}

impl Dyadic {
    /// The number 0.
    pub fn zero() -> Self {
        Dyadic { mantissa: BigInt::zero(), exponent: 0 }
    }

    /// The exact value of a finite float.
    pub fn from_f64(x: f64) -> Self {
        let (mantissa, exponent) = split(x);
        Dyadic { mantissa: mantissa.into(), exponent }
    }

    /// The number that is this integer.
    pub fn from_integer(mantissa: BigInt) -> Self {
        Dyadic { mantissa, exponent: 0 }
    }

    /// Whether the number is 0.
    pub fn is_zero(&self) -> bool {
        self.mantissa.is_zero()
    }

    /// Whether the number is above 0.
    pub fn is_positive(&self) -> bool {
        self.mantissa.is_positive()
    }

    /// Whether the number is below 0.
    pub fn is_negative(&self) -> bool {
        self.mantissa.is_negative()
    }

    /// The largest float64 that is not above `self / divisor`, for a positive divisor.
    pub fn quotient_down(&self, divisor: &BigInt) -> f64 {
        debug_assert!(divisor.is_positive());
        if self.is_zero() {
            return 0.0;
        }
        // Scale so that the integer quotient has at least 54 bits, divide rounding down, and step down once because
        // the conversion to float64 may have rounded up.
        let shift = 64 + divisor.bits() as i64 - self.mantissa.bits() as i64;
        let numerator = shifted(&self.mantissa, shift.max(0));
        let denominator = shifted(divisor, (-shift).max(0));
        let quotient = num_integer::Integer::div_floor(&numerator, &denominator);
        let exponent = self.exponent - shift;
        let value = scale_by_power_of_two(quotient.to_f64().unwrap_or(f64::NAN), exponent);
        value.next_down()
    }

    /// `self 2^by`, exactly.
    pub fn scaled(&self, by: i64) -> Self {
        Dyadic { mantissa: self.mantissa.clone(), exponent: self.exponent + by }
    }

    /// The nearest float64, to a few units in the last place (for display and for proposals).
    pub fn approximate(&self) -> f64 {
        let excess = (self.mantissa.bits() as i64 - 64).max(0);
        let head: BigInt = &self.mantissa >> excess as u64;
        scale_by_power_of_two(head.to_f64().unwrap_or(0.0), self.exponent + excess)
    }

    /// The number as an integer multiple of `2^exponent`, for an exponent not above its own.
    pub fn integer_at(&self, exponent: i64) -> BigInt {
        if self.is_zero() {
            BigInt::zero()
        } else {
            shifted(&self.mantissa, self.exponent - exponent)
        }
    }

    /// The exponent of the lowest set bit, or `None` for 0.
    pub fn lowest_exponent(&self) -> Option<i64> {
        let twos = self.mantissa.trailing_zeros()?;
        Some(self.exponent + twos as i64)
    }

    fn sign(&self) -> Ordering {
        match self.mantissa.sign() {
            Sign::Minus => Ordering::Less,
            Sign::NoSign => Ordering::Equal,
            Sign::Plus => Ordering::Greater,
        }
    }
}

/// `x 2^by` for `by >= 0`.
fn shifted(x: &BigInt, by: i64) -> BigInt {
    debug_assert!(by >= 0);
    x << by as u64
}

/// `x 2^e`, saturating to infinity or 0; correct to one rounding.
fn scale_by_power_of_two(mut x: f64, mut e: i64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let step = |e: i64| f64::from_bits(((e + 1023) as u64) << 52);
    while e > 1000 && x.is_finite() {
        x *= step(1000);
        e -= 1000;
    }
    // Bring the number near 1 first, so that at most one step underflows.
    let own = ((x.to_bits() >> 52) & 0x7ff) as i64 - 1023;
    if e < -1000 {
        x *= step(-own);
        e += own;
        if e < -1100 {
            return 0.0f64.copysign(x);
        }
        while e < -1000 {
            x *= step(-50);
            e += 50;
        }
    }
    x * step(e.clamp(-1022, 1000))
}

impl Add<&Dyadic> for &Dyadic {
    type Output = Dyadic;
    fn add(self, other: &Dyadic) -> Dyadic {
        if self.is_zero() {
            return other.clone();
        }
        if other.is_zero() {
            return self.clone();
        }
        let exponent = self.exponent.min(other.exponent);
        Dyadic { mantissa: self.integer_at(exponent) + other.integer_at(exponent), exponent }
    }
}

impl Sub<&Dyadic> for &Dyadic {
    type Output = Dyadic;
    fn sub(self, other: &Dyadic) -> Dyadic {
        self + &-other
    }
}

impl Mul<&Dyadic> for &Dyadic {
    type Output = Dyadic;
    fn mul(self, other: &Dyadic) -> Dyadic {
        Dyadic {
            mantissa: &self.mantissa * &other.mantissa,
            exponent: self.exponent + other.exponent,
        }
    }
}

impl Neg for &Dyadic {
    type Output = Dyadic;
    fn neg(self) -> Dyadic {
        Dyadic { mantissa: -&self.mantissa, exponent: self.exponent }
    }
}

impl PartialEq for Dyadic {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Dyadic {}
impl PartialOrd for Dyadic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Dyadic {
    fn cmp(&self, other: &Self) -> Ordering {
        (self - other).sign()
    }
}

/// The exact scalar product of floats with integers, `sum x_k n_k`.
pub fn dot_integers(x: impl Iterator<Item = f64>, n: &[BigInt]) -> Dyadic {
    let mut terms = Vec::with_capacity(n.len());
    for (x, n) in x.zip(n) {
        let (mantissa, exponent) = split(x);
        if mantissa != 0 && !n.is_zero() {
            terms.push((mantissa, exponent, n));
        }
    }
    sum_of_multiples(&terms)
}

/// The sum of `m 2^e n` over terms `(m, e, n)`.
fn sum_of_multiples(terms: &[(i64, i64, &BigInt)]) -> Dyadic {
    let Some(exponent) = terms.iter().map(|t| t.1).min() else { return Dyadic::zero() };
    let mut sum = BigInt::zero();
    for (m, e, n) in terms {
        sum += (*n * m) << (e - exponent) as u64;
    }
    Dyadic { mantissa: sum, exponent }
}

/// The exact scalar product of floats, `sum x_k y_k`.
pub fn dot_floats(x: impl Iterator<Item = f64>, y: impl Iterator<Item = f64>) -> Dyadic {
    let mut terms = Vec::with_capacity(x.size_hint().0);
    for (x, y) in x.zip(y) {
        let ((a, e), (b, f)) = (split(x), split(y));
        if a != 0 && b != 0 {
            terms.push((i128::from(a) * i128::from(b), e + f));
        }
    }
    sum_of_products(&terms)
}

/// The sum of `m 2^e` over terms `(m, e)` with `m` below `2^106`.
fn sum_of_products(terms: &[(i128, i64)]) -> Dyadic {
    let Some(exponent) = terms.iter().map(|t| t.1).min() else { return Dyadic::zero() };
    let spread = terms.iter().map(|t| t.1).max().unwrap_or(exponent) - exponent;
    let mut sum = BigInt::zero();
    if spread <= 12 {
        // Products below 2^106, shifted by at most 12 bits, summed at most 2^8 at a time: no overflow.
        for chunk in terms.chunks(256) {
            sum += chunk.iter().map(|(m, e)| m << (e - exponent)).sum::<i128>();
        }
        return Dyadic { mantissa: sum, exponent };
    }
    for (m, e) in terms {
        sum += BigInt::from(*m) << (e - exponent) as u64;
    }
    Dyadic { mantissa: sum, exponent }
}

/// Writes numbers as integer multiples of one power of two; returns the integers and the exponent.
pub fn integers_at_common_exponent(values: &[Dyadic]) -> (Vec<BigInt>, i64) {
    let exponent = values.iter().filter_map(Dyadic::lowest_exponent).min().unwrap_or(0);
    (values.iter().map(|v| trimmed_integer_at(v, exponent)).collect(), exponent)
}

/// The number as an integer multiple of `2^exponent`, for an exponent not above that of its lowest set bit.
fn trimmed_integer_at(value: &Dyadic, exponent: i64) -> BigInt {
    if value.exponent >= exponent {
        value.integer_at(exponent)
    } else {
        // The low bits are 0: `exponent` is at most the lowest set bit.
        &value.mantissa >> (exponent - value.exponent) as u64
    }
}

/// Writes numbers as integers over one common denominator, a power of two.
pub fn over_power_of_two(values: &[Dyadic]) -> (Vec<BigInt>, BigInt) {
    let (integers, exponent) = integers_at_common_exponent(values);
    if exponent >= 0 {
        (integers.into_iter().map(|n| n << exponent as u64).collect(), one())
    } else {
        (integers, one() << (-exponent) as u64)
    }
}

/// Writes float64 coordinates exactly as integers over a common power of two.
pub fn as_integers(h: &[f64]) -> (Vec<BigInt>, BigInt) {
    let values: Vec<Dyadic> = h.iter().map(|&x| Dyadic::from_f64(x)).collect();
    over_power_of_two(&values)
}

/// The number 1 as a big integer; spares callers a trait import.
pub fn one() -> BigInt {
    BigInt::one()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_split_and_come_back() {
        for x in [1.0, -0.1, 5e-324, f64::MAX, -f64::MIN_POSITIVE, 3.5e-310] {
            assert_eq!(Dyadic::from_f64(x).approximate(), x);
        }
        assert!(Dyadic::from_f64(-0.0).is_zero());
    }

    #[test]
    fn a_cancelling_dot_product_is_exact() {
        let x = [1e300, 1.0, -1e300];
        let y = [1.0, 5e-324, 1.0];
        assert_eq!(dot_floats(x.into_iter(), y.into_iter()), Dyadic::from_f64(5e-324));
        let many: Vec<f64> = (0..1000).map(|i| 0.1 + f64::from(i)).collect();
        let slow = many
            .iter()
            .fold(Dyadic::zero(), |s, &v| &s + &(&Dyadic::from_f64(v) * &Dyadic::from_f64(v)));
        assert_eq!(dot_floats(many.iter().copied(), many.iter().copied()), slow);
    }

    #[test]
    fn quotients_round_down() {
        let third = Dyadic::from_f64(1.0).quotient_down(&BigInt::from(3));
        assert!(third <= 1.0 / 3.0 && third > 0.333333333333333);
        let negative = Dyadic::from_f64(-1.0).quotient_down(&BigInt::from(3));
        assert!(negative < -1.0 / 3.0 && negative > -0.33333333333334);
        assert!(Dyadic::from_f64(5e-324).quotient_down(&BigInt::from(3)) <= 0.0);
    }
}
