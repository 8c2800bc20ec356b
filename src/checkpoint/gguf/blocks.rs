//! The block types of ggml: their sizes, and how their numbers are decoded.
//!
//! Decoding follows `dequantize_row_*` of `ggml-quants.c` operation by operation, in single precision. Rust never
//! fuses a multiplication with an addition, so the numbers are the same on every machine; they agree with those of
//! the Python package `gguf` bit for bit (`tests/gguf_blocks.rs`).
//!
//! [`decode_into`] is compiled for several instruction sets. All that it calls per block must be compiled into it: a
//! call of a function that is compiled for the least processor costs more than the block. So decoders are
//! `inline(always)`, called by name and not as values (a closure or a function pointer is not inlined there), and loop
//! over whole groups of 16 or 32 numbers.

use std::hint::black_box;

use half::f16;
use multiversion::multiversion;
use rayon::prelude::*;

use crate::checkpoint::decode::{ByteOrder, floats, zeros};
use crate::checkpoint::{Dtype, Values};

/// The number of elements of a block of a K type (`Q4_K`).
const K: usize = 256;

/// The number of elements of a block of an older type (`Q4_0`).
const OLD: usize = 32;

/// The number of bytes per task of a thread.
const TASK: usize = 1 << 14;

/// An element type of ggml: its name, and the size of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockType {
    pub name: &'static str,
    /// The number of elements of a block.
    pub numbers: usize,
    /// The number of bytes of a block.
    pub bytes: usize,
}

impl BlockType {
    /// Returns the type of a number in the file; `None` for a number that is not known.
    pub fn of(id: u32) -> Option<BlockType> {
        let (name, numbers, bytes) = match id {
            0 => ("F32", 1, 4),
            1 => ("F16", 1, 2),
            2 => ("Q4_0", OLD, 18),
            3 => ("Q4_1", OLD, 20),
            6 => ("Q5_0", OLD, 22),
            7 => ("Q5_1", OLD, 24),
            8 => ("Q8_0", OLD, 34),
            9 => ("Q8_1", OLD, 40),
            10 => ("Q2_K", K, 84),
            11 => ("Q3_K", K, 110),
            12 => ("Q4_K", K, 144),
            13 => ("Q5_K", K, 176),
            14 => ("Q6_K", K, 210),
            15 => ("Q8_K", K, 292),
            16 => ("IQ2_XXS", K, 66),
            17 => ("IQ2_XS", K, 74),
            18 => ("IQ3_XXS", K, 98),
            19 => ("IQ1_S", K, 50),
            20 => ("IQ4_NL", OLD, 18),
            21 => ("IQ3_S", K, 110),
            22 => ("IQ2_S", K, 82),
            23 => ("IQ4_XS", K, 136),
            24 => ("I8", 1, 1),
            25 => ("I16", 1, 2),
            26 => ("I32", 1, 4),
            27 => ("I64", 1, 8),
            28 => ("F64", 1, 8),
            29 => ("IQ1_M", K, 56),
            30 => ("BF16", 1, 2),
            34 => ("TQ1_0", K, 54),
            35 => ("TQ2_0", K, 66),
            39 => ("MXFP4", OLD, 17),
            40 => ("NVFP4", 64, 36),
            41 => ("Q1_0", 128, 18),
            _ => return None,
        };
        Some(BlockType { name, numbers, bytes })
    }

    /// Returns the type of this name.
    fn named(name: &str) -> Option<BlockType> {
        (0..=41).filter_map(BlockType::of).find(|block| block.name == name)
    }

    /// Returns the element type under which tensors of this type are listed.
    pub fn dtype(self) -> Dtype {
        match self.name {
            "F16" => Dtype::F16,
            "BF16" => Dtype::Bf16,
            "F32" => Dtype::F32,
            "F64" => Dtype::F64,
            "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q2_K" | "Q3_K" | "Q4_K" | "Q5_K"
            | "Q6_K" | "IQ4_NL" | "IQ4_XS" | "MXFP4" | "TQ1_0" | "TQ2_0" => Dtype::Block(self.name),
            other => Dtype::Other(other.into()),
        }
    }
}

