//! Checks the keys of a configuration that the family does not read. Known keys that change no number of a forward
//! pass are accepted, switches only where they change none. Any other key could change the numbers, so it is refused.

use serde_json::Value;

use super::settings::Settings;
use crate::error::Result;

/// Refuses every key of a configuration that was not read and is not known to change nothing. `family` is the family
/// of the model, `inert` are the keys of this family that change nothing.
///
/// # Errors
/// The first key that may change the numbers.
pub(super) fn check(settings: &Settings, family: &str, inert: &[&str]) -> Result<()> {
    quantised(settings, inert)?;
    own_code(settings)?;
    for (key, value) in settings.unread() {
        let known = key.starts_with('_')
            || of_dropout(key)
            || INERT.contains(&key)
            || inert.contains(&key)
            || GENERATION.contains(&key);
        if known {
            continue;
        }
        if let Some((_, fits, needed)) = NEUTRAL.iter().find(|(name, ..)| *name == key) {
            if !fits(value) {
                return Err(settings.refuse(format!(
                    "`{key}` is {value}, which is not implemented for {family} ({needed} is)"
                )));
            }
            continue;
        }
        return Err(settings.refuse(format!(
            "`{key}` ({value}) is not known for {family} and may change what it computes; if it does not, take it out of \
             this file"
        )));
    }
    Ok(())
}

/// The key under which a configuration says how the tensors are quantised.
pub(super) const QUANTISED: &str = "quantization_config";

/// Whether the value of that key says MXFP4.
pub(super) fn mxfp4(value: &Value) -> bool {
    value["quant_method"] == "mxfp4"
}

/// Refuses a model whose configuration says that its tensors are quantised, unless in MXFP4 in a family that has it.
fn quantised(settings: &Settings, inert: &[&str]) -> Result<()> {
    for key in [QUANTISED, "compression_config", "quantization"] {
        let Some(value) = settings.get(key) else { continue };
        if inert.contains(&key) && mxfp4(value) {
            continue;
        }
        let method =
            ["quant_method", "quant_algo", "format"].iter().find_map(|k| value[*k].as_str());
        let method = method.map(|method| format!(" (`{method}`)")).unwrap_or_default();
        return Err(settings.refuse(format!(
            "`{key}` says that the model is quantised{method}, and such tensors are not decoded: name the unquantised \
             model, or a GGUF file of it"
        )));
    }
    Ok(())
}

/// Refuses a model with code of its own; code for its tokenizer or configuration is accepted.
fn own_code(settings: &Settings) -> Result<()> {
    let Some(map) = settings.get("auto_map").and_then(Value::as_object) else { return Ok(()) };
    match map.iter().find(|(class, _)| class.contains("Model")) {
        Some((class, code)) => Err(settings.refuse(format!(
            "`auto_map` names code of the checkpoint's own for the model (`{class}`: {code}), which is not run here"
        ))),
        None => Ok(()),
    }
}

/// Whether a key is a dropout rate, of numbers or of whole layers, which only training uses.
fn of_dropout(key: &str) -> bool {
    key.contains("dropout") || key.ends_with("pdrop") || key.ends_with("layerdrop")
}

/// Keys that change no number of a forward pass: how the model was trained and saved, what is returned, the names of
/// classes, and tokens that only a tokenizer or the generation of text uses.
const INERT: &[&str] = &[
    "architectures",
    "attention_softmax_in_fp32",
    "attn_implementation",
    "auto_map",
    "cache_implementation",
    "chunk_size_feed_forward",
    "custom_pipelines",
    "dtype",
    "experts_implementation",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "init_std",
    "initializer_factor",
    "initializer_range",
    "keys_to_ignore_at_inference",
    "label2id",
    "language",
    "mask_token_id",
    "max_seq_len",
    "max_sequence_length",
    "mlm_probability",
    "model_max_length",
    "model_type",
    "name_or_path",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "task_specific_params",
    "tf_legacy_loss",
    // The rules for finding the head check this key against the tensors.
    "tie_word_embeddings",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_flash_attention",
    "use_flash_attn",
    "use_return_dict",
    "cls_token_id",
    "unk_token_id",
];

