//! Reads a `tokenizer.json` of Hugging Face's `tokenizers`: the pieces of its model, and the tokens added to them.
//!
//! Format: the crate `tokenizers`, `src/tokenizer/serialization.rs` and `src/models/*/serialization.rs`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Kind, Spelling, Token, Vocabulary, ids, spelling};
use crate::error::{Error, Result};

/// The parts of a `tokenizer.json` that are read.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    model: Model,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
}

/// A token that is matched as a whole before the text is split.
#[derive(Deserialize)]
pub(super) struct Added {
    pub id: usize,
    pub content: String,
    #[serde(default)]
    pub special: bool,
}

/// The parts of its model that are read.
#[derive(Deserialize)]
struct Model {
    vocab: Pieces,
    #[serde(default)]
    byte_fallback: Option<bool>,
}

/// The pieces of a model with their ids: BPE, WordPiece and WordLevel store a map from piece to id, Unigram a list of
/// pairs of piece and score.
struct Pieces(Vec<(usize, String)>);

impl Added {
    /// Converts to a token whose text is its piece.
    pub fn token(self) -> Token {
        let spelled = spelling::kind(&self.content);
        let kind = match (self.special, spelled) {
            (true, Kind::Unused) => Kind::Unused,
            (true, _) => Kind::Special,
            (false, spelled) => spelled,
        };
        Token { text: self.content.clone(), piece: self.content, kind }
    }
}

/// Whether a JSON text is such a file, by its key `model.vocab`, which no map from token to id has.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Peek {
        model: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        vocab: IgnoredAny,
    }
    let peek = serde_json::from_slice::<Peek>(bytes);
    peek.is_ok_and(|Peek { model: Inner { vocab: IgnoredAny } }| true)
}

/// Reads a `tokenizer.json`; `label` names the file in errors.
pub(super) fn read(bytes: &[u8], label: &Path) -> Result<Vocabulary> {
    let problem = |what: &dyn fmt::Display| {
        Error::malformed(label, format!("not a sound tokenizer.json: {what}"))
    };
    let file: File = serde_json::from_slice(bytes).map_err(|e| problem(&e))?;
    let mut tokens = match file.model.vocab.0.is_empty() {
        true => Vec::new(),
        false => ids::placed(file.model.vocab.0).map_err(|e| problem(&e))?,
    };
    let spelling = if names(&file.pre_tokenizer, "ByteLevel") || names(&file.decoder, "ByteLevel") {
        Spelling::ByteLevel
    } else if file.model.byte_fallback == Some(true)
        || ["Metaspace", "ByteFallback"]
            .iter()
            .any(|kind| names(&file.decoder, kind) || names(&file.pre_tokenizer, kind))
    {
        Spelling::SentencePiece
    } else {
        Spelling::Plain
    };
    tokens = Vocabulary::of(tokens).respelled(spelling).tokens;
    let mut ids = BTreeSet::new();
    for added in file.added_tokens {
        ids.extend(u32::try_from(added.id));
        ids::put(&mut tokens, added.id, added.token()).map_err(|e| problem(&e))?;
    }
    if tokens.is_empty() {
        return Err(problem(&"it has no tokens"));
    }
    Ok(Vocabulary { tokens, added: ids })
}

/// Whether a component, or one nested in it, has this type.
fn names(component: &Value, kind: &str) -> bool {
    match component {
        Value::Object(map) => {
            map.get("type").and_then(Value::as_str) == Some(kind)
                || map.values().any(|inner| names(inner, kind))
        }
        Value::Array(list) => list.iter().any(|inner| names(inner, kind)),
        _ => false,
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PiecesVisitor).map(Pieces)
    }
}

struct PiecesVisitor;

impl<'de> Visitor<'de> for PiecesVisitor {
    type Value = Vec<(usize, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from piece to id or a list of pieces and scores")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut pieces = Vec::new();
        while let Some((piece, _)) = list.next_element::<(String, f64)>()? {
            pieces.push((pieces.len(), piece));
        }
        Ok(pieces)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = map.next_key::<String>()? {
            let id = map
                .next_value()
                .map_err(|error| A::Error::custom(format!("token `{piece}`: {error}")))?;
            pieces.push((id, piece));
        }
        Ok(pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(json: &str) -> Result<Vec<(String, String, Kind)>> {
        let read = read(json.as_bytes(), Path::new("tokenizer.json"))?;
        Ok(read.tokens.into_iter().map(|t| (t.piece, t.text, t.kind)).collect())
    }

    #[test]
    fn bytes_are_read_where_the_tokenizer_spells_them() {
        let json = r#"{"added_tokens": [{"id": 3, "content": "<|end|>", "special": true}],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]},
            "model": {"type": "BPE", "vocab": {"Ġthe": 0, "a": 1}}}"#;
        let of = |piece: &str, text: &str, kind| (piece.to_owned(), text.to_owned(), kind);
        assert_eq!(
            tokens(json).unwrap(),
            [
                of("Ġthe", " the", Kind::Ordinary),
                of("a", "a", Kind::Ordinary),
                of("", "", Kind::Padding),
                of("<|end|>", "<|end|>", Kind::Special),
            ]
        );
    }

    #[test]
    fn a_unigram_model_is_a_list() {
        let json = r#"{"model": {"type": "Unigram", "vocab": [["<s>", 0.0], ["▁a", -1.5], ["<0x0A>", -2]]},
            "decoder": {"type": "Metaspace"}}"#;
        let texts: Vec<_> = tokens(json).unwrap().into_iter().map(|t| (t.1, t.2)).collect();
        assert_eq!(
            texts,
            [
                ("<s>".into(), Kind::Special),
                (" a".into(), Kind::Ordinary),
                ("\n".into(), Kind::Byte)
            ]
        );
    }

    #[test]
    fn what_is_damaged_is_refused() {
        for (json, says) in [
            (r#"{"model": {"vocab": {"a": 0, "b": 0}}}"#, "id 0 belongs to `a` and to `b`"),
            (r#"{"model": {"vocab": {"a": 99999999}}}"#, "out of range"),
            (
                r#"{"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 99999999, "content": "b"}]}"#,
                "out of range",
            ),
            (r#"{"model": {"vocab": {}}}"#, "no tokens"),
            (r#"{"model": {"vocab": 7}}"#, "a map from piece to id or a list"),
        ] {
            let said = tokens(json).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
