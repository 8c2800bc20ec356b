//! Turns proposals into proved verdicts; no other module can make a verdict.
//!
//! Everything before this stage proposes. Here a proposal is checked on the original rows, in float64 arithmetic with
//! a proved error bound or in exact integers, and only what passes becomes a [`Verdict`]. The types of the evidence
//! have private fields and no public constructor, so that no other module can make one.
//!
//! - [`witness`]: a hidden state at which the token beats every rival;
//! - [`pairs`]: such hidden states for most tokens at once, by 8-bit products with a proved bound;
//! - [`enclosure`]: rival weights proved to exist inside small intervals (Krawczyk 1969, Rump 1983);
//! - [`exact`]: rival weights as integers that satisfy every equation;
//! - [`ball_loss`]: rival weights that no point of a ball overcomes; [`ball_bound`]: the bounds that weights prove
//!   there;
//! - [`one_point`]: the argmax, where the domain is one hidden state;
//! - [`ceiling`]: bounds of the probability of a token;
//! - [`effort`], [`best_gap`], [`survival`]: proved intervals of other quantities of a token, from [`scored`] points;
//! - [`rank`]: the best rank that a token can reach, from sets of rivals and a point;
//! - [`row_move`]: the change of its own row with which a token wins;
//! - [`interval`]: the bound of the best margin if neither a win nor a loss was proved.

pub(crate) mod ball_bound;
#[doc(hidden)]
pub mod ball_loss;
#[doc(hidden)]
pub mod best_gap;
pub(crate) mod cap;
#[cfg(feature = "measures")]
pub(crate) mod ceiling;
mod combination;
#[doc(hidden)]
pub mod effort;
#[doc(hidden)]
pub mod enclosure;
#[doc(hidden)]
pub mod exact;
pub(crate) mod interval;
pub(crate) mod map;
pub(crate) mod one_point;
mod outcome;
#[doc(hidden)]
pub mod pairs;
mod range_terms;
#[cfg(feature = "measures")]
#[doc(hidden)]
pub mod rank;
mod rival;
#[cfg(feature = "measures")]
pub(crate) mod row_move;
mod score_error;
pub(crate) mod scored;
#[doc(hidden)]
pub mod survival;
mod verdict;
#[doc(hidden)]
pub mod witness;

pub use ball_loss::BallLoss;
pub use best_gap::BestGap;
#[cfg(feature = "measures")]
pub use ceiling::Ceiling;
pub use combination::Combination;
pub use effort::Effort;
pub use enclosure::Enclosed;
pub use exact::Exact;
pub use outcome::Outcome;
pub use rival::{Blocker, Rival};
#[cfg(feature = "measures")]
pub use row_move::RowMove;
pub use verdict::{
    Loss, OnePoint, Tie, Undecided, Verdict, carried_loss, carried_win, dominated, enclosed,
    lost_exactly, lost_in_ball, lost_in_ball_exactly, lost_in_ball_plainly, lost_on, undecided,
    won,
};
pub use witness::{Point, Witness};
