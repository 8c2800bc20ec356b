//! Llama in GGUF files, by the keys and names of llama.cpp (`src/llama-arch.cpp`).
//!
//! The converter permutes the rows of queries and keys, so that neighbouring coordinates are rotated together.

use std::path::Path;

use super::gguf_keys;
use crate::checkpoint::Checkpoint;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};
use crate::transformer::configuration::{
    Activation, Biases, Configuration, Direction, NormKind, Pairing, Position, Rotary, Special,
    divided,
};
use crate::transformer::names::{AttentionNames, EmbeddingNames, Gate, Names, StackNames};
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
    let keys = Keys { metadata, path };
    let tokens = rows_of_embedding(checkpoint, path)?;
    gguf_keys::check(metadata, "llama", READ, path)?;
    if let Some(said) = keys.size("llama.vocab_size")?.filter(|said| *said != tokens) {
        return Err(keys.refuse(format!(
            "metadata `llama.vocab_size` is {said}, but tensor `{EMBEDDING}` has {tokens} rows"
        )));
    }
    let width = keys.needed_size("llama.embedding_length")?;
    let heads = keys.needed_size("llama.attention.head_count")?;
    let head_width = keys.head_width(width, heads)?;
    let context = keys.size("llama.context_length")?;
    keys.refuse_window(context)?;
    keys.refuse_partial_rotation(head_width)?;
    let causal = metadata.get_bool("llama.attention.causal")?.unwrap_or(true);
    let end = keys.ends_of_text()?;
    Ok(Configuration {
        tokens,
        width,
        input_width: width,
        layers: keys.needed_size("llama.block_count")?,
        heads,
        key_value_heads: keys.size("llama.attention.head_count_kv")?.unwrap_or(heads),
        head_width,
        inner: keys.needed_size("llama.feed_forward_length")?,
        context,
        norm: NormKind::RootMeanSquare,
        epsilon: metadata.get_f64(EPSILON)?.ok_or_else(|| keys.missing(EPSILON))?,
        position: Position::Rotary { rotary: rotary(metadata, path, head_width)?, local: None },
        activation: Activation::Silu,
        transform_activation: Activation::Silu,
        gated: true,
        attention_biases: Biases::Stored,
        feed_forward_biases: Biases::Stored,
        attention: if causal { Direction::Backwards } else { Direction::Both },
        special: Special {
            beginning: keys.token("bos_token_id")?,
            end,
            padding: keys.token("padding_token_id")?,
            decoder_start: None,
        },
        ..Configuration::plain("Llama")
    })
}

/// Returns the number of tokens: the rows of the token embedding.
fn rows_of_embedding(checkpoint: &dyn Checkpoint, path: &Path) -> Result<usize> {
    let refuse = |problem: String| Err(Error::malformed(path, problem));
    let embedding = checkpoint.tensors().iter().find(|info| info.name == EMBEDDING);
    match embedding.map(|info| &info.shape[..]) {
        Some(&[tokens, _]) => Ok(tokens),
        Some(shape) => refuse(format!("tensor `{EMBEDDING}` has shape {shape:?}, but is a matrix")),
        None => refuse(format!("tensor `{EMBEDDING}` is missing")),
    }
}

/// The metadata of a file, read as the sizes and tokens that a configuration needs.
struct Keys<'a> {
    metadata: &'a Metadata,
    path: &'a Path,
}

