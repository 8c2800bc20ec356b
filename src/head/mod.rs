//! A head, made of the matrices that a program has, and what its rows look like.

pub mod convert;
pub mod spectrum;
pub mod statistics;

pub use unargmax_check::head::{Head, Rows, fold, groups};
