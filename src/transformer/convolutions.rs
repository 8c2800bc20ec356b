//! Convolutions over positions: the two before an encoder of sound, from log-mel features to vectors, one for each two
//! frames; and the one beside the first block of DeBERTa v2.
//!
//! References: `ConvLayer` in `models/deberta_v2/modeling_deberta_v2.py`; `WhisperEncoder` in `models/whisper/modeling_whisper.py` of transformers (Radford et al., "Robust speech
//! recognition via large-scale weak supervision", 2022, section 2.2).

use candle_core::Tensor;

use super::configuration::{Activation, Biases};
use super::norm::Norm;
use super::weights::{NormForm, Weights};
use crate::error::{Error, Result};

/// How far the frames move from one vector to the next, in both convolutions together.
pub(super) const STRIDE: usize = 2;

/// The convolutions: `f(second(f(first(x))))`, each over three frames, the second with stride 2.
#[derive(Clone, Debug)]
pub(super) struct Convolutions {
    /// The first kernel, `d x bands x 3`, with its bias, `d`.
    pub first: (Tensor, Tensor),
    /// The second kernel, `d x d x 3`, with its bias, `d`.
    pub second: (Tensor, Tensor),
}

impl Convolutions {
    /// Computes the vectors of features, `B x bands x frames`, as `B x (frames / 2) x d`. There must be two frames for
    /// each of the encoder's `positions`.
    ///
    /// # Errors
    /// Features of another shape.
    pub fn forward(&self, features: &Tensor, positions: usize) -> Result<Tensor> {
        let (bands, frames) = (self.first.0.dim(1)?, positions * STRIDE);
        match *features.dims() {
            [rows, b, f] if rows > 0 && (b, f) == (bands, frames) => {}
            [rows, b, f] if rows > 0 && b == bands => {
                return Err(Error::Invalid(format!(
                    "the features have {f} frames, but the model takes {frames}, neither more nor fewer: pad or cut the \
                     sound to that length before its features are computed"
                )));
            }
            _ => {
                return Err(Error::Invalid(format!(
                    "the features have shape {:?}, but the model takes rows x {bands} frequency bands x {frames} frames",
                    features.dims()
                )));
            }
        }
        let x = features.to_dtype(self.first.0.dtype())?;
        let x = convolved(&x, &self.first, 1)?;
        Ok(convolved(&x, &self.second, STRIDE)?.transpose(1, 2)?.contiguous()?)
    }
}

/// Computes one convolution over three frames, with zeros before the first and after the last, and its activation, which
/// is the exact GELU whatever the configuration says of the blocks.
fn convolved(x: &Tensor, (kernel, bias): &(Tensor, Tensor), stride: usize) -> Result<Tensor> {
    let y = x.conv1d(kernel, 1, stride, 1, 1)?;
    Activation::Gelu.apply(&y.broadcast_add(&bias.unsqueeze(1)?)?)
}

/// The sizes of a convolution beside a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidualSizes {
    /// The number of neighbouring tokens that it sees, an odd number.
    pub kernel: usize,
    /// The number of groups of coordinates that do not mix.
    pub groups: usize,
    /// The activation.
    pub activation: Activation,
}

/// A convolution beside a block: `norm(block(x) + f(convolution(x)))` (DeBERTa v2).
#[derive(Clone, Debug)]
pub(super) struct ResidualConvolution {
    /// The kernel, `d x (d / groups) x kernel`.
    kernel: Tensor,
    /// The bias, `d`.
    bias: Tensor,
    norm: Norm,
    sizes: ResidualSizes,
}

impl ResidualConvolution {
    /// Reads the convolution of states of `width` coordinates; `at` is the prefix of its names.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape.
    pub fn read(
        weights: &Weights,
        at: &str,
        width: usize,
        sizes: ResidualSizes,
        form: NormForm,
    ) -> Result<Self> {
        let shape = [width, width / sizes.groups, sizes.kernel];
        Ok(ResidualConvolution {
            kernel: weights.tensor(&format!("{at}conv.weight"), &shape)?,
            bias: weights.tensor(&format!("{at}conv.bias"), &[width])?,
            norm: weights.norm(
                &format!("{at}LayerNorm"),
                &[width],
                NormForm { shifts: Biases::All, ..form },
            )?,
            sizes,
        })
    }

    /// Computes the state after the block from the state before it, `x`, and the block's result, `next`, both
    /// `B x T x d`. `tokens` are 1 for tokens and 0 for padding, which counts as zeros.
    pub fn forward(&self, x: &Tensor, next: &Tensor, tokens: Option<&Tensor>) -> Result<Tensor> {
        let x = match tokens {
            Some(tokens) => x.broadcast_mul(tokens)?,
            None => x.clone(),
        };
        let ResidualSizes { kernel, groups, activation } = self.sizes;
        let x = x.transpose(1, 2)?.contiguous()?;
        let y = x.conv1d(&self.kernel, (kernel - 1) / 2, 1, 1, groups)?.transpose(1, 2)?;
        let y = activation.apply(&y.contiguous()?.broadcast_add(&self.bias)?)?;
        self.norm.forward(&(next + y)?)
    }
}
