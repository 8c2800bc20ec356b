//! Checks the metadata keys of a GGUF file that its family does not read. A key of the architecture that is not known
//! could change the numbers, so it is refused; other keys describe the file or its tokens.

use std::path::Path;

use crate::checkpoint::gguf::{Metadata, Value};
use crate::error::{Error, Result};

/// Refuses an adapter, and every key of the architecture that is neither among those `read` nor has a value that
/// changes nothing.
///
/// # Errors
/// The first key that may change the numbers.
pub(super) fn check(
    metadata: &Metadata,
    architecture: &str,
    read: &[&str],
    path: &Path,
) -> Result<()> {
    if let Some(kind) = metadata.get_str("general.type")?.filter(|kind| *kind != "model") {
        let problem = format!("metadata `general.type` is `{kind}`: that is not a whole model");
        return Err(Error::malformed(path, problem));
    }
    for key in metadata.keys() {
        let Some(name) = key.strip_prefix(architecture).and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        if read.contains(&name) {
            continue;
        }
        let neutral = NEUTRAL.iter().find(|(known, ..)| *known == name);
        let Some((_, fits, needed)) = neutral else {
            return Err(Error::malformed(
                path,
                format!(
                    "metadata `{key}` is not known here and may change what the model computes"
                ),
            ));
        };
        // An array is never one of the values that change nothing.
        let value = metadata.get(key)?;
        if !value.is_some_and(fits) {
            return Err(Error::malformed(
                path,
                format!(
                    "metadata `{key}` is {}, which is not implemented ({needed} is)",
                    shown(value)
                ),
            ));
        }
    }
    Ok(())
}

/// A key, a test for the values that change nothing, and these values in words.
type Neutral = (&'static str, fn(Value) -> bool, &'static str);

/// Keys that are accepted with these values only, by their names in llama.cpp (`src/llama-arch.cpp`), which takes 0
/// for what is not stated.
const NEUTRAL: &[Neutral] = &[
    ("attention.clamp_kqv", zero, "0"),
    ("attention.max_alibi_bias", zero, "0"),
    ("attention.scale", zero, "0"),
    ("attn_logit_softcapping", zero, "0"),
    ("embedding_scale", zero_or_one, "1"),
    ("expert_count", zero, "0"),
    ("expert_used_count", zero, "0"),
    ("final_logit_softcapping", zero, "0"),
    ("logit_scale", zero_or_one, "1"),
    ("nextn_predict_layers", zero, "0"),
    ("pooling_type", unpooled, "0"),
    ("residual_scale", zero_or_one, "1"),
    ("rope.scaling.attn_factor", one, "1"),
    // This key says only whether the model was trained further for longer texts, which is why there is a factor.
    ("rope.scaling.finetuned", any, "any value"),
    // Only the scaling `yarn` reads this key.
    ("rope.scaling.original_context_length", any, "any value"),
    ("swin_norm", zero, "false"),
    ("tensor_data_layout", usual_layout, "`reference`, or `Meta AI original pth`"),
    ("use_parallel_residual", zero, "false"),
];

/// Converts a value to a number, with 1 for true.
fn number(value: Value) -> Option<f64> {
    match value {
        Value::Unsigned(number) => Some(number as f64),
        Value::Signed(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        Value::Bool(on) => Some(f64::from(u8::from(on))),
        Value::String(_) => None,
    }
}

fn zero(value: Value) -> bool {
    number(value) == Some(0.0)
}

fn one(value: Value) -> bool {
    number(value) == Some(1.0)
}

fn zero_or_one(value: Value) -> bool {
    !matches!(value, Value::Bool(_)) && (zero(value) || one(value))
}

/// Whether there is no pooling, or none is stated.
fn unpooled(value: Value) -> bool {
    zero(value) || value == Value::Signed(-1)
}

fn any(_: Value) -> bool {
    true
}

/// Whether the rows of queries and keys are in the order in which neighbouring coordinates are rotated together.
fn usual_layout(value: Value) -> bool {
    matches!(value, Value::String(b"reference" | b"Meta AI original pth"))
}

/// Formats a value for an error.
fn shown(value: Option<Value>) -> String {
    match value {
        Some(Value::Unsigned(number)) => number.to_string(),
        Some(Value::Signed(number)) => number.to_string(),
        Some(Value::Float(number)) => number.to_string(),
        Some(Value::Bool(on)) => on.to_string(),
        Some(Value::String(text)) => format!("`{}`", String::from_utf8_lossy(text)),
        None => "not there".to_owned(),
    }
}
