//! What a transformer is made of: sizes, and a choice for each part that families differ in.

use crate::error::{Error, Result};

/// The most layers that are believed. Layers that share their tensors take nothing from the file, so
/// only this bounds what a configuration can ask for; the deepest published models have some 200.
const MOST_LAYERS: usize = 4096;

/// The sizes and choices of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The family's name for people.
    pub family: &'static str,
    /// How many tokens there are, `V`.
    pub tokens: usize,
    /// The width of a hidden state, `d`.
    pub width: usize,
    /// The width of a token's input vector, `e`; `d` unless the family maps one to the other (ALBERT).
    pub input_width: usize,
    /// How many blocks a hidden state passes, in the decoder where there are two stacks.
    pub layers: usize,
    /// The sizes of the encoder; `None` in a model of one stack. All else is as in the decoder.
    pub encoder: Option<EncoderSizes>,
    /// How many attention heads a block has.
    pub heads: usize,
    /// How many of them have keys and values of their own (grouped attention has fewer than `heads`).
    pub key_value_heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The inner width of the feed-forward layer.
    pub inner: usize,
    /// The longest text, in tokens; `None` where positions have no end.
    pub context: Option<usize>,
    /// How many kinds of segments have an embedding; 0 for none.
    pub segments: usize,
    /// Which norm.
    pub norm: NormKind,
    /// What is added to the variance, or to the mean square.
    pub epsilon: f64,
    /// Where the norms stand.
    pub placement: Placement,
    /// How the model knows positions.
    pub position: Position,
    /// The activation of the feed-forward layer.
    pub activation: Activation,
    /// The activation before the head, where a map stands there.
    pub transform_activation: Activation,
    /// Whether the activation is multiplied by a second map of the same input (gated linear units).
    pub gated: bool,
    /// Which blocks share their tensors.
    pub sharing: Sharing,
    /// Which maps of the attention have biases.
    pub attention_biases: Biases,
    /// Which maps of the feed-forward layer have.
    pub feed_forward_biases: Biases,
    /// How the products of queries and keys are scaled.
    pub scores: Scores,
    /// What the token embedding is multiplied by.
    pub embedding_scale: f64,
    /// What the last hidden state is multiplied by before it meets the output matrix.
    pub output_scale: f64,
    /// The mask that the model was trained with.
    pub attention: Direction,
    /// The ids of tokens with a part to play.
    pub special: Special,
}

/// What an encoder need not have in common with its decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderSizes {
    /// How many tokens its texts may have.
    pub tokens: usize,
    /// How many blocks it has.
    pub layers: usize,
    /// How many attention heads a block has, each with keys and values of its own.
    pub heads: usize,
    /// The width of one head.
    pub head_width: usize,
    /// The inner width of the feed-forward layer.
    pub inner: usize,
    /// Whether encoder and decoder have one table of tokens.
    pub shared_tokens: bool,
}

/// Which linear maps have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    /// All.
    All,
    /// None.
    None,
    /// Those for which one is stored.
    Stored,
}

/// Which tokens the model was trained to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// All of the text.
    Both,
    /// What stands before, and itself.
    Backwards,
}

/// The kind of norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Mean 0 and variance 1, then gain and shift (Ba, Kiros and Hinton, 2016).
    LayerNorm,
    /// Mean square 1, then gain (Zhang and Sennrich, 2019).
    RootMeanSquare,
}

/// Where a block has its norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `x + f(norm(x))`, and one more norm after the last block.
    Before,
    /// `norm(x + f(x))`.
    After,
}

