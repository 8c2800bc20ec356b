//! The search in a ball: the inequalities of a token are not lifted, and lengths matter.
//!
//! - [`system`]: the inequalities of a token in the coordinates of the ball;
//! - [`search`]: the search for one token; [`running`]: a search in progress, and the trials of its points;
//! - [`batch`]: many searches at once, tried first against the [`frequent_rivals`] and begun near tokens that were
//!   found to win ([`warm_starts`]);
//! - [`decide`]: the verdicts that follow, and the tokens on the edge of the ball.

pub mod batch;
pub mod decide;
pub mod frequent_rivals;
pub mod running;
pub mod search;
pub mod system;
pub mod warm_starts;
