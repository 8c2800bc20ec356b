//! The singular values of the rows, as stored and about their mean: how many directions a head really uses.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixViewMut, DVector};

use super::Head;
use super::subspace::Subspace;
use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow::{self, Panels};
use crate::order;
use crate::parallel;

/// The largest order of a matrix whose eigenvalues are all computed, by one thread in about `10 d^3` operations; heads with more
/// coordinates and more tokens than this get the leading values.
const WIDEST: usize = 1024;
/// The number of leading values of wider heads.
const LEADING: usize = 64;
/// The most rows that the leading values are computed from.
const LEADING_ROWS: usize = 16384;
/// The most coordinates of a head with a spectrum, so that a few vectors for each block of rows fit into memory.
const MOST_COORDINATES: usize = 1 << 17;
/// The most multiplications for the products of the rows: about a second on one core.
const BUDGET: usize = 20_000_000_000;
/// The most multiplications if rows have more coordinates than there are rows: a few seconds.
const WIDE_BUDGET: usize = 16 * BUDGET;
/// The least number of sampled rows for each coordinate.
const ROWS_PER_COORDINATE: usize = 4;
/// The number of rows multiplied at once.
const BLOCK: usize = 2048;
/// The number of coordinate ranges multiplied in parallel at a time.
const STARTS: usize = 4;
/// The number of rows that a thread centres in one task.
const ROWS_A_TASK: usize = 64;
/// The number of columns of the product in one task. The sums do not depend on the number of threads.
const STRIPE: usize = 128;

/// Both spectra of the rows, from float64 sums without proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectra {
    /// The number of rows used, spread evenly over the ids: all rows, unless that takes too long.
    pub rows: usize,
    /// The singular values of `W`, falling: `d` of them, or as many as rows used in [wide](Head::is_wide) heads;
    /// estimated if not all rows were used. Only the leading ones if there are more than 1024 of them.
    pub singular_values: Vec<f64>,
    /// The singular values of the centred rows divided by the root of their number (the standard deviations along the
    /// principal directions), falling; `min(d, rows)` of them, or the leading ones. A vector that is added to all rows,
    /// such as the mean, changes no argmax.
    pub deviations: Vec<f64>,
    /// The sum of the squares of all deviations, also of those that were not computed.
    pub variance: f64,
    /// Whether all values were computed.
    pub complete: bool,
}

impl Spectra {
    /// Computes the spectra from the rows of a head, or from a sample of them; `None` if the head is too wide.
    pub fn of(head: &Head) -> Option<Self> {
        let (tokens, dim) = (head.tokens(), head.dim());
        let scale = scale(head);
        let spread = |rows: usize| (0..rows).map(|i| i * tokens / rows).collect::<Vec<usize>>();
        if dim > WIDEST && (!head.is_wide() || tokens > WIDEST) {
            let ids = spread(tokens.min(LEADING_ROWS));
            return (dim <= MOST_COORDINATES).then(|| Spectra::leading(head, &ids, scale));
        }
        let (rows, centred, whole) = if head.is_wide() {
            // The Gram matrix of the rows and that of the columns have the same eigenvalues, apart from zeros.
            let most = ((WIDE_BUDGET / dim) as f64).sqrt() as usize;
            let ids = spread(tokens.min(most.max(1)));
            let [centred, whole] = products(head, &ids, scale);
            (ids.len(), centred, whole)
        } else {
            let rows = (BUDGET / (dim * dim)).max(ROWS_PER_COORDINATE * dim).min(tokens);
            let ids = spread(rows);
            let mean = mean(head, &ids, scale);
            let centred = covariance(head, &ids, &mean, scale);
            // Adding the mean back loses no digits; subtracting it afterwards would.
            let whole = &centred + &mean * mean.transpose();
            (rows, centred, whole)
        };
        let variance = centred.trace() * scale * scale;
        let (deviations, all) = parallel::join(|| roots(centred), || roots(whole));
        let sized = |values: Vec<f64>, size: f64| values.iter().map(|x| x * size).collect();
        let mut deviations: Vec<f64> = sized(deviations, scale);
        deviations.truncate(dim.min(rows));
        let singular_values = sized(sized(all, (tokens as f64).sqrt()), scale);
        Some(Spectra { rows, singular_values, deviations, variance, complete: true })
    }

