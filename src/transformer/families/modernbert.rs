//! ModernBERT (Warner et al., 2024): an encoder with rotary positions, gated layers with the gate in the first map, and
//! windows on both sides in most layers.
//!
//! Reference: `models/modernbert/modeling_modernbert.py` of transformers.

use serde_json::Value;

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Configuration, Direction, LayerKinds, Placement,
};
use crate::transformer::names::{
    AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames, transform,
};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family ModernBERT.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["modernbert"],
    configuration,
    // How the model was begun, how classifiers pool, and ways to compute the same numbers.
    inert: &[
        "initializer_cutoff_factor",
        "classifier_pooling",
        "deterministic_flash_attn",
        "sparse_prediction",
        "sparse_pred_ignore_index",
        "reference_compile",
        "repad_logits_with_grad",
        "position_embedding_type",
        "layer_norm_eps",
        // The head has the bias that the file holds.
        "decoder_bias",
    ],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let layers = settings.needed(&["num_hidden_layers"])?;
    let head_width = settings.head_width(width, heads)?;
    let context = Some(settings.needed(&["max_position_embeddings"])?);
    let every = settings.size("global_attn_every_n_layers")?.unwrap_or(3).max(1);
    let window = settings.size("local_attention")?.unwrap_or(128);
    let kinds =
        decoder::window(settings, Some(window), layers, |layer| !layer.is_multiple_of(every))?;
    let [rotary, local] = Rope::usual(head_width, context).read_by_layer_type(
        settings,
        ["global_rope_theta", "local_rope_theta"],
        [160_000.0, 10_000.0],
    )?;
    let shifts = decoder::biases(settings, "norm_bias", false)?;
    if settings.get("classifier_bias").is_some_and(|value| !matches!(value, Value::Bool(_))) {
        return Err(settings.refuse("`classifier_bias` is neither true nor false"));
    }
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers,
        heads,
        key_value_heads: heads,
        head_width,
        inner: settings.needed(&["intermediate_size"])?,
        context,
        shifts,
        placement: Placement::Before,
        position: Position::Rotary { rotary, local: Some(local) },
        layer_kinds: LayerKinds {
            // Half of the window on each side.
            reach: Some(window / 2),
            first_without_norm: true,
            ..kinds
        },
        activation: settings.activation("hidden_activation", Activation::Gelu)?,
        transform_activation: settings.activation("classifier_activation", Activation::Gelu)?,
        gated: true,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        feed_forward_biases: decoder::biases(settings, "mlp_bias", false)?,
        transform_biases: decoder::biases(settings, "classifier_bias", false)?,
        attention: Direction::Both,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            norm: Some("embeddings.norm"),
            ..EmbeddingNames::of_tokens(family.tied_to)
        },
        stack: StackNames {
            block: "layers.{layer}.",
            attention: AttentionNames::Fused(Order::ByKind, ["attn.Wqkv", "attn.Wo"]),
            attention_norm: "attn_norm",
            second_norms: None,
            query_key_norms: None,
            cross: None,
            gate: Gate::BeforeInner,
            inner: "mlp.Wi",
            outer: "mlp.Wo",
            experts: None,
            feed_forward_norm: "mlp_norm",
            final_norm: Some("final_norm"),
            disentangled: None,
            buckets: None,
        },
        encoder: None,
        transform: transform(family, "head.dense", configuration.transform_biases),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}
