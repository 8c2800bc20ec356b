//! LayerNorm and RMSNorm, composed of operations that have gradients.

use candle_core::{D, Tensor};

use super::configuration::NormKind;
use crate::error::Result;

/// A norm over the last dimension.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    /// The kind of the norm.
    pub kind: NormKind,
    /// The gain, one factor per coordinate.
    pub gain: Tensor,
    /// The shift, one summand per coordinate (LayerNorm).
    pub shift: Option<Tensor>,
    /// The term added to the variance or mean square.
    pub epsilon: f64,
}

impl Norm {
    /// Normalizes `x`, `... x d`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = match self.kind {
            NormKind::LayerNorm => x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?,
            NormKind::RmsNorm => x.clone(),
        };
        let spread = (x.sqr()?.mean_keepdim(D::Minus1)? + self.epsilon)?.sqrt()?;
        let x = x.broadcast_div(&spread)?.broadcast_mul(&self.gain)?;
        Ok(match &self.shift {
            Some(shift) => x.broadcast_add(shift)?,
            None => x,
        })
    }

    /// Copies the norm, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let shift = self.shift.as_ref().map(Tensor::copy).transpose()?;
        Ok(Norm { gain: self.gain.copy()?, shift, ..self.clone() })
    }
}
