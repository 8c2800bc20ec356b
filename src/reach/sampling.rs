//! The choice of the next token: the most probable one, or one sampled from a truncated distribution.
//!
//! The order of the truncations is that of transformers (`generation/logits_process.py`): temperature, the `k` most
//! probable tokens (Fan, Lewis and Dauphin 2018), the nucleus (Holtzman et al. 2020).

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::ranking;
use crate::error::{Error, Result};

/// How to choose the next token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The logits are divided by this; 0 always takes the most probable token.
    pub temperature: f64,
    /// Samples only from this number of most probable tokens; `None` for all tokens.
    pub top_k: Option<usize>,
    /// Samples only from the fewest most probable tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f64,
}

impl Default for Choice {
    /// Always takes the most probable token.
    fn default() -> Self {
        Choice { temperature: 0.0, top_k: None, top_p: 1.0 }
    }
}

impl Choice {
    /// Refuses values without a meaning.
    ///
    /// # Errors
    /// A temperature below 0 or not finite, a `top_k` of 0, a `top_p` that is not above 0 and at most 1.
    pub fn check(&self) -> Result<()> {
        let problem = if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            format!("the temperature {} is not a number from 0 on", self.temperature)
        } else if self.top_k == Some(0) {
            "top-k 0 leaves no token: 1 is the least".to_owned()
        } else if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            format!("top-p {} is not above 0 and at most 1", self.top_p)
        } else {
            return Ok(());
        };
        Err(Error::Invalid(problem))
    }

    /// Returns the tokens that may come next with their probabilities, which sum to one, in the order of [`ranking`].
    pub fn distribution(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        if self.temperature == 0.0 {
            return vec![(ranking::argmax(logits), 1.0)];
        }
        let tokens = ranking::first(logits, self.top_k.unwrap_or(logits.len()).min(logits.len()));
        let scaled = |token: u32| f64::from(logits[token as usize]) / self.temperature;
        let largest = scaled(tokens[0]);
        let mut kept: Vec<(u32, f64)> =
            tokens.iter().map(|&token| (token, (scaled(token) - largest).exp())).collect();
        let total: f64 = kept.iter().map(|k| k.1).sum();
        // The token that reaches the sum is kept, too.
        let mut reached = 0.0;
        let nucleus = kept.iter().position(|&(_, weight)| {
            reached += weight;
            reached >= self.top_p * total
        });
        kept.truncate(nucleus.map_or(kept.len(), |last| last + 1));
        // A token of probability 0 is removed, because `pick` returns the last token for a point beyond the rounded
        // sum.
        kept.retain(|&(_, weight)| weight > 0.0);
        let total: f64 = kept.iter().map(|k| k.1).sum();
        kept.iter_mut().for_each(|k| k.1 /= total);
        kept
    }
}

/// Returns the token at a point between 0 and 1 of the cumulative distribution.
pub fn pick(distribution: &[(u32, f64)], point: f64) -> u32 {
    let mut reached = 0.0;
    for &(token, probability) in distribution {
        reached += probability;
        if point < reached {
            return token;
        }
    }
    // The rounded probabilities may sum to a little less than the point.
    distribution[distribution.len() - 1].0
}

/// Samples tokens one after another; the same seed gives the same tokens.
pub struct Sampler {
    choice: Choice,
    random: ChaCha8Rng,
}

impl Sampler {
    /// Makes a sampler with a seed.
    ///
    /// # Errors
    /// As [`Choice::check`].
    pub fn new(choice: Choice, seed: u64) -> Result<Self> {
        choice.check()?;
        Ok(Sampler { choice, random: ChaCha8Rng::seed_from_u64(seed) })
    }

