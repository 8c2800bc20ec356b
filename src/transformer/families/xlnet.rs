//! XLNet (Yang et al., 2019): relative positions, and a second stream of queries that do not see their own token.
//!
//! Reference: `models/xlnet/modeling_xlnet.py` of transformers.

use serde_json::json;

use super::Forward;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Direction, Placement};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family XLNet.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["xlnet"],
    configuration,
    // Keys about the memory of earlier texts, which is not kept here, and about the search for answers to questions.
    inert: &[
        "end_n_top",
        "mem_len",
        "reuse_len",
        "start_n_top",
        "use_mems",
        "use_mems_eval",
        "use_mems_train",
    ],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("untie_r", &json!(true), "biases that all layers share")?;
    settings.only("bi_data", &json!(false), "two directions in one batch")?;
    settings.only("same_length", &json!(false), "attention of one length")?;
    let width = settings.needed(&["d_model", "hidden_size"])?;
    let heads = settings.needed(&["n_head", "num_attention_heads"])?;
    let head_width = settings.head_width(width, heads)?;
    if let Some(said) = settings.size("d_head")?.filter(|said| *said != head_width) {
        return Err(settings.refuse(format!(
            "`d_head` is {said}, but {heads} heads of a state of {width} have {head_width} coordinates each"
        )));
    }
    if width % 2 == 1 {
        return Err(
            settings.refuse(format!("`d_model` is {width}, but its sinusoids need an even number"))
        );
    }
    let activation = settings.activation("ff_activation", Activation::Gelu)?;
    let attention = match settings.text("attn_type")? {
        None | Some("bi") => Direction::Both,
        Some("uni") => Direction::Backwards,
        Some(kind) => {
            return Err(settings.refuse(format!("`attn_type` is `{kind}`, not bi or uni")));
        }
    };
    let clamp = match settings.number("clamp_len", -1.0)? {
        clamp if clamp <= 0.0 => None,
        clamp if clamp.fract() == 0.0 => Some(clamp as usize),
        clamp => return Err(settings.refuse(format!("`clamp_len` is {clamp}, not a length"))),
    };
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size", "n_token"])?,
        width,
        input_width: width,
        layers: settings.needed(&["n_layer", "num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width,
        inner: settings.needed(&["d_inner"])?,
        placement: Placement::After,
        position: Position::Relative { clamp },
        activation,
        transform_activation: activation,
        feed_forward_biases: Biases::All,
        attention,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames::of_tokens(family.tied_to),
        stack: StackNames {
            block: "layer.{layer}.",
            attention: AttentionNames::Relative("rel_attn."),
            attention_norm: "rel_attn.layer_norm",
            second_norms: None,
            query_key_norms: None,
            cross: None,
            gate: Gate::None,
            inner: "ff.layer_1",
            outer: "ff.layer_2",
            experts: None,
            feed_forward_norm: "ff.layer_norm",
            final_norm: None,
            disentangled: None,
            buckets: None,
        },
        encoder: None,
        transform: Vec::new(),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}
