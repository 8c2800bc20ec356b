//! Proved intervals around the solution of a square linear system.
//!
//! With an approximate inverse `R` and `|I - R M| <= rho < 1` the matrix `M` is regular, and the exact
//! solution of `M x = q` lies within `|z| + rho |z|_inf / (1 - rho)` of `x0`, where `z = R (q - M x0)`
//! (Krawczyk 1969; Rump 1983, *Solving algebraic problems with high accuracy*).

use std::ops::{Add, Mul, Neg, Sub};

use nalgebra::DMatrix;

use super::dot::Element;
use super::rounding::{TINY, add_down, add_up, gamma, mul_down, mul_up, norm_up};

/// A number known to lie between two floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl Interval {
    /// The interval of one number.
    pub fn point(x: f64) -> Self {
        Interval { lo: x, hi: x }
    }

    /// A float near the middle of the interval.
    pub fn middle(self) -> f64 {
        0.5 * self.lo + 0.5 * self.hi
    }

    /// An upper bound of the distance from [`Interval::middle`] to either end.
    pub fn radius(self) -> f64 {
        (self.hi - self.middle()).max(self.middle() - self.lo).next_up()
    }

    fn is_zero(self) -> bool {
        self.lo == 0.0 && self.hi == 0.0
    }
}

impl Add for Interval {
    type Output = Interval;
    fn add(self, other: Interval) -> Interval {
        // Adding an exact zero changes nothing, so that sums of zeros stay zero.
        match (self.is_zero(), other.is_zero()) {
            (true, _) => other,
            (_, true) => self,
            _ => Interval { lo: add_down(self.lo, other.lo), hi: add_up(self.hi, other.hi) },
        }
    }
}

impl Neg for Interval {
    type Output = Interval;
    fn neg(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo }
    }
}

impl Sub for Interval {
    type Output = Interval;
    fn sub(self, other: Interval) -> Interval {
        self + -other
    }
}

impl Mul for Interval {
    type Output = Interval;
    fn mul(self, other: Interval) -> Interval {
        if self.is_zero() || other.is_zero() {
            return Interval::point(0.0);
        }
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for (x, y) in [self.lo, self.hi].into_iter().flat_map(|x| [(x, other.lo), (x, other.hi)]) {
            let (down, up) = (mul_down(x, y), mul_up(x, y));
            if down.is_nan() {
                return Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
            }
            (lo, hi) = (lo.min(down), hi.max(up));
        }
        Interval { lo, hi }
    }
}

impl Mul<f64> for Interval {
    type Output = Interval;
    fn mul(self, x: f64) -> Interval {
        self * Interval::point(x)
    }
}

/// A square linear system whose matrix is exact and whose right side is known up to given error bounds.
#[derive(Clone, Debug)]
pub struct SquareSystem {
    /// The number of equations and of unknowns.
    pub order: usize,
    /// The matrix by columns, `order x order`.
    pub columns: Vec<f64>,
    /// The right side.
    pub rhs: Vec<f64>,
    /// A bound of the distance between each entry of `rhs` and its true value.
    pub rhs_error: Vec<f64>,
}

