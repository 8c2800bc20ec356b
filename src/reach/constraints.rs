//! Constraints on the next token: logits are changed before a token is chosen, in the order of the reference
//! (`generation/logits_process.py` of transformers).

use crate::error::{Error, Result};

/// Constraints on the choice of the next token; by default there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraints {
    /// The tokens that end a text, each of them.
    pub end: Vec<u32>,
    /// Divides the positive logits of tokens that the text contains already, and multiplies the negative ones (Keskar
    /// et al., CTRL, 2019); 1 changes nothing.
    pub repetition_penalty: f64,
    /// No n-gram of this length occurs twice; 0 for no such rule.
    pub no_repeat_ngram: usize,
    /// Sequences of tokens that must not occur.
    pub bad_words: Vec<Vec<u32>>,
    /// The least number of tokens of a text, its prompt included: the text does not end before.
    pub least_length: usize,
    /// The least number of tokens after the prompt: the text does not end before.
    pub least_new: usize,
    /// The token that must follow when the text has exactly one token.
    pub forced_first: Option<u32>,
    /// The tokens of which one must be the last, where the text reaches its limit.
    pub forced_last: Vec<u32>,
    /// Tokens that must not occur.
    pub suppressed: Vec<u32>,
    /// Tokens that must not be the first one generated.
    pub suppressed_first: Vec<u32>,
}

impl Default for Constraints {
    fn default() -> Self {
        Constraints {
            end: Vec::new(),
            repetition_penalty: 1.0,
            no_repeat_ngram: 0,
            bad_words: Vec::new(),
            least_length: 0,
            least_new: 0,
            forced_first: None,
            forced_last: Vec::new(),
            suppressed: Vec::new(),
            suppressed_first: Vec::new(),
        }
    }
}

/// A text so far, and how much of it is still to come.
#[derive(Clone, Copy, Debug)]
pub struct GenerationState<'a> {
    /// The tokens of the text: those of the decoder, where the model has an encoder.
    pub text: &'a [u32],
    /// The number of these tokens that were given at the beginning.
    pub prompt: usize,
    /// The number of tokens that may still come, the next one included.
    pub left: usize,
}

