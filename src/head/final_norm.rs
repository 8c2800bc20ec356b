//! The norm that a model applies just before its head.

use std::fmt;

use crate::checkpoint::{Checkpoint, Values};
use crate::error::{Error, Result};

/// The final norm, with its numbers. It is reported, not folded: hidden states after it are a part of
/// the domain, so that a token that never wins over the domain never wins after the norm either.
///
/// A LayerNorm makes `factor * (gain (x - mean x) / sqrt(var x + epsilon) + shift)` of `x`, an RMSNorm
/// `factor * (gain x / sqrt(mean x^2 + epsilon) + shift)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FinalNorm {
    /// `RMSNorm`, `LayerNorm`, or `norm` where neither the checkpoint nor its family says.
    pub kind: &'static str,
    /// The tensor of its gain.
    pub weight: String,
    /// The tensor of its shift.
    pub bias: Option<String>,
    /// What it adds to the variance or the mean square.
    pub epsilon: Option<f64>,
    /// What the model multiplies its result by: T5's `d^-1/2`, otherwise 1.
    pub factor: f64,
    /// Whether 1 was added to the stored gain (Gemma).
    pub one_plus: bool,
    /// The gain as it acts, `d` numbers: with 1 added where `one_plus` says so, rounded to float64.
    #[serde(skip)]
    pub gain: Vec<f64>,
    /// The shift, `d` numbers or none.
    #[serde(skip)]
    pub shift: Vec<f64>,
}

impl FinalNorm {
    /// Reads gain and shift of a head of `dim` coordinates.
    ///
    /// # Errors
    /// Tensors that cannot be read or are not of `dim` finite numbers.
    pub(super) fn read(
        checkpoint: &dyn Checkpoint,
        path: &std::path::Path,
        dim: usize,
        stated: Stated,
    ) -> Result<Self> {
        let Stated { kind, weight, bias, epsilon, factor, one_plus } = stated;
        let vector = |name: &str| -> Result<Vec<f64>> {
            let tensor = checkpoint.read(name)?;
            let numbers: Vec<f64> = match tensor.values {
                Values::F32(x) => x.into_iter().map(f64::from).collect(),
                Values::F64(x) => x,
            };
            if numbers.len() != dim || numbers.iter().any(|x| !x.is_finite()) {
                let problem = format!(
                    "`{name}` {:?} of the final norm is not {dim} finite numbers, as many as a row of the head has",
                    tensor.info.shape
                );
                return Err(Error::head(path, problem));
            }
            Ok(numbers)
        };
        let mut gain = vector(&weight)?;
        if one_plus {
            gain.iter_mut().for_each(|g| *g += 1.0);
        }
        let shift = bias.as_deref().map(vector).transpose()?.unwrap_or_default();
        Ok(FinalNorm { kind, weight, bias, epsilon, factor, one_plus, gain, shift })
    }

    /// What the norm makes of `x`, in float64; `None` where its kind or epsilon is not known.
    pub fn apply(&self, x: &[f64]) -> Option<Vec<f64>> {
        let epsilon = self.epsilon?;
        let count = x.len() as f64;
        let mean = match self.kind {
            "LayerNorm" => x.iter().sum::<f64>() / count,
            "RMSNorm" => 0.0,
            _ => return None,
        };
        let square = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        let scale = (square + epsilon).sqrt();
        let shift = |k: usize| self.shift.get(k).copied().unwrap_or(0.0);
        Some(
            x.iter()
                .enumerate()
                .map(|(k, v)| self.factor * (self.gain[k] * ((v - mean) / scale) + shift(k)))
                .collect(),
        )
    }
}

/// What is known of a norm before its numbers are read.
pub(super) struct Stated {
    pub kind: &'static str,
    pub weight: String,
    pub bias: Option<String>,
    pub epsilon: Option<f64>,
    pub factor: f64,
    pub one_plus: bool,
}

impl fmt::Display for FinalNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = if self.one_plus { "1 + " } else { "" };
        write!(f, "{} {one}`{}`", self.kind, self.weight)?;
        if let Some(bias) = &self.bias {
            write!(f, " and `{bias}`")?;
        }
        if let Some(epsilon) = self.epsilon {
            write!(f, ", epsilon {epsilon:?}")?;
        }
        if self.factor != 1.0 {
            write!(f, ", then times {}", self.factor)?;
        }
        Ok(())
    }
}
