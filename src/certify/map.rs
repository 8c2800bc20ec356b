//! A linear map shared by many witnesses: `h_t = G (w_t - m)`, up to a scale a token.

use crate::arithmetic::dot::Element;
use crate::head::Head;

/// Turns a token's own row into a hidden state that favours it.
#[derive(Clone, Debug)]
pub struct Map {
    /// The point that rows are measured from (`d`).
    pub centre: Vec<f64>,
    /// `G`, `d x d` and row-major; `None` is the identity.
    pub matrix: Option<Vec<f64>>,
}

impl Map {
    /// `G (w_t - m)` for several tokens, `count x d`; every sum in the order of the coordinates.
    pub fn directions(&self, head: &Head, tokens: &[u32]) -> Vec<f64> {
        let dim = head.dim();
        let mut centred = vec![0.0; tokens.len() * dim];
        for (row, &t) in centred.chunks_exact_mut(dim).zip(tokens) {
            head.copy_row(t as usize, row);
            row.iter_mut().zip(&self.centre).for_each(|(x, m)| *x -= m);
        }
        match &self.matrix {
            None => centred,
            Some(matrix) => {
                let mut out = vec![0.0; centred.len()];
                f64::product(&centred, matrix, dim, &mut out, dim);
                out
            }
        }
    }
}
