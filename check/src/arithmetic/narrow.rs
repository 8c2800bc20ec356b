//! Scalar products in float32 with fused multiply-add, for values that are only proposals or whose error is bounded.
//!
//! A fused multiply-add rounds once, by definition (IEEE 754-2008, 5.4.1), whether one instruction does it or, on
//! processors of before 2013, a library call: the same source gives the same bits everywhere.

use multiversion::multiversion;

use super::rounding::gamma;
use crate::parallel;

/// The number of products summed before the sum is added to the total: short sums keep errors small.
const CHUNK: usize = 32;
/// The number of rows in a panel: two registers of sixteen float32.
const PANEL: usize = 32;
/// The number of points in a tile; the sums of a tile and a panel fit in registers.
const TILE: usize = 4;

/// Computes the scalar products of `points` (`count x dim`) with `rows` (`n x dim`) and writes them to
/// `out[point * n + row]`.
///
/// The error of each is at most [`relative_error`] times the sum of absolute products, plus `dim 2^-149` for
/// underflow.
pub fn product(points: &[f32], rows: &Panels, out: &mut [f32]) {
    let (dim, count) = (rows.dim, rows.count);
    let mut tile = vec![0f32; TILE * dim];
    for (points, out) in points.chunks(TILE * dim).zip(out.chunks_mut(TILE * count)) {
        for (p, point) in points.chunks_exact(dim).enumerate() {
            point.iter().enumerate().for_each(|(k, &x)| tile[k * TILE + p] = x);
        }
        tile_by_panels(&tile, &rows.panels, dim, count, out);
    }
}

/// Bounds the error of [`product`] relative to the sum of absolute products.
pub fn relative_error(dim: usize) -> f64 {
    // There is one rounding for each product of a chunk and one for each chunk; `gamma` is in units of float64.
    let roundings = CHUNK + dim.div_ceil(CHUNK);
    let unit = 2f64.powi(-24) / super::rounding::UNIT;
    gamma((roundings as f64 * unit) as usize + 1)
}

/// `x . y` in several independent fused sums; its error is within the bound of [`product`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+fma", "x86_64+avx2+fma"))]
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0f32; CHUNK];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<CHUNK>(), y.as_chunks::<CHUNK>());
    for (x, y) in xs.iter().zip(ys) {
        for l in 0..CHUNK {
            sums[l] = x[l].mul_add(y[l], sums[l]);
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum = x.mul_add(*y, *sum);
    }
    let mut width = CHUNK;
    while width > 1 {
        width /= 2;
        for l in 0..width {
            sums[l] += sums[l + width];
        }
    }
    sums[0]
}

/// Rows packed for [`product`]: panels of rows that are interleaved by coordinate.
#[derive(Debug)]
pub struct Panels {
    dim: usize,
    count: usize,
    panels: Vec<f32>,
}

impl Panels {
    /// Packs `rows` (`count x dim`, row-major).
    pub fn new(rows: &[f32], dim: usize) -> Self {
        let count = rows.len() / dim;
        let mut panels = vec![0f32; count.div_ceil(PANEL) * PANEL * dim];
        parallel::fill(&mut panels, PANEL * dim, &|i, panel| {
            let rows = &rows[i * PANEL * dim..((i + 1) * PANEL * dim).min(rows.len())];
            for (r, row) in rows.chunks_exact(dim).enumerate() {
                row.iter().enumerate().for_each(|(k, &x)| panel[k * PANEL + r] = x);
            }
        });
        Panels { dim, count, panels }
    }
}

/// Multiplies one tile of points with all panels.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+fma", "x86_64+avx2+fma"))]
fn tile_by_panels(tile: &[f32], panels: &[f32], dim: usize, count: usize, out: &mut [f32]) {
    for (first, panel) in panels.chunks_exact(PANEL * dim).enumerate().map(|(i, p)| (i * PANEL, p))
    {
        let mut totals = [[0f32; PANEL]; TILE];
        for (tile, panel) in tile.chunks(CHUNK * TILE).zip(panel.chunks(CHUNK * PANEL)) {
            let mut sums = [[0f32; PANEL]; TILE];
            for (a, b) in tile.as_chunks::<TILE>().0.iter().zip(panel.as_chunks::<PANEL>().0) {
                for i in 0..TILE {
                    for r in 0..PANEL {
                        sums[i][r] = a[i].mul_add(b[r], sums[i][r]);
                    }
                }
            }
            for i in 0..TILE {
                for r in 0..PANEL {
                    totals[i][r] += sums[i][r];
                }
            }
        }
        let width = PANEL.min(count - first);
        for (total, out) in totals.iter().zip(out.chunks_exact_mut(count)) {
            out[first..first + width].copy_from_slice(&total[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_two_rows_is_within_the_bound_and_takes_every_coordinate_once() {
        let number = |i: usize| ((i * 2654435761) % 1000) as f32 / 7.0 - 60.0;
        for dim in [0, 1, 31, 32, 33, 64, 75, 384] {
            let row = |from: usize| (from..from + dim).map(number).collect::<Vec<f32>>();
            let (x, y) = (row(3), row(501));
            let pairs = || x.iter().zip(&y).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let (exact, size) = (pairs().sum::<f64>(), pairs().map(f64::abs).sum::<f64>());
            let found = f64::from(dot(&x, &y));
            assert!((found - exact).abs() <= relative_error(dim) * size, "{dim}");
            let ones = vec![1.0; dim];
            assert_eq!(dot(&ones, &ones), dim as f32);
        }
    }

    #[test]
    fn products_are_the_fused_sums_in_chunks_to_the_last_bit_and_within_their_bound() {
        let dim = 75;
        let number = |i: usize| ((i * 2654435761) % 1000) as f32 / 7.0 - 60.0;
        let points: Vec<f32> = (0..11 * dim).map(number).collect();
        let rows: Vec<f32> = (0..35 * dim).map(|i| number(i + 5)).collect();
        let mut out = vec![f32::NAN; 11 * 35];
        product(&points, &Panels::new(&rows, dim), &mut out);
        for p in 0..11 {
            for r in 0..35 {
                let pairs = points[p * dim..][..dim].iter().zip(&rows[r * dim..][..dim]);
                let pairs: Vec<(f32, f32)> = pairs.map(|(a, b)| (*a, *b)).collect();
                let chunk = |c: &[(f32, f32)]| c.iter().fold(0f32, |s, (a, b)| a.mul_add(*b, s));
                let expected = pairs.chunks(CHUNK).fold(0f32, |total, c| total + chunk(c));
                let found = out[p * 35 + r];
                assert_eq!(found, expected, "point {p}, row {r}");
                // Integers over 49: exact in float64 to far more than the bound.
                let exact: f64 = pairs.iter().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let size: f64 =
                    pairs.iter().map(|(a, b)| (f64::from(*a) * f64::from(*b)).abs()).sum();
                assert!((f64::from(found) - exact).abs() <= relative_error(dim) * size);
            }
        }
    }
}
