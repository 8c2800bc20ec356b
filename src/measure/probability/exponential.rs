//! `e^x` of many numbers for searches, without a stated error: plain operations in one order, which compilers turn into
//! vector instructions.

use multiversion::multiversion;

/// Below its negative, `e^x` counts as 0; above it, as at it.
const FURTHEST: f64 = 700.0;
/// `ln 2` in two parts, the first of which has many zero digits at its end.
const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
/// Added to a number below `2^51` in size, it leaves the nearest integer in the last digits of the sum.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
/// `1 / i!` for the powers of a number up to `ln 2 / 2` in size, the highest first.
const COEFFICIENTS: [f64; 13] = [
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// Replaces each number by its exponential.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn exp_all(numbers: &mut [f64]) {
    numbers.iter_mut().for_each(|x| *x = exp(*x));
}

/// `e^x`: `2^k` times the series at the rest.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let within = x.clamp(-FURTHEST, FURTHEST);
    let shifted = within * std::f64::consts::LOG2_E + TO_INTEGER;
    let k = shifted - TO_INTEGER;
    let rest = (within - k * LN_2[0]) - k * LN_2[1];
    let series = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| sum * rest + coefficient);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    if x < -FURTHEST { 0.0 } else { series * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_the_standard_library_to_a_few_units_in_the_last_place() {
        let mut numbers: Vec<f64> =
            (-699_000..699_000).step_by(7).map(|i| f64::from(i) / 1e3).collect();
        let expected: Vec<f64> = numbers.iter().map(|x| x.exp()).collect();
        exp_all(&mut numbers);
        for (found, expected) in numbers.iter().zip(&expected) {
            assert!((found / expected - 1.0).abs() < 4e-15, "{found} {expected}");
        }
    }

    #[test]
    fn far_from_zero_they_are_zero_or_stay_finite() {
        assert_eq!([exp(-701.0), exp(f64::NEG_INFINITY), exp(0.0)], [0.0, 0.0, 1.0]);
        assert!(exp(1e300) == exp(700.0) && exp(700.0).is_finite());
    }
}
