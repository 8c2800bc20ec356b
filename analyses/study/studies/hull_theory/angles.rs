//! The expected number of vertices of a Gaussian polytope.
//!
//! `E f0(n, d) = 2 sum over j = d, d - 2, ... >= 1 of C(n, j) j beta_j gamma_j`, with the external angle `gamma_j = g(n - j, 1/j)`
//! and the internal angle `beta_j = g(j - 1, -1/j)` of regular simplices, where `g(m, r)` is the mean of `Phi(sqrt(r) x)^m`
//! over a standard normal `x`.

use std::f64::consts::PI;

use nalgebra::Complex;

/// `E f0(n, d)`: the expected number of vertices of the hull of `n` standard normal points in `d` dimensions, `d >= 1`.
pub fn expected(n: usize, d: usize) -> f64 {
    if n <= d + 1 {
        return n as f64;
    }
    let sum: f64 = (1..=d).rev().step_by(2).map(|j| term(n, j).exp()).sum();
    2.0 * sum
}

/// The expected number of classes that win with a normal bias: the vertices of the upper hull in `d + 1` dimensions. A
/// vertex is on the upper hull, on the lower one or on both; those on both are the vertices of the projection to `d`.
pub fn expected_with_bias(n: usize, d: usize) -> f64 {
    (expected(n, d) + expected(n, d + 1)) / 2.0
}

/// The logarithm of `C(n, j) j beta_j gamma_j`.
fn term(n: usize, j: usize) -> f64 {
    let binomial: f64 = (0..j).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum();
    binomial + (j as f64).ln() + log_external(n - j, j) + log_internal(j)
}

/// `ln g(m, 1/j)`: the integrand is positive, and one peak.
fn log_external(m: usize, j: usize) -> f64 {
    let root = (j as f64).sqrt();
    let log = |x: f64| m as f64 * log_phi(x / root) - x * x / 2.0;
    log_integral(log, 10.0 * root + 10.0) - 0.5 * (2.0 * PI).ln()
}

/// `ln g(j - 1, -1/j)`: the mean of `Phi(i x / sqrt j)^(j - 1)`.
///
/// The path is moved from the real axis to `x = t + i c`. With `c = u sqrt j` the integrand is
/// `Phi(-u + i t / sqrt j)^(j - 1) e^(-(t + i c)^2 / 2)`, and for the `u` where its derivative at `t = 0` vanishes it is largest there.
fn log_internal(j: usize) -> f64 {
    if j == 1 {
        return 0.0;
    }
    let (m, root) = ((j - 1) as f64, (j as f64).sqrt());
    // hazard(u) = u j / (j - 1), where hazard = phi / (1 - Phi): the left side grows more slowly.
    let hazard = |u: f64| (-u * u / 2.0 - 0.5 * (2.0 * PI).ln() - log_phi(-u)).exp();
    let (mut low, mut high) = (0.0, 2.0 * (j as f64).sqrt() + 2.0);
    for _ in 0..80 {
        let u = (low + high) / 2.0;
        if hazard(u) > u * j as f64 / m { low = u } else { high = u }
    }
    let u = (low + high) / 2.0;
    let c = u * root;
    // The logarithm at t, less that at 0, so that nothing overflows.
    let log = |t: f64| {
        let z = Complex::new(u, -t / root) / 2f64.sqrt();
        m * (erfc(z) / 2.0).ln() - Complex::new(t, c).powi(2) / 2.0
    };
    let peak = log(0.0).re;
    let value = |t: f64| (log(t) - peak).exp().re;
    // The trapezoidal rule converges exponentially for such an integrand; it is even.
    let step = 0.02;
    let mut sum = value(0.0) / 2.0;
    let mut t = step;
    loop {
        let size = (log(t).re - peak).exp();
        sum += value(t);
        if size < 1e-18 {
            break;
        }
        t += step;
    }
    peak + (2.0 * step * sum).ln() - 0.5 * (2.0 * PI).ln()
}

