//! Llama in GGUF files, by the keys and names of llama.cpp (`src/llama-arch.cpp`).
//!
//! The converter permutes the rows of queries and keys, so that neighbouring coordinates are rotated together.

use std::path::Path;

use super::gguf_keys;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};
use crate::transformer::configuration::{
    Activation, Biases, Configuration, Direction, NormKind, Pairing, Placement, Position,
    RotaryScaling, Scores, Sharing, Special, divided,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Names, StackNames};
use crate::transformer::weights::Stored;

/// The token embedding, whose number of rows is the number of tokens.
const EMBEDDING: &str = "token_embd.weight";

/// The key of the term added to the mean square in a norm; it has no default.
const EPSILON: &str = "llama.attention.layer_norm_rms_epsilon";

/// The tensor of factors for the rotary frequencies, one per pair of coordinates; the converter stores Llama 3.1's
/// scaling this way.
const ROTARY_FACTORS: &str = "rope_freqs.weight";

/// The keys that are read here, without the prefix `llama.`.
const READ: &[&str] = &[
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.factor",
    "rope.scaling.type",
    "vocab_size",
];

/// Reads the configuration from the metadata of a GGUF file.
pub(super) fn configuration(
    checkpoint: &dyn Checkpoint,
    metadata: &Metadata,
    path: &Path,
) -> Result<Configuration> {
    let refuse = |problem: String| Error::malformed(path, problem);
    let size = |key: &str| -> Result<Option<usize>> {
        let Some(size) = metadata.get_u64(key)? else { return Ok(None) };
        match i32::try_from(size) {
            Ok(size) => Ok(Some(size as usize)),
            Err(_) => Err(refuse(format!("metadata `{key}` is {size}, which is no size"))),
        }
    };
    let needed = |key: &str| -> Result<usize> {
        size(key)?.ok_or_else(|| refuse(format!("metadata `{key}` is missing")))
    };
    let embedding = checkpoint.tensors().iter().find(|info| info.name == EMBEDDING);
    let tokens = match embedding.map(|info| &info.shape[..]) {
        Some(&[tokens, _]) => tokens,
        Some(shape) => {
            let problem = format!("tensor `{EMBEDDING}` has shape {shape:?}, but is a matrix");
            return Err(refuse(problem));
        }
        None => return Err(refuse(format!("tensor `{EMBEDDING}` is missing"))),
    };
    gguf_keys::check(metadata, "llama", READ, path)?;
    if let Some(said) = size("llama.vocab_size")?.filter(|said| *said != tokens) {
        return Err(refuse(format!(
            "metadata `llama.vocab_size` is {said}, but tensor `{EMBEDDING}` has {tokens} rows"
        )));
    }
    let width = needed("llama.embedding_length")?;
    let heads = needed("llama.attention.head_count")?;
    let head_width = match size("llama.attention.key_length")? {
        Some(width) => width,
        None => divided(width, heads).map_err(&refuse)?,
    };
    if let Some(values) = size("llama.attention.value_length")?.filter(|n| *n != head_width) {
        return Err(refuse(format!(
            "metadata `llama.attention.value_length` is {values}, but only values as wide as keys ({head_width}) are \
             implemented"
        )));
    }
    let context = size("llama.context_length")?;
    let window = size("llama.attention.sliding_window")?.filter(|window| *window != 0);
    if let Some(window) = window.filter(|&window| context.is_none_or(|context| window < context)) {
        return Err(refuse(format!(
            "metadata `llama.attention.sliding_window` is {window}: attention that sees only so many tokens back is not \
             implemented"
        )));
    }
    let turned = size("llama.rope.dimension_count")?.unwrap_or(head_width);
    if turned != head_width {
        return Err(refuse(format!(
            "metadata `llama.rope.dimension_count` is {turned}, but only heads that turn as a whole ({head_width}) \
             are implemented"
        )));
    }
    let causal = metadata.get_bool("llama.attention.causal")?.unwrap_or(true);
    let id = |key: &str| -> Result<Option<u32>> {
        let key = format!("tokenizer.ggml.{key}");
        Ok(metadata.get_u64(&key)?.and_then(|id| u32::try_from(id).ok()))
    };
    let ids = |key: &str| -> Result<Vec<u32>> {
        let ids = metadata.get_array_i64(&format!("tokenizer.ggml.{key}"))?.unwrap_or_default();
        Ok(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect())
    };
    // Each of these tokens ends a text, as in llama.cpp.
    let ends = [id("eos_token_id")?, id("eot_token_id")?, id("eom_token_id")?];
    let mut end: Vec<u32> = ends.into_iter().flatten().chain(ids("eos_token_ids")?).collect();
    end.sort_unstable();
    end.dedup();
    Ok(Configuration {
        family: "Llama",
        tokens,
        width,
        input_width: width,
        layers: needed("llama.block_count")?,
        encoder: None,
        heads,
        key_value_heads: size("llama.attention.head_count_kv")?.unwrap_or(heads),
        head_width,
        inner: needed("llama.feed_forward_length")?,
        context,
        segments: 0,
        norm: NormKind::RootMeanSquare,
        epsilon: metadata
            .get_f64(EPSILON)?
            .ok_or_else(|| refuse(format!("metadata `{EPSILON}` is missing")))?,
        placement: Placement::Before,
        position: Position::Rotary {
            base: metadata.get_f64("llama.rope.freq_base")?.unwrap_or(10_000.0),
            scaling: scaling(metadata, path)?,
            pairing: Pairing::Neighbours,
        },
        activation: Activation::Silu,
        transform_activation: Activation::Silu,
        gated: true,
        sharing: Sharing::None,
        attention_biases: Biases::Stored,
        feed_forward_biases: Biases::Stored,
        scores: Scores::InverseRoot,
        embedding_scale: 1.0,
        output_scale: 1.0,
        attention: if causal { Direction::Backwards } else { Direction::Both },
        special: Special {
            beginning: id("bos_token_id")?,
            end,
            padding: id("padding_token_id")?,
            decoder_start: None,
        },
    })
}

