//! The products by vector instructions; the only file with `unsafe` arithmetic.
//!
//! # Invariants
//! - A function with `#[target_feature]` may only run where the machine has those features. A value of one of the
//!   types below proves that it has: its field is private, and only `detect` makes one, after asking the machine.
//! - Memory is read through arrays of exactly the width of a load, cut out of slices by safe code, so that no pointer
//!   can leave them. Loads need no alignment.
//! - Every intermediate sum is exact: pairs of products are added in 32 bits, never in 16, where `255 x -128 x 2`
//!   would not fit. Sums of 32 bits do not overflow in any of the uses that [`super`] allows; where [`super::dot`]
//!   subtracts `128 b` again, they may wrap around and come back.

#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
pub use arm::Neon;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, AvxVnni, Vnni};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::{BLOCK, TILE};

/// The number of bytes of a block that belong to one word of each token.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const STEP: usize = BLOCK * 4;

/// Pairs the words of a tile with the bytes of a block, four coordinates at a time.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn steps<'a>(
    tokens: &'a [i32],
    rows: &'a [u8],
) -> impl Iterator<Item = (&'a [i32; TILE], &'a [u8; STEP])> {
    tokens.as_chunks::<TILE>().0.iter().zip(rows.as_chunks::<STEP>().0)
}

/// A mask for partial pieces: 32 bytes of zeros, then 32 bytes of ones.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const KEEP: [i8; 64] = {
    let mut keep = [0; 64];
    let mut i = 32;
    while i < 64 {
        keep[i] = -1;
        i += 1;
    }
    keep
};

