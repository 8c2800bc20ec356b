//! All pairs of tokens at once: does each token beat each other at the point its own row makes?
//!
//! # The points
//! Let `m` be a centre, `c_j = w_j - m`, and `A` a `d x d` matrix (any matrix: the proof never uses what it
//! means; [`crate::screen`] takes `A = L^(-1/4) U^T` from the eigen-decomposition of the covariance, rows in the
//! order of falling eigenvalues). With `G`, a float32 rounding of `A^T A`, token `t` is tried at
//! `h_t = s_t G c_t`, `s_t > 0`.
//!
//! # The bound
//! Let `z_j` be float32 vectors with `|z_j - A c_j| <= rho_j`, and `D >= |G - A^T A|_F`. Then, exactly,
//!
//! ```text
//! (w_t - w_j).h_t / s_t  =  c_t.G c_t - c_j.G c_t
//!                       >=  |z_t|^2 - 2 rho_t |z_t| - D |c_t|^2
//!                           - z_j.z_t - rho_t |z_j| - rho_j |z_t| - rho_t rho_j - D |c_t| |c_j|,
//! ```
//!
//! so `t` beats `j` by more than `s_t mu_t`, at every point within `r_t` of `h_t`, when
//!
//! ```text
//! z_j.z_t <= T = |z_t|^2 - 2 rho_t |z_t| - D |c_t|^2 - mu_t - (b_j - b_t) / s_t
//!                - rho_t |z_j| - rho_j |z_t| - rho_t rho_j - D |c_t| |c_j| - (r_t / s_t) (|c_t| + |c_j|).
//! ```
//!
//! # The levels
//! Rows are sorted and cut into blocks of [`BLOCK`] rows, which share the greatest norms and biases of
//! their rows, so that `T` is one number for a token and a block.
//! 1. `|z_j| |z_t| <= T` needs no product at all. With `s_t = c / |z_t|` and rows sorted by
//!    `c |z_j| + b_j` that holds for half of all pairs.
//! 2. On the first coordinates, `z_j = S q_j + e_j` with 8-bit integers `q_j` and one scale `S` a block:
//!    `z_j.z_t <= S S' q_j.q'_t + |S q_j| |e'_t| + |e_j| |z_t| + tail_j tail_t`. All but `q_j.q'_t` is
//!    known for the block, so one integer limit decides, and every [`kernel`] agrees to the last bit.
//! 3. The same with all coordinates, pair by pair.
//! 4. `z_j.z_t` in float64.
//!
//! A token with a pair that all levels leave open is left to others.

pub mod kernel;
mod rows;

use std::sync::Arc;

use rayon::prelude::*;

use super::map::Map;
use super::witness::Witness;
use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::{gamma, power_of_two_near};
use crate::question::Question;
use kernel::{BLOCK, Kernel, TILE};
use rows::{Block, Losses, Sorted, Transformed};

/// Tokens that visit a block together, so that it stays in the nearest cache.
const GROUP: usize = 64;

/// The floor `mu_t` of a proved gap, as a share of `|z_t|^2`.
const FLOOR: f64 = 1.0 / 4096.0;

/// How biases weigh against scores at the points `h_t = s_t G c_t`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strength {
    /// Biases decide nothing, being equal: `s_t` makes `h_t` about one long. Proves nothing where they differ.
    Unit,
    /// `s_t = c / |z_t|`, `c > 0` in logits: half of all pairs are then free.
    Fixed(f64),
}

/// A matrix `A` and the rows of a head seen through it.
#[derive(Debug)]
pub struct Pairs<'a> {
    question: &'a Question<'a>,
    map: Arc<Map>,
    transformed: Transformed,
    kernel: Kernel,
}

impl<'a> Pairs<'a> {
    /// Transforms all rows by `a` (`d x d`, row-major) around `centre` (`d`).
    ///
    /// Returns `None` where float32 does not hold the numbers comfortably, and for a domain that is not free:
    /// points are not moved into it here.
    pub fn new(question: &'a Question<'a>, centre: &[f32], a: &[f32]) -> Option<Self> {
        if !question.domain().is_free() {
            return None;
        }
        let transformed = Transformed::new(question.head(), centre, a)?;
        let centre = centre.iter().map(|&x| f64::from(x)).collect();
        let map = Arc::new(Map::new(centre, Some(transformed.gram.clone())));
        Some(Pairs { question, map, transformed, kernel: Kernel::best() })
    }

