//! Which tokens can a language model never output?
//!
//! An output layer scores tokens by `logits = W h + b`. With many more tokens than coordinates, a
//! token can lie where no hidden state `h` makes it the strict winner: it is *unargmaxable*, and greedy
//! decoding can never emit it (Grivas, Bogoychev and Lopez, ACL 2022). This library decides that
//! for every token of a head, over all hidden states or those inside given ranges, and proves each verdict.
//!
//! ```
//! use unargmax::audit::{Options, audit};
//! use unargmax::certify::Verdict;
//! use unargmax::domain::Domain;
//! use unargmax::head::Head;
//!
//! // Five tokens in two dimensions; the last lies inside the square of the others.
//! let rows = vec![1.0, 0.0, 0.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0];
//! let head = Head::new(rows, None, 5, 2)?;
//! let audit = audit(&head, &Domain::free(2), Options::default())?;
//!
//! assert_eq!((audit.counts().argmaxable, audit.counts().unargmaxable), (4, 1));
//! let Some(Verdict::Unargmaxable(loss)) = audit.verdict(4) else { panic!("it is inside") };
//! // Rivals whose weighted mean is the token's own row: it never scores more than all of them.
//! let total: f64 = loss.blockers().iter().map(|(_, weight)| weight).sum();
//! assert!((total - 1.0).abs() < 1e-12);
//! # Ok::<(), unargmax::error::Error>(())
//! ```
//!
//! Data flows one way: [`checkpoint`] -> [`head`] -> [`domain`] -> [`question`] -> [`screen`] ->
//! [`prove`] -> [`certify`] -> [`audit`] -> [`report`]. Solvers propose; only [`certify`] makes verdicts,
//! by the bounded and exact arithmetic of [`arithmetic`]. The proofs leave in a [`certificate`], which
//! [`verify`](mod@verify) checks with code of its own. Beside it, [`transformer`] -> [`reach`]: the whole
//! model before the head, and which tokens it makes the argmax on real texts.

// The kernels of 8-bit products and the mapping of files say so and allow it; nothing else may.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod audit;
#[cfg(feature = "lp")]
pub mod baselines;
pub mod certificate;
pub mod certify;
#[cfg(feature = "files")]
pub mod checkpoint;
pub mod error;
pub mod head;
#[cfg(feature = "files")]
pub mod locate;
pub mod measure;
pub mod problem;
pub mod prove;
#[cfg(feature = "model")]
pub mod reach;
#[cfg(feature = "report")]
pub mod report;
pub mod screen;
#[cfg(feature = "model")]
pub mod transformer;

pub use unargmax_check::{arithmetic, domain, progress, verify};
