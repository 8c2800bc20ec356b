//! Where a hidden state may lie.

use std::fmt;

use crate::error::{Error, Result};

/// A box of hidden states: `lo_k <= h_k <= hi_k`, either end perhaps infinite.
///
/// A token that wins strictly somewhere in a closed box with an interior wins in its interior too,
/// so strict and closed ranges ask the same question.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Least value of each coordinate, never NaN or `+inf`.
    lo: Vec<f64>,
    /// Greatest value of each coordinate, never NaN or `-inf`, never below `lo`.
    hi: Vec<f64>,
}

impl Domain {
    /// All of `R^dim`.
    pub fn free(dim: usize) -> Self {
        Domain { lo: vec![f64::NEG_INFINITY; dim], hi: vec![f64::INFINITY; dim] }
    }

    /// The same range for every coordinate.
    ///
    /// # Errors
    /// See [`Domain::ranges`].
    pub fn range(dim: usize, lo: f64, hi: f64) -> Result<Self> {
        Domain::ranges(vec![lo; dim], vec![hi; dim])
    }

    /// A range for each coordinate.
    ///
    /// # Errors
    /// Different lengths, NaN, `lo > hi`, or an end at the wrong infinity.
    pub fn ranges(lo: Vec<f64>, hi: Vec<f64>) -> Result<Self> {
        if lo.len() != hi.len() {
            return Err(Error::Invalid(format!(
                "{} lower ends for {} upper ends of the domain",
                lo.len(),
                hi.len()
            )));
        }
        for (k, (&l, &h)) in lo.iter().zip(&hi).enumerate() {
            if l.is_nan() || h.is_nan() || l > h || l == f64::INFINITY || h == f64::NEG_INFINITY {
                return Err(Error::Invalid(format!(
                    "the range of coordinate {k}, {l} to {h}, holds no number"
                )));
            }
        }
        // -0 would leave a trace in printed certificates only; there is no use for it.
        let positive_zero = |x: f64| if x == 0.0 { 0.0 } else { x };
        Ok(Domain {
            lo: lo.into_iter().map(positive_zero).collect(),
            hi: hi.into_iter().map(positive_zero).collect(),
        })
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.lo.len()
    }

    /// Least value of coordinate `k`.
    pub fn lo(&self, k: usize) -> f64 {
        self.lo[k]
    }

    /// Greatest value of coordinate `k`.
    pub fn hi(&self, k: usize) -> f64 {
        self.hi[k]
    }

    /// Whether nothing is restricted.
    pub fn is_free(&self) -> bool {
        (0..self.dim()).all(|k| self.lo[k] == f64::NEG_INFINITY && self.hi[k] == f64::INFINITY)
    }

    /// Whether no end is infinite.
    pub fn is_bounded(&self) -> bool {
        self.lo.iter().chain(&self.hi).all(|x| x.is_finite())
    }

    /// Whether coordinate `k` can take only one value.
    pub fn is_fixed(&self, k: usize) -> bool {
        self.lo[k] == self.hi[k]
    }

    /// Whether some finite end is not 0: then the domain is no cone, and lengths matter.
    pub fn has_lengths(&self) -> bool {
        self.lo.iter().chain(&self.hi).any(|&x| x.is_finite() && x != 0.0)
    }

    /// Whether `h` lies in the closed domain.
    pub fn contains(&self, h: &[f64]) -> bool {
        h.len() == self.dim()
            && h.iter().enumerate().all(|(k, &x)| self.lo[k] <= x && x <= self.hi[k])
    }

    /// Moves `h` to the nearest point of the domain.
    pub fn clamp(&self, h: &mut [f64]) {
        for (k, x) in h.iter_mut().enumerate() {
            *x = x.clamp(self.lo[k], self.hi[k]);
        }
    }

    /// Reads `free` or `range:LO:HI` (`inf`, `-inf` allowed) for hidden states of `dim` coordinates.
    ///
    /// # Errors
    /// Anything else, with the accepted forms.
    pub fn parse(text: &str, dim: usize) -> Result<Self> {
        if text == "free" {
            return Ok(Domain::free(dim));
        }
        let ends = text.strip_prefix("range:").and_then(|rest| rest.split_once(':'));
        let number = |s: &str| s.trim().parse::<f64>().ok().filter(|x| !x.is_nan());
        match ends.and_then(|(lo, hi)| Some((number(lo)?, number(hi)?))) {
            Some((lo, hi)) => Domain::range(dim, lo, hi),
            None => Err(Error::Invalid(format!(
                "the domain {text:?} is neither `free` nor `range:LO:HI` (such as range:0:inf)"
            ))),
        }
    }
}

impl fmt::Display for Domain {
    /// `free`, `range:LO:HI`, or the number of different ranges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_free() {
            return f.write_str("free");
        }
        let uniform = (1..self.dim()).all(|k| self.lo[k] == self.lo[0] && self.hi[k] == self.hi[0]);
        if uniform {
            write!(f, "range:{}:{}", self.lo[0], self.hi[0])
        } else {
            write!(f, "ranges of {} coordinates", self.dim())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_read_back_as_they_print() {
        for text in ["free", "range:0:inf", "range:-1:1", "range:-0.2784645427610738:inf"] {
            assert_eq!(Domain::parse(text, 3).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_empty_or_unknown_domain_is_an_error() {
        for text in ["range:1:0", "range:nan:1", "range:0", "range:inf:inf", "box", ""] {
            assert!(Domain::parse(text, 3).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_without_ends_is_free() {
        assert!(Domain::parse("range:-inf:inf", 2).unwrap().is_free());
    }
}
