//! Verdicts in balls on heads made at random, from fixed seeds.
//!
//! - `instances`: heads, norms, balls and boxes;
//! - `meeting`: boxes and balls that barely meet;
//! - `cones`: the best margin by Clarabel's second-order cone programs agrees with every verdict;
//! - `proofs`: every proof is checked over the rationals, and by `verify`; what must hold between domains and between
//!   heads does hold;
//! - `near_ties`: tokens that win or lose by about a unit in the last place;
//! - `epsilon`: norms without one;
//! - `files`: threads and kernels change no file of an audit behind a norm.

mod cones;
mod epsilon;
mod files;
mod instances;
mod meeting;
mod near_ties;
mod proofs;

use unargmax::audit::{Audit, Options, audit};
use unargmax::domain::Domain;
use unargmax::head::Head;

/// The audit, and the one over all of space beside it.
fn audited(head: &Head, domain: &Domain) -> Audit {
    audit(head, domain, Options { threads: 1, also_free: true, ..Options::default() }).unwrap()
}
