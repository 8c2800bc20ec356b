//! Attention: queries, keys and values in heads, in groups where keys are shared, with whatever a
//! family adds to the scores.

use candle_core::Tensor;

use super::fused::masked_softmax;
use super::linear::Linear;
use super::relative::{Distances, Relative};
use super::rotary::Rotation;
use crate::error::Result;

/// The maps of one attention.
#[derive(Clone, Debug)]
pub(super) struct Attention {
    /// `d` to `H x head`.
    pub query: Linear,
    /// `d` to `G x head`, with `G` key-value heads.
    pub key: Linear,
    /// `d` to `G x head`.
    pub value: Linear,
    /// `H x head` to `d`.
    pub output: Linear,
    /// `H`.
    pub heads: usize,
    /// `G`, which divides `H`.
    pub key_value_heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The factor of the scores.
    pub scale: f64,
    /// XLNet's additions.
    pub relative: Option<Relative>,
}

/// What the attention of all layers has in common in one pass.
#[derive(Clone)]
pub(super) struct Scene {
    /// Added to all scores, `[B or 1, 1, queries, keys]`.
    pub mask: Tensor,
    /// Added to the scores of each head, `[1, H, queries, keys]` (T5).
    pub bias: Option<Tensor>,
    /// The rotation of the queries' positions (Llama).
    pub rotation: Option<Rotation>,
    /// The distances between queries and keys (XLNet).
    pub distances: Option<Distances>,
}

impl Scene {
    /// The same under another mask.
    pub fn under(&self, mask: &Tensor) -> Self {
        Scene { mask: mask.clone(), ..self.clone() }
    }
}

/// Keys and values of a text, each `B x G x T x head`.
#[derive(Clone, Debug)]
pub(super) struct KeysAndValues {
    pub keys: Tensor,
    pub values: Tensor,
}

impl KeysAndValues {
    /// With those of the tokens that follow.
    pub fn followed_by(&self, new: &KeysAndValues) -> Result<Self> {
        Ok(KeysAndValues {
            keys: Tensor::cat(&[&self.keys, &new.keys], 2)?,
            values: Tensor::cat(&[&self.values, &new.values], 2)?,
        })
    }
}

impl Attention {
    /// The keys and values of the states `memory`, `B x T x d`.
    pub fn keys_and_values(&self, memory: &Tensor, scene: &Scene) -> Result<KeysAndValues> {
        let keys = self.split(self.key.forward(memory)?, self.key_value_heads)?;
        let keys = match &scene.rotation {
            Some(rotation) => rotation.apply(&keys)?,
            None => keys,
        };
        let values = self.split(self.value.forward(memory)?, self.key_value_heads)?;
        Ok(KeysAndValues { keys, values })
    }

    /// What the states `x`, `B x T x d`, take from the values.
    pub fn forward(&self, x: &Tensor, seen: &KeysAndValues, scene: &Scene) -> Result<Tensor> {
        let (rows, count, _) = x.dims3()?;
        let length = seen.keys.dim(2)?;
        let queries = self.split(self.query.forward(x)?, self.heads)?;
        let queries = match &scene.rotation {
            Some(rotation) => rotation.apply(&queries)?,
            None => queries,
        };
        // All queries that share a group's keys stand below each other in one product.
        let (groups, each) = (self.key_value_heads, self.heads / self.key_value_heads);
        let scores = match (&self.relative, &scene.distances) {
            (Some(relative), Some(distances)) => {
                (relative.scores(&queries, &seen.keys, distances)? * self.scale)?
            }
            _ => {
                let grouped = (queries * self.scale)?.reshape((
                    rows,
                    groups,
                    each * count,
                    self.head_width,
                ))?;
                grouped.matmul(&seen.keys.t()?)?.reshape((rows, self.heads, count, length))?
            }
        };
        let scores = match &scene.bias {
            Some(bias) => scores.broadcast_add(bias)?,
            None => scores,
        };
        let weights = masked_softmax(&scores, &scene.mask)?;
        let taken = weights.reshape((rows, groups, each * count, length))?.matmul(&seen.values)?;
        let taken = taken.reshape((rows, self.heads, count, self.head_width))?.transpose(1, 2)?;
        self.output.forward(&taken.reshape((rows, count, self.heads * self.head_width))?)
    }

    /// A copy that shares no memory with this one.
    pub fn apart(&self) -> Result<Self> {
        Ok(Attention {
            query: self.query.apart()?,
            key: self.key.apart()?,
            value: self.value.apart()?,
            output: self.output.apart()?,
            relative: self.relative.as_ref().map(Relative::apart).transpose()?,
            ..self.clone()
        })
    }

    /// `B x T x (heads head)` to `B x heads x T x head`.
    fn split(&self, x: Tensor, heads: usize) -> Result<Tensor> {
        let (rows, count, _) = x.dims3()?;
        Ok(x.reshape((rows, count, heads, self.head_width))?.transpose(1, 2)?.contiguous()?)
    }
}
