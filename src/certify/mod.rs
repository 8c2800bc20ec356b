//! The only makers of verdicts.
//!
//! Everything before this stage proposes; here a proposal is checked on the original rows, by
//! float64 arithmetic with a proved error bound or by exact integers, and only what passes becomes
//! a [`Verdict`]. The types of the evidence have private fields and no public constructor, so no
//! other module can make one.
//!
//! - [`witness`]: a hidden state at which the token beats every rival;
//! - [`pairs`]: the same for most tokens at once, by 8-bit products with a proved bound;
//! - [`enclosure`]: rival weights proved to exist inside small intervals (Krawczyk 1969, Rump 1983);
//! - [`exact`]: rival weights as integers that satisfy every equation;
//! - [`ball_loss`]: rival weights that no point of a ball overcomes, and [`ball_bound`]: what weights bound there;
//! - [`one_point`]: the argmax, where the domain is one hidden state;
//! - [`effort`], [`best_gap`], [`survival`]: proved intervals of what else can be said of a token, from [`scored`] points;
//! - [`interval`]: what is known of the best margin when neither was found.

pub mod ball_bound;
pub mod ball_loss;
pub mod best_gap;
mod combination;
pub mod effort;
pub mod enclosure;
pub mod exact;
pub mod interval;
pub mod map;
pub mod one_point;
pub mod pairs;
mod range_terms;
mod rival;
mod score_error;
pub mod scored;
pub mod survival;
mod verdict;
pub mod witness;

pub use combination::Combination;
pub use rival::{Blocker, Rival};
pub use verdict::{
    Loss, OnePoint, Tie, Undecided, Verdict, carried_loss, carried_win, dominated, enclosed,
    lost_exactly, lost_in_ball, lost_in_ball_exactly, lost_in_ball_plainly, undecided, won,
};
