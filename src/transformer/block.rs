//! One transformer block: attention, attention to an encoder where there is one, feed-forward layer, and norms.

use candle_core::Tensor;

use super::attention::{Attention, AttentionContext, KeysAndValues};
use super::cache::BlockCache;
use super::experts::Experts;
use super::feed_forward::FeedForward;
use super::norm::Norm;
use crate::error::Result;

/// The maps and norms of one layer.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The attention to the sequence itself.
    pub attention: Attention,
    /// The norms of the attention.
    pub attention_norms: Norms,
    /// The attention to the encoder's states, with its norms.
    pub cross: Option<(Attention, Norms)>,
    /// The feed-forward layer, or the experts in its place.
    pub feed_forward: Inner,
    /// The norms of the feed-forward layer.
    pub feed_forward_norms: Norms,
    /// Whether attention and feed-forward layer are side by side, and not one after the other.
    pub parallel: bool,
    /// The factor of what each map adds.
    pub residual_scale: f64,
    /// Which context of the pass the layer uses.
    pub kind: LayerKind,
}

/// What a block does to each token by itself.
#[derive(Clone, Debug)]
pub(super) enum Inner {
    Layer(Box<FeedForward>),
    Experts(Box<Experts>),
}

impl Inner {
    /// Applies the layer to `x`, `... x d`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Inner::Layer(layer) => layer.forward(x),
            Inner::Experts(experts) => experts.forward(x),
        }
    }

    /// Copies the layer, so that it shares no memory with this one.
    fn unshared(&self) -> Result<Self> {
        Ok(match self {
            Inner::Layer(layer) => Inner::Layer(Box::new(layer.unshared()?)),
            Inner::Experts(experts) => Inner::Experts(Box::new(experts.unshared()?)),
        })
    }
}

/// What a layer sees and rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LayerKind {
    /// Whether it sees only positions within reach.
    pub local: bool,
    /// Whether queries and keys are rotated, in a model with rotary positions.
    pub rotated: bool,
}

/// The norms around one map `f`: `outside(x + after(f(before(x))))`; those that are missing change nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Norms {
    pub before: Option<Norm>,
    pub after: Option<Norm>,
    pub outside: Option<Norm>,
}

impl Norms {
    /// Copies the norms, so that they share no memory with these.
    fn unshared(&self) -> Result<Self> {
        let copied = |norm: &Option<Norm>| norm.as_ref().map(Norm::unshared).transpose();
        Ok(Norms {
            before: copied(&self.before)?,
            after: copied(&self.after)?,
            outside: copied(&self.outside)?,
        })
    }
}

/// The encoder's result, which a decoder attends to.
pub(super) struct Encoded<'a> {
    /// The last hidden states of the encoder, `B x S x d`.
    pub states: Tensor,
    /// The mask of the encoder's padding.
    pub context: AttentionContext<'a>,
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
        let attention = |x: &Tensor| {
            let memory = memory.unwrap_or(x);
            let new = self.attention.keys_and_values(memory, context)?;
            let seen = match &mut cache {
                Some(cache) => cache.extend(new)?,
                None => new,
            };
            self.attention.forward(x, &seen, context)
        };
        if self.parallel {
            let attended = self.added(x, &self.attention_norms, attention)?;
            let norms = match self.feed_forward_norms.before {
                Some(_) => &self.feed_forward_norms,
                None => &self.attention_norms,
            };
            let fed = self.added(x, norms, |x| self.feed_forward.forward(x))?;
            return Ok(((attended + fed)? + x)?);
        }
        let x = self.around(x, &self.attention_norms, attention)?;
        let x = match (&self.cross, encoded) {
            (Some((attention, norms)), Some(encoded)) => self.around(&x, norms, |x| {
                let seen = match &mut cache {
                    Some(cache) => cache.cross_attention(|| source(attention, encoded))?,
                    None => source(attention, encoded)?,
                };
                attention.forward(x, &seen, &encoded.context)
            })?,
            _ => x,
        };
        self.around(&x, &self.feed_forward_norms, |x| self.feed_forward.forward(x))
    }

    /// Applies the residual connection around `f`, with its norms.
    fn around(
        &self,
        x: &Tensor,
        norms: &Norms,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let sum = (x + self.added(x, norms, f)?)?;
        normed(&norms.outside, &sum)
    }

    /// Computes what `f` adds to `x`.
    fn added(
        &self,
        x: &Tensor,
        norms: &Norms,
        f: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let added = normed(&norms.after, &f(&normed(&norms.before, x)?)?)?;
        Ok(if self.residual_scale == 1.0 { added } else { (added * self.residual_scale)? })
    }

    /// Copies the block, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let cross = self.cross.as_ref().map(|(attention, norms)| -> Result<_> {
            Ok((attention.unshared()?, norms.unshared()?))
        });
        Ok(Block {
            attention: self.attention.unshared()?,
            attention_norms: self.attention_norms.unshared()?,
            cross: cross.transpose()?,
            feed_forward: self.feed_forward.unshared()?,
            feed_forward_norms: self.feed_forward_norms.unshared()?,
            ..self.clone()
        })
    }
}

/// Applies a norm, if there is one.
fn normed(norm: &Option<Norm>, x: &Tensor) -> Result<Tensor> {
    match norm {
        Some(norm) => norm.forward(x),
        None => Ok(x.clone()),
    }
}

/// Computes the keys and values of the encoder's states for one decoder block.
fn source(attention: &Attention, encoded: &Encoded) -> Result<KeysAndValues> {
    attention.keys_and_values(&encoded.states, &encoded.context)
}
