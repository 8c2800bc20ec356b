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

#![warn(missing_docs)]

pub mod arithmetic;
pub mod audit;
pub mod baselines;
pub mod certificate;
pub mod certify;
pub mod checkpoint;
pub mod domain;
pub mod error;
pub mod head;
pub mod measure;
pub mod progress;
pub mod prove;
pub mod question;
pub mod reach;
pub mod report;
pub mod screen;
pub mod transformer;
pub mod verify;
