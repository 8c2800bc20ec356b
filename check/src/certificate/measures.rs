//! Writes and reads what an audit proves beyond verdicts. Each measure has a name in the description of the audit, and
//! its arrays are there if and only if the description names it.

use std::collections::HashSet;

use super::arrays::Arrays;
use super::domain::Name;
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
    pub(super) fn put_measures(
        &self,
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
    ) -> Vec<&'static str> {
        let mut measures = Vec::new();
        if !self.capped.is_empty() {
            arrays.put_list(name("capped.ids"), self.capped.iter().map(|c| c.0));
            arrays.put_list(name("capped.upper"), self.capped.iter().map(|c| c.1));
            measures.push(CAPPED);
        }
        if !self.ceilings.is_empty() {
            CeilingRecord::put_all(&self.ceilings, arrays, name);
            measures.push(CEILINGS);
        }
        if let Some(ranks) = &self.ranks {
            ranks.put(arrays, name, dim);
            measures.push(RANKS);
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
                    self.capped = ids.into_iter().zip(upper).collect();
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
        arrays.put_list(field("ids"), records.iter().map(|c| c.token));
        arrays.put_list(field("low"), records.iter().map(|c| c.low));
        arrays.put_list(field("high"), records.iter().map(|c| c.high));
        arrays.put_offsets(field("points.offsets"), records.iter().map(|c| c.point.len()));
        arrays.put_list(field("points"), records.iter().flat_map(|c| c.point.iter().copied()));
        let counts = records.iter().map(|c| c.equations.len());
        arrays.put_offsets(field("equations.offsets"), counts);
        let equations = records.iter().flat_map(|c| c.equations.iter().copied());
        arrays.put_list(field("equations"), equations);
        let lists: [(&str, fn(&Self) -> &Vec<(u32, f64)>); 3] =
            [("basic", |c| &c.basic), ("frozen", |c| &c.frozen), ("ends", |c| &c.ends)];
        for (part, list) in lists {
            let field = |of: &str| field(&format!("{part}.{of}"));
            arrays.put_offsets(field("offsets"), records.iter().map(|c| list(c).len()));
            let pairs = || records.iter().flat_map(list);
            arrays.put_list(field("indices"), pairs().map(|pair| pair.0));
            arrays.put_list(field("weights"), pairs().map(|pair| pair.1));
        }
        let at_point: Vec<u32> = records.iter().filter(|c| c.at_point).map(|c| c.token).collect();
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
        let points = arrays.cut(&field("points.offsets"), count, &points)?;
        let equations: Vec<u32> = arrays.take_list(&field("equations"))?;
        let equations = arrays.cut(&field("equations.offsets"), count, &equations)?;
        let mut take = |part: &str| {
            let field = |of: &str| field(&format!("{part}.{of}"));
            let indices: Vec<u32> = arrays.take_list(&field("indices"))?;
            let weights: Vec<f64> = arrays.take_exactly(&field("weights"), indices.len())?;
            let pairs: Vec<(u32, f64)> = indices.into_iter().zip(weights).collect();
            arrays.cut(&field("offsets"), count, &pairs)
        };
        let (basic, frozen, ends) = (take("basic")?, take("frozen")?, take("ends")?);
        let at_point = at_point(arrays, &field(AT_POINT), &ids)?;
        let values =
            ids.into_iter().zip(low.into_iter().zip(high)).zip(points.into_iter().zip(equations));
        let weights = basic.into_iter().zip(frozen.into_iter().zip(ends.into_iter().zip(at_point)));
        let record =
            |(((token, (low, high)), (point, equations)), (basic, (frozen, (ends, at_point))))| {
                CeilingRecord { token, low, high, point, basic, frozen, equations, ends, at_point }
            };
        Ok(values.zip(weights).map(record).collect())
    }
}

/// Which of these tokens are in the list with this name; there is none where no token is.
fn at_point(arrays: &mut Arrays, name: &str, ids: &[u32]) -> Result<Vec<bool>, String> {
    if !arrays.names().any(|other| other == name) {
        return Ok(vec![false; ids.len()]);
    }
    let mut listed: HashSet<u32> = arrays.take_list(name)?.into_iter().collect();
    let at_point = ids.iter().map(|token| listed.remove(token)).collect();
    match listed.into_iter().min() {
        Some(other) => Err(format!("{name:?} names token {other}, which has no interval")),
        None => Ok(at_point),
    }
}
