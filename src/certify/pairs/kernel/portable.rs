//! The products in plain Rust, compiled for several vector widths: for machines without a kernel of their own, and as
//! the reference that all other kernels are tested against.

use super::{BLOCK, TILE};

/// The number of bytes in a word.
const BYTES: usize = 4;

/// See [`super::Kernel::above`]; `limits` apply to the products of the bytes as stored, which include the offsets.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn above(tokens: &[i32], rows: &[u8], limits: &[i32; TILE]) -> [u32; TILE] {
    let mut sums = [[0i32; BLOCK]; TILE];
    for (words, rows) in tokens.chunks_exact(TILE).zip(rows.chunks_exact(BLOCK * BYTES)) {
        let rows: [u32; BLOCK] = std::array::from_fn(|r| {
            u32::from_le_bytes(std::array::from_fn(|k| rows[r * BYTES + k]))
        });
        for (sums, word) in sums.iter_mut().zip(words) {
            let q = word.to_le_bytes().map(|b| i32::from(b as i8));
            for (sum, row) in sums.iter_mut().zip(&rows) {
                *sum += (row & 255) as i32 * q[0]
                    + (row >> 8 & 255) as i32 * q[1]
                    + (row >> 16 & 255) as i32 * q[2]
                    + (row >> 24) as i32 * q[3];
            }
        }
    }
    std::array::from_fn(|i| {
        sums[i].iter().enumerate().fold(0, |mask, (r, &sum)| mask | u32::from(sum > limits[i]) << r)
    })
}

/// See [`super::dot`].
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum()
}
