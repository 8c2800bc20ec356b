//! The masked softmax and SiLU, each in one pass over memory on all threads, where candle needs many. Both have a
//! backward pass, which candle's own fused kernels lack.
//!
//! The exponential is a polynomial that compilers vectorise (Cephes' `expf`; 2 units in the last place). Sums run in
//! 16 lanes on every processor, so that the results are the same to the last bit.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, Layout, Result, Shape, Tensor};
use multiversion::multiversion;
use rayon::prelude::*;

/// The number of partial sums.
const LANES: usize = 16;

/// The least number of elements per task of a thread.
const TASK: usize = 1 << 14;

/// Computes the softmax over keys of `scores + mask`: `[B, H, queries, keys]` with `[B or 1, 1, queries or 1, keys]`.
/// The mask has no gradient.
pub(super) fn masked_softmax(scores: &Tensor, mask: &Tensor) -> Result<Tensor> {
    scores.contiguous()?.apply_op2(&mask.contiguous()?, MaskedSoftmax)
}

/// Computes SiLU, `x sigmoid(x)`.
pub(super) fn silu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Silu)
}

/// The operation of [`masked_softmax`].
struct MaskedSoftmax;

impl CustomOp2 for MaskedSoftmax {
    fn name(&self) -> &'static str {
        "masked-softmax"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        mask: &CpuStorage,
        mask_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = scores_layout.shape().clone();
        let (_, heads, queries, keys) = shape.dims4()?;
        let (mask_rows, _, mask_queries, _) = mask_layout.shape().dims4()?;
        // Returns the row of the mask for a row of the scores.
        let mask_row = |row: usize| {
            let (text, query) = (row / (heads * queries), row % queries);
            let text = if mask_rows == 1 { 0 } else { text };
            text * mask_queries + if mask_queries == 1 { 0 } else { query }
        };
        let weights = match (scores, mask) {
            (CpuStorage::F32(scores), CpuStorage::F32(mask)) => {
                let mask = part(mask, mask_layout)?;
                let mut weights = part(scores, scores_layout)?.to_vec();
                let rows = TASK.div_ceil(keys);
                weights.par_chunks_mut(rows * keys).enumerate().for_each(|(task, part)| {
                    for (row, scores) in part.chunks_exact_mut(keys).enumerate() {
                        let at = mask_row(task * rows + row) * keys;
                        softmax(scores, &mask[at..at + keys]);
                    }
                });
                CpuStorage::F32(weights)
            }
            (CpuStorage::F64(scores), CpuStorage::F64(mask)) => {
                let mask = part(mask, mask_layout)?;
                let mut weights = part(scores, scores_layout)?.to_vec();
                for (row, scores) in weights.chunks_exact_mut(keys).enumerate() {
                    let at = mask_row(row) * keys;
                    softmax_f64(scores, &mask[at..at + keys]);
                }
                CpuStorage::F64(weights)
            }
            _ => candle_core::bail!(
                "scores of {:?} and a mask of {:?}",
                scores.dtype(),
                mask.dtype()
            ),
        };
        Ok((weights, shape))
    }

    /// The gradient of the scores, `w (g - sum(w g))`.
    fn bwd(
        &self,
        _scores: &Tensor,
        _mask: &Tensor,
        weights: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let product = (weights * gradient)?;
        let mean = product.sum_keepdim(D::Minus1)?;
        Ok((Some((product - weights.broadcast_mul(&mean)?)?), None))
    }
}

/// The operation of [`silu`].
struct Silu;

impl CustomOp1 for Silu {
    fn name(&self) -> &'static str {
        "silu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let active = match x {
            CpuStorage::F32(x) => {
                let mut active = part(x, layout)?.to_vec();
                active.par_chunks_mut(TASK).for_each(silu_f32);
                CpuStorage::F32(active)
            }
            CpuStorage::F64(x) => {
                let active = part(x, layout)?.iter().map(|x| x / (1.0 + (-x).exp()));
                CpuStorage::F64(active.collect())
            }
            _ => candle_core::bail!("SiLU of {:?}", x.dtype()),
        };
        Ok((active, layout.shape().clone()))
    }

    /// The gradient of `x`, by the slope `s + x s (1 - s)` with `s` the sigmoid.
    fn bwd(&self, x: &Tensor, active: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let sigmoid = (x.neg()?.exp()? + 1.0)?.recip()?;
        let slope = (&sigmoid + (active * (1.0 - &sigmoid)?)?)?;
        Ok(Some((gradient * slope)?))
    }
}

/// Returns the numbers of a contiguous tensor.
fn part<'a, T>(numbers: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&numbers[from..to]),
        None => candle_core::bail!("a contiguous tensor is needed"),
    }
}

