//! Rotary positions: pairs of coordinates are rotated by an angle proportional to the position (Su et al.,
//! "RoFormer", 2021), composed of operations that have gradients.

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};

use super::positions::{Pairing, Rotary};
use crate::error::Result;

/// The sines and cosines of the angles of some positions.
#[derive(Clone)]
pub(super) struct Rotation {
    /// The cosines, `positions x pairs`; the sines have the same shape.
    cosines: Tensor,
    sines: Tensor,
    pairing: Pairing,
}

impl Rotation {
    /// Computes the angles of `positions`, the last ones of a text.
    pub fn new(positions: Range<usize>, rotary: &Rotary, dtype: DType) -> Result<Self> {
        let frequencies = rotary.at(positions.end);
        let shape = (positions.len(), frequencies.len());
        let angles: Vec<f32> = positions
            .flat_map(|position| frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        let of = |f: fn(f32) -> f32| -> Result<Tensor> {
            let numbers = angles.iter().map(|&angle| rotary.factor * f(angle)).collect();
            Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(dtype)?)
        };
        Ok(Rotation { cosines: of(f32::cos)?, sines: of(f32::sin)?, pairing: rotary.pairing })
    }

    /// Rotates the first coordinates of each head of `x`, `B x H x T x width`, as many as there are angles for.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (width, turned) = (x.dim(D::Minus1)?, 2 * self.cosines.dim(1)?);
        if turned == width {
            return self.turn(x);
        }
        let first = self.turn(&x.narrow(D::Minus1, 0, turned)?.contiguous()?)?;
        Ok(Tensor::cat(&[&first, &x.narrow(D::Minus1, turned, width - turned)?], D::Minus1)?)
    }

    /// Rotates all coordinates.
    fn turn(&self, x: &Tensor) -> Result<Tensor> {
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
