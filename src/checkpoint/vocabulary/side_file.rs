//! Reads the vocabulary file next to a checkpoint, under the names that its program uses.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::tokenizer::Added;
use super::{Kind, Spelling, Vocabulary, file, ids};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// Vocabulary files in folders of Hugging Face: `tokenizer.json` before the files that it was made from.
/// A Marian with a vocabulary for each language emits the target's.
const HUGGING_FACE: [&str; 8] = [
    "tokenizer.json",
    "target_vocab.json",
    "vocab.json",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "qwen.tiktoken",
    "dict.txt",
];
/// Vocabulary files of CTranslate2: that of the target before one for both sides.
const CTRANSLATE2: [&str; 6] = [
    "target_vocabulary.json",
    "target_vocabulary.txt",
    "shared_vocabulary.json",
    "shared_vocabulary.txt",
    "vocabulary.json",
    "vocabulary.txt",
];
/// Vocabulary files of Marian and Nematus, as far as there is a usual name.
const MARIAN: [&str; 5] = ["vocab.yml", "vocab.trg.yml", "vocab.spm", "target.spm", "vocab.json"];

/// Reads the first vocabulary file that exists next to a checkpoint, and returns its name, too; `None` where there is
/// none. The caller checks that it has as many tokens as the head has rows.
///
/// # Errors
/// A vocabulary, or a file that belongs to it, that is not valid.
pub fn from_side_file(checkpoint: &dyn Checkpoint) -> Result<Option<(Vocabulary, &'static str)>> {
    let names: &[&'static str] = match checkpoint.format() {
        "CTranslate2" => &CTRANSLATE2,
        "npz" => &MARIAN,
        _ => &HUGGING_FACE,
    };
    for &name in names {
        let Some(bytes) = checkpoint.side_file(name)? else { continue };
        let mut read = file::parse(bytes)?;
        if matches!(name, "vocab.json" | "vocab.txt") && checkpoint.format() != "npz" {
            // Byte-level BPE has its merges in a second file.
            let merges = name == "vocab.json" && checkpoint.side_file("merges.txt")?.is_some();
            read = if merges { read.respelled(Spelling::ByteLevel) } else { read.guessed() };
            added_json(checkpoint, &mut read)?;
        } else if name != "tokenizer.json" {
            read = read.guessed();
        }
        if std::ptr::eq(names, &HUGGING_FACE[..]) {
            added_tokens(checkpoint, &mut read)?;
            special_tokens(checkpoint, &mut read)?;
        }
        return Ok(Some((read, name)));
    }
    Ok(None)
}

/// Reads a JSON file next to the checkpoint.
fn json<T: for<'de> Deserialize<'de>>(
    checkpoint: &dyn Checkpoint,
    name: &str,
) -> Result<Option<T>> {
    let Some(bytes) = checkpoint.side_file(name)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| bytes.malformed(format!("it is not the JSON that belongs there: {error}")))
}

/// Adds the tokens of `added_tokens.json`, a map from token to id in old folders.
fn added_json(checkpoint: &dyn Checkpoint, vocabulary: &mut Vocabulary) -> Result<()> {
    let added: Option<std::collections::BTreeMap<String, usize>> =
        json(checkpoint, "added_tokens.json")?;
    for (content, id) in added.unwrap_or_default() {
        let token = Added { id, content, special: false }.token();
        vocabulary.added.extend(u32::try_from(id));
        ids::put(&mut vocabulary.tokens, id, token)
            .map_err(|e| Error::malformed("added_tokens.json", e))?;
    }
    Ok(())
}

/// Adds the tokens of `added_tokens_decoder` in `tokenizer_config.json`.
fn added_tokens(checkpoint: &dyn Checkpoint, vocabulary: &mut Vocabulary) -> Result<()> {
    let config: Option<Value> = json(checkpoint, "tokenizer_config.json")?;
    let Some(Value::Object(added)) =
        config.and_then(|mut c| c.get_mut("added_tokens_decoder").map(Value::take))
    else {
        return Ok(());
    };
    for (id, token) in added {
        let (Ok(id), Some(content)) = (id.parse(), token.get("content").and_then(Value::as_str))
        else {
            return Err(Error::malformed(
                "tokenizer_config.json",
                format!("the entry {id} of added_tokens_decoder has no id or no content"),
            ));
        };
        let special = token.get("special").and_then(Value::as_bool).unwrap_or(false);
        let token = Added { id, content: content.to_owned(), special }.token();
        vocabulary.added.extend(u32::try_from(id));
        ids::put(&mut vocabulary.tokens, id, token)
            .map_err(|e| Error::malformed("tokenizer_config.json", e))?;
    }
    Ok(())
}

/// Marks the tokens named in `special_tokens_map.json` as special.
fn special_tokens(checkpoint: &dyn Checkpoint, vocabulary: &mut Vocabulary) -> Result<()> {
    fn collect(value: &Value, to: &mut HashSet<String>) {
        match value {
            Value::String(token) => drop(to.insert(token.clone())),
            Value::Array(list) => list.iter().for_each(|v| collect(v, to)),
            Value::Object(map) => map.get("content").into_iter().for_each(|v| collect(v, to)),
            _ => {}
        }
    }
    let map: Option<Value> = json(checkpoint, "special_tokens_map.json")?;
    let mut special = HashSet::new();
    if let Some(Value::Object(map)) = map {
        map.values().for_each(|value| collect(value, &mut special));
    }
    for token in &mut vocabulary.tokens {
        if special.contains(&token.piece) && token.kind == Kind::Ordinary {
            token.kind = Kind::Special;
            token.text = token.piece.clone();
        }
    }
    Ok(())
}
