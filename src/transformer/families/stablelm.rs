//! StableLM 2 (Bellagente et al., 2024): Llama with LayerNorm, a quarter of each head rotated, and biases of queries, keys
//! and values by a switch.
//!
//! Reference: `models/stablelm/modeling_stablelm.py` of transformers.

use serde_json::json;

use super::rope::Rope;
use super::{Family, decoder};
use crate::error::Result;
use crate::transformer::configuration::{Biases, Configuration, NormKind, Placement};
use crate::transformer::settings::Settings;

/// The family StableLM.
pub(super) const FAMILY: Family = Family {
    name: "StableLM",
    model_types: &["stablelm"],
    configuration,
    inert: decoder::INERT,
    names: decoder::names,
};

fn configuration(settings: &Settings) -> Result<Configuration> {
    settings.only("qk_layernorm", &json!(false), "a norm of each query and key, stored apart")?;
    let plain = decoder::configuration(settings, FAMILY.name)?;
    let rope = Rope { partial: true, share: 0.25, ..decoder::rope(&plain) };
    let biased = settings.truth("use_qkv_bias", false)?;
    let parallel = settings.truth("use_parallel_residual", false)?;
    Ok(Configuration {
        norm: NormKind::LayerNorm,
        epsilon: settings.number("layer_norm_eps", 1e-5)?,
        placement: if parallel { Placement::ParallelOne } else { Placement::Before },
        position: decoder::rotary(settings, rope)?,
        attention_biases: if biased { Biases::QueryKeyValue } else { Biases::None },
        ..plain
    })
}
