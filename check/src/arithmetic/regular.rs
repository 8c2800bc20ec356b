//! A matrix that is proved to be regular, and proved intervals around the solutions of systems with it.
//!
//! With an approximate inverse `R` and `|I - R M| <= rho < 1` the matrix `M` is regular, and the exact
//! solution of `M x = q` lies within `|z| + rho |z|_inf / (1 - rho)` of `x0`, where `z = R (q - M x0)`
//! (Krawczyk 1969; Rump 1983, *Solving algebraic problems with high accuracy*). What depends on the matrix alone (`d^3`
//! operations) is done once, and each right side costs `d^2`.

use std::ops::Range;

use multiversion::multiversion;

use super::dot::Element;
use super::interval::Interval;
use super::rounding::{TINY, gamma, norm_up};

/// A square matrix with an approximate inverse `R` and a bound of `|I - R M|` below one.
#[derive(Clone, Debug)]
pub struct Regular {
    order: usize,
    /// The matrix by columns.
    columns: Vec<f64>,
    /// The approximate inverse by rows.
    inverse: Vec<f64>,
    /// An upper bound of the row sums of `|I - R M|`, below one half.
    defect: f64,
}

impl Regular {
    /// Proves that the matrix with these columns is regular; `None` where this fails.
    pub fn new(order: usize, columns: Vec<f64>) -> Option<Self> {
        let n = order;
        if n == 0 || columns.len() != n * n {
            return None;
        }
        let inverse = inverse(n, &columns)?;
        let norms = |m: &[f64]| -> Vec<f64> {
            m.chunks_exact(n).map(|row| norm_up(row.iter().copied())).collect()
        };
        let (row_norms, column_norms) = (norms(&inverse), norms(&columns));
        let mut product = vec![0.0; n * n];
        f64::product(&inverse, &columns, n, &mut product, n);
        let (unit, floor) = (gamma(n + 4), smallest(n));
        let mut defect = 0.0f64;
        for (i, row) in product.chunks_exact(n).enumerate() {
            let mut sum = 0.0;
            for (c, x) in row.iter().enumerate() {
                let expected = if i == c { 1.0 } else { 0.0 };
                sum += (expected - x).abs() + unit * (1.0 + row_norms[i] * column_norms[c]) + floor;
            }
            if !sum.is_finite() {
                return None;
            }
            defect = defect.max(sum * slack(n));
        }
        (defect < 0.5).then_some(Regular { order, columns, inverse, defect })
    }

    /// The solution for a right side, approximately.
    pub fn approximate(&self, right: &[f64]) -> Vec<f64> {
        self.inverse.chunks_exact(self.order).map(|row| f64::dot(row, right)).collect()
    }

    /// The approximate inverse by rows, and for each of its columns a bound of the distance of any entry from the exact one: with
    /// `E = I - R M` that distance is `E (I - E)^-1 R`.
    pub fn inverse(&self) -> (&[f64], Vec<f64>) {
        let share = self.defect / (1.0 - self.defect) * slack(self.order);
        let mut largest = vec![0.0f64; self.order];
        for row in self.inverse.chunks_exact(self.order) {
            largest.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(x.abs()));
        }
        (&self.inverse, largest.iter().map(|most| (share * most).next_up()).collect())
    }

    /// Encloses the exact solution for every right side within these error bounds of `right`, given an approximation.
    pub fn enclose(&self, right: &[f64], error: &[f64], mut near: Vec<f64>) -> Vec<Interval> {
        let n = self.order;
        let correction = self.approximate(&self.residual(right, &near).0);
        near.iter_mut().zip(&correction).for_each(|(x, c)| *x += c);
        let (residual, size) = self.residual(right, &near);
        let (unit, floor) = (gamma(2 * n + 8), smallest(n));
        let bound = residual.iter().zip(size.iter().zip(error));
        let bound: Vec<f64> =
            bound.map(|(r, (s, e))| r.abs() + (unit * s + e + floor).next_up()).collect();
        let z: Vec<f64> = self
            .inverse
            .chunks_exact(n)
            .map(|row| (absolute_dot(row, &bound) + n as f64 * floor) * slack(n))
            .collect();
        let largest = z.iter().copied().fold(0.0, f64::max);
        let common = self.defect * largest / (1.0 - self.defect) * slack(n);
        let interval = |(&x, &z): (&f64, &f64)| {
            let radius = ((z + common) * slack(n)).next_up();
            Interval { lo: (x - radius).next_down(), hi: (x + radius).next_up() }
        };
        near.iter().zip(&z).map(interval).collect()
    }

    /// `right - M x` in float64, and the sums of the absolute values of the terms of each entry.
    fn residual(&self, right: &[f64], x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut value = right.to_vec();
        let mut size: Vec<f64> = right.iter().map(|r| r.abs()).collect();
        for (column, &x) in self.columns.chunks_exact(self.order).zip(x) {
            subtract(column, x, &mut value, &mut size);
        }
        (value, size)
    }
}

