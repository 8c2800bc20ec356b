//! What the audits of a certificate are about: the whole head, some of its rows, or sets of its labels.

use serde::Serialize;

use super::arrays::Arrays;
use super::{AuditRecord, MapRecord};

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
    pub fn renamed(
        &self,
        token: &dyn Fn(u32) -> Result<u32, String>,
        rival: &dyn Fn(u32) -> Result<u32, String>,
    ) -> Result<AuditRecord, String> {
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
        } = self;
        let list = |ids: &[u32]| ids.iter().map(|&t| token(t)).collect::<Result<Vec<u32>, _>>();
        let pairs = |pairs: &[(u32, u32)]| {
            pairs.iter().map(|&(t, j)| Ok((token(t)?, rival(j)?))).collect::<Result<_, String>>()
        };
        let map =
            |map: &MapRecord| Ok(MapRecord { settled: first(&map.settled, token)?, ..map.clone() });
        let enclosed = enclosed.iter().map(|record| {
            let (mut basic, mut frozen) = (record.basic.clone(), record.frozen.clone());
            basic.iter_mut().chain(&mut frozen).try_for_each(|w| rename(&mut w.0, rival))?;
            let token = token(record.token)?;
            Ok(super::EnclosedRecord { token, basic, frozen, equations: record.equations.clone() })
        });
        let exact = exact.iter().map(|(t, weights)| Ok((token(*t)?, first(weights, rival)?)));
        let ball_losses = ball_losses.iter().map(|record| {
            let rivals = first(&record.rivals, rival)?;
            Ok(super::BallLossRecord {
                token: token(record.token)?,
                rivals,
                ends: record.ends.clone(),
            })
        });
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
            enclosed: enclosed.collect::<Result<_, String>>()?,
            exact: exact.collect::<Result<_, String>>()?,
            ball_losses: ball_losses.collect::<Result<_, String>>()?,
            carried: list(carried)?,
            carried_from: *carried_from,
            ties: ties.iter().map(|members| list(members)).collect::<Result<_, _>>()?,
            only_wins: list(only_wins)?,
            only_losses: pairs(only_losses)?,
            dominated: pairs(dominated)?,
            undecided: undecided.collect::<Result<_, String>>()?,
            capped: first(capped, token)?,
        })
    }
}

/// Replaces an id.
fn rename(id: &mut u32, other: &dyn Fn(u32) -> Result<u32, String>) -> Result<(), String> {
    *id = other(*id)?;
    Ok(())
}

/// The pairs with other first entries.
fn first<T: Clone>(
    pairs: &[(u32, T)],
    other: &dyn Fn(u32) -> Result<u32, String>,
) -> Result<Vec<(u32, T)>, String> {
    pairs.iter().map(|(id, rest)| Ok((other(*id)?, rest.clone()))).collect()
}
