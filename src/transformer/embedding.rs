//! The embedding: from token ids, or vectors in their place, to the first hidden state.

use candle_core::{DType, Device, Tensor};

use super::configuration::{Configuration, Position};
use super::linear::Linear;
use super::matrix::Matrix;
use super::norm::Norm;
use crate::error::Result;

/// The tables and maps before the first block.
#[derive(Clone, Debug)]
pub(super) struct Embedding {
    /// The token embedding, `V x e`.
    pub tokens: Matrix,
    /// The position embedding, one row per position, where positions are learned.
    pub positions: Option<Tensor>,
    /// The segment embedding, one row per segment.
    pub segments: Option<Tensor>,
    /// The norm of the sum of these.
    pub norm: Option<Norm>,
    /// The map from `e` to `d`.
    pub projection: Option<Linear>,
}

impl Embedding {
    /// Looks up the vectors of token ids, `B x T x e`, and multiplies them by `scale`.
    pub fn vectors(&self, ids: &[Vec<u32>], scale: f64) -> Result<Tensor> {
        let flat: Vec<u32> = ids.iter().flatten().copied().collect();
        let vectors = self.tokens.select(&flat)?.reshape((ids.len(), (), self.tokens.columns()))?;
        Ok(if scale == 1.0 { vectors } else { (vectors * scale)? })
    }

    /// Computes the first hidden state from `vectors`, `B x T x e`. `positions` are the rows of the position table,
    /// for each row of the batch or one for all.
    pub fn forward(
        &self,
        vectors: &Tensor,
        positions: &[Vec<usize>],
        segments: Option<&[Vec<u32>]>,
        configuration: &Configuration,
    ) -> Result<Tensor> {
        let (rows, length, width) = vectors.dims3()?;
        let mut x = vectors.clone();
        if let Some(table) = &self.segments {
            let ids = match segments {
                Some(segments) => segments.iter().flatten().copied().collect(),
                None => vec![0; rows * length],
            };
            x = (x + picked(table, ids, (rows, length))?)?;
        }
        match (configuration.position, &self.positions) {
            (Position::Learned { .. }, Some(table)) => {
                let ids = positions.iter().flatten().map(|&position| position as u32).collect();
                x = x.broadcast_add(&picked(table, ids, (positions.len(), length))?)?;
            }
            (Position::Sinusoidal, _) => {
                x = x.broadcast_add(&sinusoids(positions, width, x.dtype())?)?;
            }
            _ => {}
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(&x)?;
        }
        match &self.projection {
            Some(projection) => projection.forward(&x),
            None => Ok(x),
        }
    }
}

/// Looks up rows of a table, `B x T x e`.
fn picked(table: &Tensor, ids: Vec<u32>, (rows, length): (usize, usize)) -> Result<Tensor> {
    let ids = Tensor::from_vec(ids, rows * length, &Device::Cpu)?;
    Ok(table.index_select(&ids, 0)?.reshape((rows, length, ()))?)
}

/// Returns the sinusoidal vector of a position: sines in the first half of the coordinates, cosines in the second
/// (`MarianSinusoidalPositionalEmbedding`).
pub(super) fn sines(position: usize, width: usize) -> impl Iterator<Item = f32> {
    let half = width.div_ceil(2);
    let angle = move |k: usize| position as f64 / 10_000f64.powf(2.0 * k as f64 / width as f64);
    let sines = (0..half).map(move |k| angle(k).sin() as f32);
    sines.chain((0..width - half).map(move |k| angle(k).cos() as f32))
}

/// Returns the sinusoidal vectors of all positions, `B x T x width`.
fn sinusoids(positions: &[Vec<usize>], width: usize, dtype: DType) -> Result<Tensor> {
    let length = positions.first().map_or(0, Vec::len);
    let numbers = positions.iter().flatten().flat_map(|&position| sines(position, width)).collect();
    let table = Tensor::from_vec(numbers, (positions.len(), length, width), &Device::Cpu)?;
    Ok(table.to_dtype(dtype)?)
}
