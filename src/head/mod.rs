//! A head, and what its rows look like.

pub mod spectrum;
pub mod statistics;

pub use unargmax_check::head::{Head, Rows, fold, groups};
