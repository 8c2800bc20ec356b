//! The tensor names of a family: a table that [`assemble`](super::assemble) turns into blocks.
//!
//! All names except the transform's and the token embedding's follow the *body* of the model (`bert.`, or nothing where
//! only the body was saved). Linear maps and norms are named by their stem, without `.weight`.

use super::configuration::Biases;
use super::weights::Stored;
use crate::families::Family;

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
    /// The map and the norm of the transform before the head, by whole stems without a body, and whether the map has a
    /// bias; of several, the first that is stored. Empty where there is none.
    pub transform: Vec<(&'static str, &'static str, Biases)>,
    /// Whether matrices are stored `out x in` or `in x out`.
    pub stored: Stored,
    /// The map between the final norm and the head, without a bias; a name after the body.
    pub output_projection: Option<&'static str>,
    /// The tensor of factors for the frequencies of rotary positions; a whole name, without a body. The tensor is
    /// optional.
    pub rotary_factors: Option<&'static str>,
}

/// Returns the names of the transform before the head: of its map, and of its norm, which is the family's norm before the
/// head.
pub(super) fn transform(
    family: &Family,
    dense: &'static str,
    biases: Biases,
) -> Vec<(&'static str, &'static str, Biases)> {
    family.norm_stems().first().map(|norm| (dense, *norm, biases)).into_iter().collect()
}

/// The tensor names of an embedding.
#[derive(Clone)]
pub(super) struct EmbeddingNames {
    /// The token embedding, by its possible names, in which `*` stands for the body.
    pub tokens: &'static [&'static str],
    /// The convolutions that make vectors of features, where there is no token embedding.
    pub convolutions: Option<[&'static str; 2]>,
    /// The table of positions.
    pub positions: Option<&'static str>,
    /// The table of segments.
    pub segments: Option<&'static str>,
    /// The norm of the sum of these.
    pub norm: Option<&'static str>,
    /// The map from the width of the embedding to that of the blocks.
    pub projection: Option<Projection>,
}

impl EmbeddingNames {
    /// The names of an embedding that has only a token table.
    pub const fn of_tokens(tokens: &'static [&'static str]) -> Self {
        EmbeddingNames {
            tokens,
            convolutions: None,
            positions: None,
            segments: None,
            norm: None,
            projection: None,
        }
    }
}

/// The map from the width of the embedding to that of the blocks.
#[derive(Clone, Copy)]
pub(super) struct Projection {
    /// Its stem.
    pub stem: &'static str,
    /// Whether it has a bias.
    pub biases: Biases,
    /// Whether it stands before positions, which then have the width of the blocks (OPT).
    pub first: bool,
}

/// The tensor names of the blocks.
#[derive(Clone)]
pub(super) struct StackNames {
    /// The prefix of all names of a block, with `{layer}`, or `{group}` and `{inner}`, for its numbers.
    pub block: &'static str,
    /// The maps of the attention.
    pub attention: AttentionNames,
    /// The norm of the attention: before it, or where the configuration places its only norm.
    pub attention_norm: &'static str,
    /// The norms after the attention and after the feed-forward layer, where there are two of each.
    pub second_norms: Option<[&'static str; 2]>,
    /// The norms of queries and keys.
    pub query_key_norms: Option<[&'static str; 2]>,
    /// The attention to the encoder, and its norm.
    pub cross: Option<(AttentionNames, &'static str)>,
    /// The gate of the feed-forward layer.
    pub gate: Gate,
    /// The first map of the feed-forward layer.
    pub inner: &'static str,
    /// The second map of the feed-forward layer.
    pub outer: &'static str,
    /// The experts, in blocks that have some.
    pub experts: Option<ExpertNames>,
    /// The norm of the feed-forward layer.
    pub feed_forward_norm: &'static str,
    /// The norm after the last block.
    pub final_norm: Option<&'static str>,
    /// The vectors of distances and the convolution of DeBERTa.
    pub disentangled: Option<DisentangledNames>,
    /// T5's table of distances, in the first block.
    pub buckets: Option<&'static str>,
}

/// The names of what DeBERTa has beside BERT.
#[derive(Clone, Copy)]
pub(super) struct DisentangledNames {
    /// The table of distances, and its norm; names after the body.
    pub table: [&'static str; 2],
    /// The maps of the distances to keys and to queries; names after the block's prefix.
    pub maps: [&'static str; 2],
    /// The prefix of the convolution's names, after the body.
    pub convolution: &'static str,
}

/// The names of an attention's maps.
#[derive(Clone)]
pub(super) enum AttentionNames {
    /// Four linear maps: query, key, value, output.
    Separate([&'static str; 4]),
    /// Two linear maps: one to query, key and value together, and the output.
    Fused(Order, [&'static str; 2]),
    /// XLNet's tensors, whose names begin with this.
    Relative(&'static str),
}

/// The order of the outputs of a map to query, key and value together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// All queries, all keys, all values.
    ByKind,
    /// For each key-value head its queries, its key and its value (GPT-NeoX, BLOOM, Falcon).
    ByHead,
}

/// Where the gate of a feed-forward layer is stored.
#[derive(Clone, Copy)]
pub(super) enum Gate {
    /// There is none.
    None,
    /// In a map of its own.
    Own(&'static str),
    /// As the first half of the outputs of the first map.
    BeforeInner,
}

/// The names of a mixture of experts.
#[derive(Clone, Copy)]
pub(super) struct ExpertNames {
    /// The router.
    pub router: &'static str,
    /// The prefix of the names of an expert, with `{expert}` for its number; without it one tensor holds the matrices of
    /// all experts.
    pub expert: &'static str,
    /// The gate, the first and the second map of an expert.
    pub maps: [&'static str; 3],
    /// The same maps of the layer that sees every token.
    pub shared_maps: [&'static str; 3],
    /// Whether gate and first map of all experts are one tensor, `experts x d x 2 inner`, their outputs in turn, and all maps,
    /// the router's too, have biases (gpt-oss); `maps` are then the names of the first tensor, of none, and of the second.
    pub interleaved: bool,
    /// The prefix of the names of the layer that sees every token, and the map to its share.
    pub shared: [&'static str; 2],
}
