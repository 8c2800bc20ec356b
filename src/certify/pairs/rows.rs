//! The rows of a head as vectors `z_j`, with proved bounds of the errors of the transformation.

use rayon::prelude::*;

use super::rounding;
use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow::{self, Panels};
use crate::arithmetic::rounding::{TINY, UP_8, UP_4000, gamma, norm_up, norm_up_narrow};
use crate::head::Head;

/// The float32 vectors `z_j`, with bounds of their lengths and errors.
#[derive(Debug)]
pub struct Transformed {
    pub dim: usize,
    z: Vec<f32>,
    /// Upper bounds of `|z_j|`, within a relative `1e-10`.
    pub norm: Vec<f64>,
    /// Upper bounds of `|c_j|`.
    pub length: Vec<f64>,
    /// `rho_j = rho_length |c_j| + rho_floor`.
    pub rho_length: f64,
    pub rho_floor: f64,
    /// `G`, a float32 rounding of `A^T A`.
    pub gram: Vec<f32>,
    /// `D >= |G - A^T A|_F`.
    pub gram_error: f64,
    /// `|a_k|^2` for the rows `a_k` of `A`.
    squares: Vec<f64>,
    /// `A^T`, `d x d`, row-major.
    columns: Vec<f32>,
    /// An upper bound of the Frobenius norm of `A`.
    a_norm: f64,
    /// An upper bound of the Frobenius norm of `A A^T` off its diagonal; infinite until it is measured.
    skew: f64,
}

/// The number of rows that a thread transforms in one task.
const CHUNK: usize = 256;

impl Transformed {
    /// Transforms all rows. `None` if the numbers are not finite or not within about `2^+-60`, where float32 is safe,
    /// and for rows of more than `2^16` places, see [`rounding::width`].
    pub fn new(head: &Head, centre: &[f32], a: &[f32]) -> Option<Self> {
        let (dim, tokens) = (head.dim(), head.tokens());
        let wide: Vec<f64> = a.iter().map(|&x| f64::from(x)).collect();
        let comfortable = |x: f64| x == 0.0 || (2f64.powi(-60)..2f64.powi(60)).contains(&x.abs());
        let a_norm = norm_up(wide.iter().copied());
        // Wider rows could overflow sums of 32 bits.
        if rounding::width(dim) > 1 << 16 || !comfortable(a_norm) || a_norm == 0.0 {
            return None;
        }
        let panels = Panels::new(a, dim);
        let mut z = vec![0f32; tokens * dim];
        let mut length = vec![0f64; tokens];
        z.par_chunks_mut(CHUNK * dim).zip(length.par_chunks_mut(CHUNK)).enumerate().for_each(
            |(i, (z, length))| {
                let (mut row, mut centred) = (vec![0.0; dim], vec![0f32; z.len()]);
                for (n, (c, length)) in centred.chunks_exact_mut(dim).zip(length).enumerate() {
                    head.copy_row(i * CHUNK + n, &mut row);
                    row.iter_mut().zip(centre).for_each(|(w, m)| *w -= f64::from(*m));
                    c.iter_mut().zip(&row).for_each(|(c, &w)| *c = w as f32);
                    // A unit of float32 for the rounding of each difference, with slack.
                    *length = norm_up_narrow(c) * (1.0 + 1e-7) + dim as f64 * 2f64.powi(-149);
                }
                narrow::product(&centred, &panels, z);
            },
        );
        let largest = length.iter().copied().fold(0.0, f64::max);
        if !comfortable(largest) || largest == 0.0 || !z.iter().all(|x| x.is_finite()) {
            return None;
        }
        let norm = z.par_chunks(dim).map(norm_up_narrow).collect();

        // A^T A in float64, with the error of its rounding to float32 and of its own sums.
        let mut columns = vec![0.0; dim * dim];
        for (k, row) in wide.chunks_exact(dim).enumerate() {
            row.iter().enumerate().for_each(|(c, &x)| columns[c * dim + k] = x);
        }
        let mut exact = vec![0.0; dim * dim];
        exact.par_chunks_mut(CHUNK * dim).zip(columns.par_chunks(CHUNK * dim)).for_each(
            |(out, part)| {
                f64::product(part, &columns, dim, out, dim);
            },
        );
        let gram: Vec<f32> = exact.iter().map(|&x| x as f32).collect();
        let rounding = norm_up(gram.iter().zip(&exact).map(|(&g, &x)| f64::from(g) - x));
        let gram_error = (rounding + gamma(dim + 2) * a_norm * a_norm) * UP_4000;

        // The error of rounding `c` to float32 and of the sums, and the error of underflow there.
        let unit = 2f64.powi(-24) + narrow::relative_error(dim);
        let rho_length = unit * a_norm * (1.0 + 1e-6);
        let rho_floor = dim as f64 * 2f64.powi(-148) * (dim as f64 + a_norm);
        let squares = wide.chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum()).collect();
        Some(Transformed {
            dim,
            z,
            norm,
            length,
            rho_length,
            rho_floor,
            gram,
            gram_error,
            squares,
            columns: transposed(a, dim),
            a_norm,
            skew: f64::INFINITY,
        })
    }

    /// The vector `z_j`.
    pub fn z(&self, j: usize) -> &[f32] {
        &self.z[j * self.dim..(j + 1) * self.dim]
    }

    /// `rho_j >= |z_j - A c_j|`.
    pub fn rho(&self, j: usize) -> f64 {
        self.rho_length * self.length[j] + self.rho_floor
    }

    /// `A^T x` for several `x` (`count x d`), and a bound of the rounding errors of each, from upper bounds of `|x|`.
    pub fn images(&self, x: &[f64], norms: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut images = vec![0.0; x.len()];
        f32::product(x, &self.columns, self.dim, &mut images, self.dim);
        let floor = self.dim as f64 * self.dim as f64 * TINY;
        let errors = norms
            .iter()
            .map(|norm| gamma(self.dim + 4) * self.a_norm * norm * UP_4000 + floor)
            .collect();
        (images, errors)
    }

    /// Approximates `|A^T z_j|`, and so `|G c_j|`; accurate if the rows of `A` are nearly orthogonal and `D |c_j|` is
    /// small.
    pub fn image_length(&self, j: usize) -> f64 {
        self.z(j)
            .iter()
            .zip(&self.squares)
            .map(|(&z, s)| f64::from(z) * f64::from(z) * s)
            .sum::<f64>()
            .sqrt()
    }
}

