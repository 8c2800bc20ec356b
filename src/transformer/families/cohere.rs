//! Command R (Cohere, 2024): LayerNorm without a shift, attention and feed-forward layer side by side, neighbouring
//! coordinates rotated together, and a factor of the logits. In Cohere 2 (2025) only layers with windows rotate.
//!
//! Reference: `models/cohere/modeling_cohere.py` and `models/cohere2/modeling_cohere2.py` of transformers.

use serde_json::json;

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Biases, Configuration, LayerKinds, Placement, QueryKeyNorm,
};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::positions::Pairing;
use crate::transformer::settings::Settings;

/// The family Cohere.
pub(super) const FIRST: Forward =
    Forward { model_types: &["cohere"], configuration: cohere, inert: decoder::INERT, names };

/// The family Cohere 2.
pub(super) const SECOND: Forward = Forward {
    model_types: &["cohere2"],
    configuration: cohere_2,
    inert: &["use_parallel_embedding"],
    names,
};

/// Reads what both share; `base` is the reference's default base of the rotary positions.
fn common(settings: &Settings, family: &Family, base: f64) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let rope = Rope { base, pairing: Pairing::Neighbours, ..decoder::rope(&plain) };
    Ok(Configuration {
        shifts: Biases::None,
        placement: Placement::ParallelOne,
        position: decoder::rotary(settings, rope)?,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        logit_scale: settings.number("logit_scale", 0.0625)?,
        ..plain
    })
}

fn cohere(settings: &Settings, family: &Family) -> Result<Configuration> {
    let normed = settings.truth("use_qk_norm", false)?;
    let query_key_norm = if normed { QueryKeyNorm::EachHead } else { QueryKeyNorm::None };
    Ok(Configuration { query_key_norm, ..common(settings, family, 500_000.0)? })
}

fn cohere_2(settings: &Settings, family: &Family) -> Result<Configuration> {
    // Published files state what the reference has built in.
    settings.only("order_of_interleaved_layers", &json!("local_attn_first"), "another order")?;
    settings.only("position_embedding_type", &json!("rope_gptj"), "other positions")?;
    settings.only("rotary_pct", &json!(1.0), "a part of each head rotated")?;
    for key in ["use_embedding_sharing", "use_gated_activation", "use_parallel_block"] {
        settings.only(key, &json!(true), "without it")?;
    }
    let plain = common(settings, family, 10_000.0)?;
    let pattern = settings.size("sliding_window_pattern")?.unwrap_or(4).max(1);
    let window = Some(settings.size("sliding_window")?.unwrap_or(4096));
    let kinds = decoder::window(settings, window, plain.layers, |layer| {
        !(layer + 1).is_multiple_of(pattern)
    })?;
    let unrotated = kinds.local.iter().map(|local| !local).collect();
    Ok(Configuration { layer_kinds: LayerKinds { unrotated, ..kinds }, ..plain })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let query_key_norms = Some(["self_attn.q_norm", "self_attn.k_norm"]);
    let stack = StackNames { query_key_norms, ..decoder::stack(family) };
    Names { stack, ..decoder::names(family, configuration) }
}