    /// Multiplies by another kernel than the fastest; the witnesses are the same.
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Pairs { kernel, ..self }
    }

    /// A power of two `c` for which `c |z_j|` varies about as much as the biases.
    pub fn balance(&self) -> f64 {
        let deviation = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / values.len() as f64)
                .sqrt()
        };
        let biases: Vec<f64> =
            (0..self.question.head().tokens()).map(|t| self.question.head().bias(t)).collect();
        let ratio = deviation(&biases) / deviation(&self.transformed.norm);
        if ratio.is_finite() && ratio > 0.0 { power_of_two_near(ratio) } else { 1.0 }
    }

    /// Tries `tokens` against all others: a witness or nothing, in their order.
    pub fn settle(&self, tokens: &[u32], strength: Strength) -> Vec<Option<Witness>> {
        let head = self.question.head();
        if strength == Strength::Unit && !head.bias_is_constant() {
            return vec![None; tokens.len()];
        }
        let rows = match strength {
            Strength::Unit => self.transformed.sorted(head, |j| self.transformed.norm[j]),
            Strength::Fixed(c) => {
                self.transformed.sorted(head, |j| c * self.transformed.norm[j] + head.bias(j))
            }
        };
        // Neighbours in the order have the same blocks to visit.
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_unstable_by_key(|&i| rows.position[tokens[i] as usize]);
        let settled: Vec<Vec<Option<Witness>>> = order
            .par_chunks(GROUP)
            .map(|group| {
                let group: Vec<Candidate> =
                    group.iter().map(|&i| self.candidate(tokens[i], strength, &rows)).collect();
                self.settle_group(group, &rows)
            })
            .collect();
        let mut out = vec![None; tokens.len()];
        order
            .into_iter()
            .zip(settled.into_iter().flatten())
            .for_each(|(i, witness)| out[i] = witness);
        out
    }

    fn settle_group(&self, mut group: Vec<Candidate>, rows: &Sorted) -> Vec<Option<Witness>> {
        let packed: Vec<(Vec<i32>, [i32; TILE])> =
            group.chunks(TILE).map(|tile| pack(tile, rows)).collect();
        for (at, block) in rows.blocks.iter().enumerate() {
            group.iter_mut().for_each(|t| t.open &= !t.beats_the_rest(block.rest));
            if !group.iter().any(|t| t.open) {
                break;
            }
            for (tile, (words, offsets)) in group.chunks_mut(TILE).zip(&packed) {
                let mut limits = [i32::MAX; TILE];
                for (limit, token) in limits.iter_mut().zip(tile.iter()).filter(|(_, t)| t.open) {
                    let room = token.room(block.norm, block.length, block.bias);
                    // Written so that NaN goes on to the next level.
                    if !(token.norm * block.norm <= room) {
                        *limit = token.integer_limit(block, room);
                    }
                }
                if limits == [i32::MAX; TILE] {
                    continue;
                }
                let above = self.kernel.above(words, &block.bytes, offsets, &limits);
                for (token, mut mask) in tile.iter_mut().zip(above) {
                    while mask != 0 && token.open {
                        let place = at * BLOCK + mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        if place < rows.order.len() && !self.beats(token, place, rows) {
                            (token.open, token.beaten) = (false, true);
                        }
                    }
                }
            }
        }
        group.into_iter().map(|t| (!t.beaten).then(|| self.witness(&t))).collect()
    }

    /// Levels 3 and 4 for one pair.
    fn beats(&self, token: &Candidate, place: usize, rows: &Sorted) -> bool {
        let j = rows.order[place];
        if token.equals.contains(&j) {
            return true;
        }
        let (all, i) = (&self.transformed, j as usize);
        let room = token.room(all.norm[i], all.length[i], self.question.head().bias(i));
        let integers = kernel::dot(rows.bytes(place), rows.bytes(token.place));
        let part = token.scale * rows.scale(place) * f64::from(integers);
        let own = &rows.losses[token.place];
        // |S q_j| <= |z_j| + |e_j|.
        let lost = rows.losses[place].full_error;
        let rest = (all.norm[i] + lost) * own.full_error + lost * token.norm;
        if part + rest + (part.abs() + rest) * SLACK <= room {
            return true;
        }
        let product = f32::dot(all.z(i), &token.z);
        product + gamma(all.dim + 4) * all.norm[i] * token.norm <= room
    }

    fn candidate(&self, id: u32, strength: Strength, rows: &Sorted) -> Candidate {
        let (all, i) = (&self.transformed, id as usize);
        let place = rows.position[i] as usize;
        let (norm, length, rho) = (all.norm[i], all.length[i], all.rho(i));
        let stretch = match strength {
            Strength::Unit => 1.0 / all.image_length(i),
            Strength::Fixed(c) => c / norm,
        };
        // Twice: the writer's and the checker's evaluation each lie within it.
        let radius = 2.0 * self.map.radius(self.question.head(), id, stretch) / stretch;
        let floor = FLOOR * norm * norm;
        // The stored norm is above |z| by less than a relative 1e-10.
        let square = norm * norm * (1.0 - 1e-9);
        let own =
            square - 2.0 * rho * norm - all.gram_error * length * length - floor - radius * length;
        let finite = [stretch, 1.0 / stretch, stretch * floor].iter().all(|x| x.is_finite());
        let open = norm > 0.0 && stretch > 0.0 && finite && own > 0.0;
        Candidate {
            id,
            place,
            open,
            beaten: !open,
            z: all.z(i).iter().map(|&x| f64::from(x)).collect(),
            norm,
            own: own - own.abs() * SLACK,
            per_norm: rho + all.rho_norm * (norm + rho),
            per_length: all.rho_length * (norm + rho) + all.gram_error * length + radius,
            constant: all.rho_floor * (norm + rho),
            bias: self.question.head().bias(i),
            per_bias: 1.0 / stretch,
            stretch,
            floor,
            scale: rows.scale(place),
            losses: rows.losses[place],
            equals: self.question.equals(id),
            unbiased: strength == Strength::Unit,
        }
    }

    fn witness(&self, token: &Candidate) -> Witness {
        let norm = token.stretch * self.transformed.image_length(token.id as usize);
        let has_rivals = token.equals.len() < self.question.head().tokens();
        let margin =
            if has_rivals { (token.stretch * token.floor).next_down().max(0.0) } else { 0.0 };
        Witness::by_pairs(token.id, self.map.clone(), token.stretch, norm, margin)
    }
}

