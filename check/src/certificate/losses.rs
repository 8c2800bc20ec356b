//! Writes and reads the dual certificates (weights of rivals) in a certificate file.

use std::mem::take;

use num_bigint::BigInt;

use super::arrays::{Arrays, paired};
use super::domain::Name;
use super::{BallLossRecord, EnclosedRecord, MultiplierKind, UndecidedRecord};

impl EnclosedRecord {
    /// Adds the arrays of all records of an audit.
    pub(super) fn put_all(records: &[&Self], arrays: &mut Arrays, name: &Name) {
        arrays.put_field(name("enclosed.ids"), records, |e| e.token);
        put_weights(records, |e| &e.basic, arrays, name, "enclosed.basic", "rivals");
        put_weights(records, |e| &e.frozen, arrays, name, "enclosed.frozen", "rivals");
        let equations = arrays.join(name("enclosed.equations.offsets"), records, |e| &e.equations);
        arrays.put_field(name("enclosed.equations"), &equations, |&&k| k);
    }

    /// Removes what [`EnclosedRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("enclosed.ids"))?;
        let count = ids.len();
        let mut basic = take_weights(arrays, name, count, "enclosed.basic", "rivals")?;
        let mut frozen = take_weights(arrays, name, count, "enclosed.frozen", "rivals")?;
        let equations: Vec<u32> = arrays.take_list(&name("enclosed.equations"))?;
        let mut equations = arrays.cut(&name("enclosed.equations.offsets"), count, &equations)?;
        let mut records = Vec::with_capacity(count);
        for (i, token) in ids.into_iter().enumerate() {
            records.push(EnclosedRecord {
                token,
                basic: take(&mut basic[i]),
                frozen: take(&mut frozen[i]),
                equations: take(&mut equations[i]),
            });
        }
        Ok(records)
    }
}

/// Adds the lists of pairs (index, weight) of all records, as the arrays `{field}.offsets`, `{field}.{indices}` and
/// `{field}.weights`.
pub(super) fn put_weights<R>(
    records: &[R],
    list: fn(&R) -> &[(u32, f64)],
    arrays: &mut Arrays,
    name: &Name,
    field: &str,
    indices: &str,
) {
    let pairs = arrays.join(name(&format!("{field}.offsets")), records, list);
    arrays.put_field(name(&format!("{field}.{indices}")), &pairs, |pair| pair.0);
    arrays.put_field(name(&format!("{field}.weights")), &pairs, |pair| pair.1);
}

/// Removes `count` lists that [`put_weights`] adds.
pub(super) fn take_weights(
    arrays: &mut Arrays,
    name: &Name,
    count: usize,
    field: &str,
    indices: &str,
) -> Result<Vec<Vec<(u32, f64)>>, String> {
    let indices: Vec<u32> = arrays.take_list(&name(&format!("{field}.{indices}")))?;
    let weights = arrays.take_exactly(&name(&format!("{field}.weights")), indices.len())?;
    arrays.cut(&name(&format!("{field}.offsets")), count, &paired(indices, weights))
}

/// Adds the tokens that lose by exact weights: rivals and positive integers.
pub(super) fn put_exact(records: &[&(u32, Vec<(u32, BigInt)>)], arrays: &mut Arrays, name: &Name) {
    arrays.put_field(name("exact.ids"), records, |e| e.0);
    let pairs = arrays.join(name("exact.offsets"), records, |e| &e.1);
    put_integer_weights(&pairs, arrays, name("exact.rivals"), &name("exact.weights"));
}

/// Removes what [`put_exact`] adds.
#[allow(clippy::type_complexity)]
pub(super) fn take_exact(
    arrays: &mut Arrays,
    name: &Name,
) -> Result<Vec<(u32, Vec<(u32, BigInt)>)>, String> {
    let ids: Vec<u32> = arrays.take_list(&name("exact.ids"))?;
    let fields = ["exact.rivals", "exact.weights", "exact.offsets"];
    let weights = take_integer_weights(arrays, name, ids.len(), fields)?;
    Ok(paired(ids, weights))
}

/// Adds pairs (index, integer).
fn put_integer_weights(
    pairs: &[&(u32, BigInt)],
    arrays: &mut Arrays,
    indices: String,
    integers: &str,
) {
    arrays.put_field(indices, pairs, |pair| pair.0);
    let weights: Vec<&BigInt> = pairs.iter().map(|pair| &pair.1).collect();
    arrays.put_integers(integers, &weights);
}

