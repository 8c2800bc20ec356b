//! One token at one point, with the terms of the bound that do not depend on the rival.

use multiversion::multiversion;

use super::kernel::TILE;
use super::rounding::{Losses, Rounded};
use super::sorted::Block;
use crate::certify::witness::Scorer;

/// A relative margin that covers the float64 roundings in each comparison: fewer than a hundred, each at most `2^-53`
/// of a term, so `1.2e-14` in all.
pub const SLACK: f64 = 1e-12;

/// The kind of point at which a token is tried.
pub enum Kind<'a> {
    /// The token's own point `s_t G c_t`: the proof holds for every point within the map's radius.
    Own {
        /// `s_t`.
        stretch: f64,
        /// `mu_t`.
        floor: f64,
    },
    /// Any point of the domain.
    Given {
        /// Scores on the original rows, for rivals that no level could settle.
        scorer: Scorer<'a>,
        /// The map's scale, if the point is one of the map's points and the proof holds within the map's radius.
        scale: Option<f64>,
        /// `mu_t`.
        floor: f64,
    },
}

/// A token that is tried at a point.
pub struct Candidate<'a> {
    /// The token.
    pub id: u32,
    /// The point.
    pub kind: Kind<'a>,
    /// Whether the token may still win: false once it has too many rivals that it does not beat.
    pub open: bool,
    /// Rivals that are not beaten, each with the approximate amount by which the token is behind.
    pub behind: Vec<(f64, u32)>,
    /// The number of such rivals at which the trial ends.
    pub limit: usize,
    /// The least gap that was proved on the original rows.
    pub least: f64,
    /// `x_t` in float32.
    pub narrow: Vec<f32>,
    /// `x_t` in float64.
    pub x: Vec<f64>,
    /// `x_t` in 8-bit integers.
    pub rounded: Rounded,
    /// The terms of the bound.
    pub terms: Terms,
    /// Tokens that need not be beaten: the token itself and its equals.
    pub equals: Vec<u32>,
    /// The index of the first block from which on level 1 settles all blocks.
    pub stop: usize,
}

impl Candidate<'_> {
    /// Records a rival that is not beaten.
    pub fn fall_behind(&mut self, by: f64, rival: u32) {
        self.behind.push((by, rival));
        self.open = self.behind.len() < self.limit;
    }
}

/// The terms of the bound `T`, see the parent module.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// An upper bound of `|x_t|`.
    pub norm: f64,
    /// The terms of `T` that do not depend on the rival.
    pub own: f64,
    /// The factor of a rival's `|z_j|` in the errors that are subtracted from `T`.
    pub per_norm: f64,
    /// The factor of a rival's `|c_j|` in those errors.
    pub per_length: f64,
    /// The constant part of those errors.
    pub constant: f64,
    /// `b_t`.
    pub bias: f64,
    /// `1 / s_t`.
    pub per_bias: f64,
}

impl Terms {
    /// The errors that a rival with this `|z_j|` and `|c_j|` subtracts from `T`.
    pub fn errors(&self, norm: f64, length: f64) -> f64 {
        self.per_norm * norm + self.per_length * length + self.constant
    }

    /// A lower bound of `T` for rivals with at most this `|z_j|`, `|c_j|` and bias.
    pub fn room(&self, norm: f64, length: f64, bias: f64) -> f64 {
        let raise = (bias - self.bias) * self.per_bias;
        let errors = self.errors(norm, length);
        self.own - raise - errors - (self.own.abs() + raise.abs() + errors) * SLACK
    }

    /// Whether level 1 settles all rows with at most this key, `|z_j|` and `|c_j|`.
    ///
    /// With `s_t = c / |z_t|` the condition is `|z_t| (|z_j| + b_j / c) <= own + b_t |z_t| / c - errors`, and the key
    /// is `c |z_j| + b_j`; without biases the key is `|z_j|`. Where `s_t |z_t|` exceeds the `c` of the key by
    /// `excess`, rivals gain at most `excess |z_j|`.
    pub fn beats_the_rest(
        &self,
        unbiased: bool,
        excess: f64,
        (key, norm, length): (f64, f64, f64),
    ) -> bool {
        let errors = self.errors(norm, length);
        // Without biases the key is |z_j| itself, times |z_t|; with them `per_bias` is |z_t| / c.
        let (left, right) = if unbiased {
            (self.norm * key, self.own)
        } else {
            let gained = excess * norm * self.per_bias;
            (self.per_bias * key + gained, self.own + self.bias * self.per_bias)
        };
        // A key may be a small difference of large terms, each about `|z_t| |z_j|` or `|z_t|^2`.
        let terms = left.abs() + errors + right.abs() + self.norm * (norm + self.norm);
        // Without this test, overflowing biases would compare infinity with infinity.
        right < f64::INFINITY && left + errors + terms * SLACK <= right
    }
}

/// The terms of a tile of tokens in arrays, so that one vector instruction serves all of them.
pub struct Tile {
    norm: [f64; TILE],
    own: [f64; TILE],
    per_norm: [f64; TILE],
    per_length: [f64; TILE],
    constant: [f64; TILE],
    bias: [f64; TILE],
    per_bias: [f64; TILE],
    per_scale: [f64; TILE],
    /// The factors of a block's losses in the error of integer products on the prefix.
    prefix_losses: [[f64; TILE]; 3],
    /// The same for products of whole rows.
    whole_losses: [[f64; TILE]; 3],
    /// The integer rows of the tokens, four coordinates in each word, `TILE` words side by side; the prefix comes
    /// first.
    pub words: Vec<i32>,
    /// 128 times the sum of each token's integers on the prefix.
    pub offsets: [i32; TILE],
    /// 128 times the sum of all integers of each token.
    pub whole_offsets: [i32; TILE],
    /// The first block from which on level 1 settles all blocks for all tokens of the tile.
    pub stop: usize,
    /// How many of the next blocks are compared by whole rows only.
    pub straight: u32,
}

