//! A linear map shared by many witnesses: `h_t = s_t G (w_t - m)`, with one scale for each token.
//!
//! A certificate stores the map once and lets the checker recompute `h_t`, perhaps in another order of operations and
//! so with other last bits. So a win is proved for every vector within [`Map::radius`] of the exact `h_t`, which
//! includes every float64 evaluation.

use sha2::{Digest, Sha256};

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{TINY, gamma, mul_up, norm_up};
use crate::head::Head;

/// Maps a token's own row to a hidden state that favours the token.
#[derive(Clone, Debug)]
pub struct Map {
    centre: Vec<f64>,
    /// `d x d`, row-major. Float32 halves the size of a certificate, and any map is valid.
    matrix: Option<Vec<f32>>,
    /// An upper bound of the Frobenius norm of the matrix; 1 for the identity, whose columns never mix.
    norm: f64,
}

impl Map {
    /// The map `G (w - centre)`; without a matrix `G` is the identity.
    pub fn new(centre: Vec<f64>, matrix: Option<Vec<f32>>) -> Self {
        let norm = matrix.as_ref().map_or(1.0, |g| norm_up(g.iter().map(|&x| f64::from(x))));
        Map { centre, matrix, norm }
    }

    /// The point `m` that is subtracted from rows (`d`).
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// `G`, `d x d` and row-major; `None` is the identity.
    pub fn matrix(&self) -> Option<&[f32]> {
        self.matrix.as_deref()
    }

    /// SHA-256 of the numbers of the map.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.centre.iter().for_each(|x| hash.update(x.to_le_bytes()));
        let rows = self.matrix.iter().flat_map(|matrix| matrix.chunks(self.centre.len().max(1)));
        for row in rows {
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            hash.update(bytes);
        }
        hash.finalize().into()
    }

    /// An upper bound of the Frobenius norm of `G`; 1 for the identity.
    pub fn stretch(&self) -> f64 {
        self.norm
    }

    /// `G (w_t - m)` for several tokens, `count x d`; every sum runs in the order of the coordinates.
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
                f32::product(&centred, matrix, dim, &mut out, dim);
                out
            }
        }
    }

    /// Bounds the distance of any float64 evaluation of `scale G (w_t - m)`, in any order, from the exact vector:
    /// `gamma_(d+4) |scale| |G|_F |w_t - m|` plus an underflow term.
    pub fn radius(&self, head: &Head, token: u32, scale: f64) -> f64 {
        let centred = norm_up(head.row(token as usize).zip(&self.centre).map(|(x, m)| x - m));
        self.radius_of(centred, scale)
    }

    /// [`Map::radius`] from an upper bound `centred` of `|w_t - m|`.
    pub fn radius_of(&self, centred: f64, scale: f64) -> f64 {
        let dim = self.centre.len();
        // Also times the matrix norm, for an evaluation that scales the row first.
        let reach = mul_up(1.0 + scale.abs(), 1.0 + self.norm);
        let floor = mul_up(dim as f64 * dim as f64 * TINY, reach);
        mul_up(gamma(dim + 4), mul_up(scale.abs(), mul_up(self.norm, centred))) + floor
    }
}
