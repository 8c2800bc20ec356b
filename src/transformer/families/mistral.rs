//! Mistral (Jiang et al., 2023): Llama whose layers see only a window of tokens; in Ministral only some do.
//!
//! Reference: `models/mistral/modeling_mistral.py` and `models/ministral/modeling_ministral.py` of transformers.

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::Configuration;
use crate::transformer::settings::Settings;

/// The family Mistral.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["mistral", "ministral"],
    configuration,
    inert: decoder::INERT,
    names: decoder::names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let window = settings.size("sliding_window")?;
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: match settings.text("model_type")? {
            Some("ministral") => {
                decoder::window(settings, window, plain.layers, |_| window.is_some())?
            }
            _ => decoder::window_everywhere(window, plain.layers),
        },
        ..plain
    })
}
