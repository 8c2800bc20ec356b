//! Llama (Touvron et al., 2023) and models built like it: rotary positions, grouped-query attention, gated layers.
//!
//! Reference: `models/llama/modeling_llama.py` of transformers.

use serde_json::json;

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::Configuration;
use crate::transformer::settings::Settings;

/// The family Llama.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["llama"],
    configuration,
    inert: decoder::INERT,
    names: decoder::names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("pretraining_tp", &json!(1), "tensors cut for parallel training")?;
    let plain = decoder::configuration(settings, family)?;
    window(settings, plain.context)?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        feed_forward_biases: decoder::biases(settings, "mlp_bias", false)?,
        ..plain
    })
}

/// Refuses a sliding window that is shorter than the longest sequence: the reference has none in this family. A longer
/// one, or one that is switched off, masks nothing.
fn window(settings: &Settings, context: Option<usize>) -> Result<()> {
    let used = settings.truth("use_sliding_window", true)?;
    match (settings.size("sliding_window")?, context) {
        _ if !used => Ok(()),
        (None | Some(0), _) => Ok(()),
        (Some(window), Some(context)) if window >= context => Ok(()),
        (Some(window), _) => Err(settings.refuse(format!(
            "`sliding_window` is {window}: attention that sees only so many tokens back is not implemented for Llama"
        ))),
    }
}
