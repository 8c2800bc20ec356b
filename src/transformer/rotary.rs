//! Rotary positions: pairs of coordinates are rotated by an angle proportional to the position (Su et al.,
//! "RoFormer", 2021), composed of operations that have gradients.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};

use super::configuration::{Pairing, RotaryScaling};
use crate::error::Result;

/// Returns the frequencies of `half` pairs of coordinates, in float32 as transformers computes them; each is divided
/// by its factor, if there are any.
pub(super) fn frequencies(
    half: usize,
    base: f64,
    scaling: RotaryScaling,
    factors: Option<&[f32]>,
) -> Vec<f32> {
    let width = (2 * half) as f32;
    let scaled = |k: usize| {
        let plain = 1.0 / (base as f32).powf(2.0 * k as f32 / width);
        match scaling {
            RotaryScaling::None => plain,
            RotaryScaling::Linear { factor } => plain / factor as f32,
            RotaryScaling::Llama3 { factor, low, high, original } => {
                let wave = 2.0 * std::f32::consts::PI / plain;
                if wave > (original / low) as f32 {
                    plain / factor as f32
                } else if wave < (original / high) as f32 {
                    plain
                } else {
                    let share = (original as f32 / wave - low as f32) / (high - low) as f32;
                    (1.0 - share) * plain / factor as f32 + share * plain
                }
            }
        }
    };
    match factors {
        Some(factors) => factors.iter().enumerate().map(|(k, factor)| scaled(k) / factor).collect(),
        None => (0..half).map(scaled).collect(),
    }
}

/// The sines and cosines of the angles of some positions.
#[derive(Clone)]
pub(super) struct Rotation {
    /// The cosines, `positions x width / 2`; the sines have the same shape.
    cosines: Tensor,
    sines: Tensor,
    pairing: Pairing,
}

impl Rotation {
    /// Computes the angles of `positions` for heads of twice as many coordinates as there are frequencies.
    pub fn new(
        positions: Range<usize>,
        frequencies: &[f32],
        pairing: Pairing,
        dtype: DType,
    ) -> Result<Self> {
        let shape = (positions.len(), frequencies.len());
        let angles: Vec<f32> = positions
            .flat_map(|position| frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        let of = |f: fn(f32) -> f32| -> Result<Tensor> {
            let numbers = angles.iter().copied().map(f).collect();
            Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)?)
        };
        Ok(Rotation { cosines: of(f32::cos)?, sines: of(f32::sin)?, pairing })
    }

    /// Rotates `x`, `B x H x T x width`.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, heads, length, width) = x.dims4()?;
        let half = width / 2;
        let turned = |a: &Tensor, b: &Tensor| -> Result<(Tensor, Tensor)> {
            let (cosines, sines) = (&self.cosines, &self.sines);
            Ok((
                (a.broadcast_mul(cosines)? - b.broadcast_mul(sines)?)?,
                (b.broadcast_mul(cosines)? + a.broadcast_mul(sines)?)?,
            ))
        };
        Ok(match self.pairing {
            Pairing::Halves => {
                let (a, b) =
                    turned(&x.narrow(D::Minus1, 0, half)?, &x.narrow(D::Minus1, half, half)?)?;
                Tensor::cat(&[a, b], D::Minus1)?
            }
            Pairing::Neighbours => {
                let x = x.reshape((rows, heads, length, half, 2))?;
                let of = |k| x.narrow(D::Minus1, k, 1)?.squeeze(D::Minus1);
                let (a, b) = turned(&of(0)?, &of(1)?)?;
                Tensor::stack(&[a, b], D::Minus1)?.reshape((rows, heads, length, width))?
            }
        })
    }
}
