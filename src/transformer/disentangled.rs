//! DeBERTa's disentangled attention: besides queries and keys of contents, learned vectors of distances give scores, as
//! keys for the queries (content to position) and as queries for the keys (position to content).
//!
//! He, Liu, Gao and Chen, "DeBERTa: decoding-enhanced BERT with disentangled attention", 2021, section 3.1; buckets and
//! shared maps: `models/deberta_v2/modeling_deberta_v2.py` of transformers.

use std::ops::Range;

use candle_core::{Device, Tensor};

use super::linear::Linear;
use crate::error::Result;

/// What the scores of distances are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisentangledSizes {
    /// The number of distances on each side that have a vector of their own.
    pub span: usize,
    /// The distance up to which larger distances share buckets, if they do: the first half of `span` holds one distance
    /// each.
    pub furthest: Option<usize>,
    /// Whether distances are keys for the queries of contents (`c2p`).
    pub as_keys: bool,
    /// Whether distances are queries for the keys of contents (`p2c`).
    pub as_queries: bool,
    /// Whether vectors of distances are mapped as contents are, and not by maps of their own.
    pub shared: bool,
    /// Whether a norm is applied to the vectors of distances.
    pub normed: bool,
}

impl DisentangledSizes {
    /// Returns the row of the table of distances for a query and a key.
    fn row(&self, query: usize, key: usize) -> usize {
        let distance = query as i64 - key as i64;
        let distance = match self.furthest {
            Some(furthest) => bucket(distance, self.span, furthest),
            None => distance,
        };
        (distance + self.span as i64).clamp(0, 2 * self.span as i64 - 1) as usize
    }
}

/// Returns the bucket of a distance. Its logarithms are computed in float32, as in the reference.
fn bucket(distance: i64, buckets: usize, furthest: usize) -> i64 {
    let middle = (buckets / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    let part = (distance.abs() as f32 / middle as f32).ln();
    let whole = ((furthest as f64 - 1.0) / middle as f64) as f32;
    let further = (part / whole.ln() * (middle - 1) as f32).ceil() + middle as f32;
    further as i64 * distance.signum()
}

/// The distances between the queries and keys of a pass, as rows of a part of the table.
#[derive(Clone)]
pub(super) struct DistanceRows {
    /// The row of each distance, from that of the first query and the last key on.
    rows: Vec<u32>,
    /// The largest number of a key of the pass, less that of its first query.
    ahead: usize,
}

impl DistanceRows {
    /// Finds the rows for `queries` and the keys from 0 to `keys`, which reach the first query at least.
    pub fn new(sizes: &DisentangledSizes, queries: &Range<usize>, keys: usize) -> Self {
        let ahead = keys - 1 - queries.start;
        let forwards = (1..=ahead).rev().map(|distance| sizes.row(0, distance) as u32);
        let backwards = (0..queries.end).map(|distance| sizes.row(distance, 0) as u32);
        DistanceRows { rows: forwards.chain(backwards).collect(), ahead }
    }

    /// The rows that occur, from the first to the last; they grow with the distance.
    fn part(&self) -> Range<usize> {
        self.rows[0] as usize..self.rows[self.rows.len() - 1] as usize + 1
    }

    /// Returns the row of each query and key, from the first of the part, `1 x 1 x queries x keys`.
    fn of(&self, queries: &Range<usize>, keys: &Range<usize>) -> Result<Tensor> {
        let mut rows = Vec::with_capacity(queries.len() * keys.len());
        for query in queries.clone() {
            rows.extend(keys.clone().map(|key| self.rows[query + self.ahead - key] - self.rows[0]));
        }
        Ok(Tensor::from_vec(rows, (1, 1, queries.len(), keys.len()), &Device::Cpu)?)
    }
}

/// The tensors that a disentangled attention has in addition to its four maps.
#[derive(Clone, Debug)]
pub(super) struct Disentangled {
    /// The vectors of distances, `2 span x d`, the same in all layers.
    pub table: Tensor,
    /// The map to their keys, `d` to `H x head`, where they are keys.
    pub keys: Option<Linear>,
    /// The map to their queries, `d` to `H x head`, where they are queries.
    pub queries: Option<Linear>,
}

/// The keys and queries of the distances of one pass, `1 x H x head x rows` each.
pub(super) struct MappedDistances<'a> {
    distances: &'a DistanceRows,
    keys: Option<Tensor>,
    queries: Option<Tensor>,
}

impl Disentangled {
    /// Maps the vectors of `distances`, for `heads` of `width`.
    pub fn mapped<'a>(
        &self,
        distances: &'a DistanceRows,
        heads: usize,
        width: usize,
    ) -> Result<MappedDistances<'a>> {
        let part = self.table.narrow(0, distances.part().start, distances.part().len())?;
        let mapped = |map: &Linear| -> Result<Tensor> {
            let vectors = map.forward(&part)?.reshape(((), heads, width))?;
            Ok(vectors.permute((1, 2, 0))?.unsqueeze(0)?.contiguous()?)
        };
        let keys = self.keys.as_ref().map(mapped).transpose()?;
        let queries = self.queries.as_ref().map(mapped).transpose()?;
        Ok(MappedDistances { distances, keys, queries })
    }

    /// Copies the tensors, so that they share no memory with these.
    pub fn unshared(&self) -> Result<Self> {
        let copied = |map: &Option<Linear>| map.as_ref().map(Linear::unshared).transpose();
        Ok(Disentangled {
            table: self.table.copy()?,
            keys: copied(&self.keys)?,
            queries: copied(&self.queries)?,
        })
    }
}

impl MappedDistances<'_> {
    /// Computes what distances add to the scores of `queries` and `keys` (`B x H x t x head`, `B x H x T x head`) at these
    /// positions, not yet scaled, `B x H x t x T`.
    pub fn scores(
        &self,
        (queries, at): (&Tensor, &Range<usize>),
        (keys, key_at): (&Tensor, &Range<usize>),
    ) -> Result<Option<Tensor>> {
        let (batch, heads, count, _) = queries.dims4()?;
        let length = key_at.len();
        let rows = self.distances.of(at, key_at)?;
        let as_keys = self.keys.as_ref().map(|mapped| -> Result<Tensor> {
            let rows = rows.broadcast_as((batch, heads, count, length))?;
            let scores = queries.broadcast_matmul(mapped)?;
            Ok(scores.gather(&rows.contiguous()?, 3)?)
        });
        let as_queries = self.queries.as_ref().map(|mapped| -> Result<Tensor> {
            let rows = rows.t()?.broadcast_as((batch, heads, length, count))?;
            let scores = keys.broadcast_matmul(mapped)?;
            Ok(scores.gather(&rows.contiguous()?, 3)?.t()?)
        });
        Ok(match (as_keys.transpose()?, as_queries.transpose()?) {
            (Some(a), Some(b)) => Some((a + b)?),
            (one, other) => one.or(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the published models, 256 buckets up to the distance 512.
    #[test]
    fn distances_fall_into_the_buckets_of_the_reference() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/forward/deberta-v2/golden.json");
        let golden: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let golden = &golden["buckets"];
        let number = |key: &str| golden[key].as_i64().unwrap();
        let expected = golden["bucket"].as_array().unwrap();
        assert!(expected.len() > 1000);
        for (distance, expected) in (number("first")..).zip(expected) {
            let ours = bucket(distance, number("count") as usize, number("furthest") as usize);
            assert_eq!(Some(ours), expected.as_i64(), "{distance}");
        }
    }
}
