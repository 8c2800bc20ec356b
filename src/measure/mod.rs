//! What can be measured of single tokens beyond their verdicts, as proved intervals:
//!
//! - [`effort`]: how far out in a ball a token begins to win;
//! - [`margin`]: its best gap in a ball, and whether that survives rounding;
//! - [`bias`]: the raise of its own bias that a token lacks, in boxes and in all of space.
//!
//! All three search as [`crate::prove`] does, over a few rivals at a time, and propose points and weights; the intervals
//! are made by [`crate::certify`]. Points and weights found for tokens that were undecided serve their verdicts as well,
//! certified as any other.

pub mod bias;
pub mod effort;
pub mod margin;

use rayon::prelude::*;

use crate::head::Head;
use crate::progress::Progress;

/// Rounds before giving up; each adds at least one rival.
const ROUNDS: usize = 400;

/// How many rivals come in at a round, for points of `dim` coordinates.
fn batch(dim: usize) -> usize {
    dim.clamp(32, 128)
}

/// Measures tokens in groups that share passes over the rows. What is measured of a token does not depend on the others.
fn in_groups<T: Sync, R: Send>(
    head: &Head,
    tokens: &[T],
    progress: &dyn Progress,
    measure: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let shared = tokens.len().div_ceil(4 * rayon::current_num_threads());
    // Scores of a group take some tens of megabytes.
    let size = shared.clamp(1, 64).min((1 << 22) / head.tokens() + 1);
    let groups: Vec<Vec<R>> = tokens
        .par_chunks(size)
        .map(|group| {
            let measured = measure(group);
            progress.advance(group.len());
            measured
        })
        .collect();
    groups.into_iter().flatten().collect()
}
