//! OLMo 2 (OLMo Team, 2024): Llama with norms after its maps instead of before, and of all queries and keys together.
//!
//! Reference: `models/olmo2/modeling_olmo2.py` of transformers.

use super::{Family, decoder};
use crate::error::Result;
use crate::transformer::configuration::{Configuration, Placement, QueryKeyNorm};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::settings::Settings;

/// The family OLMo 2.
pub(super) const FAMILY: Family =
    Family { name: "OLMo 2", model_types: &["olmo2"], configuration, inert: decoder::INERT, names };

fn configuration(settings: &Settings) -> Result<Configuration> {
    let plain = decoder::configuration(settings, FAMILY.name)?;
    Ok(Configuration {
        query_key_norm: QueryKeyNorm::Whole,
        // The reference's default epsilon differs from Llama's.
        epsilon: settings.number("rms_norm_eps", 1e-5)?,
        placement: Placement::AfterMaps,
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        ..plain
    })
}

fn names(configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention_norm: "post_attention_layernorm",
        feed_forward_norm: "post_feedforward_layernorm",
        query_key_norms: Some(["self_attn.q_norm", "self_attn.k_norm"]),
        ..decoder::STACK
    };
    Names { stack, ..decoder::names(configuration) }
}
