//! Decodes a text that grows by one id at a time, so that it can be shown while it is generated.
//!
//! What a token adds may depend on the one before it (a leading blank is dropped at the beginning only), and a
//! character may be spread over several tokens. So text is decoded from the last place where it was complete, and
//! shown up to there.

use super::Tokenizer;
use crate::error::Result;

/// The ids of a text, and how much of their text was returned.
pub struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// Decoding begins at this id: the last part that was returned is context for what follows.
    from: usize,
    /// The text of the ids before this one was returned.
    to: usize,
}

/// What stands for a byte that is not UTF-8, perhaps because the rest of its character is still to come.
const INCOMPLETE: char = '\u{fffd}';
/// The largest number of tokens that a character can need: it has at most four bytes.
const LONGEST: usize = 4;

impl<'a> Stream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Stream { tokenizer, ids: Vec::new(), from: 0, to: 0 }
    }

    /// Adds an id and returns the text that it completes, which may be empty.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        let pending = self.ids.len() - self.to < LONGEST;
        self.take(pending)
    }

    /// Returns the rest of the text at the end.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn finish(mut self) -> Result<String> {
        self.take(false)
    }

    /// Returns the text since the last call; empty if it may be incomplete and `may_wait`.
    fn take(&mut self, may_wait: bool) -> Result<String> {
        let shown = self.tokenizer.decode(&self.ids[self.from..self.to])?;
        let text = self.tokenizer.decode(&self.ids[self.from..])?;
        if may_wait && text.ends_with(INCOMPLETE) {
            return Ok(String::new());
        }
        let new = text.strip_prefix(&shown).unwrap_or(&text).to_owned();
        (self.from, self.to) = (self.to, self.ids.len());
        Ok(new)
    }
}
