//! What the audits of a certificate are about: the whole head, some of its rows, or sets of its labels.

use serde::Serialize;

use super::arrays::Arrays;
use super::{
    AuditRecord, BallLossRecord, CeilingRecord, EnclosedRecord, MultiplierKind, RankRecords,
    UndecidedRecord,
};

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

    /// Adds the arrays of the subject and returns its name for the description, which has none for the head.
    pub(super) fn put(&self, arrays: &mut Arrays) -> Option<&'static str> {
        match self {
            Subject::Head => None,
            Subject::Kept(ids) => {
                arrays.put_list("kept".to_owned(), ids.iter().copied());
                Some(KEPT)
            }
            Subject::Sets(sets) => {
                arrays.put_id_lists("sets.offsets".to_owned(), "sets.labels".to_owned(), sets);
                Some(SETS)
            }
        }
    }

    /// Removes the arrays of the subject with this name.
    ///
    /// # Errors
    /// The name is not known, or an array is missing or has another type or length.
    pub(super) fn take(name: Option<&str>, arrays: &mut Arrays) -> Result<Self, String> {
        match name {
            None | Some(HEAD) => Ok(Subject::Head),
            Some(KEPT) => Ok(Subject::Kept(arrays.take_list("kept")?)),
            Some(SETS) => {
                let labels: Vec<u32> = arrays.take_list("sets.labels")?;
                Ok(Subject::Sets(arrays.cut_all("sets.offsets", &labels)?))
            }
            Some(other) => Err(format!("the subject {other:?} is not known to this version")),
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
        let mut record = self.clone();
        // Without `..`, so that a new list cannot be forgotten here.
        let AuditRecord {
            domain: _,
            inside: _,
            scope,
            maps,
            witnesses,
            integers,
            enclosed,
            exact,
            ball_losses,
            carried,
            carried_from: _,
            ties,
            only_wins,
            only_losses,
            dominated,
            undecided,
            capped,
            ceilings,
            ranks,
        } = &mut record;
        if let Some(ids) = scope {
            rename_all(ids, token)?;
        }
        for map in maps {
            rename_firsts(&mut map.winners, token)?;
        }
        rename_firsts(witnesses, token)?;
        for (id, _, _) in integers {
            *id = token(*id)?;
        }
        for record in enclosed {
            record.rename(token, rival)?;
        }
        for (id, weights) in exact {
            *id = token(*id)?;
            rename_firsts(weights, rival)?;
        }
        for record in ball_losses {
            record.rename(token, rival)?;
        }
        rename_all(carried, token)?;
        for members in ties {
            rename_all(members, token)?;
        }
        rename_all(only_wins, token)?;
        for pairs in [only_losses, dominated] {
            for (id, other) in pairs {
                (*id, *other) = (token(*id)?, rival(*other)?);
            }
        }
        for record in undecided {
            record.rename(token, rival)?;
        }
        rename_firsts(capped, token)?;
        for record in ceilings {
            record.rename(token, rival)?;
        }
        if let Some(ranks) = ranks {
            ranks.rename(token, rival)?;
        }
        Ok(record)
    }
}

impl EnclosedRecord {
    /// Replaces the ids.
    fn rename(&mut self, token: Renaming, rival: Renaming) -> Result<(), String> {
        let EnclosedRecord { token: id, basic, frozen, equations: _ } = self;
        *id = token(*id)?;
        rename_firsts(basic, rival)?;
        rename_firsts(frozen, rival)
    }
}

impl BallLossRecord {
    /// Replaces the ids.
    fn rename(&mut self, token: Renaming, rival: Renaming) -> Result<(), String> {
        let BallLossRecord { token: id, rivals, ends: _ } = self;
        *id = token(*id)?;
        rename_firsts(rivals, rival)
    }
}

impl UndecidedRecord {
    /// Replaces the ids.
    fn rename(&mut self, token: Renaming, rival: Renaming) -> Result<(), String> {
        let UndecidedRecord { token: id, upper: _, multipliers } = self;
        for (kind, index, _) in multipliers {
            if *kind == MultiplierKind::Token {
                *index = rival(*index)?;
            }
        }
        *id = token(*id)?;
        Ok(())
    }
}

impl CeilingRecord {
    /// Replaces the ids.
    fn rename(&mut self, token: Renaming, rival: Renaming) -> Result<(), String> {
        let CeilingRecord {
            token: id,
            low: _,
            high: _,
            point: _,
            basic,
            frozen,
            equations: _,
            ends: _,
            at_point: _,
        } = self;
        *id = token(*id)?;
        rename_firsts(basic, rival)?;
        rename_firsts(frozen, rival)
    }
}

impl RankRecords {
    /// Replaces the ids.
    fn rename(&mut self, token: Renaming, rival: Renaming) -> Result<(), String> {
        let RankRecords { ends, points, enclosed, exact, outweighed } = self;
        for (id, _, _) in ends {
            *id = token(*id)?;
        }
        rename_firsts(points, token)?;
        for (set, _) in enclosed {
            set.rename(token, rival)?;
        }
        for ((id, weights), _) in exact {
            *id = token(*id)?;
            rename_firsts(weights, rival)?;
        }
        for (set, _) in outweighed {
            set.rename(token, rival)?;
        }
        Ok(())
    }
}

/// Replaces ids.
fn rename_all(ids: &mut [u32], other: Renaming) -> Result<(), String> {
    for id in ids {
        *id = other(*id)?;
    }
    Ok(())
}

/// Replaces the ids that begin these pairs.
fn rename_firsts<T>(pairs: &mut [(u32, T)], other: Renaming) -> Result<(), String> {
    for (id, _) in pairs {
        *id = other(*id)?;
    }
    Ok(())
}