    /// The leading values from these rows, by subspace iteration; no `d x d` matrix is formed.
    fn leading(head: &Head, ids: &[usize], scale: f64) -> Self {
        let (dim, count) = (head.dim(), ids.len() as f64);
        let mean = mean(head, ids, scale);
        let times = |vectors: &[f64], product: Product| {
            times_covariance(head, ids, &mean, scale, vectors, product)
        };
        let subspace = Subspace::new(dim, LEADING, |v| times(v, roughly), |v| times(v, exactly));
        let found = subspace.leading(LEADING);
        let squares = |block: &[usize]| {
            let square = |&t: &usize| {
                let row = head.row(t).zip(mean.iter());
                row.map(|(x, m): (f64, &f64)| (x / scale - m) * (x / scale - m)).sum::<f64>()
            };
            block.iter().map(square).sum::<f64>()
        };
        let sums: Vec<f64> = parallel::map_ranges(ids.len(), BLOCK, &|range| squares(&ids[range]));
        // The uncentred rows have the mean as one more direction.
        let mean = mean.as_slice();
        let whole = subspace.with(mean, |v| times(v, exactly)).plus_square(mean).leading(LEADING);
        let root = |values: &[f64], size: f64| {
            values.iter().map(|x| x.max(0.0).sqrt() * size).collect::<Vec<f64>>()
        };
        Spectra {
            rows: ids.len(),
            singular_values: root(&whole.values, scale * (head.tokens() as f64).sqrt()),
            deviations: root(&found.values, scale),
            variance: sums.iter().sum::<f64>() / count * scale * scale,
            complete: false,
        }
    }
}

/// The products of several vectors with rows of `width` numbers, `out[vector * rows + row]`.
type Product = fn(vectors: &[f64], rows: &[f32], width: usize) -> Vec<f64>;

/// [`Product`] with float64 sums.
fn exactly(vectors: &[f64], rows: &[f32], width: usize) -> Vec<f64> {
    let count = rows.len() / width;
    let mut out = vec![0.0; vectors.len() / width * count];
    f32::product(vectors, rows, width, &mut out, count);
    out
}

/// [`Product`] with float32 sums, several times as fast.
fn roughly(vectors: &[f64], rows: &[f32], width: usize) -> Vec<f64> {
    let vectors: Vec<f32> = vectors.iter().map(|&x| x as f32).collect();
    let mut out = vec![0f32; vectors.len() / width * (rows.len() / width)];
    narrow::product(&vectors, &Panels::new(rows, width), &mut out);
    out.into_iter().map(f64::from).collect()
}

/// Multiplies vectors (`n x d`) with the covariance of some rows about `mean`, all divided by `scale`.
fn times_covariance(
    head: &Head,
    ids: &[usize],
    mean: &DVector<f64>,
    scale: f64,
    vectors: &[f64],
    product: Product,
) -> Vec<f64> {
    let dim = head.dim();
    let part = |block: &[usize]| {
        let mut rows = vec![0f32; block.len() * dim];
        let mut whole = vec![0.0; dim];
        for (out, &t) in rows.chunks_exact_mut(dim).zip(block) {
            head.copy_row(t, &mut whole);
            let centred = whole.iter().zip(mean.iter()).map(|(x, m)| (x / scale - m) as f32);
            out.iter_mut().zip(centred).for_each(|(out, x)| *out = x);
        }
        let along = product(vectors, &rows, dim);
        product(&along, &transposed(&rows, dim), block.len())
    };
    let mut sum = vec![0.0; vectors.len()];
    let blocks: Vec<&[usize]> = ids.chunks(BLOCK / 4).collect();
    for blocks in blocks.chunks(STARTS) {
        let parts: Vec<Vec<f64>> = parallel::map_singly(blocks.len(), &|i| part(blocks[i]));
        parts.iter().for_each(|part| sum.iter_mut().zip(part).for_each(|(s, x)| *s += x));
    }
    sum.iter().map(|x| x / ids.len() as f64).collect()
}

