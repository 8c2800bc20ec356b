//! What the audits of a certificate are about: the whole head, some of its rows, or sets of its labels.

use serde::Serialize;

use super::arrays::Arrays;
use super::{AuditRecord, BallLossRecord, CeilingRecord, EnclosedRecord, MapRecord, RankRecords};

/// Gives the other id of a token or a rival.
type Renaming<'a> = &'a dyn Fn(u32) -> Result<u32, String>;

/// The problem that the audits of a certificate decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// Which tokens of the head can win against all others.
    #[default]
    Head,
    /// Which of the rows with these ids, rising, can win if all other rows are removed. Records name the ids of the head.
    Kept(Vec<u32>),
    /// For which of these sets of labels, each a rising list of ids, the logits can be above 0 for its labels and below 0
    /// for all others. In the records, tokens with verdicts are indices of sets, and rivals are labels.
    Sets(Vec<Vec<u32>>),
}

/// A subject without its lists, for people and programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "count")]
pub enum SubjectKind {
    /// The whole head.
    Head,
    /// So many kept rows.
    KeptRows(usize),
    /// So many sets of labels.
    LabelSets(usize),
}

/// The names of the subjects in the description.
const HEAD: &str = "head";
const KEPT: &str = "kept rows";
const SETS: &str = "label sets";

impl Subject {
    /// The subject without its lists.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Subject::Head => SubjectKind::Head,
            Subject::Kept(ids) => SubjectKind::KeptRows(ids.len()),
            Subject::Sets(sets) => SubjectKind::LabelSets(sets.len()),
        }
    }

    /// Adds the arrays of the subject and returns its name for the description.
    pub(super) fn put(&self, arrays: &mut Arrays) -> &'static str {
        match self {
            Subject::Head => HEAD,
            Subject::Kept(ids) => {
                arrays.put_list("kept".to_owned(), ids.iter().copied());
                KEPT
            }
            Subject::Sets(sets) => {
                arrays.put_offsets("sets.offsets".to_owned(), sets.iter().map(Vec::len));
                arrays.put_list("sets.labels".to_owned(), sets.iter().flatten().copied());
                SETS
            }
        }
    }

    /// Removes the arrays of the subject with this name.
    ///
    /// # Errors
    /// The name is not known, or an array is missing or has another type or length.
    pub(super) fn take(name: &str, arrays: &mut Arrays) -> Result<Self, String> {
        match name {
            HEAD => Ok(Subject::Head),
            KEPT => Ok(Subject::Kept(arrays.take_list("kept")?)),
            SETS => {
                let labels: Vec<u32> = arrays.take_list("sets.labels")?;
                Ok(Subject::Sets(arrays.cut_all("sets.offsets", &labels)?))
            }
            other => Err(format!("the subject {other:?} is not known to this version")),
        }
    }
}

