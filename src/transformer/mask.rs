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

    /// Calls `show` with ranges of positions that together are those that position `query` of `length` sees, itself
    /// included.
    fn seen(
        &self,
        ranks: &[usize],
        query: usize,
        length: usize,
        mut show: impl FnMut(Range<usize>),
    ) {
        match self {
            Mask::Bidirectional => show(0..length),
            Mask::Causal => show(0..query + 1),
            Mask::Prefix { source } => show(0..(*source).max(query + 1)),
            Mask::Latent { source } if query < *source => show(0..*source),
            Mask::Latent { source } => {
                show(0..1);
                show(*source..query + 1);
            }
            // Padding has no rank in the order; it sees only itself.
            Mask::Permutation { .. } if query >= ranks.len() => show(query..query + 1),
            Mask::Permutation { .. } => {
                let seen = ranks.iter().enumerate().filter(|(_, rank)| **rank <= ranks[query]);
                seen.for_each(|(key, _)| show(key..key + 1));
            }
        }
    }

    /// Returns a range that has all positions which one of `queries` of `length` sees.
    fn span(&self, queries: &Range<usize>, length: usize) -> Range<usize> {
        match self {
            Mask::Bidirectional | Mask::Permutation { .. } => 0..length,
            Mask::Causal => 0..queries.end,
            Mask::Prefix { source } | Mask::Latent { source } => 0..(*source).max(queries.end),
        }
    }
}

/// The masks of a batch with the lengths of its rows, from which the bias of the scores is computed.
#[derive(Clone, Copy)]
pub(super) struct Masks<'a> {
    /// One mask for all rows, or one per row.
    pub masks: &'a [Mask],
    /// The number of new tokens of each row; the rest of the row is padding, which no position sees.
    pub lengths: &'a [usize],
    /// The number of earlier tokens of each row.
    pub before: usize,
    /// The largest distance of a key that is seen, where there is one.
    pub reach: Option<usize>,
    /// The stream of the queries.
    pub stream: Stream,
}

/// The stream of a query (XLNet).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// The content stream, whose states hold their own token.
    Content,
    /// The query stream, whose states must not see their own token, because they predict it.
    Query,
}

impl<'a> Masks<'a> {
    /// Describes a text of `lengths` of which all positions see all (an encoder's).
    pub fn bidirectional(lengths: &'a [usize]) -> Self {
        let masks = &[Mask::Bidirectional];
        Masks { masks, lengths, before: 0, reach: None, stream: Stream::Content }
    }

    /// Whether all queries see the same keys, whatever their position is.
    fn is_uniform(&self) -> bool {
        let everywhere = self.masks.iter().all(|mask| *mask == Mask::Bidirectional);
        everywhere && self.reach.is_none()
    }

    /// Returns a range of the `keys` outside of which a key has no weight for any of `queries`.
    pub fn span(&self, queries: &Range<usize>, keys: usize) -> Range<usize> {
        if self.stream == Stream::Query {
            // A query that does not see itself may see nothing; then all keys weigh the same.
            return 0..keys;
        }
        let spans = self.masks.iter().map(|mask| mask.span(queries, keys));
        let end = spans.map(|span| span.end).max().unwrap_or(keys).min(keys);
        match self.reach {
            Some(reach) => {
                let end = end.min(queries.end.saturating_add(reach));
                queries.start.saturating_sub(reach).min(end.saturating_sub(1))..end
            }
            None => 0..end,
        }
    }

