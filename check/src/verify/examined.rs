//! One audit of a certificate, looked at by itself: everything but what it carries from another.

use std::collections::{BTreeMap, HashMap, HashSet};

use num_traits::Signed;
use rayon::prelude::*;

use super::equals::Equals;
use super::one_point::Only;
use super::{Checked, Claim, Refusal, ball_loss, carried, losing, margin, winning};
use crate::certificate::AuditRecord;
use crate::domain::{Domain, Inside};
use crate::head::Head;
use crate::progress::Progress;

/// A verdict and the proof it rests on, by place in the record.
#[derive(Clone, Copy, Debug)]
enum Proof {
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

/// What came of a proof.
#[derive(Clone, Debug)]
enum Outcome {
    /// It was checked.
    Own(Result<(), String>),
    /// It rests on what another audit says of this token.
    Carried(u32),
}

/// One audit, with what its own proofs amount to.
pub struct Examined<'a> {
    record: &'a AuditRecord,
    /// None of a record that is not well-formed.
    equals: Option<Equals<'a>>,
    /// Faults of the audit, and of what is claimed of tokens.
    refused: Vec<Refusal>,
    /// The tokens among those.
    faulty: HashSet<u32>,
    /// What is claimed of tokens, ids rising.
    claims: Vec<(u32, Claim, Outcome)>,
    /// What came of the points of ties, by their first members.
    ties: HashMap<u32, Outcome>,
    complete: bool,
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
    // In an empty domain every token loses.
    let needs_point = record.domain.ball().is_some() && record.domain.has_ranges();
    match &record.inside {
        None if needs_point => return Err("no point shows that box and ball meet".to_owned()),
        Some(inside) if !shows_a_point(&record.domain, inside) => {
            return Err(match inside {
                Inside::Only => "box and ball do not meet in one point alone".to_owned(),
                _ => "the point that should show that box and ball meet lies outside".to_owned(),
            });
        }
        _ => {}
    }
    let has_only = !record.only_wins.is_empty() || !record.only_losses.is_empty();
    if has_only && record.inside != Some(Inside::Only) {
        return Err(
            "it has verdicts at an only point, and its domain is said to be more".to_owned()
        );
    }
    if record.carried.windows(2).any(|w| w[0] >= w[1]) {
        return Err("what it carries is not a rising list of ids".to_owned());
    }
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

/// Whether this is a point of the domain, exactly.
fn shows_a_point(domain: &Domain, inside: &Inside) -> bool {
    match inside {
        Inside::Float(z) => domain.contains(z),
        Inside::Integers(numerators, denominator) => {
            numerators.len() == domain.dim()
                && denominator.is_positive()
                && domain.contains_exactly(numerators, denominator)
        }
        Inside::Only => domain.only_state().is_some(),
    }
}

/// The verdicts that a record claims and the proofs they rest on, by id. `first_of_tie` are the
/// tokens whose points serve their whole tie.
fn claims(
    record: &AuditRecord,
    first_of_tie: &HashSet<u32>,
    in_scope: impl Fn(u32) -> bool,
) -> Vec<(u32, Claim, Proof)> {
    let alone = |t: &u32| !first_of_tie.contains(t);
    let points = winning::places(record).map(|p| p.0).filter(alone);
    let mut claims: Vec<_> = points.map(|t| (t, Claim::Argmaxable, Proof::Point)).collect();
    for (group, members) in record.ties.iter().enumerate() {
        // Its other members are tied as well, but were not asked for.
        let members = members.iter().copied().filter(|&t| in_scope(t));
        claims.extend(members.map(|t| (t, Claim::Tied, Proof::Tie { group })));
    }
    let enclosed = record.enclosed.iter().map(|e| e.token).enumerate();
    let exact = record.exact.iter().map(|e| e.0).enumerate();
    let ball_losses = record.ball_losses.iter().map(|o| o.token).enumerate();
    let dominated = record.dominated.iter().map(|d| d.0).enumerate();
    let undecided = record.undecided.iter().map(|u| u.token).enumerate();
    claims.extend(enclosed.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Enclosed(i))));
    claims.extend(exact.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Exact(i))));
    claims.extend(ball_losses.map(|(i, t)| (t, Claim::Unargmaxable, Proof::BallLoss(i))));
    let only = record.only_losses.iter().map(|l| l.0).enumerate();
    claims.extend(only.map(|(i, t)| (t, Claim::Unargmaxable, Proof::OnlyLoss(i))));
    claims.extend(dominated.map(|(i, t)| (t, Claim::Unargmaxable, Proof::Dominated(i))));
    claims.extend(undecided.map(|(i, t)| (t, Claim::Undecided, Proof::Undecided(i))));
    let carried = record.carried.iter().copied();
    if carries_wins(record) {
        claims.extend(carried.filter(alone).map(|t| (t, Claim::Argmaxable, Proof::Carried)));
    } else {
        claims.extend(carried.map(|t| (t, Claim::Unargmaxable, Proof::Carried)));
    }
    claims.sort_by_key(|c| c.0);
    claims
}

