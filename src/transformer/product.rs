//! Products of float32 vectors with float32 rows, in one order of operations.
//!
//! Each product is a sum in 32 lanes of fused multiply-adds; then the lanes are added in pairs. It has the bits of
//! [`narrow::dot`](crate::arithmetic::narrow::dot), whatever else is multiplied at the same time, on any number of
//! threads and with registers of any width. Registers are those of `pulp`, which `gemm` uses as well.

use pulp::{Arch, Simd, WithSimd};

/// The number of partial sums.
const LANES: usize = 32;

/// Multiplies `rows` (`n x dim`) with `vectors` (`count x dim`) and writes the products to `out[row * count + vector]`.
pub(super) fn products(rows: &[f32], vectors: &[f32], dim: usize, out: &mut [f32]) {
    Arch::new().dispatch(Products { rows, vectors, dim, out });
}

/// The arguments of [`products`].
struct Products<'a> {
    rows: &'a [f32],
    vectors: &'a [f32],
    dim: usize,
    out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The sums of a tile fit in the registers: 32 with AVX-512, 16 with AVX2.
        match S::F32_LANES {
            16 => self.all::<S, 2, 4, 3>(simd),
            8 => self.all::<S, 4, 1, 3>(simd),
            4 => self.all::<S, 8, 1, 1>(simd),
            _ => self.all::<S, LANES, 1, 1>(simd),
        }
    }
}

impl Products<'_> {
    /// Computes all products in tiles of `R` rows and `P` vectors; `N` registers hold the lanes of one sum.
    #[inline(always)]
    fn all<S: Simd, const N: usize, const R: usize, const P: usize>(self, simd: S) {
        let Products { rows, vectors, dim, out } = self;
        let (n, count) = (rows.len() / dim, vectors.len() / dim);
        let mut row = 0;
        while row < n {
            let out = &mut out[row * count..];
            if row + R <= n {
                let rows = &rows[row * dim..(row + R) * dim];
                strip::<S, N, R, P>(simd, rows, vectors, dim, out);
                row += R;
            } else {
                let rows = &rows[row * dim..(row + 1) * dim];
                strip::<S, N, 1, P>(simd, rows, vectors, dim, out);
                row += 1;
            }
        }
    }
}

/// Multiplies `R` rows with all vectors.
#[inline(always)]
fn strip<S: Simd, const N: usize, const R: usize, const P: usize>(
    simd: S,
    rows: &[f32],
    vectors: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    let count = vectors.len() / dim;
    let mut first = 0;
    while first < count {
        let out = &mut out[first..];
        if first + P <= count {
            let vectors = &vectors[first * dim..(first + P) * dim];
            tile::<S, N, R, P>(simd, rows, vectors, dim, out, count);
            first += P;
        } else {
            let vectors = &vectors[first * dim..(first + 1) * dim];
            tile::<S, N, R, 1>(simd, rows, vectors, dim, out, count);
            first += 1;
        }
    }
}

/// Multiplies `R` rows with `P` vectors; the products of a row begin `stride` after those of the row before.
#[inline(always)]
fn tile<S: Simd, const N: usize, const R: usize, const P: usize>(
    simd: S,
    rows: &[f32],
    vectors: &[f32],
    dim: usize,
    out: &mut [f32],
    stride: usize,
) {
    let (chunks, whole) = (dim / LANES, dim / LANES * LANES);
    let mut a: [&[[S::f32s; N]]; R] = [&[]; R];
    let mut b: [&[[S::f32s; N]]; P] = [&[]; P];
    for r in 0..R {
        a[r] = S::as_simd_f32s(&rows[r * dim..r * dim + whole]).0.as_chunks().0;
        // The compiler needs this to leave out a check per number.
        assert_eq!(a[r].len(), chunks);
    }
    for p in 0..P {
        b[p] = S::as_simd_f32s(&vectors[p * dim..p * dim + whole]).0.as_chunks().0;
        assert_eq!(b[p].len(), chunks);
    }
    let mut sums = [[[simd.splat_f32s(0.0); N]; P]; R];
    for k in 0..chunks {
        for r in 0..R {
            for p in 0..P {
                for i in 0..N {
                    sums[r][p][i] = simd.mul_add_f32s(a[r][k][i], b[p][k][i], sums[r][p][i]);
                }
            }
        }
    }
    for r in 0..R {
        for p in 0..P {
            let mut lanes = [0f32; LANES];
            let (registers, _) = S::as_mut_simd_f32s(&mut lanes);
            registers.copy_from_slice(&sums[r][p]);
            for at in whole..dim {
                let lane = &mut lanes[at - whole];
                *lane = rows[r * dim + at].mul_add(vectors[p * dim + at], *lane);
            }
            out[r * stride + p] = total(&lanes);
        }
    }
}

/// Adds the lanes in pairs.
#[inline(always)]
fn total(lanes: &[f32; LANES]) -> f32 {
    let (mut sixteen, mut eight, mut four) = ([0f32; 16], [0f32; 8], [0f32; 4]);
    for l in 0..16 {
        sixteen[l] = lanes[l] + lanes[l + 16];
    }
    for l in 0..8 {
        eight[l] = sixteen[l] + sixteen[l + 8];
    }
    for l in 0..4 {
        four[l] = eight[l] + eight[l + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::narrow;

    /// Numbers of all signs and sizes, so that sums in another order have other bits.
    fn numbers(count: usize, from: usize) -> Vec<f32> {
        let number = |i: usize| ((i * 2_654_435_761) % 1_000_003) as f32 / 7.0 - 70_000.0;
        (from..from + count).map(number).collect()
    }

    #[test]
    fn each_product_is_the_product_of_its_two_vectors_alone_to_the_last_bit() {
        for dim in [1, 31, 32, 33, 75, 576] {
            for (n, count) in [(1, 1), (3, 2), (4, 3), (9, 7)] {
                let (rows, vectors) = (numbers(n * dim, 5), numbers(count * dim, 1_000));
                let expected: Vec<u32> = rows
                    .chunks_exact(dim)
                    .flat_map(|row| vectors.chunks_exact(dim).map(|v| narrow::dot(row, v)))
                    .map(f32::to_bits)
                    .collect();
                let mut out = vec![f32::NAN; n * count];
                products(&rows, &vectors, dim, &mut out);
                let found: Vec<u32> = out.iter().map(|y| y.to_bits()).collect();
                assert_eq!(found, expected, "{n} rows, {count} vectors of {dim}");
            }
        }
    }

    #[test]
    fn registers_of_every_width_give_the_same_bits() {
        let (dim, n, count) = (75, 9, 7);
        let (rows, vectors) = (numbers(n * dim, 5), numbers(count * dim, 1_000));
        let mut expected = vec![0.0; n * count];
        products(&rows, &vectors, dim, &mut expected);
        let mut out = vec![f32::NAN; n * count];
        let all = Products { rows: &rows, vectors: &vectors, dim, out: &mut out };
        all.with_simd(pulp::Scalar);
        assert_eq!(out, expected);
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            out.fill(f32::NAN);
            Simd::vectorize(avx2, Products { rows: &rows, vectors: &vectors, dim, out: &mut out });
            assert_eq!(out, expected);
        }
    }
}
