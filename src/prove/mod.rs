//! Proposals for the tokens that no shared map settles, one token at a time.
//!
//! - [`system`]: the token's inequalities `A u > 0` in well-scaled, lifted coordinates;
//! - [`span`]: fewer coordinates, where a head has more of them than tokens;
//! - [`solver`]: what a method for them must offer; there are two, which share no code:
//! - [`orthogonal`] and [`least_distance`]: the point nearest to the origin with `A u >= 1`, or
//!   multipliers that show there is none;
//! - `linear_program`: the same two answers as linear programs, by a general solver, and `radius`,
//!   the linear program of the 2022 paper;
//! - [`working_set`]: a few rivals at a time, the worst violators added until one side is found;
//! - [`support`]: multipliers turned into a support that the certifier can enclose, and the *push*;
//! - [`sphere`] and [`within`]: the same search in a ball, one on its way in [`runner`], many side by side in [`rounds`],
//!   first against [`suspects`] and from beside [`scouts`]; and [`corner`], exactly, for tokens on its edge;
//! - [`simplex`]: the surest and slowest path, in exact integers, and the last resort of both engines.
//!
//! Nothing here decides: see [`crate::certify`].

pub mod corner;
pub mod least_distance;
#[cfg(feature = "lp")]
pub mod linear_program;
pub mod orthogonal;
#[cfg(feature = "lp")]
pub mod radius;
pub mod rounds;
pub mod runner;
pub mod scouts;
pub mod simplex;
pub mod solver;
pub mod span;
pub mod sphere;
pub mod support;
pub mod suspects;
pub mod system;
pub mod within;
pub mod working_set;
