//! The ball to which a final norm confines hidden states.
//!
//! A LayerNorm gives `h = g * z + c` with `z = (x - mean x) / sqrt(var x + epsilon)`: the mean of `z` is 0 and, for
//! `epsilon > 0`, `|z| < sqrt(d)`; every such `z` is reached. An RMSNorm gives the same without the mean. So hidden
//! states after the norm are exactly `g * Pz + c` for `z` in an open ball, where `P` subtracts the mean (LayerNorm)
//! or is the identity (RMSNorm). For `epsilon = 0` they lie on the sphere, which the closed ball contains.

use num_bigint::BigInt;

use crate::arithmetic::dyadic::{Dyadic, over_power_of_two};
use crate::arithmetic::rounding::norm_up;
use crate::error::{Error, Result};

/// The hidden states `h = g * Pz + c` with `|z| < R`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ball {
    /// Two numbers whose product is `R^2`: `[d, 1]` for a norm, `[R, R]` for a given radius. Both are finite and
    /// positive.
    radius: [f64; 2],
    /// The gain `g`: `d` finite numbers.
    gain: Vec<f64>,
    /// The shift `c`: `d` finite numbers.
    shift: Vec<f64>,
    /// Whether `P` subtracts the mean (LayerNorm).
    centred: bool,
}

impl Ball {
    /// The ball `|h| < radius` around the origin, for hidden states of `dim` coordinates.
    ///
    /// # Errors
    /// The radius is not finite or not positive.
    pub fn around_origin(dim: usize, radius: f64) -> Result<Self> {
        Ball::new([radius, radius], vec![1.0; dim], vec![0.0; dim], false)
    }

    /// The ball behind a norm with this gain and shift: `|z| < sqrt(d)`, with mean 0 if `centred`.
    ///
    /// # Errors
    /// See [`Ball::new`].
    pub fn after_norm(gain: Vec<f64>, shift: Vec<f64>, centred: bool) -> Result<Self> {
        Ball::new([gain.len() as f64, 1.0], gain, shift, centred)
    }

    /// A ball with `R^2 = radius[0] radius[1]`.
    ///
    /// # Errors
    /// A number is not finite, the radius is not positive or out of range, or gain and shift have different lengths.
    pub fn new(radius: [f64; 2], gain: Vec<f64>, shift: Vec<f64>, centred: bool) -> Result<Self> {
        let sound = |r: &f64| r.is_finite() && *r > 0.0;
        // Outside 2^-400 to 2^400, squares and their bounds could leave the range of float64.
        let comfortable = |r: &f64| (2f64.powi(-400)..2f64.powi(400)).contains(r);
        if !radius.iter().all(sound) || !radius.iter().all(comfortable) {
            return Err(Error::Invalid(format!(
                "the radius of the ball, sqrt({} x {}), is not a number above 0 within 2^-400 to 2^400",
                radius[0], radius[1]
            )));
        }
        if gain.len() != shift.len() {
            return Err(Error::Invalid(format!(
                "{} gains for {} shifts of the norm",
                gain.len(),
                shift.len()
            )));
        }
        if let Some(k) = (0..gain.len()).find(|&k| !gain[k].is_finite() || !shift[k].is_finite()) {
            return Err(Error::Invalid(format!(
                "gain {} and shift {} of the norm at coordinate {k} are not finite numbers",
                gain[k], shift[k]
            )));
        }
        Ok(Ball { radius, gain, shift, centred })
    }

    /// The same ball with a radius `factor` times as large; `factor` is a power of two.
    ///
    /// # Errors
    /// See [`Ball::new`].
    pub fn enlarged(&self, factor: f64) -> Result<Self> {
        // Both numbers are scaled, so their product `R^2` is scaled by `factor^2`.
        let radius = self.radius.map(|r| r * factor);
        Ball::new(radius, self.gain.clone(), self.shift.clone(), self.centred)
    }

    /// Whether the other ball differs from this one at most in its radius.
    pub fn is_concentric(&self, other: &Ball) -> bool {
        self.gain == other.gain && self.shift == other.shift && self.centred == other.centred
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.gain.len()
    }

    /// The two numbers whose product is `R^2`.
    pub fn radius(&self) -> [f64; 2] {
        self.radius
    }

    /// The gain `g`.
    pub fn gain(&self) -> &[f64] {
        &self.gain
    }

    /// The shift `c`.
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// Whether the mean of `z` is subtracted.
    pub fn is_centred(&self) -> bool {
        self.centred
    }

    /// `R^2`, exactly.
    pub fn radius_squared(&self) -> Dyadic {
        &Dyadic::from_f64(self.radius[0]) * &Dyadic::from_f64(self.radius[1])
    }

    /// An upper bound of `R`, a few units in the last place above it.
    pub fn radius_up(&self) -> f64 {
        self.radius_rounded() * (1.0 + 4.0 * f64::EPSILON)
    }

    /// A lower bound of `R`, a few units in the last place below it.
    pub fn radius_down(&self) -> f64 {
        self.radius_rounded() * (1.0 - 4.0 * f64::EPSILON)
    }

