//! Linear maps: `x W^T + b`.

use candle_core::Tensor;

use super::matrix::Matrix;
use crate::error::Result;

/// A linear map with or without a bias.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// The weight, `out x in`.
    pub weight: Matrix,
    /// The bias, `out` numbers.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// Maps the last dimension of `x`, `... x in` to `... x out`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        let y = self.weight.product(&x.reshape(((), self.weight.columns()))?)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        *shape.last_mut().expect("a tensor to map has dimensions") = self.weight.rows();
        Ok(y.reshape(shape)?)
    }

    /// Returns the map to `count` of its outputs, from output `first` on.
    pub fn rows(&self, first: usize, count: usize) -> Result<Self> {
        let bias = self.bias.as_ref().map(|bias| bias.narrow(0, first, count)).transpose()?;
        Ok(Linear { weight: self.weight.part(first, count)?, bias })
    }

    /// Returns the map to several ranges of its outputs, each a first output and a number of them.
    pub fn ranges(&self, ranges: &[(usize, usize)]) -> Result<Self> {
        let biases = self.bias.as_ref().map(|bias| -> Result<Tensor> {
            let parts: candle_core::Result<Vec<Tensor>> =
                ranges.iter().map(|&(first, count)| bias.narrow(0, first, count)).collect();
            Ok(Tensor::cat(&parts?, 0)?)
        });
        Ok(Linear { weight: self.weight.parts(ranges)?, bias: biases.transpose()? })
    }

    /// Copies the map, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let bias = self.bias.as_ref().map(Tensor::copy).transpose()?;
        Ok(Linear { weight: self.weight.unshared()?, bias })
    }
}