    /// Chooses the next token.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn next(&mut self, logits: &[f32]) -> Result<u32> {
        ranking::check(logits)?;
        Ok(self.draw(logits))
    }

    /// Chooses the next token from logits that are finite, or minus infinity for tokens that must not come.
    pub(super) fn draw(&mut self, logits: &[f32]) -> u32 {
        pick(&self.choice.distribution(logits), self.random.random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits with these probabilities, up to float32.
    fn logits(probabilities: &[f64]) -> Vec<f32> {
        probabilities.iter().map(|p| p.ln() as f32).collect()
    }

    const FIVE: [f64; 5] = [0.1, 0.4, 0.05, 0.25, 0.2];

    #[test]
    fn temperature_0_takes_the_first_token_and_the_lower_id_of_equals() {
        let mut sampler = Sampler::new(Choice::default(), 7).unwrap();
        assert!((0..9).all(|_| sampler.next(&[1.0, 5.0, 5.0]).unwrap() == 1));
    }

    #[test]
    fn draws_are_as_frequent_as_their_exact_probabilities() {
        // Chi-square over 20000 draws; 0.001 of all seeds exceed the bound, and the seed is fixed.
        let choice = Choice { temperature: 0.7, ..Choice::default() };
        let weights: Vec<f64> = FIVE.iter().map(|p| p.powf(1.0 / 0.7)).collect();
        let total: f64 = weights.iter().sum();
        let mut sampler = Sampler::new(choice, 2026).unwrap();
        let logits = logits(&FIVE);
        let (draws, mut counts) = (20_000, [0u32; 5]);
        for _ in 0..draws {
            counts[sampler.next(&logits).unwrap() as usize] += 1;
        }
        let square: f64 = (0..5)
            .map(|i| {
                let expected = f64::from(draws) * weights[i] / total;
                (f64::from(counts[i]) - expected).powi(2) / expected
            })
            .sum();
        // The 99.9th percentile with 4 degrees of freedom.
        assert!(square < 18.467, "{square}: {counts:?}");
        // A distribution without the temperature would not pass.
        let wrong: f64 = (0..5)
            .map(|i| {
                (f64::from(counts[i]) - f64::from(draws) * FIVE[i]).powi(2)
                    / (f64::from(draws) * FIVE[i])
            })
            .sum();
        assert!(wrong > 18.467);
    }

    #[test]
    fn top_k_keeps_exactly_the_most_probable_tokens() {
        let choice = Choice { temperature: 1.0, top_k: Some(2), top_p: 1.0 };
        let kept = choice.distribution(&logits(&FIVE));
        assert_eq!(kept.iter().map(|k| k.0).collect::<Vec<_>>(), [1, 3]);
        assert!((kept[0].1 - 0.4 / 0.65).abs() < 1e-6 && (kept[1].1 - 0.25 / 0.65).abs() < 1e-6);
        // Among equals the lower ids stay.
        let equals = choice.distribution(&[0.0; 4]);
        assert_eq!(equals, [(0, 0.5), (1, 0.5)]);
        assert_eq!(Choice { top_k: Some(99), ..choice }.distribution(&[0.0; 4]).len(), 4);
    }

    #[test]
    fn top_p_keeps_the_fewest_tokens_that_reach_the_sum() {
        // Powers of two, whose sums are exact.
        let logits: Vec<f32> = vec![0.0, 0.0, 0.0, 0.0];
        let kept = |top_p| {
            let choice = Choice { temperature: 1.0, top_k: None, top_p };
            choice.distribution(&logits).iter().map(|k| k.0).collect::<Vec<_>>()
        };
        assert_eq!(kept(0.25), [0]);
        assert_eq!(kept(0.25f64.next_up()), [0, 1]);
        assert_eq!(kept(0.5), [0, 1]);
        assert_eq!(kept(0.75f64.next_up()), [0, 1, 2, 3]);
        assert_eq!(kept(1.0), [0, 1, 2, 3]);
        assert_eq!(kept(f64::MIN_POSITIVE), [0]);
    }

    #[test]
    fn the_cuts_follow_one_another() {
        // After top-k the sum is that of the two kept ones: 0.4 / 0.65 alone is more than 0.6.
        let choice = Choice { temperature: 1.0, top_k: Some(2), top_p: 0.6 };
        assert_eq!(choice.distribution(&logits(&FIVE)), [(1, 1.0)]);
    }

    #[test]
    fn what_is_ruled_out_is_never_drawn() {
        let logits = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY];
        for temperature in [0.0, 1.0] {
            let choice = Choice { temperature, ..Choice::default() };
            assert_eq!(choice.distribution(&logits), [(1, 1.0)]);
        }
    }

    #[test]
    fn a_point_falls_to_the_token_that_covers_it() {
        let distribution = [(7, 0.5), (3, 0.25), (9, 0.25)];
        for (point, token) in [(0.0, 7), (0.499, 7), (0.5, 3), (0.75, 9), (0.999, 9), (1.0, 9)] {
            assert_eq!(pick(&distribution, point), token, "{point}");
        }
    }

    #[test]
    fn a_seed_fixes_the_draws() {
        let choice = Choice { temperature: 1.0, ..Choice::default() };
        let draw = |seed| {
            let mut sampler = Sampler::new(choice, seed).unwrap();
            (0..20).map(|_| sampler.next(&logits(&FIVE)).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let sound = Choice { temperature: 1.0, top_k: None, top_p: 1.0 };
        for (choice, says) in [
            (Choice { temperature: -1.0, ..sound }, "temperature -1"),
            (Choice { temperature: f64::NAN, ..sound }, "temperature NaN"),
            (Choice { top_k: Some(0), ..sound }, "top-k 0"),
            (Choice { top_p: 0.0, ..sound }, "top-p 0"),
            (Choice { top_p: 1.5, ..sound }, "top-p 1.5"),
        ] {
            let said = choice.check().unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
        assert!(sound.check().is_ok());
    }
}
