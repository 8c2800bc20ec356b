//! Proposals for the tokens that the screen leaves, and the search for a proof of each.
//!
//! What is searched for here is a hidden state or losing weights. Each is only a proposal: [`crate::certify`] checks it on the
//! original rows and makes the verdict, and what it does not accept is searched for in another way or stays open.
//!
//! - [`solver`]: what a method for a system of inequalities must offer, [`least_distance`] on a [`qr`] factorisation (the
//!   point nearest to an anchor, or multipliers that show there is none), and [`span`], fewer coordinates where a head has
//!   more of them than tokens;
//! - [`polyhedron`]: over boxes and all of space, where winning states form a polyhedral cone in lifted coordinates;
//! - [`ball`]: in the ball that a final norm leaves;
//! - [`exact`]: in integers, the surest and slowest way.

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

/// A token that no cheaper way has decided.
#[derive(Clone, Debug)]
pub struct Open {
    /// The token.
    pub token: u32,
    /// Constraints that matter.
    pub working: Vec<Constraint>,
    /// What is known of it so far.
    pub undecided: Verdict,
}

/// What the stages of an audit say of a token.
#[derive(Clone)]
pub enum Finding {
    /// It has a verdict.
    Decided(Verdict),
    /// In a ball: float64 proved neither side. With multipliers of inequalities that come near to a proof of losing.
    Unclear(Vec<(Rival, f64)>),
}
