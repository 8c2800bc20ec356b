//! Ranks tokens by logit: the largest first, and of equal ones the lowest id first.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// A token with its logit and probability at one position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The id of the token, a row of the output layer.
    pub token: u32,
    /// The logit of the token.
    pub logit: f32,
    /// The probability of the token by the softmax over all tokens.
    pub probability: f64,
}

/// Refuses logits that are not finite, since they cannot be ranked.
///
/// # Errors
/// A logit that is not finite; the error names the first such token.
pub fn check(logits: &[f32]) -> Result<()> {
    match logits.iter().position(|x| !x.is_finite()) {
        Some(token) => Err(Error::Invalid(format!(
            "the model gives token {token} the logit {}: its numbers overflow, or its weights are damaged",
            logits[token]
        ))),
        None => Ok(()),
    }
}

/// Returns the comparison that ranks tokens: descending logit, then ascending id. The logits must be finite; -0 and 0
/// are equal.
pub fn order(logits: &[f32]) -> impl Fn(&u32, &u32) -> Ordering + '_ {
    let logit = |token: u32| logits[token as usize] + 0.0;
    move |a, b| logit(*b).total_cmp(&logit(*a)).then(a.cmp(b))
}

/// Returns the token with the largest logit, the lowest id of equal ones.
pub fn argmax(logits: &[f32]) -> u32 {
    let better = |best: u32, token: u32| {
        if logits[token as usize] > logits[best as usize] { token } else { best }
    };
    (0..logits.len() as u32).fold(0, better)
}

/// Returns the `count` best tokens with their probabilities.
pub fn top(logits: &[f32], count: usize) -> Vec<Scored> {
    let total = log_total(logits);
    first(logits, count)
        .into_iter()
        .map(|token| {
            let logit = logits[token as usize];
            Scored { token, logit, probability: (f64::from(logit) - total).exp() }
        })
        .collect()
}

/// Returns the ids of the `count` best tokens, the best first.
pub fn first(logits: &[f32], count: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    let order = order(logits);
    if count == 0 {
        return Vec::new();
    }
    if count < ids.len() {
        ids.select_nth_unstable_by(count - 1, &order);
        ids.truncate(count);
    }
    ids.sort_unstable_by(&order);
    ids
}

/// Returns the log-sum-exp of the logits, which a logit exceeds by its log-probability.
pub fn log_total(logits: &[f32]) -> f64 {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - f64::from(largest)).exp()).sum();
    f64::from(largest) + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_come_by_rising_id() {
        let logits = [1.0, 3.0, -0.0, 3.0, 0.0, 7.0, 3.0];
        assert_eq!(first(&logits, 4), [5, 1, 3, 6]);
        assert_eq!(first(&logits, 99), [5, 1, 3, 6, 0, 2, 4]);
        assert!(first(&logits, 0).is_empty());
        assert_eq!(argmax(&logits[..5]), 1);
        assert_eq!(argmax(&[2.0, 2.0]), 0);
    }

    #[test]
    fn probabilities_are_those_of_the_softmax_at_any_scale() {
        for shift in [0.0, 1e4, -1e4] {
            let logits = [shift, shift + 2f32.ln(), shift];
            let top = top(&logits, 3);
            assert_eq!(top[0].token, 1);
            assert!((top[0].probability - 0.5).abs() < 1e-3, "{top:?}");
            let sum: f64 = top.iter().map(|s| s.probability).sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_logit_that_is_no_number_is_named() {
        let said = check(&[0.0, f32::NAN]).unwrap_err().to_string();
        assert!(said.contains("token 1") && said.contains("NaN"), "{said}");
        assert!(check(&[f32::INFINITY]).is_err() && check(&[0.0]).is_ok());
    }
}
