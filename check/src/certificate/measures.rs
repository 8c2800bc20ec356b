//! Writes and reads what an audit proves beyond verdicts. Each measure has a name in the description of the audit, and
//! its arrays are there if and only if the description names it.

use std::collections::HashSet;
use std::mem::take;

use super::arrays::{Arrays, paired};
use super::domain::Name;
use super::losses::{put_weights, take_weights};
use super::ranks::RankRecords;
use super::{AuditRecord, CeilingRecord};

/// The names of the measures, in the order in which a description lists them.
const CAPPED: &str = "capped";
const CEILINGS: &str = "ceilings";
/// The list of the tokens whose weights are computed at their points.
const AT_POINT: &str = "at_point";
const RANKS: &str = "ranks";

impl AuditRecord {
    /// Whether the record proves anything beyond verdicts.
    pub(crate) fn has_measures(&self) -> bool {
        !self.capped.is_empty() || !self.ceilings.is_empty() || self.ranks.is_some()
    }

    /// Adds the arrays of all measures of an audit, and returns their names for the description.
    pub(super) fn put_measures(&self, arrays: &mut Arrays, name: &Name, dim: usize) -> Vec<String> {
        let mut measures = Vec::new();
        if !self.capped.is_empty() {
            arrays.put_field(name("capped.ids"), &self.capped, |c| c.0);
            arrays.put_field(name("capped.upper"), &self.capped, |c| c.1);
            measures.push(CAPPED.to_owned());
        }
        if !self.ceilings.is_empty() {
            CeilingRecord::put_all(&self.ceilings, arrays, name);
            measures.push(CEILINGS.to_owned());
        }
        if let Some(ranks) = &self.ranks {
            ranks.put(arrays, name, dim);
            measures.push(RANKS.to_owned());
        }
        measures
    }

    /// Removes the arrays of the measures with these names.
    ///
    /// # Errors
    /// A measure is not known or named twice, or an array is missing or has another type or length.
    pub(super) fn take_measures(
        &mut self,
        measures: &[String],
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
    ) -> Result<(), String> {
        for (i, measure) in measures.iter().enumerate() {
            if measures[..i].contains(measure) {
                return Err(format!("the measure {measure:?} is named twice"));
            }
            match measure.as_str() {
                CAPPED => {
                    let ids: Vec<u32> = arrays.take_list(&name("capped.ids"))?;
                    let upper: Vec<f64> = arrays.take_exactly(&name("capped.upper"), ids.len())?;
                    self.capped = paired(ids, upper);
                }
                CEILINGS => self.ceilings = CeilingRecord::take_all(arrays, name)?,
                RANKS => self.ranks = Some(RankRecords::take(arrays, name, dim)?),
                other => {
                    return Err(format!("the measure {other:?} is not known to this version"));
                }
            }
        }
        Ok(())
    }
}

impl CeilingRecord {
    /// Adds the arrays of all records of an audit.
    fn put_all(records: &[Self], arrays: &mut Arrays, name: &Name) {
        let field = |field: &str| name(&format!("ceilings.{field}"));
        arrays.put_field(field("ids"), records, |c| c.token);
        arrays.put_field(field("low"), records, |c| c.low);
        arrays.put_field(field("high"), records, |c| c.high);
        let points = arrays.join(field("points.offsets"), records, |c| &c.point);
        arrays.put_field(field("points"), &points, |&&x| x);
        let equations = arrays.join(field("equations.offsets"), records, |c| &c.equations);
        arrays.put_field(field("equations"), &equations, |&&k| k);
        put_weights(records, |c| &c.basic, arrays, &field, "basic", "indices");
        put_weights(records, |c| &c.frozen, arrays, &field, "frozen", "indices");
        put_weights(records, |c| &c.ends, arrays, &field, "ends", "indices");
        let mut at_point = Vec::new();
        for record in records {
            if record.at_point {
                at_point.push(record.token);
            }
        }
        if !at_point.is_empty() {
            arrays.put_list(field(AT_POINT), at_point);
        }
    }

    /// Removes what [`CeilingRecord::put_all`] adds.
    fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let field = |field: &str| name(&format!("ceilings.{field}"));
        let ids: Vec<u32> = arrays.take_list(&field("ids"))?;
        let count = ids.len();
        let low: Vec<f64> = arrays.take_exactly(&field("low"), count)?;
        let high: Vec<f64> = arrays.take_exactly(&field("high"), count)?;
        let points: Vec<f64> = arrays.take_list(&field("points"))?;
        let mut points = arrays.cut(&field("points.offsets"), count, &points)?;
        let equations: Vec<u32> = arrays.take_list(&field("equations"))?;
        let mut equations = arrays.cut(&field("equations.offsets"), count, &equations)?;
        let mut basic = take_weights(arrays, &field, count, "basic", "indices")?;
        let mut frozen = take_weights(arrays, &field, count, "frozen", "indices")?;
        let mut ends = take_weights(arrays, &field, count, "ends", "indices")?;
        let at_point = at_point(arrays, &field(AT_POINT), &ids)?;
        let mut records = Vec::with_capacity(count);
        for (i, token) in ids.into_iter().enumerate() {
            records.push(CeilingRecord {
                token,
                low: low[i],
                high: high[i],
                point: take(&mut points[i]),
                basic: take(&mut basic[i]),
                frozen: take(&mut frozen[i]),
                equations: take(&mut equations[i]),
                ends: take(&mut ends[i]),
                at_point: at_point[i],
            });
        }
        Ok(records)
    }
}

/// Which of these tokens are in the list with this name; there is none where no token is.
fn at_point(arrays: &mut Arrays, name: &str, ids: &[u32]) -> Result<Vec<bool>, String> {
    if !arrays.has(name) {
        return Ok(vec![false; ids.len()]);
    }
    let mut listed: HashSet<u32> = arrays.take_list(name)?.into_iter().collect();
    let at_point = ids.iter().map(|token| listed.remove(token)).collect();
    match listed.into_iter().min() {
        Some(other) => Err(format!("{name:?} names token {other}, which has no interval")),
        None => Ok(at_point),
    }
}
