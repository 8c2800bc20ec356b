//! The singular values of the centred rows: how many directions the head really uses.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::six_digits;
use crate::head::Head;

/// Wider heads get no spectrum: the eigenvalues of a matrix of this size take some ten seconds.
const WIDEST: usize = 3072;
/// Multiplications for the covariance, about a tenth of a second.
const BUDGET: usize = 2_000_000_000;
/// A sample has at least so many rows for each coordinate.
const ROWS_PER_COORDINATE: usize = 4;
/// Rows multiplied at once.
const BLOCK: usize = 2048;

/// How the rows spread around their mean.
///
/// The mean is taken out because a vector that is added to all rows changes no argmax.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spectrum {
    /// How many rows were used, spread evenly over the ids.
    pub rows: usize,
    /// Singular values of the centred rows divided by the root of their number (the standard
    /// deviations along the principal directions), falling; `min(d, rows)` of them.
    pub values: Vec<f64>,
}

impl Spectrum {
    /// Measures the rows of a head, or enough of them; `None` if it is too wide.
    pub fn of(head: &Head) -> Option<Spectrum> {
        let (tokens, dim) = (head.tokens(), head.dim());
        if dim > WIDEST {
            return None;
        }
        let rows = (BUDGET / (dim * dim)).max(ROWS_PER_COORDINATE * dim).min(tokens);
        // Rows near the largest float would overflow when squared.
        let sampled: Vec<usize> = (0..rows).map(|i| i * tokens / rows).collect();
        let largest = sampled
            .iter()
            .flat_map(|&t| head.row(t))
            .fold(0.0f64, |largest, x| largest.max(x.abs()));
        if largest == 0.0 {
            return Some(Spectrum { rows, values: vec![0.0; dim.min(rows)] });
        }
        let mut mean = DVector::<f64>::zeros(dim);
        for &t in &sampled {
            head.row(t).zip(mean.iter_mut()).for_each(|(x, m)| *m += x / largest / rows as f64);
        }
        let mut covariance = DMatrix::<f64>::zeros(dim, dim);
        for block in sampled.chunks(BLOCK) {
            let columns: Vec<f64> = block
                .iter()
                .flat_map(|&t| head.row(t).zip(mean.iter()).map(|(x, m)| x / largest - m))
                .collect();
            let columns = DMatrix::from_vec(dim, block.len(), columns);
            covariance.gemm(1.0 / rows as f64, &columns, &columns.transpose(), 1.0);
        }
        let mut values: Vec<f64> = covariance
            .symmetric_eigenvalues()
            .iter()
            .map(|x| six_digits(x.max(0.0).sqrt() * largest))
            .collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values.truncate(dim.min(rows));
        Some(Spectrum { rows, values })
    }

    /// The exponential of the entropy of the values' shares (Roy and Vetterli 2007): how many equal
    /// values would be as spread out. Between 1 and d; 0 if all rows are equal.
    pub fn effective_rank(&self) -> f64 {
        let sum: f64 = self.values.iter().sum();
        if !(sum > 0.0) {
            return 0.0;
        }
        let shares = self.values.iter().map(|x| x / sum).filter(|share| *share > 0.0);
        shares.map(|share| -share * share.ln()).sum::<f64>().exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_no_part_of_the_spread() {
        // A cross around (7, -3, 100): deviations 2 and 1 along two axes, none along the third.
        let rows = [[9.0, -3.0, 100.0], [5.0, -3.0, 100.0], [7.0, -2.0, 100.0], [7.0, -4.0, 100.0]];
        let spectrum = Spectrum::of(&Head::new(rows.concat(), None, 4, 3).unwrap()).unwrap();
        let expected = [2.0f64.sqrt(), 0.5f64.sqrt(), 0.0];
        for (value, expected) in spectrum.values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{:?}", spectrum.values);
        }
    }

    #[test]
    fn equal_directions_count_fully_and_absent_ones_not_at_all() {
        let rank = |values: &[f64]| Spectrum { rows: 9, values: values.to_vec() }.effective_rank();
        assert!((rank(&[2.0, 2.0, 2.0, 0.0]) - 3.0).abs() < 1e-12);
        assert!((rank(&[5.0, 0.0]) - 1.0).abs() < 1e-12);
        assert_eq!(rank(&[0.0, 0.0]), 0.0);
    }

    #[test]
    fn rows_at_the_ends_of_the_float_range_do_not_overflow() {
        for size in [1e300, 1e-300] {
            let head = Head::new(vec![size, -size], None, 2, 1).unwrap();
            let value = Spectrum::of(&head).unwrap().values[0];
            assert!((value / size - 1.0).abs() < 1e-5, "{value}");
        }
    }
}
