//! Which tokens real inputs reach: what a model scores at each place of a text, what it goes on to
//! say, which of a few words it puts into a gap, and which tokens ever win on a corpus.
//!
//! The audit says what an output layer could emit; this stage runs the [`transformer`](crate::transformer) before it.

pub mod constraints;
pub mod corpus;
pub mod generate;
pub mod journal;
pub mod logits;
pub mod observe;
pub mod pattern;
pub mod ranking;
pub mod rescore;
pub mod rules;
pub mod sampling;
pub mod text;