/// How positions enter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Position {
    /// A table, one row a position, added to the embedding.
    Learned {
        /// The row of the first position.
        offset: usize,
        /// Where given, tokens of this id have its row, and do not count (RoBERTa).
        padding: Option<u32>,
    },
    /// Sines in the first half and cosines in the second, added to the embedding (Marian).
    Sinusoidal,
    /// Queries and keys are rotated (Su et al., RoFormer, 2021).
    Rotary {
        /// The base of the frequencies.
        base: f64,
        /// What becomes of the frequencies that the base gives.
        scaling: RotaryScaling,
        /// Which coordinates turn together.
        pairing: Pairing,
    },
    /// A learned bias a head for each bucket of distances, added to the scores (T5).
    Buckets {
        /// How many buckets.
        buckets: usize,
        /// The distance from which on all share the last.
        furthest: usize,
    },
    /// Scores against sinusoids of the distance (Transformer-XL, XLNet).
    Relative {
        /// Distances beyond this count as this.
        clamp: Option<usize>,
    },
}

/// How the frequencies of rotary positions are changed, so that a model reads longer texts than it was first
/// trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RotaryScaling {
    /// Not at all.
    None,
    /// All are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Low ones are divided by a factor, high ones stay, those between are mixed (Llama 3.1).
    Llama3 {
        /// The factor.
        factor: f64,
        /// Waves longer than `original` divided by this are low.
        low: f64,
        /// Waves shorter than `original` divided by this are high.
        high: f64,
        /// The length of text, in tokens, that the model was first trained with.
        original: f64,
    },
}

/// Which coordinates a rotary embedding turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// `k` and `k + width / 2` (checkpoints of transformers).
    Halves,
    /// `2 k` and `2 k + 1` (GGUF's Llama, whose converter permutes the rows to that order).
    Neighbours,
}

/// The activation of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Phi(x)`.
    Gelu,
    /// Its approximation by a hyperbolic tangent.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x sigmoid(x)`, also called swish.
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

/// Which blocks share their tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// None: each block has its own.
    None,
    /// Groups of consecutive layers run the same `inner` blocks (ALBERT).
    Groups {
        /// How many groups.
        groups: usize,
        /// How many blocks a group has.
        inner: usize,
    },
}

/// How the products of queries and keys are scaled before the softmax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// By one over the square root of the head's width.
    InverseRoot,
    /// Also by one over the layer's number, from 1 (an option of GPT-2).
    InverseRootAndLayer,
    /// Not at all (T5).
    Plain,
}

/// The ids of tokens with a part to play, where the checkpoint says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Special {
    /// Begins a text.
    pub beginning: Option<u32>,
    /// Any of these ends one.
    pub end: Vec<u32>,
    /// Fills up the shorter rows of a batch.
    pub padding: Option<u32>,
    /// The first token of a decoder.
    pub decoder_start: Option<u32>,
}

impl Configuration {
    /// The scale of the scores in a layer, counted from 0.
    pub(super) fn score_scale(&self, layer: usize) -> f64 {
        let root = (self.head_width as f64).sqrt().recip();
        match self.scores {
            Scores::InverseRoot => root,
            Scores::InverseRootAndLayer => root / (layer as f64 + 1.0),
            Scores::Plain => 1.0,
        }
    }

    /// Whether the model has an encoder beside its decoder.
    pub fn has_encoder(&self) -> bool {
        self.encoder.is_some()
    }

    /// The configuration of the encoder as a stack of its own.
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

    /// What no transformer can be, in one sentence.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide, too many layers.
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
            // Half of an encoder's lie on each side, and half of these hold one distance each.
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
    /// What no scaling can be, in one sentence.
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
    /// By the names of transformers (`ACT2FN`); `None` for one that is not known.
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

/// The width of a head; the heads must divide the hidden state.
pub(super) fn divided(width: usize, heads: usize) -> Result<usize, String> {
    match heads {
        0 => Err("the configuration says 0 attention heads".to_owned()),
        _ if width.is_multiple_of(heads) => Ok(width / heads),
        _ => Err(format!("{heads} attention heads do not divide a hidden state of {width}")),
    }
}

/// An id that must be a token.
pub(super) fn check_id(what: &str, id: u32, tokens: usize) -> Result<()> {
    if (id as usize) < tokens {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{what} {id} is not one of the {tokens} tokens (0 to {})",
        tokens - 1
    )))
}
