//! Rounds float32 rows to 8-bit integers, with measured bounds of the errors.

use multiversion::multiversion;

use crate::arithmetic::rounding::{UP_8, UP_4000, root_up};

/// The errors and lengths of one row rounded to integers; all are upper bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// An upper bound of `|z - S q|` on the prefix.
    pub prefix_error: f64,
    /// An upper bound of `|S q|` on the prefix.
    pub prefix_norm: f64,
    /// An upper bound of `|z|` beyond the prefix.
    pub tail: f64,
    /// An upper bound of `|z - S q|` on all coordinates.
    pub full_error: f64,
    /// An upper bound of `|z|` on the prefix.
    pub prefix_length: f64,
}

/// A row rounded to integers.
#[derive(Clone, Debug, Default)]
pub struct Rounded {
    /// The integers `q`, padded to a multiple of four: [`COPIES`] extra places and then `d` coordinates; the first
    /// coordinate is the sum of its places.
    pub bytes: Vec<i8>,
    /// The scale `S`.
    pub scale: f64,
    /// The bounds of the rounding errors.
    pub losses: Losses,
}

impl Rounded {
    /// Rounds `z` with a scale of its own; the first `cut` coordinates are the prefix. The first coordinate may be
    /// larger than the others: its integer is split over several places.
    pub fn new(z: &[f32], cut: usize) -> Self {
        let (first, others) = z.split_at(z.len().min(1));
        let places = (COPIES + 1) as f32;
        let scale = scale(largest(others).max(largest(first) / places));
        let mut integers = vec![0i16; z.len()];
        let losses = round(z, scale, cut, places * 127.0, &mut integers);
        let mut bytes = vec![0; width(z.len())];
        let mut rest = integers.first().copied().unwrap_or(0);
        for byte in &mut bytes[..COPIES] {
            *byte = rest.clamp(-127, 127) as i8;
            rest -= i16::from(*byte);
        }
        bytes[COPIES..].iter_mut().zip(&integers).for_each(|(byte, q)| *byte = *q as i8);
        if let Some(byte) = bytes.get_mut(COPIES) {
            *byte = rest as i8;
        }
        Rounded { bytes, scale, losses }
    }
}

/// The number of extra places that hold parts of the first coordinate of a row. Points may lie far out along it
/// (under-trained tokens of language models all lie on one side of the mean, along the first eigenvector); without
/// the split, such a coordinate would leave few integer steps to the others. (In whisper-tiny.en's ball it is 14
/// times as large as the root of the mean square, and the next largest 4 times.)
pub const COPIES: usize = 4;

/// The number of places of a row of `dim` coordinates, a multiple of four.
pub fn width(dim: usize) -> usize {
    (COPIES + dim).next_multiple_of(4)
}

/// The scale for rows whose largest absolute entry is `largest`; any scale suits a row of zeros.
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

/// The number of partial sums kept in parallel.
const LANES: usize = 16;

/// Rounds `z` to `scale` times integers, the first at most `first` and the others at most 127 in absolute value, and
/// measures the errors, whatever the rounding.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn round(z: &[f32], scale: f64, cut: usize, first: f32, integers: &mut [i16]) -> Losses {
    /// `1.5 2^23`: adding it rounds to an integer, in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let inverse = (1.0 / scale) as f32;
    let integer = |x: f32, most: f32| ((x * inverse).clamp(-most, most) + ROUND).to_bits() as i16;
    integers.iter_mut().zip(z).for_each(|(q, &x)| *q = integer(x, 127.0));
    if let (Some(q), Some(&x)) = (integers.first_mut(), z.first()) {
        *q = integer(x, first);
    }
    let (prefix_error, prefix_norm, prefix_length) = measure(&z[..cut], scale, &integers[..cut]);
    let (tail_error, _, tail) = measure(&z[cut..], scale, &integers[cut..]);
    let full_error =
        (prefix_error * prefix_error + tail_error * tail_error).sqrt() * UP_8 + f64::MIN_POSITIVE;
    Losses { prefix_error, prefix_norm, tail, full_error, prefix_length }
}

/// Upper bounds of `|z - S q|`, `|S q|` and `|z|`.
#[inline(always)]
fn measure(z: &[f32], scale: f64, integers: &[i16]) -> (f64, f64, f64) {
    let (mut errors, mut values, mut lengths) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
    let mut add = |z: &[f32; LANES], integers: &[i16; LANES]| {
        for l in 0..LANES {
            let (x, value) = (f64::from(z[l]), scale * f64::from(integers[l]));
            errors[l] += (x - value) * (x - value);
            values[l] += value * value;
            lengths[l] += x * x;
        }
    };
    let (zs, zs_rest) = z.as_chunks::<LANES>();
    let (qs, qs_rest) = integers.as_chunks::<LANES>();
    zs.iter().zip(qs).for_each(|(z, q)| add(z, q));
    add(&padded(zs_rest), &padded(qs_rest));
    let bound = |sums: [f64; LANES]| root_up(sums.iter().sum(), z.len());
    // The product and the difference round by less than 2^-51 of |z|.
    let length = bound(lengths);
    (bound(errors) + length * 2f64.powi(-50), bound(values) * UP_4000, length)
}

/// At most [`LANES`] entries, padded with zeros.
#[inline(always)]
fn padded<T: Copy + Default>(rest: &[T]) -> [T; LANES] {
    let mut out = [T::default(); LANES];
    out[..rest.len()].copy_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_first_coordinate_is_split_over_its_places_and_leaves_the_others_fine_steps() {
        let mut z: Vec<f32> = (0..37).map(|i| ((i * 29 % 17) as f32 - 8.0) / 8.0).collect();
        for (first, least) in [(4.0, 1.0), (-4.9, 1.0), (-9.0, 1.8), (0.25, 1.0), (0.0, 1.0)] {
            z[0] = first;
            let row = Rounded::new(&z, 16);
            assert_eq!(row.bytes.len(), width(z.len()));
            let places = row.bytes[..=COPIES].iter().map(|&b| i32::from(b)).sum::<i32>();
            let others = row.bytes[COPIES + 1..][..z.len() - 1].iter().map(|&b| i32::from(b));
            let integers: Vec<i32> = [places].into_iter().chain(others).collect();
            assert!(row.scale <= least / 127.0 * (1.0 + 1e-6), "{first}: {}", row.scale);
            let lost = |z: &[f32], q: &[i32]| {
                let off = z.iter().zip(q).map(|(&x, &q)| f64::from(x) - row.scale * f64::from(q));
                off.map(|x| x * x).sum::<f64>().sqrt()
            };
            let (all, prefix) = (lost(&z, &integers), lost(&z[..16], &integers[..16]));
            assert!(all <= row.losses.full_error && prefix <= row.losses.prefix_error, "{first}");
            // To nearest: half a step in each coordinate.
            assert!(row.losses.full_error <= row.scale * 0.5001 * (z.len() as f64).sqrt());
        }
    }
}
