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
/// Accepted means proved again, here. Each token of a certificate's scope must have exactly one verdict,
/// and each token of `only` must be in the scope.
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

/// Whether every list of the record has the length that the head asks for.
fn well_formed(head: &Head, record: &AuditRecord) -> Result<(), String> {
    let (tokens, dim) = (head.tokens(), head.dim());
    let fits = |what: &str, length: usize| {
        if length == dim {
            Ok(())
        } else {
            Err(format!("{what} has {length} coordinates, not {dim}"))
        }
    };
    fits("the domain", record.domain.dim())?;
    for map in &record.maps {
        fits("the centre of a map", map.centre.len())?;
        if map.matrix.as_ref().is_some_and(|m| Some(m.len()) != dim.checked_mul(dim)) {
            return Err(format!("the matrix of a map is not {dim} x {dim}"));
        }
        let matrix = map.matrix.iter().flatten().map(|&x| f64::from(x));
        if map.centre.iter().copied().chain(matrix).any(|x| !x.is_finite()) {
            return Err("a map has a number that is not finite".to_owned());
        }
    }
    record.witnesses.iter().try_for_each(|w| fits("a point", w.1.len()))?;
    record.integers.iter().try_for_each(|w| fits("a point of integers", w.1.len()))?;
    match &record.scope {
        Some(scope) if scope.is_empty() => Err("its scope is empty".to_owned()),
        Some(scope)
            if scope.windows(2).any(|w| w[0] >= w[1])
                || scope.last().is_some_and(|&t| t as usize >= tokens) =>
        {
            Err("the scope is not a rising list of ids of the head".to_owned())
        }
        _ => Ok(()),
    }
}

/// The verdicts that a record claims and the proofs they rest on, by id. `first_of_tie` are the
/// tokens whose points serve their whole tie.
fn claims(
    record: &AuditRecord,
    first_of_tie: &HashSet<u32>,
    in_scope: impl Fn(u32) -> bool,
) -> Vec<(u32, Claim, Proof)> {
    let points = winning::places(record).map(|p| p.0).filter(|t| !first_of_tie.contains(t));
    let mut claims: Vec<_> = points.map(|t| (t, Claim::Argmaxable, Proof::Point)).collect();
    for (group, members) in record.ties.iter().enumerate() {
        // Its other members are tied as well, but were not asked for.
        let members = members.iter().copied().filter(|&t| in_scope(t));
        claims.extend(members.map(|t| (t, Claim::Tied, Proof::Tie { group })));
    }
    let enclosed = record.enclosed.iter().map(|e| e.token).enumerate();
    let exact = record.exact.iter().map(|e| e.0).enumerate();
    let dominated = record.dominated.iter().map(|d| d.0).enumerate();
    let undecided = record.undecided.iter().map(|u| u.token).enumerate();
    claims.extend(enclosed.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Enclosed(i))));
    claims.extend(exact.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Exact(i))));
    claims.extend(dominated.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Dominated(i))));
    claims.extend(undecided.map(|(i, t)| (t, Claim::Undecided, Proof::Undecided(i))));
    claims.sort_by_key(|c| c.0);
    claims
}

fn check(head: &Head, record: &AuditRecord, only: Option<&HashSet<u32>>) -> Checked {
    let domain = record.domain.clone();
    let mut refused = Vec::new();
    if let Err(reason) = well_formed(head, record) {
        refused.push(Refusal { token: None, reason });
        return Checked { domain, complete: false, accepted: BTreeMap::new(), refused };
    }
    let mut refuse = |token: Option<u32>, reason: &str| {
        refused.push(Refusal { token, reason: reason.to_owned() });
    };
    let tokens = head.tokens() as u32;
    let in_scope = |t: u32| match &record.scope {
        None => t < tokens,
        Some(scope) => scope.binary_search(&t).is_ok(),
    };
    let wanted = |t: u32| only.is_none_or(|only| only.contains(&t));
    let equals = Equals::new(head, &record.domain);
    let first_of_tie: HashSet<u32> =
        record.ties.iter().filter_map(|g| g.first().copied()).collect();
    let mut claims = claims(record, &first_of_tie, in_scope);
    claims.retain(|c| wanted(c.0));

    // Each token of the scope exactly once.
    let mut seen: HashMap<u32, usize> = HashMap::new();
    claims.iter().for_each(|c| *seen.entry(c.0).or_default() += 1);
    for t in (0..tokens).filter(|&t| in_scope(t) && wanted(t) && !seen.contains_key(&t)) {
        refuse(Some(t), "it has no verdict");
    }
    for (&t, &count) in &seen {
        if !in_scope(t) {
            refuse(Some(t), "it has a verdict, but is not in the scope");
        } else if count > 1 {
            refuse(Some(t), &format!("it has {count} verdicts, not one"));
        }
    }
    for &t in only.into_iter().flatten().filter(|&&t| !in_scope(t)) {
        refuse(Some(t), "it was asked for, but is not in the scope");
    }
    // What serves no verdict is not looked at below.
    if record.ties.iter().any(|group| !group.iter().any(|&t| in_scope(t))) {
        refuse(None, "a tie has no member in the scope");
    }
    let mut firsts: HashMap<u32, usize> = HashMap::new();
    for token in winning::places(record).map(|p| p.0).filter(|t| first_of_tie.contains(t)) {
        *firsts.entry(token).or_default() += 1;
    }
    for (&token, _) in firsts.iter().filter(|f| *f.1 > 1) {
        refuse(Some(token), "it has several points");
    }

    // Points are checked together, many a product; each once, also when a whole tie rests on it.
    let needed: HashSet<u32> = claims
        .iter()
        .filter_map(|&(token, _, proof)| match proof {
            Proof::Point => Some(token),
            Proof::Tie { group } => record.ties[group].first().copied(),
            _ => None,
        })
        .collect();
    let points: Vec<(u32, winning::Place)> =
        winning::places(record).filter(|p| needed.contains(&p.0)).collect();
    let points = winning::check_all(head, record, &equals, points);
    let point = |token: u32, missing: &str| match points.get(&token) {
        Some(outcome) => outcome.clone(),
        None => Err(missing.to_owned()),
    };
    let groups: HashSet<usize> = claims
        .iter()
        .filter_map(|c| if let Proof::Tie { group } = c.2 { Some(group) } else { None })
        .collect();
    let ties: HashMap<usize, Result<(), String>> = groups
        .into_par_iter()
        .map(|group| {
            let members = &record.ties[group];
            let whole = equals.is_whole_tie(members);
            (group, whole.and_then(|()| point(members[0], "its tie has no point")))
        })
        .collect();

    let outcomes: Vec<Result<(), String>> = claims
        .par_iter()
        .map(|&(token, _, proof)| match proof {
            _ if token >= tokens => Err("there is no such token".to_owned()),
            Proof::Point => match equals.other(token) {
                Some(other) => {
                    Err(format!("token {other} has its row and bias: they can only tie"))
                }
                None => point(token, "its point was not checked"),
            },
            Proof::Tie { group } => ties[&group].clone(),
            Proof::Enclosed(i) => {
                losing::check_enclosed(head, &domain, &equals, &record.enclosed[i])
            }
            Proof::Exact(i) => {
                losing::check_exact(head, &domain, &equals, token, &record.exact[i].1)
            }
            Proof::Dominated(i) => equals.is_dominated(token, record.dominated[i].1),
            Proof::Undecided(i) => margin::check(head, &domain, &equals, &record.undecided[i]),
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
    let complete = only.is_none() && record.scope.as_ref().is_none_or(|s| s.len() == head.tokens());
    Checked { domain, complete, accepted, refused }
}
