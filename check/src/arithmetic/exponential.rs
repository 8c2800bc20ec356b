//! Proved bounds of the natural logarithm and of the exponential function.
//!
//! Both are sums of a few terms in float64, in one order, with the error derived here; no mathematics library of the
//! system takes part, so that every machine computes the same bits. `u = 2^-53`.
//!
//! **Logarithm** of `x = 2^e m`, `m` from `sqrt(1/2)` to `sqrt(2)`: `ln m = 2 s (1 + s^2/3 + s^4/5 + ...)` with
//! `s = (m - 1) / (m + 1)`, so `s^2 < 0.02945`. `m - 1` is exact; the sum in the denominator and the quotient make a
//! relative error of `2 u`, so `s^2` has `5 u`. All terms of the series are positive and those after the first add up
//! to less than a hundredth, so the series has a relative error below `2 u`, and what is cut off after `s^22` is below
//! `2^-65`. With the last product, `ln m` has a relative error below `6 u`. `e ln 2` has one of `2 u`, and the final
//! sum of `u`. Together: at most `9 u (|ln m| + |e| ln 2)`, for which [`MARGIN`] `= 16 u` leaves room.
//!
//! **Exponential** of `x` from -700 to 700: `x = k ln 2 + r` with `|r| < 0.347`. `ln 2` is split into a number of 32 bits,
//! whose product with `k` is exact and is subtracted exactly, and a rest below `2^-32`, whose product makes an error
//! below `u / 2`. The series to `r^14 / 14!` in nested form loses below `2^-62`, and its rounding errors add up to less
//! than `4 u` of a value above 0.7. Together: a relative error below `7 u`. Multiplying by `2^k` is exact.
//! (Muller, *Elementary Functions*, 3rd ed. 2016, chapters 3 and 11, has both reductions.)

use super::interval::Interval;
use super::rounding::{add_down, add_up};

/// `ln 2`, rounded to nearest.
const LN_2: f64 = std::f64::consts::LN_2;
/// The leading 32 bits of `ln 2`.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// `ln 2` minus [`LN_2_HIGH`], rounded to nearest.
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// The bound of relative errors, `16 u`.
const MARGIN: f64 = 8.0 * f64::EPSILON;
/// The largest absolute value whose exponential is computed; beyond it, the bounds are those at it, and 0 or infinity.
const FURTHEST: f64 = 700.0;

/// An interval that holds `ln x`, for a finite `x > 0`; everything for another `x`.
pub fn ln(x: f64) -> Interval {
    if !(x > 0.0 && x.is_finite()) {
        return Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    }
    // A subnormal number is made normal by an exact power of two.
    let (x, below) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(54), 54) } else { (x, 0) };
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023 - below;
    let mut m = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for odd in (1..=23).rev().step_by(2) {
        series = series * square + 1.0 / f64::from(odd);
    }
    let (fraction, whole) = (2.0 * s * series, exponent as f64 * LN_2);
    let (near, error) = (fraction + whole, MARGIN * (fraction.abs() + whole.abs()));
    Interval { lo: add_down(near, -error), hi: add_up(near, error) }
}

/// An interval that holds `e^x`; its lower end is never below 0, and its upper end is infinite for `x` above 700.
pub fn exp(x: f64) -> Interval {
    if x.is_nan() {
        return Interval { lo: 0.0, hi: f64::INFINITY };
    }
    if x > FURTHEST {
        return Interval { lo: exp(FURTHEST).lo, hi: f64::INFINITY };
    }
    if x < -FURTHEST {
        return Interval { lo: 0.0, hi: exp(-FURTHEST).hi };
    }
    let near = exp_near(x);
    let error = MARGIN * near;
    Interval { lo: add_down(near, -error), hi: add_up(near, error) }
}

/// `e^x` for `x` from -700 to 700, with a relative error below [`MARGIN`].
#[inline(always)]
fn exp_near(x: f64) -> f64 {
    let k = (x / LN_2).round();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut series = 1.0;
    for i in (1..=14).rev() {
        series = 1.0 + series * (r / f64::from(i));
    }
    series * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// An interval that holds `ln y` for every `y` of an interval of positive numbers.
pub fn ln_of(y: Interval) -> Interval {
    Interval { lo: ln(y.lo).lo, hi: ln(y.hi).hi }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;

    use super::*;

    /// The bits after the binary point of the slow twin.
    const BITS: u64 = 200;

    /// A fraction at [`BITS`] bits, rounded down.
    fn fixed(numerator: BigInt, denominator: BigInt) -> BigInt {
        (numerator << BITS) / denominator
    }

    /// `e^x` for `|x| <= 1` in fixed point, by its series; correct to far more bits than a float64 has.
    fn slow_exp(x: f64) -> BigInt {
        let x = fixed(BigInt::from((x * 2f64.powi(60)) as i128), BigInt::from(1) << 60);
        let (mut term, mut sum) = (BigInt::from(1) << BITS, BigInt::from(1) << BITS);
        for i in 1..60 {
            term = ((term * &x) >> BITS) / i;
            sum += &term;
        }
        sum
    }

    fn as_fixed(x: f64) -> BigInt {
        fixed(BigInt::from((x * 2f64.powi(100)) as i128), BigInt::from(1) << 100)
    }

    #[test]
    fn exponentials_hold_those_of_a_slow_series() {
        for i in -1000..=1000i32 {
            // Multiples of 2^-60 whose integers fit.
            let x = f64::from(i) / 1024.0;
            let (bounds, slow) = (exp(x), slow_exp(x));
            assert!(as_fixed(bounds.lo) < slow && slow < as_fixed(bounds.hi), "{x}");
            assert!(bounds.hi - bounds.lo < 1e-14 * bounds.hi, "{x}");
        }
    }

    #[test]
    fn the_logarithm_of_an_exponential_holds_the_number() {
        for i in -690..=690 {
            let x = f64::from(i) + 0.375;
            let y = exp(x);
            let back = ln_of(y);
            assert!(back.lo <= x && x <= back.hi, "{x}: {back:?}");
            assert!(back.hi - back.lo < 1e-13 * x.abs().max(1.0), "{x}: {back:?}");
        }
    }

    #[test]
    fn bounds_agree_with_the_mathematics_library_and_are_narrow() {
        let mut x = 5e-324;
        while x < 1e308 {
            let bounds = ln(x);
            let library = x.ln();
            let slack = library.abs() * f64::EPSILON;
            assert!(bounds.lo <= library + slack && library - slack <= bounds.hi, "{x}");
            assert!(bounds.hi - bounds.lo <= 1e-14 * library.abs().max(1e-300), "{x}");
            x = (x * 1.37).next_up();
        }
        assert_eq!(ln(1.0), Interval { lo: 0.0, hi: 0.0 });
        assert_eq!(exp(0.0).lo, (1.0f64 - MARGIN).next_down());
    }

    #[test]
    fn numbers_out_of_range_have_trivial_bounds() {
        assert_eq!(ln(0.0).lo, f64::NEG_INFINITY);
        assert_eq!(ln(-1.0).hi, f64::INFINITY);
        assert_eq!(exp(f64::INFINITY).hi, f64::INFINITY);
        assert!(exp(1e9).lo > 1e303 && exp(1e9).hi.is_infinite());
        assert_eq!(exp(f64::NEG_INFINITY).lo, 0.0);
        assert!(exp(-1e9).hi < 1e-303);
        assert_eq!(exp(f64::NAN).hi, f64::INFINITY);
    }
}
