//! Attention masks as values, so that one implementation serves every kind of model.
//!
//! After Su Jianlin, "Transformer like a play, it is all in the mask" (2019): BERT, a causal language model, XLNet
//! and UniLM's sequence to sequence (Dong et al., 2019) differ in nothing else; "UniVAE" (2021) adds a target that
//! sees its source through one position alone.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};

/// Added to the score of a key that must not be seen. Next to any score of a visible key its exponential is exactly
/// 0; where no key is visible all keys weigh the same, as in XLNet's reference implementation, and no number becomes
/// NaN.
const HIDDEN: f32 = -1e30;

/// Added to the score of padding, which must not count even where no key is visible.
const PADDING: f32 = -2e30;

/// Which positions each position of a sequence sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All positions (BERT).
    Bidirectional,
    /// Itself and the positions before it (GPT).
    Causal,
    /// Itself, the positions before it, and all of the first `source` positions (UniLM).
    Prefix {
        /// The number of positions of the source.
        source: usize,
    },
    /// Itself and the positions that come before it in an order (XLNet).
    Permutation {
        /// The positions in the order in which they are predicted, each once.
        order: Vec<usize>,
    },
    /// Within the first `source` positions, all of these. After them, itself, the positions before it from `source`
    /// on, and position 0: the latent, through which alone the target sees the source (UniVAE).
    Latent {
        /// The number of positions of the source, the latent included.
        source: usize,
    },
}

impl Mask {
    /// Refuses a mask that does not fit a sequence of `length` tokens.
    ///
    /// # Errors
    /// A source longer than the sequence, an empty source for a latent, or an order that is no permutation of the
    /// positions.
    pub fn check(&self, length: usize) -> Result<()> {
        let refuse = |problem: String| Err(Error::Invalid(problem));
        match self {
            Mask::Bidirectional | Mask::Causal => Ok(()),
            Mask::Prefix { source } | Mask::Latent { source } if *source > length => {
                refuse(format!(
                    "the mask has a source of {source} positions, but the row has {length} tokens"
                ))
            }
            Mask::Latent { source: 0 } => {
                refuse("a latent mask needs a source of at least 1 position, the latent".to_owned())
            }
            Mask::Prefix { .. } | Mask::Latent { .. } => Ok(()),
            Mask::Permutation { order } => {
                if order.len() != length {
                    return refuse(format!(
                        "the mask orders {} positions, but the row has {length} tokens",
                        order.len()
                    ));
                }
                let mut seen = vec![false; length];
                for &position in order {
                    if position >= length || std::mem::replace(&mut seen[position], true) {
                        return refuse(format!(
                            "the mask's order is not a permutation of 0 to {}: {position} is {}",
                            length - 1,
                            if position >= length { "too large" } else { "there twice" }
                        ));
                    }
                }
                Ok(())
            }
        }
    }

    /// Whether the keys of a position never depend on later positions, so that they can be cached.
    pub(super) fn keeps_keys(&self) -> bool {
        matches!(self, Mask::Causal | Mask::Prefix { .. } | Mask::Latent { .. })
    }

    /// Returns the rank of each position in the order of a permutation.
    fn ranks(&self) -> Vec<usize> {
        let Mask::Permutation { order } = self else { return Vec::new() };
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(rank, &position)| ranks[position] = rank);
        ranks
    }

    /// Whether position `query` sees position `key`, itself included.
    fn sees(&self, ranks: &[usize], query: usize, key: usize) -> bool {
        match self {
            Mask::Bidirectional => true,
            Mask::Causal => key <= query,
            Mask::Prefix { source } => key <= query || key < *source,
            Mask::Latent { source } if query < *source => key < *source,
            Mask::Latent { source } => key == 0 || (*source..=query).contains(&key),
            // Padding has no rank in the order; it sees only itself.
            Mask::Permutation { .. } if query >= ranks.len() || key >= ranks.len() => query == key,
            Mask::Permutation { .. } => ranks[key] <= ranks[query],
        }
    }
}

/// The masks of a batch with the lengths of its rows, from which the bias of the scores is computed.
pub(super) struct Masks<'a> {
    /// One mask for all rows, or one per row.
    pub masks: &'a [Mask],
    /// The number of new tokens of each row; the rest of the row is padding, which no position sees.
    pub lengths: &'a [usize],
    /// The number of earlier tokens of each row.
    pub before: usize,
    /// The largest distance of a key that is seen, where there is one.
    pub reach: Option<usize>,
}

/// The stream of a query (XLNet).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// The content stream, whose states hold their own token.
    Content,
    /// The query stream, whose states must not see their own token, because they predict it.
    Query,
}

