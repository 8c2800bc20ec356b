//! Steps of Adam (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015).

use crate::error::{Error, Result};

/// Decay of the means of gradients and of their squares, and what keeps a quotient finite.
const DECAY: (f64, f64, f64) = (0.9, 0.999, 1e-8);

/// The state of the optimiser for some numbers.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    mean: Vec<f64>,
    square: Vec<f64>,
    steps: i32,
}

impl Adam {
    /// Begins for so many numbers.
    pub fn new(count: usize) -> Self {
        Adam { mean: vec![0.0; count], square: vec![0.0; count], steps: 0 }
    }

    /// Moves the numbers against a gradient; the first step moves each by `rate`.
    ///
    /// # Errors
    /// A gradient that is not finite.
    pub fn step(&mut self, numbers: &mut [f32], gradient: &[f32], rate: f64) -> Result<()> {
        let (first, second, least) = DECAY;
        self.steps += 1;
        let grown = |decay: f64| 1.0 - decay.powi(self.steps);
        let grown = (grown(first), grown(second));
        for (k, &slope) in gradient.iter().enumerate() {
            let slope = f64::from(slope);
            if !slope.is_finite() {
                return Err(Error::Invalid("a gradient of the prompt is not finite".to_owned()));
            }
            self.mean[k] = first * self.mean[k] + (1.0 - first) * slope;
            self.square[k] = second * self.square[k] + (1.0 - second) * slope * slope;
            let size = (self.square[k] / grown.1).sqrt() + least;
            numbers[k] -= (rate * self.mean[k] / grown.0 / size) as f32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parabola_is_followed_to_its_bottom() {
        let mut point = [3.0f32, -2.0];
        let mut adam = Adam::new(2);
        adam.step(&mut point, &[6.0, -4.0], 0.1).unwrap();
        assert!((point[0] - 2.9).abs() < 1e-6 && (point[1] + 1.9).abs() < 1e-6);
        for _ in 0..400 {
            let gradient = [2.0 * point[0], 2.0 * point[1]];
            adam.step(&mut point, &gradient, 0.05).unwrap();
        }
        assert!(point.iter().all(|x| x.abs() < 1e-2), "{point:?}");
        assert!(adam.step(&mut point, &[f32::NAN, 0.0], 0.1).is_err());
    }
}
