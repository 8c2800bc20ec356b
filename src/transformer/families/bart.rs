//! BART (Lewis et al., 2019), mBART (Liu et al., 2020), Pegasus (Zhang et al., 2020) and M2M-100 with NLLB (Fan et al., 2020;
//! NLLB Team, 2022): encoder and decoder that differ in where norms stand and how positions enter.
//!
//! Reference: `models/bart/modeling_bart.py`, `modeling_mbart.py`, `modeling_pegasus.py` and `modeling_m2m_100.py` of
//! transformers.

use serde_json::json;

use super::{Forward, marian};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Configuration, Placement};
use crate::transformer::names::{EmbeddingNames, Names, StackNames};
use crate::transformer::positions::{Position, Sinusoid};
use crate::transformer::settings::Settings;

/// Keys that nothing reads: of each stack, and of older versions.
const INERT: &[&str] = &[
    "is_decoder",
    "add_bias_logits",
    "extra_pos_embeddings",
    "static_position_embeddings",
    "force_bos_token_to_be_generated",
    "num_hidden_layers",
    "save_step",
    "add_cross_attention",
];

/// The family BART.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["bart"], configuration: bart, inert: INERT, names };

/// The family mBART.
pub(super) const MBART: Forward =
    Forward { model_types: &["mbart"], configuration: mbart, inert: INERT, names };

/// The family Pegasus.
pub(super) const PEGASUS: Forward =
    Forward { model_types: &["pegasus"], configuration: pegasus, inert: INERT, names };

/// The family M2M-100, with NLLB.
pub(super) const M2M_100: Forward =
    Forward { model_types: &["m2m_100"], configuration: m2m_100, inert: INERT, names };

fn bart(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("normalize_before", &json!(false), "norms before the sums")?;
    settings.only("normalize_embedding", &json!(true), "no norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(false), "a norm after the last layer")?;
    let position = Position::Learned { offset: 2, padding: None };
    let plain = marian::sizes(settings, family, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::After, position, ..plain })
}

fn mbart(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(true), "no norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let position = Position::Learned { offset: 2, padding: None };
    let plain = marian::sizes(settings, family, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn pegasus(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(false), "a norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let position = Position::Sinusoidal(Sinusoid::Open);
    let plain = marian::sizes(settings, family, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn m2m_100(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(false), "a norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let plain = marian::sizes(settings, family, Activation::Relu, true)?;
    let padding = plain.special.padding.unwrap_or(1);
    let position = Position::Sinusoidal(Sinusoid::Closed { padding });
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let learned = matches!(configuration.position, Position::Learned { .. });
    let before = configuration.placement == Placement::Before;
    let embedding = |positions, norm| EmbeddingNames {
        positions: learned.then_some(positions),
        norm: learned.then_some(norm),
        ..EmbeddingNames::of_tokens(family.tied_to)
    };
    let Names { stack, .. } = marian::names(family, configuration);
    Names {
        embedding: embedding("decoder.embed_positions.weight", "decoder.layernorm_embedding"),
        stack: StackNames { final_norm: family.final_norm(), ..stack },
        encoder: Some((
            embedding("encoder.embed_positions.weight", "encoder.layernorm_embedding"),
            StackNames { final_norm: before.then_some("encoder.layer_norm"), ..marian::ENCODER },
        )),
        ..marian::names(family, configuration)
    }
}