impl Masks<'_> {
    /// Returns the bias of the scores, `[B, 1, queries, keys]`, with 1 for `B` where all rows have the same.
    pub fn bias(
        &self,
        queries: Range<usize>,
        keys: usize,
        stream: Stream,
        dtype: DType,
    ) -> Result<Tensor> {
        let same =
            self.masks.len() == 1 && self.lengths.iter().all(|&new| self.before + new >= keys);
        let rows = if same { 1 } else { self.lengths.len() };
        let mut bias = Vec::with_capacity(rows * queries.len() * keys);
        for row in 0..rows {
            let mask = &self.masks[if self.masks.len() == 1 { 0 } else { row }];
            let (ranks, length) = (mask.ranks(), self.before + self.lengths[row]);
            for query in queries.clone() {
                bias.extend((0..keys).map(|key| {
                    let own = key == query && *mask != Mask::Bidirectional;
                    let far = self.reach.is_some_and(|reach| key.abs_diff(query) > reach);
                    let hidden = far || !mask.sees(&ranks, query, key);
                    match key >= length {
                        true => PADDING,
                        false if hidden || own && stream == Stream::Query => HIDDEN,
                        false => 0.0,
                    }
                }));
            }
        }
        let shape = (rows, 1, queries.len(), keys);
        Ok(Tensor::from_vec(bias, shape, &Device::Cpu)?.to_dtype(dtype)?)
    }

    /// Returns 1 for each of `count` new tokens and 0 for padding, `B x T x 1`; `None` where there is no padding.
    pub fn tokens(&self, count: usize, dtype: DType) -> Result<Option<Tensor>> {
        if self.lengths.iter().all(|&length| length >= count) {
            return Ok(None);
        }
        let row = |&length: &usize| (0..count).map(move |at| if at < length { 1f32 } else { 0.0 });
        let tokens: Vec<f32> = self.lengths.iter().flat_map(row).collect();
        let tokens = Tensor::from_vec(tokens, (self.lengths.len(), count, 1), &Device::Cpu)?;
        Ok(Some(tokens.to_dtype(dtype)?))
    }

    /// Returns the bias of scores against an encoder's states, of which each row has `lengths`: `[B or 1, 1, 1,
    /// keys]`.
    pub fn sources(lengths: &[usize], keys: usize, dtype: DType) -> Result<Tensor> {
        let rows = if lengths.iter().all(|&length| length >= keys) { 1 } else { lengths.len() };
        let hidden =
            |length: usize| (0..keys).map(move |key| if key >= length { PADDING } else { 0.0 });
        let bias: Vec<f32> = lengths[..rows].iter().flat_map(|&length| hidden(length)).collect();
        Ok(Tensor::from_vec(bias, (rows, 1, 1, keys), &Device::Cpu)?.to_dtype(dtype)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of text a query: `x` where it sees the key.
    fn drawn(mask: &Mask, length: usize) -> Vec<String> {
        let ranks = mask.ranks();
        let line = |query| {
            (0..length).map(|key| if mask.sees(&ranks, query, key) { 'x' } else { '.' }).collect()
        };
        (0..length).map(line).collect()
    }

    #[test]
    fn each_mask_shows_what_its_definition_says() {
        assert_eq!(drawn(&Mask::Bidirectional, 3), ["xxx", "xxx", "xxx"]);
        assert_eq!(drawn(&Mask::Causal, 3), ["x..", "xx.", "xxx"]);
        assert_eq!(drawn(&Mask::Prefix { source: 2 }, 4), ["xx..", "xx..", "xxx.", "xxxx"]);
        assert_eq!(drawn(&Mask::Latent { source: 2 }, 4), ["xx..", "xx..", "x.x.", "x.xx"]);
        let order = vec![2, 0, 1];
        assert_eq!(drawn(&Mask::Permutation { order }, 3), ["x.x", "xxx", "..x"]);
    }

    #[test]
    fn a_mask_of_the_wrong_length_is_refused_with_both_lengths() {
        for (mask, said) in [
            (Mask::Prefix { source: 4 }, "source of 4 positions, but the row has 3"),
            (Mask::Latent { source: 0 }, "at least 1 position"),
            (Mask::Permutation { order: vec![0, 1] }, "orders 2 positions, but the row has 3"),
            (Mask::Permutation { order: vec![0, 1, 1] }, "1 is there twice"),
            (Mask::Permutation { order: vec![0, 1, 3] }, "3 is too large"),
        ] {
            let error = mask.check(3).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn padding_is_hidden_from_all() {
        let masks =
            Masks { masks: &[Mask::Bidirectional], lengths: &[1, 2], before: 0, reach: None };
        let bias = masks.bias(0..2, 2, Stream::Content, DType::F32).unwrap();
        assert_eq!(bias.dims(), [2, 1, 2, 2]);
        let bias: Vec<f32> = bias.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(bias, [0.0, PADDING, 0.0, PADDING, 0.0, 0.0, 0.0, 0.0]);
    }
}
