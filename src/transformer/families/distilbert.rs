//! DistilBERT (Sanh et al., 2019): BERT without segments. ELECTRA (Clark et al., 2020), its generator: BERT with an
//! embedding of another width.
//!
//! Reference: `models/distilbert/modeling_distilbert.py` and `models/electra/modeling_electra.py` of transformers.

use super::{Forward, bert};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Direction, Placement};
use crate::transformer::names::{
    AttentionNames, EmbeddingNames, Names, Projection, StackNames, transform,
};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family DistilBERT.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["distilbert"],
    configuration,
    // How the table of positions was begun; it is stored.
    inert: &["sinusoidal_pos_embds", "tie_weights_"],
    names,
};

/// The family ELECTRA.
pub(super) const ELECTRA: Forward = Forward {
    model_types: &["electra"],
    configuration: electra,
    inert: &["summary_last_dropout"],
    names: electra_names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["dim", "hidden_size"])?;
    let heads = settings.needed(&["n_heads", "num_attention_heads"])?;
    let activation = settings.activation("activation", Activation::Gelu)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["n_layers", "num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.needed(&["hidden_dim"])?,
        context: Some(settings.needed(&["max_position_embeddings"])?),
        placement: Placement::After,
        activation,
        transform_activation: activation,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        attention: Direction::Both,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames { segments: None, ..bert::embedding(family) },
        stack: StackNames {
            block: "transformer.layer.{layer}.",
            attention: AttentionNames::Separate([
                "attention.q_lin",
                "attention.k_lin",
                "attention.v_lin",
                "attention.out_lin",
            ]),
            attention_norm: "sa_layer_norm",
            inner: "ffn.lin1",
            outer: "ffn.lin2",
            experts: None,
            feed_forward_norm: "output_layer_norm",
            ..bert::STACK
        },
        encoder: None,
        transform: transform(family, "vocab_transform", Biases::All),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}

fn electra(settings: &Settings, family: &Family) -> Result<Configuration> {
    let plain = bert::configuration(settings, family)?;
    Ok(Configuration {
        input_width: settings.size("embedding_size")?.unwrap_or(128),
        // The reference takes this one whatever the blocks have.
        transform_activation: Activation::Gelu,
        ..plain
    })
}

fn electra_names(family: &Family, configuration: &Configuration) -> Names {
    let narrow = configuration.input_width != configuration.width;
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            projection: narrow.then_some(Projection {
                stem: "embeddings_project",
                biases: Biases::All,
                first: false,
            }),
            ..bert::embedding(family)
        },
        stack: bert::STACK,
        encoder: None,
        transform: transform(family, "generator_predictions.dense", Biases::All),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}
