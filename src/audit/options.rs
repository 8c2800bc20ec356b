//! What to audit, and how.

pub use crate::certify::pairs::kernel::Kernel;
use crate::progress::{Progress, Silent};

/// What proposes the verdicts. The proofs, and the exact integers where float64 fails, are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// A screen for most tokens at once, then the least-distance problem of each of the others.
    #[default]
    LeastDistance,
    /// Linear programs by a general solver for every token that is not an exact loser by its row
    /// alone: slow, and a check on the other engine.
    #[cfg(feature = "lp")]
    LinearProgram {
        /// Whether to compute the radius of the 2022 paper too, see `prove::radius`.
        radius: bool,
    },
}

impl Engine {
    /// Whether the radius of the 2022 paper is asked for.
    pub(super) fn measures_radius(self) -> bool {
        match self {
            Engine::LeastDistance => false,
            #[cfg(feature = "lp")]
            Engine::LinearProgram { radius } => radius,
        }
    }

    /// The name as in `summary.json`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::LeastDistance => "least-distance",
            #[cfg(feature = "lp")]
            Engine::LinearProgram { .. } => "lp",
        }
    }
}

/// What to audit, and how.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The tokens to decide against all others; `None` is every token.
    pub tokens: Option<&'a [u32]>,
    /// What proposes the verdicts.
    pub engine: Engine,
    /// Threads to use; 0 takes all cores. Verdicts do not depend on it.
    pub threads: usize,
    /// Whether to decide the tokens over all of space too, where the domain is less than that.
    pub also_free: bool,
    /// The tokens whose efforts to measure, in a ball: some of those to decide.
    pub efforts: Option<&'a [u32]>,
    /// The tokens whose best gaps to measure, in a ball: some of those to decide.
    pub margins: Option<&'a [u32]>,
    /// Whether to measure the raise of its own bias that each lost token of a head with a bias lacks.
    pub bias_needed: bool,
    /// What multiplies integers in the screen. Verdicts and proofs do not depend on it.
    pub kernel: Kernel,
    /// Is told how far the audit is.
    pub progress: &'a dyn Progress,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            tokens: None,
            engine: Engine::default(),
            threads: 0,
            also_free: false,
            efforts: None,
            margins: None,
            bias_needed: false,
            kernel: Kernel::best(),
            progress: &Silent,
        }
    }
}
