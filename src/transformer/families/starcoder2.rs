//! StarCoder 2 (Lozhkov et al., 2024): grouped-query attention with LayerNorm, GELU without a gate, and biases.
//!
//! Reference: `models/starcoder2/modeling_starcoder2.py` of transformers.

use serde_json::json;

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Configuration};
use crate::transformer::names::{Gate, Names, StackNames};
use crate::transformer::settings::Settings;

/// The family StarCoder 2.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["starcoder2"],
    configuration,
    // The reference reads `hidden_act` instead.
    inert: &["activation_function"],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("mlp_type", &json!("default"), "other feed-forward layers")?;
    settings.only("norm_type", &json!("layer_norm"), "other norms")?;
    let plain = decoder::configuration(settings, family)?;
    let window = settings.size("sliding_window")?;
    let biases = decoder::biases(settings, "use_bias", true)?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: decoder::window_everywhere(window, plain.layers),
        activation: settings.activation("hidden_act", Activation::GeluTanh)?,
        gated: false,
        attention_biases: biases,
        feed_forward_biases: biases,
        ..plain
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let stack = StackNames {
        gate: Gate::None,
        inner: "mlp.c_fc",
        outer: "mlp.c_proj",
        ..decoder::stack(family)
    };
    Names { stack, ..decoder::names(family, configuration) }
}
