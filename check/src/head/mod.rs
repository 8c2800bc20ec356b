//! The head `logits = W h + b`: its rows, its bias, and which rows are equal.

mod derived;
mod digest;
pub mod fold;
pub mod groups;
mod rows;

use std::ops::Range;
use std::sync::OnceLock;

use crate::arithmetic::rounding::power_of_two_near;
use crate::error::{Error, Result};
use crate::parallel;
pub(crate) use derived::check_ids;
pub use rows::{Numbers, Rows};

/// An output layer: `V` rows of `d` coordinates, one for each token, and optionally one bias for each token.
///
/// Invariants: `V >= 1`, `d >= 1`, `rows` holds `V d` numbers, `bias` is absent or holds `V`, and
/// every number is finite. Verdicts are for real arithmetic on exactly these numbers.
#[derive(Clone, Debug)]
pub struct Head {
    rows: Rows,
    bias: Option<Vec<f64>>,
    tokens: usize,
    dim: usize,
    /// The digest of the head, computed on first use.
    digest: OnceLock<String>,
}

/// Up to this number of coordinates, `d x d` matrices are always affordable.
const WIDE: usize = 512;
/// The number of rows that a thread multiplies at a time in [`Head::products`].
const PART: usize = 2048;

impl Head {
    /// Makes a head from row-major numbers (`tokens x dim`) and an optional bias (one logit for each token).
    ///
    /// # Errors
    /// The shape is empty, a length does not fit it, or a number is not finite (the message names row and column).
    pub fn new(
        rows: impl Into<Rows>,
        bias: Option<Vec<f64>>,
        tokens: usize,
        dim: usize,
    ) -> Result<Self> {
        let rows = rows.into();
        if tokens == 0 || dim == 0 {
            return Err(Error::Invalid(format!(
                "a head needs at least one token and one dimension, not {tokens} x {dim}"
            )));
        }
        if tokens.checked_mul(dim) != Some(rows.len()) {
            return Err(Error::Invalid(format!(
                "the weight holds {} numbers, but {tokens} x {dim} are needed",
                rows.len()
            )));
        }
        if tokens > u32::MAX as usize {
            return Err(Error::Invalid(format!(
                "{tokens} tokens are more than a token id of 32 bits can name"
            )));
        }
        if let Some(bias) = &bias {
            if bias.len() != tokens {
                return Err(Error::Invalid(format!(
                    "the bias holds {} numbers, but there are {tokens} tokens",
                    bias.len()
                )));
            }
            if let Some(row) = bias.iter().position(|b| !b.is_finite()) {
                return Err(Error::Invalid(format!(
                    "the bias of token {row} is {}, not a finite number",
                    bias[row]
                )));
            }
        }
        if let Some(at) = rows.first_not_finite() {
            let (row, column) = (at / dim, at % dim);
            return Err(Error::Invalid(format!(
                "the weight at row {row}, column {column} is {}, not a finite number",
                rows.at(at)
            )));
        }
        Ok(Head { rows, bias, tokens, dim, digest: OnceLock::new() })
    }

    /// The number of tokens, `V`.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The number of coordinates of a hidden state, `d`.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether there are many coordinates, and more of them than tokens. Then solutions lie in the span of the rows,
    /// and work and memory should grow with the tokens, not with the square of the coordinates.
    pub fn is_wide(&self) -> bool {
        self.tokens < self.dim && self.dim > WIDE
    }

    /// Whether a bias vector is stored (it may still be constant).
    pub fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// The bias of a token; 0 without a bias vector.
    pub fn bias(&self, token: usize) -> f64 {
        self.bias.as_ref().map_or(0.0, |b| b[token])
    }

    /// Whether all tokens have the same bias, so that it cannot affect a verdict.
    pub fn bias_is_constant(&self) -> bool {
        self.bias.as_ref().is_none_or(|b| b.iter().all(|x| *x == b[0]))
    }

    /// One entry of `W`.
    pub fn weight(&self, token: usize, k: usize) -> f64 {
        self.rows.at(token * self.dim + k)
    }

    /// A row of `W`, widened exactly.
    pub fn row(&self, token: usize) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        let start = token * self.dim;
        (start..start + self.dim).map(|i| self.rows.at(i))
    }

    /// Writes a row of `W` to `out` (`d` numbers).
    pub fn copy_row(&self, token: usize, out: &mut [f64]) {
        self.rows.copy(token * self.dim, out);
    }

    /// The Euclidean length of a row, to float64 precision.
    pub fn row_norm(&self, token: usize) -> f64 {
        let row: Vec<f64> = self.row(token).collect();
        let largest = row.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        let scale = power_of_two_near(largest);
        row.iter().map(|x| (x / scale) * (x / scale)).sum::<f64>().sqrt() * scale
    }

    /// An upper bound of the Euclidean length of a row, within a relative `1e-10`.
    pub fn norm_up(&self, token: usize) -> f64 {
        self.rows.norm_up(token * self.dim..(token + 1) * self.dim)
    }

    /// `w_token . h`, without the bias, in the fixed order of [`crate::arithmetic::dot`].
    pub fn dot(&self, token: usize, h: &[f64]) -> f64 {
        self.rows.dot(token * self.dim..(token + 1) * self.dim, h)
    }

    /// `w_token . h + b_token`, in logits: [`Head::dot`] and the bias, added in float64.
    pub fn score(&self, token: usize, h: &[f64]) -> f64 {
        self.dot(token, h) + self.bias(token)
    }

    /// `W h` for several hidden states (`points`, `count x d`) and a range of tokens, without the
    /// bias, written to `out[point * stride + token - tokens.start]`.
    pub fn product(&self, points: &[f64], tokens: Range<usize>, out: &mut [f64], stride: usize) {
        self.rows.product(
            points,
            tokens.start * self.dim..tokens.end * self.dim,
            self.dim,
            out,
            stride,
        );
    }

    /// `W h` for several hidden states (`points`, `count x d`) and all tokens, without the bias:
    /// `out[point * V + token]`. The rows are split among all threads.
    pub fn products(&self, points: &[f64]) -> Vec<f64> {
        let (tokens, count) = (self.tokens, points.len() / self.dim);
        if count == 0 {
            return Vec::new();
        }
        let parts: Vec<Vec<f64>> = parallel::map_ranges(tokens, PART, &|these| {
            let mut out = vec![0.0; count * these.len()];
            self.product(points, these.clone(), &mut out, these.len());
            out
        });
        let mut out = Vec::with_capacity(count * tokens);
        for point in 0..count {
            for part in &parts {
                let width = part.len() / count;
                out.extend_from_slice(&part[point * width..(point + 1) * width]);
            }
        }
        out
    }

    /// The stored numbers, row-major.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }
}
