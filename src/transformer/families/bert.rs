//! BERT (Devlin et al., 2018), with its masked language model's head.
//!
//! Reference: `models/bert/modeling_bert.py` of transformers.

use serde_json::json;

use super::Forward;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Direction, Placement};
use crate::transformer::names::{
    AttentionNames, EmbeddingNames, Gate, Names, StackNames, transform,
};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family BERT.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["bert"],
    configuration: own,
    inert: &[
        "directionality",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
    ],
    names,
};

/// Reads the configuration of BERT, which has one width.
fn own(settings: &Settings, family: &Family) -> Result<Configuration> {
    let configuration = configuration(settings, family)?;
    one_width(settings, &configuration)?;
    Ok(configuration)
}

/// Refuses an embedding of another width than the hidden states; of these families only ALBERT has one.
pub(super) fn one_width(settings: &Settings, configuration: &Configuration) -> Result<()> {
    match settings.size("embedding_size")? {
        Some(width) if width != configuration.width => Err(settings.refuse(format!(
            "`embedding_size` is {width}, but `hidden_size` is {}; only one width is implemented for {}",
            configuration.width, configuration.family
        ))),
        _ => Ok(()),
    }
}

/// Reads the settings that BERT, RoBERTa and ALBERT share.
pub(super) fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("position_embedding_type", &json!("absolute"), "other positions")?;
    settings.only("add_cross_attention", &json!(false), "attention to an encoder")?;
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let activation = settings.activation("hidden_act", Activation::Gelu)?;
    let one_way = settings.truth("is_decoder", false)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.needed(&["intermediate_size"])?,
        context: Some(settings.needed(&["max_position_embeddings"])?),
        segments: settings.size("type_vocab_size")?.unwrap_or(2),
        placement: Placement::After,
        activation,
        transform_activation: activation,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        attention: if one_way { Direction::Backwards } else { Direction::Both },
        ..settings.plain(family)?
    })
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: embedding(family),
        stack: STACK,
        encoder: None,
        transform: transform(family, "cls.predictions.transform.dense", Biases::All),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}

/// The names of the embedding's tensors in BERT, RoBERTa and ALBERT.
pub(super) fn embedding(family: &Family) -> EmbeddingNames {
    EmbeddingNames {
        positions: Some("embeddings.position_embeddings.weight"),
        segments: Some("embeddings.token_type_embeddings.weight"),
        norm: Some("embeddings.LayerNorm"),
        ..EmbeddingNames::of_tokens(family.tied_to)
    }
}

/// The names of the blocks' tensors in BERT and RoBERTa.
pub(super) const STACK: StackNames = StackNames {
    block: "encoder.layer.{layer}.",
    attention: AttentionNames::Separate([
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
    ]),
    attention_norm: "attention.output.LayerNorm",
    second_norms: None,
    query_key_norms: None,
    cross: None,
    gate: Gate::None,
    inner: "intermediate.dense",
    outer: "output.dense",
    experts: None,
    feed_forward_norm: "output.LayerNorm",
    final_norm: None,
    disentangled: None,
    buckets: None,
};
