//! Linear transformations `A` of rows, with proved bounds of what float32 and float64 lose.

use std::fmt::Debug;

use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow::{self, Panels};
use crate::arithmetic::rounding::{TINY, UP_8, UP_4000, gamma, norm_up};
use crate::certify::map::transposed;
use crate::parallel;
use unargmax_check::certificate::Linear;

/// The number of rows that a thread multiplies in one task.
const CHUNK: usize = 256;

/// A matrix `A` (`width x d`) that transforms rows.
pub trait Transform: Debug + Send + Sync {
    /// The number of rows of `A`: the coordinates of a transformed row.
    fn width(&self) -> usize;

    /// The number of leading coordinates that decide most comparisons.
    fn leading(&self) -> usize;

    /// Computes `z = A c` in float32 for several `c` (`count x d`).
    fn apply(&self, rows: &[f32], out: &mut [f32]);

    /// The factors of `rho = factor |c| + floor >= |z - A c|`, where `c` was rounded to float32 first.
    fn apply_error(&self) -> (f64, f64);

    /// Computes for several hidden states `h` (`count x d`) vectors `x` for which `A^T x` is about `h`.
    fn pull_back(&self, points: &[f32]) -> Vec<f32>;

    /// `A^T x` for several `x` (`count x width`), and a bound of the rounding errors of each, from upper bounds of
    /// `|x|`.
    fn images(&self, x: &[f64], norms: &[f64]) -> (Vec<f64>, Vec<f64>);

    /// `G`, about `A^T A`.
    fn gram(&self) -> Linear;

    /// `D >= |G - A^T A|_F`.
    fn gram_error(&self) -> f64;

    /// An upper bound of the Frobenius norm of `A`.
    fn norm(&self) -> f64;

    /// Factors `q_k` for which `|A^T z|^2` is about `sum_k q_k z_k^2`.
    fn squares(&self) -> &[f64];

    /// An upper bound of `|A^T z|` from upper bounds of `(sum_k q_k z_k^2)^(1/2)` and of `|z|`.
    fn image_up(&self, weighted: f64, norm: f64) -> f64;
}

/// Any `d x d` matrix, with rows in the order in which they prune.
#[derive(Debug)]
pub struct Dense {
    dim: usize,
    panels: Panels,
    /// `B`, approximately `A^-T`.
    dual: Panels,
    /// `A^T`, row-major.
    columns: Vec<f32>,
    leading: usize,
    gram: Linear,
    gram_error: f64,
    norm: f64,
    squares: Vec<f64>,
    /// An upper bound of the Frobenius norm of `A A^T` off its diagonal.
    skew: f64,
}

impl Dense {
    /// Prepares the matrix `a`; `dual` approximates the inverse of its transpose. Both are `d x d`, row-major. `G` is
    /// `A^T A`, rounded to float32.
    pub fn new(a: &[f32], dual: &[f32], dim: usize) -> Self {
        let columns = wide(&transposed(a, dim));
        let gram = products(&columns, &columns, dim).iter().map(|&x| x as f32).collect();
        Dense::with_gram(a, dual, dim, Linear::Matrix(gram), dim / 2)
    }

    /// [`Dense::new`] with a `G` that is given, and the number of leading coordinates.
    pub fn with_gram(a: &[f32], dual: &[f32], dim: usize, gram: Linear, leading: usize) -> Self {
        let rows = wide(a);
        let norm = norm_up(rows.iter().copied());
        let rounding = gamma(dim + 2) * norm * norm;
        let columns = transposed(a, dim);
        let (expanded, expanding) = expanded(&gram, dim);
        let exact = wide(&columns);
        let exact = products(&exact, &exact, dim);
        let lost = norm_up(expanded.iter().zip(&exact).map(|(g, x)| g - x));
        let off_diagonal = products(&rows, &rows, dim);
        let off_diagonal = off_diagonal.iter().enumerate().filter(|(i, _)| i / dim != i % dim);
        let skew = norm_up(off_diagonal.map(|(_, x)| *x));
        Dense {
            dim,
            panels: Panels::new(a, dim),
            dual: Panels::new(dual, dim),
            columns,
            leading,
            gram,
            gram_error: (lost + rounding + expanding) * UP_4000,
            norm,
            squares: rows.chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum()).collect(),
            skew: (skew + rounding) * UP_4000,
        }
    }
}

/// Numbers in float64.
fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| f64::from(x)).collect()
}

