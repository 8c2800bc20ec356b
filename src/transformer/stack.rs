//! A stack of blocks.

use std::sync::Arc;

use candle_core::Tensor;

use super::attention::AttentionContext;
use super::block::{Block, Encoded, LayerKind};
use super::cache::BlockCache;
use super::convolutions::ResidualConvolution;
use super::distance_bias::DistanceBias;
use super::mask::Stream;
use super::norm::Norm;
use crate::error::Result;

/// The blocks of an encoder, of a decoder, or of a model that has one stack.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    /// The blocks in order; layers that share tensors are the same block.
    pub blocks: Vec<Arc<Block>>,
    /// The convolution beside the first block.
    pub convolution: Option<ResidualConvolution>,
    /// The norm after the last block.
    pub final_norm: Option<Norm>,
    /// The biases of distances.
    pub distance_bias: Option<DistanceBias>,
}

impl Stack {
    /// The kinds of its layers, each once.
    pub fn kinds(&self) -> Vec<LayerKind> {
        let mut kinds = Vec::new();
        for block in &self.blocks {
            if !kinds.contains(&block.kind) {
                kinds.push(block.kind);
            }
        }
        kinds
    }

    /// Computes all hidden states, `B x T x d` each: `x` first, then one per block, the last one after the final
    /// norm; only that one unless they are to be kept. `latents` (`B x d`, one per block) replace the state at position 0 before each block.
    pub fn forward(
        &self,
        x: Tensor,
        contexts: &Contexts,
        latents: Option<&[Tensor]>,
        encoded: Option<&Encoded>,
        mut cache: Option<&mut Vec<BlockCache>>,
        keep: bool,
    ) -> Result<Vec<Tensor>> {
        let mut hidden = vec![x];
        for (layer, block) in self.blocks.iter().enumerate() {
            let last = hidden.pop().expect("there is a state before each block");
            let x = match latents {
                Some(latents) => with_latent(&last, &latents[layer])?,
                None => last,
            };
            let cache = cache.as_mut().map(|cache| &mut cache[layer]);
            let context = contexts.of(block.kind);
            let next = block.forward(&x, None, context, encoded, cache)?;
            let next = match &self.convolution {
                Some(convolution) if layer == 0 => {
                    convolution.forward(&x, &next, contexts.tokens.as_ref())?
                }
                _ => next,
            };
            if keep {
                hidden.push(x);
            }
            hidden.push(next);
        }
        self.finish(&mut hidden)?;
        Ok(hidden)
    }

    /// Computes both streams of XLNet: the content states as [`Stack::forward`] does, and the query states, which
    /// begin as `query` and see the content, but not their own token.
    pub fn forward_streams(
        &self,
        x: Tensor,
        query: Tensor,
        contexts: &Contexts,
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let context = contexts.of(LayerKind { local: false, rotated: true });
        let query_context = context.with_stream(Stream::Query);
        let (mut hidden, mut queries) = (vec![x], vec![query]);
        for (layer, block) in self.blocks.iter().enumerate() {
            let (x, query) = (&hidden[layer], &queries[layer]);
            let next = block.forward(query, Some(x), &query_context, None, None)?;
            hidden.push(block.forward(x, None, context, None, None)?);
            queries.push(next);
        }
        self.finish(&mut hidden)?;
        self.finish(&mut queries)?;
        Ok((hidden, queries))
    }

    /// Applies the final norm to the last hidden state.
    fn finish(&self, hidden: &mut [Tensor]) -> Result<()> {
        if let (Some(norm), Some(last)) = (&self.final_norm, hidden.last_mut()) {
            *last = norm.forward(last)?;
        }
        Ok(())
    }
}

/// The contexts of one pass for the kinds of layers.
pub(super) struct Contexts<'a> {
    /// Those that a stack needs, by kind.
    pub kinds: Vec<(LayerKind, AttentionContext<'a>)>,
    /// 1 for each token and 0 for padding, `B x T x 1`, where a stack needs it and there is padding.
    pub tokens: Option<Tensor>,
}

impl<'a> Contexts<'a> {
    /// The context of a kind of layer.
    fn of(&self, kind: LayerKind) -> &AttentionContext<'a> {
        let found = self.kinds.iter().find(|(known, _)| *known == kind);
        &found.unwrap_or(&self.kinds[0]).1
    }
}

/// Replaces the state at position 0 of `x` by `latent`.
fn with_latent(x: &Tensor, latent: &Tensor) -> Result<Tensor> {
    let length = x.dim(1)?;
    let latent = latent.unsqueeze(1)?;
    Ok(match length {
        1 => latent,
        _ => Tensor::cat(&[&latent, &x.narrow(1, 1, length - 1)?], 1)?,
    })
}
