//! OPT (Zhang et al., 2022): GPT-3 with learned positions counted from 2, ReLU, norms before or after the sums, and maps
//! between embedding, hidden states and head where their widths differ.
//!
//! Reference: `models/opt/modeling_opt.py` of transformers.

use serde_json::json;

use super::{Forward, decoder, marian};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Placement};
use crate::transformer::names::{EmbeddingNames, Names, Projection, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family OPT.
pub(super) const FORWARD: Forward =
    Forward { model_types: &["opt"], configuration, inert: &["_remove_final_layer_norm"], names };

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("layer_norm_elementwise_affine", &json!(true), "norms without gain and shift")?;
    settings.only("_remove_final_layer_norm", &json!(false), "no norm before the head")?;
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let before = settings.truth("do_layer_norm_before", true)?;
    let biases = decoder::biases(settings, "enable_bias", true)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: settings.size("word_embed_proj_dim")?.unwrap_or(width),
        layers: settings.needed(&["num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.needed(&["ffn_dim"])?,
        context: Some(settings.needed(&["max_position_embeddings"])?),
        placement: if before { Placement::Before } else { Placement::After },
        position: Position::Learned { offset: 2, padding: None },
        activation: settings.activation("activation_function", Activation::Relu)?,
        attention_biases: biases,
        feed_forward_biases: biases,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, configuration: &Configuration) -> Names {
    let narrow = configuration.input_width != configuration.width;
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            positions: Some("embed_positions.weight"),
            projection: narrow.then_some(Projection {
                stem: "project_in",
                biases: Biases::None,
                first: true,
            }),
            ..EmbeddingNames::of_tokens(family.tied_to)
        },
        // The tensors of a block are named like those of Marian.
        stack: StackNames {
            block: "layers.{layer}.",
            final_norm: family
                .final_norm()
                .filter(|_| configuration.placement == Placement::Before),
            ..marian::ENCODER
        },
        encoder: None,
        transform: Vec::new(),
        stored: Stored::OutIn,
        output_projection: narrow.then_some("project_out"),
        rotary_factors: None,
    }
}
