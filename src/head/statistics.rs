//! Statistics of the rows of a head, without an audit: norms, zeros, duplicates, singular values.

use super::Head;
use super::groups::{Groups, Standing};
use super::spectrum::{self, Spectra};
use crate::domain::Domain;
use crate::order;
use crate::parallel;

/// Statistics of rows and biases.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Statistics {
    /// The number of groups of two or more tokens with equal rows and the largest bias of their row; such tokens can
    /// only tie.
    pub tied_groups: usize,
    /// The number of tokens in those groups.
    pub tied_tokens: usize,
    /// The number of tokens that share a row with a token of larger bias, and so never win.
    pub dominated_tokens: usize,
    /// The tokens whose row is zero, in id order.
    pub zero_rows: Vec<u32>,
    /// The quantiles of the row norms: least, 1, 5, 25, 50, 75, 95, 99 % and greatest.
    pub row_norms: [f64; 9],
    /// The same quantiles of the bias; `None` without a bias.
    pub biases: Option<[f64; 9]>,
    /// The number of singular values of `W` that exceed `rank_tolerance` times the largest; `None` for a head of
    /// which only the leading values are computed. If only a sample of the rows was used, this is a lower bound of the rank at this tolerance.
    pub rank: Option<usize>,
    /// The relative size below which a singular value counts as zero: the values come from the eigenvalues of `W^T W`
    /// in float64, which loses half of the digits.
    pub rank_tolerance: f64,
    /// The number of rows that the singular values come from, as [`Spectra::rows`]; 0 for a head that is too wide.
    pub spectrum_rows: usize,
    /// The singular values of `W`, falling: `d` of them, or as many as rows used in [wide](Head::is_wide) heads; only
    /// the 64 leading ones of a head with more than 1024 of both; empty for one with more than 131072 coordinates.
    pub singular_values: Vec<f64>,
    /// The norm of the mean row: how far the rows have a direction in common.
    pub mean_row_norm: f64,
    /// The spectra that the singular values come from; `None` for a head that is too wide.
    #[serde(skip)]
    pub spectra: Option<Spectra>,
}

/// The levels of the quantiles in [`Statistics::row_norms`].
pub const QUANTILES: [f64; 9] = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];

impl Statistics {
    /// Computes the statistics from all rows, and the spectra from as many rows as [`Spectra`] uses.
    pub fn of(head: &Head) -> Self {
        let (tokens, dim) = (head.tokens(), head.dim());
        let groups = Groups::new(head, &Domain::free(dim));
        let (mut tied_groups, mut tied_tokens, mut dominated_tokens) = (0, 0, 0);
        for token in 0..tokens as u32 {
            match groups.standing(token) {
                Standing::Alone => {}
                Standing::Tied(members) => {
                    tied_tokens += 1;
                    tied_groups += usize::from(members[0] == token);
                }
                Standing::Dominated(_) => dominated_tokens += 1,
            }
        }
        let norms: Vec<f64> = parallel::map(tokens, &|t| head.row_norm(t));
        let zero_rows =
            (0..tokens as u32).filter(|&t| head.row(t as usize).all(|x| x == 0.0)).collect();
        let biases =
            head.has_bias().then(|| quantiles((0..tokens).map(|t| head.bias(t)).collect()));
        let spectra = Spectra::of(head);
        let singular_values =
            spectra.as_ref().map_or(Vec::new(), |spectra| spectra.singular_values.clone());
        // The Gram matrix is exact to about d units in the last place of its largest eigenvalue.
        let rank_tolerance = (f64::EPSILON * dim as f64).sqrt();
        let floor = singular_values.first().copied().unwrap_or(0.0) * rank_tolerance;
        Statistics {
            tied_groups,
            tied_tokens,
            dominated_tokens,
            zero_rows,
            row_norms: quantiles(norms),
            biases,
            rank: spectra
                .as_ref()
                .filter(|spectra| spectra.complete)
                .map(|_| singular_values.iter().filter(|&&s| s > floor).count()),
            rank_tolerance,
            spectrum_rows: spectra.as_ref().map_or(0, |spectra| spectra.rows),
            singular_values,
            mean_row_norm: spectrum::mean_norm(head),
            spectra,
        }
    }
}

/// The quantiles of `numbers` at the levels [`QUANTILES`].
fn quantiles(mut numbers: Vec<f64>) -> [f64; 9] {
    order::rising_floats(&mut numbers);
    QUANTILES.map(|q| numbers[(q * (numbers.len() - 1) as f64).round() as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_known_singular_values_are_seen_through() {
        // Orthogonal columns of lengths 5, sqrt 2 and 0; one duplicate, one zero row, one dominated token.
        let rows = vec![
            3.0, 0.0, 0.0, //
            4.0, 0.0, 0.0, //
            0.0, 1.0, 0.0, //
            0.0, 1.0, 0.0, //
            0.0, 0.0, 0.0,
        ];
        let head = Head::new(rows.clone(), None, 5, 3).unwrap();
        let seen = Statistics::of(&head);
        for (value, expected) in seen.singular_values.iter().zip([5.0, 2f64.sqrt(), 0.0]) {
            assert!((value - expected).abs() < 1e-7, "{value} {expected}");
        }
        assert_eq!((seen.rank, seen.spectrum_rows, seen.zero_rows), (Some(2), 5, vec![4]));
        assert_eq!((seen.tied_groups, seen.tied_tokens, seen.dominated_tokens), (1, 2, 0));
        assert_eq!((seen.row_norms[0], seen.row_norms[4], seen.row_norms[8]), (0.0, 1.0, 4.0));
        let mean = (1.4f64 * 1.4 + 0.4 * 0.4).sqrt();
        assert!((seen.mean_row_norm - mean).abs() < 1e-15);
        let biased = Head::new(rows, Some(vec![0.0, 0.0, 1.0, 0.0, 0.0]), 5, 3).unwrap();
        let seen = Statistics::of(&biased);
        assert_eq!((seen.tied_tokens, seen.dominated_tokens), (0, 1));
        assert_eq!(seen.biases.unwrap()[8], 1.0);
    }
}
