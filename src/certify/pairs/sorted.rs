//! The transformed rows sorted, cut into blocks and rounded to 8-bit integers.

use super::kernel::BLOCK;
use super::rounding::{self, COPIES, Losses};
use super::rows::Transformed;
use crate::head::Head;
use crate::order;
use crate::parallel;

/// The number of neighbouring blocks (a shelf) whose rows are sorted by bias. (In whisper-tiny.en's ball, where
/// biases are levels, 16 leaves a third of the pairs to level 3 that a shelf of one block leaves; with 64 the order
/// of the keys suffers.)
const BLOCKS_SORTED_BY_BIAS: usize = 16;

/// Rows in falling order of a key, except that each shelf is in order of biases, in blocks of 8-bit integers.
#[derive(Debug)]
pub struct Sorted {
    /// The token at each place.
    pub order: Vec<u32>,
    /// The place of each token.
    pub position: Vec<u32>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The number of places that level 2 compares.
    pub prefix: usize,
    /// The number of coordinates among those places.
    pub cut: usize,
    /// The 8-bit integers of the rows by place, `width` for each row.
    bytes: Vec<i8>,
    /// The number of places of a row, a multiple of four.
    pub width: usize,
    /// The bounds of the rows by place.
    pub bounds: Vec<Bounds>,
}

/// The bounds of a row that every comparison needs, stored together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// An upper bound of `|z_j|`.
    pub norm: f64,
    /// An upper bound of `|c_j|`.
    pub length: f64,
    /// The bias `b_j`.
    pub bias: f64,
    /// An upper bound of `|z_j - S q_j|`.
    pub error: f64,
}

/// [`BLOCK`] rows with the greatest of their bounds.
#[derive(Debug, Default)]
pub struct Block {
    /// The scale `S` of all rows of the block.
    pub scale: f64,
    /// The greatest `|z_j|`.
    pub norm: f64,
    /// The greatest `|c_j|`.
    pub length: f64,
    /// The greatest bias.
    pub bias: f64,
    /// The greatest rounding errors.
    pub losses: Losses,
    /// The greatest key, norm and length in this block and all blocks after it.
    pub rest: (f64, f64, f64),
    /// The rows as bytes, each an integer plus 128: `width / 4 x BLOCK x 4`, so that four coordinates of each row are
    /// adjacent. The prefix comes first.
    pub bytes: Vec<u8>,
}

impl Sorted {
    /// Sorts the rows by their falling `keys`, cuts them into blocks and rounds them.
    pub fn new(all: &Transformed, head: &Head, keys: &[f64]) -> Sorted {
        let tokens = (0..head.tokens() as u32).collect();
        let mut order = order::by_score(tokens, &|t| keys[t as usize]);
        // The limit of a block uses its greatest bias, so rows of similar keys are put in the order of their biases.
        parallel::fill(&mut order, BLOCKS_SORTED_BY_BIAS * BLOCK, &|_, shelf| {
            order::by_key(shelf, &|&t| !order::rank_of(head.bias(t as usize)));
        });
        let mut position = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &t)| position[t as usize] = place as u32);
        let (prefix, width) = (prefix(all), rounding::width(all.width));
        let mut bytes = vec![0i8; order.len() * width];
        let mut bounds = vec![Bounds::default(); order.len()];
        let pieces = bytes.chunks_mut(BLOCK * width).zip(bounds.chunks_mut(BLOCK));
        let pieces = order.chunks(BLOCK).zip(pieces).collect();
        let mut blocks = parallel::map_owned(pieces, &|(ids, (bytes, bounds))| {
            block(all, head, ids, prefix, bytes, bounds)
        });
        let mut rest = (f64::NEG_INFINITY, 0.0f64, 0.0f64);
        for (i, block) in blocks.iter_mut().enumerate().rev() {
            let ids = &order[i * BLOCK..((i + 1) * BLOCK).min(order.len())];
            let largest = ids.iter().map(|&t| keys[t as usize]).fold(f64::NEG_INFINITY, f64::max);
            rest = (rest.0.max(largest), rest.1.max(block.norm), rest.2.max(block.length));
            block.rest = rest;
        }
        Sorted {
            order,
            position,
            blocks,
            prefix,
            cut: cut(prefix, all.width),
            bytes,
            width,
            bounds,
        }
    }

    /// The integers of the row at this place.
    pub fn bytes(&self, place: usize) -> &[i8] {
        &self.bytes[place * self.width..(place + 1) * self.width]
    }

    /// The scale of the row at this place.
    pub fn scale(&self, place: usize) -> f64 {
        self.blocks[place / BLOCK].scale
    }
}

/// The number of places that level 2 compares, in multiples of sixteen if there are that many.
fn prefix(all: &Transformed) -> usize {
    all.transform.leading().next_multiple_of(16).min(rounding::width(all.width))
}

/// The number of coordinates among the places of the prefix.
fn cut(prefix: usize, dim: usize) -> usize {
    prefix.saturating_sub(COPIES).min(dim)
}

/// Rounds the rows of one block and collects their bounds.
fn block(
    all: &Transformed,
    head: &Head,
    ids: &[u32],
    prefix: usize,
    bytes: &mut [i8],
    bounds: &mut [Bounds],
) -> Block {
    let width = bytes.len() / ids.len();
    let largest = ids.iter().map(|&t| rounding::largest(all.z(t as usize))).fold(0f32, f32::max);
    let scale = rounding::scale(largest);
    let mut integers = vec![0i16; all.width];
    let cut = cut(prefix, all.width);
    let mut block = Block {
        scale,
        bias: f64::NEG_INFINITY,
        bytes: vec![128; width * BLOCK],
        ..Block::default()
    };
    for (r, ((&t, bytes), bounds)) in
        ids.iter().zip(bytes.chunks_exact_mut(width)).zip(bounds).enumerate()
    {
        let losses = rounding::round(all.z(t as usize), scale, cut, 127.0, &mut integers);
        bytes[..COPIES].fill(integers[0] as i8);
        bytes[COPIES..].iter_mut().zip(&integers).for_each(|(byte, q)| *byte = *q as i8);
        *bounds = Bounds {
            norm: all.norm[t as usize],
            length: all.length[t as usize],
            bias: head.bias(t as usize),
            error: losses.full_error,
        };
        for (k, four) in bytes.chunks_exact(4).enumerate() {
            let at = k * 4 * BLOCK + r * 4;
            for (out, q) in block.bytes[at..at + 4].iter_mut().zip(four) {
                *out = q.wrapping_add(-128) as u8;
            }
        }
        let greater = |a: &mut f64, b: f64| *a = a.max(b);
        greater(&mut block.norm, bounds.norm);
        greater(&mut block.length, bounds.length);
        greater(&mut block.bias, bounds.bias);
        greater(&mut block.losses.prefix_error, losses.prefix_error);
        greater(&mut block.losses.prefix_norm, losses.prefix_norm);
        greater(&mut block.losses.tail, losses.tail);
        greater(&mut block.losses.full_error, losses.full_error);
    }
    block
}
