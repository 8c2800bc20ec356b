//! The rows of a head as vectors `z_j`, sorted, cut into blocks and rounded to 8-bit integers, with
//! proved bounds of everything that is lost on the way.

use rayon::prelude::*;

use super::kernel::BLOCK;
use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{gamma, norm_up};
use crate::head::Head;

/// `z_j`, float32, and what is known of them.
#[derive(Debug)]
pub struct Transformed {
    pub dim: usize,
    z: Vec<f32>,
    /// Upper bounds of `|z_j|`, within a relative `1e-10`.
    pub norm: Vec<f64>,
    /// Upper bounds of `|c_j|`.
    pub length: Vec<f64>,
    /// `rho_j = rho_norm |z_j| + rho_length |c_j| + rho_floor`.
    pub rho_norm: f64,
    pub rho_length: f64,
    pub rho_floor: f64,
    /// `G`, a float32 rounding of `A^T A`, and `D >= |G - A^T A|_F`.
    pub gram: Vec<f32>,
    pub gram_error: f64,
    /// `|a_k|^2` of the rows of `A`.
    squares: Vec<f64>,
}

/// Rows transformed at once by one thread.
const CHUNK: usize = 256;

impl Transformed {
    /// `None` where the numbers are not finite or not within about `2^+-60`, where float32 is comfortable,
    /// and for rows of more than `2^16` coordinates.
    pub fn new(head: &Head, centre: &[f32], a: &[f32]) -> Option<Self> {
        let (dim, tokens) = (head.dim(), head.tokens());
        let wide: Vec<f64> = a.iter().map(|&x| f64::from(x)).collect();
        let comfortable = |x: f64| x == 0.0 || (2f64.powi(-60)..2f64.powi(60)).contains(&x.abs());
        let a_norm = norm_up(wide.iter().copied());
        // Wider rows could overflow sums of 32 bits.
        if dim > 1 << 16 || !comfortable(a_norm) || a_norm == 0.0 {
            return None;
        }
        let mut z = vec![0f32; tokens * dim];
        let mut length = vec![0f64; tokens];
        z.par_chunks_mut(CHUNK * dim).zip(length.par_chunks_mut(CHUNK)).enumerate().for_each(
            |(i, (z, length))| {
                let (mut centred, mut image) = (vec![0.0; z.len()], vec![0.0; z.len()]);
                for (n, (c, length)) in centred.chunks_exact_mut(dim).zip(length).enumerate() {
                    for (c, (w, m)) in c.iter_mut().zip(head.row(i * CHUNK + n).zip(centre)) {
                        *c = w - f64::from(*m);
                    }
                    // A unit for the rounding of each difference, with room.
                    *length = norm_up(c.iter().copied()) * (1.0 + 1e-12);
                }
                f32::product(&centred, a, dim, &mut image, dim);
                z.iter_mut().zip(image).for_each(|(z, x)| *z = x as f32);
            },
        );
        let largest = length.iter().copied().fold(0.0, f64::max);
        if !comfortable(largest) || largest == 0.0 || !z.iter().all(|x| x.is_finite()) {
            return None;
        }
        let norm = z.par_chunks(dim).map(|z| norm_up(z.iter().map(|&x| f64::from(x)))).collect();

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
        let gram_error = (rounding + gamma(dim + 2) * a_norm * a_norm) * (1.0 + 1e-12);

        // Float64 sums of `dim` products and the rounding of `c`, then the rounding to float32; what
        // underflows there is below 2^-149 a coordinate.
        let rho_norm = f64::from(f32::EPSILON) / 2.0 * (1.0 + 1e-6);
        let rho_length = gamma(dim + 4) * a_norm * (1.0 + 1e-6);
        let rho_floor = dim as f64 * 2f64.powi(-148);
        let squares = wide.chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum()).collect();
        Some(Transformed {
            dim,
            z,
            norm,
            length,
            rho_norm,
            rho_length,
            rho_floor,
            gram,
            gram_error,
            squares,
        })
    }

    /// `z_j`.
    pub fn z(&self, j: usize) -> &[f32] {
        &self.z[j * self.dim..(j + 1) * self.dim]
    }

    /// `rho_j >= |z_j - A c_j|`.
    pub fn rho(&self, j: usize) -> f64 {
        self.rho_norm * self.norm[j] + self.rho_length * self.length[j] + self.rho_floor
    }

    /// About `|A^T z_j|` and so `|G c_j|`: as exact as the rows of `A` are orthogonal and `D |c_j|` is small.
    pub fn image_length(&self, j: usize) -> f64 {
        self.z(j)
            .iter()
            .zip(&self.squares)
            .map(|(&z, s)| f64::from(z) * f64::from(z) * s)
            .sum::<f64>()
            .sqrt()
    }

    /// Coordinates of the first level: two fifths, in whole groups of four.
    fn prefix(&self) -> usize {
        (self.dim * 2 / 5).next_multiple_of(16).min(self.dim.next_multiple_of(4))
    }
}

/// Rows in falling order of a key, in blocks of 8-bit integers.
pub struct Sorted {
    /// Tokens by place, and the place of each token.
    pub order: Vec<u32>,
    pub position: Vec<u32>,
    pub blocks: Vec<Block>,
    /// Coordinates of the first level.
    pub prefix: usize,
    /// 8-bit integers by place, `width` a row.
    bytes: Vec<i8>,
    width: usize,
    /// By place: bounds of `|z - S q|` and `|S q|` on the prefix, of the rest of `|z|`, and of `|z - S q|` in all.
    pub losses: Vec<Losses>,
}

