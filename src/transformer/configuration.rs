//! The configuration of a transformer: its sizes, and a choice for each part in which families differ.

use crate::error::{Error, Result};
use crate::families::Family;
pub use crate::families::NormKind;

pub use super::convolutions::ResidualSizes;
pub use super::disentangled::DisentangledSizes;
pub use super::positions::{Pairing, Position, Rotary, Sinusoid};

/// The sizes and choices of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The name of the family, for people.
    pub family: &'static str,
    /// The number of tokens of the vocabulary, `V`.
    pub tokens: usize,
    /// The width of a hidden state, `d`.
    pub width: usize,
    /// The width of a token's input vector, `e`; `d` unless the family maps one to the other (ALBERT).
    pub input_width: usize,
    /// The number of blocks of the only stack, or of the decoder.
    pub layers: usize,
    /// The sizes of the encoder; `None` in a model of one stack. All other choices are those of the decoder.
    pub encoder: Option<EncoderSizes>,
    /// The number of frequency bands of the log-mel features that stand in the place of tokens, in an encoder of sound
    /// (Whisper).
    pub bands: Option<usize>,
    /// The number of attention heads of a block.
    pub heads: usize,
    /// The number of key-value heads (less than `heads` in grouped-query attention).
    pub key_value_heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The inner width of the feed-forward layer.
    pub inner: usize,
    /// The experts in the place of the feed-forward layer, where there are some.
    pub experts: Option<ExpertSizes>,
    /// The longest sequence, in tokens; `None` where positions have no limit.
    pub context: Option<usize>,
    /// The number of segments that have an embedding; 0 for none.
    pub segments: usize,
    /// The kind of the norms.
    pub norm: NormKind,
    /// Whether gains are stored less one (Gemma).
    pub gain_less_one: bool,
    /// Which norms have a shift; an RMSNorm has none.
    pub shifts: Biases,
    /// The norm of queries and keys before rotary positions.
    pub query_key_norm: QueryKeyNorm,
    /// The term added to the variance or mean square in a norm.
    pub epsilon: f64,
    /// Whether the norms stand before or after the maps.
    pub placement: Placement,
    /// The factor of what a map adds to the residual stream (Granite).
    pub residual_scale: f64,
    /// How positions enter the model.
    pub position: Position,
    /// The scores of learned vectors of distances, where there are some (DeBERTa).
    pub disentangled: Option<DisentangledSizes>,
    /// The convolution beside the first block, where there is one (DeBERTa v2).
    pub convolution: Option<ResidualSizes>,
    /// The layers that differ from the others in what they see or rotate.
    pub layer_kinds: LayerKinds,
    /// The activation of the feed-forward layer.
    pub activation: Activation,
    /// The activation of the transform before the head, where there is one.
    pub transform_activation: Activation,
    /// Whether the map of that transform has a bias.
    pub transform_biases: Biases,
    /// Whether the activation is multiplied by a second map of the same input (gated linear units).
    pub gated: bool,
    /// Which blocks share their tensors.
    pub sharing: Sharing,
    /// Which maps of the attention have biases.
    pub attention_biases: Biases,
    /// Which maps of the feed-forward layer have biases.
    pub feed_forward_biases: Biases,
    /// How the products of queries and keys are scaled.
    pub scores: Scores,
    /// Whether each head has a learned score of nothing, a sink, which takes a share of its attention (gpt-oss).
    pub sinks: bool,
    /// The bound of the scores, `c tanh(score / c)` (Gemma 2).
    pub score_cap: Option<f64>,
    /// The factor of the token embedding.
    pub embedding_scale: f64,
    /// The factor of the last hidden state before the head.
    pub output_scale: f64,
    /// The factor of the logits (Cohere, Granite).
    pub logit_scale: f64,
    /// The bound of the logits, `c tanh(logit / c)` (Gemma 2).
    pub logit_cap: Option<f64>,
    /// Whether attention is causal or bidirectional, by the training of the model.
    pub attention: Direction,
    /// The ids of the special tokens.
    pub special: Special,
}

/// The sizes in which an encoder may differ from its decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSizes {
    /// The number of tokens of the encoder's vocabulary; 0 if it reads features.
    pub tokens: usize,
    /// The number of frequency bands of the features that it reads, if it reads no tokens (Whisper).
    pub bands: Option<usize>,
    /// The longest sequence of the encoder, if it is another than the decoder's.
    pub context: Option<usize>,
    /// The number of blocks of the encoder.
    pub layers: usize,
    /// The number of attention heads of a block, each with its own keys and values.
    pub heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The inner width of the feed-forward layer.
    pub inner: usize,
    /// Whether encoder and decoder share one token embedding.
    pub shared_tokens: bool,
}

