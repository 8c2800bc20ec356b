//! Keys and values of tokens that a decoder has passed, so that each new token costs one pass of its own.

use candle_core::Tensor;

use super::attention::KeysAndValues;
use super::mask::Mask;
use crate::error::Result;

/// What is kept of the tokens so far; see [`Transformer::extend`](super::Transformer::extend).
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// One entry a block; none before the first tokens.
    pub(super) blocks: Vec<Kept>,
    /// How many tokens each row has so far.
    pub(super) length: usize,
    /// How many of each row count as positions (RoBERTa does not count its padding token).
    pub(super) counted: Vec<usize>,
    /// The masks of the first tokens, which hold for all that follow.
    pub(super) masks: Vec<Mask>,
    /// The encoder's states after every layer, and the lengths of the source's rows.
    pub(super) source: Option<(Vec<Tensor>, Vec<usize>)>,
}

impl Cache {
    /// A cache that holds nothing yet.
    pub fn new() -> Self {
        Cache::default()
    }

    /// How many tokens each row has so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// What one block keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    own: Option<KeysAndValues>,
    source: Option<KeysAndValues>,
}

impl Kept {
    /// Adds the keys and values of new tokens, and gives all.
    pub fn extend(&mut self, new: KeysAndValues) -> Result<KeysAndValues> {
        let all = match &self.own {
            Some(own) => own.followed_by(&new)?,
            None => new,
        };
        Ok(self.own.insert(all).clone())
    }

    /// The keys and values of the source, formed once.
    pub fn source(
        &mut self,
        form: impl FnOnce() -> Result<KeysAndValues>,
    ) -> Result<KeysAndValues> {
        let formed = match self.source.take() {
            Some(formed) => formed,
            None => form()?,
        };
        Ok(self.source.insert(formed).clone())
    }
}
