//! T5's relative positions: a learned bias per head and bucket of distances, added to the scores (Raffel et al.,
//! 2020; `T5Attention._relative_position_bucket` of transformers).

use std::ops::Range;

use candle_core::{Device, Tensor};

use crate::error::Result;

/// The table of biases, which is stored in the first block of a stack and used by all its blocks.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    /// The biases, `buckets x H`.
    pub table: Tensor,
    /// The distance from which on all distances share the last bucket.
    pub furthest: usize,
    /// Whether keys may come after the query (in an encoder they do).
    pub both: bool,
}

impl Buckets {
    /// Returns the bias of the scores, `[1, H, queries, keys]`.
    pub fn bias(&self, queries: Range<usize>, keys: Range<usize>) -> Result<Tensor> {
        let (buckets, heads) = self.table.dims2()?;
        let (count, length) = (queries.len(), keys.len());
        // The bucket of each distance, from that of the last query to the first key.
        let first = keys.start as i64 - queries.end as i64 + 1;
        let of_distance: Vec<u32> = (first..keys.end as i64 - queries.start as i64)
            .map(|distance| bucket(distance, self.both, buckets, self.furthest) as u32)
            .collect();
        let mut ids = Vec::with_capacity(count * length);
        for before in (0..count).rev() {
            ids.extend_from_slice(&of_distance[before..before + length]);
        }
        let ids = Tensor::from_vec(ids, count * length, &Device::Cpu)?;
        let bias = self.table.index_select(&ids, 0)?.reshape((count, length, heads))?;
        Ok(bias.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?)
    }
}

/// Returns the bucket of a key at `distance` from its query. The logarithm is computed in float32, as in the
/// reference.
fn bucket(distance: i64, both: bool, buckets: usize, furthest: usize) -> usize {
    let (first, buckets, distance) = match both {
        true => {
            let half = buckets / 2;
            (if distance > 0 { half } else { 0 }, half, distance.unsigned_abs() as usize)
        }
        false => (0, buckets, distance.min(0).unsigned_abs() as usize),
    };
    let exact = buckets / 2;
    if distance < exact {
        return first + distance;
    }
    let part = (distance as f32 / exact as f32).ln() / (furthest as f32 / exact as f32).ln();
    let further = exact + (part * (buckets - exact) as f32) as usize;
    first + further.min(buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of all published models, at distances where the logarithm may fall on either side.
    #[test]
    fn distances_fall_into_the_buckets_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/forward/t5/golden.json");
        let golden: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let golden = &golden["buckets"];
        let number = |key: &str| golden[key].as_i64().unwrap();
        for (key, both) in [("bidirectional", true), ("causal", false)] {
            let expected = golden[key].as_array().unwrap();
            assert!(expected.len() > 300);
            for (distance, expected) in (number("first")..).zip(expected) {
                let (count, furthest) = (number("count") as usize, number("max_distance") as usize);
                let ours = bucket(distance, both, count, furthest) as u64;
                assert_eq!(Some(ours), expected.as_u64(), "{key} {distance}");
            }
        }
    }
}
