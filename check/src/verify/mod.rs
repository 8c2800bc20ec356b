//! Checks every verdict of a certificate from the head and the certificate alone.
//!
//! Read this module if you trust nothing else. It shares the readers and the bounded and exact arithmetic with the
//! rest of the program, but nothing that produced the certificate: no screening, no solver, no prover.
//!
//! - `well_formed`, `claims`: whether a record makes one claim about each token, and by which proof;
//! - `equals`, `folded`: which tokens have equal rows, recomputed in full;
//! - `winning`, `mapped`, `state`: points where a token beats every other;
//! - `losing`, `enclosed`: weights with which the rivals never score less, given exactly or proved to exist;
//! - `ball_loss`: the same inside a ball;
//! - `one_point`: the argmax, where the domain is one hidden state;
//! - `ranks`: the best ranks of tokens, by sets of rivals and points;
//! - `margin`: the bound of the margin of an undecided token;
//! - `log_odds`, `probability`: bounds of the probabilities of tokens;
//! - `examined`: one audit, except for the verdicts it carries; `carried`: verdicts that follow from another audit;
//! - `subject`: the head that the records speak of: the whole head, the kept rows, or one for each set of labels.

mod ball_loss;
mod carried;
mod claims;
mod enclosed;
mod equals;
mod examined;
mod folded;
mod leading;
pub mod log_odds;
mod losing;
mod mapped;
mod margin;
mod one_point;
pub mod probability;
mod ranks;
mod state;
mod subject;
mod well_formed;
mod winning;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::certificate::{Certificate, SubjectKind};
use crate::domain::Domain;
use crate::head::Head;
use crate::progress::{Progress, Silent};

pub use enclosed::exact_weights;
pub use mapped::points as mapped_points;

/// A verdict claimed by a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Claim {
    /// The token can be the strict winner.
    Argmaxable,
    /// The token can win up to ties with exactly equal tokens.
    Tied,
    /// The token is never the strict winner.
    Unargmaxable,
    /// There is no proof, only a bound of the margin.
    Undecided,
}

/// A verdict that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The token, or `None` for a fault of the whole audit.
    pub token: Option<u32>,
    /// What is wrong.
    pub reason: String,
}

/// The result of checking one audit.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The domain of the audit.
    #[serde(serialize_with = "as_text")]
    pub domain: Domain,
    /// Whether all tokens of the subject (of the head, of the kept rows, or all sets) were checked, not only some.
    pub complete: bool,
    /// The numbers of accepted verdicts, by kind.
    pub accepted: BTreeMap<Claim, usize>,
    /// The number of accepted best ranks.
    #[serde(skip_serializing_if = "is_zero")]
    pub ranks: usize,
    /// The refused verdicts, best ranks and audits, by rising id.
    pub refused: Vec<Refusal>,
}

/// Whether a number of best ranks is left out of the JSON.
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Serialises a domain as its text.
fn as_text<S: serde::Serializer>(domain: &Domain, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(domain)
}

/// The result of checking a certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Faults of the certificate as a whole, such as being for another head.
    pub refused: Vec<String>,
    /// What the verdicts are about. Only those about [`SubjectKind::Head`] are about all rows as rivals.
    pub subject: SubjectKind,
    /// The results, one for each audit.
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

/// Checks the verdicts of `certificate` for `head`; with `only`, just the verdicts of these tokens (of label sets: of
/// the sets with these indices).
///
/// An accepted verdict was proved again here. Each token in a certificate's scope must have exactly one verdict, and
/// each token of `only` must be in the scope.
pub fn verify(head: &Head, certificate: &Certificate, only: Option<&[u32]>) -> Verification {
    verify_with_progress(head, certificate, only, &Silent)
}

/// Like [`verify`], and reports progress: one stage for each audit.
pub fn verify_with_progress(
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
    let subject = certificate.subject.kind();
    if !refused.is_empty() {
        return Verification { refused, subject, audits: Vec::new() };
    }
    let only: Option<HashSet<u32>> = only.map(|tokens| tokens.iter().copied().collect());
    match subject::checked(head, certificate, only.as_ref(), progress) {
        Ok(audits) => Verification { refused, subject, audits },
        Err(reason) => Verification { refused: vec![reason], subject, audits: Vec::new() },
    }
}
