//! The configuration of a transformer: its sizes, and a choice for each part in which families differ.

use crate::error::{Error, Result};

/// The largest number of layers that is accepted. Layers that share their tensors take no bytes of the file, so only
/// this bounds what a configuration can ask for; the deepest published models have some 200.
const MOST_LAYERS: usize = 4096;

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
    /// The number of attention heads of a block.
    pub heads: usize,
    /// The number of key-value heads (less than `heads` in grouped-query attention).
    pub key_value_heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The inner width of the feed-forward layer.
    pub inner: usize,
    /// The longest sequence, in tokens; `None` where positions have no limit.
    pub context: Option<usize>,
    /// The number of segments that have an embedding; 0 for none.
    pub segments: usize,
    /// The kind of the norms.
    pub norm: NormKind,
    /// The term added to the variance or mean square in a norm.
    pub epsilon: f64,
    /// Whether the norms stand before or after the maps.
    pub placement: Placement,
    /// How positions enter the model.
    pub position: Position,
    /// The activation of the feed-forward layer.
    pub activation: Activation,
    /// The activation of the transform before the head, where there is one.
    pub transform_activation: Activation,
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
    /// The factor of the token embedding.
    pub embedding_scale: f64,
    /// The factor of the last hidden state before the head.
    pub output_scale: f64,
    /// Whether attention is causal or bidirectional, by the training of the model.
    pub attention: Direction,
    /// The ids of the special tokens.
    pub special: Special,
}

/// The sizes in which an encoder may differ from its decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSizes {
    /// The number of tokens of the encoder's vocabulary.
    pub tokens: usize,
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

/// Which linear maps have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    /// All maps.
    All,
    /// No map.
    None,
    /// Each map for which the file holds one.
    Stored,
}

/// Which positions each position attends to, by the training of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// All positions (bidirectional).
    Both,
    /// Itself and the positions before it (causal).
    Backwards,
}

/// The kind of a norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// LayerNorm: mean 0 and variance 1, then gain and shift (Ba, Kiros and Hinton, 2016).
    LayerNorm,
    /// RMSNorm: mean square 1, then gain (Zhang and Sennrich, 2019).
    RootMeanSquare,
}

/// Where a block has its norms, before or after its maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Pre-norm: `x + f(norm(x))`, and one more norm after the last block.
    Before,
    /// Post-norm: `norm(x + f(x))`.
    After,
}

/// How positions enter the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Position {
    /// A learned table, one row per position, added to the embedding.
    Learned {
        /// The row of the first position.
        offset: usize,
        /// Where given, tokens of this id take the row of this number, and do not count as positions (RoBERTa).
        padding: Option<u32>,
    },
    /// Sines in the first half of the coordinates and cosines in the second, added to the embedding (Marian).
    Sinusoidal,
    /// A rotation of queries and keys (Su et al., RoFormer, 2021).
    Rotary {
        /// The base of the frequencies.
        base: f64,
        /// How the frequencies are changed for longer texts.
        scaling: RotaryScaling,
        /// Which coordinates are rotated together.
        pairing: Pairing,
    },
    /// A learned bias per head and bucket of distances, added to the scores (T5).
    Buckets {
        /// The number of buckets.
        buckets: usize,
        /// The distance from which on all distances share the last bucket.
        furthest: usize,
    },
    /// Scores of queries with sinusoids of the distance (Transformer-XL, XLNet).
    Relative {
        /// The largest distance; larger ones count as this.
        clamp: Option<usize>,
    },
}

/// How the frequencies of rotary positions are changed, so that a model reads longer texts than in its first
/// training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RotaryScaling {
    /// No change.
    None,
    /// All frequencies are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low frequencies are divided by a factor, high ones stay, those between are interpolated (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Waves longer than `original / low` tokens have low frequencies.
        low: f64,
        /// Waves shorter than `original / high` tokens have high frequencies.
        high: f64,
        /// The length of text, in tokens, that the model was first trained with.
        original: f64,
    },
}

