//! One transformer block: attention, attention to an encoder where there is one, feed-forward layer, and norms.

use candle_core::Tensor;

use super::attention::{Attention, AttentionContext, KeysAndValues};
use super::cache::BlockCache;
use super::configuration::Placement;
use super::feed_forward::FeedForward;
use super::norm::Norm;
use crate::error::Result;

/// The maps and norms of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The attention to the sequence itself.
    pub attention: Attention,
    /// The norm of the attention.
    pub attention_norm: Norm,
    /// The attention to the encoder's states, with its norm.
    pub cross: Option<(Attention, Norm)>,
    /// The feed-forward layer.
    pub feed_forward: FeedForward,
    /// The norm of the feed-forward layer.
    pub feed_forward_norm: Norm,
    /// Whether the norms stand before or after.
    pub placement: Placement,
}

/// The encoder's result, which a decoder attends to.
pub(super) struct Encoded {
    /// The last hidden states of the encoder, `B x S x d`.
    pub states: Tensor,
    /// The mask of the encoder's padding.
    pub context: AttentionContext,
}

impl Block {
    /// Computes the next hidden states from `x`, `B x T x d`. `memory` are the states attended to, if these are not
    /// `x` itself; `cache` holds the keys and values of earlier tokens and receives those of `x`.
    pub fn forward(
        &self,
        x: &Tensor,
        memory: Option<&Tensor>,
        context: &AttentionContext,
        encoded: Option<&Encoded>,
        mut cache: Option<&mut BlockCache>,
    ) -> Result<Tensor> {
        let x = self.around(x, &self.attention_norm, |x| {
            let memory = memory.unwrap_or(x);
            let new = self.attention.keys_and_values(memory, context)?;
            let seen = match &mut cache {
                Some(cache) => cache.extend(new)?,
                None => new,
            };
            self.attention.forward(x, &seen, context)
        })?;
        let x = match (&self.cross, encoded) {
            (Some((attention, norm)), Some(encoded)) => self.around(&x, norm, |x| {
                let seen = match &mut cache {
                    Some(cache) => cache.cross_attention(|| source(attention, encoded))?,
                    None => source(attention, encoded)?,
                };
                attention.forward(x, &seen, &encoded.context)
            })?,
            _ => x,
        };
        self.around(&x, &self.feed_forward_norm, |x| self.feed_forward.forward(x))
    }

    /// Applies the residual connection around `f`, with the norm before or after.
    fn around(
        &self,
        x: &Tensor,
        norm: &Norm,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        match self.placement {
            Placement::Before => Ok((x + f(&norm.forward(x)?)?)?),
            Placement::After => norm.forward(&(x + f(x)?)?),
        }
    }

    /// Copies the block, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let cross = self.cross.as_ref().map(|(attention, norm)| -> Result<_> {
            Ok((attention.unshared()?, norm.unshared()?))
        });
        Ok(Block {
            attention: self.attention.unshared()?,
            attention_norm: self.attention_norm.unshared()?,
            cross: cross.transpose()?,
            feed_forward: self.feed_forward.unshared()?,
            feed_forward_norm: self.feed_forward_norm.unshared()?,
            placement: self.placement,
        })
    }
}

/// Computes the keys and values of the encoder's states for one decoder block.
fn source(attention: &Attention, encoded: &Encoded) -> Result<KeysAndValues> {
    attention.keys_and_values(&encoded.states, &encoded.context)
}