/// Only wins follow from a smaller domain, and only losses from a larger one.
fn carries_wins(record: &AuditRecord) -> bool {
    record.domain.is_free()
}

impl<'a> Examined<'a> {
    /// Checks every proof of a record that stands by itself; with `only`, just those of these tokens.
    pub fn new(
        head: &'a Head,
        record: &'a AuditRecord,
        only: Option<&HashSet<u32>>,
        progress: &dyn Progress,
    ) -> Self {
        let mut examined = Examined {
            record,
            equals: None,
            refused: Vec::new(),
            faulty: HashSet::new(),
            claims: Vec::new(),
            ties: HashMap::new(),
            complete: false,
        };
        match well_formed(head, record) {
            Ok(()) => examined.examine(head, only, progress),
            Err(reason) => examined.refused.push(Refusal { token: None, reason }),
        }
        examined
    }

    fn examine(&mut self, head: &'a Head, only: Option<&HashSet<u32>>, progress: &dyn Progress) {
        let (record, domain) = (self.record, &self.record.domain);
        let mut refuse = |token: Option<u32>, reason: &str| {
            self.refused.push(Refusal { token, reason: reason.to_owned() });
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
        let won_elsewhere = record.carried.iter().copied().filter(|_| carries_wins(record));
        let points = winning::places(record).map(|p| p.0).chain(won_elsewhere);
        for token in points.filter(|t| first_of_tie.contains(t)) {
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
        progress.begin("verify", points.len() + claims.len(), "checks");
        let points = winning::check_all(head, record, &equals, points, progress);
        let point = |token: u32, missing: &str| match points.get(&token) {
            Some(outcome) => outcome.clone(),
            None => Err(missing.to_owned()),
        };
        let groups: HashSet<usize> = claims
            .iter()
            .filter_map(|c| if let Proof::Tie { group } = c.2 { Some(group) } else { None })
            .collect();
        let ties: HashMap<usize, Outcome> = groups
            .into_par_iter()
            .map(|group| {
                let members = &record.ties[group];
                let outcome = match equals.is_whole_tie(members) {
                    Ok(())
                        if carries_wins(record)
                            && record.carried.binary_search(&members[0]).is_ok() =>
                    {
                        Outcome::Carried(members[0])
                    }
                    whole => {
                        Outcome::Own(whole.and_then(|()| point(members[0], "its tie has no point")))
                    }
                };
                (group, outcome)
            })
            .collect();
        let only_point = Only::new(head, domain);
        let alone = |token: u32| match equals.other(token) {
            Some(other) => Err(format!("token {other} has its row and bias: they can only tie")),
            None => Ok(()),
        };
        let without_ball = || match domain.ball() {
            Some(_) => {
                Err("a combination of its row proves nothing that counts under a ball".to_owned())
            }
            None => Ok(()),
        };
        let outcome = |token: u32, claim: Claim, proof: Proof| match proof {
            _ if token >= tokens => Outcome::Own(Err("there is no such token".to_owned())),
            Proof::Point => {
                Outcome::Own(alone(token).and_then(|()| point(token, "its point was not checked")))
            }
            Proof::Tie { group } => ties[&group].clone(),
            Proof::Enclosed(i) => {
                Outcome::Own(without_ball().and_then(|()| {
                    losing::check_enclosed(head, domain, &equals, &record.enclosed[i])
                }))
            }
            Proof::Exact(i) => Outcome::Own(without_ball().and_then(|()| {
                losing::check_exact(head, domain, &equals, token, &record.exact[i].1)
            })),
            Proof::BallLoss(i) => {
                Outcome::Own(ball_loss::check(head, domain, &equals, &record.ball_losses[i]))
            }
            Proof::Carried if claim == Claim::Argmaxable => match alone(token) {
                Ok(()) => Outcome::Carried(token),
                tied => Outcome::Own(tied),
            },
            Proof::Carried => Outcome::Carried(token),
            Proof::OnlyLoss(i) => {
                Outcome::Own(only_point.check_loss(&equals, token, record.only_losses[i].1))
            }
            Proof::Dominated(i) => Outcome::Own(equals.is_dominated(token, record.dominated[i].1)),
            Proof::Undecided(i) => {
                Outcome::Own(margin::check(head, domain, &equals, &record.undecided[i]))
            }
        };
        self.claims = claims
            .par_iter()
            .map(|&(token, claim, proof)| {
                let outcome = outcome(token, claim, proof);
                progress.advance(1);
                (token, claim, outcome)
            })
            .collect();
        for (group, outcome) in ties {
            let Some(&first) = record.ties[group].first() else { continue };
            // One that stands is enough, whatever else is said to begin with the same token.
            if matches!(outcome, Outcome::Own(Ok(()))) || !self.ties.contains_key(&first) {
                self.ties.insert(first, outcome);
            }
        }
        self.equals = Some(equals);
        self.faulty = self.refused.iter().filter_map(|r| r.token).collect();
        self.complete =
            only.is_none() && record.scope.as_ref().is_none_or(|s| s.len() == head.tokens());
    }

    /// What came of the audit, given all audits of the certificate.
    pub fn checked(&self, all: &[Examined]) -> Checked {
        let (mut refused, mut accepted) = (self.refused.clone(), BTreeMap::new());
        for (token, claim, outcome) in &self.claims {
            let outcome = match outcome {
                Outcome::Own(outcome) => outcome.clone(),
                Outcome::Carried(by) => carried::check(self, all, *by),
            };
            match outcome {
                Err(reason) => refused.push(Refusal { token: Some(*token), reason }),
                Ok(()) if self.faulty.contains(token) => {}
                Ok(()) => *accepted.entry(*claim).or_default() += 1,
            }
        }
        refused.sort_by(|a, b| a.token.cmp(&b.token).then(a.reason.cmp(&b.reason)));
        refused.dedup();
        let domain = self.record.domain.clone();
        Checked { domain, complete: self.complete, accepted, refused }
    }

    /// The record itself.
    pub fn record(&self) -> &AuditRecord {
        self.record
    }

    /// Its groups of equals; `None` if the record is not well-formed.
    pub fn equals(&self) -> Option<&Equals<'a>> {
        self.equals.as_ref()
    }

    /// What is claimed of a token, if that is one thing and nothing is wrong with it.
    fn claim(&self, token: u32) -> Option<(Claim, &Outcome)> {
        let first = self.claims.partition_point(|c| c.0 < token);
        let (id, claim, outcome) = self.claims.get(first)?;
        (*id == token && !self.faulty.contains(&token)).then_some((*claim, outcome))
    }

    /// Whether the audit proves by itself that a token never wins.
    pub fn proves_loss(&self, token: u32) -> bool {
        matches!(self.claim(token), Some((Claim::Unargmaxable, Outcome::Own(Ok(())))))
    }

    /// Whether the audit has a point of its own at which a token beats all but its equals.
    pub fn proves_win(&self, token: u32) -> bool {
        match self.ties.get(&token) {
            // The token itself may be outside the scope.
            Some(Outcome::Own(Ok(()))) => !self.faulty.contains(&token),
            Some(_) => false,
            None => matches!(self.claim(token), Some((Claim::Argmaxable, Outcome::Own(Ok(()))))),
        }
    }
}
