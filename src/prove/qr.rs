//! A thin QR factorisation that is updated when columns are appended or removed.

use multiversion::multiversion;

use crate::arithmetic::dot::lanes;

/// The factorisation `N = Q R` of the present columns: `Q` orthonormal, `R` upper triangular.
///
/// The length of every column is a multiple of [`LANES`], filled up with zeros: see [`padded`].
#[derive(Clone, Debug, Default)]
pub struct Factorisation {
    /// The columns of `Q`, one after the other.
    q: Vec<f64>,
    /// The columns of `R`; column `j` holds `j + 1` numbers.
    r: Vec<Vec<f64>>,
}

/// A column counts as dependent if its part outside the span of the others is below this share of it. Orthogonalised
/// twice, the part is accurate to a few units in the last place of the column.
const DEPENDENT: f64 = 1e-13;

/// A column whose remaining part is below this share of it is orthogonalised again.
const CANCELLED: f64 = 0.1;

/// The number of columns that are projected out at once.
const BLOCK: usize = 16;

/// The numbers in a vector register; all lengths here are multiples of it.
pub const LANES: usize = 8;

/// A vector extended by zeros to a multiple of [`LANES`].
pub fn padded(v: &[f64]) -> Vec<f64> {
    let mut out = v.to_vec();
    out.resize(v.len().next_multiple_of(LANES), 0.0);
    out
}

impl Factorisation {
    /// The number of columns.
    pub fn len(&self) -> usize {
        self.r.len()
    }

    /// `Q^T v` and the part of `v` outside the span, which is 0 when `v` counts as dependent.
    pub fn split(&self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut rest = v.to_vec();
        // With room for the number that `append` adds.
        let mut coefficients = Vec::with_capacity(self.len() + 1);
        coefficients.resize(self.len(), 0.0);
        let (whole, mut left) = (norm(v), 0.0);
        // Twice is enough (Giraud, Langou, Rozloznik 2005), and once if little cancels: the error of orthogonality is
        // then a few units in the last place.
        for _ in 0..2 {
            // A few columns at a time, so that they are still in the innermost caches when they are subtracted.
            let blocks = self.q.chunks(BLOCK * v.len().max(1));
            for (q, coefficients) in blocks.zip(coefficients.chunks_mut(BLOCK)) {
                let parts = &mut [0.0; BLOCK][..coefficients.len()];
                products(q, &rest, parts);
                subtract(q, parts, &mut rest);
                coefficients.iter_mut().zip(parts).for_each(|(c, part)| *c += *part);
            }
            left = norm(&rest);
            if left > CANCELLED * whole {
                break;
            }
        }
        if left <= DEPENDENT * whole {
            rest.fill(0.0);
        }
        (coefficients, rest)
    }

    /// Appends a column, given its [`Factorisation::split`], whose part outside the span must not be 0.
    pub fn append(&mut self, mut coefficients: Vec<f64>, rest: Vec<f64>) {
        let length = norm(&rest);
        coefficients.push(length);
        self.q.extend(rest.iter().map(|x| x / length));
        self.r.push(coefficients);
    }

    /// Removes column `at` and restores the triangle by Givens rotations.
    pub fn remove(&mut self, at: usize) {
        let dim = self.q.len() / self.r.len();
        self.r.remove(at);
        for i in at..self.r.len() {
            let (a, b) = (self.r[i][i], self.r[i][i + 1]);
            // Not `hypot`: its last bit depends on the system's mathematics library.
            let length = (a * a + b * b).sqrt();
            let (c, s) = if length == 0.0 { (1.0, 0.0) } else { (a / length, b / length) };
            for column in &mut self.r[i..] {
                let (x, y) = (column[i], column[i + 1]);
                column[i] = c * x + s * y;
                column[i + 1] = c * y - s * x;
            }
            self.r[i].truncate(i + 1);
            let (left, right) = self.q[i * dim..(i + 2) * dim].split_at_mut(dim);
            rotate(left, right, c, s);
        }
        self.q.truncate(self.r.len() * dim);
    }

    /// `R^-1 v`.
    pub fn solve(&self, v: &[f64]) -> Vec<f64> {
        let mut x = v.to_vec();
        back_substitute(&self.r, &mut x);
        x
    }

    /// `(N^T N)^-1 v`: the weights of the columns in the shortest vector whose products with them are `v`.
    pub fn weights(&self, v: &[f64]) -> Vec<f64> {
        let mut x = v.to_vec();
        forward_substitute(&self.r, &mut x);
        back_substitute(&self.r, &mut x);
        x
    }

    /// `Q^T v`.
    pub fn along(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        products(&self.q, v, &mut out);
        out
    }

    /// `Q x`, a vector of `dim` numbers.
    pub fn combined(&self, x: &[f64], dim: usize) -> Vec<f64> {
        // `subtract` subtracts the columns; here they are to be added.
        let opposite: Vec<f64> = x.iter().map(|x| -x).collect();
        let mut v = vec![0.0; dim];
        subtract(&self.q, &opposite, &mut v);
        v
    }

    /// `Q R^-T v`: the shortest vector, of `dim` numbers, whose products with the columns are `v`.
    pub fn shortest(&self, v: &[f64], dim: usize) -> Vec<f64> {
        let mut y = v.to_vec();
        forward_substitute(&self.r, &mut y);
        self.combined(&y, dim)
    }
}

