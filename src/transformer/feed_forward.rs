//! The feed-forward layer of a block, gated or not.

use candle_core::Tensor;

use super::configuration::{Activation, Clamped};
use super::fused::silu;
use super::linear::Linear;
use crate::error::Result;

/// The feed-forward layer: `outer(f(inner(x)))`, or `outer(f(gate(x)) * inner(x))` (Shazeer, "GLU variants", 2020).
#[derive(Clone, Debug)]
pub(super) struct FeedForward {
    /// The gate of a gated layer: from `d` to the inner width, followed by the activation.
    pub gate: Option<Linear>,
    /// The first map: from `d` to the inner width.
    pub inner: Linear,
    /// The second map: from the inner width to `d`.
    pub outer: Linear,
    /// The activation `f`.
    pub activation: Activation,
    /// The bounds of a gated layer, which then has an activation of its own.
    pub clamped: Option<Clamped>,
}

impl FeedForward {
    /// Applies the layer to `x`, `... x d`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let inner = self.inner.forward(x)?;
        let active = match &self.gate {
            Some(gate) if let Some(clamped) = self.clamped => {
                clamped.apply(&gate.forward(x)?, &inner)?
            }
            Some(gate) => (self.activation.apply(&gate.forward(x)?)? * inner)?,
            None => self.activation.apply(&inner)?,
        };
        self.outer.forward(&active)
    }

    /// Copies the layer, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        Ok(FeedForward {
            gate: self.gate.as_ref().map(Linear::unshared).transpose()?,
            inner: self.inner.unshared()?,
            outer: self.outer.unshared()?,
            activation: self.activation,
            clamped: self.clamped,
        })
    }
}

impl Clamped {
    /// Computes the unit of a gate and an input of the same shape.
    fn apply(self, gate: &Tensor, input: &Tensor) -> Result<Tensor> {
        let Clamped { factor, limit } = self;
        let gate = gate.minimum(limit)?;
        let input = input.clamp(-limit, limit)?;
        // With f(x) = x sigmoid(x), g sigmoid(a g) is f(a g) / a.
        let active = (silu(&(gate * factor)?)? / factor)?;
        Ok((active * (input + 1.0)?)?)
    }
}

impl Activation {
    /// Applies the activation to every number.
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Activation::Gelu => x.gelu_erf()?,
            Activation::GeluTanh => x.gelu()?,
            Activation::Relu => x.relu()?,
            Activation::Silu => silu(x)?,
            Activation::Tanh => x.tanh()?,
            Activation::QuickGelu => (silu(&(x * 1.702)?)? / 1.702)?,
            Activation::ReluSquared => x.relu()?.sqr()?,
        })
    }
}
