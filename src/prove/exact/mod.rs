//! Decisions in exact integers, for tokens that float64 cannot decide.
//!
//! - [`simplex`]: integer linear programs, for boxes and all of space, and for wins in balls;
//! - [`corner`]: in a ball, the point where the rivals of a token meet;
//! - [`budget`]: the share of this arithmetic that each open token gets.

pub mod budget;
pub mod corner;
mod program;
pub mod simplex;
mod table;
