//! The rows of a head as vectors `z_j`, with proved bounds of the errors of the transformation.

use std::ops::Range;

use super::rounding;
use super::transform::Transform;
use crate::arithmetic::rounding::{UP_4000, gamma, norm_up_narrow};
use crate::head::Head;
use crate::parallel;

/// The float32 vectors `z_j = A c_j`, with bounds of their lengths and errors.
#[derive(Debug)]
pub struct Transformed {
    /// The transformation `A`.
    pub transform: Box<dyn Transform>,
    /// The number of coordinates of `z_j`.
    pub width: usize,
    z: Vec<f32>,
    /// Upper bounds of `|z_j|`, within a relative `1e-10`.
    pub norm: Vec<f64>,
    /// Upper bounds of `|c_j|`.
    pub length: Vec<f64>,
    /// `rho_j = rho_length |c_j| + rho_floor`.
    pub rho_length: f64,
    pub rho_floor: f64,
    /// `D >= |G - A^T A|_F`.
    pub gram_error: f64,
    /// The length of a row (`d`).
    dim: usize,
}

/// The number of rows that a thread transforms in one task.
const CHUNK: usize = 256;

impl Transformed {
    /// Transforms all rows. `None` if the numbers are not finite or not within about `2^+-60`, where float32 is safe,
    /// and for rows of more than `2^16` places, see [`rounding::width`].
    pub fn new(head: &Head, centre: &[f32], transform: Box<dyn Transform>) -> Option<Self> {
        let (dim, tokens, width) = (head.dim(), head.tokens(), transform.width());
        let comfortable = |x: f64| x == 0.0 || (2f64.powi(-60)..2f64.powi(60)).contains(&x.abs());
        let a_norm = transform.norm();
        // Wider rows could overflow sums of 32 bits.
        if rounding::width(width) > 1 << 16 || !comfortable(a_norm) || a_norm == 0.0 {
            return None;
        }
        let mut z = vec![0f32; tokens * width];
        let mut length = vec![0f64; tokens];
        parallel::fill_both((&mut z, CHUNK * width), (&mut length, CHUNK), &|i, z, length| {
            let (mut row, mut centred) = (vec![0.0; dim], vec![0f32; length.len() * dim]);
            for (n, (c, length)) in centred.chunks_exact_mut(dim).zip(length).enumerate() {
                head.copy_row(i * CHUNK + n, &mut row);
                row.iter_mut().zip(centre).for_each(|(w, m)| *w -= f64::from(*m));
                c.iter_mut().zip(&row).for_each(|(c, &w)| *c = w as f32);
                // A unit of float32 for the rounding of each difference, with slack.
                *length = norm_up_narrow(c) * (1.0 + 1e-7) + dim as f64 * 2f64.powi(-149);
            }
            transform.apply(&centred, z);
        });
        let largest = length.iter().copied().fold(0.0, f64::max);
        let finite = |rows: Range<usize>| z[rows].iter().all(|x| x.is_finite());
        let all_finite = !parallel::map_ranges(z.len(), CHUNK * width, &finite).contains(&false);
        if !comfortable(largest) || largest == 0.0 || !all_finite {
            return None;
        }
        let norm = parallel::map(tokens, &|t| norm_up_narrow(&z[t * width..(t + 1) * width]));
        let (rho_length, rho_floor) = transform.apply_error();
        let gram_error = transform.gram_error();
        Some(Transformed {
            transform,
            width,
            z,
            norm,
            length,
            rho_length,
            rho_floor,
            gram_error,
            dim,
        })
    }

    /// The vector `z_j`.
    pub fn z(&self, j: usize) -> &[f32] {
        &self.z[j * self.width..(j + 1) * self.width]
    }

    /// `rho_j >= |z_j - A c_j|`.
    pub fn rho(&self, j: usize) -> f64 {
        self.rho_length * self.length[j] + self.rho_floor
    }

    /// Approximates `|A^T z_j|`, and so `|G c_j|`; accurate if the rows of `A` are nearly orthogonal and `D |c_j|` is
    /// small.
    pub fn image_length(&self, j: usize) -> f64 {
        self.z(j)
            .iter()
            .zip(self.transform.squares())
            .map(|(&z, s)| f64::from(z) * f64::from(z) * s)
            .sum::<f64>()
            .sqrt()
    }

    /// An upper bound of `|G c_j|`: `|G c - A^T z| <= D |c| + |A| rho`.
    pub fn image_up(&self, j: usize) -> f64 {
        let weighted = self.image_length(j) * (1.0 + gamma(2 * self.width + 8));
        let image = self.transform.image_up(weighted, self.norm[j]);
        (image + self.gram_error * self.length[j] + self.transform.norm() * self.rho(j)) * UP_4000
            + self.dim as f64 * f64::MIN_POSITIVE
    }
}
