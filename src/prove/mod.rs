//! The search for proofs of the tokens that the screen leaves.
//!
//! The searches look for a hidden state or losing weights. Each result is only a proposal: [`crate::certify`] checks
//! it on the original rows and makes the verdict; if it is not accepted, the token is searched in another way or
//! stays open.
//!
//! - [`solver`]: the interface of a method for systems of inequalities; [`least_distance`], on a [`qr`] factorisation
//!   (the point nearest to an anchor, or multipliers that show there is none); [`span`], which reduces the
//!   coordinates of wide heads;
//! - [`polyhedron`]: over boxes and all of space, where winning states form a polyhedral cone in lifted coordinates;
//! - [`ball`]: in the ball behind a final norm;
//! - [`exact`]: in exact integers, the surest and slowest method.

pub mod ball;
pub mod exact;
pub mod least_distance;
pub mod polyhedron;
pub mod qr;
pub mod solver;
pub mod span;

use crate::certify::{Rival, Verdict};
use polyhedron::system::Constraint;

/// A verdict, or a token that is still open.
pub type Decision = Result<Verdict, Box<Open>>;

/// A token that no cheaper method has decided.
#[derive(Clone, Debug)]
pub struct Open {
    /// The token.
    pub token: u32,
    /// The constraints of the working set.
    pub working: Vec<Constraint>,
    /// The verdict to give if no further method succeeds.
    pub undecided: Verdict,
}

/// The result of the stages of an audit for one token.
#[derive(Clone)]
pub enum Finding {
    /// The token has a verdict.
    Decided(Verdict),
    /// In a ball, float64 proved neither side; the multipliers of inequalities almost prove that the token loses.
    Unclear(Vec<(Rival, f64)>),
}

impl Finding {
    /// Whether no side is proved.
    pub fn is_open(&self) -> bool {
        matches!(self, Finding::Unclear(_) | Finding::Decided(Verdict::Undecided(_)))
    }
}