    /// `R` in float64. The product is far from both ends of the range of float64, so it and its root have one
    /// rounding each.
    fn radius_rounded(&self) -> f64 {
        if self.radius[0] == self.radius[1] {
            self.radius[0]
        } else {
            (self.radius[0] * self.radius[1]).sqrt()
        }
    }

    /// The hidden state `g * Pz + c` in float64.
    pub fn hidden_state(&self, z: &[f64]) -> Vec<f64> {
        let mean = if self.centred { z.iter().sum::<f64>() / z.len() as f64 } else { 0.0 };
        z.iter()
            .zip(self.gain.iter().zip(&self.shift))
            .map(|(z, (g, c))| g * (z - mean) + c)
            .collect()
    }

    /// Approximates the shortest `z` with the hidden state `h`, in float64; `z_k` is 0 where the gain is 0.
    pub fn point_of(&self, h: &[f64]) -> Vec<f64> {
        let ends = h.iter().zip(self.gain.iter().zip(&self.shift));
        ends.map(|(h, (g, c))| if *g == 0.0 { 0.0 } else { (h - c) / g }).collect()
    }

    /// The hidden state `g * Pz + c` of `z = numerators / denominator`, exactly, as numerators and a denominator.
    pub fn exact_state(
        &self,
        numerators: &[BigInt],
        denominator: &BigInt,
    ) -> (Vec<BigInt>, BigInt) {
        // Subtracting the mean divides by `d`: multiply the denominator by it.
        let (count, sum) = if self.centred {
            (BigInt::from(numerators.len()), numerators.iter().sum())
        } else {
            (BigInt::from(1), BigInt::ZERO)
        };
        let over = &count * denominator;
        let coordinate = |(n, (g, c)): (&BigInt, (&f64, &f64))| {
            let z = Dyadic::from_integer(&count * n - &sum);
            &(&Dyadic::from_f64(*g) * &z)
                + &(&Dyadic::from_f64(*c) * &Dyadic::from_integer(over.clone()))
        };
        let states: Vec<Dyadic> =
            numerators.iter().zip(self.gain.iter().zip(&self.shift)).map(coordinate).collect();
        let (states, scale) = over_power_of_two(&states);
        (states, over * scale)
    }

    /// Whether `|z| < R` for `z = numerators / denominator`, exactly.
    pub fn holds_exactly(&self, numerators: &[BigInt], denominator: &BigInt) -> bool {
        let square = numerators.iter().map(|n| n * n).sum::<BigInt>();
        let limit = &self.radius_squared() * &Dyadic::from_integer(denominator * denominator);
        Dyadic::from_integer(square) < limit
    }

    /// Whether float64 arithmetic proves `|z| < R`; false does not mean that it does not hold.
    pub fn holds_plainly(&self, z: &[f64]) -> bool {
        norm_up(z.iter().copied()) < self.radius_down()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_the_radius_hold_it() {
        for (radius, squared) in [([2.0, 1.0], 2.0), ([3.0, 3.0], 9.0), ([384.0, 1.0], 384.0)] {
            let ball = Ball::new(radius, vec![1.0], vec![0.0], false).unwrap();
            let square = |x: f64| &Dyadic::from_f64(x) * &Dyadic::from_f64(x);
            let exact = Dyadic::from_f64(squared);
            assert_eq!(ball.radius_squared(), exact);
            assert!(square(ball.radius_down()) < exact && exact < square(ball.radius_up()));
        }
    }

    #[test]
    fn the_exact_state_is_the_norm_of_a_point() {
        let (gain, shift) = (vec![2.0, 0.5, -1.0], vec![0.25, 0.0, 3.0]);
        let z = [BigInt::from(4), BigInt::from(-2), BigInt::from(1)];
        let (halves, one) = (BigInt::from(2), BigInt::from(1));
        for (centred, expected) in [(true, [3.25, -0.75, 3.0]), (false, [4.25, -0.5, 2.5])] {
            let ball = Ball::after_norm(gain.clone(), shift.clone(), centred).unwrap();
            let (h, over) = ball.exact_state(&z, &halves);
            for (n, expected) in h.into_iter().zip(expected) {
                let expected = &Dyadic::from_f64(expected) * &Dyadic::from_integer(over.clone());
                assert_eq!(Dyadic::from_integer(n), expected);
            }
        }
        // 21 / 4 < 3 no; a tenth of it yes.
        let ball = Ball::after_norm(gain, shift, true).unwrap();
        assert!(!ball.holds_exactly(&z, &halves) && !ball.holds_exactly(&z, &one));
        assert!(ball.holds_exactly(&z, &BigInt::from(3)));
    }

    #[test]
    fn a_ball_needs_finite_numbers_and_a_radius() {
        assert!(Ball::around_origin(2, 0.0).is_err());
        assert!(Ball::around_origin(2, f64::INFINITY).is_err());
        assert!(Ball::after_norm(vec![1.0], vec![f64::NAN], true).is_err());
        assert!(Ball::after_norm(vec![1.0], vec![], true).is_err());
    }
}
