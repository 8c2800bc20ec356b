//! Text that grows by one id after another, so that it can be shown while it is made.
//!
//! What a token adds may depend on the one before it (a leading blank is dropped at the beginning only), and a character may
//! be spread over several tokens. So text is decoded from the last place where it was whole,
//! and shown up to there.

use super::Tokenizer;
use crate::error::Result;

/// Ids and how far their text has been handed out.
pub struct Stream<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// From here on ids are decoded: the last piece that was handed out, as a context for what follows.
    from: usize,
    /// Up to here text has been handed out.
    to: usize,
}

/// A byte that is no text, perhaps because the rest of its character is still to come.
const INCOMPLETE: char = '\u{fffd}';
/// A character has at most four bytes, and so takes at most four tokens of one byte.
const LONGEST: usize = 4;

impl<'a> Stream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Stream { tokenizer, ids: Vec::new(), from: 0, to: 0 }
    }

    /// Adds an id and returns the text that it completes, perhaps none.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.ids.push(id);
        let pending = self.ids.len() - self.to < LONGEST;
        self.take(pending)
    }

    /// What is left at the end.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn finish(mut self) -> Result<String> {
        self.take(false)
    }

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