impl Constraints {
    /// Changes the logits of the next token; the logit of a token that must not come becomes minus infinity.
    ///
    /// # Errors
    /// Constraints that leave no token.
    pub fn apply(&self, logits: &mut [f32], so_far: GenerationState) -> Result<()> {
        let GenerationState { text, prompt, left } = so_far;
        let new = text.len() - prompt;
        if self.repetition_penalty != 1.0 {
            self.penalise(logits, text);
        }
        for token in self.would_repeat(text) {
            forbid(logits, token);
        }
        for word in &self.bad_words {
            // A bad word that is a token which ends the text is ignored, so that a text can always end.
            let ends = matches!(word[..], [token] if self.end.contains(&token));
            if let Some((&last, before)) = word.split_last()
                && !ends
                && text.ends_with(before)
            {
                forbid(logits, last);
            }
        }
        if text.len() < self.least_length || new < self.least_new {
            self.end.iter().for_each(|&token| forbid(logits, token));
        }
        if let Some(token) = self.forced_first.filter(|_| text.len() == 1) {
            force(logits, &[token]);
        }
        if !self.forced_last.is_empty() && left == 1 {
            force(logits, &self.forced_last);
        }
        self.suppressed.iter().for_each(|&token| forbid(logits, token));
        let first = usize::from(prompt == 1 && self.forced_first.is_some());
        if new == first {
            self.suppressed_first.iter().for_each(|&token| forbid(logits, token));
        }
        match logits.iter().all(|&logit| logit == f32::NEG_INFINITY) {
            true => Err(Error::Invalid(
                "every token is ruled out by generation_config.json or config.json (suppress_tokens, bad_words_ids, ...): \
                 --ignore leaves out some of it"
                    .to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// Applies the repetition penalty to the logits of the tokens that the text contains.
    fn penalise(&self, logits: &mut [f32], text: &[u32]) {
        let penalty = self.repetition_penalty as f32;
        let mut seen: Vec<u32> = text.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
            }
        }
    }

    /// Returns the tokens that would complete an n-gram which the text contains already.
    fn would_repeat(&self, text: &[u32]) -> Vec<u32> {
        let length = self.no_repeat_ngram;
        if length == 0 || text.len() < length {
            return Vec::new();
        }
        let end = &text[text.len() + 1 - length..];
        let runs = text.windows(length).filter(|run| run[..length - 1] == *end);
        runs.map(|run| run[length - 1]).collect()
    }
}

/// Sets the logit of a token to minus infinity.
fn forbid(logits: &mut [f32], token: u32) {
    if let Some(logit) = logits.get_mut(token as usize) {
        *logit = f32::NEG_INFINITY;
    }
}

/// Sets all logits to minus infinity but those of `tokens`, which become 0.
fn force(logits: &mut [f32], tokens: &[u32]) {
    logits.fill(f32::NEG_INFINITY);
    for &token in tokens {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f32 = f32::NEG_INFINITY;

    /// The logits 1, -1, 2, 0 behind `text`, whose first `prompt` tokens were there.
    fn after(constraints: &Constraints, text: &[u32], prompt: usize, left: usize) -> Vec<f32> {
        let mut logits = vec![1.0, -1.0, 2.0, 0.0];
        constraints.apply(&mut logits, GenerationState { text, prompt, left }).unwrap();
        logits
    }

    #[test]
    fn without_restraints_logits_stay() {
        assert_eq!(after(&Constraints::default(), &[0, 1], 1, 1), [1.0, -1.0, 2.0, 0.0]);
    }

    #[test]
    fn repeated_tokens_lose_by_the_penalty() {
        let c = Constraints { repetition_penalty: 2.0, ..Constraints::default() };
        assert_eq!(after(&c, &[0, 1, 1], 2, 9), [0.5, -2.0, 2.0, 0.0]);
    }

    #[test]
    fn runs_do_not_occur_twice() {
        let runs = |length, text: &[u32]| {
            let c = Constraints { no_repeat_ngram: length, ..Constraints::default() };
            after(&c, text, 1, 9).iter().map(|&l| l == NONE).collect::<Vec<_>>()
        };
        assert_eq!(runs(2, &[0, 1, 0]), [false, true, false, false]);
        assert_eq!(runs(3, &[0, 1, 2, 0, 1]), [false, false, true, false]);
        assert_eq!(runs(3, &[0, 1]), [false; 4]);
        assert_eq!(runs(1, &[0, 1, 2]), [true, true, true, false]);
    }

    #[test]
    fn bad_words_do_not_occur_but_a_text_can_end() {
        let bad_words = vec![vec![2], vec![1, 3], vec![0]];
        let c = Constraints { bad_words, end: vec![0], ..Constraints::default() };
        assert_eq!(after(&c, &[3, 1], 1, 9), [1.0, -1.0, NONE, NONE]);
        assert_eq!(after(&c, &[1, 2], 1, 9), [1.0, -1.0, NONE, 0.0]);
    }

    #[test]
    fn a_text_does_not_end_too_soon() {
        let c = Constraints { end: vec![0, 2], least_length: 3, ..Constraints::default() };
        assert_eq!(after(&c, &[1, 1], 2, 9), [NONE, -1.0, NONE, 0.0]);
        assert_eq!(after(&c, &[1, 1, 1], 2, 9)[0], 1.0);
        let c = Constraints { end: vec![0], least_new: 2, ..Constraints::default() };
        assert_eq!(after(&c, &[1, 1, 1], 2, 9)[0], NONE);
        assert_eq!(after(&c, &[1, 1, 1, 1], 2, 9)[0], 1.0);
    }

    #[test]
    fn first_and_last_tokens_are_forced() {
        let forced = Constraints {
            forced_first: Some(3),
            forced_last: vec![1],
            suppressed_first: vec![2],
            ..Constraints::default()
        };
        assert_eq!(after(&forced, &[0], 1, 9), [NONE, NONE, NONE, 0.0]);
        // What must not come first is counted from the token after the forced one.
        assert_eq!(after(&forced, &[0, 3], 1, 8), [1.0, -1.0, NONE, 0.0]);
        assert_eq!(after(&forced, &[0, 3, 3], 1, 1), [NONE, 0.0, NONE, NONE]);
        let unforced = Constraints { suppressed_first: vec![2], ..Constraints::default() };
        assert_eq!(after(&unforced, &[0], 1, 9)[2], NONE);
        assert_eq!(after(&unforced, &[0, 3], 1, 8)[2], 2.0);
    }

    #[test]
    fn suppressed_tokens_do_not_occur_and_some_token_must_be_left() {
        let c = Constraints { suppressed: vec![0, 2], ..Constraints::default() };
        assert_eq!(after(&c, &[1], 1, 9), [NONE, -1.0, NONE, 0.0]);
        let all = Constraints { suppressed: vec![0, 1], ..Constraints::default() };
        let so_far = GenerationState { text: &[1], prompt: 1, left: 9 };
        let said = all.apply(&mut [0.0, 1.0], so_far).unwrap_err().to_string();
        assert!(said.contains("every token is ruled out"), "{said}");
    }
}
