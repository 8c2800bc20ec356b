//! Scalar products in one fixed order of operations.
//!
//! Rust never reassociates or fuses float operations, so the same source gives the same bits at
//! every vector width; `multiversion` compiles it once for each width and picks at run time. A
//! sum of `n` products is within [`dot_error`](super::rounding::dot_error) of the true one.

use multiversion::multiversion;

/// An element type of stored rows; widening to `f64` is exact.
pub trait Element: Copy + Send + Sync + PartialEq + Into<f64> + 'static {
    /// `x . y` in float64.
    fn dot(x: &[Self], y: &[f64]) -> f64;

    /// Computes the scalar products of `points` (`count x dim`) with `rows` (`n x dim`) and writes them to
    /// `out[point * stride + row]`.
    fn product(points: &[f64], rows: &[Self], dim: usize, out: &mut [f64], stride: usize);
}

/// The number of independent partial sums that [`Element::dot`] keeps.
const LANES: usize = 16;
/// The number of float64 that are multiplied and added at a time: one register of AVX-512.
const REGISTER: usize = 8;
/// The number of rows in a panel of a block product.
const PANEL: usize = 2 * REGISTER;
/// The number of points in a tile of a block product; with eight, the compiler no longer keeps the sums in registers.
const TILE: usize = 4;

/// Computes `x . y` in several partial sums: the body of [`Element::dot`], inlined so that a caller's own vector
/// width applies.
#[inline(always)]
pub fn lanes<T: Element>(x: &[T], y: &[f64]) -> f64 {
    let mut sums = [0.0f64; LANES];
    let (mut xs, mut ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    for (a, b) in xs.by_ref().zip(ys.by_ref()) {
        for l in 0..LANES {
            sums[l] += a[l].into() * b[l];
        }
    }
    for (l, (&a, &b)) in xs.remainder().iter().zip(ys.remainder()).enumerate() {
        sums[l] += a.into() * b;
    }
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for l in 0..width {
            sums[l] += sums[l + width];
        }
    }
    sums[0]
}

/// The scalar products of the points of a tile with the rows of a panel.
#[inline(always)]
fn tile_sums(tile: &[f64], panel: &[f64]) -> [[f64; PANEL]; TILE] {
    // Loops over the numbers themselves become vector instructions only where the units of the crate are joined by LTO;
    // these arrays become registers with one unit, too, up to fourteen times as fast. Several units need LTO.
    let mut sums = [[[0.0; REGISTER]; 2]; TILE];
    let panel = panel.as_chunks::<REGISTER>().0.as_chunks::<2>().0;
    for (a, b) in tile.as_chunks::<TILE>().0.iter().zip(panel) {
        for i in 0..TILE {
            for half in 0..2 {
                sums[i][half] = add_multiple(sums[i][half], a[i], b[half]);
            }
        }
    }
    std::array::from_fn(|i| std::array::from_fn(|r| sums[i][r / REGISTER][r % REGISTER]))
}

/// `sums + a b`, rounded twice.
#[inline(always)]
fn add_multiple(sums: [f64; REGISTER], a: f64, b: [f64; REGISTER]) -> [f64; REGISTER] {
    std::array::from_fn(|l| sums[l] + a * b[l])
}

/// Computes [`Element::product`] in panels and tiles. Each entry is summed in the order of the coordinates, whatever
/// the block sizes.
#[inline(always)]
fn product_body<T: Element>(
    points: &[f64],
    rows: &[T],
    dim: usize,
    out: &mut [f64],
    stride: usize,
) {
    if dim == 0 {
        let count = rows.len();
        debug_assert_eq!(count, 0, "rows of no coordinates have no length to count by");
        return;
    }
    let (point_count, row_count) = (points.len() / dim, rows.len() / dim);
    if point_count == 0 {
        return;
    }
    let mut tiles = vec![0.0f64; point_count.div_ceil(TILE) * TILE * dim];
    for (p, point) in points.chunks_exact(dim).enumerate() {
        let tile = &mut tiles[p / TILE * TILE * dim..];
        for (k, &x) in point.iter().enumerate() {
            tile[k * TILE + p % TILE] = x;
        }
    }
    let mut panel = vec![0.0f64; PANEL * dim];
    for (first_row, chunk) in rows.chunks(PANEL * dim).enumerate().map(|(i, c)| (i * PANEL, c)) {
        for (r, row) in chunk.chunks_exact(dim).enumerate() {
            for (k, &x) in row.iter().enumerate() {
                panel[k * PANEL + r] = x.into();
            }
        }
        let width = PANEL.min(row_count - first_row);
        for (t, tile) in tiles.chunks_exact(TILE * dim).enumerate() {
            let sums = tile_sums(tile, &panel);
            for (i, sum) in sums.iter().enumerate().take(point_count - (t * TILE).min(point_count))
            {
                let at = (t * TILE + i) * stride + first_row;
                out[at..at + width].copy_from_slice(&sum[..width]);
            }
        }
    }
}

macro_rules! element {
    ($type:ty, $dot:ident, $product:ident) => {
        #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
        fn $dot(x: &[$type], y: &[f64]) -> f64 {
            lanes(x, y)
        }

        #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
        fn $product(points: &[f64], rows: &[$type], dim: usize, out: &mut [f64], stride: usize) {
            product_body(points, rows, dim, out, stride)
        }

        impl Element for $type {
            fn dot(x: &[Self], y: &[f64]) -> f64 {
                debug_assert_eq!(x.len(), y.len());
                $dot(x, y)
            }

            fn product(points: &[f64], rows: &[Self], dim: usize, out: &mut [f64], stride: usize) {
                $product(points, rows, dim, out, stride)
            }
        }
    };
}
element!(f32, dot_f32, product_f32);
element!(f64, dot_f64, product_f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_sum_in_coordinate_order_to_the_last_bit() {
        let dim = 37;
        let number = |i: usize| ((i * 2654435761) % 1000) as f64 / 7.0 - 60.0;
        let points: Vec<f64> = (0..11 * dim).map(number).collect();
        let rows: Vec<f32> = (0..35 * dim).map(|i| number(i + 5) as f32).collect();
        let mut out = vec![f64::NAN; 11 * 40];
        f32::product(&points, &rows, dim, &mut out, 40);
        for p in 0..11 {
            for r in 0..35 {
                let mut sum = 0.0;
                for k in 0..dim {
                    sum += points[p * dim + k] * f64::from(rows[r * dim + k]);
                }
                assert_eq!(out[p * 40 + r], sum, "point {p}, row {r}");
            }
            assert!(
                out[p * 40 + 35..p * 40 + 40].iter().all(|x| x.is_nan()),
                "nothing is written beyond the rows"
            );
        }
    }

    #[test]
    fn the_dot_product_takes_every_coordinate_once() {
        for n in [0, 1, 15, 16, 17, 33, 64] {
            let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let y: Vec<f64> = (0..n).map(|i| (i + 1) as f64).collect();
            let exact: usize = (0..n).map(|i| i * (i + 1)).sum();
            assert_eq!(f32::dot(&x, &y), exact as f64);
        }
    }
}