/// Decodes consecutive blocks, on all threads.
///
/// # Errors
/// A type that is not decoded, a number of bytes that does not fit, or too little memory; the error is a sentence
/// without the name of the tensor.
pub(super) fn decode(dtype: &Dtype, bytes: &[u8]) -> Result<Values, String> {
    let Dtype::Block(name) = dtype else { return floats(dtype, ByteOrder::Little, bytes) };
    let block = BlockType::named(name).ok_or_else(|| not_decoded(name))?;
    if !bytes.len().is_multiple_of(block.bytes) {
        return Err(format!(
            "its {} bytes are not a multiple of {}, the size of a block",
            bytes.len(),
            block.bytes
        ));
    }
    let numbers = (bytes.len() / block.bytes).checked_mul(block.numbers);
    let mut decoded = zeros(numbers.ok_or("its numbers are too many to count")?)?;
    let task = TASK.div_ceil(block.bytes);
    let places = decoded.par_chunks_mut(task * block.numbers);
    places
        .zip(bytes.par_chunks(task * block.bytes))
        .try_for_each(|(place, part)| decode_into(name, part, place))?;
    Ok(Values::F32(decoded))
}

fn not_decoded(name: &str) -> String {
    format!("its block type is {name}, which is not decoded")
}

/// Decodes every block of `$bytes` by the function `$one`.
///
/// The compiler would otherwise decode 16 blocks at a time, by single bytes collected from all of them, which takes more
/// than twice the time of one block after the other; it does not look through `black_box`.
macro_rules! each {
    ($bytes:expr, $out:expr, $one:ident) => {{
        let ((blocks, rest), (places, over)) = ($bytes.as_chunks(), $out.as_chunks_mut());
        if !rest.is_empty() || !over.is_empty() || blocks.len() != places.len() {
            return Err("it is not a whole number of blocks".to_owned());
        }
        for (place, block) in places.iter_mut().zip(blocks) {
            $one(black_box(block), place);
        }
        Ok(())
    }};
}

/// Decodes consecutive blocks of the type `name` into `out`, on this thread.
///
/// # Errors
/// A type that is not decoded, or another number of bytes than `out` has numbers for.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn decode_into(name: &str, bytes: &[u8], out: &mut [f32]) -> Result<(), String> {
    match name {
        "Q4_0" => each!(bytes, out, q4_0),
        "Q4_1" => each!(bytes, out, q4_1),
        "Q5_0" => each!(bytes, out, q5_0),
        "Q5_1" => each!(bytes, out, q5_1),
        "Q8_0" => each!(bytes, out, q8_0),
        "Q2_K" => each!(bytes, out, q2_k),
        "Q3_K" => each!(bytes, out, q3_k),
        "Q4_K" => each!(bytes, out, q4_k),
        "Q5_K" => each!(bytes, out, q5_k),
        "Q6_K" => each!(bytes, out, q6_k),
        "IQ4_NL" => each!(bytes, out, iq4_nl),
        "IQ4_XS" => each!(bytes, out, iq4_xs),
        "MXFP4" => each!(bytes, out, mxfp4),
        "TQ1_0" => each!(bytes, out, tq1_0),
        "TQ2_0" => each!(bytes, out, tq2_0),
        other => Err(not_decoded(other)),
    }
}

