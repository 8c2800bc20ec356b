//! Writes and reads the dual certificates (weights of rivals) in a certificate file.

use num_bigint::BigInt;

use super::arrays::Arrays;
use super::domain::Name;
use super::{BallLossRecord, EnclosedRecord, MultiplierKind, UndecidedRecord};

impl EnclosedRecord {
    /// Adds the arrays of all records of an audit.
    pub(super) fn put_all(records: &[Self], arrays: &mut Arrays, name: &Name) {
        arrays.put_list(name("enclosed.ids"), records.iter().map(|e| e.token));
        let mut put = |field: &str, list: fn(&Self) -> &Vec<(u32, f64)>| {
            let name = |part: &str| name(&format!("enclosed.{field}.{part}"));
            arrays.put_offsets(name("offsets"), records.iter().map(|e| list(e).len()));
            let pairs = || records.iter().flat_map(list);
            arrays.put_list(name("rivals"), pairs().map(|pair| pair.0));
            arrays.put_list(name("weights"), pairs().map(|pair| pair.1));
        };
        put("basic", |e| &e.basic);
        put("frozen", |e| &e.frozen);
        let counts = records.iter().map(|e| e.equations.len());
        arrays.put_offsets(name("enclosed.equations.offsets"), counts);
        let equations = records.iter().flat_map(|e| e.equations.iter().copied());
        arrays.put_list(name("enclosed.equations"), equations);
    }

    /// Removes what [`EnclosedRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("enclosed.ids"))?;
        let mut take = |field: &str| {
            let name = |part: &str| name(&format!("enclosed.{field}.{part}"));
            let rivals: Vec<u32> = arrays.take_list(&name("rivals"))?;
            let weights: Vec<f64> = arrays.take_exactly(&name("weights"), rivals.len())?;
            let pairs: Vec<(u32, f64)> = rivals.into_iter().zip(weights).collect();
            arrays.cut(&name("offsets"), ids.len(), &pairs)
        };
        let (basic, frozen) = (take("basic")?, take("frozen")?);
        let equations: Vec<u32> = arrays.take_list(&name("enclosed.equations"))?;
        let equations = arrays.cut(&name("enclosed.equations.offsets"), ids.len(), &equations)?;
        let parts = basic.into_iter().zip(frozen).zip(equations);
        let record = |(token, ((basic, frozen), equations))| EnclosedRecord {
            token,
            basic,
            frozen,
            equations,
        };
        Ok(ids.into_iter().zip(parts).map(record).collect())
    }
}

/// Adds the tokens that lose by exact weights: rivals and positive integers.
pub(super) fn put_exact(records: &[(u32, Vec<(u32, BigInt)>)], arrays: &mut Arrays, name: &Name) {
    arrays.put_list(name("exact.ids"), records.iter().map(|e| e.0));
    arrays.put_offsets(name("exact.offsets"), records.iter().map(|e| e.1.len()));
    let pairs = || records.iter().flat_map(|e| &e.1);
    arrays.put_list(name("exact.rivals"), pairs().map(|pair| pair.0));
    arrays.put_integers(&name("exact.weights"), pairs().map(|pair| &pair.1));
}

/// Removes what [`put_exact`] adds.
#[allow(clippy::type_complexity)]
pub(super) fn take_exact(
    arrays: &mut Arrays,
    name: &Name,
) -> Result<Vec<(u32, Vec<(u32, BigInt)>)>, String> {
    let ids: Vec<u32> = arrays.take_list(&name("exact.ids"))?;
    let weights =
        take_weights(arrays, name, ids.len(), "exact.rivals", "exact.weights", "exact.offsets")?;
    Ok(ids.into_iter().zip(weights).collect())
}

