//! Writes and reads winning points in a certificate file.

use num_bigint::BigInt;

use super::arrays::Arrays;
use super::domain::Name;
use super::{Linear, MapRecord};

impl MapRecord {
    /// Adds the arrays of all maps of an audit, and returns the kind of each for the description.
    pub(super) fn put_all(
        maps: &[MapRecord],
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
    ) -> Vec<&'static str> {
        let put = |(m, map): (usize, &MapRecord)| {
            let field = |part: &str| name(&format!("map{m}.{part}"));
            arrays.put_list(field("centre"), map.centre.iter().copied());
            let kind = match &map.linear {
                Linear::Identity => "identity",
                Linear::Matrix(matrix) => {
                    arrays.put(field("matrix"), vec![dim, dim], matrix.iter().copied());
                    "matrix"
                }
                Linear::LowRank { rest, gains, basis } => {
                    arrays.put_list(field("rest"), [*rest]);
                    arrays.put_list(field("gains"), gains.iter().copied());
                    arrays.put(field("basis"), vec![gains.len(), dim], basis.iter().copied());
                    "low-rank"
                }
            };
            arrays.put_list(field("ids"), map.winners.iter().map(|s| s.0));
            arrays.put_list(field("scales"), map.winners.iter().map(|s| s.1));
            kind
        };
        maps.iter().enumerate().map(put).collect()
    }

    /// Removes the arrays of the maps of these kinds, and returns the maps.
    pub(super) fn take_all(
        kinds: &[String],
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
        version: u64,
    ) -> Result<Vec<MapRecord>, String> {
        let take = |(m, kind): (usize, &String)| {
            let field = |part: &str| name(&format!("map{m}.{part}"));
            let linear = match kind.as_str() {
                "identity" => Linear::Identity,
                "matrix" => Linear::Matrix(take_matrix(arrays, &field("matrix"), [dim, dim])?),
                "low-rank" if version > 3 => {
                    let gains: Vec<f64> = arrays.take_list(&field("gains"))?;
                    let basis = take_matrix(arrays, &field("basis"), [gains.len(), dim])?;
                    let rest: Vec<f64> = arrays.take_exactly(&field("rest"), 1)?;
                    Linear::LowRank { rest: rest[0], gains, basis }
                }
                other => {
                    return Err(format!("the kind of map {other:?} is not known to this version"));
                }
            };
            let ids: Vec<u32> = arrays.take_list(&field("ids"))?;
            let scales: Vec<f64> = arrays.take_exactly(&field("scales"), ids.len())?;
            let centre = arrays.take_exactly(&field("centre"), dim)?;
            Ok(MapRecord { centre, linear, winners: ids.into_iter().zip(scales).collect() })
        };
        kinds.iter().enumerate().map(take).collect()
    }
}

/// Removes a matrix of this shape.
fn take_matrix(arrays: &mut Arrays, name: &str, expected: [usize; 2]) -> Result<Vec<f32>, String> {
    let (values, shape) = arrays.take(name)?;
    if shape == expected {
        Ok(values)
    } else {
        Err(format!("the array `{name}` has shape {shape:?}, not {expected:?}"))
    }
}

/// Adds tokens and the float64 points (`d`) where they win.
pub(super) fn put_floats(points: &[(u32, Vec<f64>)], arrays: &mut Arrays, name: &Name, dim: usize) {
    arrays.put_list(name("witness.ids"), points.iter().map(|w| w.0));
    let numbers = points.iter().flat_map(|w| w.1.iter().copied());
    arrays.put(name("witness.points"), vec![points.len(), dim], numbers);
}

/// Removes what [`put_floats`] adds.
pub(super) fn take_floats(
    arrays: &mut Arrays,
    name: &Name,
    dim: usize,
) -> Result<Vec<(u32, Vec<f64>)>, String> {
    let ids: Vec<u32> = arrays.take_list(&name("witness.ids"))?;
    let (points, shape) = arrays.take::<f64>(&name("witness.points"))?;
    if shape != [ids.len(), dim] {
        let (name, count) = (name("witness.points"), ids.len());
        return Err(format!("the array `{name}` has shape {shape:?}, not [{count}, {dim}]"));
    }
    Ok(ids.into_iter().zip(points.chunks(dim).map(<[f64]>::to_vec)).collect())
}

/// Tokens and points as numerators (`d`) over a positive denominator.
type IntegerPoints = Vec<(u32, Vec<BigInt>, BigInt)>;

/// Adds the tokens that win at points of integers.
pub(super) fn put_integers(points: &IntegerPoints, arrays: &mut Arrays, name: &Name) {
    arrays.put_list(name("integer.ids"), points.iter().map(|w| w.0));
    let numbers = points.iter().flat_map(|w| w.1.iter().chain([&w.2]));
    arrays.put_integers(&name("integer.points"), numbers);
}

/// Removes what [`put_integers`] adds.
pub(super) fn take_integers(
    arrays: &mut Arrays,
    name: &Name,
    dim: usize,
) -> Result<IntegerPoints, String> {
    let ids: Vec<u32> = arrays.take_list(&name("integer.ids"))?;
    let count = ids.len().checked_mul(dim + 1).ok_or("too many integers")?;
    let integers = arrays.take_integers(&name("integer.points"), count)?;
    let points = integers.chunks(dim + 1).map(|p| (p[..dim].to_vec(), p[dim].clone()));
    Ok(ids.into_iter().zip(points).map(|(t, (point, over))| (t, point, over)).collect())
}
