//! The options of an audit.

use super::journal::Journal;
pub use crate::certify::pairs::kernel::Kernel;
use crate::progress::{Progress, Silent};

/// The method that proposes verdicts. The proofs, and the exact arithmetic where float64 fails, do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// A screen for most tokens at once, then a least-distance problem for each of the others.
    #[default]
    LeastDistance,
    /// Linear programs by a general solver for every token whose row alone does not make it lose: slow, and a check
    /// on the other engine.
    #[cfg(feature = "lp")]
    LinearProgram {
        /// Whether to compute the radius of the 2022 paper too, see `prove::polyhedron::paper_radius`.
        radius: bool,
    },
}

impl Engine {
    /// Whether the radius of the 2022 paper is requested.
    pub(super) fn measures_radius(self) -> bool {
        match self {
            Engine::LeastDistance => false,
            #[cfg(feature = "lp")]
            Engine::LinearProgram { radius } => radius,
        }
    }

    /// The name, as in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::LeastDistance => "least-distance",
            #[cfg(feature = "lp")]
            Engine::LinearProgram { .. } => "lp",
        }
    }
}

/// The options of an audit: what to decide and measure, and how.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The tokens to decide against all others; `None` means every token.
    pub tokens: Option<&'a [u32]>,
    /// The method that proposes verdicts.
    pub engine: Engine,
    /// The number of threads; 0 means all cores. Verdicts do not depend on it.
    pub threads: usize,
    /// Whether to decide the tokens over all of space too, if the domain is smaller.
    pub also_free: bool,
    /// The tokens whose efforts to measure, in a ball; a subset of the audited tokens.
    #[cfg(feature = "measures")]
    pub efforts: Option<&'a [u32]>,
    /// The tokens whose best gaps to measure, in a ball; a subset of the audited tokens.
    #[cfg(feature = "measures")]
    pub margins: Option<&'a [u32]>,
    /// The tokens whose best ranks to measure; a subset of the audited tokens.
    #[cfg(feature = "measures")]
    pub ranks: Option<&'a [u32]>,
    /// Whether to measure, for each lost token of a head with a bias, the raise of its own bias that it needs.
    #[cfg(feature = "measures")]
    pub bias_needed: bool,
    /// Whether to measure, for each lost or tied token, how far its own row must move for it to win.
    #[cfg(feature = "measures")]
    pub move_needed: bool,
    /// The tokens whose largest probabilities to measure; a subset of the audited tokens.
    #[cfg(feature = "measures")]
    pub max_probability: Option<&'a [u32]>,
    /// The kernel that multiplies integers in the screen. Verdicts and proofs do not depend on it.
    pub kernel: Kernel,
    /// Receives the progress of the audit.
    pub progress: &'a dyn Progress,
    /// Keeps what is proved, so that an audit that is interrupted continues from there.
    pub journal: Option<&'a Journal>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            tokens: None,
            engine: Engine::default(),
            threads: 0,
            also_free: false,
            #[cfg(feature = "measures")]
            efforts: None,
            #[cfg(feature = "measures")]
            margins: None,
            #[cfg(feature = "measures")]
            ranks: None,
            #[cfg(feature = "measures")]
            bias_needed: false,
            #[cfg(feature = "measures")]
            move_needed: false,
            #[cfg(feature = "measures")]
            max_probability: None,
            kernel: Kernel::best(),
            progress: &Silent,
            journal: None,
        }
    }
}
