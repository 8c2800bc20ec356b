//! Llama in GGUF, by the keys and names of llama.cpp (`src/llama-arch.cpp`).
//!
//! The converter permutes the rows of queries and keys, so that neighbouring coordinates turn together.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};
use crate::transformer::configuration::{
    Activation, Configuration, Direction, NormKind, Pairing, Placement, Position, Scores, Sharing,
    Special, divided,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Names, StackNames};
use crate::transformer::weights::{Biases, Stored};

/// The token embedding, which says how many tokens there are.
const EMBEDDING: &str = "token_embd.weight";

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
    let width = needed("llama.embedding_length")?;
    let heads = needed("llama.attention.head_count")?;
    let head_width = match size("llama.attention.key_length")? {
        Some(width) => width,
        None => divided(width, heads).map_err(&refuse)?,
    };
    let turned = size("llama.rope.dimension_count")?.unwrap_or(head_width);
    if turned != head_width {
        return Err(refuse(format!(
            "metadata `llama.rope.dimension_count` is {turned}, but only heads that turn as a whole ({head_width}) \
             are implemented"
        )));
    }
    if let Some(kind) = metadata.get_str("llama.rope.scaling.type")?.filter(|kind| *kind != "none")
    {
        return Err(refuse(format!(
            "metadata `llama.rope.scaling.type` is `{kind}`, which is not implemented; `none` is"
        )));
    }
    for name in ["rope_freqs.weight", "blk.0.ffn_gate_inp.weight"] {
        if checkpoint.tensors().iter().any(|info| info.name == name) {
            return Err(refuse(format!(
                "tensor `{name}` belongs to a variant of Llama (scaled positions, experts) that is not implemented"
            )));
        }
    }
    let id = |key: &str| -> Result<Option<u32>> {
        let key = format!("tokenizer.ggml.{key}");
        Ok(metadata.get_u64(&key)?.and_then(|id| u32::try_from(id).ok()))
    };
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
        context: size("llama.context_length")?,
        segments: 0,
        norm: NormKind::RootMeanSquare,
        epsilon: metadata.get_f64("llama.attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5),
        placement: Placement::Before,
        position: Position::Rotary {
            base: metadata.get_f64("llama.rope.freq_base")?.unwrap_or(10_000.0),
            pairing: Pairing::Neighbours,
        },
        activation: Activation::Silu,
        transform_activation: Activation::Silu,
        gated: true,
        sharing: Sharing::None,
        scores: Scores::InverseRoot,
        embedding_scale: 1.0,
        output_scale: 1.0,
        attention: Direction::Backwards,
        special: Special {
            beginning: id("bos_token_id")?,
            end: id("eos_token_id")?.into_iter().collect(),
            padding: id("padding_token_id")?,
            decoder_start: None,
        },
    })
}

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
        biases: Biases::Stored,
    }
}
