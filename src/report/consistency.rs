//! Compares the summary and the table of a folder with its certificate: a table may be edited or belong to another
//! run although the certificate is valid. Nothing is proved here; `verify` does that.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use serde::Serialize;

use super::results::verdicts::Row;
use super::results::{Results, SUMMARY, VERDICTS};
use super::tally::{Counts, Outcome};
use crate::certificate::{AuditRecord, Certificate, Subject};

/// A contradiction between the files of a folder and its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The token, or `None` if it concerns the whole audit.
    pub token: Option<u32>,
    /// What the two sides state.
    pub problem: String,
}

/// What a certificate claims about a token.
#[derive(Clone, Debug)]
pub(super) struct Claimed {
    pub outcome: Outcome,
    /// The kind of proof as in the table; `None` if the certificate does not tell it for this token.
    pub proof: Option<&'static str>,
    /// All tokens of the token's tie.
    ties: Vec<u32>,
    /// The rivals, with weights that sum to one.
    pub rivals: Vec<(u32, f64)>,
}

/// The accepted relative difference of weights: the table rounds them to six digits.
const ROUNDING: f64 = 1e-4;

/// The differences between the summary, the table and the certificate.
pub fn differences(results: &Results, certificate: &Certificate) -> Vec<Difference> {
    let whole = |problem: String| Difference { token: None, problem };
    let mut found: Vec<Difference> = results.disagreements().into_iter().map(whole).collect();
    let (summary, head) = (&results.summary, &results.summary.head);
    let shape = (head.tokens, head.dim);
    if head.sha256 != certificate.head || shape != (certificate.tokens, certificate.dim) {
        found.push(whole(format!(
            "{SUMMARY} is of the head {} ({} x {}), the certificate of {} ({} x {})",
            head.sha256, shape.0, shape.1, certificate.head, certificate.tokens, certificate.dim
        )));
        return found;
    }
    let agree = match (&head.kept, &certificate.subject) {
        (None, Subject::Head) => true,
        (Some(kept), Subject::Kept(ids)) => kept.is(ids),
        _ => false,
    };
    if !agree {
        found.push(whole(format!(
            "{SUMMARY} is of {}, the certificate of other rows",
            head.kept
                .as_ref()
                .map_or("all rows".to_owned(), |kept| format!("{} kept rows", kept.rows))
        )));
        return found;
    }
    let entries = [Some(summary.audit()), summary.free()];
    for (entry, free) in entries.into_iter().zip([false, true]) {
        let Some(entry) = entry else { continue };
        let domain = &entry.domain;
        let index = certificate.audits.iter().position(|a| a.domain.to_string() == *domain);
        let Some(index) = index else {
            found.push(whole(format!(
                "{SUMMARY} has an audit over {domain}, the certificate has none"
            )));
            continue;
        };
        let claims = claimed(certificate, index);
        let mut counts = Counts::default();
        claims.values().for_each(|claim| counts.add(claim.outcome));
        if counts != entry.counts {
            found.push(whole(format!(
                "over {domain} {SUMMARY} counts {}, the certificate {counts}",
                entry.counts
            )));
        }
        hold(results, &claims, free, &mut found);
        if !free {
            found.extend(ranks(results, &certificate.audits[index]));
            found.extend(probabilities(results, &certificate.audits[index]));
        }
    }
    found
}

/// Compares every row of the table with the claims, in both directions.
fn hold(
    results: &Results,
    claims: &BTreeMap<u32, Claimed>,
    free: bool,
    found: &mut Vec<Difference>,
) {
    let states = if free { " over all vectors" } else { "" };
    for row in results.table.rows() {
        let stated = if free { row.free } else { Some(row.outcome) };
        let Some(stated) = stated else { continue };
        let problem = match claims.get(&row.id) {
            None => Some(format!("{VERDICTS} says {stated}{states}, the certificate nothing")),
            Some(claim) if claim.outcome != stated => {
                Some(format!("{VERDICTS} says {stated}{states}, the certificate {}", claim.outcome))
            }
            Some(_) if free => None,
            Some(claim) => details(row, claim),
        };
        found.extend(problem.map(|problem| Difference { token: Some(row.id), problem }));
    }
    let missing = claims.iter().filter(|(id, _)| {
        let row = results.table.row(**id);
        !free && row.is_none()
    });
    found.extend(missing.map(|(id, claim)| Difference {
        token: Some(*id),
        problem: format!("{VERDICTS} has no line for it, the certificate says {}", claim.outcome),
    }));
}

