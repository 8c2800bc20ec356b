//! The output layer: from the last hidden state to logits, by the transform before the head and the head itself.

use candle_core::Tensor;

use super::configuration::Activation;
use super::linear::Linear;
use super::norm::Norm;
use crate::error::Result;

/// The output layer.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// The transform that masked language models have before the head.
    pub transform: Option<Transform>,
    /// The map between the final norm and the head (OPT).
    pub projection: Option<Linear>,
    /// The factor of the hidden state before the head.
    pub scale: f64,
    /// The factor of the logits.
    pub logit_scale: f64,
    /// The bound of the logits, `c tanh(logit / c)`.
    pub logit_cap: Option<f64>,
    /// The head, `V x d`, which is the one that `unargmax audit` finds.
    pub head: Linear,
}

/// The transform before the head: `norm(f(dense(x)))`.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    /// The map from `d` to the head's width.
    pub dense: Linear,
    /// The activation `f`.
    pub activation: Activation,
    /// The norm of the transform.
    pub norm: Norm,
}

impl Output {
    /// Computes the state that the output matrix is multiplied with, `B x T x (head's width)`.
    pub fn state(&self, x: &Tensor) -> Result<Tensor> {
        let x = match &self.transform {
            Some(transform) => {
                let x = transform.activation.apply(&transform.dense.forward(x)?)?;
                transform.norm.forward(&x)?
            }
            None => x.clone(),
        };
        let x = match &self.projection {
            Some(projection) => projection.forward(&x)?,
            None => x,
        };
        Ok(if self.scale == 1.0 { x } else { (x * self.scale)? })
    }

    /// Computes the logits, `B x T x V`.
    pub fn logits(&self, state: &Tensor) -> Result<Tensor> {
        let logits = self.head.forward(state)?;
        let logits = match self.logit_scale {
            1.0 => logits,
            scale => (logits * scale)?,
        };
        Ok(match self.logit_cap {
            Some(cap) => ((logits / cap)?.tanh()? * cap)?,
            None => logits,
        })
    }
}
