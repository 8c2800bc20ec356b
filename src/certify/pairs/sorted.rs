//! The transformed rows sorted, cut into blocks and rounded to 8-bit integers.

use rayon::prelude::*;

use super::kernel::BLOCK;
use super::rounding::{self, Losses};
use super::rows::Transformed;
use crate::head::Head;

/// Rows in falling order of a key, in blocks of 8-bit integers.
#[derive(Debug)]
pub struct Sorted {
    /// Tokens by place, and the place of each token.
    pub order: Vec<u32>,
    /// The place of each token.
    pub position: Vec<u32>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// Coordinates of the first level.
    pub prefix: usize,
    /// 8-bit integers by place, `width` a row.
    bytes: Vec<i8>,
    /// Coordinates of a row, in whole fours.
    pub width: usize,
    /// By place: bound of `|z - S q|`.
    pub errors: Vec<f64>,
}

/// [`BLOCK`] rows with their greatest bounds.
#[derive(Debug, Default)]
pub struct Block {
    /// `S`.
    pub scale: f64,
    /// Greatest `|z_j|`.
    pub norm: f64,
    /// Greatest `|c_j|`.
    pub length: f64,
    /// Greatest bias.
    pub bias: f64,
    /// Greatest losses.
    pub losses: Losses,
    /// Greatest key, norm and length of this block and all after it.
    pub rest: (f64, f64, f64),
    /// The rows, four coordinates of each side by side: `width / 4 x BLOCK x 4` bytes, each the integer plus 128. The
    /// prefix comes first.
    pub bytes: Vec<u8>,
}

impl Sorted {
    /// Sorts the rows by falling `key` and rounds them.
    pub fn new(all: &Transformed, head: &Head, key: impl Fn(usize) -> f64 + Sync) -> Sorted {
        let keys: Vec<f64> = (0..head.tokens()).map(&key).collect();
        let mut order: Vec<u32> = (0..head.tokens() as u32).collect();
        order.par_sort_unstable_by(|&a, &b| {
            keys[b as usize].total_cmp(&keys[a as usize]).then(a.cmp(&b))
        });
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &t)| position[t as usize] = place as u32);
        let (prefix, width) = (prefix(all.dim), all.dim.next_multiple_of(4));
        let mut bytes = vec![0i8; order.len() * width];
        let mut errors = vec![0.0; order.len()];
        let mut blocks: Vec<Block> = order
            .par_chunks(BLOCK)
            .zip(bytes.par_chunks_mut(BLOCK * width))
            .zip(errors.par_chunks_mut(BLOCK))
            .map(|((ids, bytes), errors)| block(all, head, ids, prefix, bytes, errors))
            .collect();
        let mut rest = (f64::NEG_INFINITY, 0.0f64, 0.0f64);
        for (i, block) in blocks.iter_mut().enumerate().rev() {
            let ids = &order[i * BLOCK..((i + 1) * BLOCK).min(order.len())];
            let largest = ids.iter().map(|&t| keys[t as usize]).fold(f64::NEG_INFINITY, f64::max);
            rest = (rest.0.max(largest), rest.1.max(block.norm), rest.2.max(block.length));
            block.rest = rest;
        }
        Sorted { order, position, blocks, prefix, bytes, width, errors }
    }

    /// The integers of a row by place.
    pub fn bytes(&self, place: usize) -> &[i8] {
        &self.bytes[place * self.width..(place + 1) * self.width]
    }

    /// The scale of a row by place.
    pub fn scale(&self, place: usize) -> f64 {
        self.blocks[place / BLOCK].scale
    }
}

/// Coordinates of the first level: half of them, in whole groups of sixteen where there are as many.
pub fn prefix(dim: usize) -> usize {
    (dim / 2).next_multiple_of(16).min(dim.next_multiple_of(4))
}

fn block(
    all: &Transformed,
    head: &Head,
    ids: &[u32],
    prefix: usize,
    bytes: &mut [i8],
    errors: &mut [f64],
) -> Block {
    let width = bytes.len() / ids.len();
    let largest = ids.iter().map(|&t| rounding::largest(all.z(t as usize))).fold(0f32, f32::max);
    let scale = rounding::scale(largest);
    let mut block = Block {
        scale,
        bias: f64::NEG_INFINITY,
        bytes: vec![128; width * BLOCK],
        ..Block::default()
    };
    for (r, ((&t, bytes), error)) in
        ids.iter().zip(bytes.chunks_exact_mut(width)).zip(errors).enumerate()
    {
        let losses = rounding::round(all.z(t as usize), scale, prefix.min(all.dim), bytes);
        *error = losses.full_error;
        for (k, four) in bytes.chunks_exact(4).enumerate() {
            let at = k * 4 * BLOCK + r * 4;
            for (out, q) in block.bytes[at..at + 4].iter_mut().zip(four) {
                *out = q.wrapping_add(-128) as u8;
            }
        }
        let greater = |a: &mut f64, b: f64| *a = a.max(b);
        greater(&mut block.norm, all.norm[t as usize]);
        greater(&mut block.length, all.length[t as usize]);
        greater(&mut block.bias, head.bias(t as usize));
        greater(&mut block.losses.prefix_error, losses.prefix_error);
        greater(&mut block.losses.prefix_norm, losses.prefix_norm);
        greater(&mut block.losses.tail, losses.tail);
        greater(&mut block.losses.full_error, losses.full_error);
    }
    block
}