/// Which pairs of coordinates a rotary embedding rotates together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Coordinates `k` and `k + width / 2` (checkpoints of transformers).
    Halves,
    /// Coordinates `2 k` and `2 k + 1` (GGUF's Llama, whose converter permutes the rows to that order).
    Neighbours,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Divided by the square root of the head's width.
    InverseRoot,
    /// Divided also by the layer's number, from 1 (an option of GPT-2).
    InverseRootAndLayer,
    /// Not scaled (T5).
    Plain,
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
    /// Returns the factor of the scores in a layer, counted from 0.
    pub(super) fn score_scale(&self, layer: usize) -> f64 {
        let root = (self.head_width as f64).sqrt().recip();
        match self.scores {
            Scores::InverseRoot => root,
            Scores::InverseRootAndLayer => root / (layer as f64 + 1.0),
            Scores::Plain => 1.0,
        }
    }

    /// Whether the model has an encoder as well as a decoder.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// Returns the configuration of the encoder as a stack of its own.
    pub(super) fn of_encoder(&self) -> Option<Configuration> {
        let EncoderSizes { tokens, layers, heads, head_width, inner, .. } = self.encoder?;
        let key_value_heads = heads;
        let sizes = Configuration {
            tokens,
            layers,
            heads,
            key_value_heads,
            head_width,
            inner,
            ..self.clone()
        };
        Some(Configuration { encoder: None, ..sizes })
    }

    /// Refuses a configuration that no transformer can have; the error is one sentence.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide evenly, too many layers.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(encoder) = self.of_encoder() {
            encoder.check().map_err(|problem| format!("{problem} (encoder)"))?;
        }
        let sizes = [
            ("tokens", self.tokens),
            ("coordinates of a hidden state", self.width),
            ("coordinates of an input vector", self.input_width),
            ("layers", self.layers),
            ("attention heads", self.heads),
            ("key-value heads", self.key_value_heads),
            ("coordinates of a head", self.head_width),
            ("coordinates of the feed-forward layer", self.inner),
            ("positions", self.context.unwrap_or(1)),
        ];
        if let Some((what, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("the configuration says 0 {what}"));
        }
        if !self.heads.is_multiple_of(self.key_value_heads) {
            return Err(format!(
                "{} attention heads cannot share {} key-value heads evenly",
                self.heads, self.key_value_heads
            ));
        }
        if self.layers > MOST_LAYERS {
            let layers = self.layers;
            return Err(format!("{layers} layers are more than the {MOST_LAYERS} that are read"));
        }
        if let Sharing::Groups { groups, inner } = self.sharing {
            if groups == 0 || inner == 0 || groups > self.layers {
                return Err(format!(
                    "{} layers cannot be {groups} groups of {inner} shared blocks",
                    self.layers
                ));
            }
            if self.layers.saturating_mul(inner) > MOST_LAYERS {
                return Err(format!(
                    "{} layers of {inner} blocks are more than the {MOST_LAYERS} that are read",
                    self.layers
                ));
            }
        }
        if let Position::Rotary { base, scaling, .. } = self.position {
            scaling.check()?;
            if !self.head_width.is_multiple_of(2) {
                return Err(format!("a head of {} coordinates cannot be rotated", self.head_width));
            }
            if !(base.is_finite() && base > 0.0) {
                return Err(format!("{base} is no base of a rotary embedding"));
            }
        }
        if let Position::Buckets { buckets, furthest } = self.position {
            // Half of an encoder's buckets lie on each side, and half of these hold one distance each.
            if buckets < 4 || furthest <= buckets / 2 {
                return Err(format!(
                    "{buckets} buckets cannot hold the distances up to {furthest}: there must be 4 or more, and the \
                     furthest distance beyond half of them"
                ));
            }
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return Err(format!("{} is no epsilon of a norm", self.epsilon));
        }
        Ok(())
    }
}

impl RotaryScaling {
    /// Refuses factors that no scaling can have; the error is one sentence.
    fn check(self) -> Result<(), String> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        match self {
            RotaryScaling::Linear { factor } | RotaryScaling::Llama3 { factor, .. }
                if !positive(factor) =>
            {
                Err(format!("{factor} is no factor of rotary positions"))
            }
            RotaryScaling::Llama3 { low, high, original, .. }
                if !(positive(low) && positive(high) && positive(original) && low < high) =>
            {
                Err(format!(
                    "rotary positions cannot be scaled between {original} / {high} and {original} / {low}"
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Activation {
    /// Returns the activation of a name of transformers (`ACT2FN`); `None` for one that is not known.
    pub(super) fn by_name(name: &str) -> Option<Activation> {
        Some(match name {
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
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
