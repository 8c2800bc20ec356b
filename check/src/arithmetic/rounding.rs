//! Proved bounds for float64 sums (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002, section
//! 3.1), with a term for underflow.
//!
//! All functions round in the direction that keeps a bound valid. An overflow gives infinity or NaN; callers write
//! their comparisons so that both fail.

use multiversion::multiversion;

// Factors that cover the rounding errors made in evaluating a bound. With `u = 2^-53`, `n` roundings change a
// positive number by a factor between `(1 - u)^n` and `(1 + u)^n <= 1 + n u / (1 - n u)` (Higham, *Accuracy and
// Stability of Numerical Algorithms*, 2002, lemma 3.1). The number in a name is the `n` that the factor covers.

/// Raises a bound by more than eight roundings can lower it: `8 u < 8.9e-16`.
pub const UP_8: f64 = 1.0 + 1e-15;
/// Raises a bound by more than 4000 roundings can lower it: `4000 u < 4.5e-13`.
pub const UP_4000: f64 = 1.0 + 1e-12;
/// Raises a bound by more than four million roundings can lower it: `4e6 u < 4.5e-10`.
pub const UP_4M: f64 = 1.0 + 1e-9;
/// Lowers a bound by more than eight roundings can raise it.
pub const DOWN_8: f64 = 1.0 - 1e-15;
/// Lowers a bound by more than four million roundings can raise it.
pub const DOWN_4M: f64 = 1.0 - 1e-9;

/// The unit roundoff of float64, `2^-53`.
pub const UNIT: f64 = f64::EPSILON / 2.0;

/// The spacing of subnormal numbers, `2^-1074`; a product that underflows is off by at most half of it.
pub const TINY: f64 = 5e-324;

/// An upper bound of `gamma_n = n u / (1 - n u)`: the relative error of a float64 dot product of
/// length `n` in any order, with or without fused operations.
pub fn gamma(n: usize) -> f64 {
    let nu = n as f64 * UNIT;
    (nu / (1.0 - nu)).next_up().next_up()
}

/// `a + b`, rounded up. A sum below the normal range is exact: floats are whole multiples of `2^-1074`.
pub fn add_up(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum.abs() < f64::MIN_POSITIVE { sum } else { sum.next_up() }
}

/// `a + b`, rounded down; exact below the normal range, like [`add_up`].
pub fn add_down(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum.abs() < f64::MIN_POSITIVE { sum } else { sum.next_down() }
}

/// `a b`, rounded up. The result never has the opposite sign of the true product: a product that underflows stays on
/// its side of 0, or is 0.
pub fn mul_up(a: f64, b: f64) -> f64 {
    -mul_down(-a, b)
}

/// `a b`, rounded down; the sign behaves as in [`mul_up`].
pub fn mul_down(a: f64, b: f64) -> f64 {
    let product = a * b;
    // NaN takes this branch too.
    if product != 0.0 {
        product.next_down()
    } else if a == 0.0 || b == 0.0 || (a < 0.0) == (b < 0.0) {
        0.0
    } else {
        -TINY
    }
}

/// `a b` for non-negative numbers, rounded up only where it underflows, because there the rounding error is a large
/// share of the product. Elsewhere it is rounded to nearest, and the bounds that use it have slack for that.
pub fn bound_of_product(a: f64, b: f64) -> f64 {
    let product = a * b;
    if product < f64::MIN_POSITIVE && a != 0.0 && b != 0.0 { product.next_up() } else { product }
}

/// Bounds the error of a float64 dot product of length `n`, for vectors of at most these Euclidean norms:
/// `gamma_n |x| |y| + n 2^-1074` (Cauchy-Schwarz bounds the sum of absolute products).
pub fn dot_error(n: usize, norm_x: f64, norm_y: f64) -> f64 {
    add_up(mul_up(gamma(n), mul_up(norm_x, norm_y)), n as f64 * TINY)
}

