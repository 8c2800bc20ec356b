//! Heads: making them from matrices, and statistics of their rows.

pub mod convert;
pub mod spectrum;
pub mod statistics;
pub mod subspace;

pub use unargmax_check::head::{Head, Numbers, Rows, fold, groups};