/// The sizes of a mixture of experts.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertSizes {
    /// The number of experts.
    pub count: usize,
    /// The number of experts that are chosen for each token.
    pub chosen: usize,
    /// The inner width of an expert.
    pub inner: usize,
    /// The inner width of the layer that sees every token.
    pub shared: Option<usize>,
    /// Whether the probabilities of the chosen ones are made to sum to 1.
    pub normalised: bool,
    /// For each layer, whether it has experts.
    pub layers: Vec<bool>,
    /// Whether their matrices are stored in MXFP4, in two tensors each (gpt-oss).
    pub packed: bool,
    /// The bounds of what the activation reads (gpt-oss).
    pub clamped: Option<Clamped>,
}

/// A gated unit with bounds: of a gate `g` and an input `u` it makes `g' sigmoid(a g') (u' + 1)`, where `g'` is `g` up to
/// the limit, and `u'` is `u` between the limit and its negative (gpt-oss).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamped {
    /// The factor `a` of the gate, not 0.
    pub factor: f64,
    /// The limit, above 0.
    pub limit: f64,
}

/// Which linear maps have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    /// All maps.
    All,
    /// No map.
    None,
    /// Each map for which the file holds one.
    Stored,
    /// Query, key and value, not the output (Qwen 2).
    QueryKeyValue,
    /// All maps but the one to keys (Whisper).
    AllButKey,
    /// The output alone (GPT-Neo).
    Output,
}

impl Biases {
    /// Which of query, key, value and output (0 to 3) have a bias.
    pub(super) fn of_map(self, map: usize) -> Biases {
        match self {
            Biases::QueryKeyValue if map == 3 => Biases::None,
            Biases::AllButKey if map == 1 => Biases::None,
            Biases::Output if map != 3 => Biases::None,
            Biases::QueryKeyValue | Biases::AllButKey | Biases::Output => Biases::All,
            other => other,
        }
    }
}

/// The norm of queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKeyNorm {
    /// No norm.
    None,
    /// Over each head, with one gain for all heads (Qwen 3, Gemma 3).
    Head,
    /// Over each head, with a gain for each (Cohere, StableLM).
    EachHead,
    /// Over all heads together (OLMo 2).
    Whole,
}

/// What differs from layer to layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerKinds {
    /// The number of positions, itself not counted, that a local layer sees on each side on which it sees any.
    pub reach: Option<usize>,
    /// For each layer, whether it sees only positions within reach; empty for none.
    pub local: Vec<bool>,
    /// For each layer, whether queries and keys are left without rotary positions; empty for none.
    pub unrotated: Vec<bool>,
    /// The first layer has no norm of its attention (ModernBERT).
    pub first_without_norm: bool,
}

impl LayerKinds {
    /// Whether a layer sees only positions within reach.
    pub fn is_local(&self, layer: usize) -> bool {
        self.reach.is_some() && self.local.get(layer).copied().unwrap_or(false)
    }

    /// Whether queries and keys of a layer are rotated, in a model with rotary positions.
    pub fn is_rotated(&self, layer: usize) -> bool {
        !self.unrotated.get(layer).copied().unwrap_or(false)
    }
}

/// Which positions each position attends to, by the training of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// All positions (bidirectional).
    Both,
    /// Itself and the positions before it (causal).
    Backwards,
}

/// Where a block has its norms, before or after its maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Pre-norm: `x + f(norm(x))`, and one more norm after the last block.
    Before,
    /// Post-norm: `norm(x + f(x))`.
    After,
    /// One norm before and one after each map: `x + norm(f(norm(x)))` (Gemma 2).
    AroundMaps,
    /// A norm after each map: `x + norm(f(x))` (OLMo 2).
    AfterMaps,
    /// Attention and feed-forward layer side by side, with one norm before both: `x + f(norm(x)) + g(norm(x))` (GPT-J).
    ParallelOne,
    /// Side by side, each with a norm of its own (GPT-NeoX).
    ParallelTwo,
}

/// The activation of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Phi(x)`, with the normal distribution function.
    Gelu,
    /// The approximation of `Gelu` by a hyperbolic tangent.
    GeluTanh,
    /// ReLU, `max(x, 0)`.
    Relu,
    /// SiLU, `x sigmoid(x)`, also called swish.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
    /// `x sigmoid(1.702 x)`.
    QuickGelu,
    /// The square of ReLU.
    ReluSquared,
}

/// Which blocks share their tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// No sharing: each block has its own tensors.
    None,
    /// Groups of consecutive layers run the same `inner` blocks (ALBERT).
    Groups {
        /// The number of groups.
        groups: usize,
        /// The number of blocks of a group.
        inner: usize,
    },
}

/// How the products of queries and keys are scaled before the softmax.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scores {
    /// Divided by the square root of the head's width.
    InverseRoot,
    /// Divided also by the layer's number, from 1 (an option of GPT-2).
    InverseRootAndLayer,
    /// Not scaled (T5).
    Plain,
    /// Multiplied by a number (Gemma 2, Granite).
    Factor(f64),
}