/// Removes lists of pairs (index, integer) from the arrays of these names: indices, integers and offsets.
fn take_integer_weights(
    arrays: &mut Arrays,
    name: &Name,
    count: usize,
    [indices, integers, offsets]: [&str; 3],
) -> Result<Vec<Vec<(u32, BigInt)>>, String> {
    let indices: Vec<u32> = arrays.take_list(&name(indices))?;
    let integers = arrays.take_integers(&name(integers), indices.len())?;
    arrays.cut(&name(offsets), count, &paired(indices, integers))
}

// The names of the arrays are those that this kind of proof had in the first versions of the format.
impl BallLossRecord {
    /// Adds the arrays of all records of an audit.
    pub(super) fn put_all(records: &[&Self], arrays: &mut Arrays, name: &Name) {
        arrays.put_field(name("outweighed.ids"), records, |o| o.token);
        let rivals = arrays.join(name("outweighed.offsets"), records, |o| &o.rivals);
        let weights = name("outweighed.weights");
        put_integer_weights(&rivals, arrays, name("outweighed.rivals"), &weights);
        let ends = arrays.join(name("outweighed.ends.offsets"), records, |o| &o.ends);
        let multipliers = name("outweighed.ends.multipliers");
        put_integer_weights(&ends, arrays, name("outweighed.ends"), &multipliers);
    }

    /// Removes what [`BallLossRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("outweighed.ids"))?;
        let fields = ["outweighed.rivals", "outweighed.weights", "outweighed.offsets"];
        let mut rivals = take_integer_weights(arrays, name, ids.len(), fields)?;
        let fields = ["outweighed.ends", "outweighed.ends.multipliers", "outweighed.ends.offsets"];
        let mut ends = take_integer_weights(arrays, name, ids.len(), fields)?;
        let mut records = Vec::with_capacity(ids.len());
        for (i, token) in ids.into_iter().enumerate() {
            let (rivals, ends) = (take(&mut rivals[i]), take(&mut ends[i]));
            records.push(BallLossRecord { token, rivals, ends });
        }
        Ok(records)
    }
}

impl MultiplierKind {
    const ALL: [MultiplierKind; 4] = [
        MultiplierKind::Token,
        MultiplierKind::Lower,
        MultiplierKind::Upper,
        MultiplierKind::Scale,
    ];

    /// The kind with this number in the file.
    fn from_number(number: u8) -> Result<Self, String> {
        let kind = Self::ALL.into_iter().find(|&kind| kind as u8 == number);
        kind.ok_or_else(|| format!("the kind of multiplier {number} is not known to this version"))
    }
}

impl UndecidedRecord {
    /// Adds the arrays of all records of an audit.
    pub(super) fn put_all(records: &[Self], arrays: &mut Arrays, name: &Name) {
        arrays.put_field(name("undecided.ids"), records, |u| u.token);
        arrays.put_field(name("undecided.upper"), records, |u| u.upper);
        let multipliers = arrays.join(name("undecided.offsets"), records, |u| &u.multipliers);
        arrays.put_field(name("undecided.kinds"), &multipliers, |m| m.0 as u8);
        arrays.put_field(name("undecided.indices"), &multipliers, |m| m.1);
        arrays.put_field(name("undecided.weights"), &multipliers, |m| m.2);
    }

    /// Removes what [`UndecidedRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("undecided.ids"))?;
        let upper: Vec<f64> = arrays.take_exactly(&name("undecided.upper"), ids.len())?;
        let kinds: Vec<u8> = arrays.take_list(&name("undecided.kinds"))?;
        let indices: Vec<u32> = arrays.take_exactly(&name("undecided.indices"), kinds.len())?;
        let weights: Vec<f64> = arrays.take_exactly(&name("undecided.weights"), kinds.len())?;
        let mut multipliers = Vec::with_capacity(kinds.len());
        for (i, kind) in kinds.into_iter().enumerate() {
            multipliers.push((MultiplierKind::from_number(kind)?, indices[i], weights[i]));
        }
        let mut lists = arrays.cut(&name("undecided.offsets"), ids.len(), &multipliers)?;
        let mut records = Vec::with_capacity(ids.len());
        for (i, token) in ids.into_iter().enumerate() {
            let multipliers = take(&mut lists[i]);
            records.push(UndecidedRecord { token, upper: upper[i], multipliers });
        }
        Ok(records)
    }
}
