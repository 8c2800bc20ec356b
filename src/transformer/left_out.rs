//! Checks the tensors of a checkpoint that a model does not use: each is known to change no logit, or is an error.
//!
//! Known are buffers that are computed here, copies of tensors that are used, other heads on the same hidden states,
//! and what training left behind.

use super::configuration::Configuration;
use super::embedding;
use super::names::Names;
use super::positions::Position;
use super::weights::Weights;
use crate::checkpoint::TensorInfo;
use crate::error::Result;
use crate::locate;

/// A tensor that a model does not use, and why it changes no logit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedTensor {
    /// The name of the tensor.
    pub tensor: String,
    /// What the tensor is, and so why it changes nothing.
    pub reason: &'static str,
}

/// Lists the tensors of a checkpoint that the assembled model does not use, after a check that none changes a logit.
///
/// # Errors
/// A tensor that may change a logit.
pub(super) fn check(
    weights: &Weights,
    configuration: &Configuration,
    names: &Names,
    head: &locate::Names,
) -> Result<Vec<UnusedTensor>> {
    let rest = Rest { weights, configuration, names, head };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for info in weights.untaken() {
        match rest.reason(info)? {
            Some(reason) => known.push(UnusedTensor { tensor: info.name.clone(), reason }),
            None => unknown.push(info),
        }
    }
    match unknown.first() {
        None => Ok(known),
        Some(first) => Err(weights.refuse(rest.described(first, &unknown))),
    }
}

/// The end of a tensor name, a test for its shape, and what the tensor is. The end begins after a dot.
type Extra = (&'static str, fn(&[usize]) -> bool, &'static str);

const FREQUENCIES: &str = "frequencies of rotary positions, which are computed";
const POOLER: &str = "a pooler, which stands beside the output layer";
const PAIRS: &str = "a classifier of pairs of sentences, which stands beside the output layer";
const NUMBERS: &str = "the numbers of positions or segments, which are computed";
const CAUSAL: &str = "a causal mask, which is computed";

/// Tensors that change no logit.
const EXTRAS: &[Extra] = &[
    ("rotary_emb.inv_freq", any, FREQUENCIES),
    ("rotary_emb.cos_cached", any, FREQUENCIES),
    ("rotary_emb.sin_cached", any, FREQUENCIES),
    ("rope.freqs", any, FREQUENCIES),
    ("position_ids", any, NUMBERS),
    ("embeddings.token_type_ids", any, NUMBERS),
    ("attn.bias", square, CAUSAL),
    ("attn.masked_bias", single, CAUSAL),
    ("attention.bias", square, CAUSAL),
    ("attention.masked_bias", single, CAUSAL),
    ("crossattention.bias", square, CAUSAL),
    ("crossattention.masked_bias", single, CAUSAL),
    ("num_batches_tracked", single, "a counter of the training"),
    ("pooler.dense.weight", any, POOLER),
    ("pooler.dense.bias", any, POOLER),
    ("pooler.weight", any, POOLER),
    ("pooler.bias", any, POOLER),
    ("cls.seq_relationship.weight", any, PAIRS),
    ("cls.seq_relationship.bias", any, PAIRS),
    ("sop_classifier.classifier.weight", any, PAIRS),
    ("sop_classifier.classifier.bias", any, PAIRS),
    ("multiple_choice_head.summary.weight", any, "a head for multiple choice"),
    ("multiple_choice_head.summary.bias", any, "a head for multiple choice"),
    ("v_head.summary.weight", any, "a value head of reinforcement learning"),
    ("v_head.summary.bias", any, "a value head of reinforcement learning"),
    (
        "EncDecAttention.relative_attention_bias.weight",
        any,
        "distances to the encoder, which old files hold and T5 does not use",
    ),
];

/// Names of tensors that training left behind: by the first part of the name, or by the last.
const TRAINING: &str = "what an optimiser left behind";
const TRAINING_FIRST: [&str; 11] = [
    "optimizer",
    "optimizer_state_dict",
    "optimizer_states",
    "optim",
    "lr_scheduler",
    "lr_schedulers",
    "scheduler",
    "grad_scaler",
    "scaler",
    "rng_state",
    "random_states",
];
const TRAINING_LAST: [&str; 7] = [
    "exp_avg",
    "exp_avg_sq",
    "max_exp_avg_sq",
    "momentum_buffer",
    "adam_m",
    "adam_v",
    "global_step",
];

/// The ends of names under which an embedding or an output layer is stored once more.
const TABLES: [&str; 10] = [
    "shared.weight",
    "embed_tokens.weight",
    "word_embeddings.weight",
    "word_embedding.weight",
    "wte.weight",
    "lm_head.weight",
    "lm_loss.weight",
    "proj_out.weight",
    "decoder.weight",
    "output.weight",
];
/// The ends of names under which the bias of an output layer is stored once more.
const BIASES: [&str; 5] =
    ["decoder.bias", "predictions.bias", "lm_head.bias", "lm_loss.bias", "final_logits_bias"];

/// How far a stored sine may be from the computed one, because it was rounded to 16 bits.
const SINE: f64 = 4e-3;

/// What the unused tensors are checked against.
struct Rest<'a> {
    weights: &'a Weights<'a>,
    configuration: &'a Configuration,
    names: &'a Names,
    head: &'a locate::Names,
}

