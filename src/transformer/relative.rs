//! XLNet's relative attention: scores with sinusoids of the distance, and with whether two positions are in the same
//! segment (Dai et al., Transformer-XL, 2019; `XLNetRelativeAttention`).

use std::ops::Range;

use candle_core::{D, DType, Device, Tensor};

use super::linear::Linear;
use crate::error::Result;

/// The tensors that a relative attention has in addition to its four maps.
#[derive(Clone, Debug)]
pub(super) struct Relative {
    /// The map of encoded distances, `d` to `H x head`.
    pub distances: Linear,
    /// Added to queries for their products with keys, `H x 1 x head`.
    pub content_bias: Tensor,
    /// Added to queries for their products with distances, `H x 1 x head`.
    pub position_bias: Tensor,
    /// Added to queries for their products with segments, `H x 1 x head`.
    pub segment_bias: Tensor,
    /// One vector for the same segment and one for another, `H x head x 2`.
    pub segments: Tensor,
}

/// The encoded distances and segments of a batch, which all layers share.
#[derive(Clone)]
pub(super) struct Distances {
    /// Encodings of the distances from `keys` down to `1 - queries`, `(keys + queries) x d`.
    pub encodings: Tensor,
    /// The segment of each position of each row; `None` without segments.
    pub segments: Option<Vec<Vec<u32>>>,
}

impl Distances {
    /// Encodes the distances of `length` queries that are also the keys.
    pub fn new(
        length: usize,
        width: usize,
        clamp: Option<usize>,
        segments: Option<&[Vec<u32>]>,
        dtype: DType,
    ) -> Result<Self> {
        let half = width / 2;
        let frequencies: Vec<f32> =
            (0..half).map(|k| 1.0 / 10_000f32.powf(2.0 * k as f32 / width as f32)).collect();
        let mut encodings = Vec::with_capacity(2 * length * width);
        for step in 0..2 * length {
            let distance = length as f32 - step as f32;
            let distance = match clamp {
                Some(clamp) => distance.clamp(-(clamp as f32), clamp as f32),
                None => distance,
            };
            encodings.extend(frequencies.iter().map(|f| (distance * f).sin()));
            encodings.extend(frequencies.iter().map(|f| (distance * f).cos()));
        }
        let encodings = Tensor::from_vec(encodings, (2 * length, 2 * half), &Device::Cpu)?;
        let segments = segments.map(<[_]>::to_vec);
        Ok(Distances { encodings: encodings.to_dtype(dtype)?, segments })
    }

    /// Returns 1 where a query and a key are of different segments, `B x 1 x queries x keys`; `None` without segments.
    fn differ(&self, queries: &Range<usize>, dtype: DType) -> Result<Option<Tensor>> {
        let Some(segments) = &self.segments else { return Ok(None) };
        let length = segments.first().map_or(0, Vec::len);
        let mut differ = Vec::with_capacity(segments.len() * queries.len() * length);
        for row in segments {
            let pairs = row[queries.clone()].iter().flat_map(|a| row.iter().map(move |b| a != b));
            differ.extend(pairs.map(|other| if other { 1f32 } else { 0.0 }));
        }
        let shape = (segments.len(), 1, queries.len(), length);
        Ok(Some(Tensor::from_vec(differ, shape, &Device::Cpu)?.to_dtype(dtype)?))
    }
}

impl Relative {
    /// Maps the encoded distances for `heads` of `width`, `H x head x distances`.
    pub fn mapped(&self, distances: &Distances, heads: usize, width: usize) -> Result<Tensor> {
        let encoded = self.distances.forward(&distances.encodings)?;
        Ok(encoded.reshape(((), heads, width))?.permute((1, 2, 0))?.contiguous()?)
    }

    /// Computes the scores of the queries `at` (`B x H x t x head`) with all keys (`B x H x T x head`), not yet scaled;
    /// `encoded` are all distances as [`Relative::mapped`] returns them.
    pub fn scores(
        &self,
        (queries, at): (&Tensor, &Range<usize>),
        keys: &Tensor,
        distances: &Distances,
        encoded: &Tensor,
    ) -> Result<Tensor> {
        let (count, length) = (at.len(), keys.dim(2)?);
        let content = queries.broadcast_add(&self.content_bias)?.matmul(&keys.t()?)?;
        let position = queries.broadcast_add(&self.position_bias)?;
        // Those from the last of these queries to the last key, up to the first query and the first key.
        let encoded = encoded.narrow(2, length - at.end, length + count)?.contiguous()?;
        let position = position.broadcast_matmul(&encoded.unsqueeze(0)?)?;
        let mut scores = (content + shifted(&position, count, length)?)?;
        if let Some(differ) = distances.differ(at, queries.dtype())? {
            let segment = queries.broadcast_add(&self.segment_bias)?;
            let segment = segment.broadcast_matmul(&self.segments.unsqueeze(0)?)?;
            let (same, other) =
                (segment.narrow(D::Minus1, 0, 1)?, segment.narrow(D::Minus1, 1, 1)?);
            let change = (other - &same)?.broadcast_mul(&differ)?;
            scores = (scores + change.broadcast_add(&same)?)?;
        }
        Ok(scores)
    }

    /// Copies the tensors, so that they share no memory with these.
    pub fn unshared(&self) -> Result<Self> {
        Ok(Relative {
            distances: self.distances.unshared()?,
            content_bias: self.content_bias.copy()?,
            position_bias: self.position_bias.copy()?,
            segment_bias: self.segment_bias.copy()?,
            segments: self.segments.copy()?,
        })
    }
}

/// Shifts each query's scores so that column `j` holds the distance to key `j` (Transformer-XL's shift).
fn shifted(scores: &Tensor, queries: usize, keys: usize) -> Result<Tensor> {
    let (rows, heads, _, steps) = scores.dims4()?;
    let turned = scores.reshape((rows, heads, steps, queries))?.narrow(2, 1, steps - 1)?;
    let turned = turned.contiguous()?.reshape((rows, heads, queries, steps - 1))?;
    Ok(turned.narrow(3, 0, keys)?.contiguous()?)
}
