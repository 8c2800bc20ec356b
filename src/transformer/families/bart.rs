//! BART (Lewis et al., 2019), mBART (Liu et al., 2020), Pegasus (Zhang et al., 2020) and M2M-100 with NLLB (Fan et al., 2020;
//! NLLB Team, 2022): encoder and decoder that differ in where norms stand and how positions enter.
//!
//! Reference: `models/bart/modeling_bart.py`, `modeling_mbart.py`, `modeling_pegasus.py` and `modeling_m2m_100.py` of
//! transformers.

use serde_json::json;

use super::{Family, marian};
use crate::error::Result;
use crate::transformer::configuration::{Activation, Configuration, Placement, Position, Sinusoid};
use crate::transformer::names::{EmbeddingNames, Names, StackNames};
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
pub(super) const FAMILY: Family =
    Family { name: "BART", model_types: &["bart"], configuration: bart, inert: INERT, names };

/// The family mBART.
pub(super) const MBART: Family =
    Family { name: "mBART", model_types: &["mbart"], configuration: mbart, inert: INERT, names };

/// The family Pegasus.
pub(super) const PEGASUS: Family = Family {
    name: "Pegasus",
    model_types: &["pegasus"],
    configuration: pegasus,
    inert: INERT,
    names,
};

/// The family M2M-100, with NLLB.
pub(super) const M2M_100: Family = Family {
    name: "M2M-100, NLLB",
    model_types: &["m2m_100"],
    configuration: m2m_100,
    inert: INERT,
    names,
};

fn bart(settings: &Settings) -> Result<Configuration> {
    settings.only("normalize_before", &json!(false), "norms before the sums")?;
    settings.only("normalize_embedding", &json!(true), "no norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(false), "a norm after the last layer")?;
    let position = Position::Learned { offset: 2, padding: None };
    let plain = marian::sizes(settings, FAMILY.name, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::After, position, ..plain })
}

fn mbart(settings: &Settings) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(true), "no norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let position = Position::Learned { offset: 2, padding: None };
    let plain = marian::sizes(settings, MBART.name, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn pegasus(settings: &Settings) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(false), "a norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let position = Position::Sinusoidal(Sinusoid::Open);
    let plain = marian::sizes(settings, PEGASUS.name, Activation::Gelu, false)?;
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn m2m_100(settings: &Settings) -> Result<Configuration> {
    settings.only("normalize_before", &json!(true), "norms after the sums")?;
    settings.only("normalize_embedding", &json!(false), "a norm of the embedding")?;
    settings.only("add_final_layer_norm", &json!(true), "no norm after the last layer")?;
    let plain = marian::sizes(settings, M2M_100.name, Activation::Relu, true)?;
    let padding = plain.special.padding.unwrap_or(1);
    let position = Position::Sinusoidal(Sinusoid::Closed { padding });
    Ok(Configuration { placement: Placement::Before, position, ..plain })
}

fn names(configuration: &Configuration) -> Names {
    let learned = matches!(configuration.position, Position::Learned { .. });
    let before = configuration.placement == Placement::Before;
    let embedding = |positions, norm| EmbeddingNames {
        positions: learned.then_some(positions),
        norm: learned.then_some(norm),
        ..EmbeddingNames::of_tokens(marian::SHARED)
    };
    let Names { stack, .. } = marian::names(configuration);
    Names {
        embedding: embedding("decoder.embed_positions.weight", "decoder.layernorm_embedding"),
        stack: StackNames { final_norm: before.then_some("decoder.layer_norm"), ..stack },
        encoder: Some((
            embedding("encoder.embed_positions.weight", "encoder.layernorm_embedding"),
            StackNames { final_norm: before.then_some("encoder.layer_norm"), ..marian::ENCODER },
        )),
        ..marian::names(configuration)
    }
}
