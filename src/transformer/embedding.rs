//! The embedding: from token ids, or vectors in their place, to the first hidden state.

use candle_core::{DType, Device, Tensor};

use super::configuration::Configuration;
use super::linear::Linear;
use super::matrix::Matrix;
use super::norm::Norm;
use super::positions::{Position, Sinusoid};
use crate::error::{Error, Result};

/// The tables and maps before the first block.
#[derive(Clone, Debug)]
pub(super) struct Embedding {
    /// The token embedding, `V x e`; `None` in an encoder of sound.
    pub tokens: Option<Matrix>,
    /// The position embedding, one row per position, where positions are learned.
    pub positions: Option<Tensor>,
    /// The segment embedding, one row per segment.
    pub segments: Option<Tensor>,
    /// The norm of the sum of these.
    pub norm: Option<Norm>,
    /// The map from `e` to `d`.
    pub projection: Option<Linear>,
    /// Whether it stands before positions.
    pub projection_first: bool,
}

impl Embedding {
    /// Returns the token embedding.
    ///
    /// # Errors
    /// An encoder that has none.
    pub fn tokens(&self) -> Result<&Matrix> {
        self.tokens.as_ref().ok_or_else(|| {
            let problem =
                "the encoder reads log-mel features of sound and no tokens: give features";
            Error::Invalid(problem.to_owned())
        })
    }

    /// Looks up the vectors of token ids, `B x T x e`, and multiplies them by `scale`.
    pub fn vectors(&self, ids: &[Vec<u32>], scale: f64) -> Result<Tensor> {
        let flat: Vec<u32> = ids.iter().flatten().copied().collect();
        let tokens = self.tokens()?;
        let vectors = tokens.select(&flat)?.reshape((ids.len(), (), tokens.columns()))?;
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
        let [first, last] = match (self.projection.as_ref(), self.projection_first) {
            (projection, true) => [projection, None],
            (projection, false) => [None, projection],
        };
        let projected = |x: &Tensor, projection: Option<&Linear>| match projection {
            Some(projection) => projection.forward(x),
            None => Ok(x.clone()),
        };
        let mut x = projected(vectors, first)?;
        if let Some(table) = &self.segments {
            let ids = match segments {
                Some(segments) => segments.iter().flatten().copied().collect(),
                None => vec![0; rows * length],
            };
            x = (x + picked(table, ids, (rows, length))?)?;
        }
        match (&configuration.position, &self.positions) {
            (Position::Learned { .. }, Some(table)) => {
                let ids = positions.iter().flatten().map(|&position| position as u32).collect();
                x = x.broadcast_add(&picked(table, ids, (positions.len(), length))?)?;
            }
            (Position::Sinusoidal(kind), _) => {
                x = x.broadcast_add(&sinusoids(*kind, positions, width, x.dtype())?)?;
            }
            _ => {}
        }
        if let Some(norm) = &self.norm {
            x = norm.forward(&x)?;
        }
        projected(&x, last)
    }
}

/// Looks up rows of a table, `B x T x e`.
fn picked(table: &Tensor, ids: Vec<u32>, (rows, length): (usize, usize)) -> Result<Tensor> {
    let ids = Tensor::from_vec(ids, rows * length, &Device::Cpu)?;
    Ok(table.index_select(&ids, 0)?.reshape((rows, length, ()))?)
}

/// Returns the sinusoidal vector of a position: sines in the first half of the coordinates, cosines in the second
/// (`MarianSinusoidalPositionalEmbedding`, `M2M100SinusoidalPositionalEmbedding`).
pub(super) fn sines(kind: Sinusoid, position: usize, width: usize) -> Vec<f32> {
    if let Sinusoid::Closed { padding } = kind
        && position == padding as usize
    {
        return vec![0.0; width];
    }
    let half = width.div_ceil(2);
    let angle = |k: usize| match kind {
        Sinusoid::Open => position as f64 / 10_000f64.powf(2.0 * k as f64 / width as f64),
        // In float32, as the reference computes it.
        Sinusoid::Closed { .. } => {
            let step = 10_000f64.ln() / (width / 2 - 1) as f64;
            f64::from(position as f32 * (k as f32 * -(step as f32)).exp())
        }
    };
    let counts = match kind {
        Sinusoid::Open => (half, width - half),
        Sinusoid::Closed { .. } => (width / 2, width / 2),
    };
    let sines = (0..counts.0).map(|k| angle(k).sin() as f32);
    let mut all: Vec<f32> = sines.chain((0..counts.1).map(|k| angle(k).cos() as f32)).collect();
    all.resize(width, 0.0);
    all
}

/// Returns the sinusoidal vectors of all positions, `B x T x width`.
fn sinusoids(
    kind: Sinusoid,
    positions: &[Vec<usize>],
    width: usize,
    dtype: DType,
) -> Result<Tensor> {
    let length = positions.first().map_or(0, Vec::len);
    let rows = positions.iter().flatten();
    let numbers = rows.flat_map(|&position| sines(kind, position, width)).collect();
    let table = Tensor::from_vec(numbers, (positions.len(), length, width), &Device::Cpu)?;
    Ok(table.to_dtype(dtype)?)
}