impl Rest<'_> {
    /// Returns why a tensor changes nothing; `None` if it may change something.
    fn reason(&self, info: &TensorInfo) -> Result<Option<&'static str>> {
        let name = &info.name;
        let extra = EXTRAS.iter().find(|(end, fits, _)| ends(name, end) && fits(&info.shape));
        if let Some((.., reason)) = extra {
            return Ok(Some(reason));
        }
        let first = name.split('.').next().unwrap_or_default();
        let last = name.rsplit(['.', '/']).next().unwrap_or_default();
        if TRAINING_FIRST.contains(&first) || TRAINING_LAST.contains(&last) {
            return Ok(Some(TRAINING));
        }
        if ends(name, "embed_positions.weight") && self.names.embedding.positions.is_none() {
            return Ok(self.sines(info)?.then_some("sines of positions, which are computed"));
        }
        if first == "mask_predictions" {
            return Ok(Some("a detector of replaced tokens, which stands beside the output layer"));
        }
        if ends(name, "embeddings.position_embeddings.weight")
            && self.configuration.position == Position::None
        {
            return Ok(Some("a table of positions, which `position_biased_input` leaves out"));
        }
        let tables = TABLES.iter().any(|end| ends(name, end));
        let biases = BIASES.iter().any(|end| ends(name, end));
        if tables && self.copied(info, &self.of_tables())?
            || biases && self.copied(info, self.head.bias.as_slice())?
        {
            return Ok(Some("a copy of a tensor that is used"));
        }
        Ok(None)
    }

    /// Returns the names of the embeddings and output layers that are used.
    fn of_tables(&self) -> Vec<String> {
        let tables = |name: &String| TABLES.iter().any(|end| ends(name, end));
        let mut found: Vec<String> = self.weights.taken().into_iter().filter(tables).collect();
        found.push(self.head.weight.clone());
        found
    }

    /// Whether one of the `used` tensors holds the same numbers in the same shape, dimensions of one ignored.
    fn copied(&self, info: &TensorInfo, used: &[String]) -> Result<bool> {
        let long =
            |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|&n| n != 1).collect() };
        for name in used {
            let fits = self.weights.shape(name).is_some_and(|s| long(s) == long(&info.shape));
            if fits && self.weights.numbers(&info.name)? == self.weights.numbers(name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a table of positions holds the sinusoids that are computed.
    fn sines(&self, info: &TensorInfo) -> Result<bool> {
        let &[rows, width] = &info.shape[..] else { return Ok(false) };
        if width != self.configuration.input_width || Some(rows) < self.configuration.context {
            return Ok(false);
        }
        let stored = self.weights.numbers(&info.name)?;
        let Position::Sinusoidal(kind) = self.configuration.position else { return Ok(false) };
        let computed = (0..rows).flat_map(|row| embedding::sines(kind, row, width));
        Ok(stored.iter().zip(computed).all(|(a, b)| (a - f64::from(b)).abs() <= SINE))
    }

    /// Describes tensors that may change something, in one sentence.
    fn described(&self, first: &TensorInfo, all: &[&TensorInfo]) -> String {
        const SHOWN: usize = 4;
        let shown: Vec<String> =
            all.iter().take(SHOWN).map(|info| format!("`{}`", info.name)).collect();
        let more = match all.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (tensors, are) = if all.len() == 1 { ("tensor", "is") } else { ("tensors", "are") };
        format!(
            "{tensors} {}{more} {are} in the checkpoint, but no part of the {} that the configuration describes: {}",
            shown.join(", "),
            self.configuration.family,
            self.hint(first)
        )
    }

    /// Says what a tensor probably is.
    fn hint(&self, info: &TensorInfo) -> String {
        let name = &info.name;
        let has = |marks: &[&str]| marks.iter().any(|mark| name.contains(mark));
        if let Some((layer, layers)) = self.beyond(name) {
            return format!(
                "it has {layers} layers (0 to {}), and this is of layer {layer}",
                layers - 1
            );
        }
        if has(&["lora_", "adapter", "base_layer", "modules_to_save"]) {
            return "this is of an adapter; merge it into the model first".to_owned();
        }
        if has(&["scale", "qweight", "qzeros", "scales", "absmax", "SCB", "g_idx", "quant_"]) {
            return "this scales other numbers, which is not implemented".to_owned();
        }
        if has(&["expert", "gate_inp", "router", "_exps"]) {
            return "this layer is not a mixture of experts".to_owned();
        }
        if TABLES.iter().any(|end| ends(name, end)) || BIASES.iter().any(|end| ends(name, end)) {
            return "it is not a copy of the embedding or output layer that is used".to_owned();
        }
        if name.ends_with(".bias") {
            return "this map or norm has no bias there".to_owned();
        }
        "without it the numbers would be those of another model".to_owned()
    }

    /// Returns the layer in a tensor's name and the number of layers, if the layer is beyond that number.
    fn beyond(&self, name: &str) -> Option<(usize, usize)> {
        let encoder = self.names.encoder.as_ref().zip(self.configuration.encoder);
        let stacks = [
            Some((&self.names.stack, self.configuration.layers)),
            encoder.map(|((_, stack), sizes)| (stack, sizes.layers)),
        ];
        stacks.into_iter().flatten().find_map(|(stack, layers)| {
            let before = stack.block.split_once("{layer}")?.0;
            let digits = name.split_once(before)?.1.split('.').next()?;
            let layer: usize = digits.parse().ok()?;
            (layer >= layers).then_some((layer, layers))
        })
    }
}

/// Whether a name is `end`, or ends with `end` after a dot.
fn ends(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn any(_: &[usize]) -> bool {
    true
}

/// Whether a shape is that of a mask, with as many queries as keys.
fn square(shape: &[usize]) -> bool {
    matches!(shape, [outer @ .., queries, keys] if queries == keys && outer.iter().all(|&n| n == 1))
}

/// Whether a shape is that of a single number.
fn single(shape: &[usize]) -> bool {
    shape.iter().all(|&n| n == 1)
}
