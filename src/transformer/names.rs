//! The tensor names of a family: a table that [`assemble`](super::assemble) turns into blocks.
//!
//! All names except the transform's follow the *body* of the model (`bert.`, or nothing where only the body was
//! saved). Linear maps and norms are named by their stem, without `.weight`.

use super::weights::Stored;

/// The tensor names of one family.
pub(super) struct Names {
    /// The possible prefixes of all names; the first with which the token embedding is found is taken.
    pub bodies: &'static [&'static str],
    /// The embedding of the decoder, or of the only stack.
    pub embedding: EmbeddingNames,
    /// The blocks of the decoder, or of the only stack.
    pub stack: StackNames,
    /// The embedding and blocks of the encoder, where there is one.
    pub encoder: Option<(EmbeddingNames, StackNames)>,
    /// The map and the norm of the transform before the head; whole stems, without a body.
    pub transform: Option<(&'static str, &'static str)>,
    /// Whether matrices are stored `out x in` or `in x out`.
    pub stored: Stored,
    /// The tensor of factors for the frequencies of rotary positions; a whole name, without a body. The tensor is
    /// optional.
    pub rotary_factors: Option<&'static str>,
}

/// The tensor names of an embedding.
#[derive(Clone)]
pub(super) struct EmbeddingNames {
    /// The token embedding, by its possible whole names.
    pub tokens: &'static [&'static str],
    /// The table of positions.
    pub positions: Option<&'static str>,
    /// The table of segments.
    pub segments: Option<&'static str>,
    /// The norm of the sum of these.
    pub norm: Option<&'static str>,
    /// The map from the width of the embedding to that of the blocks.
    pub projection: Option<&'static str>,
}

/// The tensor names of the blocks.
#[derive(Clone)]
pub(super) struct StackNames {
    /// The prefix of all names of a block, with `{layer}`, or `{group}` and `{inner}`, for its numbers.
    pub block: &'static str,
    /// The maps of the attention.
    pub attention: AttentionNames,
    /// The norm of the attention.
    pub attention_norm: &'static str,
    /// The attention to the encoder, and its norm.
    pub cross: Option<(AttentionNames, &'static str)>,
    /// The gate of the feed-forward layer.
    pub gate: Option<&'static str>,
    /// The first map of the feed-forward layer.
    pub inner: &'static str,
    /// The second map of the feed-forward layer.
    pub outer: &'static str,
    /// The norm of the feed-forward layer.
    pub feed_forward_norm: &'static str,
    /// The norm after the last block.
    pub final_norm: Option<&'static str>,
    /// T5's table of distances, in the first block.
    pub buckets: Option<&'static str>,
}

/// The names of an attention's maps.
#[derive(Clone)]
pub(super) enum AttentionNames {
    /// Four linear maps: query, key, value, output.
    Separate([&'static str; 4]),
    /// Two linear maps: one to query, key and value together, and the output.
    Fused([&'static str; 2]),
    /// XLNet's tensors, whose names begin with this.
    Relative(&'static str),
}
