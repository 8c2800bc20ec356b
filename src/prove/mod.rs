//! Proposals for the tokens that no shared map settles, one token at a time.
//!
//! - [`system`]: the token's inequalities `A u > 0` in well-scaled, lifted coordinates;
//! - [`orthogonal`] and [`least_distance`]: the point nearest to the origin with `A u >= 1`, or
//!   multipliers that show there is none;
//! - [`working_set`]: a few rivals at a time, the worst violators added until one side is found;
//! - [`support`]: multipliers turned into a support that the certifier can enclose, and the *push*;
//! - [`simplex`]: the surest and slowest path, in exact integers.
//!
//! Nothing here decides: see [`crate::certify`].

pub mod least_distance;
pub mod orthogonal;
pub mod simplex;
pub mod support;
pub mod system;
pub mod working_set;
