//! Arithmetic whose results are the same on every machine, and whose errors are bounded.
//!
//! - [`dot`]: scalar products and blocks of them, each in one fixed order without fused
//!   multiply-add, so that wider vectors change the speed and never a bit;
//! - [`rounding`]: what such a sum can be away from the true one;
//! - [`dyadic`]: numbers `m 2^e`, in which every stored float is exact;
//! - [`fraction`]: quotients of those, and sums of many;
//! - [`enclose`]: proved intervals around the solution of a square system;
//! - [`linear`]: exact solutions of linear systems.
//!
//! Everything that proves something stands on this folder alone.

pub mod dot;
pub mod dyadic;
pub mod enclose;
pub mod fraction;
pub mod linear;
pub mod narrow;
pub mod rounding;
