//! Products of 8-bit integers: eight tokens against a block of rows, compared with limits.
//!
//! Integer sums are exact, so every kernel gives the same masks. This is the only file with `unsafe`
//! arithmetic; the portable path is its twin in the tests.

/// Rows of a block.
pub const BLOCK: usize = 32;
/// Tokens of a tile.
pub const TILE: usize = 8;

/// A way to multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 with VNNI: 64 products an instruction.
    Vnni,
    /// Plain Rust, compiled for the widest vectors of the machine.
    Portable,
}

impl Kernel {
    /// The fastest of this machine; `UNARGMAX_KERNEL=portable` forces the plain one.
    pub fn best() -> Self {
        if std::env::var_os("UNARGMAX_KERNEL").is_some_and(|name| name == "portable") {
            return Kernel::Portable;
        }
        if Kernel::Vnni.is_available() { Kernel::Vnni } else { Kernel::Portable }
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            Kernel::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Kernel::Vnni => false,
        }
    }

    /// For each token of a tile, the rows of a block whose integer product is above its limit, as bits.
    ///
    /// `tokens` holds `prefix / 4 x TILE` words of four signed bytes, `rows` `prefix / 4 x BLOCK x 4` bytes,
    /// each 128 more than the integer it stands for; `offsets` is 128 times the sum of each token's integers.
    ///
    /// # Panics
    /// Slices of other lengths.
    pub fn above(
        self,
        tokens: &[i32],
        rows: &[u8],
        offsets: &[i32; TILE],
        limits: &[i32; TILE],
    ) -> [u32; TILE] {
        assert!(tokens.len().is_multiple_of(TILE), "whole tiles");
        assert_eq!(rows.len(), tokens.len() / TILE * BLOCK * 4, "as many rows as words");
        // Saturating: a limit that no sum can pass stays one.
        let limits: [i32; TILE] = std::array::from_fn(|i| limits[i].saturating_add(offsets[i]));
        match self {
            #[cfg(target_arch = "x86_64")]
            Kernel::Vnni if self.is_available() => {
                // SAFETY: the features were just seen, and the lengths are checked above.
                unsafe { vnni(tokens, rows, &limits) }
            }
            _ => portable(tokens, rows, &limits),
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn portable(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
    let mut sums = [[0i32; BLOCK]; TILE];
    for (words, rows) in tokens.chunks_exact(TILE).zip(rows.chunks_exact(BLOCK * 4)) {
        for (sums, word) in sums.iter_mut().zip(words) {
            let q = word.to_le_bytes().map(|b| i32::from(b as i8));
            for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(4)) {
                *sum += i32::from(row[0]) * q[0]
                    + i32::from(row[1]) * q[1]
                    + i32::from(row[2]) * q[2]
                    + i32::from(row[3]) * q[3];
            }
        }
    }
    std::array::from_fn(|i| {
        sums[i].iter().enumerate().fold(0, |mask, (r, &sum)| mask | u32::from(sum > limits[i]) << r)
    })
}

/// # Safety
/// The machine has AVX-512F and AVX-512 VNNI, and `rows` holds 128 bytes for every [`TILE`] words of `tokens`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn vnni(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
    use std::arch::x86_64::{
        _mm512_cmpgt_epi32_mask, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32,
        _mm512_setzero_si512,
    };
    let mut sums = [[_mm512_setzero_si512(); 2]; TILE];
    for (step, words) in tokens.chunks_exact(TILE).enumerate() {
        // SAFETY: `rows` holds 128 bytes a step.
        let (low, high) = unsafe {
            let at = rows.as_ptr().add(step * BLOCK * 4);
            (_mm512_loadu_si512(at.cast()), _mm512_loadu_si512(at.add(64).cast()))
        };
        for i in 0..TILE {
            let word = _mm512_set1_epi32(words[i]);
            sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], low, word);
            sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], high, word);
        }
    }
    std::array::from_fn(|i| {
        let limit = _mm512_set1_epi32(limits[i]);
        let low = _mm512_cmpgt_epi32_mask(sums[i][0], limit);
        let high = _mm512_cmpgt_epi32_mask(sums[i][1], limit);
        u32::from(low) | u32::from(high) << 16
    })
}

/// The product of two rows of integers; `a` and `b` of fewer than `2^17` entries.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(i16::from(x) * i16::from(y))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kernels_agree_with_plain_sums() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u8
        };
        for prefix in [4, 16, 64, 576] {
            let tokens: Vec<[u8; 4]> =
                (0..prefix / 4 * TILE).map(|_| std::array::from_fn(|_| next())).collect();
            let rows: Vec<u8> = (0..prefix * BLOCK).map(|_| next()).collect();
            let words: Vec<i32> = tokens.iter().map(|b| i32::from_le_bytes(*b)).collect();
            let offsets: [i32; TILE] = std::array::from_fn(|i| {
                (0..prefix / 4)
                    .flat_map(|s| tokens[s * TILE + i])
                    .map(|b| 128 * i32::from(b as i8))
                    .sum()
            });
            let product = |i: usize, r: usize| -> i32 {
                (0..prefix)
                    .map(|k| {
                        let q = i32::from(tokens[k / 4 * TILE + i][k % 4] as i8);
                        q * (i32::from(rows[k / 4 * 4 * BLOCK + r * 4 + k % 4]) - 128)
                    })
                    .sum()
            };
            let limits: [i32; TILE] = std::array::from_fn(|i| product(i, i) - (i as i32 % 2));
            let expected: [u32; TILE] = std::array::from_fn(|i| {
                (0..BLOCK).fold(0, |mask, r| mask | u32::from(product(i, r) > limits[i]) << r)
            });
            for kernel in [Kernel::Portable, Kernel::Vnni].into_iter().filter(|k| k.is_available())
            {
                assert_eq!(
                    kernel.above(&words, &rows, &offsets, &limits),
                    expected,
                    "{kernel:?}, {prefix}"
                );
            }
        }
    }

    #[test]
    fn the_extreme_bytes_do_not_overflow() {
        assert_eq!(dot(&[-128; 1024], &[-128; 1024]), 1 << 24);
        assert_eq!(dot(&[127; 3], &[-128; 3]), -3 * 127 * 128);
    }
}
