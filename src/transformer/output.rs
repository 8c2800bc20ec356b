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
    /// The factor of the hidden state before the head.
    pub scale: f64,
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
        Ok(if self.scale == 1.0 { x } else { (x * self.scale)? })
    }

    /// Computes the logits, `B x T x V`.
    pub fn logits(&self, state: &Tensor) -> Result<Tensor> {
        self.head.forward(state)
    }
}