impl SquareSystem {
    /// Encloses the exact solution for every right side within its error bounds, one interval for each unknown;
    /// `None` where the matrix is not proved to be regular.
    pub fn enclose(&self) -> Option<Vec<Interval>> {
        let n = self.order;
        let inverse = DMatrix::from_column_slice(n, n, &self.columns).try_inverse()?;
        // Row-major copy, because the products below run along rows.
        let inverse: Vec<f64> = inverse.transpose().as_slice().to_vec();
        let row_norms: Vec<f64> =
            inverse.chunks_exact(n).map(|r| norm_up(r.iter().copied())).collect();
        let column_norms: Vec<f64> =
            self.columns.chunks_exact(n).map(|c| norm_up(c.iter().copied())).collect();
        let mut product = vec![0.0; n * n];
        f64::product(&inverse, &self.columns, n, &mut product, n);
        let (unit, floor) = (gamma(n + 4), (n as f64 + 4.0) * TINY);
        let slack = 1.0 + (2.0 * n as f64 + 16.0) * f64::EPSILON;

        let mut rho = 0.0f64;
        for i in 0..n {
            let mut sum = 0.0;
            for c in 0..n {
                let expected = if i == c { 1.0 } else { 0.0 };
                sum += (expected - product[i * n + c]).abs()
                    + unit * (1.0 + row_norms[i] * column_norms[c])
                    + floor;
            }
            rho = rho.max(sum * slack);
            if !sum.is_finite() {
                return None;
            }
        }
        if !(rho < 0.5) {
            return None;
        }

        let mut x = apply(&inverse, &self.rhs);
        let correction = apply(&inverse, &self.residual(&x).0);
        x.iter_mut().zip(&correction).for_each(|(x, c)| *x += c);
        let (residual, error) = self.residual(&x);
        let z: Vec<f64> = inverse
            .chunks_exact(n)
            .map(|row| {
                let sum: f64 = row
                    .iter()
                    .zip(residual.iter().zip(&error))
                    .map(|(r, (q, e))| r.abs() * (q.abs() + e) + floor)
                    .sum();
                sum * slack
            })
            .collect();
        let largest = z.iter().copied().fold(0.0, f64::max);
        let common = rho * largest / (1.0 - rho) * slack;
        Some(
            x.iter()
                .zip(&z)
                .map(|(&x, &z)| {
                    let radius = ((z + common) * slack).next_up();
                    Interval { lo: (x - radius).next_down(), hi: (x + radius).next_up() }
                })
                .collect(),
        )
    }

    /// `rhs - M x` in float64, and a bound of the error of each entry.
    fn residual(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.order;
        let (mut value, mut size) =
            (self.rhs.clone(), self.rhs.iter().map(|r| r.abs()).collect::<Vec<_>>());
        for (column, &x) in self.columns.chunks_exact(n).zip(x) {
            for i in 0..n {
                let term = column[i] * x;
                value[i] -= term;
                size[i] += term.abs();
            }
        }
        let (unit, floor) = (gamma(2 * n + 8), (n as f64 + 4.0) * TINY);
        let error = size
            .iter()
            .zip(&self.rhs_error)
            .map(|(s, e)| (unit * s + e + floor).next_up())
            .collect();
        (value, error)
    }
}

/// The product of a row-major matrix with `x`.
fn apply(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(x.len()).map(|row| f64::dot(row, x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_solution_lies_inside_narrow_intervals() {
        // 2x + y = 1, x + 3y = 2: x = 1/5, y = 3/5.
        let columns = vec![2.0, 1.0, 1.0, 3.0];
        let system =
            SquareSystem { order: 2, columns, rhs: vec![1.0, 2.0], rhs_error: vec![0.0; 2] };
        let x = system.enclose().unwrap();
        for (interval, (numerator, denominator)) in x.iter().zip([(1.0, 5.0), (3.0, 5.0)]) {
            assert!(interval.lo * denominator < numerator && numerator < interval.hi * denominator);
            assert!(interval.hi - interval.lo < 1e-14);
        }
    }

    #[test]
    fn a_singular_or_doubtful_system_is_not_enclosed() {
        for small in [0.0, 1e-17] {
            let columns = vec![1.0, 1.0, 1.0, 1.0 + small];
            let system =
                SquareSystem { order: 2, columns, rhs: vec![1.0, 2.0], rhs_error: vec![0.0; 2] };
            assert_eq!(system.enclose(), None);
        }
    }

    #[test]
    fn interval_arithmetic_keeps_exact_zeros_and_rounds_outwards() {
        let tenth = Interval::point(0.1);
        let sum = tenth + Interval::point(0.2);
        assert!(sum.lo < 0.1 + 0.2 && 0.1 + 0.2 < sum.hi);
        assert_eq!(tenth * 0.0, Interval::point(0.0));
        assert_eq!(-(tenth * -1.0), tenth * 1.0);
        assert!((tenth - tenth).lo <= 0.0);
        let faint = Interval { lo: 1e-200, hi: 2e-200 };
        assert_eq!((faint * faint).lo, 0.0, "numbers above 0 have no product below it");
        assert_eq!((faint * -faint).hi, 0.0);
    }
}
