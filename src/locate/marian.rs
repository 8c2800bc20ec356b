//! Reads what Marian's model files say about their head, in the options stored in them.

use super::stored::Stored;
use crate::error::Result;

/// The archive member with the options, which only Marian's own files have.
const MARIAN_OPTIONS: &str = "special:model.yml";

/// Returns whether Marian's options tie the head to the embedding; `None` for other files.
pub(super) fn tying(stored: &Stored) -> Result<Option<bool>> {
    let Some(options) = options_of(stored)? else { return Ok(None) };
    let on = |key: &str| option(&options, key) == Some("true");
    Ok(Some(on("tied-embeddings") || on("tied-embeddings-all")))
}

/// Whether the layers of a Marian model end in a norm.
pub(super) fn post_normed(stored: &Stored) -> Result<bool> {
    let options = options_of(stored)?;
    let ends = |key: &str| {
        options
            .as_deref()
            .and_then(|o| option(o, key))
            .is_some_and(|operations| operations.ends_with('n'))
    };
    let top = stored.has("decoder_top_ln_scale");
    Ok(if top { ends("transformer-postprocess-top") } else { ends("transformer-postprocess") })
}

/// Returns the text of Marian's options, if the file has them.
fn options_of(stored: &Stored) -> Result<Option<String>> {
    let bytes = stored.checkpoint.side_file(MARIAN_OPTIONS)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns the value of a top-level key of Marian's YAML.
fn option<'a>(options: &'a str, key: &str) -> Option<&'a str> {
    options.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        Some(value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\0')))
    })
}
