//! The two convolutions before an encoder of sound: from log-mel features to vectors, one for each two frames.
//!
//! Reference: `WhisperEncoder` in `models/whisper/modeling_whisper.py` of transformers (Radford et al., "Robust speech
//! recognition via large-scale weak supervision", 2022, section 2.2).

use candle_core::Tensor;

use super::configuration::Activation;
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
