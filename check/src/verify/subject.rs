//! Checks the audits of a certificate on the head that they are about: the whole head, the head of the kept rows, or
//! for each set of labels a head of its own.

use std::collections::{BTreeMap, HashSet};

use super::examined::Examined;
use super::{Checked, Refusal, carried};
use crate::certificate::{
    AuditRecord, BallLossRecord, Certificate, EnclosedRecord, Subject, UndecidedRecord,
};
use crate::head::{Head, check_ids};
use crate::parallel;
use crate::progress::{About, Progress};

/// Checks all audits of a certificate whose head is `head`; with `only`, the verdicts on these tokens or sets.
///
/// # Errors
/// The kept rows or the sets are not well-formed.
pub fn checked(
    head: &Head,
    certificate: &Certificate,
    only: Option<&HashSet<u32>>,
    progress: &dyn Progress,
) -> Result<Vec<Checked>, String> {
    match &certificate.subject {
        Subject::Head => Ok(checked_on(head, &certificate.audits, only, progress)),
        Subject::Kept(ids) => checked_among(head, ids, &certificate.audits, only, progress),
        Subject::Sets(sets) => checked_sets(head, sets, &certificate.audits, only, progress),
    }
}

/// Checks audits on one head.
fn checked_on(
    head: &Head,
    records: &[AuditRecord],
    only: Option<&HashSet<u32>>,
    progress: &dyn Progress,
) -> Vec<Checked> {
    let examined = records.iter().map(|record| {
        let domain = record.domain.to_string();
        Examined::new(head, record, only, &About::new(progress, &domain))
    });
    let examined: Vec<Examined> = examined.collect();
    examined.iter().map(|one| carried::checked(one, &examined)).collect()
}

/// Checks audits among the rows with these ids: on the head that has only these rows, where each id is its place in
/// the list. An audit that names another row is refused.
fn checked_among(
    head: &Head,
    ids: &[u32],
    records: &[AuditRecord],
    only: Option<&HashSet<u32>>,
    progress: &dyn Progress,
) -> Result<Vec<Checked>, String> {
    let kept = head.keeping(ids).map_err(|e| e.to_string())?;
    let place = |id: u32| match ids.binary_search(&id) {
        Ok(place) => Ok(place as u32),
        Err(_) => Err(format!("it names row {id}, which is not kept")),
    };
    let (mut asked, mut beyond) = (HashSet::new(), Vec::new());
    for &id in only.into_iter().flatten() {
        match place(id) {
            Ok(place) => drop(asked.insert(place)),
            Err(_) => {
                let reason = "it was asked for, but its row is not kept".to_owned();
                beyond.push(Refusal { token: Some(id), reason });
            }
        }
    }
    let renamed: Result<Vec<AuditRecord>, String> =
        records.iter().map(|record| record.renamed(&place, &place)).collect();
    let renamed = renamed?;
    let mut results = checked_on(&kept, &renamed, only.map(|_| &asked), progress);
    for result in &mut results {
        for refusal in &mut result.refused {
            refusal.token =
                refusal.token.map(|place| ids.get(place as usize).copied().unwrap_or(place));
            if ["token ", "rival "].iter().any(|word| refusal.reason.contains(word)) {
                refusal
                    .reason
                    .push_str(" (others are numbered by their place among the kept rows)");
            }
        }
        result.refused.extend(beyond.iter().cloned());
    }
    Ok(results)
}

/// Checks audits of sets of labels: each set on its own head, where token 0 stands for the set and token `i + 1` for
/// label `i`.
fn checked_sets(
    head: &Head,
    sets: &[Vec<u32>],
    records: &[AuditRecord],
    only: Option<&HashSet<u32>>,
    progress: &dyn Progress,
) -> Result<Vec<Checked>, String> {
    if sets.is_empty() {
        return Err("it has no set of labels".to_owned());
    }
    for (s, set) in sets.iter().enumerate() {
        check_ids(&format!("the labels of set {s}"), set, head.tokens())
            .map_err(|e| e.to_string())?;
    }
    let mut cut = Vec::with_capacity(records.len());
    for record in records {
        cut.push(BySet::new(record, sets.len(), head.tokens())?);
    }
    let is_asked = |s: &usize| only.is_none_or(|only| only.contains(&(*s as u32)));
    let asked: Vec<usize> = (0..sets.len()).filter(is_asked).collect();
    progress.begin("verify", asked.len(), "sets");
    let of_set = |s: usize| -> Vec<Checked> {
        let these: Vec<AuditRecord> = cut.iter().map(|audit| audit.of(s)).collect();
        let results = match head.for_label_set(&sets[s]) {
            Ok(own) => {
                let examined: Vec<Examined> =
                    these.iter().map(|record| Examined::of_set(&own, record)).collect();
                examined.iter().map(|one| carried::checked(one, &examined)).collect()
            }
            Err(e) => these.iter().map(|record| refused(record, None, &e.to_string())).collect(),
        };
        progress.advance(1);
        results
    };
    let results: Vec<Vec<Checked>> = parallel::map(asked.len(), &|i| of_set(asked[i]));
    let mut merged = Vec::with_capacity(records.len());
    for (i, record) in records.iter().enumerate() {
        let mut all = Checked {
            domain: record.domain.clone(),
            complete: only.is_none() && record.scope.is_none(),
            accepted: BTreeMap::new(),
            ranks: 0,
            refused: Vec::new(),
        };
        for (&s, result) in asked.iter().zip(&results) {
            for (claim, n) in &result[i].accepted {
                *all.accepted.entry(*claim).or_default() += n;
            }
            for refusal in &result[i].refused {
                let reason = refusal.reason.clone();
                all.refused.push(Refusal { token: Some(s as u32), reason });
            }
        }
        for &set in only.into_iter().flatten() {
            if set as usize >= sets.len() {
                let reason = "there is no such set".to_owned();
                all.refused.push(Refusal { token: Some(set), reason });
            }
        }
        merged.push(all);
    }
    Ok(merged)
}

