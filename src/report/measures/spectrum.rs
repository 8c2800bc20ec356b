//! The singular values of the centred rows: how many directions the head really uses.

use serde::{Deserialize, Serialize};

use super::six_digits;
use crate::head::spectrum::Spectra;

/// How the rows spread around their mean.
///
/// The mean is subtracted because a vector that is added to all rows changes no argmax.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spectrum {
    /// The number of rows used, spread evenly over the ids.
    pub rows: usize,
    /// The singular values of the centred rows divided by the root of their number (the standard deviations along the
    /// principal directions), falling; `min(d, rows)` of them.
    pub values: Vec<f64>,
    /// Only if `values` are the leading ones of more: the sum of the squares of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
}

impl Spectrum {
    /// The spectrum of the centred rows, rounded to six digits.
    pub fn of(spectra: &Spectra) -> Self {
        let values = spectra.deviations.iter().map(|&x| six_digits(x)).collect();
        let variance = (!spectra.complete).then(|| six_digits(spectra.variance));
        Spectrum { rows: spectra.rows, values, variance }
    }

    /// The effective rank: the exponential of the entropy of the values' shares (Roy and Vetterli 2007), which is the
    /// number of equal values with the same entropy. Between 1 and d; 0 if all rows are equal. `None` if only the
    /// leading values are known.
    pub fn effective_rank(&self) -> Option<f64> {
        if self.variance.is_some() {
            return None;
        }
        let sum: f64 = self.values.iter().sum();
        if !(sum > 0.0) {
            return Some(0.0);
        }
        let shares = self.values.iter().map(|x| x / sum).filter(|share| *share > 0.0);
        Some(shares.map(|share| -share * share.ln()).sum::<f64>().exp())
    }

    /// The share of the variance that lies along the directions of `values`, between 0 and 1.
    pub fn share(&self) -> f64 {
        let sum = self.values.iter().map(|x| x * x).sum::<f64>();
        self.variance.filter(|all| *all > 0.0).map_or(1.0, |all| (sum / all).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_directions_count_fully_and_absent_ones_not_at_all() {
        let of = |values: &[f64], variance| Spectrum { rows: 9, values: values.to_vec(), variance };
        let rank = |values: &[f64]| of(values, None).effective_rank().unwrap();
        assert!((rank(&[2.0, 2.0, 2.0, 0.0]) - 3.0).abs() < 1e-12);
        assert!((rank(&[5.0, 0.0]) - 1.0).abs() < 1e-12);
        assert_eq!(rank(&[0.0, 0.0]), 0.0);
        assert_eq!(of(&[2.0, 1.0], Some(20.0)).effective_rank(), None);
        assert_eq!(of(&[2.0, 1.0], Some(20.0)).share(), 0.25);
    }
}
