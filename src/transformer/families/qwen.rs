//! Qwen 2 and 2.5 (Yang et al., 2024): Llama with biases of queries, keys and values. Qwen 3 (Yang et al., 2025) has a norm
//! of queries and keys instead.
//!
//! Reference: `models/qwen2/modeling_qwen2.py` and `models/qwen3/modeling_qwen3.py` of transformers.

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Biases, Configuration, LayerKinds, QueryKeyNorm};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::settings::Settings;

/// The family Qwen 2.
pub(super) const SECOND: Forward = Forward {
    model_types: &["qwen2"],
    configuration: qwen_2,
    inert: decoder::INERT,
    names: decoder::names,
};

/// The family Qwen 3.
pub(super) const THIRD: Forward =
    Forward { model_types: &["qwen3"], configuration: qwen_3, inert: decoder::INERT, names };

fn qwen_2(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: window(settings, plain.layers)?,
        attention_biases: Biases::QueryKeyValue,
        ..plain
    })
}

fn qwen_3(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    // The reference's default is not the quotient of width and heads.
    let head_width = settings.size("head_dim")?.unwrap_or(128);
    let plain = Configuration { head_width, ..plain };
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: window(settings, plain.layers)?,
        query_key_norm: QueryKeyNorm::Head,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        ..plain
    })
}

/// Reads the window, which is switched off by default and begins at a layer.
pub(super) fn window(settings: &Settings, layers: usize) -> Result<LayerKinds> {
    let used = settings.truth("use_sliding_window", false)?;
    let first = settings.size("max_window_layers")?.unwrap_or(28);
    let window = settings.size("sliding_window")?.or(Some(4096)).filter(|_| used);
    decoder::window(settings, window, layers, |layer| window.is_some() && layer >= first)
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let query_key_norms = Some(["self_attn.q_norm", "self_attn.k_norm"]);
    let stack = StackNames { query_key_norms, ..decoder::stack(family) };
    Names { stack, ..decoder::names(family, configuration) }
}
