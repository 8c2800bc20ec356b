//! Checks every verdict of a certificate from the head and the certificate alone.
//!
//! This is the part to read for whoever trusts nothing else. It shares the readers and the bounded and exact
//! arithmetic with the rest of the program, and nothing that produced the certificate: no
//! screening, no solver, no maker of verdicts.
//!
//! - `well_formed`, `claims`: whether a record says one thing of each token, and on which proof;
//! - `equals`, `folded`: which tokens have equal rows, recomputed in full;
//! - `winning`, `mapped`, `state`: a point where the token beats every other;
//! - `losing`, `enclosed`: weights with which its rivals never score less, exact or proved to exist;
//! - `ball_loss`: the same inside a ball;
//! - `one_point`: the argmax, where the domain is one hidden state;
//! - `margin`: the bound of an undecided token's margin;
//! - `examined`: one audit, but for what it carries; `carried`: what follows from another audit.

mod ball_loss;
mod carried;
mod claims;
mod enclosed;
mod equals;
mod examined;
mod folded;
mod losing;
mod mapped;
mod margin;
mod one_point;
mod state;
mod well_formed;
mod winning;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::certificate::Certificate;
use crate::domain::Domain;
use crate::head::Head;
use crate::progress::{About, Progress, Silent};
use examined::Examined;

/// A verdict as a certificate claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Claim {
    /// It can be the strict winner.
    Argmaxable,
    /// It can win up to exact equals.
    Tied,
    /// It is never the strict winner.
    Unargmaxable,
    /// Nothing but a bound of the margin.
    Undecided,
}

/// A verdict that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The token, unless the fault is of the whole audit.
    pub token: Option<u32>,
    /// What is wrong.
    pub reason: String,
}

/// What came of checking one audit.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The domain of the audit.
    #[serde(serialize_with = "as_text")]
    pub domain: Domain,
    /// Whether all tokens of the head have a verdict, not only some.
    pub complete: bool,
    /// Verdicts accepted, by kind.
    pub accepted: BTreeMap<Claim, usize>,
    /// Verdicts and audits refused, in id order.
    pub refused: Vec<Refusal>,
}

fn as_text<S: serde::Serializer>(domain: &Domain, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(domain)
}

/// What came of checking a certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Faults of the certificate as a whole: it is for another head.
    pub refused: Vec<String>,
    /// One entry an audit.
    pub audits: Vec<Checked>,
}

impl Verification {
    /// Whether there is at least one audit and everything was accepted.
    pub fn is_accepted(&self) -> bool {
        self.refused.is_empty()
            && !self.audits.is_empty()
            && self.audits.iter().all(|a| a.refused.is_empty())
    }
}

/// Checks the verdicts of `certificate` for `head`; with `only`, just those of these tokens.
///
/// Accepted means proved again, here. Each token of a certificate's scope must have exactly one verdict,
/// and each token of `only` must be in the scope.
pub fn verify(head: &Head, certificate: &Certificate, only: Option<&[u32]>) -> Verification {
    verify_telling(head, certificate, only, &Silent)
}

/// The same, and tells how far it is: a stage an audit.
pub fn verify_telling(
    head: &Head,
    certificate: &Certificate,
    only: Option<&[u32]>,
    progress: &dyn Progress,
) -> Verification {
    let mut refused = Vec::new();
    let shape = (certificate.tokens, certificate.dim);
    if shape != (head.tokens(), head.dim()) {
        refused.push(format!(
            "it is for a head of {} x {}, this one is {} x {}",
            shape.0,
            shape.1,
            head.tokens(),
            head.dim()
        ));
    } else if certificate.head != head.sha256() {
        refused.push(format!(
            "it is for another head: {} is not {}",
            certificate.head,
            head.sha256()
        ));
    }
    if !refused.is_empty() {
        return Verification { refused, audits: Vec::new() };
    }
    let only: Option<HashSet<u32>> = only.map(|tokens| tokens.iter().copied().collect());
    let examined: Vec<Examined> = certificate
        .audits
        .iter()
        .map(|record| {
            let domain = record.domain.to_string();
            Examined::new(head, record, only.as_ref(), &About::new(progress, &domain))
        })
        .collect();
    let audits = examined.iter().map(|one| carried::checked(one, &examined)).collect();
    Verification { refused, audits }
}