/// A map as a `d x d` matrix in float64, and a bound of its error as a Frobenius norm.
fn expanded(map: &Linear, dim: usize) -> (Vec<f64>, f64) {
    let identity = |diagonal: f64| {
        (0..dim * dim).map(move |i| if i / dim == i % dim { diagonal } else { 0.0 }).collect()
    };
    match map {
        Linear::Identity => (identity(1.0), 0.0),
        Linear::Matrix(matrix) => (wide(matrix), 0.0),
        Linear::LowRank { rest, gains, basis } => {
            let count = gains.len();
            let columns = wide(&transposed(basis, dim));
            let scaled: Vec<f64> =
                columns.iter().enumerate().map(|(i, u)| u * gains[i % count]).collect();
            let mut matrix = products(&scaled, &columns, count);
            (0..dim).for_each(|i| matrix[i * dim + i] += rest);
            // Each sum of `k + 1` products errs by a share of the sum of their sizes.
            let norm = norm_up(columns.into_iter());
            let gain = gains.iter().fold(0.0f64, |m, g| m.max(g.abs()));
            let sizes = gain * norm * norm + rest.abs() * (dim as f64).sqrt();
            (matrix, gamma(count + 8) * sizes * UP_4000)
        }
    }
}

impl Transform for Dense {
    fn width(&self) -> usize {
        self.dim
    }

    fn leading(&self) -> usize {
        self.leading
    }

    fn apply(&self, rows: &[f32], out: &mut [f32]) {
        narrow::product(rows, &self.panels, out);
    }

    fn apply_error(&self) -> (f64, f64) {
        // The error of rounding `c` to float32 and of the sums, and the error of underflow there.
        let unit = 2f64.powi(-24) + narrow::relative_error(self.dim);
        let floor = self.dim as f64 * 2f64.powi(-148) * (self.dim as f64 + self.norm);
        (unit * self.norm * (1.0 + 1e-6), floor)
    }

    fn pull_back(&self, points: &[f32]) -> Vec<f32> {
        let mut out = vec![0f32; points.len()];
        narrow::product(points, &self.dual, &mut out);
        out
    }

    fn images(&self, x: &[f64], norms: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut images = vec![0.0; x.len()];
        f32::product(x, &self.columns, self.dim, &mut images, self.dim);
        let floor = self.dim as f64 * self.dim as f64 * TINY;
        let unit = gamma(self.dim + 4) * self.norm;
        (images, norms.iter().map(|norm| unit * norm * UP_4000 + floor).collect())
    }

    fn gram(&self) -> Linear {
        self.gram.clone()
    }

    fn gram_error(&self) -> f64 {
        self.gram_error
    }

    fn norm(&self) -> f64 {
        self.norm
    }

    fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// `|A^T z|^2 = sum_k z_k^2 |a_k|^2 + (the terms of A A^T off its diagonal)`.
    fn image_up(&self, weighted: f64, norm: f64) -> f64 {
        (weighted * weighted * UP_8 + self.skew * norm * norm).sqrt() * UP_8
    }
}

/// A few nearly orthonormal vectors `u_i` with factors `a_i` of their own, and one factor for the rest of space:
///
/// ```text
/// A c = ( a_1 u_1.c, ..., a_k u_k.c, rest (c - P c) ),   P = sum_i u_i u_i^T,
/// G   = rest^2 I + sum_i (a_i^2 - rest^2) u_i u_i^T.
/// ```
///
/// With `U` the matrix of the `u_i` and `delta >= |U U^T - I|_F`, `A^T A - G = rest^2 (P^2 - P)` and
/// `|P^2 - P|_F = |U^T (U U^T - I) U|_F <= delta (1 + delta)`. Applying `A` costs `4 k d` operations for a row instead
/// of `2 d^2`, and finding the vectors needs no eigenvectors of a `d x d` matrix.
#[derive(Debug)]
pub struct LowRank {
    dim: usize,
    /// `U`, `k x d`, row-major.
    basis: Vec<f32>,
    /// `U^T`, `d x k`, row-major.
    columns: Vec<f32>,
    by_row: Panels,
    by_column: Panels,
    factors: Vec<f32>,
    rest: f32,
    delta: f64,
    /// An upper bound of the Frobenius norm of `U`.
    basis_norm: f64,
    /// An upper bound of the Frobenius norm of the first `k` rows of `A`.
    leading_norm: f64,
    squares: Vec<f64>,
}

/// The largest `delta` that is accepted; bounds below assume that it is at most 0.01.
const MOST_SKEWED: f64 = 1.0 / 256.0;