/// What the rounding of one row to integers lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    pub prefix_error: f64,
    pub prefix_norm: f64,
    pub tail: f64,
    pub full_error: f64,
    /// Bound of `|z|` on the prefix.
    pub prefix_length: f64,
}

/// [`BLOCK`] rows with their greatest bounds.
#[derive(Debug, Default)]
pub struct Block {
    /// `S`.
    pub scale: f64,
    pub norm: f64,
    pub length: f64,
    pub bias: f64,
    pub losses: Losses,
    /// Greatest key, norm and length of this block and all after it.
    pub rest: (f64, f64, f64),
    /// The prefix, `prefix / 4 x BLOCK x 4` bytes, each the integer plus 128.
    pub bytes: Vec<u8>,
}

impl Transformed {
    /// Sorts the rows by falling `key` and rounds them.
    pub fn sorted(&self, head: &Head, key: impl Fn(usize) -> f64 + Sync) -> Sorted {
        let keys: Vec<f64> = (0..head.tokens()).map(&key).collect();
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| {
            keys[b as usize].total_cmp(&keys[a as usize]).then(a.cmp(&b))
        });
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &t)| position[t as usize] = place as u32);
        let (prefix, width) = (self.prefix(), self.dim.next_multiple_of(4));
        let mut bytes = vec![0i8; order.len() * width];
        let mut losses = vec![Losses::default(); order.len()];
        let mut blocks: Vec<Block> = order
            .par_chunks(BLOCK)
            .zip(bytes.par_chunks_mut(BLOCK * width))
            .zip(losses.par_chunks_mut(BLOCK))
            .map(|((ids, bytes), losses)| self.block(head, ids, prefix, width, bytes, losses))
            .collect();
        let mut rest = (f64::NEG_INFINITY, 0.0f64, 0.0f64);
        for (i, block) in blocks.iter_mut().enumerate().rev() {
            let ids = &order[i * BLOCK..((i + 1) * BLOCK).min(order.len())];
            let largest = ids.iter().map(|&t| keys[t as usize]).fold(f64::NEG_INFINITY, f64::max);
            rest = (rest.0.max(largest), rest.1.max(block.norm), rest.2.max(block.length));
            block.rest = rest;
        }
        Sorted { order, position, blocks, prefix, bytes, width, losses }
    }

    fn block(
        &self,
        head: &Head,
        ids: &[u32],
        prefix: usize,
        width: usize,
        bytes: &mut [i8],
        losses: &mut [Losses],
    ) -> Block {
        let largest =
            ids.iter().flat_map(|&t| self.z(t as usize)).fold(0f32, |m, x| m.max(x.abs()));
        // A row of zeros has any scale.
        let scale = if largest > 0.0 { f64::from(largest) / 127.0 } else { 1.0 };
        let cut = prefix.min(self.dim);
        let mut block = Block {
            scale,
            bias: f64::NEG_INFINITY,
            bytes: vec![128; prefix * BLOCK],
            ..Block::default()
        };
        for (r, ((&t, bytes), losses)) in
            ids.iter().zip(bytes.chunks_exact_mut(width)).zip(losses).enumerate()
        {
            let z = self.z(t as usize);
            for (q, &x) in bytes.iter_mut().zip(z) {
                // Not `round`, which is a call; the bounds below are measured, whatever the rounding.
                *q = (f64::from(x) / scale + 0.5).floor() as i8;
            }
            let error = |range: std::ops::Range<usize>| {
                norm_up(z[range.clone()].iter().zip(&bytes[range]).map(|(&x, &q)| f64::from(x) - scale * f64::from(q)))
                    // The subtraction and the product round by less than 2^-50 of |z|.
                    + self.norm[t as usize] * 2f64.powi(-50)
            };
            *losses = Losses {
                prefix_error: error(0..cut),
                prefix_norm: norm_up(bytes[..cut].iter().map(|&q| scale * f64::from(q)))
                    * (1.0 + 1e-12),
                tail: norm_up(z[cut..].iter().map(|&x| f64::from(x))),
                full_error: error(0..self.dim),
                prefix_length: norm_up(z[..cut].iter().map(|&x| f64::from(x))),
            };
            for k in 0..prefix.min(width) {
                block.bytes[k / 4 * 4 * BLOCK + r * 4 + k % 4] = bytes[k].wrapping_add(-128) as u8;
            }
            let greater = |a: &mut f64, b: f64| *a = a.max(b);
            greater(&mut block.norm, self.norm[t as usize]);
            greater(&mut block.length, self.length[t as usize]);
            greater(&mut block.bias, head.bias(t as usize));
            greater(&mut block.losses.prefix_error, losses.prefix_error);
            greater(&mut block.losses.prefix_norm, losses.prefix_norm);
            greater(&mut block.losses.tail, losses.tail);
        }
        block
    }
}

impl Sorted {
    /// The integers of a row by place.
    pub fn bytes(&self, place: usize) -> &[i8] {
        &self.bytes[place * self.width..(place + 1) * self.width]
    }

    /// The scale of a row by place.
    pub fn scale(&self, place: usize) -> f64 {
        self.blocks[place / BLOCK].scale
    }
}
