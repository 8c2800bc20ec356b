//! OLMo 2 (OLMo Team, 2024): Llama with norms after its maps instead of before, and of all queries and keys together.
//!
//! Reference: `models/olmo2/modeling_olmo2.py` of transformers.

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Configuration, Placement, QueryKeyNorm};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::settings::Settings;

/// The family OLMo 2.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["olmo2"], configuration, inert: decoder::INERT, names };

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    Ok(Configuration {
        query_key_norm: QueryKeyNorm::Whole,
        placement: Placement::AfterMaps,
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        ..plain
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention_norm: "post_attention_layernorm",
        feed_forward_norm: "post_feedforward_layernorm",
        query_key_norms: Some(["self_attn.q_norm", "self_attn.k_norm"]),
        ..decoder::stack(family)
    };
    Names { stack, ..decoder::names(family, configuration) }
}
