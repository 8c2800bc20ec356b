//! What a configuration says of the logits after the head: operations that keep their order become notes, others are
//! refused.

use super::configuration::Configuration;
use super::stored::Stored;
use crate::error::{Error, Result};

/// Configuration keys of a number by which every logit is multiplied or divided.
///
/// Cohere (`logit_scale`), Granite, HyperCLOVA X (`logits_scaling`), Falcon-H1 (`lm_head_multiplier`), Muse
/// (`output_multiplier`), Grok (`output_multiplier_scale`), Jais and BTLM (`width_scale`, `mup_output_alpha`,
/// `mup_width_scale`), Phi-3-small (`mup_width_multiplier`).
const SCALES: [&str; 12] = [
    "logit_scale",
    "logits_scale",
    "logits_scaling",
    "logit_multiplier",
    "logits_multiplier",
    "lm_head_multiplier",
    "output_multiplier",
    "output_multiplier_scale",
    "mup_output_alpha",
    "mup_width_scale",
    "mup_width_multiplier",
    "width_scale",
];

/// Configuration keys of a number `c` in `c tanh(x / c)`, which is the same for `-c`.
const SOFT_CAPS: [&str; 6] = [
    "final_logit_softcapping",
    "final_logits_softcapping",
    "final_logit_softcap",
    "logits_soft_cap",
    "output_logit_soft_cap",
    "logit_softcap",
];

/// Returns notes on the operations after the head, all of which keep the order of logits; the key `before` scales
/// hidden states, not logits.
///
/// # Errors
/// A scale that is not positive, a soft-cap of 0, or one that is not finite.
pub(super) fn notes(
    stored: &Stored,
    config: &Configuration,
    before: Option<&str>,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let found = |keys: &[&'static str]| -> Vec<(&'static str, f64)> {
        keys.iter().filter_map(|key| Some((*key, config.number(key)?))).collect()
    };
    for (key, cap) in found(&SOFT_CAPS) {
        if cap == 0.0 || !cap.is_finite() {
            return Err(refused(stored, key, cap, "a soft-cap leaves no order of logits"));
        }
        notes.push(format!("a soft-cap at {cap} ({key}) follows; it keeps the order of logits"));
    }
    for (key, scale) in found(&SCALES) {
        if before == Some(key) {
            continue;
        }
        keeps_order(scale).map_err(|why| refused(stored, key, scale, why))?;
        if scale != 1.0 {
            notes.push(format!("a scale ({key} {scale}) follows; it keeps the order of logits"));
        }
    }
    Ok(notes)
}

/// Whether logits times `scale` keep their order; the error says what happens to them instead.
pub(super) fn keeps_order(scale: f64) -> std::result::Result<(), &'static str> {
    match scale {
        s if s > 0.0 && s.is_finite() => Ok(()),
        s if s < 0.0 => Err("it reverses the order of the logits"),
        0.0 => Err("it makes all logits equal"),
        _ => Err("it is not a finite number"),
    }
}

/// Returns the error for a value by which the model changes the order of its logits.
fn refused(stored: &Stored, key: &str, value: f64, why: &str) -> Error {
    Error::head(
        stored.path,
        format!(
            "the configuration says {key} {value}, by which the model changes its logits: {why}. If the value is wrong, correct \
             config.json; if it is meant, export the rows as the model uses them and audit that file"
        ),
    )
}
