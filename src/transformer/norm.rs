//! The norms, composed of operations that have gradients.

use candle_core::{D, Tensor};

use super::configuration::NormKind;
use crate::error::Result;

/// A norm over the last dimension.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    /// Which one.
    pub kind: NormKind,
    /// One factor a coordinate.
    pub gain: Tensor,
    /// One summand a coordinate (LayerNorm).
    pub shift: Option<Tensor>,
    /// What is added to the variance, or to the mean square.
    pub epsilon: f64,
}

impl Norm {
    /// The norm of `x`, `... x d`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = match self.kind {
            NormKind::LayerNorm => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
            NormKind::RootMeanSquare => x.clone(),
        };
        let spread = (x.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        let x = x.broadcast_div(&spread)?.broadcast_mul(&self.gain)?;
        Ok(match &self.shift {
            Some(shift) => x.broadcast_add(shift)?,
            None => x,
        })
    }

    /// A copy that shares no memory with this one.
    pub fn apart(&self) -> Result<Self> {
        let shift = self.shift.as_ref().map(Tensor::copy).transpose()?;
        Ok(Norm { gain: self.gain.copy()?, shift, ..self.clone() })
    }
}
