//! BLOOM (BigScience, 2022): slopes by distance (ALiBi), a norm of the embedding, fused maps by head. Falcon (Almazrouei
//! et al., 2023) has rotary positions or rounded slopes, which count once as in `sdpa`, the default of transformers (its
//! `eager` adds them twice), and attention and feed-forward layer side by side.
//!
//! Reference: `models/bloom/modeling_bloom.py` and `models/falcon/modeling_falcon.py` of transformers.

use serde_json::json;

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Placement};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family BLOOM.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["bloom"],
    configuration,
    // Options of the order of operations, and what nothing reads.
    inert: &[
        "attention_softmax_in_fp32",
        "bias_dropout_fusion",
        "masked_softmax_fusion",
        "n_inner",
        "n_positions",
        "offset_alibi",
        "pretraining_tp",
        "seq_length",
        "skip_bias_add",
        "skip_bias_add_qkv",
        "slow_but_exact",
        "unk_token_id",
    ],
    names,
};

/// The family Falcon.
pub(super) const FALCON: Forward = Forward {
    model_types: &["falcon"],
    configuration: falcon,
    inert: &["rotary"],
    names: falcon_names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let residual = "apply_residual_connection_post_layernorm";
    settings.only(residual, &json!(false), "residual sums with the normed state")?;
    let width = settings.needed(&["hidden_size", "n_embed"])?;
    let heads = settings.needed(&["n_head", "num_attention_heads"])?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["n_layer", "num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: 4 * width,
        position: Position::Slopes,
        activation: Activation::GeluTanh,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            norm: Some("word_embeddings_layernorm"),
            ..EmbeddingNames::of_tokens(family.tied_to)
        },
        stack: stack(family),
        encoder: None,
        transform: Vec::new(),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}

/// The names of the blocks, and of the final norm.
fn stack(family: &Family) -> StackNames {
    StackNames {
        block: "h.{layer}.",
        attention: AttentionNames::Fused(
            Order::ByHead,
            ["self_attention.query_key_value", "self_attention.dense"],
        ),
        attention_norm: "input_layernorm",
        second_norms: None,
        query_key_norms: None,
        cross: None,
        gate: Gate::None,
        inner: "mlp.dense_h_to_4h",
        outer: "mlp.dense_4h_to_h",
        experts: None,
        feed_forward_norm: "post_attention_layernorm",
        final_norm: family.final_norm(),
        disentangled: None,
        buckets: None,
    }
}

fn falcon(settings: &Settings, family: &Family) -> Result<Configuration> {
    let residual = "apply_residual_connection_post_layernorm";
    settings.only(residual, &json!(false), "residual sums with the normed state")?;
    let alibi = settings.truth("alibi", false)?;
    let width = settings.needed(&["hidden_size", "n_embed"])?;
    let heads = settings.needed(&["num_attention_heads", "n_head"])?;
    let head_width = settings.head_width(width, heads)?;
    let context = Some(settings.size("max_position_embeddings")?.unwrap_or(2048));
    let new = settings.truth("new_decoder_architecture", false)?;
    let multi_query = settings.truth("multi_query", true)?;
    let parallel = settings.truth("parallel_attn", true)?;
    let given = settings.size("num_kv_heads")?.or(settings.size("n_head_kv")?);
    let key_value_heads = match (new, multi_query) {
        (true, _) => given.unwrap_or(heads),
        (false, true) => 1,
        (false, false) => heads,
    };
    let norms = settings.size("num_ln_in_parallel_attn")?.unwrap_or(2);
    let biases = decoder::biases(settings, "bias", false)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers", "n_layer"])?,
        heads,
        key_value_heads,
        head_width,
        inner: settings.size("ffn_hidden_size")?.unwrap_or(4 * width),
        context,
        placement: match (new, parallel) {
            (true, _) if norms == 2 => Placement::ParallelTwo,
            (true, _) | (false, true) => Placement::ParallelOne,
            (false, false) => Placement::Before,
        },
        // Both are read, so that the keys of rotary positions are known.
        position: match (decoder::rotary(settings, Rope::usual(head_width, context))?, alibi) {
            (_, true) => Position::RoundedSlopes,
            (rotary, false) => rotary,
        },
        activation: settings.activation("activation", Activation::Gelu)?,
        attention_biases: biases,
        feed_forward_biases: biases,
        ..settings.plain(family)?
    })
}

fn falcon_names(family: &Family, configuration: &Configuration) -> Names {
    let stack = match configuration.placement {
        Placement::ParallelTwo => {
            StackNames { attention_norm: "ln_attn", feed_forward_norm: "ln_mlp", ..stack(family) }
        }
        _ => stack(family),
    };
    let embedding = EmbeddingNames::of_tokens(family.tied_to);
    Names { embedding, stack, ..names(family, configuration) }
}
