//! gpt-oss (OpenAI, 2025): experts in every layer with bounded gated units, a sink in each head, and windows in every other
//! layer.
//!
//! Reference: `models/gpt_oss/modeling_gpt_oss.py` of transformers. The published experts are MXFP4, which
//! `quantization_config` says; copies in bfloat16 have none.

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Clamped, Configuration, ExpertSizes};
use crate::transformer::known;
use crate::transformer::names::{ExpertNames, Names, StackNames};
use crate::transformer::settings::Settings;

/// The family gpt-oss.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["gpt_oss"],
    configuration,
    // Of the loss of training, and of the original program.
    inert: &[
        "initial_context_length",
        // Of MXFP4, which is decoded; of others it is refused.
        known::QUANTISED,
        "original_max_position_embeddings",
        "output_router_logits",
        "router_aux_loss_coef",
    ],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    if !["rope_parameters", "rope_scaling"].iter().any(|key| settings.get(key).is_some()) {
        let problem = "`rope_parameters` is missing, which says how rotary positions are scaled";
        return Err(settings.refuse(problem));
    }
    let packed = settings.get(known::QUANTISED).is_some_and(known::mxfp4);
    let head_width = settings.size("head_dim")?.unwrap_or(64);
    let plain = Configuration { head_width, ..plain };
    let rope = Rope { base: 150_000.0, ..decoder::rope(&plain) };
    let window = settings.size("sliding_window")?.or(Some(128));
    let even = |layer: usize| layer.is_multiple_of(2);
    Ok(Configuration {
        position: decoder::rotary(settings, rope)?,
        layer_kinds: decoder::window(settings, window, plain.layers, even)?,
        attention_biases: decoder::biases(settings, "attention_bias", true)?,
        sinks: true,
        experts: Some(ExpertSizes {
            count: settings.needed(&["num_local_experts", "num_experts"])?,
            chosen: settings.needed(&["num_experts_per_tok", "experts_per_token"])?,
            inner: plain.inner,
            shared: None,
            normalised: true,
            layers: vec![true; plain.layers],
            packed,
            clamped: Some(Clamped {
                factor: settings.number("swiglu_alpha", 1.702)?,
                limit: settings.number("swiglu_limit", 7.0)?,
            }),
        }),
        ..plain
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let experts = Some(ExpertNames {
        router: "mlp.router",
        expert: "mlp.experts.",
        maps: ["gate_up_proj", "", "down_proj"],
        shared_maps: [""; 3],
        interleaved: true,
        shared: [""; 2],
    });
    let stack = StackNames { experts, ..decoder::stack(family) };
    Names { stack, ..decoder::names(family, configuration) }
}
