//! Writes and reads one audit of a certificate file: its description and its arrays.

use super::arrays::{Arrays, paired};
use super::description::AuditDescription;
use super::domain::Name;
use super::{AuditRecord, BallLossRecord, EnclosedRecord, MapRecord, UndecidedRecord};
use super::{domain, losses, points};
use crate::domain::{Ball, Inside};

impl AuditRecord {
    /// Adds the arrays of the audit with this index and returns its description.
    pub(super) fn put(
        &self,
        arrays: &mut Arrays,
        index: usize,
        dim: usize,
        version: u64,
    ) -> AuditDescription {
        let name = |field: &str| format!("audit{index}.{field}");
        let kind = domain::put(arrays, &name, &self.domain, self.inside.as_ref());
        if let Some(scope) = &self.scope {
            arrays.put_list(name("scope"), scope.iter().copied());
        }
        let maps = MapRecord::put_all(&self.maps, arrays, &name, dim);
        points::put_floats(&self.witnesses, arrays, &name, "witness", dim);
        points::put_integers(&self.integers, arrays, &name);
        EnclosedRecord::put_all(&self.enclosed.iter().collect::<Vec<_>>(), arrays, &name);
        losses::put_exact(&self.exact.iter().collect::<Vec<_>>(), arrays, &name);
        BallLossRecord::put_all(&self.ball_losses.iter().collect::<Vec<_>>(), arrays, &name);
        arrays.put_list(name("carried.ids"), self.carried.iter().copied());
        arrays.put_id_lists(name("tied.offsets"), name("tied.members"), &self.ties);
        if self.inside == Some(Inside::Only) {
            arrays.put_list(name("only.wins"), self.only_wins.iter().copied());
            put_pairs(arrays, &name, ["only.ids", "only.rivals"], &self.only_losses);
        }
        put_pairs(arrays, &name, ["dominated.ids", "dominated.by"], &self.dominated);
        UndecidedRecord::put_all(&self.undecided, arrays, &name);

        let measures = self.put_measures(arrays, &name, dim);
        let point = self.inside.as_ref().map(|inside| domain::kind_of_point(inside).to_owned());
        AuditDescription {
            domain: kind.to_owned(),
            centred: self.domain.ball().map(Ball::is_centred),
            carried_from: self.carried_from,
            scope: if self.scope.is_some() { "listed" } else { "all" }.to_owned(),
            maps,
            groups: self.ties.len(),
            measures: (version > 4).then_some(measures),
            point: (version > 2).then_some(point),
        }
    }

    /// Removes the arrays of the audit with this index and returns the audit.
    ///
    /// # Errors
    /// An array is missing or has another type or length, or a kind is not known.
    pub(super) fn take(
        arrays: &mut Arrays,
        index: usize,
        description: &AuditDescription,
        dim: usize,
        version: u64,
    ) -> Result<Self, String> {
        let name = |field: &str| format!("audit{index}.{field}");
        let (kind, centred) = (&description.domain, description.centred);
        let point = description.point.as_ref().and_then(|point| point.as_deref());
        let (domain, inside) = domain::take(arrays, &name, kind, centred, point, dim)?;
        let mut record = AuditRecord { inside, ..AuditRecord::blank(domain) };
        record.scope = match description.scope.as_str() {
            "all" => None,
            "listed" => Some(arrays.take_list(&name("scope"))?),
            other => return Err(format!("the scope {other:?} is not known to this version")),
        };
        record.maps = MapRecord::take_all(&description.maps, arrays, &name, dim, version)?;
        record.witnesses = points::take_floats(arrays, &name, "witness", dim)?;
        record.integers = points::take_integers(arrays, &name, dim)?;
        record.enclosed = EnclosedRecord::take_all(arrays, &name)?;
        record.exact = losses::take_exact(arrays, &name)?;
        if version > 1 {
            record.ball_losses = BallLossRecord::take_all(arrays, &name)?;
            record.carried = arrays.take_list(&name("carried.ids"))?;
            record.carried_from = description.carried_from;
        }
        if record.inside == Some(Inside::Only) {
            record.only_wins = arrays.take_list(&name("only.wins"))?;
            record.only_losses = take_pairs(arrays, &name, ["only.ids", "only.rivals"])?;
        }
        let members: Vec<u32> = arrays.take_list(&name("tied.members"))?;
        record.ties = arrays.cut(&name("tied.offsets"), description.groups, &members)?;
        record.dominated = take_pairs(arrays, &name, ["dominated.ids", "dominated.by"])?;
        record.undecided = UndecidedRecord::take_all(arrays, &name)?;
        let measures = description.measures.as_deref().unwrap_or_default();
        record.take_measures(measures, arrays, &name, dim)?;
        Ok(record)
    }
}

/// Adds a list of pairs as two arrays.
fn put_pairs(arrays: &mut Arrays, name: &Name, fields: [&str; 2], pairs: &[(u32, u32)]) {
    arrays.put_field(name(fields[0]), pairs, |pair| pair.0);
    arrays.put_field(name(fields[1]), pairs, |pair| pair.1);
}

/// Removes what [`put_pairs`] adds.
fn take_pairs(
    arrays: &mut Arrays,
    name: &Name,
    fields: [&str; 2],
) -> Result<Vec<(u32, u32)>, String> {
    let first: Vec<u32> = arrays.take_list(&name(fields[0]))?;
    let second: Vec<u32> = arrays.take_exactly(&name(fields[1]), first.len())?;
    Ok(paired(first, second))
}
