//! In a ball: the inequalities of a token are not lifted, and lengths matter.
//!
//! - [`system`]: the inequalities of a token in the coordinates of the ball;
//! - [`search`]: the search for one token; [`running`]: a search under way, and what its proposals come to;
//! - [`batch`]: many searches side by side, tried first against the [`frequent_rivals`] and begun near tokens that were
//!   found to win ([`warm_starts`]);
//! - [`decide`]: what they come to, and the tokens on the edge of the ball.

pub mod batch;
pub mod decide;
pub mod frequent_rivals;
pub mod running;
pub mod search;
pub mod system;
pub mod warm_starts;