/// Covers the roundings of float64 in each comparison: fewer than a hundred, each at most `2^-53` of a
/// term that it multiplies, so `1.2e-14` in all.
const SLACK: f64 = 1e-12;

/// A token under trial, with the terms of the bound that do not depend on the rival.
struct Candidate {
    id: u32,
    /// Its place among the sorted rows.
    place: usize,
    /// Whether there may be pairs left to look at.
    open: bool,
    /// Whether some pair was left open by all levels.
    beaten: bool,
    z: Vec<f64>,
    norm: f64,
    /// The terms of `T` without the rival.
    own: f64,
    /// What a rival's `|z_j|` and `|c_j|` take from it, and a constant.
    per_norm: f64,
    per_length: f64,
    constant: f64,
    bias: f64,
    /// `1 / s_t`.
    per_bias: f64,
    /// `s_t`.
    stretch: f64,
    /// `mu_t`.
    floor: f64,
    scale: f64,
    losses: Losses,
    equals: Vec<u32>,
    unbiased: bool,
}

impl Candidate {
    /// `T` for rivals of at most this `|z_j|`, `|c_j|` and bias, rounded down.
    fn room(&self, norm: f64, length: f64, bias: f64) -> f64 {
        let raise = (bias - self.bias) * self.per_bias;
        let errors = self.per_norm * norm + self.per_length * length + self.constant;
        self.own - raise - errors - (self.own + raise.abs() + errors) * SLACK
    }

    /// Whether level 1 holds for all rows with at most this key, `|z_j|` and `|c_j|`.
    ///
    /// With `s_t = c / |z_t|` it reads `|z_t| (|z_j| + b_j / c) <= own + b_t |z_t| / c - errors`, and the key is
    /// `c |z_j| + b_j`; without biases the key is `|z_j|`.
    fn beats_the_rest(&self, (key, norm, length): (f64, f64, f64)) -> bool {
        let errors = self.per_norm * norm + self.per_length * length + self.constant;
        // Without biases the key is |z_j| itself, times |z_t|; with them `per_bias` is |z_t| / c.
        let (left, right) = if self.unbiased {
            (self.norm * key, self.own)
        } else {
            (self.per_bias * key, self.own + self.bias * self.per_bias)
        };
        // A key may be a small difference of large terms, which then are about |z_t| |z_j| or |z_t|^2.
        let terms = left.abs() + errors + right.abs() + self.norm * (norm + self.norm);
        // Where biases overflow, infinity would be at most infinity.
        right < f64::INFINITY && left + errors + terms * SLACK <= right
    }

    /// The greatest `q_j.q_t` on the prefix for which level 2 holds in a block.
    fn integer_limit(&self, block: &Block, room: f64) -> i32 {
        let (a, b) = (&block.losses, &self.losses);
        let lost =
            a.prefix_norm * b.prefix_error + a.prefix_error * b.prefix_length + a.tail * b.tail;
        let room = room - lost - (room.abs() + lost) * SLACK;
        let quotient = room / (block.scale * self.scale);
        let limit = (quotient - quotient.abs() * SLACK).floor();
        // `as` saturates, but turns NaN into 0; one below the largest, which stands for "not asked".
        if limit.is_nan() { i32::MIN } else { limit.clamp(-2e9, 2e9) as i32 }
    }
}

/// The prefixes of a tile, four coordinates of its tokens side by side, and 128 times their sums.
fn pack(tile: &[Candidate], rows: &Sorted) -> (Vec<i32>, [i32; TILE]) {
    let mut words = vec![0i32; rows.prefix / 4 * TILE];
    let mut offsets = [0i32; TILE];
    for (i, token) in tile.iter().enumerate() {
        let bytes = &rows.bytes(token.place)[..rows.prefix.min(rows.bytes(token.place).len())];
        for (k, b) in bytes.chunks_exact(4).enumerate() {
            words[k * TILE + i] =
                i32::from_le_bytes([b[0] as u8, b[1] as u8, b[2] as u8, b[3] as u8]);
        }
        offsets[i] = 128 * bytes.iter().map(|&b| i32::from(b)).sum::<i32>();
    }
    (words, offsets)
}
