//! Checks one audit of a certificate by itself, except for the verdicts that it carries from another audit.

use std::collections::{HashMap, HashSet};

use super::claims::{self, Claimed, Proof, Scope, carries_wins};
use super::equals::Equals;
use super::one_point::OnePoint;
use super::probability::{self, Caps};
use super::{Claim, Refusal, ball_loss, enclosed, losing, margin, ranks, well_formed, winning};
use crate::certificate::AuditRecord;
use crate::head::Head;
use crate::parallel;
use crate::progress::{Progress, Silent};

/// The result of checking one proof.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The proof stands by itself and was checked.
    Own(Result<(), String>),
    /// The proof rests on what another audit says about this token.
    Carried(u32),
}

/// One audit, with the results of its own proofs.
pub struct Examined<'a> {
    record: &'a AuditRecord,
    /// The groups of equal tokens; `None` if the record is not well-formed.
    equals: Option<Equals<'a>>,
    /// Faults of the audit and of the claims about tokens.
    pub refused: Vec<Refusal>,
    /// The tokens named in `refused`.
    faulty: HashSet<u32>,
    /// The claims about tokens, by rising id.
    pub claims: Vec<(u32, Claim, Outcome)>,
    /// The results for the points of ties, by the first member of the tie.
    ties: HashMap<u32, Outcome>,
    /// The bounds of probabilities that follow from the proofs of verdicts.
    pub caps: Caps,
    /// The number of accepted best ranks.
    pub ranks: usize,
    /// Whether every token of the head was checked.
    pub complete: bool,
    /// Whether a token that is tied with another has lost, as it has in the head of a label set.
    ties_lose: bool,
}

impl<'a> Examined<'a> {
    /// Checks every proof of a record that stands by itself; with `only`, those of these tokens.
    pub fn new(
        head: &'a Head,
        record: &'a AuditRecord,
        only: Option<&HashSet<u32>>,
        progress: &dyn Progress,
    ) -> Self {
        Examined::of(head, record, only, false, progress)
    }

    /// Checks the record of the head of a label set, where a tie of the set's token is a loss: a logit is then 0.
    pub fn of_set(head: &'a Head, record: &'a AuditRecord) -> Self {
        Examined::of(head, record, None, true, &Silent)
    }

    /// [`Examined::new`] or [`Examined::of_set`].
    fn of(
        head: &'a Head,
        record: &'a AuditRecord,
        only: Option<&HashSet<u32>>,
        ties_lose: bool,
        progress: &dyn Progress,
    ) -> Self {
        let mut examined = Examined {
            record,
            equals: None,
            refused: Vec::new(),
            faulty: HashSet::new(),
            claims: Vec::new(),
            ties: HashMap::new(),
            caps: Caps { of: Vec::new() },
            ranks: 0,
            complete: false,
            ties_lose,
        };
        match well_formed::check(head, record) {
            Ok(()) => examined.examine(head, only, progress),
            Err(reason) => examined.refused.push(Refusal { token: None, reason }),
        }
        examined
    }