/// What covers the underflow of sums of `n` products.
fn smallest(n: usize) -> f64 {
    (n as f64 + 4.0) * TINY
}

/// A factor that covers the rounding of a few sums of `n` positive terms.
fn slack(n: usize) -> f64 {
    1.0 + (2.0 * n as f64 + 16.0) * f64::EPSILON
}

/// Subtracts `x column` from `value`, and adds the absolute terms to `size`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn subtract(column: &[f64], x: f64, value: &mut [f64], size: &mut [f64]) {
    for ((c, value), size) in column.iter().zip(value).zip(size) {
        let term = c * x;
        *value -= term;
        *size += term.abs();
    }
}

/// `sum |row_i| bound_i`, in eight partial sums.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn absolute_dot(row: &[f64], bound: &[f64]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (rows, bounds) = (row.as_chunks::<8>(), bound.as_chunks::<8>());
    for (r, b) in rows.0.iter().zip(bounds.0) {
        for l in 0..8 {
            sums[l] += r[l].abs() * b[l];
        }
    }
    for (l, (r, b)) in rows.1.iter().zip(bounds.1).enumerate() {
        sums[l] += r.abs() * b;
    }
    sums.iter().sum()
}

/// The number of pivots whose multiples are subtracted together: an entry is then read and written once for all of them.
const PIVOTS: usize = 16;
/// The number of columns in a tile: the pivot rows of a tile stay in the innermost cache.
const TILE: usize = 128;

/// The approximate inverse by rows of the matrix with these columns: Gauss-Jordan elimination, the largest pivot of
/// each column first. Multiples of a few pivot rows are subtracted together, from each entry in the order of the pivots.
fn inverse(n: usize, columns: &[f64]) -> Option<Vec<f64>> {
    // Rows of the transpose are columns, so the elimination gives the transpose of the inverse.
    let mut m = columns.to_vec();
    let mut order: Vec<usize> = (0..n).collect();
    let mut factors = vec![0.0; n * PIVOTS];
    for first in (0..n).step_by(PIVOTS) {
        let panel = first..n.min(first + PIVOTS);
        eliminate_in_panel(&mut m, &mut order, &mut factors, panel.clone())?;
        for side in [0..first, panel.end..n] {
            for from in side.clone().step_by(TILE) {
                eliminate_in_tile(&mut m, &factors, &panel, from..side.end.min(from + TILE));
            }
        }
    }
    // The columns return to their places, and the transpose is undone.
    let mut inverse = vec![0.0; n * n];
    for (i, row) in m.chunks_exact(n).enumerate() {
        for (k, x) in row.iter().enumerate() {
            inverse[order[k] * n + i] = *x;
        }
    }
    Some(inverse)
}

