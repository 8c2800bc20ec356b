//! The cache of keys and values of earlier tokens, so that a decoder computes only the new tokens.

use candle_core::Tensor;

use super::attention::KeysAndValues;
use super::mask::Mask;
use crate::error::{Error, Result};

/// The cached state of the tokens so far; see [`Transformer::extend`](super::Transformer::extend).
#[derive(Clone, Debug, Default)]
pub struct Cache {
    /// One entry per block; empty before the first tokens.
    pub(super) blocks: Vec<BlockCache>,
    /// The number of tokens of each row so far.
    pub(super) length: usize,
    /// The number of tokens of each row that count as positions (RoBERTa does not count its padding token).
    pub(super) counted: Vec<usize>,
    /// The masks, set by the first tokens, for all that follow.
    pub(super) masks: Vec<Mask>,
    /// The tokens so far, a piece for each call, in models that may have to compute them again; `None` for vectors.
    pub(super) ids: Vec<Option<Vec<Vec<u32>>>>,
    /// The encoder's hidden states after every layer, and the lengths of its rows.
    pub(super) source: Option<(Vec<Tensor>, Vec<usize>)>,
}

impl Cache {
    /// Makes an empty cache.
    pub fn new() -> Self {
        Cache::default()
    }

    /// Returns the number of tokens of each row so far.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns a cache of as many rows, each with the tokens of the one row here.
    ///
    /// # Errors
    /// A cache of no row or of several.
    pub fn for_rows(&self, rows: usize) -> Result<Self> {
        if self.counted.len() != 1 {
            let problem =
                format!("the cache holds {} rows, and one is repeated", self.counted.len());
            return Err(Error::Invalid(problem));
        }
        let copies = |of: &Tensor| {
            let mut shape = of.dims().to_vec();
            shape[0] = rows;
            of.broadcast_as(shape)?.contiguous()
        };
        let source = self.source.as_ref().map(|(hidden, lengths)| {
            let hidden = hidden.iter().map(copies).collect::<candle_core::Result<_>>()?;
            Ok::<_, Error>((hidden, vec![lengths[0]; rows]))
        });
        let ids = self.ids.iter().map(|piece| piece.as_ref().map(|ids| vec![ids[0].clone(); rows]));
        Ok(Cache {
            blocks: self
                .blocks
                .iter()
                .map(|block| block.for_rows(&copies))
                .collect::<Result<_>>()?,
            length: self.length,
            counted: vec![self.counted[0]; rows],
            masks: self.masks.clone(),
            ids: ids.collect(),
            source: source.transpose()?,
        })
    }

    /// Whether no token is cached yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// The cached keys and values of one block.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockCache {
    self_attention: Option<KeysAndValues>,
    cross_attention: Option<KeysAndValues>,
}

impl BlockCache {
    /// Copies keys and values by a function that repeats a row.
    fn for_rows(&self, copies: &dyn Fn(&Tensor) -> candle_core::Result<Tensor>) -> Result<Self> {
        let repeat = |part: &Option<KeysAndValues>| -> Result<Option<KeysAndValues>> {
            let Some(part) = part else { return Ok(None) };
            let (keys, values) = (copies(&part.keys)?, copies(&part.values)?);
            Ok(Some(KeysAndValues { keys, values }))
        };
        Ok(BlockCache {
            self_attention: repeat(&self.self_attention)?,
            cross_attention: repeat(&self.cross_attention)?,
        })
    }

    /// Appends the keys and values of new tokens, and returns all of them.
    pub fn extend(&mut self, new: KeysAndValues) -> Result<KeysAndValues> {
        let all = match &self.self_attention {
            Some(earlier) => earlier.followed_by(&new)?,
            None => new,
        };
        Ok(self.self_attention.insert(all).clone())
    }

    /// Returns the keys and values of the encoder's states; `compute` is called the first time only.
    pub fn cross_attention(
        &mut self,
        compute: impl FnOnce() -> Result<KeysAndValues>,
    ) -> Result<KeysAndValues> {
        let computed = match self.cross_attention.take() {
            Some(computed) => computed,
            None => compute()?,
        };
        Ok(self.cross_attention.insert(computed).clone())
    }
}