/// An upper bound of the Euclidean norm of `values`; NaN if one of the values is NaN.
pub fn norm_up(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (mut largest, mut count) = (0.0f64, 0usize);
    for x in values.clone() {
        largest = largest.max(x.abs());
        count += 1;
    }
    // A power of two keeps the scaling exact (a term that underflows is below 2^-1074 of the sum). If all values are 0 or
    // NaN, which `max` ignores, the scale does not matter.
    let scale = power_of_two_near(largest);
    let mut sum = 0.0;
    for x in values {
        sum += (x / scale) * (x / scale);
    }
    if largest == 0.0 {
        return sum;
    }
    let slack = 1.0 + (count as f64 + 8.0) * f64::EPSILON;
    (sum.sqrt() * slack * scale).next_up()
}

/// [`norm_up`] of a slice, computed sixteen numbers at a time.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn norm_up_of(values: &[f64]) -> f64 {
    let mut lanes = [0f64; 16];
    let (parts, rest) = values.as_chunks::<16>();
    for part in parts {
        for l in 0..16 {
            lanes[l] = lanes[l].max(part[l].abs());
        }
    }
    let largest = lanes.iter().chain(rest).fold(0.0f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return values.iter().map(|x| x.abs()).sum();
    }
    // Both powers of two are normal numbers, so multiplying by the inverse is as exact as dividing.
    let scale = power_of_two_near(largest);
    let inverse = 1.0 / scale;
    let mut sums = [0f64; 16];
    for part in parts {
        for l in 0..16 {
            sums[l] += (part[l] * inverse) * (part[l] * inverse);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += (x * inverse) * (x * inverse);
    }
    let slack = 1.0 + (values.len() as f64 + 8.0) * f64::EPSILON;
    (sums.iter().sum::<f64>().sqrt() * slack * scale).next_up()
}

/// [`norm_up`] of float32 numbers. It needs no scaling, because their squares neither overflow nor underflow in
/// float64. It is within a relative `1e-10` of the norm for fewer than `2^16` values.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn norm_up_narrow(values: &[f32]) -> f64 {
    let mut sums = [0f64; 16];
    let (parts, rest) = values.as_chunks::<16>();
    for part in parts {
        for l in 0..16 {
            sums[l] += f64::from(part[l]) * f64::from(part[l]);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f64::from(x) * f64::from(x);
    }
    root_up(sums.iter().sum(), values.len())
}

/// Rounds up the square root of a sum of `count` squares, each of them within a few units in the last place.
pub fn root_up(sum: f64, count: usize) -> f64 {
    sum.sqrt() * (1.0 + (count as f64 + 16.0) * f64::EPSILON)
}

/// The exponent of a finite `x`: `2^e <= |x| < 2^(e+1)`, -1023 for subnormals and 0.
pub fn exponent(x: f64) -> i64 {
    ((x.to_bits() >> 52) & 0x7ff) as i64 - 1023
}

/// `2^e`, with `e` clamped to the normal range.
pub fn power_of_two(e: i64) -> f64 {
    f64::from_bits(((e.clamp(-1022, 1023) + 1023) as u64) << 52)
}