/// The ids of special tokens, where the checkpoint states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// The token that begins a text.
    pub beginning: Option<u32>,
    /// The tokens that end a text, each of them.
    pub end: Vec<u32>,
    /// The token that pads the shorter rows of a batch.
    pub padding: Option<u32>,
    /// The first token of a decoder behind an encoder.
    pub decoder_start: Option<u32>,
}

impl Configuration {
    /// The number of tokens beyond which all tokens of a text are rotated by other frequencies (longrope), if there is one.
    pub(crate) fn rotated_otherwise_beyond(&self) -> Option<usize> {
        match &self.position {
            Position::Rotary { rotary, .. } => rotary.long.as_ref().map(|(beyond, _)| *beyond),
            _ => None,
        }
    }

    /// A configuration without sizes, and with the choices that most families of one stack share: pre-norm blocks
    /// with maps without biases, and positions that are learned. Name and norm are those of the family's row in the table. A
    /// family states its sizes and what differs.
    pub(super) fn plain(family: &Family) -> Self {
        let norm = family.norm.as_ref();
        Configuration {
            family: family.name,
            tokens: 0,
            width: 0,
            input_width: 0,
            layers: 0,
            encoder: None,
            bands: None,
            heads: 0,
            key_value_heads: 0,
            head_width: 0,
            inner: 0,
            experts: None,
            context: None,
            segments: 0,
            norm: norm.map_or(NormKind::LayerNorm, |norm| norm.kind),
            gain_less_one: norm.is_some_and(|norm| norm.one_plus),
            shifts: Biases::All,
            query_key_norm: QueryKeyNorm::None,
            epsilon: norm.map_or(1e-5, |norm| norm.epsilon.1),
            placement: Placement::Before,
            residual_scale: 1.0,
            position: Position::Learned { offset: 0, padding: None },
            disentangled: None,
            convolution: None,
            layer_kinds: LayerKinds::default(),
            activation: Activation::Gelu,
            transform_activation: Activation::Gelu,
            transform_biases: Biases::All,
            gated: false,
            sharing: Sharing::None,
            attention_biases: Biases::None,
            feed_forward_biases: Biases::None,
            scores: Scores::InverseRoot,
            sinks: false,
            score_cap: None,
            embedding_scale: 1.0,
            output_scale: 1.0,
            logit_scale: 1.0,
            logit_cap: None,
            attention: Direction::Backwards,
            special: Special::default(),
        }
    }

    /// Returns the factor of the scores in a layer, counted from 0.
    pub(super) fn score_scale(&self, layer: usize) -> f64 {
        let root = (self.head_width as f64).sqrt().recip();
        match self.scores {
            Scores::InverseRoot => root,
            Scores::InverseRootAndLayer => root / (layer as f64 + 1.0),
            Scores::Plain => 1.0,
            Scores::Factor(factor) => factor,
        }
    }

    /// Whether the model has an encoder as well as a decoder.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// Whether the encoder reads features of sound in the place of tokens.
    pub fn reads_sound(&self) -> bool {
        self.encoder.is_some_and(|encoder| encoder.bands.is_some())
    }

    /// Whether segments change what the model computes: it has an embedding of segments, or compares them (XLNet).
    pub fn takes_segments(&self) -> bool {
        self.segments > 0 || matches!(self.position, Position::Relative { .. })
    }

    /// Returns the configuration of the encoder as a stack of its own.
    pub(super) fn of_encoder(&self) -> Option<Configuration> {
        let EncoderSizes { tokens, bands, context, layers, heads, head_width, inner, .. } =
            self.encoder?;
        let key_value_heads = heads;
        let sizes = Configuration {
            tokens,
            bands,
            context: context.or(self.context),
            layers,
            heads,
            key_value_heads,
            head_width,
            inner,
            ..self.clone()
        };
        Some(Configuration { encoder: None, ..sizes })
    }
}

impl Activation {
    /// Returns the activation of a name of transformers (`ACT2FN`); `None` for one that is not known.
    pub(super) fn by_name(name: &str) -> Option<Activation> {
        Some(match name {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
            "quick_gelu" => Activation::QuickGelu,
            "relu2" => Activation::ReluSquared,
            _ => return None,
        })
    }
}

/// Returns the width of a head; the number of heads must divide the width of the hidden state.
pub(super) fn divided(width: usize, heads: usize) -> Result<usize, String> {
    match heads {
        0 => Err("the configuration says 0 attention heads".to_owned()),
        _ if width.is_multiple_of(heads) => Ok(width / heads),
        _ => Err(format!("{heads} attention heads do not divide a hidden state of {width}")),
    }
}

/// Refuses an id that is not a token; `what` names the id in the error.
pub(super) fn check_id(what: &str, id: u32, tokens: usize) -> Result<()> {
    if (id as usize) < tokens {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{what} {id} is not one of the {tokens} tokens (0 to {})",
        tokens - 1
    )))
}
