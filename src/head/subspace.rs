//! The leading eigenvectors of a symmetric matrix, by subspace iteration with a Rayleigh-Ritz step (Halko, Martinsson
//! and Tropp 2011, section 4.5): a few products with a thin matrix instead of a decomposition of the whole one.
//!
//! Sums run in one order, so the same source gives the same bits for any number of threads and any vector width.

use multiversion::multiversion;
use nalgebra::DMatrix;

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::norm_up_of;
use crate::order;
use crate::parallel;
use crate::split_mix::number_at;

/// Approximate eigenvalues, falling, and orthonormal eigenvectors (`k x d`, row-major).
#[derive(Debug)]
pub struct Leading {
    /// The eigenvalues (`k`).
    pub values: Vec<f64>,
    /// The eigenvectors.
    pub vectors: Vec<f64>,
}

/// Orthonormal vectors (`n x d`, row-major) near the leading eigenvectors of a matrix, and its products with them.
#[derive(Debug)]
pub struct Subspace {
    dim: usize,
    basis: Vec<f64>,
    images: Vec<f64>,
}

/// The number of vectors beyond those that are wanted: the wanted ones converge faster.
const EXTRA: usize = 16;
/// The number of products with the matrix before the last one.
const ITERATIONS: usize = 3;
/// The number of vectors made orthonormal at a time.
const BLOCK: usize = 32;
/// The number of coordinates that a thread works on.
const STRIPE: usize = 512;

impl Subspace {
    /// A subspace near the `count` leading eigenvectors of a positive semidefinite `dim x dim` matrix. `improve` multiplies
    /// several vectors (`n x dim`) with it, perhaps roughly, and `multiply` as exactly as the eigenvalues are wanted: their
    /// errors are the squares of those of the vectors.
    pub fn new(
        dim: usize,
        count: usize,
        improve: impl Fn(&[f64]) -> Vec<f64>,
        multiply: impl Fn(&[f64]) -> Vec<f64>,
    ) -> Self {
        let started = (count + EXTRA).min(dim);
        let mut basis = orthonormal(start(started * dim), dim);
        for _ in 0..ITERATIONS {
            basis = orthonormal(improve(&basis), dim);
        }
        let images = multiply(&basis);
        Subspace { dim, basis, images }
    }

    /// The subspace of the same matrix with one more vector.
    pub fn with(mut self, another: &[f64], multiply: impl Fn(&[f64]) -> Vec<f64>) -> Self {
        let all = orthonormal([&self.basis, another].concat(), self.dim);
        if let Some(new) = all.get(self.basis.len()..).filter(|new| !new.is_empty()) {
            self.images.extend(multiply(new));
            self.basis.extend_from_slice(new);
        }
        self
    }

    /// The same vectors with the matrix plus `v v^T`.
    pub fn plus_square(mut self, v: &[f64]) -> Self {
        let vectors = self.basis.chunks_exact(self.dim);
        for (image, u) in self.images.chunks_exact_mut(self.dim).zip(vectors) {
            add(image, f64::dot(u, v), v);
        }
        self
    }

    /// The `count` largest Ritz values and vectors of the matrix on this subspace, or fewer if it is smaller.
    pub fn leading(&self, count: usize) -> Leading {
        ritz(&self.basis, &self.images, self.dim, count)
    }
}

/// The `count` leading eigenvectors of a positive semidefinite `dim x dim` matrix, or fewer if its rank is lower;
/// `multiply` multiplies several vectors (`n x dim`) with it.
pub fn leading(dim: usize, count: usize, multiply: impl Fn(&[f64]) -> Vec<f64>) -> Leading {
    Subspace::new(dim, count, &multiply, &multiply).leading(count)
}

/// Orthonormal vectors (`dim x dim`, or fewer rows where rounding leaves too little of one) that begin with `vectors`
/// (`k x dim`, orthonormal).
pub fn completed(vectors: &[f64], dim: usize) -> Vec<f64> {
    let others = start(dim * dim - vectors.len());
    orthonormal([vectors, &others].concat(), dim)
}

/// The leading Ritz pairs of a matrix on the span of `basis` (`n x dim`, orthonormal), from its products with them.
fn ritz(basis: &[f64], images: &[f64], dim: usize, count: usize) -> Leading {
    let n = basis.len() / dim;
    let projected = products(basis, images, dim);
    let average = |i: usize, j: usize| (projected[i * n + j] + projected[j * n + i]) / 2.0;
    let eigen = DMatrix::from_fn(n, n, average).symmetric_eigen();
    let values = &eigen.eigenvalues;
    let mut order = order::by_score((0..n as u32).collect(), &|i| values[i as usize]);
    order.truncate(count);
    let mut vectors = vec![0.0; order.len() * dim];
    parallel::fill(&mut vectors, dim, &|i, vector| {
        let k = order[i] as usize;
        for (u, &weight) in basis.chunks_exact(dim).zip(eigen.eigenvectors.column(k).iter()) {
            add(vector, weight, u);
        }
    });
    Leading { values: order.into_iter().map(|k| values[k as usize]).collect(), vectors }
}

