//! Granite (Granite Team, IBM, 2024): Llama with a factor each for embedding, scores, residual sums and logits.
//!
//! Reference: `models/granite/modeling_granite.py` of transformers.

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Configuration, Scores};
use crate::transformer::settings::Settings;

/// The family Granite.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["granite"],
    configuration,
    inert: decoder::INERT,
    names: decoder::names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let divisor = settings.number("logits_scaling", 1.0)?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        feed_forward_biases: decoder::biases(settings, "mlp_bias", false)?,
        embedding_scale: settings.number("embedding_multiplier", 1.0)?,
        scores: Scores::Factor(settings.number("attention_multiplier", 1.0)?),
        residual_scale: settings.number("residual_multiplier", 1.0)?,
        logit_scale: 1.0 / divisor,
        ..plain
    })
}