/// A refused audit.
fn refused(record: &AuditRecord, token: Option<u32>, reason: &str) -> Checked {
    let refused = vec![Refusal { token, reason: reason.to_owned() }];
    Checked {
        domain: record.domain.clone(),
        complete: false,
        accepted: BTreeMap::new(),
        ranks: 0,
        refused,
    }
}

/// An entry of a record about a set, by its list and place.
#[derive(Clone, Copy)]
enum Entry {
    Witness(usize),
    Integers(usize),
    Enclosed(usize),
    Exact(usize),
    BallLoss(usize),
    Carried,
    OnlyWin,
    OnlyLoss(usize),
    Dominated(usize),
    Undecided(usize),
}

/// An audit of sets, cut by set.
struct BySet {
    /// The record, with the ids of rivals on the heads of sets.
    record: AuditRecord,
    /// The entries about each set.
    entries: Vec<Vec<Entry>>,
}

impl BySet {
    /// Cuts the record of an audit of so many sets of so many labels.
    ///
    /// # Errors
    /// It has a list that such an audit does not have, or names a set or a label that does not exist.
    fn new(record: &AuditRecord, sets: usize, labels: usize) -> Result<Self, String> {
        if record.scope.is_some() || !record.maps.is_empty() || !record.ties.is_empty() {
            return Err("an audit of label sets has no scope, no maps and no ties".to_owned());
        }
        if record.has_measures() {
            return Err("an audit of label sets has no measures".to_owned());
        }
        let label = |id: u32| match (id as usize) < labels {
            true => Ok(id + 1),
            false => Err(format!("it names label {id}, but the head has {labels} rows")),
        };
        let record = record.renamed(&Ok, &label)?;
        let mut entries = vec![Vec::new(); sets];
        let mut unknown = None;
        let mut add = |set: u32, entry: Entry| match entries.get_mut(set as usize) {
            Some(of_set) => of_set.push(entry),
            None => unknown = unknown.or(Some(set)),
        };
        for (i, witness) in record.witnesses.iter().enumerate() {
            add(witness.0, Entry::Witness(i));
        }
        for (i, witness) in record.integers.iter().enumerate() {
            add(witness.0, Entry::Integers(i));
        }
        for (i, enclosed) in record.enclosed.iter().enumerate() {
            add(enclosed.token, Entry::Enclosed(i));
        }
        for (i, exact) in record.exact.iter().enumerate() {
            add(exact.0, Entry::Exact(i));
        }
        for (i, loss) in record.ball_losses.iter().enumerate() {
            add(loss.token, Entry::BallLoss(i));
        }
        for &set in &record.carried {
            add(set, Entry::Carried);
        }
        for &set in &record.only_wins {
            add(set, Entry::OnlyWin);
        }
        for (i, loss) in record.only_losses.iter().enumerate() {
            add(loss.0, Entry::OnlyLoss(i));
        }
        for (i, dominated) in record.dominated.iter().enumerate() {
            add(dominated.0, Entry::Dominated(i));
        }
        for (i, undecided) in record.undecided.iter().enumerate() {
            add(undecided.token, Entry::Undecided(i));
        }
        if let Some(set) = unknown {
            return Err(format!("it names set {set}, but there are {sets}"));
        }
        Ok(BySet { record, entries })
    }

    /// The record about token 0 of the head of one set.
    fn of(&self, set: usize) -> AuditRecord {
        let all = &self.record;
        let mut one = AuditRecord {
            inside: all.inside.clone(),
            carried_from: all.carried_from,
            scope: Some(vec![0]),
            ..AuditRecord::blank(all.domain.clone())
        };
        for &entry in &self.entries[set] {
            match entry {
                Entry::Witness(i) => one.witnesses.push((0, all.witnesses[i].1.clone())),
                Entry::Integers(i) => {
                    let (_, point, over) = &all.integers[i];
                    one.integers.push((0, point.clone(), over.clone()));
                }
                Entry::Enclosed(i) => {
                    one.enclosed.push(EnclosedRecord { token: 0, ..all.enclosed[i].clone() });
                }
                Entry::Exact(i) => one.exact.push((0, all.exact[i].1.clone())),
                Entry::BallLoss(i) => {
                    one.ball_losses.push(BallLossRecord { token: 0, ..all.ball_losses[i].clone() });
                }
                Entry::Carried => one.carried.push(0),
                Entry::OnlyWin => one.only_wins.push(0),
                Entry::OnlyLoss(i) => one.only_losses.push((0, all.only_losses[i].1)),
                Entry::Dominated(i) => one.dominated.push((0, all.dominated[i].1)),
                Entry::Undecided(i) => {
                    one.undecided.push(UndecidedRecord { token: 0, ..all.undecided[i].clone() });
                }
            }
        }
        one
    }
}
