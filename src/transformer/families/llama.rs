//! Llama (Touvron et al., 2023) and models built like it: rotary positions, grouped-query attention, gated layers.
//!
//! Reference: `models/llama/modeling_llama.py` of transformers.

use serde_json::{Map, Value, json};

use super::Family;
use crate::error::Result;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, Direction, NormKind, Pairing, Placement, Position,
    RotaryScaling, Scores, Sharing,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Names, StackNames};
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family Llama.
pub(super) const FAMILY: Family = Family {
    name: "Llama",
    model_types: &["llama"],
    configuration,
    // `original_max_position_embeddings` is read where a scaling asks for it.
    inert: &["is_llama_config", "max_window_layers", "original_max_position_embeddings"],
    names,
};

fn configuration(settings: &Settings) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let activation = settings.activation("hidden_act", Activation::Silu)?;
    settings.only("pretraining_tp", &json!(1), "tensors cut for parallel training")?;
    let context = settings.size("max_position_embeddings")?;
    window(settings, context)?;
    let (base, scaling) = rotary(settings, context)?;
    let biases = |key: &str| -> Result<Biases> {
        Ok(if settings.truth(key, false)? { Biases::All } else { Biases::None })
    };
    let head_width = match settings.size("head_dim")? {
        Some(width) => width,
        None => settings.head_width(width, heads)?,
    };
    Ok(Configuration {
        family: FAMILY.name,
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers"])?,
        encoder: None,
        heads,
        key_value_heads: settings.size("num_key_value_heads")?.unwrap_or(heads),
        head_width,
        inner: settings.needed(&["intermediate_size"])?,
        context,
        segments: 0,
        norm: NormKind::RootMeanSquare,
        epsilon: settings.number("rms_norm_eps", 1e-6)?,
        placement: Placement::Before,
        position: Position::Rotary { base, scaling, pairing: Pairing::Halves },
        activation,
        transform_activation: activation,
        gated: true,
        sharing: Sharing::None,
        attention_biases: biases("attention_bias")?,
        feed_forward_biases: biases("mlp_bias")?,
        scores: Scores::InverseRoot,
        embedding_scale: 1.0,
        output_scale: 1.0,
        attention: Direction::Backwards,
        special: settings.special()?,
    })
}

/// Refuses a sliding window that is shorter than the longest sequence. A longer one, or one that is switched off,
/// masks nothing.
fn window(settings: &Settings, context: Option<usize>) -> Result<()> {
    let used = settings.truth("use_sliding_window", true)?;
    match (settings.size("sliding_window"), context) {
        _ if !used => Ok(()),
        (Ok(None | Some(0)), _) => Ok(()),
        (Ok(Some(window)), Some(context)) if window >= context => Ok(()),
        (Ok(Some(window)), _) => Err(settings.refuse(format!(
            "`sliding_window` is {window}: attention that sees only so many tokens back is not implemented"
        ))),
        (Err(error), _) => Err(error),
    }
}

/// Reads the base of the rotary frequencies and their scaling: `rope_parameters` since transformers 5, `rope_theta`
/// and `rope_scaling` before.
fn rotary(settings: &Settings, context: Option<usize>) -> Result<(f64, RotaryScaling)> {
    let mut base = settings.number("rope_theta", 10_000.0)?;
    let mut scaling = RotaryScaling::None;
    let mut given = None;
    for key in ["rope_parameters", "rope_scaling"] {
        let Some(value) = settings.get(key) else { continue };
        let Value::Object(map) = value else {
            return Err(settings.refuse(format!("`{key}` is {value}, not an object")));
        };
        let rope = Rope { settings, key, map };
        if let Some(theta) = rope.number("rope_theta")? {
            base = theta;
        }
        let own = rope.scaling(context)?;
        if given.is_some_and(|other| other != own) {
            return Err(
                settings.refuse("`rope_parameters` and `rope_scaling` say different things")
            );
        }
        (given, scaling) = (Some(own), own);
    }
    Ok((base, scaling))
}