impl AuditRecord {
    /// The same record with other ids: `token` gives those of tokens with a verdict and of members of ties, `rival` those
    /// of rivals.
    ///
    /// # Errors
    /// Those of the two functions.
    pub fn renamed(&self, token: Renaming, rival: Renaming) -> Result<AuditRecord, String> {
        // Without `..`, so that a new list cannot be forgotten here.
        let AuditRecord {
            domain,
            inside,
            scope,
            maps,
            witnesses,
            integers,
            enclosed,
            exact,
            ball_losses,
            carried,
            carried_from,
            ties,
            only_wins,
            only_losses,
            dominated,
            undecided,
            capped,
            ceilings,
            ranks,
        } = self;
        let list = |ids: &[u32]| ids.iter().map(|&t| token(t)).collect::<Result<Vec<u32>, _>>();
        let pairs = |pairs: &[(u32, u32)]| {
            pairs.iter().map(|&(t, j)| Ok((token(t)?, rival(j)?))).collect::<Result<_, String>>()
        };
        let map =
            |map: &MapRecord| Ok(MapRecord { winners: first(&map.winners, token)?, ..map.clone() });
        let undecided = undecided.iter().map(|record| {
            let mut multipliers = record.multipliers.clone();
            let of_rivals = multipliers.iter_mut().filter(|m| m.0 == super::MultiplierKind::Token);
            of_rivals.into_iter().try_for_each(|m| rename(&mut m.1, rival))?;
            let token = token(record.token)?;
            Ok(super::UndecidedRecord { token, upper: record.upper, multipliers })
        });
        Ok(AuditRecord {
            domain: domain.clone(),
            inside: inside.clone(),
            scope: scope.as_deref().map(list).transpose()?,
            maps: maps.iter().map(map).collect::<Result<_, String>>()?,
            witnesses: first(witnesses, token)?,
            integers: integers
                .iter()
                .map(|(t, point, over)| Ok((token(*t)?, point.clone(), over.clone())))
                .collect::<Result<_, String>>()?,
            enclosed: all(enclosed, |record| record.renamed(token, rival))?,
            exact: all(exact, |(t, weights)| Ok((token(*t)?, first(weights, rival)?)))?,
            ball_losses: all(ball_losses, |record| record.renamed(token, rival))?,
            carried: list(carried)?,
            carried_from: *carried_from,
            ties: ties.iter().map(|members| list(members)).collect::<Result<_, _>>()?,
            only_wins: list(only_wins)?,
            only_losses: pairs(only_losses)?,
            dominated: pairs(dominated)?,
            undecided: undecided.collect::<Result<_, String>>()?,
            capped: first(capped, token)?,
            ceilings: all(ceilings, |record| record.renamed(token, rival))?,
            ranks: ranks.as_ref().map(|ranks| ranks.renamed(token, rival)).transpose()?,
        })
    }
}

impl EnclosedRecord {
    /// The same record with other ids.
    fn renamed(&self, token: Renaming, rival: Renaming) -> Result<Self, String> {
        Ok(EnclosedRecord {
            token: token(self.token)?,
            basic: first(&self.basic, rival)?,
            frozen: first(&self.frozen, rival)?,
            equations: self.equations.clone(),
        })
    }
}

impl BallLossRecord {
    /// The same record with other ids.
    fn renamed(&self, token: Renaming, rival: Renaming) -> Result<Self, String> {
        let (token, rivals) = (token(self.token)?, first(&self.rivals, rival)?);
        Ok(BallLossRecord { token, rivals, ends: self.ends.clone() })
    }
}

impl CeilingRecord {
    /// The same record with other ids.
    fn renamed(&self, token: Renaming, rival: Renaming) -> Result<Self, String> {
        let CeilingRecord { token: id, low, high, point, basic, frozen, equations, ends, at_point } =
            self;
        Ok(CeilingRecord {
            token: token(*id)?,
            low: *low,
            high: *high,
            point: point.clone(),
            basic: first(basic, rival)?,
            frozen: first(frozen, rival)?,
            equations: equations.clone(),
            ends: ends.clone(),
            at_point: *at_point,
        })
    }
}

impl RankRecords {
    /// The same records with other ids.
    fn renamed(&self, token: Renaming, rival: Renaming) -> Result<Self, String> {
        let RankRecords { ends, points, enclosed, exact, outweighed } = self;
        Ok(RankRecords {
            ends: all(ends, |&(t, low, high)| Ok((token(t)?, low, high)))?,
            points: first(points, token)?,
            enclosed: all(enclosed, |(set, share)| Ok((set.renamed(token, rival)?, *share)))?,
            exact: all(exact, |((t, weights), share)| {
                Ok(((token(*t)?, first(weights, rival)?), *share))
            })?,
            outweighed: all(outweighed, |(set, share)| Ok((set.renamed(token, rival)?, *share)))?,
        })
    }
}

/// The renamed records.
fn all<T>(records: &[T], renamed: impl FnMut(&T) -> Result<T, String>) -> Result<Vec<T>, String> {
    records.iter().map(renamed).collect()
}

/// Replaces an id.
fn rename(id: &mut u32, other: Renaming) -> Result<(), String> {
    *id = other(*id)?;
    Ok(())
}

/// The pairs with other first entries.
fn first<T: Clone>(pairs: &[(u32, T)], other: Renaming) -> Result<Vec<(u32, T)>, String> {
    pairs.iter().map(|(id, rest)| Ok((other(*id)?, rest.clone()))).collect()
}
