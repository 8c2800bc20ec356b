//! The final norm, which a model applies just before its head.

use std::fmt;

use crate::checkpoint::{Checkpoint, Values};
use crate::domain::Ball;
use crate::error::{Error, Result};
use crate::families;

/// The kind of a final norm, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum NormKind {
    /// LayerNorm: subtracts the mean, then divides by the standard deviation.
    LayerNorm,
    /// RMSNorm: divides by the root of the mean square.
    #[serde(rename = "RMSNorm")]
    RmsNorm,
    /// One of the two, but neither the checkpoint nor its family says which.
    #[serde(rename = "norm")]
    Unknown,
}

impl From<families::NormKind> for NormKind {
    fn from(kind: families::NormKind) -> Self {
        match kind {
            families::NormKind::LayerNorm => NormKind::LayerNorm,
            families::NormKind::RmsNorm => NormKind::RmsNorm,
        }
    }
}

impl fmt::Display for NormKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NormKind::LayerNorm => "LayerNorm",
            NormKind::RmsNorm => "RMSNorm",
            NormKind::Unknown => "norm",
        })
    }
}

/// The final norm of a model, with its numbers.
///
/// A LayerNorm maps `x` to `factor * (gain (x - mean x) / sqrt(var x + epsilon) + shift)`, an RMSNorm to `factor *
/// (gain x / sqrt(mean x^2 + epsilon) + shift)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FinalNorm {
    /// The kind of the norm.
    pub kind: NormKind,
    /// The tensor of the gain; `None` where the norm has no gain, which acts as a gain of ones.
    pub weight: Option<String>,
    /// The tensor of the shift.
    pub bias: Option<String>,
    /// The term added to the variance or mean square.
    pub epsilon: Option<f64>,
    /// The factor by which the model multiplies the result: T5's `d^-1/2`, otherwise 1.
    pub factor: f64,
    /// Whether 1 was added to the stored gain (Gemma).
    pub one_plus: bool,
    /// The gain as it acts, `d` numbers: with 1 added if `one_plus`, rounded to float64.
    #[serde(skip)]
    pub gain: Vec<f64>,
    /// The shift, `d` numbers; empty where there is none.
    #[serde(skip)]
    pub shift: Vec<f64>,
}

impl FinalNorm {
    /// Reads gain and shift before a head of `dim` coordinates.
    ///
    /// # Errors
    /// Tensors that cannot be read or do not hold `dim` finite numbers.
    pub(super) fn read(
        checkpoint: &dyn Checkpoint,
        path: &std::path::Path,
        dim: usize,
        stated: NormDescription,
    ) -> Result<Self> {
        let NormDescription { kind, weight, bias, epsilon, factor, one_plus } = stated;
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
        let mut gain = match &weight {
            Some(name) => vector(name)?,
            None => vec![1.0; dim],
        };
        if one_plus && weight.is_some() {
            gain.iter_mut().for_each(|g| *g += 1.0);
        }
        let shift = bias.as_deref().map(vector).transpose()?.unwrap_or_default();
        Ok(FinalNorm { kind, weight, bias, epsilon, factor, one_plus, gain, shift })
    }

    /// Names the tensor of the gain, for people.
    pub fn gain_name(&self) -> String {
        self.weight.as_ref().map_or_else(|| "without gain".to_owned(), |name| format!("`{name}`"))
    }

    /// Whether the norm is known to be a LayerNorm or an RMSNorm.
    pub fn is_known(&self) -> bool {
        self.kind != NormKind::Unknown
    }

    /// Returns a caution for people where the ball is stated as the domain: with an epsilon of 0 hidden states lie
    /// only on its edge.
    pub fn caution(&self) -> &'static str {
        match self.epsilon {
            Some(0.0) => " (of epsilon 0: hidden states lie on the edge of the ball)",
            _ => "",
        }
    }

    /// Returns the ball of the hidden states that the norm can produce. Its gain and shift are the stored ones times
    /// `factor`, rounded to float64 where that is not 1; verdicts over the ball are about these numbers.
    ///
    /// # Errors
    /// A norm whose kind is not known.
    pub fn ball(&self) -> Result<Ball> {
        let centred = match self.kind {
            NormKind::LayerNorm => true,
            NormKind::RmsNorm => false,
            _ => {
                return Err(Error::Invalid(format!(
                    "the final norm {} is neither known as a LayerNorm nor as an RMSNorm: choose by --domain \
                     layernorm or --domain rmsnorm",
                    self.gain_name()
                )));
            }
        };
        Ok(self.ball_as(centred)?)
    }

    /// As [`FinalNorm::ball`], with the norm taken as a LayerNorm (`centred`) or an RMSNorm.
    ///
    /// # Errors
    /// Products with `factor` that are not finite.
    pub fn ball_as(&self, centred: bool) -> unargmax_check::error::Result<Ball> {
        let times = |x: &f64| x * self.factor;
        let shift = if self.shift.is_empty() {
            vec![0.0; self.gain.len()]
        } else {
            self.shift.iter().map(times).collect()
        };
        Ball::after_norm(self.gain.iter().map(times).collect(), shift, centred)
    }

    /// Applies the norm to `x` in float64; `None` where its kind or epsilon is not known.
    pub fn apply(&self, x: &[f64]) -> Option<Vec<f64>> {
        let epsilon = self.epsilon?;
        let count = x.len() as f64;
        let mean = match self.kind {
            NormKind::LayerNorm => x.iter().sum::<f64>() / count,
            NormKind::RmsNorm => 0.0,
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

/// The description of a norm before its numbers are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NormDescription {
    pub kind: NormKind,
    pub weight: Option<String>,
    pub bias: Option<String>,
    pub epsilon: Option<f64>,
    pub factor: f64,
    pub one_plus: bool,
}

impl NormDescription {
    /// Returns the same description with an unknown epsilon.
    pub fn but_epsilon(&self) -> Self {
        NormDescription { epsilon: None, ..self.clone() }
    }
}

impl fmt::Display for FinalNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = if self.one_plus { "1 + " } else { "" };
        write!(f, "{} {one}{}", self.kind, self.gain_name())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(kind: NormKind, epsilon: f64, factor: f64) -> FinalNorm {
        FinalNorm {
            kind,
            weight: Some("g".to_owned()),
            bias: None,
            epsilon: Some(epsilon),
            factor,
            one_plus: false,
            gain: vec![2.0, 4.0],
            shift: vec![],
        }
    }

    #[test]
    fn the_ball_of_a_norm_has_its_gain_times_its_factor() {
        let ball = norm(NormKind::RmsNorm, 1e-6, 0.5).ball().unwrap();
        assert_eq!(
            (ball.gain(), ball.shift(), ball.is_centred()),
            (&[1.0, 2.0][..], &[0.0; 2][..], false)
        );
        assert!(norm(NormKind::LayerNorm, 1e-6, 1.0).ball().unwrap().is_centred());
        assert!(norm(NormKind::Unknown, 1e-6, 1.0).ball().is_err());
    }

    #[test]
    fn an_epsilon_of_0_calls_for_caution() {
        assert!(norm(NormKind::RmsNorm, 0.0, 1.0).caution().contains("epsilon 0"));
        assert_eq!(norm(NormKind::RmsNorm, 1e-6, 1.0).caution(), "");
    }
}