impl Tile {
    /// Packs at most [`TILE`] candidates; a missing or closed candidate never needs a product.
    ///
    /// `width` is the number of coordinates, a multiple of four; the first `prefix` of them are the prefix.
    pub fn new(tile: &[Candidate], prefix: usize, width: usize) -> Self {
        let mut packed = Tile {
            norm: [0.0; TILE],
            own: [f64::INFINITY; TILE],
            per_norm: [0.0; TILE],
            per_length: [0.0; TILE],
            constant: [0.0; TILE],
            bias: [0.0; TILE],
            per_bias: [0.0; TILE],
            per_scale: [1.0; TILE],
            prefix_losses: [[0.0; TILE]; 3],
            whole_losses: [[0.0; TILE]; 3],
            words: vec![0i32; width / 4 * TILE],
            offsets: [0i32; TILE],
            whole_offsets: [0i32; TILE],
            stop: tile.iter().map(|t| if t.open { t.stop } else { 0 }).max().unwrap_or(0),
            straight: 0,
        };
        for (i, token) in tile.iter().enumerate().filter(|(_, t)| t.open) {
            let (terms, Losses { prefix_error, prefix_length, tail, full_error, .. }) =
                (&token.terms, token.rounded.losses);
            packed.norm[i] = terms.norm;
            packed.own[i] = terms.own;
            packed.per_norm[i] = terms.per_norm;
            packed.per_length[i] = terms.per_length;
            packed.constant[i] = terms.constant;
            packed.bias[i] = terms.bias;
            packed.per_bias[i] = terms.per_bias;
            for (k, part) in [prefix_error, prefix_length, tail].into_iter().enumerate() {
                packed.prefix_losses[k][i] = part;
            }
            for (k, part) in [full_error, terms.norm, 0.0].into_iter().enumerate() {
                packed.whole_losses[k][i] = part;
            }
            packed.per_scale[i] = 1.0 / token.rounded.scale;
            let bytes = &token.rounded.bytes;
            for (k, b) in bytes.chunks_exact(4).enumerate() {
                packed.words[k * TILE + i] =
                    i32::from_le_bytes([b[0] as u8, b[1] as u8, b[2] as u8, b[3] as u8]);
            }
            let sum = |bytes: &[i8]| 128 * bytes.iter().map(|&b| i32::from(b)).sum::<i32>();
            packed.offsets[i] = sum(&bytes[..prefix.min(bytes.len())]);
            packed.whole_offsets[i] = sum(bytes);
        }
        packed
    }

    /// Ends the comparisons of the candidate at this index.
    pub fn close(&mut self, i: usize) {
        self.own[i] = f64::INFINITY;
        self.norm[i] = 0.0;
    }

    /// For each token, the greatest `q_j.q_t` on the prefix for which level 2 settles the block, sometimes one or two
    /// less; `i32::MAX` if level 1 settles it or the token is closed.
    pub fn limits(&self, block: &Block) -> [i32; TILE] {
        let lost = &block.losses;
        limits(self, block, [lost.prefix_norm, lost.prefix_error, lost.tail], &self.prefix_losses)
    }

    /// [`Tile::limits`] for `q_j.q_t` on all coordinates: `|S q_j|` is at most `|z_j| + |e_j|`.
    pub fn whole_limits(&self, block: &Block) -> [i32; TILE] {
        let error = block.losses.full_error;
        limits(self, block, [block.norm + error, error, 0.0], &self.whole_losses)
    }
}

/// Computes the limits. Each lane has its own chain of the same float64 operations, so that the vector width changes
/// no bit.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn limits(tile: &Tile, block: &Block, rows: [f64; 3], tokens: &[[f64; TILE]; 3]) -> [i32; TILE] {
    /// `1.5 2^52`: adding it rounds to an integer, in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let per_scale = 1.0 / block.scale;
    let (mut free, mut quotients) = ([false; TILE], [0.0; TILE]);
    for i in 0..TILE {
        let raise = (block.bias - tile.bias[i]) * tile.per_bias[i];
        let errors =
            tile.per_norm[i] * block.norm + tile.per_length[i] * block.length + tile.constant[i];
        let room =
            tile.own[i] - raise - errors - (tile.own[i].abs() + raise.abs() + errors) * SLACK;
        let lost = rows[0] * tokens[0][i] + rows[1] * tokens[1][i] + rows[2] * tokens[2][i];
        // NaN is not settled, so it goes on to the next level, in both tests.
        free[i] = tile.norm[i] * block.norm <= room || tile.own[i] == f64::INFINITY;
        let room = room - lost - (room.abs() + lost) * SLACK;
        let quotient = room * per_scale * tile.per_scale[i];
        quotients[i] = quotient - quotient.abs() * SLACK;
    }
    let mut out = [i32::MAX; TILE];
    for i in 0..TILE {
        let quotient = quotients[i];
        // Rounding to nearest minus one is at most the floor. The cap below `i32::MAX` keeps that value for
        // "settled".
        let inside = if quotient < 2e9 { quotient } else { 2e9 };
        let rounded = (inside + ROUND).to_bits() as u32 as i32 - 1;
        let limit = if quotient > -2e9 { rounded } else { i32::MIN };
        out[i] = if free[i] { i32::MAX } else { limit };
    }
    out
}