impl LowRank {
    /// Prepares the vectors `basis` (`k x d`, row-major) with their factors (`k`), and the factor of the rest. `None` if
    /// the vectors are far from orthonormal, or a factor is not positive and finite.
    pub fn new(basis: Vec<f32>, factors: Vec<f32>, rest: f32, dim: usize) -> Option<Self> {
        let sound = |x: &f32| x.is_finite() && *x > 0.0;
        if !factors.iter().chain([&rest]).all(sound) || basis.len() != factors.len() * dim {
            return None;
        }
        let count = factors.len();
        let wide: Vec<f64> = basis.iter().map(|&x| f64::from(x)).collect();
        let basis_norm = norm_up(wide.iter().copied());
        let mut products = products(&wide, &wide, dim);
        (0..count).for_each(|i| products[i * count + i] -= 1.0);
        let rounding = gamma(dim + 4) * basis_norm * basis_norm;
        let delta = (norm_up(products.into_iter()) + rounding) * UP_4000;
        if !(delta <= MOST_SKEWED) {
            return None;
        }
        let scaled = wide.chunks_exact(dim).zip(&factors);
        let leading_norm =
            norm_up(scaled.flat_map(|(u, &a)| u.iter().map(move |x| x * f64::from(a)))) * UP_4000;
        let square = |x: f32| f64::from(x) * f64::from(x);
        let squares = factors.iter().map(|&a| square(a)).chain((0..dim).map(|_| square(rest)));
        let columns = transposed(&basis, dim);
        Some(LowRank {
            dim,
            by_row: Panels::new(&basis, dim),
            by_column: Panels::new(&columns, count),
            squares: squares.collect(),
            basis,
            columns,
            factors,
            rest,
            delta,
            basis_norm,
            leading_norm,
        })
    }

    /// The factor of the rest, in float64.
    fn rest(&self) -> f64 {
        f64::from(self.rest)
    }

    /// The largest of all factors.
    fn largest(&self) -> f64 {
        self.factors.iter().fold(self.rest(), |m, &x| m.max(f64::from(x)))
    }

    /// Computes `a_i (u_i . c)` and `rest (c - P c)` for several `c`, with these factors.
    fn split(&self, rows: &[f32], factor: impl Fn(usize) -> f32, rest: f32, out: &mut [f32]) {
        let (dim, count) = (self.dim, self.factors.len());
        let mut parts = vec![0f32; rows.len() / dim * count];
        narrow::product(rows, &self.by_row, &mut parts);
        let mut inside = vec![0f32; rows.len()];
        narrow::product(&parts, &self.by_column, &mut inside);
        let rows = rows.chunks_exact(dim).zip(inside.chunks_exact(dim));
        for ((out, parts), (row, inside)) in
            out.chunks_exact_mut(count + dim).zip(parts.chunks_exact(count)).zip(rows)
        {
            let (leading, others) = out.split_at_mut(count);
            leading.iter_mut().zip(parts).enumerate().for_each(|(i, (z, y))| *z = factor(i) * y);
            others
                .iter_mut()
                .zip(row.iter().zip(inside))
                .for_each(|(z, (c, p))| *z = rest * (c - p));
        }
    }
}

impl Transform for LowRank {
    fn width(&self) -> usize {
        self.factors.len() + self.dim
    }

    fn leading(&self) -> usize {
        self.factors.len()
    }

    fn apply(&self, rows: &[f32], out: &mut [f32]) {
        self.split(rows, |i| self.factors[i], self.rest, out);
    }

    /// With `e_n` the relative error of a float32 sum of `n` products, `u = 2^-24`, and `y` the computed `U c`:
    /// - `|y - U c| <= (e_d |U|_F + u |U|) |c|`, the second term for the rounding of `c`; the leading coordinates are
    ///   `a_i y_i`, rounded once more: `(e_d + 3 u) |diag(a) U|_F |c|`.
    /// - The others are `rest (c - U^T y)`: `rest` times the error of `c`, `|U|` times the error of `y`, that of the
    ///   sum, `e_k |U|_F |y|`, and the roundings of the difference and the product, of at most `|c| + |U^T y|`.
    ///
    /// `|U| <= (1 + delta)^(1/2)` and `|I - P| <= 1`, because the eigenvalues of `P` are 0 or within `delta` of 1.
    fn apply_error(&self) -> (f64, f64) {
        let (dim, count) = (self.dim as f64, self.factors.len() as f64);
        let (unit, e_d) = (2f64.powi(-24), narrow::relative_error(self.dim));
        let e_k = narrow::relative_error(self.factors.len());
        let leading = (e_d + 3.0 * unit) * self.leading_norm;
        let others = self.rest() * (1.05 * (e_d + e_k) * self.basis_norm + 8.0 * unit);
        let sizes = (1.0 + self.largest()) * (1.0 + self.basis_norm);
        let floor = (dim + count) * 2f64.powi(-147) * (dim + count) * sizes;
        (1.01 * (leading + others), floor)
    }

