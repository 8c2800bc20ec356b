//! Multi-head attention, with grouped keys and values, and the terms that some families add to the scores.

use std::ops::Range;

use candle_core::Tensor;

use super::disentangled::{Disentangled, DistanceRows, MappedDistances};
use super::distance_bias::DistanceBias;
use super::fused::masked_softmax;
use super::linear::Linear;
use super::mask::{Masks, Stream};
use super::norm::Norm;
use super::relative::{Distances, Relative};
use super::rotary::Rotation;
use crate::error::Result;

/// The linear maps and sizes of one attention.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    /// The map to queries, `d` to `H x head`.
    pub query: Linear,
    /// The map to keys, `d` to `G x head`, with `G` key-value heads.
    pub key: Linear,
    /// The map to values, `d` to `G x head`.
    pub value: Linear,
    /// The map of the result, `H x head` to `d`.
    pub output: Linear,
    /// The number of heads, `H`.
    pub heads: usize,
    /// The number of key-value heads, `G`, which divides `H`.
    pub key_value_heads: usize,
    /// The width of one head, `head`.
    pub head_width: usize,
    /// The factor of the scores.
    pub scale: f64,
    /// The bound of the scores, `c tanh(score / c)`.
    pub cap: Option<f64>,
    /// The norms of queries and keys.
    pub norms: Option<QueryKeyNorms>,
    /// The score of nothing in each head, `1 x H x 1 x 1` (gpt-oss).
    pub sinks: Option<Tensor>,
    /// XLNet's additional maps and biases.
    pub relative: Option<Relative>,
    /// DeBERTa's vectors of distances.
    pub disentangled: Option<Disentangled>,
}

/// The number of queries whose scores are computed at a time, so that the memory of attention grows with the length of a
/// text and not with its square.
const QUERIES: usize = 256;

/// The norms of queries and keys before rotary positions.
#[derive(Clone, Debug)]
pub(super) struct QueryKeyNorms {
    pub query: Norm,
    pub key: Norm,
    /// Whether the norms are over all heads together.
    pub whole: bool,
}

/// What the attention of all layers of one kind shares in one pass: the mask and the encoding of positions. What has a
/// number for each query and key is computed for some queries at a time.
#[derive(Clone)]
pub(super) struct AttentionContext<'a> {
    /// Which keys each query sees.
    pub masks: Masks<'a>,
    /// Added to the scores of each head (T5, ALiBi).
    pub bias: Option<&'a DistanceBias>,
    /// The rotation by the positions of the queries, where layers of this kind rotate (Llama).
    pub rotation: Option<Rotation>,
    /// The distances between queries and keys (XLNet).
    pub distances: Option<Distances>,
    /// The same as rows of a table (DeBERTa).
    pub distance_rows: Option<DistanceRows>,
}

impl<'a> AttentionContext<'a> {
    /// Makes the context of an attention that knows no positions.
    pub fn masked(masks: Masks<'a>) -> Self {
        let (bias, rotation, distances, distance_rows) = (None, None, None, None);
        AttentionContext { masks, bias, rotation, distances, distance_rows }
    }

    /// Returns the same context for another stream.
    pub fn with_stream(&self, stream: Stream) -> Self {
        let mut context = self.clone();
        context.masks.stream = stream;
        context
    }
}

/// The vectors of distances as one layer maps them.
enum Mapped<'a> {
    Nothing,
    Relative(&'a Relative, &'a Distances, Tensor),
    Disentangled(MappedDistances<'a>),
}

/// Keys and values of a sequence, each `B x G x T x head`.
#[derive(Clone, Debug)]
pub(super) struct KeysAndValues {
    pub keys: Tensor,
    pub values: Tensor,
}

impl KeysAndValues {
    /// Returns the keys and values at some positions, without a copy if there are several.
    fn part(&self, at: &Range<usize>) -> Result<Self> {
        if at.len() == self.keys.dim(2)? {
            return Ok(self.clone());
        }
        let of = |x: &Tensor| -> Result<Tensor> {
            let part = x.narrow(2, at.start, at.len())?;
            // The strides of a single one may be those of another layout, which a product does not take.
            Ok(if at.len() == 1 { part.force_contiguous()? } else { part })
        };
        Ok(KeysAndValues { keys: of(&self.keys)?, values: of(&self.values)? })
    }

