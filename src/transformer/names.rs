//! How a family calls its tensors: a table that [`assemble`](super::assemble) turns into blocks.
//!
//! Every name but the transform's has the *body* of the model before it (`bert.`, or nothing where only
//! the body was saved). Linear maps and norms are named by their stem, without `.weight`.

use super::weights::Stored;

/// The names of one family.
pub(super) struct Names {
    /// What may stand before all names: the first with which the token embedding is found.
    pub bodies: &'static [&'static str],
    /// Before the blocks of the decoder, or of the only stack.
    pub embedding: EmbeddingNames,
    /// Their names.
    pub stack: StackNames,
    /// The encoder, where there is one.
    pub encoder: Option<(EmbeddingNames, StackNames)>,
    /// The map and the norm before the head; whole stems, without a body.
    pub transform: Option<(&'static str, &'static str)>,
    /// How matrices lie in the file.
    pub stored: Stored,
    /// A factor for each frequency of rotary positions; a whole name, without a body, of what need not be there.
    pub rotary_factors: Option<&'static str>,
}

/// Names before the first block.
#[derive(Clone)]
pub(super) struct EmbeddingNames {
    /// The embedding of tokens, by its possible whole names.
    pub tokens: &'static [&'static str],
    /// The table of positions.
    pub positions: Option<&'static str>,
    /// The table of segments.
    pub segments: Option<&'static str>,
    /// The norm of their sum.
    pub norm: Option<&'static str>,
    /// The map from the embedding's width to the blocks'.
    pub projection: Option<&'static str>,
}

/// Names of the blocks.
#[derive(Clone)]
pub(super) struct StackNames {
    /// What stands before all names of a block, with `{layer}`, or `{group}` and `{inner}`, for its numbers.
    pub block: &'static str,
    /// The attention.
    pub attention: AttentionNames,
    /// Its norm.
    pub attention_norm: &'static str,
    /// The attention to the encoder, and its norm.
    pub cross: Option<(AttentionNames, &'static str)>,
    /// The gate of the feed-forward layer.
    pub gate: Option<&'static str>,
    /// Its first map.
    pub inner: &'static str,
    /// Its second map.
    pub outer: &'static str,
    /// Its norm.
    pub feed_forward_norm: &'static str,
    /// The norm after the last block.
    pub final_norm: Option<&'static str>,
    /// T5's table of distances, in the first block.
    pub buckets: Option<&'static str>,
}

/// Names of an attention's maps.
#[derive(Clone)]
pub(super) enum AttentionNames {
    /// Four linear maps: query, key, value, output.
    Apart([&'static str; 4]),
    /// One map to query, key and value together, and the output.
    Together([&'static str; 2]),
    /// XLNet's tensors, which begin with this.
    Relative(&'static str),
}