/// Reads the f16 at offset `at`.
#[inline(always)]
fn scale(block: &[u8], at: usize) -> f32 {
    half_to_single(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Returns the number whose f16 bits are given. The package `half` asks on each call which instructions the processor
/// has.
///
/// The bits are moved to the places of an f32, whose exponents begin 112 lower; a product with a power of two, which is
/// exact, makes up for that, for numbers below the normal range as well.
#[inline(always)]
fn half_to_single(bits: u16) -> f32 {
    if bits & 0x7c00 == 0x7c00 {
        return infinite_or_nan(bits);
    }
    let placed = (i32::from(bits as i16) << 13) as u32 & 0x8fff_e000;
    // 2^112.
    f32::from_bits(placed) * f32::from_bits((127 + 112) << 23)
}

#[cold]
fn infinite_or_nan(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

/// Decodes a Q4_0 block: d; 16 bytes, byte j with the numbers j (low half) and j + 16 (high half).
#[inline(always)]
fn q4_0(block: &[u8; 18], y: &mut [f32; OLD]) {
    let d = scale(block, 0);
    for j in 0..16 {
        y[j] = f32::from((block[2 + j] & 15) as i8 - 8) * d;
    }
    for j in 0..16 {
        y[16 + j] = f32::from((block[2 + j] >> 4) as i8 - 8) * d;
    }
}

/// Decodes a Q4_1 block: d, m; 16 bytes as those of Q4_0.
#[inline(always)]
fn q4_1(block: &[u8; 20], y: &mut [f32; OLD]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    for j in 0..16 {
        y[j] = f32::from(block[4 + j] & 15) * d + m;
    }
    for j in 0..16 {
        y[16 + j] = f32::from(block[4 + j] >> 4) * d + m;
    }
}

/// Returns the 32 numbers of five bits of a block of Q5_0 or Q5_1: the fifth bits are in the four bytes at `at`, the
/// others in the 16 bytes after them, as in Q4_0.
#[inline(always)]
fn five_bits(block: &[u8], at: usize) -> [i32; OLD] {
    let high = i32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let mut q = [0; OLD];
    for j in 0..16 {
        q[j] = i32::from(block[at + 4 + j] & 15) | (high >> j & 1) << 4;
    }
    for j in 0..16 {
        q[16 + j] = i32::from(block[at + 4 + j] >> 4) | (high >> (16 + j) & 1) << 4;
    }
    q
}

/// Decodes a Q5_0 block: d; 4 bytes of fifth bits; 16 bytes as those of Q4_0.
#[inline(always)]
fn q5_0(block: &[u8; 22], y: &mut [f32; OLD]) {
    let d = scale(block, 0);
    let q = five_bits(block, 2);
    for j in 0..OLD {
        y[j] = (q[j] - 16) as f32 * d;
    }
}

/// Decodes a Q5_1 block: d, m; 4 bytes of fifth bits; 16 bytes as those of Q4_0.
#[inline(always)]
fn q5_1(block: &[u8; 24], y: &mut [f32; OLD]) {
    let (d, m) = (scale(block, 0), scale(block, 2));
    let q = five_bits(block, 4);
    for j in 0..OLD {
        y[j] = q[j] as f32 * d + m;
    }
}

/// Decodes a Q8_0 block: d; 32 signed bytes.
#[inline(always)]
fn q8_0(block: &[u8; 34], y: &mut [f32; OLD]) {
    let d = scale(block, 0);
    for j in 0..OLD {
        y[j] = f32::from(block[2 + j] as i8) * d;
    }
}

/// Decodes a Q2_K block: 16 bytes of scale (low half) and minimum (high half), one for 16 numbers; 64 bytes of 2
/// bits; d, dmin.
#[inline(always)]
fn q2_k(block: &[u8; 84], y: &mut [f32; K]) {
    let (d, dmin) = (scale(block, 80), scale(block, 82));
    for (group, y) in y.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let packed = block[group];
        let (dl, ml) = (d * f32::from(packed & 15), dmin * f32::from(packed >> 4));
        let (from, shift) = two_bits(group);
        for (y, &q) in y.iter_mut().zip(&block[16 + from..]) {
            *y = dl * f32::from(q >> shift & 3) - ml;
        }
    }
}

/// Returns where the two bits of the numbers `16 * group..` lie: the offset of the first of 16 bytes, and a shift.
#[inline(always)]
fn two_bits(group: usize) -> (usize, usize) {
    (32 * (group / 8) + 16 * (group % 2), 2 * (group / 2 % 4))
}

/// Decodes a Q3_K block: 32 bytes of third bits; 64 bytes of 2 bits; 12 bytes of 16 six-bit scales; d.
#[inline(always)]
fn q3_k(block: &[u8; 110], y: &mut [f32; K]) {
    let (thirds, rest) = block.split_at(32);
    let (twos, scales) = rest.split_at(64);
    let d = scale(block, 108);
    for (group, y) in y.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let low = scales[group % 8] >> (4 * (group / 8)) & 15;
        let high = scales[8 + group % 4] >> (2 * (group / 4)) & 3;
        let dl = d * f32::from((low | high << 4) as i8 - 32);
        let (from, shift) = two_bits(group);
        for (l, y) in y.iter_mut().enumerate() {
            let third = thirds[16 * (group % 2) + l] >> (group / 2) & 1;
            let q = (twos[from + l] >> shift & 3) as i8;
            *y = dl * f32::from(if third == 1 { q } else { q - 4 });
        }
    }
}

/// Returns the six-bit scale and minimum of the numbers `32 * group..`, from their 12 bytes (`get_scale_min_k4`).
#[inline(always)]
fn scale_and_minimum(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, minimum) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let (low, top) = (packed[group + 4], group - 4);
        (low & 15 | packed[top] >> 6 << 4, low >> 4 | packed[group] >> 6 << 4)
    };
    (scale.into(), minimum.into())
}