impl Transformed {
    /// Measures how far the rows of `a`, the matrix of the transformation, are from orthogonal: needed by
    /// [`Transformed::image_up`].
    pub fn measure_skew(&mut self, a: &[f32]) {
        let dim = self.dim;
        let wide: Vec<f64> = a.iter().map(|&x| f64::from(x)).collect();
        let mut products = vec![0.0; dim * dim];
        products
            .par_chunks_mut(CHUNK * dim)
            .zip(wide.par_chunks(CHUNK * dim))
            .for_each(|(out, part)| f32::product(part, a, dim, out, dim));
        let off_diagonal = products.iter().enumerate().filter(|(i, _)| i / dim != i % dim);
        let rounding = gamma(dim + 2) * self.a_norm * self.a_norm;
        self.skew = (norm_up(off_diagonal.map(|(_, x)| *x)) + rounding) * UP_4000;
    }

    /// An upper bound of `|G c_j|`; infinite before [`Transformed::measure_skew`].
    ///
    /// `|A^T z|^2 = sum_k z_k^2 |a_k|^2 + (the terms of A A^T off its diagonal)`, and `|G c - A^T z| <= D |c| + |A| rho`.
    pub fn image_up(&self, j: usize) -> f64 {
        let diagonal = self.image_length(j) * (1.0 + gamma(2 * self.dim + 8));
        let off = self.skew * self.norm[j] * self.norm[j];
        let image = (diagonal * diagonal * UP_8 + off).sqrt() * UP_8;
        (image + self.gram_error * self.length[j] + self.a_norm * self.rho(j)) * UP_4000
            + self.dim as f64 * f64::MIN_POSITIVE
    }
}

/// The transpose of a `dim x dim` matrix.
fn transposed(a: &[f32], dim: usize) -> Vec<f32> {
    (0..a.len()).map(|i| a[i % dim * dim + i / dim]).collect()
}
