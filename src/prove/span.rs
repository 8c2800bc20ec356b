//! Reduces the rows of a wide head (more coordinates than tokens) to as many coordinates as they span.
//!
//! The solution of a search lies in the span of the differences of rows, and there are fewer of those than tokens. So
//! the cost of a search grows with the tokens, not with the width. The basis is orthonormal up to rounding, so
//! lengths are kept: the reduction only proposes, and points are converted back to all coordinates to be proved.

use crate::prove::qr::{Factorisation, padded};

/// An orthonormal basis of the differences of some rows from the first row, and the coordinates of those differences.
#[derive(Debug)]
pub struct Span {
    dim: usize,
    rank: usize,
    basis: Factorisation,
    /// The coordinates of the differences, `count x rank`.
    coordinates: Vec<f64>,
}

impl Span {
    /// Computes the span of `count` rows of `dim` coordinates; `row` writes a row to its second argument.
    pub fn new(count: usize, dim: usize, row: impl Fn(usize, &mut [f64])) -> Self {
        let (mut first, mut other) = (vec![0.0; dim], vec![0.0; dim]);
        row(0, &mut first);
        let mut basis = Factorisation::default();
        let mut all: Vec<Vec<f64>> = vec![Vec::new()];
        for j in 1..count {
            row(j, &mut other);
            other.iter_mut().zip(&first).for_each(|(x, y)| *x -= y);
            let (mut coefficients, rest) = basis.split(&padded(&other));
            let length = crate::prove::qr::norm(&rest);
            if length > 0.0 && length.is_finite() {
                basis.append(coefficients.clone(), rest);
                coefficients.push(length);
            }
            all.push(coefficients);
        }
        let rank = basis.len();
        let mut coordinates = vec![0.0; count * rank];
        if rank > 0 {
            for (out, these) in coordinates.chunks_exact_mut(rank).zip(&all) {
                out[..these.len()].copy_from_slice(these);
            }
        }
        Span { dim, rank, basis, coordinates }
    }

    /// The number of coordinates.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The coordinates of the difference of two rows.
    pub fn difference(&self, a: u32, b: u32) -> impl Iterator<Item = f64> + '_ {
        let of = |t: u32| &self.coordinates[t as usize * self.rank..][..self.rank];
        of(a).iter().zip(of(b)).map(|(x, y)| x - y)
    }

    /// The coordinates of the part of a vector (`dim`) in the span.
    pub fn reduced(&self, v: &[f64]) -> Vec<f64> {
        self.basis.along(&padded(v))
    }

    /// The vector (`dim`) with these coordinates.
    pub fn expanded(&self, u: &[f64]) -> Vec<f64> {
        let mut v = self.basis.combined(u, self.dim.next_multiple_of(crate::prove::qr::LANES));
        v.truncate(self.dim);
        v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_keep_their_products_and_vectors_of_the_span_come_back() {
        let (count, dim) = (6, 50);
        // The last row is the mean of the first two, so that the rank is 4.
        let number = |i: usize| ((i * 2654435761) % 1000) as f64 / 500.0 - 1.0;
        let mut rows: Vec<Vec<f64>> =
            (0..count).map(|t| (0..dim).map(|k| number(t * dim + k)).collect()).collect();
        rows[5] = rows[0].iter().zip(&rows[1]).map(|(x, y)| 0.5 * (x + y)).collect();
        let span = Span::new(count, dim, |t, out| out.copy_from_slice(&rows[t]));
        assert_eq!(span.rank(), 4);
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        for (a, b, c) in [(0, 1, 2), (3, 5, 4), (2, 5, 0)] {
            let full = |a: usize, b: usize| -> Vec<f64> {
                rows[a].iter().zip(&rows[b]).map(|(x, y)| x - y).collect()
            };
            let short = |a: u32, b: u32| span.difference(a, b).collect::<Vec<f64>>();
            let expected = dot(&full(a, b), &full(c, b));
            let found = dot(&short(a as u32, b as u32), &short(c as u32, b as u32));
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            let back = span.expanded(&short(a as u32, b as u32));
            assert!(back.iter().zip(full(a, b)).all(|(x, y)| (x - y).abs() < 1e-12));
            let again = span.reduced(&full(a, b));
            assert!(
                again.iter().zip(short(a as u32, b as u32)).all(|(x, y)| (x - y).abs() < 1e-12)
            );
        }
    }
}