/// Computes the softmax of a row under its mask, in place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn softmax(scores: &mut [f32], mask: &[f32]) {
    let mut greatest = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = scores.as_chunks_mut::<LANES>();
    let (masks, mask_rest) = mask.as_chunks::<LANES>();
    for (block, mask) in blocks.iter_mut().zip(masks) {
        for lane in 0..LANES {
            block[lane] += mask[lane];
            greatest[lane] =
                if block[lane] > greatest[lane] { block[lane] } else { greatest[lane] };
        }
    }
    let mut most = f32::NEG_INFINITY;
    for (score, mask) in rest.iter_mut().zip(mask_rest) {
        *score += mask;
        most = most.max(*score);
    }
    let most = greatest.iter().fold(most, |a, &b| a.max(b));
    let mut sums = [0f32; LANES];
    for block in blocks.iter_mut() {
        for lane in 0..LANES {
            block[lane] = exponential(block[lane] - most);
            sums[lane] += block[lane];
        }
    }
    let mut sum = 0.0;
    for score in rest.iter_mut() {
        *score = exponential(*score - most);
        sum += *score;
    }
    let sum: f32 = sum + sums.iter().sum::<f32>();
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn softmax_f64(scores: &mut [f64], mask: &[f64]) {
    scores.iter_mut().zip(mask).for_each(|(score, mask)| *score += mask);
    let most = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    scores.iter_mut().for_each(|score| *score = (*score - most).exp());
    let sum: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn silu_f32(numbers: &mut [f32]) {
    for x in numbers {
        *x /= 1.0 + exponential(-*x);
    }
}

/// Computes `e^x` for x below 88; 0 below -87. Cephes' `expf`: `x = n ln 2 + r`, a polynomial in `r`, and `2^n` by
/// its bits. NaN stays NaN.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    /// Adding this number rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > 88.0 { 88.0 } else { x };
    let clamped = if clamped < -87.0 { -87.0 } else { clamped };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let p = 1.987_569_1e-4 * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let power = (rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127)) << 23;
    let y = (p * r * r + r + 1.0) * f32::from_bits(power);
    if x < -87.0 { 0.0 } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_exponential_is_that_of_float64_to_a_few_units() {
        for step in 0..200_000 {
            let x = -86.9 + 174.8 * step as f32 / 200_000.0;
            let (ours, exact) = (f64::from(exponential(x)), f64::from(x).exp());
            assert!((ours / exact - 1.0).abs() < 3e-7, "{x}: {ours} {exact}");
        }
        assert_eq!(exponential(-1e30), 0.0);
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(f32::NAN).is_nan());
    }

    #[test]
    fn the_softmax_is_the_composed_one_for_every_length() {
        for keys in [1, 5, 16, 37] {
            let numbers = (0..2 * 3 * 2 * keys).map(|i| ((i * 37) % 23) as f32 / 4.0).collect();
            let scores = Tensor::from_vec(numbers, (2, 3, 2, keys), &Device::Cpu).unwrap();
            let hidden = (0..2 * 2 * keys).map(|i| if i % 3 == 2 { -1e30 } else { 0.0 }).collect();
            let mask: Vec<f32> = hidden;
            let mask = Tensor::from_vec(mask, (2, 1, 2, keys), &Device::Cpu).unwrap();
            let ours = masked_softmax(&scores, &mask).unwrap();
            let both = [&scores, &mask].map(|t| t.to_dtype(candle_core::DType::F64).unwrap());
            let exact = masked_softmax(&both[0], &both[1]).unwrap();
            let sum = both[0].broadcast_add(&both[1]).unwrap();
            let top = sum.max_keepdim(D::Minus1).unwrap();
            let powers = sum.broadcast_sub(&top).unwrap().exp().unwrap();
            let total = powers.sum_keepdim(D::Minus1).unwrap();
            let composed = powers.broadcast_div(&total).unwrap();
            let apart = |a: &Tensor| {
                let a = a.to_dtype(candle_core::DType::F64).unwrap();
                let apart = (a - &composed).unwrap().abs().unwrap().max_all().unwrap();
                apart.to_scalar::<f64>().unwrap()
            };
            assert!(apart(&ours) < 1e-6 && apart(&exact) < 1e-15, "{keys}");
        }
    }

    #[test]
    fn silu_and_its_slope_are_those_of_candle() {
        let numbers: Vec<f32> = (-60..60).map(|i| i as f32 / 3.0).collect();
        let x = Var::from_vec(numbers, 120, &Device::Cpu).unwrap();
        let slope = |y: Tensor| {
            let gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            gradients.get(x.as_tensor()).unwrap().to_vec1::<f32>().unwrap()
        };
        let (ours, theirs) = (silu(x.as_tensor()).unwrap(), x.as_tensor().silu().unwrap());
        let pairs = [
            (ours.to_vec1::<f32>().unwrap(), theirs.to_vec1::<f32>().unwrap()),
            (slope(ours), slope(theirs)),
        ];
        for (a, b) in pairs.iter().flat_map(|(a, b)| a.iter().zip(b)) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1e-3), "{a} {b}");
        }
    }
}
