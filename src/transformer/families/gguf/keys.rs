//! The metadata of a GGUF file, read as the sizes and choices that a configuration needs.

use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};
use crate::families::Family;
use crate::families::gguf::{EMBEDDING, epsilon};
use crate::transformer::configuration::{Biases, Configuration, Direction, Special, divided};
use crate::transformer::positions::{Pairing, Position, Rotary};

/// The keys that are read for all architectures, without the prefix of the architecture.
pub(super) const READ: &[&str] = &[
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
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

/// The tensors and metadata of a file, read as the sizes and tokens that a configuration needs.
pub(super) struct Keys<'a> {
    pub checkpoint: &'a dyn Checkpoint,
    pub metadata: &'a Metadata,
    pub path: &'a Path,
    /// The prefix of the keys.
    pub architecture: &'static str,
}

impl Keys<'_> {
    /// Returns an error about this file.
    pub fn refuse(&self, problem: String) -> Error {
        Error::malformed(self.path, problem)
    }

    /// Returns the whole name of a key of the architecture.
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// Returns the error that a key is missing.
    fn missing(&self, name: &str) -> Error {
        self.refuse(format!("metadata `{}` is missing", self.key(name)))
    }

    /// Reads a size; `None` where the key is missing.
    pub fn size(&self, name: &str) -> Result<Option<usize>> {
        let key = self.key(name);
        let Some(size) = self.metadata.get_u64(&key)? else { return Ok(None) };
        match i32::try_from(size) {
            Ok(size) => Ok(Some(size as usize)),
            Err(_) => {
                Err(self.refuse(format!("metadata `{key}` is {size}, which is not a valid size")))
            }
        }
    }

    /// Reads a size that has no default.
    pub fn needed_size(&self, name: &str) -> Result<usize> {
        self.size(name)?.ok_or_else(|| self.missing(name))
    }

    /// Reads a number; `None` where the key is missing, or 0, which llama.cpp takes for missing.
    pub fn number(&self, name: &str) -> Result<Option<f64>> {
        Ok(self.metadata.get_f64(&self.key(name))?.filter(|number| *number != 0.0))
    }

    /// Reads a truth value.
    pub fn truth(&self, name: &str, otherwise: bool) -> Result<bool> {
        Ok(self.metadata.get_bool(&self.key(name))?.unwrap_or(otherwise))
    }

    /// Whether the file holds a tensor.
    pub fn has(&self, tensor: &str) -> bool {
        self.checkpoint.tensors().iter().any(|info| info.name == tensor)
    }

    /// Reads what all architectures share.
    pub fn configuration(&self, family: &Family) -> Result<Configuration> {
        let tokens = self.rows_of_embedding()?;
        if let Some(said) = self.size("vocab_size")?.filter(|said| *said != tokens) {
            return Err(self.refuse(format!(
                "metadata `{}` is {said}, but tensor `{EMBEDDING}` has {tokens} rows",
                self.key("vocab_size")
            )));
        }
        let width = self.needed_size("embedding_length")?;
        let heads = self.needed_size("attention.head_count")?;
        let plain = Configuration::plain(family);
        let epsilon = epsilon(plain.norm);
        let given = self.metadata.get_f64(&self.key(epsilon))?;
        let causal = self.truth("attention.causal", true)?;
        Ok(Configuration {
            tokens,
            width,
            input_width: width,
            layers: self.needed_size("block_count")?,
            heads,
            key_value_heads: self.size("attention.head_count_kv")?.unwrap_or(heads),
            head_width: self.head_width(width, heads)?,
            inner: self.needed_size("feed_forward_length")?,
            context: self.size("context_length")?,
            // The converter adds 1 to such gains.
            gain_less_one: false,
            epsilon: given.ok_or_else(|| self.missing(epsilon))?,
            gated: true,
            attention_biases: Biases::Stored,
            feed_forward_biases: Biases::Stored,
            attention: if causal { Direction::Backwards } else { Direction::Both },
            special: Special {
                beginning: self.token("bos_token_id")?,
                end: self.ends_of_text()?,
                padding: self.token("padding_token_id")?,
                decoder_start: None,
            },
            ..plain
        })
    }

    /// Returns the number of tokens: the rows of the token embedding.
    fn rows_of_embedding(&self) -> Result<usize> {
        let embedding = self.checkpoint.tensors().iter().find(|info| info.name == EMBEDDING);
        match embedding.map(|info| &info.shape[..]) {
            Some(&[tokens, _]) => Ok(tokens),
            Some(shape) => Err(self
                .refuse(format!("tensor `{EMBEDDING}` has shape {shape:?}, but must be a matrix"))),
            None => Err(self.refuse(format!("tensor `{EMBEDDING}` is missing"))),
        }
    }

    /// Reads the width of keys, which values must share.
    fn head_width(&self, width: usize, heads: usize) -> Result<usize> {
        let head_width = match self.size("attention.key_length")? {
            Some(width) => width,
            None => divided(width, heads).map_err(|problem| self.refuse(problem))?,
        };
        let values = self.size("attention.value_length")?;
        match values.filter(|n| *n != head_width) {
            None => Ok(head_width),
            Some(values) => Err(self.refuse(format!(
                "metadata `{}` is {values}, but only values as wide as keys ({head_width}) are implemented",
                self.key("attention.value_length")
            ))),
        }
    }

    /// Refuses attention within a window that is shorter than the context.
    pub fn refuse_window(&self, context: Option<usize>) -> Result<()> {
        let window = self.size("attention.sliding_window")?.filter(|window| *window != 0);
        match window.filter(|&window| context.is_none_or(|context| window < context)) {
            None => Ok(()),
            Some(window) => Err(self.refuse(format!(
                "metadata `{}` is {window}: attention that sees only so many tokens back is not implemented for this \
                 architecture",
                self.key("attention.sliding_window")
            ))),
        }
    }

    /// Reads rotary positions that are the same in all layers.
    pub fn rotary(&self, head_width: usize, pairing: Pairing) -> Result<Position> {
        Ok(Position::Rotary { rotary: self.rotation(head_width, pairing, 10_000.0)?, local: None })
    }

    /// Reads the rotation of queries and keys; `otherwise` is the base where the file has none.
    pub fn rotation(&self, head_width: usize, pairing: Pairing, otherwise: f64) -> Result<Rotary> {
        let base = self.metadata.get_f64(&self.key("rope.freq_base"))?.unwrap_or(otherwise);
        if !(base.is_finite() && base > 0.0) {
            return Err(self.refuse(format!("{base} is not a valid base of rotary positions")));
        }
        let turned = self.size("rope.dimension_count")?.unwrap_or(head_width);
        if turned > head_width || !turned.is_multiple_of(2) || turned == 0 {
            return Err(self.refuse(format!(
                "metadata `{}` is {turned}, but a head has {head_width} coordinates, of which an even number is rotated",
                self.key("rope.dimension_count")
            )));
        }
        let factor = self.linear_factor()? as f32;
        let mut rotary = Rotary::plain(turned, base, pairing);
        rotary.frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
        Ok(rotary)
    }

    /// Reads the factor that divides all frequencies, as llama.cpp does (`llama_model::load_hparams`): a factor without
    /// a type is linear, and `rope.scale_linear` is the factor's older name.
    fn linear_factor(&self) -> Result<f64> {
        let [kind_key, factor_key, linear_key] =
            ["rope.scaling.type", "rope.scaling.factor", "rope.scale_linear"]
                .map(|name| self.key(name));
        let refuse = |problem: String| Err(self.refuse(problem));
        let kind = self.metadata.get_str(&kind_key)?;
        let factor = self.metadata.get_f64(&factor_key)?;
        let linear = self.metadata.get_f64(&linear_key)?;
        if let (Some(factor), Some(linear)) = (factor, linear)
            && factor != linear
        {
            return refuse(format!(
                "metadata `{factor_key}` is {factor}, but `{linear_key}`, which means the same, is {linear}"
            ));
        }
        // A factor of 0 means that there is none.
        let factor = factor.or(linear).filter(|factor| *factor != 0.0).unwrap_or(1.0);
        match kind {
            None | Some("linear" | "none") if !(factor.is_finite() && factor > 0.0) => {
                refuse(format!(
                    "{factor} is not a valid factor of rotary positions (metadata `{factor_key}`)"
                ))
            }
            None | Some("linear") => Ok(factor),
            Some("none") if factor == 1.0 => Ok(factor),
            Some("none") => refuse(format!(
                "metadata `{kind_key}` is `none`, but there is a factor of {factor} by which to scale"
            )),
            Some(kind) => refuse(format!(
                "metadata `{kind_key}` is `{kind}`, which is not implemented; `none` and `linear` are"
            )),
        }
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