/// Passes two rows of equal length to `each` in pieces of `N` bytes. The last piece overlaps the one before it, with
/// zeros in the second row where they overlap; a single short piece is padded with zeros.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn pieces<const N: usize>(a: &[i8], b: &[i8], mut each: impl FnMut(&[i8; N], &[i8; N])) {
    let ((whole_a, rest), (whole_b, rest_b)) = (a.as_chunks::<N>(), b.as_chunks::<N>());
    for (a, b) in whole_a.iter().zip(whole_b) {
        each(a, b);
    }
    if rest.is_empty() {
        return;
    }
    if let (Some(a), Some(b)) = (a.last_chunk::<N>(), b.last_chunk::<N>()) {
        let keep = KEEP[32 - (N - rest.len())..].first_chunk::<N>().expect("32 more");
        each(a, &std::array::from_fn(|i| b[i] & keep[i]));
    } else {
        let (mut a, mut b) = ([0; N], [0; N]);
        a[..rest.len()].copy_from_slice(rest);
        b[..rest.len()].copy_from_slice(rest_b);
        each(&a, &b);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BLOCK, STEP, TILE, pieces, steps};

    /// The AVX-512 VNNI kernel: 64 products an instruction.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Vnni(());

    impl Vnni {
        /// The kernel, if this machine has the instructions.
        pub fn detect() -> Option<Self> {
            let has = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni");
            has.then_some(Vnni(()))
        }

        /// See [`super::super::portable::above`].
        pub fn above(self, tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
            // SAFETY: `self` says that the machine has the features.
            unsafe { above_vnni(tokens, rows, limits) }
        }

        /// See [`super::super::portable::dot`].
        pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
            // SAFETY: as above.
            unsafe { dot_vnni(a, b) }
        }
    }

    /// The AVX-VNNI kernel: 32 products an instruction, on machines without AVX-512.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AvxVnni(());

    impl AvxVnni {
        /// The kernel, if this machine has the instructions.
        pub fn detect() -> Option<Self> {
            let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
            has.then_some(AvxVnni(()))
        }

        /// See [`super::super::portable::above`].
        pub fn above(self, tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
            // SAFETY: `self` says that the machine has the features.
            unsafe { above_avx_vnni(tokens, rows, limits) }
        }

        /// See [`super::super::portable::dot`].
        pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
            // SAFETY: as above.
            unsafe { dot_avx_vnni(a, b) }
        }
    }

    /// The AVX2 kernel: 16 products of 16-bit numbers an instruction.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Avx2(());

    impl Avx2 {
        /// The kernel, if this machine has the instructions.
        pub fn detect() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Avx2(()))
        }

        /// See [`super::super::portable::above`].
        pub fn above(self, tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
            // SAFETY: `self` says that the machine has the features.
            unsafe { above_avx2(tokens, rows, limits) }
        }

        /// See [`super::super::portable::dot`].
        pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
            // SAFETY: as above.
            unsafe { dot_avx2(a, b) }
        }
    }

    /// Loads 64 bytes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load512<T>(from: &[T; 64]) -> __m512i {
        const { assert!(size_of::<T>() == 1) }
        // SAFETY: the array has the 64 bytes that are read.
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }

    /// Loads 32 bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load256<T>(from: &[T; 32]) -> __m256i {
        const { assert!(size_of::<T>() == 1) }
        // SAFETY: the array has the 32 bytes that are read.
        unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
    }

    /// Loads the eight words of a tile.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn words_of(words: &[i32; TILE]) -> __m256i {
        // SAFETY: the array has the 32 bytes that are read.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    /// Stores eight words as an array.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn stored(words: __m256i) -> [i32; TILE] {
        let mut out = [0; TILE];
        // SAFETY: the array has the 32 bytes that are written.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), words) };
        out
    }

    /// [`Vnni::above`], where the machine has the instructions.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn above_vnni(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
        // Sixteen independent sums hide the latency of the instruction.
        let mut sums = [[_mm512_setzero_si512(); 2]; TILE];
        for (words, rows) in steps(tokens, rows) {
            let [low, high] = rows.as_chunks::<64>().0 else { unreachable!() };
            let (low, high) = (load512(low), load512(high));
            for i in 0..TILE {
                let word = _mm512_set1_epi32(words[i]);
                sums[i][0] = _mm512_dpbusd_epi32(sums[i][0], low, word);
                sums[i][1] = _mm512_dpbusd_epi32(sums[i][1], high, word);
            }
        }
        let mut masks = [0; TILE];
        for i in 0..TILE {
            let limit = _mm512_set1_epi32(limits[i]);
            let low = _mm512_cmpgt_epi32_mask(sums[i][0], limit);
            let high = _mm512_cmpgt_epi32_mask(sums[i][1], limit);
            masks[i] = u32::from(low) | u32::from(high) << 16;
        }
        masks
    }

    /// [`Vnni::dot`], where the machine has the instructions.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn dot_vnni(a: &[i8], b: &[i8]) -> i32 {
        // `a.b = (a + 128).b - 128.b`: the instruction takes unsigned bytes times signed ones.
        let offset = _mm512_set1_epi8(-128);
        let (mut sum, mut taken) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<64>(), b.as_chunks::<64>());
        for (a, b) in a.iter().zip(b) {
            let (a, b) = (load512(a), load512(b));
            sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(a, offset), b);
            taken = _mm512_dpbusd_epi32(taken, offset, b);
        }
        if !a_rest.is_empty() {
            let mask = (1u64 << a_rest.len()) - 1;
            debug_assert_eq!(a_rest.len(), b_rest.len());
            // SAFETY: bytes beyond the mask are not read.
            let (a, b) = unsafe {
                (
                    _mm512_maskz_loadu_epi8(mask, a_rest.as_ptr()),
                    _mm512_maskz_loadu_epi8(mask, b_rest.as_ptr()),
                )
            };
            sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(a, offset), b);
            taken = _mm512_dpbusd_epi32(taken, offset, b);
        }
        _mm512_reduce_add_epi32(_mm512_sub_epi32(sum, taken))
    }

    /// The rows and tokens of a quarter of the products: as many sums as sixteen registers can hold.
    const QUARTER: (usize, usize) = (BLOCK / 2, TILE / 2);

    /// The lanes of two vectors that are above a limit, as bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn mask(sums: [__m256i; 2], limit: i32) -> u32 {
        let bits = |sums| {
            let above = _mm256_cmpgt_epi32(sums, _mm256_set1_epi32(limit));
            _mm256_movemask_ps(_mm256_castsi256_ps(above)) as u32
        };
        bits(sums[0]) | bits(sums[1]) << 8
    }

    /// The sum of the eight lanes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn lanes(sums: __m256i) -> i32 {
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
    }

    /// [`AvxVnni::above`], where the machine has the instructions.
    #[target_feature(enable = "avx2,avxvnni")]
    fn above_avx_vnni(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
        let mut masks = [0; TILE];
        for (side, half) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut sums = [[_mm256_setzero_si256(); 2]; QUARTER.1];
            for (words, rows) in steps(tokens, rows) {
                let rows = rows.as_chunks::<32>().0;
                let (low, high) = (load256(&rows[side * 2]), load256(&rows[side * 2 + 1]));
                for i in 0..QUARTER.1 {
                    let word = _mm256_set1_epi32(words[half * QUARTER.1 + i]);
                    sums[i][0] = _mm256_dpbusd_avx_epi32(sums[i][0], low, word);
                    sums[i][1] = _mm256_dpbusd_avx_epi32(sums[i][1], high, word);
                }
            }
            for i in 0..QUARTER.1 {
                let i_all = half * QUARTER.1 + i;
                masks[i_all] |= mask(sums[i], limits[i_all]) << (side * QUARTER.0);
            }
        }
        masks
    }

    /// [`AvxVnni::dot`], where the machine has the instructions.
    #[target_feature(enable = "avx2,avxvnni")]
    fn dot_avx_vnni(a: &[i8], b: &[i8]) -> i32 {
        let offset = _mm256_set1_epi8(-128);
        let (mut sum, mut taken) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        pieces::<32>(a, b, |a, b| {
            let (a, b) = (load256(a), load256(b));
            sum = _mm256_dpbusd_avx_epi32(sum, _mm256_xor_si256(a, offset), b);
            taken = _mm256_dpbusd_avx_epi32(taken, offset, b);
        });
        lanes(_mm256_sub_epi32(sum, taken))
    }

    /// The number of steps whose words are widened together.
    const CHUNK: usize = 16;

    /// [`Avx2::above`], where the machine has the instructions.
    #[target_feature(enable = "avx2")]
    fn above_avx2(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
        let mut sums = [[[_mm256_setzero_si256(); 2]; QUARTER.1]; 4];
        for (tokens, rows) in tokens.chunks(CHUNK * TILE).zip(rows.chunks(CHUNK * STEP)) {
            // The bytes 0 and 2, and the bytes 1 and 3, of each word, as pairs of 16-bit numbers.
            let mut pairs = [[[0i32; TILE]; 2]; CHUNK];
            for (pairs, words) in pairs.iter_mut().zip(tokens.as_chunks::<TILE>().0) {
                let words = words_of(words);
                let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(words));
                *pairs = [even, _mm256_srai_epi16::<8>(words)].map(|v| stored(v));
            }
            for (quarter, sums) in sums.iter_mut().enumerate() {
                let (side, half) = (quarter / 2, quarter % 2);
                let mut own = *sums;
                for (pairs, rows) in pairs.iter().zip(rows.as_chunks::<STEP>().0) {
                    let rows = rows.as_chunks::<32>().0;
                    let rows = [load256(&rows[side * 2]), load256(&rows[side * 2 + 1])];
                    let even = rows.map(|r| _mm256_and_si256(r, _mm256_set1_epi16(255)));
                    let odd = rows.map(|r| _mm256_srli_epi16::<8>(r));
                    for i in 0..QUARTER.1 {
                        let pair =
                            pairs.each_ref().map(|p| _mm256_set1_epi32(p[half * QUARTER.1 + i]));
                        for v in 0..2 {
                            let products = _mm256_madd_epi16(even[v], pair[0]);
                            own[i][v] = _mm256_add_epi32(own[i][v], products);
                            let products = _mm256_madd_epi16(odd[v], pair[1]);
                            own[i][v] = _mm256_add_epi32(own[i][v], products);
                        }
                    }
                }
                *sums = own;
            }
        }
        let mut masks = [0; TILE];
        for (quarter, sums) in sums.iter().enumerate() {
            let (side, half) = (quarter / 2, quarter % 2);
            for i in 0..QUARTER.1 {
                let i_all = half * QUARTER.1 + i;
                masks[i_all] |= mask(sums[i], limits[i_all]) << (side * QUARTER.0);
            }
        }
        masks
    }

    /// [`Avx2::dot`], where the machine has the instructions.
    #[target_feature(enable = "avx2")]
    fn dot_avx2(a: &[i8], b: &[i8]) -> i32 {
        let mut sums = [_mm256_setzero_si256(); 2];
        pieces::<32>(a, b, |a, b| {
            let (a, b) = (load256(a), load256(b));
            let low = _mm256_madd_epi16(
                _mm256_cvtepi8_epi16(_mm256_castsi256_si128(a)),
                _mm256_cvtepi8_epi16(_mm256_castsi256_si128(b)),
            );
            let high = _mm256_madd_epi16(
                _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(a)),
                _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(b)),
            );
            sums = [_mm256_add_epi32(sums[0], low), _mm256_add_epi32(sums[1], high)];
        });
        lanes(_mm256_add_epi32(sums[0], sums[1]))
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;
    use std::arch::{asm, is_aarch64_feature_detected};

    use super::{BLOCK, TILE, pieces, steps};

    /// The NEON kernel with the byte products of ARMv8.2: 16 products an instruction.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Neon(());

    impl Neon {
        /// The kernel, if this machine has the instructions.
        pub fn detect() -> Option<Self> {
            let has =
                is_aarch64_feature_detected!("neon") && is_aarch64_feature_detected!("dotprod");
            has.then_some(Neon(()))
        }

        /// See [`super::super::Kernel::above`]; `limits` apply to the products of signed bytes.
        pub fn above(self, tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
            // SAFETY: `self` says that the machine has the features.
            unsafe { above(tokens, rows, limits) }
        }

        /// See [`super::super::portable::dot`].
        pub fn dot(self, a: &[i8], b: &[i8]) -> i32 {
            // SAFETY: as above.
            unsafe { dot(a, b) }
        }
    }

    /// Adds to each of four sums the products of four signed bytes.
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    fn sdot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        // In assembly, because the intrinsic is not stable.
        // SAFETY: the instruction only changes the register of `sums`.
        unsafe {
            asm!(
                "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
                sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    /// Loads 16 bytes.
    #[inline]
    #[target_feature(enable = "neon")]
    fn load<T>(from: &[T; 16]) -> int8x16_t {
        const { assert!(size_of::<T>() == 1) }
        // SAFETY: the array has the 16 bytes that are read.
        unsafe { vld1q_s8(from.as_ptr().cast()) }
    }

    /// The numbers 1, 2, 4 and 8: one bit for each of four sums.
    #[inline]
    #[target_feature(enable = "neon")]
    fn load_bits() -> uint32x4_t {
        // SAFETY: the array has the 16 bytes that are read.
        unsafe { vld1q_u32([1, 2, 4, 8].as_ptr()) }
    }

    #[target_feature(enable = "neon,dotprod")]
    fn above(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
        // One quarter at a time: sixteen sums in as many registers.
        let mut masks = [0; TILE];
        for (side, half) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let mut sums = [[vdupq_n_s32(0); 4]; TILE / 2];
            for (words, rows) in steps(tokens, rows) {
                let (rows, offset) = (rows.as_chunks::<16>().0, vdupq_n_s8(-128));
                let rows: [int8x16_t; 4] =
                    [0, 1, 2, 3].map(|v| veorq_s8(load(&rows[side * 4 + v]), offset));
                for i in 0..TILE / 2 {
                    let word = vreinterpretq_s8_s32(vdupq_n_s32(words[half * TILE / 2 + i]));
                    for v in 0..4 {
                        sums[i][v] = sdot(sums[i][v], rows[v], word);
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate() {
                let i = half * TILE / 2 + i;
                for (v, &sums) in sums.iter().enumerate() {
                    let above = vcgtq_s32(sums, vdupq_n_s32(limits[i]));
                    let bits = vaddvq_u32(vandq_u32(above, load_bits()));
                    masks[i] |= bits << (side * BLOCK / 2 + v * 4);
                }
            }
        }
        masks
    }

    #[target_feature(enable = "neon,dotprod")]
    fn dot(a: &[i8], b: &[i8]) -> i32 {
        let mut sums = vdupq_n_s32(0);
        pieces::<16>(a, b, |a, b| sums = sdot(sums, load(a), load(b)));
        vaddvq_s32(sums)
    }
}