/// Numbers between -1 and 1 without a pattern, always the same.
fn start(count: usize) -> Vec<f64> {
    let number = |i: usize| (number_at(i as u64) >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
    parallel::map(count, &number)
}

/// An orthonormal basis of the span of vectors (`n x dim`): block Gram-Schmidt, twice, as one pass loses orthogonality
/// (Giraud and others 2005). Vectors that depend on those before them are left out.
fn orthonormal(vectors: Vec<f64>, dim: usize) -> Vec<f64> {
    let mut basis: Vec<f64> = Vec::with_capacity(vectors.len());
    for block in vectors.chunks(BLOCK * dim) {
        let mut block = block.to_vec();
        let sizes: Vec<f64> = block.chunks_exact(dim).map(norm_up_of).collect();
        remove(&mut block, &basis, dim);
        remove(&mut block, &basis, dim);
        let before = basis.len();
        for (v, size) in block.chunks_exact_mut(dim).zip(sizes) {
            remove(v, &basis[before..], dim);
            remove(v, &basis[before..], dim);
            let left = norm_up_of(v);
            if left > size * 1e-10 && left.is_finite() {
                v.iter_mut().for_each(|x| *x /= left);
                basis.extend_from_slice(v);
            }
        }
    }
    basis
}

/// Subtracts from each of `vectors` its projection on the span of `basis` (orthonormal).
fn remove(vectors: &mut [f64], basis: &[f64], dim: usize) {
    if basis.is_empty() {
        return;
    }
    let count = basis.len() / dim;
    let weights = products(vectors, basis, dim);
    for (v, weights) in vectors.chunks_exact_mut(dim).zip(weights.chunks_exact(count)) {
        parallel::fill(v, STRIPE, &|i, part| {
            for (u, weight) in basis.chunks_exact(dim).zip(weights) {
                add(part, -weight, &u[i * STRIPE..][..part.len()]);
            }
        });
    }
}

/// The scalar products of `left` with `right` (rows of `dim`), in float64.
fn products(left: &[f64], right: &[f64], dim: usize) -> Vec<f64> {
    let (n, count) = (left.len() / dim, right.len() / dim);
    let parts: Vec<Vec<f64>> = parallel::map_ranges(right.len(), BLOCK * dim, &|range| {
        let part = &right[range];
        let mut out = vec![0.0; n * (part.len() / dim)];
        f64::product(left, part, dim, &mut out, part.len() / dim);
        out
    });
    let mut out = vec![0.0; n * count];
    for (b, part) in parts.iter().enumerate() {
        let wide = part.len() / n;
        for (row, part) in out.chunks_exact_mut(count).zip(part.chunks_exact(wide)) {
            row[b * BLOCK..][..wide].copy_from_slice(part);
        }
    }
    out
}

/// Adds `weight u` to `v`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn add(v: &mut [f64], weight: f64, u: &[f64]) {
    v.iter_mut().zip(u).for_each(|(x, u)| *x += weight * u);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Q D Q^T` for a reflection `Q` and eigenvalues `D`.
    fn matrix(values: &[f64]) -> DMatrix<f64> {
        let dim = values.len();
        let v = DMatrix::from_fn(dim, 1, |i, _| ((i * 37 % 11) as f64) - 4.5).normalize();
        let q = DMatrix::identity(dim, dim) - 2.0 * &v * v.transpose();
        &q * DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(values)) * &q
    }

    fn of(values: &[f64], count: usize) -> (Leading, DMatrix<f64>) {
        let (matrix, dim) = (matrix(values), values.len());
        let multiply = |rows: &[f64]| {
            let rows = DMatrix::from_row_slice(rows.len() / dim, dim, rows);
            (rows * &matrix).transpose().as_slice().to_vec()
        };
        (leading(dim, count, multiply), matrix)
    }

    #[test]
    fn decaying_eigenvalues_are_found_with_orthonormal_vectors() {
        let values: Vec<f64> = (0..100).map(|i| 0.7f64.powi(i)).collect();
        let (found, matrix) = of(&values, 20);
        let vectors = DMatrix::from_row_slice(20, 100, &found.vectors);
        let gram = &vectors * vectors.transpose();
        assert!((gram - DMatrix::identity(20, 20)).norm() < 1e-12);
        for (i, (value, expected)) in found.values.iter().zip(&values).enumerate() {
            assert!((value / expected - 1.0).abs() < 1e-9, "{i}: {value} {expected}");
            let v = vectors.row(i);
            assert!((v * &matrix - v * *value).norm() < 1e-6, "{i}");
        }
    }

    #[test]
    fn orthonormal_vectors_are_completed_to_a_basis_of_space() {
        let dim = 100;
        let values: Vec<f64> = (0..dim as i32).map(|i| 0.97f64.powi(i)).collect();
        for count in [0, 1, 33, 99, 100] {
            let vectors = of(&values, count).0.vectors;
            assert_eq!(vectors.len(), count * dim);
            let all = completed(&vectors, dim);
            let basis = DMatrix::from_row_slice(dim, dim, &all);
            assert!((&basis * basis.transpose() - DMatrix::identity(dim, dim)).norm() < 1e-12);
            let kept = DMatrix::from_row_slice(count, dim, &all[..count * dim]);
            assert!((kept - DMatrix::from_row_slice(count, dim, &vectors)).norm() < 1e-12);
        }
    }

    #[test]
    fn a_matrix_of_low_rank_has_no_more_vectors_than_its_rank_needs() {
        let values: Vec<f64> = (0..80).map(|i| if i < 5 { 5.0 - i as f64 } else { 0.0 }).collect();
        let (found, _) = of(&values, 20);
        assert!(found.values.len() >= 5 && found.values.len() <= 20);
        for (value, expected) in found.values.iter().zip(&values) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
        let all = vec![1.0; 30];
        assert_eq!(of(&all, 30).0.values.len(), 30);
    }
}
