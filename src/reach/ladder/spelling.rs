//! Whether a prompt of tokens is one that a text can give: its text must be split into the same tokens again.

use crate::checkpoint::vocabulary::Vocabulary;
use crate::reach::text::{SpecialTokens, Tokenizer};

/// The ids below `known` that prompts are made of: all ordinary tokens and bytes, as far as the vocabulary says.
pub fn alphabet(
    known: usize,
    tokenizer: Option<&Tokenizer>,
    vocabulary: Option<&Vocabulary>,
) -> Vec<u32> {
    let is_ordinary = |id: &u32| {
        let token = vocabulary.and_then(|v| v.tokens.get(*id as usize));
        token.is_none_or(|token| !token.kind.is_marginal())
            && tokenizer.is_none_or(|t| t.knows(*id) && !t.is_unknown(*id))
    };
    (0..known as u32).filter(is_ordinary).collect()
}

/// The tokenizer that prompts pass, and the text that follows them.
pub struct Spelling<'a> {
    tokenizer: Option<&'a Tokenizer>,
    text: &'a str,
    /// The tokens of that text alone.
    after: Vec<u32>,
}

impl<'a> Spelling<'a> {
    /// Makes the check for prompts that `text` follows. Without a tokenizer nothing is known of any prompt.
    ///
    /// # Errors
    /// A text that the vocabulary cannot spell.
    pub fn new(tokenizer: Option<&'a Tokenizer>, text: &'a str) -> crate::error::Result<Self> {
        let after = match tokenizer {
            Some(tokenizer) if !text.is_empty() => tokenizer.encode(text, SpecialTokens::Bare)?,
            _ => Vec::new(),
        };
        Ok(Spelling { tokenizer, text, after })
    }

    /// The text of a prompt; `None` without a tokenizer, and where the tokens have no text.
    pub fn text(&self, prompt: &[u32]) -> Option<String> {
        self.tokenizer?.decode(prompt).ok()
    }

    /// Whether the text of a prompt, with the text that follows, is split into the same tokens; `None` without a tokenizer.
    pub fn survives(&self, prompt: &[u32]) -> Option<bool> {
        let tokenizer = self.tokenizer?;
        let encoded = tokenizer
            .decode(prompt)
            .and_then(|decoded| tokenizer.encode(&(decoded + self.text), SpecialTokens::Bare));
        Some(encoded.is_ok_and(|ids| ids == [prompt, &self.after].concat()))
    }

    /// Whether a prompt may be used: its text is split into it again, or that is not known.
    pub fn allows(&self, prompt: &[u32]) -> bool {
        self.survives(prompt) != Some(false)
    }
}
