//! The tokens that a model's configuration names: beginnings and ends of texts and turns, padding and the like.

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::checkpoint::side_json::SideJson;
use crate::error::{Error, Result};

/// The names of such tokens in GGUF files.
const IN_GGUF: [&str; 7] = ["bos", "eos", "eot", "eom", "padding", "seperator", "mask"];

/// The ids of all tokens that `generation_config.json` names (`config.json`, where there is none; in a GGUF file its metadata),
/// ids rising.
///
/// # Errors
/// A file that cannot be read, or an id that is no token id.
pub fn named_tokens(checkpoint: &dyn Checkpoint) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    if let Some(metadata) = checkpoint.metadata() {
        for name in IN_GGUF {
            let key = format!("tokenizer.ggml.{name}_token_id");
            // Files of old programs write -1 or all ones for "none".
            let id = metadata.get_u64(&key)?;
            ids.extend(id.and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX));
        }
    }
    let file = match SideJson::of(checkpoint, "generation_config.json")? {
        Some(file) => Some(file),
        None => SideJson::of(checkpoint, "config.json")?,
    };
    if let Some(SideJson { label, map }) = &file {
        let named = |key: &String| key.ends_with("_token_id") || key.ends_with("_token_ids");
        for (key, value) in map.iter().filter(|(key, _)| named(key)) {
            let problem = || format!("`{key}` is {value}, neither a token id nor a list of them");
            collect(value, &mut ids).ok_or_else(|| Error::malformed(label, problem()))?;
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Collects an id, or the ids of a list; null and -1 stand for none.
fn collect(value: &Value, ids: &mut Vec<u32>) -> Option<()> {
    match value {
        Value::Null => Some(()),
        Value::Array(list) => list.iter().try_for_each(|one| collect(one, ids)),
        value if value.as_i64() == Some(-1) => Some(()),
        value => {
            ids.push(u32::try_from(value.as_u64()?).ok()?);
            Some(())
        }
    }
}
