//! Phi 1 and 2 (Gunasekar et al., 2023): LayerNorm, attention and feed-forward layer side by side, a part of each head
//! rotated, biases everywhere. Phi 3 and 4 (Abdin et al., 2024): Llama with fused maps and a list of factors of the
//! rotary frequencies.
//!
//! Reference: `models/phi/modeling_phi.py` and `models/phi3/modeling_phi3.py` of transformers.

use serde_json::json;

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, Placement, QueryKeyNorm,
};
use crate::transformer::names::{AttentionNames, Gate, Names, Order, StackNames};
use crate::transformer::settings::Settings;

/// The family Phi 1 and 2.
pub(super) const FIRST: Forward = Forward {
    model_types: &["phi"],
    configuration: phi,
    inert: &["original_max_position_embeddings"],
    names: phi_names,
};

/// The family Phi 3 and 4.
pub(super) const THIRD: Forward = Forward {
    model_types: &["phi3"],
    configuration: phi_3,
    inert: &["original_max_position_embeddings"],
    names: phi_3_names,
};

fn phi(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let normed = settings.truth("qk_layernorm", false)?;
    let rope = Rope { partial: true, share: 0.5, ..decoder::rope(&plain) };
    Ok(Configuration {
        query_key_norm: if normed { QueryKeyNorm::Head } else { QueryKeyNorm::None },
        placement: Placement::ParallelOne,
        position: decoder::rotary(settings, rope)?,
        activation: settings.activation("hidden_act", Activation::GeluTanh)?,
        gated: false,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        ..plain
    })
}

fn phi_names(family: &Family, configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention: AttentionNames::Separate([
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.dense",
        ]),
        query_key_norms: Some(["self_attn.q_layernorm", "self_attn.k_layernorm"]),
        gate: Gate::None,
        inner: "mlp.fc1",
        outer: "mlp.fc2",
        ..decoder::stack(family)
    };
    Names { stack, ..decoder::names(family, configuration) }
}

fn phi_3(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    settings.only("attention_bias", &json!(false), "biases of the attention")?;
    let window = settings.size("sliding_window")?;
    Ok(Configuration {
        position: decoder::rotary(settings, Rope { partial: true, ..decoder::rope(&plain) })?,
        layer_kinds: decoder::window_everywhere(window, plain.layers),
        ..plain
    })
}

fn phi_3_names(family: &Family, configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention: AttentionNames::Fused(Order::ByKind, ["self_attn.qkv_proj", "self_attn.o_proj"]),
        gate: Gate::BeforeInner,
        inner: "mlp.gate_up_proj",
        ..decoder::stack(family)
    };
    Names { stack, ..decoder::names(family, configuration) }
}