/// Replaces `x` by `R^-1 x`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn back_substitute(r: &[Vec<f64>], x: &mut [f64]) {
    // Two columns at a time, so that `x` is read and written half as often; each difference is still taken in turn.
    let mut left = x.len();
    while left >= 2 {
        let (head, tail) = x[..left].split_at_mut(left - 2);
        let (one, two) = (&r[left - 1], &r[left - 2]);
        let last = tail[1] / one[left - 1];
        let before = (tail[0] - one[left - 2] * last) / two[left - 2];
        (tail[0], tail[1]) = (before, last);
        for ((x, one), two) in head.iter_mut().zip(one).zip(two) {
            *x = (*x - one * last) - two * before;
        }
        left -= 2;
    }
    if left == 1 {
        x[0] /= r[0][0];
    }
}

/// Replaces `y` by `R^-T y`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn forward_substitute(r: &[Vec<f64>], y: &mut [f64]) {
    for j in 0..y.len() {
        let sum = lanes(&r[j][..j], &y[..j]);
        y[j] = (y[j] - sum) / r[j][j];
    }
}

/// The products of `rows` with `v`, eight rows at a time: their sums are independent chains, and `v` is read once for
/// all eight. Each product is the sum of [`LANES`] partial sums, added in one order.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub fn products(rows: &[f64], v: &[f64], out: &mut [f64]) {
    let width = v.len().max(1);
    debug_assert!(v.len().is_multiple_of(LANES) && rows.len() >= out.len() * v.len());
    let mut groups = rows.chunks_exact(8 * width);
    let mut outs = out.chunks_exact_mut(8);
    for (group, out) in groups.by_ref().zip(outs.by_ref()) {
        let mut sums = [[0.0f64; LANES]; 8];
        let v = v.as_chunks::<LANES>().0;
        let mut rows = [v; 8];
        for (row, numbers) in rows.iter_mut().zip(group.chunks_exact(width)) {
            *row = &numbers.as_chunks::<LANES>().0[..v.len()];
        }
        for (k, v) in v.iter().enumerate() {
            for j in 0..8 {
                sums[j] = add_products(sums[j], rows[j][k], *v);
            }
        }
        // Written at once: sums that are written one after the other do not stay in registers.
        let totals: [f64; 8] = std::array::from_fn(|j| total(&sums[j]));
        out.copy_from_slice(&totals);
    }
    for (row, out) in groups.remainder().chunks_exact(width).zip(outs.into_remainder()) {
        let mut sums = [0.0f64; LANES];
        for (row, v) in row.as_chunks::<LANES>().0.iter().zip(v.as_chunks::<LANES>().0) {
            sums = add_products(sums, *row, *v);
        }
        *out = total(&sums);
    }
}

/// `sums + x y`, element by element. An array that is returned becomes a register, with one codegen unit or several
/// that LTO joins; a loop over its numbers does so only with the latter.
#[inline(always)]
fn add_products(sums: [f64; LANES], x: [f64; LANES], y: [f64; LANES]) -> [f64; LANES] {
    std::array::from_fn(|l| sums[l] + x[l] * y[l])
}

/// The sum of the partial sums, in one order.
#[inline(always)]
fn total(sums: &[f64; LANES]) -> f64 {
    let four: [f64; 4] = std::array::from_fn(|l| sums[l] + sums[l + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// `v -= q weights`, four columns at a time.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn subtract(q: &[f64], weights: &[f64], v: &mut [f64]) {
    let width = v.len().max(1);
    let (fours, rest) = weights.as_chunks::<4>();
    for (w, columns) in fours.iter().zip(q.chunks_exact(4 * width)) {
        let (left, right) = columns.split_at(2 * width);
        let ((a, b), (c, d)) = (left.split_at(width), right.split_at(width));
        for ((((v, a), b), c), d) in v.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *v -= (a * w[0] + b * w[1]) + (c * w[2] + d * w[3]);
        }
    }
    let columns = q.chunks_exact(width).skip(4 * fours.len());
    for (column, weight) in columns.zip(rest) {
        v.iter_mut().zip(column).for_each(|(v, q)| *v -= weight * q);
    }
}

/// Rotates two columns by the angle with cosine `c` and sine `s`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn rotate(left: &mut [f64], right: &mut [f64], c: f64, s: f64) {
    for (x, y) in left.iter_mut().zip(right) {
        (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
    }
}

/// `a . b`, in the fixed order of [`crate::arithmetic::dot`].
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    crate::arithmetic::dot::Element::dot(a, b)
}

/// The Euclidean length.
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_appending_and_removing_the_columns_are_still_reproduced() {
        let columns: Vec<Vec<f64>> = (0..5)
            .map(|j| {
                (0..6)
                    .map(|k| ((j * 7 + k * 3) as f64).sin() + if j == k { 1.0 } else { 0.0 })
                    .collect()
            })
            .collect();
        let mut qr = Factorisation::default();
        for c in &columns {
            let (coefficients, rest) = qr.split(&padded(c));
            qr.append(coefficients, rest);
        }
        qr.remove(1);
        let kept = [0, 2, 3, 4];
        let u = qr.shortest(&[1.0, 2.0, 3.0, 4.0], LANES);
        for (want, &j) in [1.0, 2.0, 3.0, 4.0].iter().zip(&kept) {
            assert!((dot(&padded(&columns[j]), &u) - want).abs() < 1e-12);
        }
        let (coefficients, rest) = qr.split(&padded(&columns[3]));
        assert_eq!(norm(&rest), 0.0);
        let x = qr.solve(&coefficients);
        assert!((x[2] - 1.0).abs() < 1e-12 && x[0].abs() < 1e-12);
    }
}
