//! Llama (Touvron et al., 2023) and what is built alike: rotary positions, grouped attention, gated layers.
//!
//! Reference: `models/llama/modeling_llama.py` of transformers.

use serde_json::{Value, json};

use super::Family;
use crate::error::Result;
use crate::transformer::configuration::{
    Activation, Configuration, Direction, NormKind, Pairing, Placement, Position, Scores, Sharing,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Names, StackNames};
use crate::transformer::settings::Settings;
use crate::transformer::weights::{Biases, Stored};

pub(super) const FAMILY: Family =
    Family { name: "Llama", model_types: &["llama"], configuration, names };

fn configuration(settings: &Settings) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let activation = settings.activation("hidden_act", Activation::Silu)?;
    settings.only("pretraining_tp", &json!(1), "tensors cut for parallel training")?;
    let head_width = match settings.size("head_dim")? {
        Some(width) => width,
        None => settings.head_width(width, heads)?,
    };
    Ok(Configuration {
        family: FAMILY.name,
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers"])?,
        encoder: None,
        heads,
        key_value_heads: settings.size("num_key_value_heads")?.unwrap_or(heads),
        head_width,
        inner: settings.needed(&["intermediate_size"])?,
        context: settings.size("max_position_embeddings")?,
        segments: 0,
        norm: NormKind::RootMeanSquare,
        epsilon: settings.number("rms_norm_eps", 1e-6)?,
        placement: Placement::Before,
        position: Position::Rotary { base: base(settings)?, pairing: Pairing::Halves },
        activation,
        transform_activation: activation,
        gated: true,
        sharing: Sharing::None,
        scores: Scores::InverseRoot,
        embedding_scale: 1.0,
        output_scale: 1.0,
        attention: Direction::Backwards,
        special: settings.special()?,
    })
}

/// The base of the frequencies: `rope_parameters` since transformers 5, `rope_theta` and `rope_scaling` before.
fn base(settings: &Settings) -> Result<f64> {
    let mut base = settings.number("rope_theta", 10_000.0)?;
    for key in ["rope_parameters", "rope_scaling"] {
        let Some(value) = settings.get(key) else { continue };
        let kind = value.get("rope_type").or_else(|| value.get("type")).and_then(Value::as_str);
        match kind {
            None | Some("default") => {}
            Some(kind) => {
                let known = "only rotary positions without scaling (`default`) are implemented";
                return Err(settings.refuse(format!("`{key}` is of type `{kind}`; {known}")));
            }
        }
        if value
            .get("partial_rotary_factor")
            .and_then(Value::as_f64)
            .is_some_and(|part| part != 1.0)
        {
            return Err(
                settings.refuse(format!("`{key}` rotates a part of each head; all is implemented"))
            );
        }
        if let Some(theta) = value.get("rope_theta").and_then(Value::as_f64) {
            base = theta;
        }
    }
    Ok(base)
}

fn names(_: &Configuration) -> Names {
    Names {
        bodies: &["model.", ""],
        embedding: EmbeddingNames {
            tokens: &["embed_tokens.weight"],
            positions: None,
            segments: None,
            norm: None,
            projection: None,
        },
        stack: StackNames {
            block: "layers.{layer}.",
            attention: AttentionNames::Apart([
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
            ]),
            attention_norm: "input_layernorm",
            cross: None,
            gate: Some("mlp.gate_proj"),
            inner: "mlp.up_proj",
            outer: "mlp.down_proj",
            feed_forward_norm: "post_attention_layernorm",
            final_norm: Some("norm"),
            buckets: None,
        },
        encoder: None,
        transform: None,
        stored: Stored::OutIn,
        biases: Biases::Stored,
    }
}