/// Decodes a Q4_K block: d, dmin; 12 bytes of scales and minima; 128 bytes: 32 numbers in low halves, the next 32 in
/// high halves.
#[inline(always)]
fn q4_k(block: &[u8; 144], y: &mut [f32; K]) {
    let (d, dmin) = (scale(block, 0), scale(block, 2));
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = scale_and_minimum(&block[4..16], group);
        let (dl, ml) = (d * s, dmin * m);
        for (y, &q) in y.iter_mut().zip(&block[16 + 32 * (group / 2)..]) {
            *y = dl * f32::from(q >> (4 * (group % 2)) & 15) - ml;
        }
    }
}

/// Decodes a Q5_K block: as Q4_K, with 32 bytes of fifth bits (bit g for the numbers `32 * g..`) after the scales.
#[inline(always)]
fn q5_k(block: &[u8; 176], y: &mut [f32; K]) {
    let (d, dmin) = (scale(block, 0), scale(block, 2));
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = scale_and_minimum(&block[4..16], group);
        let (dl, ml) = (d * s, dmin * m);
        let low = &block[48 + 32 * (group / 2)..];
        for ((y, &q), &fifth) in y.iter_mut().zip(low).zip(&block[16..48]) {
            *y = dl * f32::from((q >> (4 * (group % 2)) & 15) + (fifth >> group & 1) * 16) - ml;
        }
    }
}

/// Decodes a Q6_K block: 128 bytes of low halves; 64 bytes of upper 2 bits; 16 signed scales, one for 16 numbers; d.
#[inline(always)]
fn q6_k(block: &[u8; 210], y: &mut [f32; K]) {
    let (lows, rest) = block.split_at(128);
    let (uppers, scales) = rest.split_at(64);
    let d = scale(block, 208);
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (half, quarter) = (group / 4, group % 4);
        let low = &lows[64 * half + 32 * (quarter % 2)..];
        let upper = &uppers[32 * half..];
        for (l, y) in y.iter_mut().enumerate() {
            let q = low[l] >> (4 * (quarter / 2)) & 15 | (upper[l] >> (2 * quarter) & 3) << 4;
            let s = scales[2 * group + l / 16] as i8;
            *y = d * f32::from(s) * f32::from(q as i8 - 32);
        }
    }
}

