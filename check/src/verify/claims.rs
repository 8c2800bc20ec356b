//! Collects what a record claims about each token and by which proof, and checks that it makes one claim for each.

use std::collections::{HashMap, HashSet};

use super::{Claim, Refusal, winning};
use crate::certificate::AuditRecord;
use crate::order;

/// The kind of proof that a claim rests on, with its index in the list of the record.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    Point,
    Tie { group: usize },
    Enclosed(usize),
    Exact(usize),
    BallLoss(usize),
    Carried,
    OnlyLoss(usize),
    Dominated(usize),
    Undecided(usize),
}

/// What is claimed of a token, and by which proof.
pub type Claimed = (u32, Claim, Proof);

/// The tokens that a record covers, and those of them to be checked.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    record: &'a AuditRecord,
    tokens: u32,
    only: Option<&'a HashSet<u32>>,
}

impl<'a> Scope<'a> {
    /// The tokens of a record, for a head with `tokens` tokens; `only` restricts the check.
    pub fn new(record: &'a AuditRecord, tokens: u32, only: Option<&'a HashSet<u32>>) -> Self {
        Scope { record, tokens, only }
    }

    /// Whether the record should have a verdict for this token.
    fn has(&self, token: u32) -> bool {
        match &self.record.scope {
            None => token < self.tokens,
            Some(scope) => scope.binary_search(&token).is_ok(),
        }
    }

    /// Whether this token is to be checked.
    pub fn is_asked_for(&self, token: u32) -> bool {
        self.only.is_none_or(|only| only.contains(&token))
    }

    /// Whether every token of the head is checked.
    pub fn is_complete(&self) -> bool {
        let all = |scope: &Vec<u32>| scope.len() == self.tokens as usize;
        self.only.is_none() && self.record.scope.as_ref().is_none_or(all)
    }
}

/// The first member of each tie; its point proves the verdict of the whole tie.
fn firsts_of_ties(record: &AuditRecord) -> HashSet<u32> {
    record.ties.iter().filter_map(|group| group.first().copied()).collect()
}

/// Collects the claims about the tokens to be checked, by rising id, and the faults of the claims as a whole: each
/// token of the scope must have exactly one verdict, and each tie one point.
pub fn asked_for(record: &AuditRecord, scope: &Scope) -> (Vec<Claimed>, Vec<Refusal>) {
    let mut claims = claims(record, scope);
    claims.retain(|claim| scope.is_asked_for(claim.0));
    let mut refused = Vec::new();
    let mut refuse = |token: Option<u32>, reason: &str| {
        refused.push(Refusal { token, reason: reason.to_owned() });
    };
    let mut counts: HashMap<u32, usize> = HashMap::new();
    claims.iter().for_each(|claim| *counts.entry(claim.0).or_default() += 1);
    let expected = (0..scope.tokens).filter(|&t| scope.has(t) && scope.is_asked_for(t));
    for token in expected.filter(|token| !counts.contains_key(token)) {
        refuse(Some(token), "it has no verdict");
    }
    for (&token, &count) in &counts {
        if !scope.has(token) {
            refuse(Some(token), "it has a verdict, but is not in the scope");
        } else if count > 1 {
            refuse(Some(token), &format!("it has {count} verdicts, not one"));
        }
    }
    for &token in scope.only.into_iter().flatten().filter(|&&t| !scope.has(t)) {
        refuse(Some(token), "it was asked for, but is not in the scope");
    }
    // Ties that no verdict uses are not checked later, so check them here.
    if record.ties.iter().any(|group| !group.iter().any(|&t| scope.has(t))) {
        refuse(None, "a tie has no member in the scope");
    }
    let firsts = firsts_of_ties(record);
    let mut points: Vec<u32> = winning::places(record).iter().map(|p| p.0).collect();
    if carries_wins(record) {
        points.extend(&record.carried);
    }
    let mut points_of_ties: HashMap<u32, usize> = HashMap::new();
    for token in points {
        if firsts.contains(&token) {
            *points_of_ties.entry(token).or_default() += 1;
        }
    }
    for (&token, _) in points_of_ties.iter().filter(|p| *p.1 > 1) {
        refuse(Some(token), "it has several points");
    }
    (claims, refused)
}

/// All claims of a record with their proofs, by rising id.
fn claims(record: &AuditRecord, scope: &Scope) -> Vec<Claimed> {
    let firsts = firsts_of_ties(record);
    let mut claims = Vec::new();
    let mut claim = |token: u32, claim: Claim, proof: Proof| claims.push((token, claim, proof));
    for (token, _) in winning::places(record) {
        if !firsts.contains(&token) {
            claim(token, Claim::Argmaxable, Proof::Point);
        }
    }
    for (group, members) in record.ties.iter().enumerate() {
        for &token in members {
            // The other members are tied as well, but are not in the scope.
            if scope.has(token) {
                claim(token, Claim::Tied, Proof::Tie { group });
            }
        }
    }
    for (i, enclosed) in record.enclosed.iter().enumerate() {
        claim(enclosed.token, Claim::Unargmaxable, Proof::Enclosed(i));
    }
    for (i, exact) in record.exact.iter().enumerate() {
        claim(exact.0, Claim::Unargmaxable, Proof::Exact(i));
    }
    for (i, loss) in record.ball_losses.iter().enumerate() {
        claim(loss.token, Claim::Unargmaxable, Proof::BallLoss(i));
    }
    for (i, loss) in record.only_losses.iter().enumerate() {
        claim(loss.0, Claim::Unargmaxable, Proof::OnlyLoss(i));
    }
    for (i, dominated) in record.dominated.iter().enumerate() {
        claim(dominated.0, Claim::Unargmaxable, Proof::Dominated(i));
    }
    for (i, undecided) in record.undecided.iter().enumerate() {
        claim(undecided.token, Claim::Undecided, Proof::Undecided(i));
    }
    for &token in &record.carried {
        if !carries_wins(record) {
            claim(token, Claim::Unargmaxable, Proof::Carried);
        } else if !firsts.contains(&token) {
            claim(token, Claim::Argmaxable, Proof::Carried);
        }
    }
    order::by_token(&mut claims, |claim| claim.0);
    claims
}

/// Whether the record carries wins (it is free, and wins follow from a smaller domain); otherwise it carries losses.
pub fn carries_wins(record: &AuditRecord) -> bool {
    record.domain.is_free()
}
