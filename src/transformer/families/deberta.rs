//! DeBERTa v2 and v3 (He et al., 2021, 2023): BERT whose scores have terms of learned vectors of distances, and in some
//! models no positions in the embedding, and a convolution beside the first block.
//!
//! Reference: `models/deberta_v2/modeling_deberta_v2.py` of transformers. Its head is `cls.predictions` or, in published
//! checkpoints, `lm_predictions`; the one that is stored counts, whatever `legacy` says.

use serde_json::{Value, json};

use super::{Forward, bert};
use crate::error::Result;
use crate::families::Family;
use crate::transformer::configuration::{
    Activation, Biases, Configuration, Direction, DisentangledSizes, Placement, ResidualSizes,
    Scores,
};
use crate::transformer::names::{AttentionNames, DisentangledNames, Names, StackNames};
use crate::transformer::positions::Position;
use crate::transformer::settings::Settings;
use crate::transformer::weights::Stored;

/// The family DeBERTa v2, which v3 is too.
pub(super) const FORWARD: Forward = Forward {
    model_types: &["deberta-v2"],
    configuration,
    // The file holds one of the two heads, and the pooler is no part of them.
    inert: &["legacy", "pooler_hidden_act", "pooler_hidden_size", "pooling"],
    names,
};

fn configuration(settings: &Settings, family: &Family) -> Result<Configuration> {
    let width = settings.needed(&["hidden_size"])?;
    let heads = settings.needed(&["num_attention_heads"])?;
    let head_width = settings.head_width(width, heads)?;
    settings.only("attention_head_size", &json!(head_width), "heads of another width")?;
    let activation = settings.activation("hidden_act", Activation::Gelu)?;
    let context = settings.needed(&["max_position_embeddings"])?;
    let table = settings.truth("position_biased_input", true)?;
    let [as_keys, as_queries] = kinds(settings)?;
    // Each kind of scores that is named divides all of them, whether or not there are distances.
    let terms = 1 + usize::from(as_keys) + usize::from(as_queries);
    let configuration = Configuration {
        tokens: settings.needed(&["vocab_size"])?,
        width,
        input_width: width,
        layers: settings.needed(&["num_hidden_layers"])?,
        heads,
        key_value_heads: heads,
        head_width,
        inner: settings.needed(&["intermediate_size"])?,
        context: table.then_some(context),
        segments: settings.size("type_vocab_size")?.unwrap_or(0),
        placement: Placement::After,
        position: match table {
            true => Position::Learned { offset: 0, padding: None },
            false => Position::None,
        },
        disentangled: disentangled(settings, context, [as_keys, as_queries])?,
        convolution: convolution(settings)?,
        scores: Scores::Factor(((head_width * terms) as f64).sqrt().recip()),
        activation,
        transform_activation: activation,
        attention_biases: Biases::All,
        feed_forward_biases: Biases::All,
        attention: Direction::Both,
        ..settings.plain(family)?
    };
    bert::one_width(settings, &configuration)?;
    Ok(configuration)
}

/// Reads whether distances are keys and whether they are queries.
fn kinds(settings: &Settings) -> Result<[bool; 2]> {
    let named: Vec<String> = match settings.get("pos_att_type") {
        None => Vec::new(),
        Some(Value::String(text)) => {
            text.to_lowercase().split('|').map(|kind| kind.trim().to_owned()).collect()
        }
        Some(Value::Array(kinds)) => kinds
            .iter()
            .map(|kind| kind.as_str().map(str::to_owned).unwrap_or_else(|| kind.to_string()))
            .collect(),
        Some(other) => {
            return Err(settings.refuse(format!("`pos_att_type` is {other}, not a list of kinds")));
        }
    };
    let known = |kind: &&String| ["c2p", "p2c", ""].contains(&kind.as_str());
    match named.iter().find(|kind| !known(kind)) {
        Some(kind) => {
            Err(settings
                .refuse(format!("`pos_att_type` names `{kind}`; c2p and p2c are implemented")))
        }
        None => Ok(["c2p", "p2c"].map(|kind| named.iter().any(|named| named == kind))),
    }
}

/// Reads the sizes of the table of distances; `None` without distances.
fn disentangled(
    settings: &Settings,
    context: usize,
    [as_keys, as_queries]: [bool; 2],
) -> Result<Option<DisentangledSizes>> {
    // The keys are read in any case, so that they are known.
    let furthest = count(settings, "max_relative_positions", -1)?.unwrap_or(context);
    let buckets = count(settings, "position_buckets", -1)?;
    let shared = settings.truth("share_att_key", false)?;
    let norm = settings.text("norm_rel_ebd")?.unwrap_or("none").to_lowercase();
    let mut norms = norm.split('|').map(str::trim);
    if let Some(other) = norms.clone().find(|norm| !["none", "layer_norm"].contains(norm)) {
        return Err(settings.refuse(format!(
            "`norm_rel_ebd` names `{other}`; none and layer_norm are implemented"
        )));
    }
    let sizes = DisentangledSizes {
        span: buckets.unwrap_or(furthest),
        furthest: buckets.map(|_| furthest),
        as_keys,
        as_queries,
        shared,
        normed: norms.any(|norm| norm == "layer_norm"),
    };
    Ok(settings.truth("relative_attention", false)?.then_some(sizes))
}

/// Reads the convolution beside the first block; `None` without one.
fn convolution(settings: &Settings) -> Result<Option<ResidualSizes>> {
    let kernel = count(settings, "conv_kernel_size", 0)?;
    let groups = settings.size("conv_groups")?.unwrap_or(1);
    let activation = settings.activation("conv_act", Activation::Tanh)?;
    Ok(kernel.map(|kernel| ResidualSizes { kernel, groups, activation }))
}

/// Reads a number of which all below 1 mean none.
fn count(settings: &Settings, key: &str, otherwise: i64) -> Result<Option<usize>> {
    let number = settings.number(key, otherwise as f64)?;
    if number < 1.0 && number.fract() == 0.0 {
        return Ok(None);
    }
    settings.size(key)
}

fn names(family: &Family, _: &Configuration) -> Names {
    let dense = ["cls.predictions.transform.dense", "lm_predictions.lm_head.dense"];
    let norms = family.norm_stems().iter();
    Names {
        bodies: family.bodies,
        embedding: bert::embedding(family),
        stack: StackNames {
            attention: AttentionNames::Separate([
                "attention.self.query_proj",
                "attention.self.key_proj",
                "attention.self.value_proj",
                "attention.output.dense",
            ]),
            disentangled: Some(DisentangledNames {
                table: ["encoder.rel_embeddings.weight", "encoder.LayerNorm"],
                maps: ["attention.self.pos_key_proj", "attention.self.pos_query_proj"],
                convolution: "encoder.conv.",
            }),
            ..bert::STACK
        },
        encoder: None,
        transform: dense.into_iter().zip(norms).map(|(a, b)| (a, *b, Biases::All)).collect(),
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: None,
    }
}
