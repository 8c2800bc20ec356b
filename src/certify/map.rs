//! A linear map shared by many witnesses: `h_t = s_t G (w_t - m)`, with one scale for each token.
//!
//! A certificate stores the map once and lets the checker recompute `h_t`, perhaps in another order of operations and
//! so with other last bits. So a win is proved for every vector within [`Map::radius`] of the exact `h_t`, which
//! includes every float64 evaluation.

use sha2::{Digest, Sha256};

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{TINY, UP_4M, gamma, mul_up, norm_up};
use crate::head::Head;
use unargmax_check::certificate::Linear;

/// Maps a token's own row to a hidden state that favours the token.
#[derive(Clone, Debug)]
pub struct Map {
    centre: Vec<f64>,
    /// `G`, in float32, which halves the size of a certificate: any map is valid.
    linear: Linear,
    /// The transpose of the basis of `G` (`d x k`), if it is of low rank.
    columns: Vec<f32>,
    /// What bounds `|G c| / |c|` and errors of evaluation, see [`Map::stretch`].
    stretch: f64,
    /// The number of roundings behind each coordinate of `G c`.
    roundings: usize,
}

impl Map {
    /// The map `G (w - centre)`.
    pub fn new(centre: Vec<f64>, linear: Linear) -> Self {
        let dim = centre.len();
        let (mut columns, mut roundings) = (Vec::new(), dim);
        let stretch = match &linear {
            Linear::Identity => 1.0,
            Linear::Matrix(matrix) => norm_up(matrix.iter().map(|&x| f64::from(x))),
            Linear::LowRank { rest, gains, basis } => {
                roundings += gains.len() + 4;
                columns = transposed(basis, dim);
                let of = |(gain, u): (&f64, &[f32])| {
                    let norm = norm_up(u.iter().map(|&x| f64::from(x)));
                    gain.abs() * norm * norm
                };
                (rest.abs() + gains.iter().zip(basis.chunks_exact(dim)).map(of).sum::<f64>())
                    * UP_4M
            }
        };
        Map { centre, linear, columns, stretch, roundings }
    }

    /// The point `m` that is subtracted from rows (`d`).
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// `G`, `d x d`.
    pub fn linear(&self) -> &Linear {
        &self.linear
    }

    /// SHA-256 of the numbers of the map.
    pub fn digest(&self) -> [u8; 32] {
        let (factors, matrix): (Vec<f64>, &[f32]) = match &self.linear {
            Linear::Identity => (Vec::new(), &[]),
            Linear::Matrix(matrix) => (Vec::new(), matrix),
            Linear::LowRank { rest, gains, basis } => {
                (gains.iter().copied().chain([*rest]).collect(), basis)
            }
        };
        let mut hash = Sha256::new();
        self.centre.iter().chain(&factors).for_each(|x| hash.update(x.to_le_bytes()));
        for row in matrix.chunks(self.centre.len().max(1)) {
            let mut bytes = Vec::with_capacity(4 * row.len());
            row.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
            hash.update(&bytes);
        }
        hash.finalize().into()
    }

    /// An upper bound of `|G c| / |c|` that also bounds what errors of evaluation are relative to: the Frobenius norm
    /// of a matrix, `|rest| + sum_i |gain_i| |u_i|^2` of one of low rank, and 1 for the identity, whose columns never mix.
    pub fn stretch(&self) -> f64 {
        self.stretch
    }

    /// `G (w_t - m)` for several tokens, `count x d`; every sum runs in the order of the coordinates.
    pub fn directions(&self, head: &Head, tokens: &[u32]) -> Vec<f64> {
        let dim = head.dim();
        let mut centred = vec![0.0; tokens.len() * dim];
        for (row, &t) in centred.chunks_exact_mut(dim).zip(tokens) {
            head.copy_row(t as usize, row);
            row.iter_mut().zip(&self.centre).for_each(|(x, m)| *x -= m);
        }
        match &self.linear {
            Linear::Identity => centred,
            Linear::Matrix(matrix) => {
                let mut out = vec![0.0; centred.len()];
                f32::product(&centred, matrix, dim, &mut out, dim);
                out
            }
            Linear::LowRank { rest, gains, basis } => {
                let count = gains.len();
                let mut parts = vec![0.0; tokens.len() * count];
                f32::product(&centred, basis, dim, &mut parts, count);
                for parts in parts.chunks_exact_mut(count.max(1)) {
                    parts.iter_mut().zip(gains).for_each(|(x, gain)| *x *= gain);
                }
                let mut out = vec![0.0; centred.len()];
                f32::product(&parts, &self.columns, count, &mut out, dim);
                out.iter_mut().zip(&centred).for_each(|(x, c)| *x += rest * c);
                out
            }
        }
    }

    /// Bounds the distance of any float64 evaluation of `scale G (w_t - m)`, in any order, from the exact vector:
    /// `gamma_(d+4) |scale| |G|_F |w_t - m|` plus an underflow term. With a basis of `k` vectors, [`Map::stretch`]
    /// replaces `|G|_F`, and `d + k + 8` the `d + 4`: `u_i . c` has an error of `gamma_d |u_i| |c|`.
    pub fn radius(&self, head: &Head, token: u32, scale: f64) -> f64 {
        let centred = norm_up(head.row(token as usize).zip(&self.centre).map(|(x, m)| x - m));
        self.radius_of(centred, scale)
    }

    /// [`Map::radius`] from an upper bound `centred` of `|w_t - m|`.
    pub fn radius_of(&self, centred: f64, scale: f64) -> f64 {
        let count = self.roundings;
        // Also times the norm of `G`, for an evaluation that scales the row first.
        let reach = mul_up(1.0 + scale.abs(), 1.0 + self.stretch);
        let floor = mul_up(count as f64 * count as f64 * TINY, reach);
        mul_up(gamma(count + 4), mul_up(scale.abs(), mul_up(self.stretch, centred))) + floor
    }
}

/// The transpose of a matrix with rows of `width`.
pub fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    let count = matrix.len() / width.max(1);
    (0..matrix.len()).map(|i| matrix[i % count * width + i / count]).collect()
}
