//! GPT-NeoX (Black et al., 2022) and Pythia (Biderman et al., 2023): LayerNorm, attention and feed-forward layer side by
//! side with a norm each, a part of each head rotated, fused maps by head, and an output matrix of its own.
//!
//! Reference: `models/gpt_neox/modeling_gpt_neox.py` of transformers.

use super::rope::Rope;
use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Placement};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use crate::transformer::settings::Settings;

/// The family GPT-NeoX.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["gpt_neox"], configuration, inert: &["is_decoder"], names };

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let parallel = settings.truth("use_parallel_residual", true)?;
    let rope = Rope {
        base: settings.number("rotary_emb_base", 10_000.0)?,
        share: settings.number("rotary_pct", 0.25)?,
        partial: true,
        ..decoder::rope(&plain)
    };
    Ok(Configuration {
        placement: if parallel { Placement::ParallelTwo } else { Placement::Before },
        position: decoder::rotary(settings, rope)?,
        activation: settings.activation("hidden_act", Activation::Gelu)?,
        gated: false,
        attention_biases: decoder::biases(settings, "attention_bias", true)?,
        feed_forward_biases: Biases::All,
        ..plain
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let stack = StackNames {
        attention: AttentionNames::Fused(
            Order::ByHead,
            ["attention.query_key_value", "attention.dense"],
        ),
        gate: Gate::None,
        inner: "mlp.dense_h_to_4h",
        outer: "mlp.dense_4h_to_h",
        ..decoder::stack(family)
    };
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames::of_tokens(family.tied_to),
        stack,
        ..decoder::names(family, configuration)
    }
}