/// Reads the scaling of rotary positions as llama.cpp does (`llama_model::load_hparams`): a factor without a type is
/// linear, and `rope.scale_linear` is the factor's older name.
fn scaling(metadata: &Metadata, path: &Path) -> Result<RotaryScaling> {
    const TYPE: &str = "llama.rope.scaling.type";
    const FACTOR: &str = "llama.rope.scaling.factor";
    const LINEAR: &str = "llama.rope.scale_linear";
    let refuse = |problem: String| Err(Error::malformed(path, problem));
    let kind = metadata.get_str(TYPE)?;
    let (factor, linear) = (metadata.get_f64(FACTOR)?, metadata.get_f64(LINEAR)?);
    if let (Some(factor), Some(linear)) = (factor, linear)
        && factor != linear
    {
        return refuse(format!(
            "metadata `{FACTOR}` is {factor}, but `{LINEAR}`, which means the same, is {linear}"
        ));
    }
    // A factor of 0 means that there is none.
    let factor = factor.or(linear).filter(|factor| *factor != 0.0).unwrap_or(1.0);
    match kind {
        None | Some("linear") if factor == 1.0 => Ok(RotaryScaling::None),
        None | Some("linear") => Ok(RotaryScaling::Linear { factor }),
        Some("none") if factor == 1.0 => Ok(RotaryScaling::None),
        Some("none") => refuse(format!(
            "metadata `{TYPE}` is `none`, but there is a factor of {factor} by which to scale"
        )),
        Some(kind) => refuse(format!(
            "metadata `{TYPE}` is `{kind}`, which is not implemented; `none` and `linear` are"
        )),
    }
}

/// Returns the names of the tensors in a GGUF file.
pub(super) fn names() -> Names {
    Names {
        bodies: &[""],
        embedding: EmbeddingNames {
            tokens: &[EMBEDDING],
            positions: None,
            segments: None,
            norm: None,
            projection: None,
        },
        stack: StackNames {
            block: "blk.{layer}.",
            attention: AttentionNames::Apart(["attn_q", "attn_k", "attn_v", "attn_output"]),
            attention_norm: "attn_norm",
            cross: None,
            gate: Some("ffn_gate"),
            inner: "ffn_up",
            outer: "ffn_down",
            feed_forward_norm: "ffn_norm",
            final_norm: Some("output_norm"),
            buckets: None,
        },
        encoder: None,
        transform: None,
        stored: Stored::OutIn,
        rotary_factors: Some(ROTARY_FACTORS),
    }
}
