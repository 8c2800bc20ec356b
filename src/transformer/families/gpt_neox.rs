//! GPT-NeoX (Black et al., 2022) and Pythia (Biderman et al., 2023): LayerNorm, attention and feed-forward layer side by
//! side with a norm each, a part of each head rotated, fused maps by head, and an output matrix of its own.
//!
//! Reference: `models/gpt_neox/modeling_gpt_neox.py` of transformers.

use super::rope::Rope;
use super::{Family, decoder};
use crate::error::Result;
use crate::transformer::configuration::{Activation, Biases, Configuration, NormKind, Placement};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use crate::transformer::settings::Settings;

/// The family GPT-NeoX.
pub(super) const FAMILY: Family = Family {
    name: "GPT-NeoX",
    model_types: &["gpt_neox"],
    configuration,
    inert: &["is_decoder"],
    names,
};

fn configuration(settings: &Settings) -> Result<Configuration> {
    let plain = decoder::configuration(settings, FAMILY.name)?;
    let parallel = settings.truth("use_parallel_residual", true)?;
    let rope = Rope {
        base: settings.number("rotary_emb_base", 10_000.0)?,
        share: settings.number("rotary_pct", 0.25)?,
        partial: true,
        ..decoder::rope(&plain)
    };
    Ok(Configuration {
        norm: NormKind::LayerNorm,
        epsilon: settings.number("layer_norm_eps", 1e-5)?,
        placement: if parallel { Placement::ParallelTwo } else { Placement::Before },
        position: decoder::rotary(settings, rope)?,
        activation: settings.activation("hidden_act", Activation::Gelu)?,
        gated: false,
        attention_biases: decoder::biases(settings, "attention_bias", true)?,
        feed_forward_biases: Biases::All,
        ..plain
    })
}

fn names(configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention: AttentionNames::Fused(
            Order::ByHead,
            ["attention.query_key_value", "attention.dense"],
        ),
        gate: Gate::None,
        inner: "mlp.dense_h_to_4h",
        outer: "mlp.dense_4h_to_h",
        final_norm: Some("final_layer_norm"),
        ..decoder::STACK
    };
    Names {
        bodies: &["gpt_neox.", ""],
        embedding: EmbeddingNames::of_tokens(&["embed_in.weight"]),
        stack,
        ..decoder::names(configuration)
    }
}
