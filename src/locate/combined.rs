//! A head that a model makes of several stored tensors: `scale W` and a weighted sum of biases.
//!
//! A verdict is about exact numbers, so every product and every sum must be one that float64 holds; where one is not,
//! the head is refused and not rounded.

use super::exact::{product, sum};
use crate::checkpoint::Values;

/// What a head is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Combined {
    /// What the weight is multiplied by.
    pub scale: f64,
    /// Biases and what they are multiplied by.
    pub biases: Vec<(String, f64)>,
}

impl Combined {
    /// The rows, multiplied.
    ///
    /// # Errors
    /// A number whose product float64 does not hold, in words.
    pub fn rows(&self, values: Values) -> Result<Values, String> {
        if self.scale == 1.0 {
            return Ok(values);
        }
        let scaled = |x: f64| {
            product(x, self.scale).ok_or_else(|| {
                format!("its number {x} times {} is not exact in float64; export the model with the factor folded in", self.scale)
            })
        };
        let numbers: Result<Vec<f64>, String> = match values {
            Values::F32(x) => x.into_iter().map(|x| scaled(f64::from(x))).collect(),
            Values::F64(x) => x.into_iter().map(scaled).collect(),
        };
        numbers.map(Values::F64)
    }

    /// The sum of the biases, each multiplied; `parts` are their numbers in the order of `biases`.
    ///
    /// # Errors
    /// A token whose sum float64 does not hold, in words.
    pub fn bias(&self, parts: &[Vec<f64>], tokens: usize) -> Result<Vec<f64>, String> {
        (0..tokens)
            .map(|token| {
                let terms = self.biases.iter().zip(parts);
                terms
                    .map(|((_, factor), part)| product(part[token], *factor))
                    .try_fold(0.0, |total, term| sum(total, term?))
                    .ok_or_else(|| {
                        let names: Vec<&str> = self.biases.iter().map(|b| b.0.as_str()).collect();
                        format!(
                            "the bias of token {token} is a sum of `{}` that is not exact in float64; export the model with its \
                             constants folded into one bias, or choose by --bias",
                            names.join("`, `")
                        )
                    })
            })
            .collect()
    }
}