/// Keys of older configurations about the generation of text: `generate` follows them or refuses them by name, and no
/// other command needs them.
pub(crate) const GENERATION: &[&str] = &[
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "eos_token_id",
    "eos_token_ids",
    "epsilon_cutoff",
    "eta_cutoff",
    "exponential_decay_length_penalty",
    "force_bos_token_to_be_generated",
    "forced_bos_token_id",
    "forced_decoder_ids",
    "forced_eos_token_id",
    "guidance_scale",
    "length_penalty",
    "max_length",
    "max_new_tokens",
    "min_length",
    "min_new_tokens",
    "min_p",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "pad_token_id",
    "penalty_alpha",
    "prefix",
    "remove_invalid_values",
    "renormalize_logits",
    "repetition_penalty",
    "return_dict_in_generate",
    "sequence_bias",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
];

/// A key, a test for the values that change nothing, and these values in words.
type Neutral = (&'static str, fn(&Value) -> bool, &'static str);

/// Switches of one family that occur in configurations of another: accepted only where they change nothing.
const NEUTRAL: &[Neutral] = &[
    ("add_cross_attention", off, "false"),
    ("alibi", off, "false"),
    ("attention_bias", off, "false"),
    ("attn_logit_softcapping", off, "null"),
    ("bias", off, "false"),
    ("clip_qkv", off, "null"),
    ("cross_attention_hidden_size", off, "null"),
    ("down_scale_factor", one, "1"),
    ("embedding_multiplier", one, "1"),
    ("final_logit_softcapping", off, "null"),
    ("gap_size", off, "0"),
    ("is_decoder", off, "false"),
    ("is_encoder_decoder", off, "false"),
    ("layer_types", is_full_attention_only, "full_attention in all layers"),
    ("logit_scale", one, "1"),
    ("logits_scaling", one, "1"),
    ("mlp_bias", off, "false"),
    ("multi_query", off, "false"),
    ("net_structure_type", off, "0"),
    ("no_rope_layers", is_list_of_ones, "rotary positions in all layers"),
    ("num_experts", off, "0"),
    ("num_local_experts", off, "0"),
    ("num_memory_blocks", off, "0"),
    ("num_nextn_predict_layers", off, "0"),
    ("parallel_attn", off, "false"),
    ("partial_rotary_factor", one, "1"),
    ("per_layer_config", off, "{}"),
    ("position_embedding_type", is_absolute, "\"absolute\""),
    ("pretraining_tp", one, "1"),
    ("pruned_heads", off, "{}"),
    ("qk_layernorm", off, "false"),
    ("qk_norm", off, "false"),
    ("residual_multiplier", one, "1"),
    ("rope_interleaved", off, "false"),
    ("rope_ratio", one, "1"),
    ("scale_embedding", off, "false"),
    ("sliding_window", off, "null"),
    ("sparsity_config", off, "null"),
    ("tie_encoder_decoder", off, "false"),
    ("use_parallel_residual", off, "false"),
    ("use_qk_norm", off, "false"),
    ("use_sliding_window", off, "false"),
];

/// Whether a value switches nothing on: false, 0, null or empty.
pub(crate) fn off(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// Whether a factor is 1 and so changes nothing.
pub(crate) fn one(value: &Value) -> bool {
    value.as_f64() == Some(1.0)
}

fn is_absolute(value: &Value) -> bool {
    value == "absolute"
}

fn is_full_attention_only(value: &Value) -> bool {
    value.as_array().is_some_and(|layers| layers.iter().all(|layer| layer == "full_attention"))
}

fn is_list_of_ones(value: &Value) -> bool {
    value.as_array().is_some_and(|layers| layers.iter().all(one))
}
