//! GPT-2 (Radford et al., 2019), which CPM-LM (Zhang et al., 2020) is, too.
//!
//! Reference: `models/gpt2/modeling_gpt2.py` of transformers.

use serde_json::json;

use super::Forward;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, Scores};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, Order, StackNames};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family GPT-2.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["gpt2"],
    configuration,
    // The first key changes only the order of operations in 16 bits; the others are of older versions, and nothing
    // reads them.
    inert: &["reorder_and_upcast_attn", "n_ctx", "n_special", "predict_special_tokens"],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    settings.only("add_cross_attention", &json!(false), "attention to an encoder")?;
    let width = settings.needed(&["n_embd", "hidden_size"])?;
    let heads = settings.needed(&["n_head", "num_attention_heads"])?;
    let activation = settings.activation("activation_function", Activation::GeluTanh)?;
    let scaled = settings.truth("scale_attn_weights", true)?;
    let by_layer = settings.truth("scale_attn_by_inverse_layer_idx", false)?;
    let scores = match (scaled, by_layer) {
        (true, false) => Scores::InverseRoot,
        (true, true) => Scores::InverseRootAndLayer,
        (false, false) => Scores::Plain,
        (false, true) => {
            let problem = "scores scaled by the layer alone (`scale_attn_weights` false, \
                           `scale_attn_by_inverse_layer_idx` true) are not implemented";
            return Err(settings.refuse(problem));
        }
    };
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["n_layer", "num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.size("n_inner")?.unwrap_or(4 * width),
        context: Some(context(settings)?),
        activation,
        transform_activation: activation,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        scores,
        ..settings.plain(family)?
    })
}

/// Reads the longest sequence, in tokens; old configurations call it `n_ctx`.
fn context(settings: &Settings) -> Result<usize> {
    let keys = ["n_positions", "max_position_embeddings"];
    let said = keys.iter().any(|key| settings.get(key).is_some());
    settings.needed(if said { &keys } else { &["n_positions", "n_ctx"] })
}

fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames {
            positions: Some("wpe.weight"),
            ..EmbeddingNames::of_tokens(family.tied_to)
        },
        stack: StackNames {
            block: "h.{layer}.",
            attention: AttentionNames::Fused(Order::ByKind, ["attn.c_attn", "attn.c_proj"]),
            attention_norm: "ln_1",
            second_norms: None,
            query_key_norms: None,
            cross: None,
            gate: Gate::None,
            inner: "mlp.c_fc",
            outer: "mlp.c_proj",
            experts: None,
            feed_forward_norm: "ln_2",
            final_norm: family.final_norm(),
            disentangled: None,
            buckets: None,
        },
        encoder: None,
        transform: Vec::new(),
        output_projection: None,
        stored: Stored::InOut,
        rotary_factors: None,
    }
}
