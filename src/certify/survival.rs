//! Decides whether a win survives the rounding of the logits to a shorter format.
//!
//! A runtime computes logits in float32, in some order and perhaps fused, from a hidden state and weights rounded to
//! float32; it may then round them to a shorter format, to nearest. The error of the sum against the true logit `l_j`
//! is at most `e_j = gamma_(d+4) (|w_j| |h| + |b_j|)` with the unit `2^-24` (Higham 2002, section 3.1), and that of a
//! rounded number half a spacing. So the token stays strictly ahead if `l_t - l_j` exceeds `e_t + e_j` and one
//! spacing of the format at the larger of the two magnitudes. Elsewhere nothing is claimed.

use super::scored::Scored;
use crate::arithmetic::rounding::{UP_4000, exponent, gamma, norm_up, power_of_two};
use crate::parallel;
use crate::problem::Problem;

/// A format of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// bfloat16.
    Bf16,
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
}

impl Format {
    /// The formats, the shortest first.
    pub const ALL: [Format; 3] = [Format::Bf16, Format::F16, Format::F32];

    /// The name, as in the table.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bf16 => "bf16",
            Format::F16 => "f16",
            Format::F32 => "f32",
        }
    }

    /// The bits of the significand, the least exponent of a normal number, and the largest number.
    fn shape(self) -> (i64, i64, f64) {
        match self {
            Format::Bf16 => (8, -126, 3.3895313892515355e38),
            Format::F16 => (11, -14, 65504.0),
            Format::F32 => (24, -126, f64::from(f32::MAX)),
        }
    }

    /// The distance between neighbouring numbers at a magnitude; infinite beyond the largest number.
    fn spacing(self, magnitude: f64) -> f64 {
        let (bits, least, largest) = self.shape();
        if !(magnitude <= largest) {
            return f64::INFINITY;
        }
        power_of_two(exponent(magnitude).max(least) - (bits - 1))
    }
}

/// The data of a problem that the proof needs.
#[derive(Debug)]
pub struct RoundingCheck {
    /// Upper bounds of the lengths of the stored rows.
    norms: Vec<f64>,
}

/// The unit roundoff of float32, `2^-24`.
const UNIT: f64 = 1.0 / 16777216.0;
/// Float32 sums of terms below this do not overflow on the way.
const COMFORTABLE: f64 = 1e38;
/// The least positive float32, `2^-149`.
const LEAST: f64 = 1.401298464324817e-45;

impl RoundingCheck {
    /// Computes the lengths of the stored rows.
    pub fn new(problem: &Problem) -> Self {
        let head = problem.stored();
        RoundingCheck { norms: parallel::map(head.tokens(), &|t| head.norm_up(t)) }
    }

    /// The formats whose rounding the win of `token` at a point provably survives.
    pub fn formats(&self, scored: &Scored, at: usize, token: u32) -> Vec<Format> {
        let (problem, head) = (scored.problem(), scored.problem().stored());
        let (dim, point) = (head.dim(), scored.point(at));
        let length = match problem.domain().ball() {
            None => norm_up(point.iter().copied()),
            Some(ball) => {
                // The error of the mean is less than `gamma_d |z|`, that of each coordinate a few units more.
                let gain = ball.gain().iter().fold(0.0f64, |m, g| m.max(g.abs()));
                let z = norm_up(point.iter().copied());
                norm_up(ball.hidden_state(point).into_iter()) * UP_4000
                    + 4.0 * gain * gamma(dim + 8) * z
            }
        };
        let share = (dim + 4) as f64 * UNIT;
        if !(share < 0.5) {
            return Vec::new();
        }
        let unit = share / (1.0 - share) * UP_4000;
        let underflow = (dim + 4) as f64 * LEAST;
        let error = scored.error(at);
        // The logit, and a bound of the distance of the runtime's sum from it.
        let logit = |j: u32| {
            let (norm, bias) = (self.norms[j as usize], head.bias(j as usize).abs());
            let sum = norm * length + bias;
            let doubt = error(j) + unit * sum + underflow * (1.0 + norm);
            let comfortable = sum.max(norm).max(length) < COMFORTABLE;
            (scored.score(at, j), if comfortable { doubt * UP_4000 } else { f64::INFINITY })
        };
        let (own, own_doubt) = logit(token);
        let mut left = Format::ALL.to_vec();
        let skip = problem.equals(token);
        for j in 0..head.tokens() as u32 {
            if left.is_empty() {
                break;
            }
            if skip.binary_search(&j).is_ok() {
                continue;
            }
            let (rival, doubt) = logit(j);
            let gap = ((own - own_doubt) - (rival + doubt)).next_down();
            let magnitude = (own.abs() + own_doubt).max(rival.abs() + doubt).next_up();
            left.retain(|format| gap > format.spacing(magnitude));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacings_are_those_of_the_formats() {
        for x in [1.0f64, 1.5, 1.9999, 2.0, 300.0, 65503.0, 1e-5, 3e-7] {
            let bf16 = half::bf16::from_f64(x);
            let next = half::bf16::from_bits(bf16.to_bits() + 1);
            assert!(Format::Bf16.spacing(x) <= next.to_f64() - bf16.to_f64(), "{x}");
            let f16 = half::f16::from_f64(x);
            let next = half::f16::from_bits(f16.to_bits() + 1);
            assert!(Format::F16.spacing(x) <= next.to_f64() - f16.to_f64(), "{x}");
            let narrow = x as f32;
            let step = f64::from(narrow.next_up()) - f64::from(narrow);
            assert!(Format::F32.spacing(x) <= step, "{x}");
        }
        assert_eq!(Format::Bf16.spacing(1.5), 1.0 / 128.0);
        assert_eq!(Format::F16.spacing(1.5), 1.0 / 1024.0);
        assert_eq!(Format::F16.spacing(1e-7), 2f64.powi(-24));
        assert_eq!(Format::F32.spacing(1.5), f64::from(f32::EPSILON));
        assert_eq!(Format::F16.spacing(65505.0), f64::INFINITY);
    }
}