/// One of the two objects `rope_parameters` and `rope_scaling`.
struct Rope<'a> {
    settings: &'a Settings,
    key: &'static str,
    map: &'a Map<String, Value>,
}

impl Rope<'_> {
    /// Reads a number of the object; `None` where it is missing or null.
    fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.map.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let wrong =
            || self.settings.refuse(format!("`{}.{name}` is {value}, not a number", self.key));
        value.as_f64().map(Some).ok_or_else(wrong)
    }

    /// Reads a number of the object that must be there.
    fn needed(&self, name: &str) -> Result<f64> {
        let missing = || self.settings.refuse(format!("`{}.{name}` is missing", self.key));
        self.number(name)?.ok_or_else(missing)
    }

    /// Reads the scaling that the object states.
    fn scaling(&self, context: Option<usize>) -> Result<RotaryScaling> {
        let key = self.key;
        let kind = self.map.get("rope_type").or_else(|| self.map.get("type"));
        let kind = match kind {
            None | Some(Value::Null) => "default",
            Some(Value::String(kind)) => kind,
            Some(kind) => {
                return Err(self
                    .settings
                    .refuse(format!("the type of `{key}` is {kind}, not a string")));
            }
        };
        let mut known = vec!["rope_type", "type", "rope_theta", "partial_rotary_factor"];
        let scaling = match (kind, context) {
            ("default", _) => RotaryScaling::None,
            ("linear", _) => {
                known.push("factor");
                RotaryScaling::Linear { factor: self.needed("factor")? }
            }
            // Dynamic scaling changes the base only beyond the context, which no sequence here exceeds.
            ("dynamic", Some(_)) => {
                known.push("factor");
                self.needed("factor")?;
                RotaryScaling::None
            }
            ("llama3", _) => {
                let names = [
                    "factor",
                    "low_freq_factor",
                    "high_freq_factor",
                    "original_max_position_embeddings",
                ];
                known.extend(names);
                self.llama3(context)?
            }
            _ => {
                return Err(self.settings.refuse(format!(
                    "`{key}` is of type `{kind}`; default, linear, dynamic (with `max_position_embeddings`) and llama3 \
                     are implemented"
                )));
            }
        };
        if self.number("partial_rotary_factor")?.is_some_and(|part| part != 1.0) {
            return Err(self
                .settings
                .refuse(format!("`{key}` rotates a part of each head; all is implemented")));
        }
        let rest = self.map.iter().find(|(k, v)| !v.is_null() && !known.contains(&k.as_str()));
        match rest {
            Some((name, value)) => Err(self.settings.refuse(format!(
                "`{key}.{name}` ({value}) is not known for rotary positions of type `{kind}`"
            ))),
            None => Ok(scaling),
        }
    }

    /// Reads Llama 3's scaling.
    fn llama3(&self, context: Option<usize>) -> Result<RotaryScaling> {
        let name = "original_max_position_embeddings";
        // The reference prefers the length that stands outside the object.
        let outside = self.settings.size(name)?.map(|length| length as f64);
        let inside = self.number(name)?.or(context.map(|length| length as f64));
        let Some(original) = outside.or(inside) else {
            return Err(self.settings.refuse(format!("`{}.{name}` is missing", self.key)));
        };
        Ok(RotaryScaling::Llama3 {
            factor: self.needed("factor")?,
            low: self.needed("low_freq_factor")?,
            high: self.needed("high_freq_factor")?,
            original,
        })
    }
}

fn names(_: &Configuration) -> Names {
    Names {
        bodies: &["model.", ""],
        embedding: EmbeddingNames {
            tokens: &["embed_tokens.weight"],
            positions: None,
            segments: None,
            norm: None,
            projection: None,
        },
        stack: StackNames {
            block: "layers.{layer}.",
            attention: AttentionNames::Separate([
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
            ]),
            attention_norm: "input_layernorm",
            cross: None,
            gate: Some("mlp.gate_proj"),
            inner: "mlp.up_proj",
            outer: "mlp.down_proj",
            feed_forward_norm: "post_attention_layernorm",
            final_norm: Some("norm"),
            buckets: None,
        },
        encoder: None,
        transform: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}
