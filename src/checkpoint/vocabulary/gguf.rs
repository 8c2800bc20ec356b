//! Reads the vocabulary in the metadata of a GGUF file.
//!
//! The text of control and user-defined tokens is their piece, the others are spelled by the tokenizer, as in
//! llama.cpp (`token_to_piece` in `llama-vocab.cpp`).

use std::collections::BTreeSet;
use std::path::Path;

use super::{Kind, Spelling, Token, Vocabulary, spelling};
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MODEL: &str = "tokenizer.ggml.model";

impl Vocabulary {
    /// Reads the vocabulary in the metadata of a GGUF file; `None` where there is none.
    ///
    /// Byte-level pieces (`gpt2`) and those with `▁` for a blank (`llama`, `t5`, `bert`) become readable text, those
    /// of another tokenizer stay as they are. If the file leaves the type of a token undefined, the kind is derived
    /// from the piece, as [`Vocabulary::from_file`] does.
    ///
    /// # Errors
    /// Values of the wrong type, a number of types that is not the number of tokens, or an unknown type.
    pub fn from_gguf(metadata: &Metadata, label: impl AsRef<Path>) -> Result<Option<Vocabulary>> {
        let Some(pieces) = metadata.get_array_bytes(TOKENS)? else { return Ok(None) };
        let spelling = match metadata.get_str(MODEL)? {
            Some("gpt2") => Spelling::ByteLevel,
            Some("llama" | "t5" | "bert") => Spelling::SentencePiece,
            _ => Spelling::Plain,
        };
        let types = metadata.get_array_i64(TYPES)?.unwrap_or_else(|| vec![0; pieces.len()]);
        if types.len() != pieces.len() {
            let problem =
                format!("{TYPES} has {} entries for the {} of {TOKENS}", types.len(), pieces.len());
            return Err(Error::malformed(label, problem));
        }
        let mut tokens = Vec::new();
        let mut added = BTreeSet::new();
        for (id, (bytes, kind)) in pieces.into_iter().zip(types).enumerate() {
            if matches!(kind, 3 | 4) {
                added.insert(id as u32);
            }
            let piece = spelling::readable(bytes);
            tokens.push(token(piece, kind, spelling).ok_or_else(|| {
                Error::malformed(
                    &label,
                    format!("{TYPES} gives token {id} the type {kind}, which is unknown"),
                )
            })?);
        }
        Ok(Some(Vocabulary { tokens, added }))
    }
}

/// Makes a token from its piece and its type in the file (`llama_token_type`); `None` for an unknown type.
fn token(piece: String, kind: i64, spelling: Spelling) -> Option<Token> {
    let spelled = |kind| Token { text: spelling.text(&piece), piece: piece.clone(), kind };
    let verbatim = |kind| Token { text: piece.clone(), piece: piece.clone(), kind };
    Some(match kind {
        0 => Token::spelled(piece, spelling),
        1 => spelled(Kind::Ordinary),
        2 | 3 => verbatim(Kind::Special),
        4 => verbatim(Kind::Ordinary),
        5 if is_padding(&piece) => verbatim(Kind::Padding),
        5 => spelled(Kind::Unused),
        6 => spelled(Kind::Byte),
        _ => return None,
    })
}

/// Whether a piece is the name that the converters of llama.cpp give to a row without a token: `[PAD151646]`.
fn is_padding(piece: &str) -> bool {
    let digits = piece.strip_prefix("[PAD").and_then(|rest| rest.strip_suffix(']'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_kinds_and_choose_the_text() {
        for (piece, kind, spelling, text, expected) in [
            ("Ġthe", 1, Spelling::ByteLevel, " the", Kind::Ordinary),
            ("<|im_end|>", 3, Spelling::ByteLevel, "<|im_end|>", Kind::Special),
            ("Ġ<think>", 4, Spelling::ByteLevel, "Ġ<think>", Kind::Ordinary),
            ("[PAD12]", 5, Spelling::ByteLevel, "[PAD12]", Kind::Padding),
            ("[PAD]", 5, Spelling::ByteLevel, "[PAD]", Kind::Unused),
            ("▁the", 1, Spelling::SentencePiece, " the", Kind::Ordinary),
            ("<unk>", 2, Spelling::SentencePiece, "<unk>", Kind::Special),
            ("<0x0A>", 6, Spelling::SentencePiece, "\n", Kind::Byte),
            ("<0xE4>", 6, Spelling::SentencePiece, "<0xE4>", Kind::Byte),
            ("<s>", 0, Spelling::SentencePiece, "<s>", Kind::Special),
        ] {
            let made = token(piece.into(), kind, spelling).unwrap();
            assert_eq!(made, Token { text: text.into(), piece: piece.into(), kind: expected });
        }
        assert_eq!(token("a".into(), 7, Spelling::Plain), None);
    }
}