/// The columns of a matrix with rows of `width` numbers, one after the other.
fn transposed(rows: &[f32], width: usize) -> Vec<f32> {
    /// The order of a tile, which is read and written in whole cache lines.
    const TILE: usize = 16;
    let count = rows.len() / width;
    let mut out = vec![0f32; rows.len()];
    for (i, rows) in rows.chunks(TILE * width).enumerate() {
        for first in (0..width).step_by(TILE) {
            let columns = first..width.min(first + TILE);
            let mut tile = [[0f32; TILE]; TILE];
            for (tile, row) in tile.iter_mut().zip(rows.chunks_exact(width)) {
                tile[..columns.len()].copy_from_slice(&row[columns.clone()]);
            }
            for (k, column) in columns.zip(0..) {
                let out = &mut out[k * count + i * TILE..][..rows.len() / width];
                out.iter_mut().zip(&tile).for_each(|(out, row)| *out = row[column]);
            }
        }
    }
    out
}

/// The Euclidean norm of the mean row.
pub fn mean_norm(head: &Head) -> f64 {
    let (scale, ids) = (scale(head), (0..head.tokens()).collect::<Vec<_>>());
    mean(head, &ids, scale).norm() * scale
}

/// The largest absolute entry of a head, or 1 if all entries are zero. Dividing by it keeps squares from overflowing
/// and underflowing.
fn scale(head: &Head) -> f64 {
    let largest = |t: usize| head.row(t).fold(0.0f64, |m, x| m.max(x.abs()));
    match parallel::map(head.tokens(), &largest).into_iter().fold(0.0, f64::max) {
        0.0 => 1.0,
        largest => largest,
    }
}

/// The mean of some rows, divided by `scale`.
fn mean(head: &Head, ids: &[usize], scale: f64) -> DVector<f64> {
    let sum = |block: &[usize]| {
        let mut sum = DVector::zeros(head.dim());
        for &t in block {
            head.row(t).zip(sum.iter_mut()).for_each(|(x, s): (f64, &mut f64)| *s += x / scale);
        }
        sum
    };
    let sums: Vec<DVector<f64>> = parallel::map_ranges(ids.len(), BLOCK, &|range| sum(&ids[range]));
    sums.iter().fold(DVector::zeros(head.dim()), |all, sum| all + sum) / ids.len() as f64
}

/// The covariance of some rows about `mean`, all divided by `scale` (`d x d`).
fn covariance(head: &Head, ids: &[usize], mean: &DVector<f64>, scale: f64) -> DMatrix<f64> {
    let dim = head.dim();
    let mut product = DMatrix::<f64>::zeros(dim, dim);
    for block in ids.chunks(BLOCK) {
        // One token in each column.
        let mut rows = DMatrix::<f64>::zeros(dim, block.len());
        parallel::fill(rows.as_mut_slice(), dim * ROWS_A_TASK, &|i, rows| {
            let tokens = &block[i * ROWS_A_TASK..];
            for (out, &t) in rows.chunks_exact_mut(dim).zip(tokens) {
                head.copy_row(t, out);
                out.iter_mut().zip(mean.iter()).for_each(|(x, m)| *x = *x / scale - m);
            }
        });
        // The part on and below the diagonal is sufficient.
        parallel::fill(product.as_mut_slice(), dim * STRIPE, &|k, stripe| {
            let columns: Range<usize> = k * STRIPE..dim.min((k + 1) * STRIPE);
            let others = rows.rows_range(columns.clone()).transpose();
            let mut stripe = DMatrixViewMut::from_slice(stripe, dim, columns.len());
            let mut below = stripe.rows_range_mut(columns.start..);
            below.gemm(1.0, &rows.rows_range(columns.start..), &others, 1.0);
        });
    }
    product /= ids.len() as f64;
    product.fill_upper_triangle_with_lower_triangle();
    product
}

/// The Gram matrices of some rows, about their mean and as stored, divided by the number of rows and by the square of
/// `scale`. They are summed over ranges of coordinates.
fn products(head: &Head, ids: &[usize], scale: f64) -> [DMatrix<f64>; 2] {
    let (count, dim) = (ids.len(), head.dim());
    let part = |from: usize| {
        let columns = from..dim.min(from + BLOCK);
        let mut rows = DMatrix::<f64>::zeros(columns.len(), count);
        let mut whole = vec![0.0; dim];
        for (i, &t) in ids.iter().enumerate() {
            head.copy_row(t, &mut whole);
            let these = &whole[columns.clone()];
            rows.column_mut(i).iter_mut().zip(these).for_each(|(out, x)| *out = x / scale);
        }
        let all = rows.tr_mul(&rows);
        let mean = rows.column_mean();
        rows.column_iter_mut().for_each(|mut row| row -= &mean);
        [rows.tr_mul(&rows), all]
    };
    let starts: Vec<usize> = (0..dim).step_by(BLOCK).collect();
    let zero = || [DMatrix::zeros(count, count), DMatrix::zeros(count, count)];
    let mut sums = zero();
    // Compute a few ranges in parallel, as memory allows, and add them in order: the sums do not depend on the number
    // of threads.
    for starts in starts.chunks(STARTS) {
        let parts: Vec<[DMatrix<f64>; 2]> =
            parallel::map_singly(starts.len(), &|i| part(starts[i]));
        for [centred, all] in parts {
            sums[0] += centred;
            sums[1] += all;
        }
    }
    sums.map(|sum| sum / count as f64)
}