/// Compares bounds of probabilities: the smaller of that by the verdict's proof and that of the token's own interval, and
/// the lower end of the interval.
fn probabilities(results: &Results, record: &AuditRecord) -> Vec<Difference> {
    let mut certified: BTreeMap<u32, (f64, Option<f64>)> =
        record.capped.iter().map(|&(token, upper)| (token, (upper, None))).collect();
    for ceiling in &record.ceilings {
        let (high, low) = certified.entry(ceiling.token).or_insert((1.0, None));
        (*high, *low) = (high.min(ceiling.high), Some(ceiling.low));
    }
    let text =
        |bound: Option<f64>| bound.map_or("not stated".to_owned(), |bound| bound.to_string());
    let mut found = Vec::new();
    for row in results.table.rows() {
        let (high, low) = certified.remove(&row.id).unzip();
        let measured = &row.measured;
        for (what, stated, proved) in [
            ("upper bound", measured.max_probability, high),
            ("lower bound", measured.max_probability_low, low.flatten()),
        ] {
            if stated != proved {
                let problem = format!(
                    "the {what} of its largest probability is {} in {VERDICTS}, {} in the certificate",
                    text(stated),
                    text(proved)
                );
                found.push(Difference { token: Some(row.id), problem });
            }
        }
    }
    found.extend(certified.into_keys().map(|id| Difference {
        token: Some(id),
        problem: format!("{VERDICTS} has no line for it, the certificate bounds its probability"),
    }));
    found
}

/// Compares best ranks. A token that wins needs no record: its rank is the size of its group.
fn ranks(results: &Results, record: &AuditRecord) -> Vec<Difference> {
    let records = record.ranks.iter().flat_map(|ranks| &ranks.ends);
    let mut certified: BTreeMap<u32, (u32, u32)> =
        records.map(|&(token, low, high)| (token, (low, high))).collect();
    let mut found = Vec::new();
    for row in results.table.rows() {
        let stated = row.measured.best_rank.map(|rank| (rank.low, rank.high));
        let own = row.ties.len() as u32 + 1;
        let won = stated.is_some() && row.outcome.can_reach_maximum();
        let proved = certified.remove(&row.id).or(won.then_some((own, own)));
        if stated != proved {
            let text = |rank: Option<(u32, u32)>| match rank {
                Some((low, high)) => format!("from {low} to {high}"),
                None => "not stated".to_owned(),
            };
            let problem = format!(
                "its best rank is {} in {VERDICTS}, {} in the certificate",
                text(stated),
                text(proved)
            );
            found.push(Difference { token: Some(row.id), problem });
        }
    }
    found.extend(certified.into_keys().map(|id| Difference {
        token: Some(id),
        problem: format!("{VERDICTS} has no line for it, the certificate has its best rank"),
    }));
    found
}

/// A difference in proof, tie or weights between a row and the claim about the same token.
fn details(row: &Row, claim: &Claimed) -> Option<String> {
    if let Some(proof) = claim.proof.filter(|proof| *proof != row.proof) {
        return Some(format!(
            "its proof is `{}` in {VERDICTS}, `{proof}` in the certificate",
            row.proof
        ));
    }
    let mut group: Vec<u32> = row.ties.clone();
    if !group.is_empty() {
        group.push(row.id);
        group.sort_unstable();
    }
    if group != claim.ties {
        return Some(format!(
            "it is tied with {:?} in {VERDICTS}, the certificate has the tie {:?}",
            row.ties, claim.ties
        ));
    }
    (!are_same(row.rivals().collect(), &claim.rivals)).then(|| {
        format!("its rivals or their weights are others in {VERDICTS} than in the certificate")
    })
}

/// Whether rivals and weights of a table are those of a certificate, as far as the table tells.
pub(super) fn are_same(stated: Vec<(u32, f64)>, certified: &[(u32, f64)]) -> bool {
    let stated: BTreeMap<u32, f64> = stated.into_iter().collect();
    let certified: BTreeMap<u32, f64> = certified.iter().copied().collect();
    // A weight too small for the six digits may be missing on one side.
    let weight = |of: &BTreeMap<u32, f64>, rival| of.get(rival).copied().unwrap_or(0.0);
    stated.keys().chain(certified.keys()).all(|rival| {
        let (a, b) = (weight(&stated, rival), weight(&certified, rival));
        (a - b).abs() <= ROUNDING * a.abs().max(b.abs()).max(ROUNDING)
    })
}