    /// Appends the keys and values of the tokens that follow.
    pub fn followed_by(&self, new: &KeysAndValues) -> Result<Self> {
        let all = |earlier: &Tensor, new: &Tensor| -> Result<Tensor> {
            let all = Tensor::cat(&[earlier, new], 2)?;
            // Of several rows candle may lay out the tokens of all rows side by side, which a product does not take.
            Ok(if all.dim(0)? > 1 { all.contiguous()? } else { all })
        };
        Ok(KeysAndValues {
            keys: all(&self.keys, &new.keys)?,
            values: all(&self.values, &new.values)?,
        })
    }
}

impl Attention {
    /// Computes the keys and values of the states `memory`, `B x T x d`.
    pub fn keys_and_values(
        &self,
        memory: &Tensor,
        context: &AttentionContext,
    ) -> Result<KeysAndValues> {
        let norm = self.norms.as_ref().map(|norms| (&norms.key, norms.whole));
        let keys = self.normed(self.key.forward(memory)?, self.key_value_heads, norm)?;
        let keys = match &context.rotation {
            Some(rotation) => rotation.apply(&keys)?,
            None => keys,
        };
        let values = self.split(self.value.forward(memory)?, self.key_value_heads)?;
        Ok(KeysAndValues { keys, values })
    }

    /// Computes the attention of the states `x`, `B x T x d`, over the keys and values `seen`.
    pub fn forward(
        &self,
        x: &Tensor,
        seen: &KeysAndValues,
        context: &AttentionContext,
    ) -> Result<Tensor> {
        let count = x.dim(1)?;
        let norm = self.norms.as_ref().map(|norms| (&norms.query, norms.whole));
        let queries = self.normed(self.query.forward(x)?, self.heads, norm)?;
        let queries = match &context.rotation {
            Some(rotation) => rotation.apply(&queries)?,
            None => queries,
        };
        let mapped = self.mapped(context)?;
        let parts: Result<Vec<Tensor>> = (0..count)
            .step_by(QUERIES)
            .map(|from| {
                let some = QUERIES.min(count - from);
                let at = context.masks.before + from..context.masks.before + from + some;
                self.attend(&queries.narrow(2, from, some)?, seen, context, &mapped, at)
            })
            .collect();
        let parts = parts?;
        self.output.forward(&if parts.len() == 1 {
            parts[0].clone()
        } else {
            Tensor::cat(&parts, 1)?
        })
    }

    /// Maps the vectors of the distances of a pass, where there are such.
    fn mapped<'a>(&'a self, context: &'a AttentionContext) -> Result<Mapped<'a>> {
        let (heads, width) = (self.heads, self.head_width);
        if let (Some(relative), Some(distances)) = (&self.relative, &context.distances) {
            let encoded = relative.mapped(distances, heads, width)?;
            return Ok(Mapped::Relative(relative, distances, encoded));
        }
        Ok(match (&self.disentangled, &context.distance_rows) {
            (Some(disentangled), Some(rows)) => {
                Mapped::Disentangled(disentangled.mapped(rows, heads, width)?)
            }
            _ => Mapped::Nothing,
        })
    }