/// The power of two with the exponent of `x` (`x` finite, not 0), kept in the normal range so that dividing by it is
/// exact except where the quotient underflows.
pub fn power_of_two_near(x: f64) -> f64 {
    power_of_two(exponent(x).min(1022))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::dyadic::Dyadic;

    #[test]
    fn directed_products_and_sums_keep_the_sign_of_the_true_ones() {
        let numbers = [0.0, 5e-324, 1e-310, 1e-200, 0.3, 1.0, 7e200, f64::MAX];
        let signed = || numbers.into_iter().flat_map(|x| [x, -x]);
        for (a, b) in signed().flat_map(|a| signed().map(move |b| (a, b))) {
            let (x, y) = (Dyadic::from_f64(a), Dyadic::from_f64(b));
            let exact = [&x * &y, &x + &y];
            let bounds = [(mul_down(a, b), mul_up(a, b)), (add_down(a, b), add_up(a, b))];
            for (exact, (low, high)) in exact.into_iter().zip(bounds) {
                assert!(low == f64::NEG_INFINITY || Dyadic::from_f64(low) <= exact, "{a} {b}");
                assert!(high == f64::INFINITY || exact <= Dyadic::from_f64(high), "{a} {b}");
                assert!(low >= 0.0 || exact.is_negative(), "{a} {b}: {low}");
                assert!(high <= 0.0 || exact.is_positive(), "{a} {b}: {high}");
            }
            let bound = bound_of_product(a.abs(), b.abs());
            let room = Dyadic::from_f64(1.0 + f64::EPSILON);
            let exact = &Dyadic::from_f64(a.abs()) * &Dyadic::from_f64(b.abs());
            assert!(bound == f64::INFINITY || exact <= &Dyadic::from_f64(bound) * &room);
        }
        assert!(mul_down(0.0, f64::INFINITY).is_nan() && mul_up(f64::NAN, 0.0).is_nan());
    }

    #[test]
    fn the_norm_is_bounded_at_every_scale() {
        for scale in [1e-310, 1e-200, 1.0, 1e200, 1e307] {
            let bound = norm_up([3.0 * scale, 4.0 * scale].into_iter());
            assert!(
                bound >= 5.0 * scale && bound <= 5.0 * scale * (1.0 + 1e-10),
                "{scale}: {bound}"
            );
        }
        assert_eq!(norm_up([0.0, -0.0].into_iter()), 0.0);
        for values in [[f64::NAN, 0.0], [f64::NAN, 1.0], [f64::NAN, f64::INFINITY]] {
            assert!(norm_up(values.into_iter()).is_nan());
        }
    }

    #[test]
    fn the_norm_of_a_slice_is_bounded_at_every_scale_and_length() {
        for scale in [1e-310, 1e-200, 1.0, 1e200, 1e307] {
            for count in [0, 1, 15, 16, 17, 37] {
                let values: Vec<f64> = (0..count).map(|i| scale * (i % 5) as f64).collect();
                let (bound, general) = (norm_up_of(&values), norm_up(values.iter().copied()));
                let close = general / (1.0 + 1e-12)..=general * (1.0 + 1e-12);
                assert!(close.contains(&bound), "{scale}, {count}: {bound} {general}");
            }
        }
        let mut values = vec![1.0; 20];
        for at in [3, 18] {
            for other in [1.0, f64::INFINITY] {
                (values[at], values[7]) = (f64::NAN, other);
                assert!(norm_up_of(&values).is_nan());
            }
            values[at] = 1.0;
        }
        assert_eq!(norm_up_of(&values), f64::INFINITY);
        assert!(norm_up_of(&[0.0, f64::NAN]).is_nan());
        assert!(norm_up_of(&vec![f64::MAX; 32]) > f64::MAX);
    }

    #[test]
    fn float32_needs_no_scaling() {
        for scale in [1e-45f32, 1e-30, 1.0, 1e37] {
            let values: Vec<f32> = (0..37).map(|i| scale * (i % 5) as f32).collect();
            let general = norm_up(values.iter().map(|&x| f64::from(x)));
            let (exact, bound) = (general / (1.0 + 1e-12), norm_up_narrow(&values));
            assert!(bound >= exact && bound <= exact * (1.0 + 1e-10), "{scale}: {bound}");
        }
    }

    #[test]
    fn powers_of_two_are_powers_of_two() {
        assert_eq!(power_of_two_near(3.7), 2.0);
        assert_eq!(power_of_two_near(-0.3), 0.25);
        assert_eq!(power_of_two_near(5e-324), f64::MIN_POSITIVE);
    }
}
