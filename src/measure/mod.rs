//! Measurements of single tokens beyond their verdicts, as proved intervals:
//!
//! - [`effort`]: how far out in a ball a token begins to win;
//! - [`margin`]: the best gap of a token in a ball, and whether that win survives rounding;
//! - [`probability`]: the largest probability of a token over the domain;
//! - [`bias`]: the raise of its own bias that a token needs, in boxes and in all of space;
//! - [`rank`]: the best rank that a token reaches, in every domain;
//! - [`row_move`]: the change of its own row that a token needs, by states from [`least_change`].
//!
//! All search as [`crate::prove`] does, over a small working set of rivals, and propose points and weights;
//! [`crate::certify`] turns these into intervals. Points and weights found for undecided tokens also serve as
//! proposals for their verdicts.

#[cfg(feature = "measures")]
pub mod bias;
pub mod effort;
#[cfg(feature = "measures")]
pub(crate) mod least_change;
pub mod margin;
#[cfg(feature = "measures")]
pub mod probability;
#[cfg(feature = "measures")]
pub mod rank;
#[cfg(feature = "measures")]
pub mod row_move;

use crate::head::Head;
use crate::parallel;

/// What is done with the results of some tokens as soon as they are there, from any thread; it is called with none before a
/// group of tokens is measured.
pub type Done<'a, R> = &'a (dyn Fn(&[R]) + Sync);

/// The most rounds of a search; each round adds at least one rival.
const ROUNDS: usize = 400;

/// The most rivals added in one round, for points of `dim` coordinates.
fn batch(dim: usize) -> usize {
    dim.clamp(32, 128)
}

/// Measures tokens in groups that share passes over the rows, and calls `done` with the results of each group as soon as
/// they are there. The result for a token does not depend on the other tokens.
fn in_groups<T: Sync, R: Send>(
    head: &Head,
    tokens: &[T],
    done: Done<R>,
    measure: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let shared = tokens.len().div_ceil(4 * rayon::current_num_threads());
    // The scores of a group take some tens of megabytes.
    let size = shared.clamp(1, 64).min((1 << 22) / head.tokens() + 1);
    parallel::flat_map(tokens.len(), size, &|range| {
        done(&[]);
        let measured = measure(&tokens[range]);
        done(&measured);
        measured
    })
}
