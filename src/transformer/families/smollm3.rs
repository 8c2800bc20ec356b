//! SmolLM3 (Bakouch et al., 2025): Llama with layers that do not rotate queries and keys.
//!
//! Reference: `models/smollm3/modeling_smollm3.py` of transformers.

use serde_json::Value;

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Configuration, LayerKinds};
use crate::transformer::settings::Settings;

/// The family SmolLM3.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["smollm3"],
    configuration,
    // The reference does not read the first.
    inert: &["pretraining_tp", "max_window_layers", "original_max_position_embeddings"],
    names: decoder::names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let rope = decoder::rope(&plain);
    let unrotated = unrotated(settings, plain.layers)?;
    let used = settings.truth("use_sliding_window", false)?;
    let window = settings.size("sliding_window")?.filter(|_| used);
    let kinds = decoder::window(settings, window, plain.layers, |layer| {
        window.is_some() && unrotated[layer]
    })?;
    Ok(Configuration {
        position: decoder::rotary(settings, super::rope::Rope { base: 2_000_000.0, ..rope })?,
        layer_kinds: LayerKinds { unrotated, ..kinds },
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        feed_forward_biases: decoder::biases(settings, "mlp_bias", false)?,
        ..plain
    })
}

/// Reads which layers do not rotate: those with 0 in `no_rope_layers`, else every so many.
fn unrotated(settings: &Settings, layers: usize) -> Result<Vec<bool>> {
    let interval = settings.size("no_rope_layer_interval")?.unwrap_or(4).max(1);
    let Some(list) = settings.get("no_rope_layers") else {
        return Ok((1..=layers).map(|layer| layer % interval == 0).collect());
    };
    let flag = |value: &Value| value.as_u64().filter(|flag| *flag < 2).map(|flag| flag == 0);
    let flags: Option<Vec<bool>> = list.as_array().and_then(|list| list.iter().map(flag).collect());
    match flags {
        // The reference reads as many as there are layers.
        Some(flags) if flags.len() >= layers => Ok(flags[..layers].to_vec()),
        _ => Err(settings.refuse(format!("`no_rope_layers` is {list}, not 0 or 1 for each layer"))),
    }
}
