//! T5 (Raffel et al., 2020), T5 1.1 and mT5 (Xue et al., 2021): encoder and decoder with learned biases of distances,
//! RMSNorm, and scores that are not scaled. T5 1.1 and mT5 have gated activations and an output matrix of their own.
//!
//! Reference: `models/t5/modeling_t5.py` and `models/mt5/modeling_mt5.py` of transformers.

use serde_json::Value;

use super::Forward;
use crate::error::Result;
use crate::families::{Factor, Family};
use crate::transformer::configuration::{Activation, Configuration, EncoderSizes, Scores};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family T5.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["t5", "mt5"],
    configuration,
    // The length of the training texts, and a switch that the reference sets for each of its stacks.
    inert: &["n_positions", "is_decoder"],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let multilingual = settings.text("model_type")? == Some("mt5");
    let width = settings.needed(&["d_model", "hidden_size"])?;
    let tokens = settings.needed(&["vocab_size"])?;
    let heads = settings.needed(&["num_heads", "num_attention_heads"])?;
    let head_width = settings.needed(&["d_kv", "head_dim"])?;
    let inner = settings.needed(&["d_ff"])?;
    let layers = settings.needed(&["num_layers", "num_hidden_layers"])?;
    let (activation, gated) = feed_forward(settings, multilingual)?;
    Ok(Configuration {
        tokens,
        width,
        input_width: width,
        layers: settings.size("num_decoder_layers")?.unwrap_or(layers),
        encoder: Some(EncoderSizes {
            tokens,
            bands: None,
            context: None,
            layers,
            heads,
            head_width,
            inner,
            shared_tokens: true,
        }),
        heads,
        key_value_heads: heads,
        head_width,
        inner,
        position: Position::Buckets {
            buckets: settings.size("relative_attention_num_buckets")?.unwrap_or(32),
            furthest: settings.size("relative_attention_max_distance")?.unwrap_or(128),
        },
        activation,
        transform_activation: activation,
        gated,
        scores: Scores::Plain,
        output_scale: if scaled(settings, family)? { (width as f64).powf(-0.5) } else { 1.0 },
        ..settings.plain(family)?
    })
}

/// Whether the last hidden state is multiplied by `d^-1/2`: in T5 where it ties the output matrix to the embedding, not in
/// mT5. Version 5 of transformers has a flag for it.
fn scaled(settings: &Settings, family: &Family) -> Result<bool> {
    let tied = settings.truth("tie_word_embeddings", family.tied_by_default)?;
    let scaled = family.norm.as_ref().is_some_and(|norm| norm.factor == Factor::T5);
    settings.truth("scale_decoder_outputs", scaled && tied)
}

/// Reads the activation and whether it is gated: `relu`, `gated-gelu` and the like. Newer configurations repeat this
/// in two other keys.
fn feed_forward(settings: &Settings, multilingual: bool) -> Result<(Activation, bool)> {
    let default = if multilingual { "gated-gelu" } else { "relu" };
    let said = settings.text("feed_forward_proj")?.unwrap_or(default);
    let (name, gated) = match said.strip_prefix("gated-") {
        // The published models mean the approximation by a hyperbolic tangent.
        Some("gelu") => ("gelu_new", true),
        Some(name) => (name, true),
        None => (said, false),
    };
    for (key, again) in [("dense_act_fn", name.into()), ("is_gated_act", gated.into())] {
        let again: Value = again;
        if let Some(value) = settings.get(key).filter(|value| **value != again) {
            return Err(settings.refuse(format!(
                "`feed_forward_proj` is `{said}`, but `{key}`, which would be {again} then, is {value}"
            )));
        }
    }
    match Activation::by_name(name) {
        Some(activation) => Ok((activation, gated)),
        None => {
            Err(settings
                .refuse(format!("the activation `{said}` (feed_forward_proj) is not known")))
        }
    }
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let gated = configuration.gated;
    let gate = |name| if gated { Gate::Own(name) } else { Gate::None };
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames::of_tokens(TOKENS),
        stack: StackNames {
            gate: gate("layer.2.DenseReluDense.wi_0"),
            inner: if gated { "layer.2.DenseReluDense.wi_1" } else { "layer.2.DenseReluDense.wi" },
            final_norm: family.final_norm(),
            ..DECODER
        },
        encoder: Some((
            EmbeddingNames::of_tokens(TOKENS),
            StackNames {
                gate: gate("layer.1.DenseReluDense.wi_0"),
                inner: if gated {
                    "layer.1.DenseReluDense.wi_1"
                } else {
                    "layer.1.DenseReluDense.wi"
                },
                ..ENCODER
            },
        )),
        transform: Vec::new(),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}

/// The names under which the shared token embedding may be stored. The last one makes no output layer, as an encoder
/// alone has it, too.
const TOKENS: &[&str] =
    &["shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight"];

/// The names of the attention.
const ATTENTION: AttentionNames = AttentionNames::Separate([
    "layer.0.SelfAttention.q",
    "layer.0.SelfAttention.k",
    "layer.0.SelfAttention.v",
    "layer.0.SelfAttention.o",
]);

/// The names of the attention to the encoder.
const CROSS: AttentionNames = AttentionNames::Separate([
    "layer.1.EncDecAttention.q",
    "layer.1.EncDecAttention.k",
    "layer.1.EncDecAttention.v",
    "layer.1.EncDecAttention.o",
]);

/// The names of the encoder's blocks.
const ENCODER: StackNames = StackNames {
    block: "encoder.block.{layer}.",
    attention: ATTENTION,
    attention_norm: "layer.0.layer_norm",
    second_norms: None,
    query_key_norms: None,
    cross: None,
    gate: Gate::None,
    inner: "layer.1.DenseReluDense.wi",
    outer: "layer.1.DenseReluDense.wo",
    experts: None,
    feed_forward_norm: "layer.1.layer_norm",
    final_norm: Some("encoder.final_layer_norm"),
    disentangled: None,
    buckets: Some("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
};

/// The names of the decoder's blocks.
const DECODER: StackNames = StackNames {
    block: "decoder.block.{layer}.",
    cross: Some((CROSS, "layer.1.layer_norm")),
    inner: "layer.2.DenseReluDense.wi",
    outer: "layer.2.DenseReluDense.wo",
    experts: None,
    feed_forward_norm: "layer.2.layer_norm",
    disentangled: None,
    buckets: Some("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
    ..ENCODER
};
