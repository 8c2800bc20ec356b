//! The norm that a checkpoint applies just before its head, as far as its metadata say.

use std::fmt;

use crate::checkpoint::Checkpoint;
use crate::error::Result;

/// Names and kind of the final norm. It is reported, not folded: hidden states after it are a part of
/// the domain, so that a token that never wins over the domain never wins after the norm either.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FinalNorm {
    /// `RMSNorm`, `LayerNorm`, or `norm` where the metadata do not say.
    pub kind: &'static str,
    /// The tensor of its gain.
    pub weight: String,
    /// The tensor of its shift.
    pub bias: Option<String>,
    /// What it adds to the mean square.
    pub epsilon: Option<f64>,
}

impl fmt::Display for FinalNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.weight)?;
        if let Some(bias) = &self.bias {
            write!(f, " and `{bias}`")?;
        }
        if let Some(epsilon) = self.epsilon {
            write!(f, ", epsilon {epsilon:?}")?;
        }
        Ok(())
    }
}

/// The final norm of a GGUF checkpoint (`output_norm` in llama.cpp's naming); `None` for other formats and
/// for models without one.
///
/// # Errors
/// Metadata of the wrong type.
pub fn find(checkpoint: &dyn Checkpoint) -> Result<Option<FinalNorm>> {
    let Some(metadata) = checkpoint.metadata() else { return Ok(None) };
    let stored = |name: &str| checkpoint.tensors().iter().any(|t| t.name == name);
    let (weight, bias) = ("output_norm.weight", "output_norm.bias");
    if !stored(weight) {
        return Ok(None);
    }
    let architecture = metadata.get_str("general.architecture")?.unwrap_or_default().to_owned();
    let epsilon = |key: &str| metadata.get_f64(&format!("{architecture}.attention.{key}"));
    let (kind, epsilon) = match epsilon("layer_norm_rms_epsilon")? {
        Some(epsilon) => ("RMSNorm", Some(epsilon)),
        None => match epsilon("layer_norm_epsilon")? {
            Some(epsilon) => ("LayerNorm", Some(epsilon)),
            None => ("norm", None),
        },
    };
    let bias = stored(bias).then(|| bias.to_owned());
    Ok(Some(FinalNorm { kind, weight: weight.to_owned(), bias, epsilon }))
}