    /// Computes the values that the queries at the positions `at` take, `B x t x (H head)`.
    fn attend(
        &self,
        queries: &Tensor,
        seen: &KeysAndValues,
        context: &AttentionContext,
        mapped: &Mapped,
        at: Range<usize>,
    ) -> Result<Tensor> {
        let (rows, _, count, _) = queries.dims4()?;
        let span = match mapped {
            // XLNet's scores by distance are those with all keys.
            Mapped::Relative(..) => 0..seen.keys.dim(2)?,
            _ => context.masks.span(&at, seen.keys.dim(2)?),
        };
        let length = span.len();
        let seen = seen.part(&span)?;
        // The queries of all heads that share keys are stacked, so that one product computes their scores.
        let (groups, each) = (self.key_value_heads, self.heads / self.key_value_heads);
        let scores = match mapped {
            Mapped::Relative(relative, distances, encoded) => {
                (relative.scores((queries, &at), &seen.keys, distances, encoded)? * self.scale)?
            }
            _ => {
                let grouped = (queries * self.scale)?.reshape((
                    rows,
                    groups,
                    each * count,
                    self.head_width,
                ))?;
                // The strides of a single key may be those of another layout, which a product does not take.
                let keys = seen.keys.t()?;
                let keys = if length == 1 { keys.force_contiguous()? } else { keys };
                grouped.matmul(&keys)?.reshape((rows, self.heads, count, length))?
            }
        };
        let scores = match mapped {
            Mapped::Disentangled(mapped) => {
                match mapped.scores((queries, &at), (&seen.keys, &span))? {
                    Some(added) => (scores + (added * self.scale)?)?,
                    None => scores,
                }
            }
            _ => scores,
        };
        let scores = match self.cap {
            Some(cap) => ((scores / cap)?.tanh()? * cap)?,
            None => scores,
        };
        let scores = match &context.bias {
            Some(bias) => {
                scores.broadcast_add(&bias.bias(at.clone(), span.clone(), scores.dtype())?)?
            }
            None => scores,
        };
        let mask = context.masks.bias(at, span, scores.dtype())?;
        let weights = self.weights(&scores, &mask)?;
        let taken = weights.reshape((rows, groups, each * count, length))?.matmul(&seen.values)?;
        let taken = taken.reshape((rows, self.heads, count, self.head_width))?.transpose(1, 2)?;
        Ok(taken.reshape((rows, count, self.heads * self.head_width))?)
    }

    /// Computes the shares of the keys from scores, `B x H x t x keys`, and a mask. A sink takes a share as a key does, and
    /// gives no value.
    fn weights(&self, scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let Some(sinks) = &self.sinks else { return Ok(masked_softmax(scores, mask)?) };
        let (rows, heads, count, length) = scores.dims4()?;
        let sinks = sinks.broadcast_as((rows, heads, count, 1))?;
        let seen = mask.narrow(3, 0, 1)?.zeros_like()?;
        let scores = Tensor::cat(&[scores, &sinks], 3)?;
        let mask = Tensor::cat(&[mask, &seen], 3)?;
        Ok(masked_softmax(&scores, &mask)?.narrow(3, 0, length)?.contiguous()?)
    }

    /// Copies the attention, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        Ok(Attention {
            query: self.query.unshared()?,
            key: self.key.unshared()?,
            value: self.value.unshared()?,
            output: self.output.unshared()?,
            relative: self.relative.as_ref().map(Relative::unshared).transpose()?,
            disentangled: self.disentangled.as_ref().map(Disentangled::unshared).transpose()?,
            norms: self.norms.as_ref().map(QueryKeyNorms::unshared).transpose()?,
            sinks: self.sinks.as_ref().map(Tensor::copy).transpose()?,
            ..self.clone()
        })
    }

    /// Splits queries or keys into heads, and applies their norm, which is of all heads together or of each.
    fn normed(&self, x: Tensor, heads: usize, norm: Option<(&Norm, bool)>) -> Result<Tensor> {
        match norm {
            Some((norm, true)) => self.split(norm.forward(&x)?, heads),
            Some((norm, false)) => norm.forward(&self.split(x, heads)?),
            None => self.split(x, heads),
        }
    }

    /// Splits the last dimension into heads: `B x T x (heads head)` to `B x heads x T x head`.
    fn split(&self, x: Tensor, heads: usize) -> Result<Tensor> {
        let (rows, count, _) = x.dims3()?;
        Ok(x.reshape((rows, count, heads, self.head_width))?.transpose(1, 2)?.contiguous()?)
    }
}

impl QueryKeyNorms {
    /// Copies the norms, so that they share no memory with these.
    fn unshared(&self) -> Result<Self> {
        Ok(QueryKeyNorms {
            query: self.query.unshared()?,
            key: self.key.unshared()?,
            whole: self.whole,
        })
    }
}
