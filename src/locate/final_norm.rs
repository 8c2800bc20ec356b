//! The norm that a model applies just before its head.

use std::fmt;

use crate::checkpoint::{Checkpoint, Values};
use crate::domain::Ball;
use crate::error::{Error, Result};

/// Which norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum NormKind {
    /// Takes the mean off, then divides by the standard deviation.
    LayerNorm,
    /// Divides by the root of the mean square.
    #[serde(rename = "RMSNorm")]
    RmsNorm,
    /// One of the two: neither the checkpoint nor its family says which.
    #[serde(rename = "norm")]
    Unknown,
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

/// The final norm, with its numbers.
///
/// A LayerNorm makes `factor * (gain (x - mean x) / sqrt(var x + epsilon) + shift)` of `x`, an RMSNorm
/// `factor * (gain x / sqrt(mean x^2 + epsilon) + shift)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FinalNorm {
    /// Which norm.
    pub kind: NormKind,
    /// The tensor of its gain; none where the norm has no gain, so that it acts as ones.
    pub weight: Option<String>,
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

    /// What names its gain, for people.
    pub fn gain_name(&self) -> String {
        self.weight.as_ref().map_or_else(|| "without gain".to_owned(), |name| format!("`{name}`"))
    }

    /// Whether it is known to be a LayerNorm or an RMSNorm.
    pub fn is_known(&self) -> bool {
        self.kind != NormKind::Unknown
    }

    /// What is to be added where the ball is said to be its domain: with an epsilon of 0 it is more than that.
    pub fn caution(&self) -> &'static str {
        match self.epsilon {
            Some(0.0) => " (of epsilon 0: hidden states lie on the edge of the ball)",
            _ => "",
        }
    }

    /// The ball that it leaves to hidden states. Its gain and shift are the stored ones times `factor`, rounded to
    /// float64 where that is not 1; they are what a verdict over the ball speaks of.
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

    /// As [`FinalNorm::ball`] for a norm taken for a LayerNorm (`centred`) or an RMSNorm.
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

    /// What the norm makes of `x`, in float64; `None` where its kind or epsilon is not known.
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

/// What is known of a norm before its numbers are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stated {
    pub kind: NormKind,
    pub weight: Option<String>,
    pub bias: Option<String>,
    pub epsilon: Option<f64>,
    pub factor: f64,
    pub one_plus: bool,
}

impl Stated {
    /// The same with an epsilon that is not known.
    pub fn but_epsilon(&self) -> Self {
        Stated { epsilon: None, ..self.clone() }
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