    /// Returns the bias of the scores, `[B, 1, queries, keys]`, with 1 for `B` where all rows have the same, and 1 for the
    /// queries where all queries have.
    pub fn bias(&self, queries: Range<usize>, keys: Range<usize>, dtype: DType) -> Result<Tensor> {
        let same =
            self.masks.len() == 1 && self.lengths.iter().all(|&new| self.before + new >= keys.end);
        let rows = if same { 1 } else { self.lengths.len() };
        let queries = if self.is_uniform() { 0..1 } else { queries };
        let mut bias = vec![HIDDEN; rows * queries.len() * keys.len()];
        let mut lines = bias.chunks_exact_mut(keys.len());
        for row in 0..rows {
            let mask = &self.masks[if self.masks.len() == 1 { 0 } else { row }];
            let (ranks, length) = (mask.ranks(), self.before + self.lengths[row]);
            for query in queries.clone() {
                let line = lines.next().expect("a line for each query");
                let near = match self.reach {
                    Some(reach) => {
                        query.saturating_sub(reach)..query.saturating_add(reach).saturating_add(1)
                    }
                    None => 0..usize::MAX,
                };
                let near = near.start.max(keys.start)..near.end.min(keys.end);
                mask.seen(&ranks, query, keys.end, |seen| {
                    let seen = seen.start.max(near.start)..seen.end.min(near.end);
                    if !seen.is_empty() {
                        line[seen.start - keys.start..seen.end - keys.start].fill(0.0);
                    }
                });
                let own = self.stream == Stream::Query && *mask != Mask::Bidirectional;
                if own && keys.contains(&query) {
                    line[query - keys.start] = HIDDEN;
                }
                line[length.clamp(keys.start, keys.end) - keys.start..].fill(PADDING);
            }
        }
        let shape = (rows, 1, queries.len(), keys.len());
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of text a query: `x` where it sees the key.
    fn drawn(mask: &Mask, length: usize) -> Vec<String> {
        let (masks, lengths) = (std::slice::from_ref(mask), [length]);
        let masks = Masks { masks, ..Masks::bidirectional(&lengths) };
        let bias = masks.bias(0..length, 0..length, DType::F32).unwrap();
        let bias = bias.broadcast_as((1, 1, length, length)).unwrap();
        let lines: Vec<Vec<f32>> = bias.squeeze(0).unwrap().squeeze(0).unwrap().to_vec2().unwrap();
        let drawn =
            |line: &Vec<f32>| line.iter().map(|x| if *x == 0.0 { 'x' } else { '.' }).collect();
        lines.iter().map(drawn).collect()
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
        let bias = Masks::bidirectional(&[1, 2]).bias(0..2, 0..2, DType::F32).unwrap();
        assert_eq!(bias.dims(), [2, 1, 1, 2]);
        let bias: Vec<f32> = bias.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(bias, [0.0, PADDING, 0.0, 0.0]);
    }

    #[test]
    fn a_block_of_queries_has_the_part_of_the_whole_bias_outside_of_which_nothing_is_seen() {
        let order = vec![3, 1, 6, 0, 5, 2, 4, 8, 7];
        let all = [
            Mask::Bidirectional,
            Mask::Causal,
            Mask::Prefix { source: 4 },
            Mask::Latent { source: 3 },
            Mask::Permutation { order },
        ];
        for (mask, reach, stream) in all.iter().flat_map(|mask| {
            let streams = [Stream::Content, Stream::Query];
            let reaches = [None, Some(0), Some(2)];
            reaches.into_iter().flat_map(move |r| streams.map(move |stream| (mask, r, stream)))
        }) {
            let (masks, lengths) = (std::slice::from_ref(mask), [9, 9]);
            let masks = Masks { masks, reach, stream, ..Masks::bidirectional(&lengths) };
            let bias = |queries: Range<usize>, keys: Range<usize>| {
                let shape = (1, 1, queries.len(), keys.len());
                let bias = masks.bias(queries, keys, DType::F32).unwrap();
                bias.broadcast_as(shape).unwrap().contiguous().unwrap()
            };
            let whole = bias(0..9, 0..9);
            for (from, to) in [(0, 3), (3, 7), (7, 9), (8, 9)] {
                let span = masks.span(&(from..to), 9);
                assert!(!span.is_empty());
                let of_queries = whole.narrow(2, from, to - from).unwrap();
                let part = of_queries.narrow(3, span.start, span.len()).unwrap();
                let numbers = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                assert_eq!(numbers(&part), numbers(&bias(from..to, span.clone())), "{mask:?}");
                let shown = |x: &Tensor| numbers(x).iter().filter(|x| **x == 0.0).count();
                assert_eq!(shown(&of_queries), shown(&part), "{mask:?} {reach:?}");
            }
        }
    }
}