/// The roots of the eigenvalues, falling; eigenvalues that rounding made negative count as zero.
fn roots(matrix: DMatrix<f64>) -> Vec<f64> {
    let mut roots: Vec<f64> =
        matrix.symmetric_eigenvalues().iter().map(|x| x.max(0.0).sqrt()).collect();
    order::rising_floats(&mut roots);
    roots.reverse();
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_no_part_of_the_deviations_and_a_part_of_the_singular_values() {
        // A cross around (7, -3, 100): deviations 2 and 1 along two axes, none along the third.
        let rows = [[9.0, -3.0, 100.0], [5.0, -3.0, 100.0], [7.0, -2.0, 100.0], [7.0, -4.0, 100.0]];
        let head = Head::new(rows.concat(), None, 4, 3).unwrap();
        let spectra = Spectra::of(&head).unwrap();
        for (value, expected) in spectra.deviations.iter().zip([2.0f64.sqrt(), 0.5f64.sqrt(), 0.0])
        {
            assert!((value - expected).abs() < 1e-5, "{:?}", spectra.deviations);
        }
        let squares: f64 = spectra.singular_values.iter().map(|x| x * x).sum();
        let expected: f64 = rows.concat().iter().map(|x| x * x).sum();
        assert!((squares / expected - 1.0).abs() < 1e-12, "{:?}", spectra.singular_values);
        assert!((mean_norm(&head) - (49.0f64 + 9.0 + 1e4).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn stripes_and_blocks_together_are_the_whole_product() {
        let (tokens, dim) = (BLOCK + 77, STRIPE + 3);
        let rows: Vec<f64> =
            (0..tokens * dim).map(|i| ((i * 7919) % 1009) as f64 - 500.0).collect();
        let head = Head::new(rows.clone(), None, tokens, dim).unwrap();
        let spectra = Spectra::of(&head).unwrap();
        let matrix = DMatrix::from_row_slice(tokens, dim, &rows);
        let expected = matrix.singular_values();
        for (value, expected) in spectra.singular_values.iter().zip(expected.iter()) {
            assert!(
                (value - expected).abs() < 1e-7 * spectra.singular_values[0],
                "{value} {expected}"
            );
        }
    }

    #[test]
    fn wide_heads_have_as_many_values_as_tokens() {
        let (tokens, dim) = (7, BLOCK + 99);
        let rows: Vec<f64> =
            (0..tokens * dim).map(|i| ((i * 7919) % 1009) as f64 - 500.0).collect();
        let head = Head::new(rows.clone(), None, tokens, dim).unwrap();
        let spectra = Spectra::of(&head).unwrap();
        assert_eq!((spectra.singular_values.len(), spectra.deviations.len()), (7, 7));
        let matrix = DMatrix::from_row_slice(tokens, dim, &rows);
        let mean = matrix.row_mean();
        let mut centred = matrix.clone();
        centred.row_iter_mut().for_each(|mut row| row -= &mean);
        let largest = spectra.singular_values[0];
        for (values, expected, unit) in [
            (&spectra.singular_values, matrix.singular_values(), 1.0),
            (&spectra.deviations, centred.singular_values(), (tokens as f64).sqrt()),
        ] {
            for (value, expected) in values.iter().zip(expected.iter()) {
                assert!((value - expected / unit).abs() < 1e-7 * largest, "{value} {expected}");
            }
        }
    }

    #[test]
    fn rows_at_the_ends_of_the_float_range_do_not_overflow() {
        for size in [1e300, 1e-300] {
            let head = Head::new(vec![size, -size], None, 2, 1).unwrap();
            let value = Spectra::of(&head).unwrap().deviations[0];
            assert!((value / size - 1.0).abs() < 1e-5, "{value}");
        }
    }
}
