//! Intervals of float64 that are known to hold a number.

use std::ops::{Add, Mul, Neg, Sub};

use super::rounding::{add_down, add_up, mul_down, mul_up};

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
