//! Gemma (2024): Llama with GELU, gains stored less one, and a scaled embedding. Gemma 2 (2024) has norms on both sides of
//! each map, bounded scores and logits, and windows; Gemma 3 (2025) norms of queries and keys instead of bounds, and
//! another base of rotary positions in layers with windows. All by the Gemma Team of Google DeepMind.
//!
//! Reference: `modeling_gemma.py`, `modeling_gemma2.py` and `modeling_gemma3.py` of transformers.

use serde_json::json;

use super::{Forward, decoder};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Configuration, Direction, LayerKinds, Placement, QueryKeyNorm, Scores,
};
use crate::transformer::names::{Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;

/// The family Gemma.
pub(super) const FIRST: Forward = Forward {
    model_types: &["gemma"],
    configuration: gemma,
    inert: decoder::INERT,
    names: decoder::names,
};

/// The family Gemma 2.
pub(super) const SECOND: Forward = Forward {
    model_types: &["gemma2"],
    configuration: gemma_2,
    inert: decoder::INERT,
    names: with_second_norms,
};

/// The family Gemma 3, of text alone.
pub(super) const THIRD: Forward = Forward {
    model_types: &["gemma3_text"],
    configuration: gemma_3,
    inert: decoder::INERT,
    names: with_second_norms,
};

/// Reads what all three share.
fn common(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = decoder::configuration(settings, family)?;
    let both = settings.truth("use_bidirectional_attention", false)?;
    Ok(Configuration {
        head_width: settings.size("head_dim")?.unwrap_or(256),
        // The reference rounds the factor to the type of the embedding, which is float32 here.
        embedding_scale: f64::from((plain.width as f64).sqrt() as f32),
        attention_biases: decoder::biases(settings, "attention_bias", false)?,
        attention: if both { Direction::Both } else { Direction::Backwards },
        ..plain
    })
}

fn gemma(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = common(settings, family)?;
    settings.only("hidden_activation", &json!("gelu_pytorch_tanh"), "another activation")?;
    // Old files say `gelu`, and the reference takes its approximation in any case.
    let activation = match settings.activation("hidden_act", Activation::GeluTanh)? {
        Activation::Gelu => Activation::GeluTanh,
        other => other,
    };
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        activation,
        ..plain
    })
}

/// Reads what Gemma 2 and 3 share; `bounds` are the reference's default bounds of scores and logits.
fn later(settings: &Settings, family: &Family, bounds: [Option<f64>; 2]) -> Result<Configuration> {
    let plain = common(settings, family)?;
    let scalar = settings.number("query_pre_attn_scalar", 256.0)?;
    let cap = |key: &str, otherwise: Option<f64>| -> Result<Option<f64>> {
        match settings.has(key) {
            true if settings.get(key).is_none() => Ok(None),
            _ => {
                Ok(Some(settings.number(key, otherwise.unwrap_or(0.0))?).filter(|cap| *cap != 0.0))
            }
        }
    };
    let [of_scores, of_logits] = bounds;
    Ok(Configuration {
        placement: Placement::AroundMaps,
        activation: settings.activation("hidden_activation", Activation::GeluTanh)?,
        scores: Scores::Factor(scalar.powf(-0.5)),
        score_cap: cap("attn_logit_softcapping", of_scores)?,
        logit_cap: cap("final_logit_softcapping", of_logits)?,
        ..plain
    })
}

fn gemma_2(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = later(settings, family, [Some(50.0), Some(30.0)])?;
    let window = Some(settings.size("sliding_window")?.unwrap_or(4096));
    Ok(Configuration {
        position: decoder::rotary(settings, decoder::rope(&plain))?,
        layer_kinds: decoder::window(settings, window, plain.layers, |layer| layer % 2 == 0)?,
        ..plain
    })
}

fn gemma_3(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = later(settings, family, [None; 2])?;
    let pattern = settings.size("sliding_window_pattern")?.unwrap_or(6).max(1);
    let window = settings.size("sliding_window")?.unwrap_or(4096);
    let kinds = decoder::window(settings, Some(window), plain.layers, |layer| {
        !(layer + 1).is_multiple_of(pattern)
    })?;
    // A model that sees both ways has half the window on each side.
    let reach = match plain.attention {
        Direction::Both => window / 2,
        Direction::Backwards => window.saturating_sub(1),
    };
    let keys = ["rope_theta", "rope_local_base_freq"];
    let [rotary, local] =
        decoder::rope(&plain).read_by_layer_type(settings, keys, [1_000_000.0, 10_000.0])?;
    Ok(Configuration {
        query_key_norm: QueryKeyNorm::Head,
        position: Position::Rotary { rotary, local: Some(local) },
        layer_kinds: LayerKinds { reach: Some(reach), ..kinds },
        ..plain
    })
}

fn with_second_norms(family: &Family, configuration: &Configuration) -> Names {
    let norms = (configuration.query_key_norm == QueryKeyNorm::Head)
        .then_some(["self_attn.q_norm", "self_attn.k_norm"]);
    let stack = StackNames {
        second_norms: Some(["post_attention_layernorm", "post_feedforward_layernorm"]),
        feed_forward_norm: "pre_feedforward_layernorm",
        query_key_norms: norms,
        ..decoder::stack(family)
    };
    Names { stack, ..decoder::names(family, configuration) }
}
