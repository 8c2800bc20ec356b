//! Checks every verdict of a certificate from the head and the certificate alone.
//!
//! This is the part to read for whoever trusts nothing else. It shares the readers and the bounded and exact
//! arithmetic with the rest of the program, and nothing that produced the certificate: no
//! screening, no solver, no maker of verdicts.
//!
//! - `equals`: which tokens have equal rows, recomputed in full;
//! - `winning`: a point where the token beats every other;
//! - `losing`: weights with which its rivals never score less;
//! - `margin`: the bound of an undecided token's margin.

mod equals;
mod losing;
mod margin;
mod winning;

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use serde::Serialize;

use crate::certificate::{AuditRecord, Certificate};
use crate::domain::Domain;
use crate::head::Head;
use equals::Equals;

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
/// Accepted means proved again, here. Each token of a certificate's scope must have exactly one verdict.
pub fn verify(head: &Head, certificate: &Certificate, only: Option<&[u32]>) -> Verification {
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
    let audits =
        certificate.audits.iter().map(|record| check(head, record, only.as_ref())).collect();
    Verification { refused, audits }
}

/// A verdict and the proof it rests on, by place in the record.
#[derive(Clone, Copy, Debug)]
enum Proof {
    Point,
    Tie { group: usize },
    Enclosed(usize),
    Exact(usize),
    Dominated(usize),
    Undecided(usize),
}

fn check(head: &Head, record: &AuditRecord, only: Option<&HashSet<u32>>) -> Checked {
    let mut refused = Vec::new();
    let wanted = |t: u32| only.is_none_or(|only| only.contains(&t));
    let tokens = head.tokens() as u32;
    let scope: Vec<u32> = match &record.scope {
        None => (0..tokens).collect(),
        Some(scope) => scope.clone(),
    };
    if scope.windows(2).any(|w| w[0] >= w[1]) || scope.last().is_some_and(|&t| t >= tokens) {
        refused.push(Refusal {
            token: None,
            reason: "the scope is not a rising list of ids of the head".to_owned(),
        });
    }
    let in_scope: HashSet<u32> = scope.iter().copied().collect();
    let equals = Equals::new(head, &record.domain);

    // All points, whoever they serve: a tie's first member may lie outside the scope.
    let mut points: HashMap<u32, Vec<winning::Place>> = HashMap::new();
    for (token, place) in winning::places(record) {
        points.entry(token).or_default().push(place);
    }
    let first_of_tie: HashSet<u32> =
        record.ties.iter().filter_map(|g| g.first().copied()).collect();
    let mut claims: Vec<(u32, Claim, Proof)> = Vec::new();
    for (&token, places) in &points {
        if !first_of_tie.contains(&token) {
            claims.extend(places.iter().map(|_| (token, Claim::Argmaxable, Proof::Point)));
        } else if places.len() > 1 {
            refused
                .push(Refusal { token: Some(token), reason: "it has several points".to_owned() });
        }
    }
    for (group, members) in record.ties.iter().enumerate() {
        let members = members.iter().filter(|t| in_scope.contains(t));
        claims.extend(members.map(|&t| (t, Claim::Tied, Proof::Tie { group })));
    }
    let losing = |i: usize, t: u32, proof: fn(usize) -> Proof| (t, Claim::Unargmaxable, proof(i));
    claims.extend(
        record.enclosed.iter().enumerate().map(|(i, e)| losing(i, e.token, Proof::Enclosed)),
    );
    claims.extend(record.exact.iter().enumerate().map(|(i, e)| losing(i, e.0, Proof::Exact)));
    claims
        .extend(record.dominated.iter().enumerate().map(|(i, d)| losing(i, d.0, Proof::Dominated)));
    claims.extend(
        record
            .undecided
            .iter()
            .enumerate()
            .map(|(i, u)| (u.token, Claim::Undecided, Proof::Undecided(i))),
    );
    claims.retain(|c| wanted(c.0));
    claims.sort_by_key(|c| c.0);

    // Each token of the scope exactly once.
    let mut seen: HashMap<u32, usize> = HashMap::new();
    claims.iter().for_each(|c| *seen.entry(c.0).or_default() += 1);
    for &t in scope.iter().filter(|t| wanted(**t)) {
        if !seen.contains_key(&t) {
            refused.push(Refusal { token: Some(t), reason: "it has no verdict".to_owned() });
        }
    }
    for (&t, &count) in &seen {
        if !in_scope.contains(&t) {
            refused.push(Refusal {
                token: Some(t),
                reason: "it has a verdict, but is not in the scope".to_owned(),
            });
        } else if count > 1 {
            refused.push(Refusal {
                token: Some(t),
                reason: format!("it has {count} verdicts, not one"),
            });
        }
    }

    // Points are checked together, many a product; each once, also when a whole tie rests on it.
    let needed: Vec<(u32, winning::Place)> = points
        .iter()
        .filter_map(|(&token, places)| Some((token, *places.first()?)))
        .chain(
            points
                .iter()
                .flat_map(|(&token, places)| places.iter().skip(1).map(move |&p| (token, p))),
        )
        .filter(|(token, _)| {
            let tie = record.ties.iter().find(|g| g.first() == Some(token));
            wanted(*token) || tie.is_some_and(|g| g.iter().any(|&t| wanted(t)))
        })
        .collect();
    let points: HashMap<u32, Result<(), String>> =
        winning::check_all(head, record, &equals, needed);

    let outcomes: Vec<Result<(), String>> = claims
        .par_iter()
        .map(|&(token, _, proof)| match proof {
            _ if token >= tokens => Err("there is no such token".to_owned()),
            Proof::Point => match points.get(&token) {
                Some(outcome) => outcome.clone(),
                None => Err("its point was not checked".to_owned()),
            },
            Proof::Tie { group } => {
                let members = &record.ties[group];
                equals.is_whole_tie(members)?;
                points
                    .get(&members[0])
                    .cloned()
                    .unwrap_or_else(|| Err("its tie has no point".to_owned()))
            }
            Proof::Enclosed(i) => losing::check_enclosed(head, &record.domain, &record.enclosed[i]),
            Proof::Exact(i) => losing::check_exact(head, &record.domain, token, &record.exact[i].1),
            Proof::Dominated(i) => equals.is_dominated(token, record.dominated[i].1),
            Proof::Undecided(i) => margin::check(head, &record.domain, &record.undecided[i]),
        })
        .collect();
    let faulty: HashSet<u32> = refused.iter().filter_map(|r| r.token).collect();
    let mut accepted = BTreeMap::new();
    for ((token, claim, _), outcome) in claims.into_iter().zip(outcomes) {
        match outcome {
            Err(reason) => refused.push(Refusal { token: Some(token), reason }),
            Ok(()) if faulty.contains(&token) => {}
            Ok(()) => *accepted.entry(claim).or_default() += 1,
        }
    }
    refused.sort_by(|a, b| a.token.cmp(&b.token).then(a.reason.cmp(&b.reason)));
    refused.dedup();
    let complete = scope.len() == tokens as usize && only.is_none();
    Checked { domain: record.domain.clone(), complete, accepted, refused }
}
