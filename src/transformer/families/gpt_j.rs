//! GPT-J (Wang and Komatsuzaki, 2021): attention and feed-forward layer side by side, the first coordinates of each head
//! rotated by neighbours. GPT-Neo (Black et al., 2021): GPT-2 with scores that are not scaled and windows in every
//! other layer.
//!
//! Reference: `models/gptj/modeling_gptj.py` and `models/gpt_neo/modeling_gpt_neo.py` of transformers.

use serde_json::Value;

use super::Forward;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, LayerKinds, Placement, Scores,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::positions::{Pairing, Position, Rotary};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family GPT-J.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["gptj"],
    configuration,
    // The reference scales scores in any case, and reads none of these.
    inert: &["n_ctx", "rotary", "scale_attn_weights"],
    names,
};

/// The family GPT-Neo.
pub(super) const NEO: Forward = Forward {
    model_types: &["gpt_neo"],
    configuration: neo,
    inert: &["attention_layers"],
    names: neo_names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["n_embd", "hidden_size"])?;
    let heads = settings.needed(&["n_head", "num_attention_heads"])?;
    let head_width = settings.head_width(width, heads)?;
    // Without the key the reference rotates 64 coordinates; with null, all.
    let turned = match settings.has("rotary_dim") {
        true => settings.size("rotary_dim")?.unwrap_or(head_width),
        false => 64,
    };
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["n_layer", "num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width,
        inner: settings.size("n_inner")?.unwrap_or(4 * width),
        context: Some(settings.needed(&["n_positions", "max_position_embeddings"])?),
        placement: Placement::ParallelOne,
        position: Position::Rotary {
            rotary: Rotary::plain(turned, 10_000.0, Pairing::Neighbours),
            local: None,
        },
        activation: settings.activation("activation_function", Activation::GeluTanh)?,
        feed_forward_biases: Biases::All,
        ..settings.plain(family)?
    })
}

fn names(family: &Family, _: &Configuration) -> Names {
    let stack = StackNames {
        attention: AttentionNames::Separate([
            "attn.q_proj",
            "attn.k_proj",
            "attn.v_proj",
            "attn.out_proj",
        ]),
        inner: "mlp.fc_in",
        outer: "mlp.fc_out",
        ..stack(family)
    };
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames::of_tokens(family.tied_to),
        stack,
        encoder: None,
        transform: Vec::new(),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}

fn neo(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_heads", "num_attention_heads"])?;
    let layers = settings.needed(&["num_layers", "num_hidden_layers"])?;
    let window = settings.size("window_size")?.unwrap_or(256);
    let local = local_layers(settings, layers)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers,
        heads,
        key_value_heads: heads,
        head_width: settings.head_width(width, heads)?,
        inner: settings.size("intermediate_size")?.unwrap_or(4 * width),
        context: Some(settings.needed(&["max_position_embeddings"])?),
        layer_kinds: LayerKinds { reach: Some(window.max(1) - 1), local, ..LayerKinds::default() },
        activation: settings.activation("activation_function", Activation::GeluTanh)?,
        attention_biases: Biases::Output,
        feed_forward_biases: Biases::All,
        scores: Scores::Plain,
        ..settings.plain(family)?
    })
}

/// Reads which layers have windows, from `attention_types`: pairs of a list of kinds and how often it is repeated.
fn local_layers(settings: &Settings, layers: usize) -> Result<Vec<bool>> {
    let alternating = |layer: usize| layer % 2 == 1;
    let Some(types) = settings.get("attention_types") else {
        return Ok((0..layers).map(alternating).collect());
    };
    let wrong = || settings.refuse(format!("`attention_types` is {types}, not kinds and counts"));
    let mut local = Vec::new();
    for pair in types.as_array().ok_or_else(wrong)? {
        let [Value::Array(kinds), count] = pair.as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(wrong());
        };
        let count = count.as_u64().filter(|count| *count <= layers as u64).ok_or_else(wrong)?;
        for _ in 0..count {
            for kind in kinds {
                local.push(match kind.as_str() {
                    Some("global") => false,
                    Some("local") => true,
                    _ => return Err(wrong()),
                });
            }
        }
    }
    if local.len() != layers {
        let problem = format!("`attention_types` lists {} layers of {layers}", local.len());
        return Err(settings.refuse(problem));
    }
    Ok(local)
}

fn neo_names(family: &Family, configuration: &Configuration) -> Names {
    let embedding = EmbeddingNames {
        positions: Some("wpe.weight"),
        ..EmbeddingNames::of_tokens(family.tied_to)
    };
    Names { embedding, stack: stack(family), ..names(family, configuration) }
}

/// The names of GPT-Neo's blocks, and of the final norm.
fn stack(family: &Family) -> StackNames {
    StackNames {
        block: "h.{layer}.",
        attention: AttentionNames::Separate([
            "attn.attention.q_proj",
            "attn.attention.k_proj",
            "attn.attention.v_proj",
            "attn.attention.out_proj",
        ]),
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
    }
}