impl Keys<'_> {
    fn refuse(&self, problem: String) -> Error {
        Error::malformed(self.path, problem)
    }

    /// Returns the error that a key is missing.
    fn missing(&self, key: &str) -> Error {
        self.refuse(format!("metadata `{key}` is missing"))
    }

    /// Reads a size; `None` where the key is missing.
    fn size(&self, key: &str) -> Result<Option<usize>> {
        let Some(size) = self.metadata.get_u64(key)? else { return Ok(None) };
        match i32::try_from(size) {
            Ok(size) => Ok(Some(size as usize)),
            Err(_) => Err(self.refuse(format!("metadata `{key}` is {size}, which is no size"))),
        }
    }

    /// Reads a size that has no default.
    fn needed_size(&self, key: &str) -> Result<usize> {
        self.size(key)?.ok_or_else(|| self.missing(key))
    }

    /// Reads the width of keys, which values must share.
    fn head_width(&self, width: usize, heads: usize) -> Result<usize> {
        let head_width = match self.size("llama.attention.key_length")? {
            Some(width) => width,
            None => divided(width, heads).map_err(|problem| self.refuse(problem))?,
        };
        let values = self.size("llama.attention.value_length")?;
        match values.filter(|n| *n != head_width) {
            None => Ok(head_width),
            Some(values) => Err(self.refuse(format!(
                "metadata `llama.attention.value_length` is {values}, but only values as wide as keys ({head_width}) are \
                 implemented"
            ))),
        }
    }

    /// Refuses attention within a window that is shorter than the context.
    fn refuse_window(&self, context: Option<usize>) -> Result<()> {
        let window = self.size("llama.attention.sliding_window")?.filter(|window| *window != 0);
        match window.filter(|&window| context.is_none_or(|context| window < context)) {
            None => Ok(()),
            Some(window) => Err(self.refuse(format!(
                "metadata `llama.attention.sliding_window` is {window}: attention that sees only so many tokens back is not \
                 implemented"
            ))),
        }
    }

    /// Refuses rotary positions that turn only a part of each head.
    fn refuse_partial_rotation(&self, head_width: usize) -> Result<()> {
        let turned = self.size("llama.rope.dimension_count")?.unwrap_or(head_width);
        if turned == head_width {
            return Ok(());
        }
        Err(self.refuse(format!(
            "metadata `llama.rope.dimension_count` is {turned}, but only heads that turn as a whole ({head_width}) \
             are implemented"
        )))
    }

    /// Reads the id of a special token.
    fn token(&self, key: &str) -> Result<Option<u32>> {
        let key = format!("tokenizer.ggml.{key}");
        Ok(self.metadata.get_u64(&key)?.and_then(|id| u32::try_from(id).ok()))
    }

    /// Reads a list of ids of special tokens.
    fn token_list(&self, key: &str) -> Result<Vec<u32>> {
        let key = format!("tokenizer.ggml.{key}");
        let ids = self.metadata.get_array_i64(&key)?.unwrap_or_default();
        Ok(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).collect())
    }

    /// Reads the tokens each of which ends a text, as in llama.cpp.
    fn ends_of_text(&self) -> Result<Vec<u32>> {
        let single =
            [self.token("eos_token_id")?, self.token("eot_token_id")?, self.token("eom_token_id")?];
        let list = self.token_list("eos_token_ids")?;
        let mut end: Vec<u32> = single.into_iter().flatten().chain(list).collect();
        end.sort_unstable();
        end.dedup();
        Ok(end)
    }
}

/// Reads the rotation of queries and keys.
fn rotary(metadata: &Metadata, path: &Path, head_width: usize) -> Result<Rotary> {
    let base = metadata.get_f64("llama.rope.freq_base")?.unwrap_or(10_000.0);
    if !(base.is_finite() && base > 0.0) {
        let problem = format!("{base} is no base of a rotary embedding");
        return Err(Error::malformed(path, problem));
    }
    let factor = scaling(metadata, path)? as f32;
    let mut rotary = Rotary::plain(head_width, base, Pairing::Neighbours);
    rotary.frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
    Ok(rotary)
}

/// Reads the factor that divides all frequencies, as llama.cpp does (`llama_model::load_hparams`): a factor without a type is
/// linear, and `rope.scale_linear` is the factor's older name.
fn scaling(metadata: &Metadata, path: &Path) -> Result<f64> {
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
        _ if !(factor.is_finite() && factor > 0.0) => {
            refuse(format!("{factor} is no factor of rotary positions (metadata `{FACTOR}`)"))
        }
        None | Some("linear") => Ok(factor),
        Some("none") if factor == 1.0 => Ok(factor),
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
            attention: AttentionNames::Separate(["attn_q", "attn_k", "attn_v", "attn_output"]),
            attention_norm: "attn_norm",
            second_norms: None,
            query_key_norms: None,
            cross: None,
            gate: Gate::Own("ffn_gate"),
            inner: "ffn_up",
            outer: "ffn_down",
            feed_forward_norm: "ffn_norm",
            final_norm: Some("output_norm"),
            buckets: None,
        },
        encoder: None,
        transform: None,
        output_projection: None,
        stored: Stored::OutIn,
        rotary_factors: Some(ROTARY_FACTORS),
    }
}