/// Eliminates with the pivots of the columns `panel`, in these columns alone. `factors` (`n x PIVOTS`) gets the multiples
/// of the pivot rows for each row, and the pivot itself for the row that has it.
fn eliminate_in_panel(
    m: &mut [f64],
    order: &mut [usize],
    factors: &mut [f64],
    panel: Range<usize>,
) -> Option<()> {
    let n = order.len();
    for (q, k) in panel.clone().enumerate() {
        let size = |i: usize| m[i * n + k].abs();
        let best = (k..n).max_by(|&a, &b| size(a).total_cmp(&size(b)).then(b.cmp(&a)))?;
        let pivot = m[best * n + k];
        if pivot == 0.0 || !pivot.is_finite() {
            return None;
        }
        if best != k {
            swap_rows(m, n, k, best);
            swap_rows(factors, PIVOTS, k, best);
            order.swap(k, best);
        }
        let mut pivot_row = m[k * n..][panel.clone()].to_vec();
        pivot_row[q] = 1.0;
        pivot_row.iter_mut().for_each(|x| *x /= pivot);
        let rows = m.chunks_exact_mut(n).zip(factors.chunks_exact_mut(PIVOTS));
        for (i, (row, factors)) in rows.enumerate() {
            let row = &mut row[panel.clone()];
            factors[q] = row[q];
            if i == k {
                row.copy_from_slice(&pivot_row);
            } else {
                row[q] = 0.0;
                subtract_multiples(row, &factors[q..=q], &pivot_row);
            }
        }
    }
    Some(())
}

/// Makes up in the columns `tile` for what [`eliminate_in_panel`] did in the columns `panel`.
fn eliminate_in_tile(m: &mut [f64], factors: &[f64], panel: &Range<usize>, tile: Range<usize>) {
    let n = factors.len() / PIVOTS;
    // The pivot rows as they were when they were divided by their pivots.
    let mut pivot_rows = Vec::with_capacity(panel.len() * tile.len());
    for (q, k) in panel.clone().enumerate() {
        let mut row = m[k * n..][tile.clone()].to_vec();
        let factors = &factors[k * PIVOTS..][..=q];
        subtract_multiples(&mut row, &factors[..q], &pivot_rows);
        pivot_rows.extend(row.iter().map(|x| x / factors[q]));
    }
    for (i, (row, factors)) in m.chunks_exact_mut(n).zip(factors.chunks_exact(PIVOTS)).enumerate() {
        let row = &mut row[tile.clone()];
        // A pivot row takes part from the pivot after its own.
        let mut done = 0;
        if panel.contains(&i) {
            done = i - panel.start + 1;
            row.copy_from_slice(&pivot_rows[(done - 1) * tile.len()..][..tile.len()]);
        }
        let rest = &pivot_rows[done * tile.len()..];
        subtract_multiples(row, &factors[done..panel.len()], rest);
    }
}

/// Swaps two rows of `width` numbers, `a` before `b`.
fn swap_rows(m: &mut [f64], width: usize, a: usize, b: usize) {
    let (left, right) = m.split_at_mut(b * width);
    left[a * width..(a + 1) * width].swap_with_slice(&mut right[..width]);
}

