//! Which tokens can a language model never output?
//!
//! An output layer scores tokens by `logits = W h + b`. With many more tokens than coordinates, a
//! token can lie where no hidden state `h` makes it the strict winner: it is *unargmaxable*, and greedy
//! decoding can never emit it (Grivas, Bogoychev and Lopez, ACL 2022). This library decides that
//! for every token of a head, over all hidden states or those inside given ranges, and proves each verdict.
//!
//! ```
//! use unargmax::{Domain, Head, Options, Verdict, audit};
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
//! # Ok::<(), unargmax::Error>(())
//! ```
//!
//! - [`OutputLayer::open`] finds the head of a checkpoint, the names of its tokens and the domain of its hidden states;
//!   [`head`] makes heads of matrices.
//! - [`audit()`] decides; an [`Audit`] has verdicts, blockers and winning hidden states.
//! - [`labels::decide`] decides which sets of labels are feasible under sigmoids; [`audit::Among`] audits some rows alone.
//! - [`certificate::from_audits`] keeps the proofs, and [`verify()`] checks them by code that shares no solver with the audit.
//! - [`Report`] writes what the command writes: table, certificate, page with plots.
//! - `transformer` and `reach` run whole models.
//!
//! Features, all on by default: `files` (readers of checkpoints), `model` (the forward path), `report`, `lp` (a second
//! engine), `cli` (the command), `ndarray`. Without any of them the library still audits, makes certificates and verifies. Modules that these pages do not show are internal: tests and studies of this repository use
//! them, and they change without notice.

// The kernels of 8-bit products and the mapping of files say so and allow it; nothing else may.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// The command names this library as any other user of it does.
#[cfg(feature = "cli")]
extern crate self as unargmax;

pub mod audit;
#[cfg(feature = "lp")]
#[doc(hidden)]
pub mod baselines;
#[cfg(feature = "measures")]
pub mod causes;
pub mod certificate;
pub mod certify;
#[cfg(feature = "files")]
pub mod checkpoint;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod error;
#[cfg(feature = "cli")]
pub mod export;
#[cfg(feature = "files")]
pub(crate) mod families;
pub mod head;
mod journal_file;
#[cfg(feature = "measures")]
pub mod labels;
#[cfg(feature = "files")]
pub mod locate;
pub(crate) mod measure;
pub(crate) mod order;
#[cfg(feature = "files")]
pub mod output_layer;
#[doc(hidden)]
pub mod problem;
pub(crate) mod prove;
#[cfg(feature = "model")]
pub mod reach;
#[cfg(all(feature = "files", feature = "lp", feature = "measures"))]
pub mod repair;
#[cfg(feature = "report")]
pub mod report;
#[doc(hidden)]
pub mod screen;
#[doc(hidden)]
pub mod split_mix;
#[cfg(feature = "model")]
pub mod transformer;

#[doc(hidden)]
pub use unargmax_check::arithmetic;
use unargmax_check::parallel;
pub use unargmax_check::verify::{self, verify};
pub use unargmax_check::{domain, progress};

pub use audit::{Audit, Counts, Options, audit};
pub use certificate::Certificate;
pub use certify::{Blocker, Loss, Rival, Verdict};
pub use domain::{Ball, Domain};
pub use error::Error;
pub use head::Head;
#[cfg(feature = "files")]
pub use output_layer::OutputLayer;
#[cfg(feature = "report")]
pub use report::Report;

/// The programs in the documents compile and run.
#[cfg(all(doctest, feature = "report"))]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/library.md")]
    struct Library;
}
