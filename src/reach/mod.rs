//! Runs a model on text, to see which tokens real inputs reach: the logits at each position, generated text, the
//! label word chosen for a gap, and which tokens ever win on a corpus.
//!
//! The audit says which tokens an output layer can emit; this stage runs the [`transformer`](crate::transformer)
//! before it.

mod adam;
pub mod chat;
pub mod cloze;
pub mod constraints;
pub mod corpus;
pub mod generate;
pub mod journal;
pub mod ladder;
pub mod logits;
pub mod named_tokens;
pub mod observe;
pub mod pattern;
pub mod ranking;
pub mod rescore;
pub mod rules;
pub mod sampling;
pub mod spoken;
pub mod text;
pub mod tuning;