    /// Checks the proofs of a well-formed record.
    fn examine(&mut self, head: &'a Head, only: Option<&HashSet<u32>>, progress: &dyn Progress) {
        let record = self.record;
        let scope = Scope::new(record, head.tokens() as u32, only);
        let (claims, refused) = claims::asked_for(record, &scope);
        self.refused = refused;
        self.faulty = self.refused.iter().filter_map(|r| r.token).collect();
        self.complete = scope.is_complete();

        let equals = Equals::new(head, &record.domain);
        let points = checked_points(head, record, &equals, &claims, progress);
        let ties = checked_ties(record, &equals, &claims, &points);
        let proofs = Proofs {
            head,
            record,
            equals: &equals,
            points,
            ties: &ties,
            one_point: OnePoint::new(head, &record.domain),
            ties_lose: self.ties_lose,
        };
        self.claims = parallel::map(claims.len(), &|i| {
            let (token, claim, proof) = claims[i];
            progress.advance(0);
            let outcome = proofs.outcome(token, claim, proof);
            progress.advance(1);
            (token, claim, outcome)
        });
        let is_asked_for = |token| scope.is_asked_for(token);
        self.caps = Caps::check(head, record, &claims, is_asked_for);
        let ceilings = record.ceilings.iter().filter(|ceiling| is_asked_for(ceiling.token));
        let ceilings: Vec<_> = ceilings.collect();
        let refused = probability::refused_ceilings(head, &record.domain, &ceilings);
        self.refused.extend(
            refused.into_iter().map(|(token, reason)| Refusal { token: Some(token), reason }),
        );
        for (group, outcome) in ties {
            let Some(&first) = record.ties[group].first() else { continue };
            // One tie that stands is enough, whatever other ties begin with the same token.
            if matches!(outcome, Outcome::Own(Ok(()))) || !self.ties.contains_key(&first) {
                self.ties.insert(first, outcome);
            }
        }
        let one_point = OnePoint::new(head, &record.domain);
        let (accepted, refused) = ranks::check(head, record, &equals, &one_point, only);
        self.ranks = accepted;
        self.refused.extend(refused);
        self.equals = Some(equals);
    }

    /// The record itself.
    pub fn record(&self) -> &AuditRecord {
        self.record
    }

    /// The groups of equal tokens; `None` if the record is not well-formed.
    pub fn equals(&self) -> Option<&Equals<'a>> {
        self.equals.as_ref()
    }

    /// Whether the claims about a token have a fault.
    pub fn is_faulty(&self, token: u32) -> bool {
        self.faulty.contains(&token)
    }

    /// The claim about a token, if there is exactly one and it has no fault.
    fn claim(&self, token: u32) -> Option<(Claim, &Outcome)> {
        let first = self.claims.partition_point(|c| c.0 < token);
        let (id, claim, outcome) = self.claims.get(first)?;
        (*id == token && !self.faulty.contains(&token)).then_some((*claim, outcome))
    }

    /// Whether the audit proves without another audit that a token never wins.
    pub fn proves_loss(&self, token: u32) -> bool {
        matches!(self.claim(token), Some((Claim::Unargmaxable, Outcome::Own(Ok(())))))
    }

    /// Whether the audit has an accepted point of its own where a token beats all tokens but its equals.
    pub fn proves_win(&self, token: u32) -> bool {
        match self.ties.get(&token) {
            // The token itself may be outside the scope.
            Some(Outcome::Own(Ok(()))) => !self.faulty.contains(&token),
            Some(_) => false,
            None => matches!(self.claim(token), Some((Claim::Argmaxable, Outcome::Own(Ok(()))))),
        }
    }
}

/// The results of checking points, by token.
type Points = HashMap<u32, Result<(), String>>;

/// Checks the points that claims rest on, several in one product; the point of a tie is checked only once.
fn checked_points(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    claims: &[Claimed],
    progress: &dyn Progress,
) -> Points {
    let needed = claims.iter().filter_map(|&(token, _, proof)| match proof {
        Proof::Point => Some(token),
        Proof::Tie { group } => record.ties[group].first().copied(),
        _ => None,
    });
    let needed: HashSet<u32> = needed.collect();
    let mut points = winning::places(record);
    points.retain(|place| needed.contains(&place.0));
    progress.begin("verify", points.len() + claims.len(), "checks");
    winning::check_all(head, record, equals, points, progress)
}