/// `ln` of the integral of `e^log` over the line, for a concave function whose peak is at most `most` from 0.
fn log_integral(log: impl Fn(f64) -> f64, most: f64) -> f64 {
    // The peak, by ternary search.
    let (mut low, mut high) = (-most, most);
    for _ in 0..200 {
        let third = (high - low) / 3.0;
        if log(low + third) < log(high - third) { low += third } else { high -= third }
    }
    let at = (low + high) / 2.0;
    let peak = log(at);
    let step = 0.02;
    let side = |sign: f64| {
        let mut sum = 0.0;
        for k in 1.. {
            let value = (log(at + sign * step * f64::from(k)) - peak).exp();
            sum += value;
            if value < 1e-18 {
                break;
            }
        }
        sum
    };
    peak + (step * (1.0 + side(1.0) + side(-1.0))).ln()
}

/// `ln Phi(x)`.
fn log_phi(x: f64) -> f64 {
    let tail = |x: f64| (erfc(Complex::new(x / 2f64.sqrt(), 0.0)) / 2.0).re;
    if x > 0.0 { (-tail(x)).ln_1p() } else { log_erfc(-x / 2f64.sqrt()) - 2f64.ln() }
}

/// `ln erfc(x)` for real `x >= 0`, where `erfc` itself may underflow.
fn log_erfc(x: f64) -> f64 {
    match x {
        ..25.0 => erfc(Complex::new(x, 0.0)).re.ln(),
        // The first terms of the asymptotic series.
        _ => -x * x - (x * PI.sqrt()).ln() + (-0.5 / (x * x)).ln_1p(),
    }
}

/// The complementary error function for a real part of at least 0, not on the imaginary axis.
///
/// The trapezoidal rule with a step `h` for `erfc(z) = (2 z / pi) e^(-z^2) int_0^inf e^(-t^2) / (t^2 + z^2) dt`, with the residue of the pole
/// where it is nearer than `pi / h` (Chiarella and Reichel, Mathematics of Computation 1968). The error is of the size
/// `e^(-(pi/h)^2)`.
fn erfc(z: Complex<f64>) -> Complex<f64> {
    if z.norm() == 0.0 {
        return Complex::new(1.0, 0.0);
    }
    let h = 0.5;
    let square = z * z;
    let terms = (1..=13).map(|k| {
        let t = h * f64::from(k);
        Complex::from((-t * t).exp()) / (square + t * t)
    });
    let sum = terms.fold(square.inv() / 2.0, |sum, term| sum + term);
    let whole = z * (-square).exp() * sum * (2.0 * h / PI);
    match z.re < PI / h {
        true => whole + Complex::from(2.0) / (Complex::from(1.0) - (z * (2.0 * PI / h)).exp()),
        false => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-12 * other.abs()
    }

    #[test]
    fn the_error_function_is_that_of_tables() {
        let known = [
            (0.1, 0.887537083981715),
            (0.5, 0.4795001221869535),
            (2.0, 0.004677734981047266),
            (5.0, 1.537459794428035e-12),
        ];
        for (x, value) in known {
            let found = erfc(Complex::new(x, 0.0)).re;
            assert!((found / value - 1.0).abs() < 1e-12, "{x}: {found}");
        }
        assert!(is_near(log_phi(0.0), -(2f64.ln())));
    }

    #[test]
    fn few_points_are_all_vertices_and_four_in_the_plane_are_as_sylvester_asks() {
        assert_eq!(expected(3, 2), 3.0);
        let four = 3.0 + 6.0 / PI * (1.0f64 / 3.0).asin();
        assert!((expected(4, 2) - four).abs() < 1e-11, "{} {four}", expected(4, 2));
        // On a line there are two.
        assert!((expected(1000, 1) - 2.0).abs() < 1e-10, "{}", expected(1000, 1));
    }

    #[test]
    fn internal_angles_of_small_simplices_are_known() {
        // A segment's vertex: 1/2; a triangle's: 1/6; a tetrahedron's: (3 arccos(1/3) - pi) / (4 pi).
        assert!(is_near(log_internal(2).exp(), 0.5), "{}", log_internal(2).exp());
        assert!(is_near(log_internal(3).exp(), 1.0 / 6.0), "{}", log_internal(3).exp());
        let solid = (3.0 * (1.0f64 / 3.0).acos() - PI) / (4.0 * PI);
        assert!(is_near(log_internal(4).exp(), solid), "{}", log_internal(4).exp());
    }
}
