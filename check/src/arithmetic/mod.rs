//! Arithmetic whose results are the same on every machine, and whose errors are bounded.
//!
//! - [`dot`]: scalar products and blocks of them, each in one fixed order without fused
//!   multiply-add, so that wider vectors change the speed and never a bit;
//! - [`rounding`]: bounds of the error of such sums;
//! - [`dyadic`]: numbers `m 2^e`, in which every stored float is exact;
//! - [`fraction`]: quotients of dyadic numbers, and sums of many;
//! - [`interval`]: intervals that are known to hold a number;
//! - [`regular`]: one proved inverse of a matrix, and enclosures for many right sides;
//! - [`enclose`]: the same for one system;
//! - [`linear`]: exact solutions of linear systems;
//! - [`narrow`]: float32 products with bounded error.
//!
//! Every proof relies on this folder alone for its arithmetic.

pub mod dot;
pub mod dyadic;
pub mod enclose;
pub mod exponential;
pub mod fraction;
pub mod interval;
pub mod linear;
pub mod narrow;
pub mod regular;
pub mod rounding;
