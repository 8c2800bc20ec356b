//! Reads a Python pickle of a map from token to id, of one from id to token, or of a list of tokens.

use super::{Spelling, Token, Vocabulary, ids};
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::pickle::Pickle;
use crate::error::Result;

/// Reads the pickle; nothing in it is executed.
///
/// # Errors
/// Errors of [`Pickle::parse`], and a pickle of anything else.
pub(super) fn read(bytes: Bytes) -> Result<Vocabulary> {
    let pickle = Pickle::parse(bytes.clone())?;
    let root = pickle.root();
    if let Some(elements) = root.elements() {
        let pieces: Option<Vec<String>> =
            elements.map(|item| item.text().map(str::to_owned)).collect();
        if let Some(pieces) = pieces.filter(|p| !p.is_empty()) {
            let tokens = pieces.into_iter().map(|p| Token::spelled(p, Spelling::Plain)).collect();
            return Ok(Vocabulary::of(tokens));
        }
    }
    // Parts of a vocabulary object that are plain data.
    for (key, value) in root.entries().into_iter().flatten() {
        if let (Some("itos" | "idx2word" | "tokens" | "vocab"), Some(elements)) =
            (key.text(), value.elements())
        {
            let pieces: Option<Vec<(usize, String)>> = elements
                .enumerate()
                .map(|(id, item)| Some((id, item.text()?.to_owned())))
                .collect();
            let pieces = pieces.ok_or_else(|| {
                bytes.malformed("its list of tokens holds something that is not text".to_owned())
            })?;
            let tokens = ids::placed(pieces).map_err(|problem| bytes.malformed(problem))?;
            return Ok(Vocabulary::of(tokens));
        }
    }
    if let Some(entries) = root.entries() {
        let pairs: Option<Vec<(usize, String)>> = entries
            .map(|(key, value)| {
                let (piece, id) = match (key.text(), value.int()) {
                    (Some(piece), Some(id)) => (piece, id),
                    _ => (value.text()?, key.int()?),
                };
                Some((usize::try_from(id).ok()?, piece.to_owned()))
            })
            .collect();
        if let Some(pairs) = pairs {
            let tokens = ids::placed(pairs).map_err(|problem| bytes.malformed(problem))?;
            return Ok(Vocabulary::of(tokens));
        }
    }
    Err(bytes.malformed(format!(
        "the pickle holds {}, not a map between tokens and ids or a list of tokens",
        root.kind()
    )))
}