/// Checks the ties that claims rest on; the keys are indices of ties in the record.
fn checked_ties(
    record: &AuditRecord,
    equals: &Equals,
    claims: &[Claimed],
    points: &Points,
) -> HashMap<usize, Outcome> {
    let groups = claims.iter().filter_map(|claim| match claim.2 {
        Proof::Tie { group } => Some(group),
        _ => None,
    });
    let groups: HashSet<usize> = groups.collect();
    let is_carried = |token| carries_wins(record) && record.carried.binary_search(&token).is_ok();
    let outcome = |group: usize| {
        let members = &record.ties[group];
        let outcome = match equals.is_whole_tie(members) {
            Ok(()) if is_carried(members[0]) => Outcome::Carried(members[0]),
            Ok(()) => Outcome::Own(point(points, members[0], "its tie has no point")),
            Err(reason) => Outcome::Own(Err(reason)),
        };
        (group, outcome)
    };
    let groups: Vec<usize> = groups.into_iter().collect();
    parallel::map(groups.len(), &|i| outcome(groups[i])).into_iter().collect()
}

/// The result for the point of a token, or the error `missing`.
fn point(points: &Points, token: u32, missing: &str) -> Result<(), String> {
    points.get(&token).cloned().unwrap_or_else(|| Err(missing.to_owned()))
}

/// Everything that is needed to check the proof of a claim.
struct Proofs<'a, 'h> {
    head: &'a Head,
    record: &'a AuditRecord,
    equals: &'a Equals<'h>,
    points: Points,
    ties: &'a HashMap<usize, Outcome>,
    one_point: OnePoint<'a>,
    ties_lose: bool,
}

impl Proofs<'_, '_> {
    /// Checks the proof of a claim.
    fn outcome(&self, token: u32, claim: Claim, proof: Proof) -> Outcome {
        if token as usize >= self.head.tokens() {
            return Outcome::Own(Err("there is no such token".to_owned()));
        }
        match (proof, claim) {
            (Proof::Tie { group }, _) => self.ties[&group].clone(),
            (Proof::Carried, Claim::Argmaxable) => match self.is_alone(token) {
                Ok(()) => Outcome::Carried(token),
                tied => Outcome::Own(tied),
            },
            (Proof::Carried, _) => Outcome::Carried(token),
            (proof, _) => Outcome::Own(self.own(token, proof)),
        }
    }

    /// Checks a proof that stands by itself.
    fn own(&self, token: u32, proof: Proof) -> Result<(), String> {
        let Proofs { head, record, equals, .. } = self;
        let domain = &record.domain;
        match proof {
            Proof::Point => {
                self.is_alone(token)?;
                point(&self.points, token, "its point was not checked")
            }
            Proof::Enclosed(i) => {
                self.is_without_ball()?;
                enclosed::check(head, domain, equals, &record.enclosed[i])
            }
            Proof::Exact(i) => {
                self.is_without_ball()?;
                losing::check_exact(head, domain, equals, token, &record.exact[i].1)
            }
            Proof::BallLoss(i) => ball_loss::check(head, domain, equals, &record.ball_losses[i]),
            Proof::OnlyLoss(i) => self.one_point.check_loss(equals, token, record.only_losses[i].1),
            Proof::Dominated(i) => {
                let by = record.dominated[i].1;
                match self.ties_lose && equals.are_tied(token, by) && token != by {
                    true => Ok(()),
                    false => equals.is_dominated(token, by),
                }
            }
            Proof::Undecided(i) => margin::check(head, domain, equals, &record.undecided[i]),
            Proof::Tie { .. } | Proof::Carried => Err("it has no proof of its own".to_owned()),
        }
    }

    /// Checks that no other token is tied with this one.
    fn is_alone(&self, token: u32) -> Result<(), String> {
        match self.equals.other(token) {
            Some(other) => Err(format!("token {other} has its row and bias: they can only tie")),
            None => Ok(()),
        }
    }

    /// Checks that the domain has no ball.
    fn is_without_ball(&self) -> Result<(), String> {
        match self.record.domain.ball() {
            Some(_) => {
                Err("a combination of its row proves nothing that counts under a ball".to_owned())
            }
            None => Ok(()),
        }
    }
}