/// Removes lists of pairs (index, integer) from the arrays of these names.
fn take_weights(
    arrays: &mut Arrays,
    name: &Name,
    count: usize,
    indices: &str,
    integers: &str,
    offsets: &str,
) -> Result<Vec<Vec<(u32, BigInt)>>, String> {
    let indices: Vec<u32> = arrays.take_list(&name(indices))?;
    let integers = arrays.take_integers(&name(integers), indices.len())?;
    let pairs: Vec<(u32, BigInt)> = indices.into_iter().zip(integers).collect();
    arrays.cut(&name(offsets), count, &pairs)
}

// The names of the arrays are those that this kind of proof had in the first versions of the format.
impl BallLossRecord {
    /// Adds the arrays of all records of an audit.
    pub(super) fn put_all(records: &[Self], arrays: &mut Arrays, name: &Name) {
        arrays.put_list(name("outweighed.ids"), records.iter().map(|o| o.token));
        arrays.put_offsets(name("outweighed.offsets"), records.iter().map(|o| o.rivals.len()));
        let rivals = || records.iter().flat_map(|o| &o.rivals);
        arrays.put_list(name("outweighed.rivals"), rivals().map(|r| r.0));
        arrays.put_integers(&name("outweighed.weights"), rivals().map(|r| &r.1));
        arrays.put_offsets(name("outweighed.ends.offsets"), records.iter().map(|o| o.ends.len()));
        let ends = || records.iter().flat_map(|o| &o.ends);
        arrays.put_list(name("outweighed.ends"), ends().map(|e| e.0));
        arrays.put_integers(&name("outweighed.ends.multipliers"), ends().map(|e| &e.1));
    }

    /// Removes what [`BallLossRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("outweighed.ids"))?;
        let mut take = |indices: &str, integers: &str, offsets: &str| {
            take_weights(arrays, name, ids.len(), indices, integers, offsets)
        };
        let rivals = take("outweighed.rivals", "outweighed.weights", "outweighed.offsets")?;
        let ends =
            take("outweighed.ends", "outweighed.ends.multipliers", "outweighed.ends.offsets")?;
        let record = |(token, (rivals, ends))| BallLossRecord { token, rivals, ends };
        Ok(ids.into_iter().zip(rivals.into_iter().zip(ends)).map(record).collect())
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
        arrays.put_list(name("undecided.ids"), records.iter().map(|u| u.token));
        arrays.put_list(name("undecided.upper"), records.iter().map(|u| u.upper));
        arrays.put_offsets(name("undecided.offsets"), records.iter().map(|u| u.multipliers.len()));
        let multipliers = || records.iter().flat_map(|u| &u.multipliers);
        arrays.put_list(name("undecided.kinds"), multipliers().map(|m| m.0 as u8));
        arrays.put_list(name("undecided.indices"), multipliers().map(|m| m.1));
        arrays.put_list(name("undecided.weights"), multipliers().map(|m| m.2));
    }

    /// Removes what [`UndecidedRecord::put_all`] adds.
    pub(super) fn take_all(arrays: &mut Arrays, name: &Name) -> Result<Vec<Self>, String> {
        let ids: Vec<u32> = arrays.take_list(&name("undecided.ids"))?;
        let upper: Vec<f64> = arrays.take_exactly(&name("undecided.upper"), ids.len())?;
        let kinds: Vec<u8> = arrays.take_list(&name("undecided.kinds"))?;
        let indices: Vec<u32> = arrays.take_exactly(&name("undecided.indices"), kinds.len())?;
        let weights: Vec<f64> = arrays.take_exactly(&name("undecided.weights"), kinds.len())?;
        let multipliers = kinds
            .into_iter()
            .zip(indices.into_iter().zip(weights))
            .map(|(kind, (index, weight))| Ok((MultiplierKind::from_number(kind)?, index, weight)))
            .collect::<Result<Vec<_>, String>>()?;
        let lists = arrays.cut(&name("undecided.offsets"), ids.len(), &multipliers)?;
        let record = |((token, upper), multipliers)| UndecidedRecord { token, upper, multipliers };
        Ok(ids.into_iter().zip(upper).zip(lists).map(record).collect())
    }
}
