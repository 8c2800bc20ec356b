//! Splits text for Marian as OPUS-MT publishes it: a SentencePiece model for each language, whose pieces have the ids of
//! `vocab.json`.
//!
//! Source: `models/marian/tokenization_marian.py` of transformers.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use tokenizers::Decoder;

use super::json_file::json_file;
use super::splitter::Splitter;
use super::{SpecialTokens, Tokenizer, guarded, sentence_piece};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// The SentencePiece model of one language, and the ids of its pieces.
struct Side {
    library: tokenizers::Tokenizer,
    ids: HashMap<String, u32>,
    unknown: u32,
    end: u32,
}

/// Both sides of a Marian.
struct Marian {
    source: Side,
    target: Side,
    /// The pieces of the target's ids.
    pieces: HashMap<u32, String>,
}

/// The names of special tokens, unless `tokenizer_config.json` has others.
const SPECIAL: [(&str, &str); 3] =
    [("unk_token", "<unk>"), ("eos_token", "</s>"), ("pad_token", "<pad>")];

/// Reads the tokenizer of a Marian; `None` where the model is none, or there is no `source.spm`.
///
/// # Errors
/// A file of the tokenizer that is missing or damaged, a model of byte pairs, and a vocabulary without an unknown token or
/// one that ends a text.
pub(super) fn stated(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Option<Tokenizer>> {
    let config = json_file(checkpoint, "config.json")?.unwrap_or_default();
    if config["model_type"] != "marian" || checkpoint.side_file("source.spm")?.is_none() {
        return Ok(None);
    }
    let settings = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    let separate = settings["separate_vocabs"].as_bool().unwrap_or(false);
    let target_ids = if separate { "target_vocab.json" } else { "vocab.json" };
    let source = Side::new(checkpoint, path, &settings, "source.spm", "vocab.json")?;
    let target = Side::new(checkpoint, path, &settings, "target.spm", target_ids)?;
    let pieces = target.ids.iter().map(|(piece, id)| (*id, piece.clone())).collect();
    let unknown = Some(source.unknown);
    let source_path = checkpoint.folder().unwrap_or(path).join("source.spm");
    Ok(Some(Tokenizer::own(Marian { source, target, pieces }, source_path, None, unknown)))
}

impl Side {
    /// Reads the model and the ids of one side.
    fn new(
        checkpoint: &dyn Checkpoint,
        path: &Path,
        settings: &Value,
        model: &str,
        vocabulary: &str,
    ) -> Result<Self> {
        let missing =
            |name: &str| Error::malformed(path, format!("Marian's {name} is not beside it"));
        let bytes = checkpoint.side_file(model)?.ok_or_else(|| missing(model))?;
        let names = SPECIAL.map(|(key, name)| {
            let set = &settings[key];
            set.as_str().or(set["content"].as_str()).unwrap_or(name)
        });
        let file = sentence_piece::marian(&bytes, bytes.label(), &names)?;
        let library = Tokenizer::library(&file.to_json(), bytes.label())?;
        let listed = checkpoint.side_file(vocabulary)?.ok_or_else(|| missing(vocabulary))?;
        let ids: HashMap<String, u32> = serde_json::from_slice(&listed).map_err(|e| {
            Error::malformed(listed.label(), format!("not a JSON map from piece to id: {e}"))
        })?;
        let id = |name: &str| {
            let problem = || {
                Error::malformed(
                    listed.label(),
                    format!("Marian needs `{name}`, which is not there"),
                )
            };
            ids.get(name).copied().ok_or_else(problem)
        };
        Ok(Side { unknown: id(names[0])?, end: id(names[1])?, library, ids })
    }

    /// Returns the ids of a text. A language code such as `>>fra<<` at its beginning is a token.
    fn encode(&self, text: &str, around: SpecialTokens, file: &Path) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut rest = text;
        if let Some(end) = text.starts_with(">>").then(|| text.find("<<")).flatten() {
            let code = &text[..end + 2];
            rest = &text[end + 2..];
            ids.push(self.code(code, file)?);
        }
        // The faster encoding has no pieces, only ids.
        let encoded = guarded(|| self.library.encode(rest, false))
            .and_then(|encoded| encoded.map_err(|e| e.to_string()))
            .map_err(|e| Error::malformed(file, format!("the text cannot be split: {e}")))?;
        // Characters without a piece keep their text, and the vocabulary may know it from the other language.
        let id = |piece: &String| self.ids.get(piece).copied().unwrap_or(self.unknown);
        ids.extend(encoded.get_tokens().iter().map(id));
        ids.extend((around == SpecialTokens::Added).then_some(self.end));
        Ok(ids)
    }

    /// Returns the id of a language code. Where the vocabulary has codes, it must be one of them.
    fn code(&self, code: &str, file: &Path) -> Result<u32> {
        if let Some(id) = self.ids.get(code) {
            return Ok(*id);
        }
        let mut known: Vec<&str> = self.ids.keys().map(String::as_str).collect();
        known.retain(|piece| piece.starts_with(">>") && piece.ends_with("<<"));
        known.sort_unstable();
        match known.is_empty() {
            true => Ok(self.unknown),
            false => {
                let problem = format!(
                    "the text begins with `{code}`, which is not a language of this model: it has {}",
                    known.join(" ")
                );
                Err(Error::malformed(file, problem))
            }
        }
    }
}

impl Splitter for Marian {
    fn encode(&self, text: &str, around: SpecialTokens, source: &Path) -> Result<Vec<u32>> {
        self.source.encode(text, around, source)
    }

    fn encode_target(&self, text: &str, around: SpecialTokens, source: &Path) -> Result<Vec<u32>> {
        self.target.encode(text, around, source)
    }

    fn around(&self) -> (Vec<u32>, Vec<u32>) {
        (Vec::new(), vec![self.source.end])
    }

    fn decode(&self, ids: &[u32], source: &Path) -> Result<String> {
        let pieces = ids.iter().filter_map(|id| self.piece(*id)).collect();
        let decoder = self.target.library.get_decoder();
        let decoded = guarded(|| decoder.map_or(Ok(String::new()), |d| d.decode(pieces)));
        decoded
            .and_then(|text| text.map_err(|e| e.to_string()))
            .map_err(|e| Error::malformed(source, format!("ids {ids:?} have no text: {e}")))
    }

    fn piece(&self, id: u32) -> Option<String> {
        self.pieces.get(&id).cloned()
    }
}