/// `row -= sum_q factors_q others_q`, in the order of `q`; the others are rows of the same length.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn subtract_multiples(row: &mut [f64], factors: &[f64], others: &[f64]) {
    let width = row.len();
    let (parts, rest) = row.as_chunks_mut::<32>();
    let from = parts.len() * 32;
    for (p, part) in parts.iter_mut().enumerate() {
        let mut x = *part;
        for (factor, other) in factors.iter().zip(others.chunks_exact(width)) {
            let other = &other[p * 32..][..32];
            for l in 0..32 {
                x[l] -= factor * other[l];
            }
        }
        *part = x;
    }
    for (factor, other) in factors.iter().zip(others.chunks_exact(width)) {
        rest.iter_mut().zip(&other[from..]).for_each(|(x, y)| *x -= factor * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole numbers from -50 to 50, the same for the same seed.
    fn integers(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut number = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) % 101) as f64 - 50.0
        };
        (0..count).map(|_| number()).collect()
    }

    #[test]
    fn solutions_in_whole_numbers_lie_inside_narrow_intervals() {
        for n in [1, 2, 7, 16, 33] {
            let columns = integers(n * n, 11);
            let matrix = Regular::new(n, columns.clone()).unwrap();
            for seed in 1..6 {
                let solution = integers(n, seed);
                // Sums of a few thousand at most, which float64 holds exactly.
                let entry = |i: usize| (0..n).map(|c| columns[c * n + i] * solution[c]).sum();
                let right: Vec<f64> = (0..n).map(entry).collect();
                let near = matrix.approximate(&right);
                for (x, exact) in matrix.enclose(&right, &vec![0.0; n], near).iter().zip(solution) {
                    assert!(x.lo <= exact && exact <= x.hi, "{x:?} {exact}");
                    assert!(x.hi - x.lo < 1e-9 * (1.0 + exact.abs()), "{x:?}");
                }
            }
        }
    }

    #[test]
    fn a_known_solution_lies_inside_narrow_intervals_however_far_off_the_approximation_is() {
        // 2x + y = 1, x + 3y = 2: x = 1/5, y = 3/5.
        let matrix = Regular::new(2, vec![2.0, 1.0, 1.0, 3.0]).unwrap();
        for near in [vec![0.2, 0.6], vec![1e3, -1e3]] {
            let x = matrix.enclose(&[1.0, 2.0], &[0.0; 2], near);
            for (x, numerator) in x.iter().zip([1.0, 3.0]) {
                assert!(x.lo * 5.0 < numerator && numerator < x.hi * 5.0);
                assert!(x.hi - x.lo < 1e-12);
            }
        }
    }

    /// Gauss-Jordan elimination, one pivot after the other.
    fn plain_inverse(n: usize, columns: &[f64]) -> Option<Vec<f64>> {
        let mut m = columns.to_vec();
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..n {
            let size = |i: &usize| m[i * n + k].abs();
            let best = (k..n).rev().max_by(|a, b| size(a).total_cmp(&size(b)))?;
            let pivot = m[best * n + k];
            if pivot == 0.0 || !pivot.is_finite() {
                return None;
            }
            (0..n).for_each(|c| m.swap(k * n + c, best * n + c));
            order.swap(k, best);
            m[k * n + k] = 1.0;
            (0..n).for_each(|c| m[k * n + c] /= pivot);
            for i in (0..n).filter(|&i| i != k) {
                let factor = std::mem::take(&mut m[i * n + k]);
                (0..n).for_each(|c| m[i * n + c] -= factor * m[k * n + c]);
            }
        }
        let entry = |at: usize| {
            let k = order.iter().position(|&o| o == at / n)?;
            Some(m[at % n * n + k])
        };
        (0..n * n).map(entry).collect()
    }

    #[test]
    fn eliminating_with_several_pivots_together_gives_the_bits_of_one_after_the_other() {
        for n in [1, 2, 15, 16, 17, 33, 63, 150, 300] {
            // Sevenths, so that every operation rounds.
            let columns: Vec<f64> = integers(n * n, n as u64).iter().map(|x| x / 7.0).collect();
            let bits = |m: Option<Vec<f64>>| -> Vec<u64> {
                m.unwrap().iter().map(|x| x.to_bits()).collect()
            };
            assert_eq!(bits(inverse(n, &columns)), bits(plain_inverse(n, &columns)), "{n}");
        }
        // The third row and column repeat the second.
        let singular = [1.0, 2.0, 2.0, 2.0, 5.0, 5.0, 2.0, 5.0, 5.0];
        assert_eq!((inverse(3, &singular), plain_inverse(3, &singular)), (None, None));
    }

    #[test]
    fn a_singular_or_doubtful_matrix_is_refused() {
        for small in [0.0, 1e-17, 1e-15] {
            assert!(Regular::new(2, vec![1.0, 1.0, 1.0, 1.0 + small]).is_none());
        }
        assert!(Regular::new(2, vec![1e200, 0.0, 0.0, f64::INFINITY]).is_none());
    }
}
