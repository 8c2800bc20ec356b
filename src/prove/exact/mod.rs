//! In exact integers, where float64 cannot tell the sides apart.
//!
//! - [`simplex`]: linear programs over the integers, for boxes and all of space, and for wins in balls;
//! - [`corner`]: in a ball, the point where the rivals of a token meet;
//! - [`budget`]: how much of this all open tokens of an audit share.

pub mod budget;
pub mod corner;
pub mod simplex;