/// The claims of one audit of a certificate about each token, unchecked.
pub(super) fn claimed(certificate: &Certificate, index: usize) -> BTreeMap<u32, Claimed> {
    let Some(record) = certificate.audits.get(index) else { return BTreeMap::new() };
    let mut claims = own(record);
    let from = record.carried_from.and_then(|from| certificate.audits.get(from)).map(own);
    for token in &record.carried {
        let Some(claim) = from.as_ref().and_then(|from| from.get(token)) else { continue };
        let lost = claim.outcome == Outcome::Unargmaxable;
        let proof = lost.then_some("free");
        let ties = claims.get(token).map(|own| own.ties.clone()).unwrap_or_default();
        let outcome = if ties.is_empty() { claim.outcome } else { Outcome::Tied };
        claims.insert(*token, Claimed { outcome, proof, ties, rivals: claim.rivals.clone() });
    }
    if let Some(scope) = &record.scope {
        claims.retain(|token, _| scope.binary_search(token).is_ok());
    }
    claims
}

/// The claims of an audit, except for those carried from another audit.
fn own(record: &AuditRecord) -> BTreeMap<u32, Claimed> {
    let mut claims = BTreeMap::new();
    let mut say = |token: u32, outcome, proof, rivals| {
        claims.insert(token, Claimed { outcome, proof: Some(proof), ties: Vec::new(), rivals });
    };
    let mapped = record.maps.iter().flat_map(|map| &map.winners).map(|s| (s.0, "map"));
    let floats = record.witnesses.iter().map(|w| (w.0, "float"));
    let integers = record.integers.iter().map(|w| (w.0, "integer"));
    for (token, proof) in mapped.chain(floats).chain(integers) {
        say(token, Outcome::Argmaxable, proof, Vec::new());
    }
    for e in &record.enclosed {
        let weights = e.basic.iter().chain(&e.frozen).copied();
        say(e.token, Outcome::Unargmaxable, "enclosed", shares(weights.collect()));
    }
    for (token, weights) in &record.exact {
        say(*token, Outcome::Unargmaxable, "exact", shares(floats_of(weights)));
    }
    for o in &record.ball_losses {
        say(o.token, Outcome::Unargmaxable, "outweighed", shares(floats_of(&o.rivals)));
    }
    for (token, by) in &record.dominated {
        say(*token, Outcome::Unargmaxable, "equal-row", vec![(*by, 1.0)]);
    }
    for token in &record.only_wins {
        say(*token, Outcome::Argmaxable, "only-point", Vec::new());
    }
    for (token, rival) in &record.only_losses {
        say(*token, Outcome::Unargmaxable, "only-point", vec![(*rival, 1.0)]);
    }
    for u in &record.undecided {
        say(u.token, Outcome::Undecided, "", Vec::new());
    }
    for members in &record.ties {
        let mut ties = members.clone();
        ties.sort_unstable();
        for token in members {
            // One point proves the whole tie; the members share its proof.
            let proof = claims.get(token).and_then(|claim: &Claimed| claim.proof);
            let tied =
                Claimed { outcome: Outcome::Tied, proof, ties: ties.clone(), rivals: Vec::new() };
            claims.insert(*token, tied);
        }
    }
    claims
}

/// Scales weights to sum one and merges them by rival; a rival may occur twice, or with weight 0.
pub(super) fn shares(weights: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    let sum: f64 = weights.iter().map(|w| w.1).sum();
    let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
    for (rival, weight) in weights.into_iter().filter(|w| w.1 != 0.0) {
        *shares.entry(rival).or_default() += weight / sum;
    }
    shares.into_iter().collect()
}

/// Integers of any size as floats with a common scale.
fn floats_of(weights: &[(u32, BigInt)]) -> Vec<(u32, f64)> {
    let longest = weights.iter().map(|w| w.1.bits()).max().unwrap_or(0);
    // The shift removes only digits that the table's six digits do not show.
    let shift = longest.saturating_sub(512);
    let float = |w: &BigInt| (w >> shift).to_string().parse::<f64>().unwrap_or(f64::NAN);
    weights.iter().map(|w| (w.0, float(&w.1))).collect()
}
