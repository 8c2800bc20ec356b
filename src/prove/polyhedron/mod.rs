//! The search over a box or all of space: the inequalities of a token are linear in lifted coordinates.
//!
//! - [`system`]: the inequalities `A u > 0` of a token, well scaled;
//! - [`working_set`]: the search with a few rivals at a time, to which the worst violators are added until one side
//!   is found;
//! - [`marks`]: the constraints that a search has seen;
//! - [`support`]: turns multipliers into losing weights: ones to be enclosed, perturbed if they are degenerate, or
//!   exact ones;
//! - [`decide`]: the search, and the certification of its proposals;
//! - [`shared`]: tries the losing weights of one token on others;
//! - `linear_program`: the second solver, linear programs by a general method, and `paper_radius`, the linear program of
//!   the 2022 paper.

pub mod decide;
#[cfg(feature = "lp")]
pub mod linear_program;
pub mod marks;
#[cfg(feature = "lp")]
pub mod paper_radius;
pub mod shared;
pub mod support;
pub mod system;
pub mod working_set;
