//! Makes a certificate from audits. The format and its file belong to the crate `unargmax_check`.

use std::collections::HashSet;
use std::sync::Arc;

pub use unargmax_check::certificate::*;

use crate::audit::Audit;
use crate::certify::enclosure::Support;
use crate::certify::map::Map;
#[cfg(feature = "measures")]
use crate::certify::rank::{BestRank, WHOLE};
use crate::certify::witness::{Point, Witness};
use crate::certify::{BallLoss, Combination, Enclosed, Loss, Rival, Verdict};
use crate::domain::Domain;
use crate::head::Head;
use crate::order;

/// Collects the proofs of audits of one head over several domains, all among the same rows. Carried losses refer to
/// the free audit, and carried wins to the first audit that is not free.
pub fn from_audits(head: &Head, audits: &[(&Domain, &Audit)]) -> Certificate {
    let records = audits.iter().map(|(domain, audit)| {
        let mut record = Recorder::record(head, domain, audit);
        if !record.carried.is_empty() {
            let other = |a: &(&Domain, &Audit)| a.0.is_free() != domain.is_free();
            record.carried_from = audits.iter().position(other);
        }
        record
    });
    Certificate {
        head: head.sha256(),
        tokens: head.tokens(),
        dim: head.dim(),
        subject: audits.first().map_or(Subject::Head, |(_, audit)| match audit.kept() {
            Some(ids) => Subject::Kept(ids.to_vec()),
            None => Subject::Head,
        }),
        audits: records.collect(),
    }
}

/// A multiplier in the form of the certificate; `None` is the scale `s >= 0`.
pub(crate) fn multiplier(row: Option<Rival>, weight: f64) -> (MultiplierKind, u32, f64) {
    match row {
        Some(Rival::Token(j)) => (MultiplierKind::Token, j, weight),
        Some(Rival::Lower(k)) => (MultiplierKind::Lower, k, weight),
        Some(Rival::Upper(k)) => (MultiplierKind::Upper, k, weight),
        None => (MultiplierKind::Scale, 0, weight),
    }
}

/// The records of best ranks; `None` if there are none. A token that wins, alone or tied, has none.
#[cfg(feature = "measures")]
fn ranks(best_ranks: &[BestRank]) -> Option<RankRecords> {
    let mut records = RankRecords::default();
    for rank in best_ranks.iter().filter(|rank| !rank.is_win()) {
        let (token, (low, high)) = (rank.token(), rank.ends());
        records.ends.push((token, low, high));
        records.points.extend(rank.point().map(|point| (token, point.to_vec())));
        for (set, share) in rank.sets() {
            let share = *share as f64 / WHOLE as f64;
            match set.proof() {
                Loss::Enclosed(e) => records.enclosed.push((enclosed(token, e), share)),
                Loss::Exact(e) => records.exact.push(((token, e.weights().to_vec()), share)),
                Loss::Ball(ball) => records.outweighed.push((outweighed(token, ball), share)),
                Loss::Dominated(_) | Loss::Carried(_) | Loss::OnePoint(_) => {}
            }
        }
    }
    (!records.ends.is_empty()).then_some(records)
}

/// The record of weights that are proved to exist.
fn enclosed(token: u32, enclosed: &Enclosed) -> EnclosedRecord {
    let Support { basic, frozen, equations } = enclosed.support().clone();
    EnclosedRecord { token, basic, frozen, equations }
}

/// The record of weights that no point of a ball overcomes.
fn outweighed(token: u32, ball: &BallLoss) -> BallLossRecord {
    let Combination { rivals, ends } = ball.combination().clone();
    BallLossRecord { token, rivals, ends }
}

/// Fills the record of one audit.
struct Recorder {
    record: AuditRecord,
    /// The maps so far, each with the tokens that it settles.
    maps: Vec<(Arc<Map>, MapRecord)>,
}

impl Recorder {
    /// The record of an audit.
    fn record(head: &Head, domain: &Domain, audit: &Audit) -> AuditRecord {
        let mut recorder =
            Recorder { record: AuditRecord::empty(domain.clone()), maps: Vec::new() };
        if audit.verdicts().len() < audit.kept().map_or(head.tokens(), <[u32]>::len) {
            recorder.record.scope = Some(audit.verdicts().iter().map(|v| v.0).collect());
        }
        let (mut ties, mut tied) = (Vec::new(), HashSet::new());
        for (token, verdict) in audit.verdicts() {
            match verdict {
                Verdict::Argmaxable(witness) => recorder.add_witness(witness),
                Verdict::Tied(tie) => {
                    if tied.insert(tie.members()[0]) {
                        ties.push(tie.members().to_vec());
                        recorder.add_witness(tie.witness());
                    }
                }
                Verdict::Unargmaxable(loss) => recorder.add_loss(*token, loss),
                Verdict::Undecided(undecided) => {
                    let multipliers = undecided.multipliers();
                    recorder.record.undecided.push(UndecidedRecord {
                        token: *token,
                        upper: undecided.interval().1,
                        multipliers: multipliers
                            .map(|(row, weight)| multiplier(row, weight))
                            .collect(),
                    });
                }
            }
        }
        let Recorder { mut record, maps } = recorder;
        order::by_token(&mut ties, |tie: &Vec<u32>| tie[0]);
        record.ties = ties;
        // The witness of a tie was added where its group was first met; lists are in id order.
        order::by_token(&mut record.witnesses, |w| w.0);
        order::by_token(&mut record.integers, |w| w.0);
        record.maps = maps.into_iter().map(|m| m.1).collect();
        record.maps.iter_mut().for_each(|m| order::by_token(&mut m.winners, |s| s.0));
        record.carried.sort_unstable();
        record.only_wins.sort_unstable();
        record.capped = audit.probability_bounds().to_vec();
        #[cfg(feature = "measures")]
        {
            record.ceilings =
                audit.max_probabilities().iter().map(|c| c.record().clone()).collect();
            record.ranks = ranks(audit.best_ranks());
        }
        record
    }

    /// Adds the winning point of a token.
    fn add_witness(&mut self, witness: &Witness) {
        let (token, record) = (witness.token(), &mut self.record);
        match witness.point() {
            Point::Inside => record.carried.push(token),
            Point::Only => record.only_wins.push(token),
            Point::Float(h) => record.witnesses.push((token, h.clone())),
            Point::Integers { numerators, denominator } => {
                record.integers.push((token, numerators.clone(), denominator.clone()));
            }
            Point::Mapped { map, scale } => {
                let known = self.maps.iter().position(|m| Arc::ptr_eq(&m.0, map));
                let at = known.unwrap_or_else(|| {
                    let centre = map.centre().to_vec();
                    let linear = map.linear().clone();
                    self.maps
                        .push((map.clone(), MapRecord { centre, linear, winners: Vec::new() }));
                    self.maps.len() - 1
                });
                self.maps[at].1.winners.push((token, *scale));
            }
        }
    }

    /// Adds the losing proof of a token.
    fn add_loss(&mut self, token: u32, loss: &Loss) {
        let record = &mut self.record;
        match loss {
            Loss::Dominated(dominated) => record.dominated.push((token, dominated.by())),
            Loss::Enclosed(weights) => record.enclosed.push(enclosed(token, weights)),
            Loss::Exact(exact) => record.exact.push((token, exact.weights().to_vec())),
            Loss::Ball(ball) => record.ball_losses.push(outweighed(token, ball)),
            Loss::Carried(_) => record.carried.push(token),
            Loss::OnePoint(only) => record.only_losses.push((token, only.rival())),
        }
    }
}
