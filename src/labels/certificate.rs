//! The certificate of verdicts on label sets.

use super::{Decided, LabelSets};
use crate::certificate::{
    AuditRecord, BallLossRecord, Certificate, EnclosedRecord, Subject, UndecidedRecord, multiplier,
};
use crate::certify::{Loss, Point, Verdict};
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;

/// Collects the proofs of the verdicts on sets of labels of `head`: an audit over the domain, and one over all of space
/// if that is larger.
///
/// # Errors
/// A verdict has evidence of a kind that such a certificate does not have: a fault of this program.
pub fn certificate(head: &Head, sets: &LabelSets) -> Result<Certificate> {
    let mut inside = AuditRecord::empty(sets.domain.clone());
    let mut free = AuditRecord::empty(Domain::free(head.dim()));
    for (set, decided) in sets.decided.iter().enumerate() {
        let Decided { inside: verdict, free: over_all } = decided;
        add(&mut inside, set as u32, verdict)?;
        if let Some(over_all) = over_all {
            add(&mut free, set as u32, over_all)?;
        }
    }
    let mut audits = vec![inside];
    if !sets.domain.is_free() {
        audits.push(free);
        for (record, other) in audits.iter_mut().zip([1, 0]) {
            record.carried_from = (!record.carried.is_empty()).then_some(other);
        }
    }
    Ok(Certificate {
        head: head.sha256(),
        tokens: head.tokens(),
        dim: head.dim(),
        subject: Subject::Sets(sets.sets.clone()),
        audits,
    })
}

/// Adds the verdict on a set to a record, with labels as rivals.
fn add(record: &mut AuditRecord, set: u32, verdict: &Verdict) -> Result<()> {
    let label = |token: u32| token - 1;
    match verdict {
        Verdict::Argmaxable(witness) => match witness.point() {
            Point::Float(point) => record.witnesses.push((set, point.clone())),
            Point::Integers { numerators, denominator } => {
                record.integers.push((set, numerators.clone(), denominator.clone()));
            }
            Point::Inside => record.carried.push(set),
            Point::Only => record.only_wins.push(set),
            Point::Mapped { .. } => {
                return Err(Error::Internal("a set of labels was decided by a map".to_owned()));
            }
        },
        Verdict::Tied(tie) => record.dominated.push((set, label(tie.members()[1]))),
        Verdict::Unargmaxable(loss) => match loss {
            Loss::Dominated(dominated) => record.dominated.push((set, label(dominated.by()))),
            Loss::Enclosed(enclosed) => {
                let support = enclosed.support();
                let of = |weights: &[(u32, f64)]| {
                    weights.iter().map(|&(j, weight)| (label(j), weight)).collect()
                };
                record.enclosed.push(EnclosedRecord {
                    token: set,
                    basic: of(&support.basic),
                    frozen: of(&support.frozen),
                    equations: support.equations.clone(),
                });
            }
            Loss::Exact(exact) => {
                let weights = exact.weights().iter().map(|(j, n)| (label(*j), n.clone()));
                record.exact.push((set, weights.collect()));
            }
            Loss::Ball(ball) => {
                let combination = ball.combination();
                let rivals = combination.rivals.iter().map(|(j, n)| (label(*j), n.clone()));
                let (rivals, ends) = (rivals.collect(), combination.ends.clone());
                record.ball_losses.push(BallLossRecord { token: set, rivals, ends });
            }
            Loss::Carried(_) => record.carried.push(set),
            Loss::OnePoint(only) => record.only_losses.push((set, label(only.rival()))),
        },
        Verdict::Undecided(undecided) => {
            let rename = |(kind, index, weight)| match kind {
                crate::certificate::MultiplierKind::Token => (kind, label(index), weight),
                _ => (kind, index, weight),
            };
            let multipliers = undecided.multipliers().map(|(row, weight)| multiplier(row, weight));
            record.undecided.push(UndecidedRecord {
                token: set,
                upper: undecided.interval().1,
                multipliers: multipliers.map(rename).collect(),
            });
        }
    }
    Ok(())
}