    /// `x = (u_i . h / a_i, (h - P h) / rest)`.
    fn pull_back(&self, points: &[f32]) -> Vec<f32> {
        let mut out = vec![0f32; points.len() / self.dim * self.width()];
        self.split(points, |i| 1.0 / self.factors[i], 1.0 / self.rest, &mut out);
        out
    }

    /// `A^T x = U^T (a x' - rest U x'') + rest x''`, for `x = (x', x'')`. Each error is relative to a norm of at most
    /// `2 |U|_F^2 (largest factor) |x|`.
    fn images(&self, x: &[f64], norms: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (dim, count, rest) = (self.dim, self.factors.len(), self.rest());
        let points = x.len() / self.width();
        let mut others: Vec<f64> = Vec::with_capacity(points * dim);
        x.chunks_exact(self.width()).for_each(|x| others.extend_from_slice(&x[count..]));
        let mut parts = vec![0.0; points * count];
        f32::product(&others, &self.basis, dim, &mut parts, count);
        for (parts, x) in parts.chunks_exact_mut(count).zip(x.chunks_exact(self.width())) {
            for ((part, x), &a) in parts.iter_mut().zip(x).zip(&self.factors) {
                *part = f64::from(a) * x - rest * *part;
            }
        }
        let mut images = vec![0.0; points * dim];
        f32::product(&parts, &self.columns, count, &mut images, dim);
        images.iter_mut().zip(&others).for_each(|(image, x)| *image += rest * x);
        let all = dim + count + 16;
        let sizes = (1.0 + self.largest()) * (1.0 + self.basis_norm) * (1.0 + self.basis_norm);
        let (unit, floor) = (4.0 * gamma(all) * sizes, 4.0 * (all * all) as f64 * TINY * sizes);
        (images, norms.iter().map(|norm| unit * norm * UP_4000 + floor).collect())
    }

    fn gram(&self) -> Linear {
        let rest = self.rest() * self.rest();
        let gain = |&a: &f32| f64::from(a) * f64::from(a) - rest;
        Linear::LowRank {
            rest,
            gains: self.factors.iter().map(gain).collect(),
            basis: self.basis.clone(),
        }
    }

    /// Squares of float32 are exact in float64; each gain is rounded once.
    fn gram_error(&self) -> f64 {
        let square = self.largest() * self.largest();
        let projection = self.rest() * self.rest() * self.delta * (1.0 + self.delta);
        let rounding = square * 2f64.powi(-52) * self.basis_norm * self.basis_norm;
        (projection + rounding) * UP_4000
    }

    fn norm(&self) -> f64 {
        let others = self.rest() * (self.dim as f64).sqrt();
        norm_up([self.leading_norm, others * UP_4000].into_iter()) * UP_4000
    }

    fn squares(&self) -> &[f64] {
        &self.squares
    }

    /// For `z = (z', z'')`, `A^T z = U^T v + rest (I - P) z''` with `v = a z'`, and `U (I - P) = (I - U U^T) U`, so
    /// `|A^T z|^2 <= (1 + delta) |v|^2 + 2 rest delta (1 + delta) |v| |z''| + rest^2 |z''|^2`, at most `1 + 3 delta`
    /// times `|v|^2 + rest^2 |z''|^2`.
    fn image_up(&self, weighted: f64, _norm: f64) -> f64 {
        (weighted * weighted * (1.0 + 3.0 * self.delta)).sqrt() * UP_4000
    }
}

/// The products of all rows of `left` and `right` (`count x dim` each), in float64.
fn products(left: &[f64], right: &[f64], dim: usize) -> Vec<f64> {
    let count = right.len() / dim;
    let mut out = vec![0.0; left.len() / dim * count];
    parallel::fill(&mut out, CHUNK * count, &|i, out| {
        let part = &left[i * CHUNK * dim..((i + 1) * CHUNK * dim).min(left.len())];
        f64::product(part, right, dim, out, count);
    });
    out
}
