//! Writes and reads what an audit proves beyond verdicts. Each measure has a name in the description of the audit, and
//! its arrays are there if and only if the description names it.

use super::AuditRecord;
use super::arrays::Arrays;
use super::domain::Name;

/// The names of the measures, in the order in which a description lists them.
const CAPPED: &str = "capped";

impl AuditRecord {
    /// Whether the record proves anything beyond verdicts.
    pub(crate) fn has_measures(&self) -> bool {
        !self.capped.is_empty()
    }

    /// Adds the arrays of all measures of an audit, and returns their names for the description.
    pub(super) fn put_measures(&self, arrays: &mut Arrays, name: &Name) -> Vec<&'static str> {
        let mut measures = Vec::new();
        if !self.capped.is_empty() {
            arrays.put_list(name("capped.ids"), self.capped.iter().map(|c| c.0));
            arrays.put_list(name("capped.upper"), self.capped.iter().map(|c| c.1));
            measures.push(CAPPED);
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
                other => {
                    return Err(format!("the measure {other:?} is not known to this version"));
                }
            }
        }
        Ok(())
    }
}