/// The numbers that the four bits of IQ4_NL and IQ4_XS stand for (`kvalues_iq4nl`).
const UNEVEN: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the numbers of four-bit floats, E2M1 (`kvalues_mxfp4`).
const FLOATS: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Decodes 16 bytes of two numbers each, by a table: byte j with the numbers j (low half) and j + 16 (high half).
#[inline(always)]
fn by_table(table: &[i8; 16], d: f32, packed: &[u8], y: &mut [f32]) {
    for (j, &q) in packed.iter().enumerate() {
        y[j] = d * f32::from(table[usize::from(q & 15)]);
        y[j + 16] = d * f32::from(table[usize::from(q >> 4)]);
    }
}

/// Decodes an IQ4_NL block: d; 16 bytes as those of Q4_0, by a table.
#[inline(always)]
fn iq4_nl(block: &[u8; 18], y: &mut [f32; OLD]) {
    by_table(&UNEVEN, scale(block, 0), &block[2..], y);
}

/// Decodes an IQ4_XS block: d; 2 bytes of the upper two bits and 4 bytes of the lower four of 8 scales, one for 32
/// numbers; 128 bytes, 16 for each of these.
#[inline(always)]
fn iq4_xs(block: &[u8; 136], y: &mut [f32; K]) {
    let d = scale(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = block[4 + group / 2] >> (4 * (group % 2)) & 15;
        let s = low | ((high >> (2 * group) & 3) as u8) << 4;
        let dl = d * f32::from(s as i8 - 32);
        by_table(&UNEVEN, dl, &block[8 + 16 * group..][..16], y);
    }
}

/// Decodes an MXFP4 block: the exponent of the scale, halved; 16 bytes as those of Q4_0, by a table.
#[inline(always)]
fn mxfp4(block: &[u8; 17], y: &mut [f32; OLD]) {
    let exponent = u32::from(block[0]);
    let bits = if exponent < 2 { 0x0020_0000 << exponent } else { (exponent - 1) << 23 };
    by_table(&FLOATS, f32::from_bits(bits), &block[1..], y);
}

/// Decodes a TQ1_0 block: 48 bytes of five digits of base 3, 4 bytes of four; d. A byte holds its digits as a fraction
/// of 256, so that a product with a power of 3 brings a digit to the top.
#[inline(always)]
fn tq1_0(block: &[u8; 54], y: &mut [f32; K]) {
    let d = scale(block, 52);
    let digit = |q: u8, power: u8| ((u16::from(q.wrapping_mul(power)) * 3) >> 8) as i8 - 1;
    let parts: [(usize, usize, &[u8]); 3] =
        [(0, 32, &[1, 3, 9, 27, 81]), (32, 16, &[1, 3, 9, 27, 81]), (48, 4, &[1, 3, 9, 27])];
    let numbers = parts.into_iter().flat_map(|(from, count, powers)| {
        powers
            .iter()
            .flat_map(move |&power| block[from..from + count].iter().map(move |&q| (q, power)))
    });
    y.iter_mut().zip(numbers).for_each(|(y, (q, power))| *y = f32::from(digit(q, power)) * d);
}

/// Decodes a TQ2_0 block: 64 bytes of 2 bits, in two halves; d.
#[inline(always)]
fn tq2_0(block: &[u8; 66], y: &mut [f32; K]) {
    let d = scale(block, 64);
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (half, shift) = (group / 4, 2 * (group % 4));
        for (y, &q) in y.iter_mut().zip(&block[32 * half..]) {
            *y = f32::from((q >> shift & 3) as i8 - 1) * d;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_becomes_the_number_that_the_package_half_makes_of_it() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (half_to_single(bits), f16::from_bits(bits).to_f32());
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{bits:#06x}");
        }
    }
}
