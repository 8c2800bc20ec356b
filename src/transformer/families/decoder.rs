//! What most decoders of today share: Llama's sizes, keys and tensor names. Families state what differs.

use serde_json::Value;

use super::rope::Rope;
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{Activation, Biases, Configuration, LayerKinds};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// Keys that change no number in the families of this kind: `original_max_position_embeddings` is read where a scaling asks
/// for it.
pub(super) const INERT: &[&str] =
    &["is_llama_config", "max_window_layers", "original_max_position_embeddings"];

/// Reads the sizes of a decoder with RMSNorm, gated SiLU and rotary positions.
pub(super) fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let head_width = match settings.size("head_dim")? {
        Some(width) => width,
        None => settings.head_width(width, heads)?,
    };
    let activation = settings.activation("hidden_act", Activation::Silu)?;
    Ok(Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers"])?,
        heads,
        key_value_heads: settings.size("num_key_value_heads")?.unwrap_or(heads),
        head_width,
        inner: settings.needed(&["intermediate_size"])?,
        context: settings.size("max_position_embeddings")?,
        activation,
        transform_activation: activation,
        gated: true,
        ..settings.plain(family)?
    })
}

/// The rotary positions of a configuration of this kind.
pub(super) fn rope(configuration: &Configuration) -> Rope {
    Rope::usual(configuration.head_width, configuration.context)
}

/// Rotary positions that are the same in all layers.
pub(super) fn rotary(settings: &Settings, rope: Rope) -> Result<Position> {
    Ok(Position::Rotary { rotary: rope.read(settings)?, local: None })
}

/// Reads a switch as biases of all maps or of none.
pub(super) fn biases(settings: &Settings, key: &str, otherwise: bool) -> Result<Biases> {
    Ok(if settings.truth(key, otherwise)? { Biases::All } else { Biases::None })
}

/// Windows of the same length, itself counted, in all layers, or none.
pub(super) fn window_everywhere(window: Option<usize>, layers: usize) -> LayerKinds {
    let window = window.filter(|window| *window > 0);
    LayerKinds {
        reach: window.map(|window| window - 1),
        local: vec![window.is_some(); layers],
        ..LayerKinds::default()
    }
}

/// Reads which layers see only a window of tokens: the length of the window, itself counted, and `layer_types`, else
/// those that `otherwise` says of each layer.
///
/// # Errors
/// Another number of layers, or a type of layers that is not known.
pub(super) fn window(
    settings: &Settings,
    window: Option<usize>,
    layers: usize,
    otherwise: impl Fn(usize) -> bool,
) -> Result<LayerKinds> {
    let window = window.filter(|window| *window > 0);
    let local: Vec<bool> = match settings.get("layer_types") {
        None => (0..layers).map(otherwise).collect(),
        Some(Value::Array(types)) => types
            .iter()
            .map(|kind| match kind.as_str() {
                Some("full_attention") => Ok(false),
                Some("sliding_attention") => Ok(true),
                _ => Err(settings.refuse(format!(
                    "`layer_types` has {kind}; full_attention and sliding_attention are implemented"
                ))),
            })
            .collect::<Result<_>>()?,
        Some(other) => {
            return Err(settings.refuse(format!("`layer_types` is {other}, not a list")));
        }
    };
    if local.len() != layers {
        let problem = format!("`layer_types` lists {} layers of {layers}", local.len());
        return Err(settings.refuse(problem));
    }
    if window.is_none() && local.contains(&true) {
        return Err(settings.refuse("`layer_types` has windows, but `sliding_window` is missing"));
    }
    Ok(LayerKinds { reach: window.map(|window| window - 1), local, ..LayerKinds::default() })
}

/// The names of Llama's tensors.
pub(super) fn names(family: &Family, _: &Configuration) -> Names {
    Names {
        bodies: family.bodies,
        embedding: EmbeddingNames::of_tokens(family.tied_to),
        stack: stack(family),
        encoder: None,
        transform: Vec::new(),
        stored: Stored::OutIn,
        output_projection: None,
        rotary_factors: None,
    }
}

/// The names of the tensors of Llama's blocks, and of the family's final norm.
pub(super) fn stack(family: &Family) -> StackNames {
    StackNames {
        block: "layers.{layer}.",
        attention: AttentionNames::Separate([
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
        ]),
        attention_norm: "input_layernorm",
        second_norms: None,
        query_key_norms: None,
        cross: None,
        gate: Gate::Own("mlp.gate_proj"),
        inner: "mlp.up_proj",
        outer: "mlp.down_proj",
        experts: None,
        feed_forward_norm: "post_attention_layernorm",
        final_norm: family.final_norm(),
        disentangled: None,
        buckets: None,
    }
}
