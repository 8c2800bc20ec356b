//! Biases of the scores by the distance of query and key: learned by T5, falling with a slope in ALiBi.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use half::bf16;

use super::buckets::Buckets;
use crate::error::Result;

/// What is added to the scores of each head.
#[derive(Clone, Debug)]
pub(super) enum DistanceBias {
    /// T5's table.
    Buckets(Buckets),
    /// ALiBi's slope of each head.
    Slopes(Vec<f32>),
    /// The same, by the position of the key and rounded to bfloat16, over a number (`build_alibi_tensor` of Falcon in
    /// transformers).
    Rounded(Vec<f32>, f32),
}

impl DistanceBias {
    /// Returns the bias of the scores, `[1, H, queries, keys]`.
    pub fn bias(&self, queries: Range<usize>, keys: Range<usize>, dtype: DType) -> Result<Tensor> {
        let (count, length) = (queries.len(), keys.len());
        let (heads, numbers) = match self {
            DistanceBias::Buckets(buckets) => return buckets.bias(queries, keys),
            DistanceBias::Rounded(slopes, over) => {
                let rounded = |x: f32| bf16::from_f32(x).to_f32();
                let mut numbers = Vec::with_capacity(slopes.len() * count * length);
                for slope in slopes.iter().map(|&slope| rounded(slope)) {
                    let bias = |key| rounded(slope * rounded(key as f32)) / over;
                    let line: Vec<f32> = keys.clone().map(bias).collect();
                    (0..count).for_each(|_| numbers.extend_from_slice(&line));
                }
                (slopes.len(), numbers)
            }
            DistanceBias::Slopes(slopes) => {
                let mut numbers = Vec::with_capacity(slopes.len() * count * length);
                for &slope in slopes {
                    for query in queries.clone() {
                        let bias = |key: usize| slope * (key as f32 - query as f32);
                        numbers.extend(keys.clone().map(bias));
                    }
                }
                (slopes.len(), numbers)
            }
        };
        let numbers = Tensor::from_vec(numbers, (1, heads, count, length), &Device::Cpu)?;
        Ok(numbers.to_dtype(dtype)?)
    }
}

/// ALiBi's slopes (Press et al., 2021, section 3): `2^(-8 / n)`, its square, its cube and so on, with `n` the largest
/// power of two up to the number of heads; further heads take every other slope of twice as many.
pub(super) fn slopes(heads: usize) -> Vec<f32> {
    let powers = 1 << heads.max(1).ilog2();
    let slope = |k: usize, n: usize| 2f64.powf(-8.0 * k as f64 / n as f64) as f32;
    let further = (0..heads - powers).map(|k| slope(2 * k + 1, 2 * powers));
    (1..=powers).map(|k| slope(k, powers)).chain(further).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_are_those_of_the_paper() {
        let eighths: Vec<f32> = (1..=8).map(|k| 0.5f32.powi(k)).collect();
        assert_eq!(slopes(8), eighths);
        assert_eq!(slopes(16)[1], 0.5);
        // Six heads: four of 2^-2 each, and the first and third of eight heads.
        assert_eq!(slopes(6), [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]);
        assert_eq!(slopes(1), [0.00390625]);
    }
}
