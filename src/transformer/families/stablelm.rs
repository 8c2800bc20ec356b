//! StableLM 2 (Bellagente et al., 2024): Llama with LayerNorm, a quarter of each head rotated, and biases of queries, keys
//! and values, and norms of queries and keys, by switches.
//!
//! Reference: `models/stablelm/modeling_stablelm.py` of transformers.

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Biases, Configuration, Placement, QueryKeyNorm};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::settings::Settings;

/// The family StableLM.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["stablelm"], configuration, inert: decoder::INERT, names };

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let rope = Rope { partial: true, share: 0.25, ..decoder::rope(&plain) };
    let biased = settings.truth("use_qkv_bias", false)?;
    let normed = settings.truth("qk_layernorm", false)?;
    let parallel = settings.truth("use_parallel_residual", false)?;
    Ok(Configuration {
        query_key_norm: if normed { QueryKeyNorm::EachHead } else { QueryKeyNorm::None },
        placement: if parallel { Placement::ParallelOne } else { Placement::Before },
        position: decoder::rotary(settings, rope)?,
        attention_biases: if biased { Biases::QueryKeyValue } else { Biases::None },
        ..plain
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let plain = decoder::names(family, configuration);
    // The norms of queries and keys have a tensor for each head.
    let query_key_norms =
        Some(["self_attn.q_layernorm.norms.{head}", "self_attn.k_layernorm.norms.{head}"]);
    Names { stack: StackNames { query_key_norms, ..plain.stack }, ..plain }
}
