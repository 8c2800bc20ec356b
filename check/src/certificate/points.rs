//! Writes and reads winning points in a certificate file.

use num_bigint::BigInt;

use super::arrays::{Arrays, paired};
use super::domain::Name;
use super::{Linear, MapRecord};

impl MapRecord {
    /// Adds the arrays of all maps of an audit, and returns the kind of each for the description.
    pub(super) fn put_all(
        maps: &[MapRecord],
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
    ) -> Vec<String> {
        let mut kinds = Vec::with_capacity(maps.len());
        for (m, map) in maps.iter().enumerate() {
            let field = |part: &str| name(&format!("map{m}.{part}"));
            arrays.put_list(field("centre"), map.centre.iter().copied());
            let kind = match &map.linear {
                Linear::Identity => "identity",
                Linear::Matrix(matrix) => {
                    arrays.put(field("matrix"), vec![dim, dim], matrix.iter().copied());
                    "matrix"
                }
                Linear::LowRank { rest, gains, basis } => {
                    arrays.put_list(field("rest"), [*rest].iter().copied());
                    arrays.put_list(field("gains"), gains.iter().copied());
                    arrays.put(field("basis"), vec![gains.len(), dim], basis.iter().copied());
                    "low-rank"
                }
            };
            arrays.put_field(field("ids"), &map.winners, |s| s.0);
            arrays.put_field(field("scales"), &map.winners, |s| s.1);
            kinds.push(kind.to_owned());
        }
        kinds
    }

    /// Removes the arrays of the maps of these kinds, and returns the maps.
    pub(super) fn take_all(
        kinds: &[String],
        arrays: &mut Arrays,
        name: &Name,
        dim: usize,
        version: u64,
    ) -> Result<Vec<MapRecord>, String> {
        let mut maps = Vec::with_capacity(kinds.len());
        for (m, kind) in kinds.iter().enumerate() {
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
            maps.push(MapRecord { centre, linear, winners: paired(ids, scales) });
        }
        Ok(maps)
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

/// Adds tokens and the float64 points (`d`) where they win, as the arrays `{field}.ids` and `{field}.points`.
pub(super) fn put_floats(
    points: &[(u32, Vec<f64>)],
    arrays: &mut Arrays,
    name: &Name,
    field: &str,
    dim: usize,
) {
    arrays.put_field(name(&format!("{field}.ids")), points, |w| w.0);
    let mut numbers = Vec::with_capacity(points.len() * dim);
    for (_, point) in points {
        numbers.extend_from_slice(point);
    }
    let shape = vec![points.len(), dim];
    arrays.put(name(&format!("{field}.points")), shape, numbers.iter().copied());
}

/// Removes what [`put_floats`] adds.
pub(super) fn take_floats(
    arrays: &mut Arrays,
    name: &Name,
    field: &str,
    dim: usize,
) -> Result<Vec<(u32, Vec<f64>)>, String> {
    let ids: Vec<u32> = arrays.take_list(&name(&format!("{field}.ids")))?;
    let array = name(&format!("{field}.points"));
    let (numbers, shape) = arrays.take::<f64>(&array)?;
    let count = ids.len();
    if shape != [count, dim] {
        return Err(format!("the array `{array}` has shape {shape:?}, not [{count}, {dim}]"));
    }
    let mut points = Vec::with_capacity(count);
    for (token, point) in ids.into_iter().zip(numbers.chunks(dim)) {
        points.push((token, point.to_vec()));
    }
    Ok(points)
}

/// Tokens and points as numerators (`d`) over a positive denominator.
type IntegerPoints = Vec<(u32, Vec<BigInt>, BigInt)>;

/// Adds the tokens that win at points of integers.
pub(super) fn put_integers(points: &IntegerPoints, arrays: &mut Arrays, name: &Name) {
    arrays.put_field(name("integer.ids"), points, |w| w.0);
    let mut numbers = Vec::new();
    for (_, numerators, denominator) in points {
        for numerator in numerators {
            numbers.push(numerator);
        }
        numbers.push(denominator);
    }
    arrays.put_integers(&name("integer.points"), &numbers);
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
    let mut points = Vec::with_capacity(ids.len());
    for (token, point) in ids.into_iter().zip(integers.chunks(dim + 1)) {
        points.push((token, point[..dim].to_vec(), point[dim].clone()));
    }
    Ok(points)
}
