//! ALBERT (Lan et al., 2019): layers that share their tensors, and an embedding narrower than the hidden states.
//!
//! Reference: `models/albert/modeling_albert.py` of transformers.

use serde_json::json;

use super::Forward;
use super::bert;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Sharing};
use crate::transformer::names::{
    AttentionNames, EmbeddingNames, Names, Projection, StackNames, transform,
};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family ALBERT.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["albert"], configuration, inert: &[], names };

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    // The reference ignores this switch: its attention is always bidirectional.
    settings.only("is_decoder", &json!(false), "a decoder")?;
    let mut configuration = bert::configuration(settings, family)?;
    configuration.input_width = settings.needed(&["embedding_size"])?;
    configuration.activation = settings.activation("hidden_act", Activation::GeluTanh)?;
    configuration.transform_activation = configuration.activation;
    configuration.sharing = Sharing::Groups {
        groups: settings.size("num_hidden_groups")?.unwrap_or(1),
        inner: settings.size("inner_group_num")?.unwrap_or(1),
    };
    Ok(configuration)
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            projection: Some(Projection {
                stem: "encoder.embedding_hidden_mapping_in",
                biases: Biases::All,
                first: false,
            }),
            ..bert::embedding(family)
        },
        stack: StackNames {
            block: "encoder.albert_layer_groups.{group}.albert_layers.{inner}.",
            attention: AttentionNames::Separate([
                "attention.query",
                "attention.key",
                "attention.value",
                "attention.dense",
            ]),
            attention_norm: "attention.LayerNorm",
            second_norms: None,
            query_key_norms: None,
            inner: "ffn",
            outer: "ffn_output",
            experts: None,
            feed_forward_norm: "full_layer_layer_norm",
            ..bert::STACK
        },
        encoder: None,
        transform: transform(family, "predictions.dense", Biases::All),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}
