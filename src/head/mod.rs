//! Heads: making them from matrices, and statistics of their rows.

pub mod convert;
#[cfg(feature = "measures")]
pub mod spectrum;
#[cfg(feature = "measures")]
pub mod statistics;
pub mod subspace;

pub use unargmax_check::head::{Head, Numbers, Rows, fold, groups};
