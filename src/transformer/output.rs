//! From the last hidden state to logits: what stands before the head, and the head itself.

use candle_core::Tensor;

use super::configuration::Activation;
use super::linear::Linear;
use super::norm::Norm;
use crate::error::Result;

/// The output layer.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// What masked language models have before the head.
    pub transform: Option<Transform>,
    /// The factor of the state.
    pub scale: f64,
    /// The head, `V x d`: the one that `unargmax audit` locates.
    pub head: Linear,
}

/// `norm(f(dense(x)))`.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    /// `d` to the head's width.
    pub dense: Linear,
    /// `f`.
    pub activation: Activation,
    /// The norm.
    pub norm: Norm,
}

impl Output {
    /// What meets the output matrix, `B x T x (head's width)`.
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

    /// `B x T x V`.
    pub fn logits(&self, state: &Tensor) -> Result<Tensor> {
        self.head.forward(state)
    }
}
