//! Rows of float32 as 8-bit integers, with measured bounds of what that loses.

use multiversion::multiversion;

use crate::arithmetic::rounding::root_up;

/// What the rounding of one row to integers lost, rounded up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Bound of `|z - S q|` on the prefix.
    pub prefix_error: f64,
    /// Bound of `|S q|` on the prefix.
    pub prefix_norm: f64,
    /// Bound of the rest of `|z|`.
    pub tail: f64,
    /// Bound of `|z - S q|` in all.
    pub full_error: f64,
    /// Bound of `|z|` on the prefix.
    pub prefix_length: f64,
}

/// A row in integers.
#[derive(Clone, Debug, Default)]
pub struct Rounded {
    /// `q`, in whole fours.
    pub bytes: Vec<i8>,
    /// `S`.
    pub scale: f64,
    /// What it lost.
    pub losses: Losses,
}

impl Rounded {
    /// Rounds `z` with a scale of its own; `cut` coordinates are the prefix.
    pub fn new(z: &[f32], cut: usize) -> Self {
        let scale = scale(largest(z));
        let mut bytes = vec![0; z.len().next_multiple_of(4)];
        let losses = round(z, scale, cut, &mut bytes);
        Rounded { bytes, scale, losses }
    }
}

/// The scale for rows of at most this entry; a row of zeros has any.
pub fn scale(largest: f32) -> f64 {
    if largest > 0.0 { f64::from(largest) / 127.0 } else { 1.0 }
}

/// The largest absolute entry.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn largest(z: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (parts, rest) = z.as_chunks::<LANES>();
    for part in parts.iter().chain([&padded(rest)]) {
        for l in 0..LANES {
            let x = part[l].abs();
            lanes[l] = if x > lanes[l] { x } else { lanes[l] };
        }
    }
    lanes.iter().fold(0.0, |m, &x| m.max(x))
}

/// Sums kept side by side.
const LANES: usize = 16;

/// Rounds `z` to `scale` times integers of at most 127 and measures what is lost, whatever the rounding;
/// `scale` is at least the largest entry of `z` over 127.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn round(z: &[f32], scale: f64, cut: usize, bytes: &mut [i8]) -> Losses {
    /// `1.5 2^23`: adding it rounds to an integer, in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let inverse = (1.0 / scale) as f32;
    for (q, &x) in bytes.iter_mut().zip(z) {
        *q = ((x * inverse).clamp(-127.0, 127.0) + ROUND).to_bits() as i8;
    }
    let (prefix_error, prefix_norm, prefix_length) = measure(&z[..cut], scale, &bytes[..cut]);
    let (tail_error, _, tail) = measure(&z[cut..], scale, &bytes[cut..z.len()]);
    let full_error = (prefix_error * prefix_error + tail_error * tail_error).sqrt() * (1.0 + 1e-15)
        + f64::MIN_POSITIVE;
    Losses { prefix_error, prefix_norm, tail, full_error, prefix_length }
}

/// Bounds of `|z - S q|`, `|S q|` and `|z|`.
#[inline(always)]
fn measure(z: &[f32], scale: f64, bytes: &[i8]) -> (f64, f64, f64) {
    let (mut errors, mut values, mut lengths) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
    let mut add = |z: &[f32; LANES], bytes: &[i8; LANES]| {
        for l in 0..LANES {
            let (x, value) = (f64::from(z[l]), scale * f64::from(bytes[l]));
            errors[l] += (x - value) * (x - value);
            values[l] += value * value;
            lengths[l] += x * x;
        }
    };
    let (zs, zs_rest) = z.as_chunks::<LANES>();
    let (qs, qs_rest) = bytes.as_chunks::<LANES>();
    zs.iter().zip(qs).for_each(|(z, q)| add(z, q));
    add(&padded(zs_rest), &padded(qs_rest));
    let bound = |sums: [f64; LANES]| root_up(sums.iter().sum(), z.len());
    // The product and the difference round by less than 2^-51 of |z|.
    let length = bound(lengths);
    (bound(errors) + length * 2f64.powi(-50), bound(values) * (1.0 + 1e-12), length)
}

/// At most [`LANES`] entries, and zeros.
#[inline(always)]
fn padded<T: Copy + Default>(rest: &[T]) -> [T; LANES] {
    let mut out = [T::default(); LANES];
    out[..rest.len()].copy_from_slice(rest);
    out
}
