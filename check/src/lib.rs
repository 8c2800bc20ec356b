//! The trusted base of `unargmax`: what has to be right for a verdict to be right.
//!
//! - [`arithmetic`]: sums with error bounds, exact numbers, enclosures;
//! - [`head`]: the rows and biases of an output layer `logits = W h + b`, and which tokens have equal rows;
//! - [`domain`]: where hidden states may lie: everywhere, in a box, in the ball behind a final norm;
//! - [`certificate`]: the proofs of an audit as data, and their file;
//! - [`order`]: sorting by integer keys;
//! - [`parallel`]: loops on all threads;
//! - [`verify`](mod@verify): proves each verdict of a certificate again.
//!
//! There is no solver here, no search and no reader of checkpoints. The audit (the crate `unargmax`) depends on this crate,
//! and Cargo does not allow the reverse.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod arithmetic;
pub mod certificate;
pub mod domain;
pub mod error;
pub mod head;
pub mod order;
pub mod parallel;
pub mod progress;
pub mod verify;
