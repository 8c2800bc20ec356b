//! Heads that a model makes of several stored tensors: `scale W` and a weighted sum of biases.
//!
//! A verdict is about exact numbers, so every product and every sum must be exact in float64; where one is not, the
//! head is refused and not rounded.

use super::exact::{product, sum};
use crate::checkpoint::Values;

/// The parts of such a head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Combined {
    /// The factor of the weight.
    pub scale: f64,
    /// The names of the biases, each with its factor.
    pub biases: Vec<(String, f64)>,
}

impl Combined {
    /// What the model computes with the matrix `weight`, for people.
    pub fn described(&self, weight: &str) -> String {
        let terms: Vec<String> = self.biases.iter().map(|(n, f)| format!("{f} `{n}`")).collect();
        let terms = terms.join(", plus ");
        format!("the graph computes {} times the product with `{weight}`, plus {terms}", self.scale)
    }

    /// Multiplies the rows by the factor.
    ///
    /// # Errors
    /// A number whose product is not exact in float64; the error is a sentence.
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

    /// Sums the biases times their factors; `parts` are their numbers in the order of `biases`.
    ///
    /// # Errors
    /// A token whose sum is not exact in float64; the error is a sentence.
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
