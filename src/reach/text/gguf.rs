//! Reads the tokenizer in the metadata of a GGUF file.
//!
//! Source: llama.cpp, `src/llama-vocab.cpp` and `gguf-py/gguf/vocab.py`; transformers, `convert_slow_tokenizer.py`
//! (`generate_merges`) for SentencePiece's byte pairs.

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;

use super::Tokenizer;
use super::pre_tokenizer::{PreTokenizer, byte_level};
use super::tokenizer_file::{self, TokenizerFile};
use crate::checkpoint::gguf::Metadata;
use crate::error::{Error, Result};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const SCORES: &str = "tokenizer.ggml.scores";

/// The types of tokens (`llama_token_type`) that need a treatment of their own here.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The vocabulary in the metadata, with its token types, after a check that they fit together.
struct Stored<'a> {
    metadata: &'a Metadata,
    label: &'a Path,
    pieces: Vec<&'a str>,
    types: Vec<i64>,
}

/// Reads the tokenizer of a GGUF file.
///
/// # Errors
/// Metadata that are missing or do not fit, and a tokenizer model or pre-tokenizer that is not known here.
pub(super) fn read(metadata: &Metadata, label: &Path) -> Result<Tokenizer> {
    let Some(model) = metadata.get_str(MODEL)? else {
        return Err(Error::malformed(
            label,
            format!(
                "it has no tokenizer ({MODEL} is missing): give a tokenizer.json by --tokenizer, or ids by --ids (of logits and generate)"
            ),
        ));
    };
    let stored = Stored::read(metadata, label)?;
    let file = match model {
        "gpt2" => stored.byte_level()?,
        "llama" => stored.sentence_piece()?,
        "bert" => stored.bert()?,
        other => {
            return Err(Error::malformed(
                label,
                format!(
                    "its tokenizer `{other}` is not read here (known are gpt2, llama and bert): give a tokenizer.json \
                     by --tokenizer, or ids by --ids (of logits and generate)"
                ),
            ));
        }
    };
    let mut tokenizer = Tokenizer::written(&file, label)?;
    if let Some(id) = stored.special("mask")? {
        tokenizer.mask = Some(id);
    }
    Ok(tokenizer)
}

impl<'a> Stored<'a> {
    /// Reads and checks the vocabulary in the metadata.
    fn read(metadata: &'a Metadata, label: &'a Path) -> Result<Self> {
        let pieces = metadata
            .get_array_str(TOKENS)?
            .ok_or_else(|| Error::malformed(label, format!("{TOKENS} is missing")))?;
        let types = metadata.get_array_i64(TYPES)?.unwrap_or_else(|| vec![0; pieces.len()]);
        if types.len() != pieces.len() {
            let problem =
                format!("{TYPES} has {} entries for the {} of {TOKENS}", types.len(), pieces.len());
            return Err(Error::malformed(label, problem));
        }
        let mut first = HashMap::new();
        for (id, piece) in pieces.iter().enumerate() {
            if let Some(before) = first.insert(*piece, id) {
                let problem = format!("{TOKENS} has `{piece}` twice, as {before} and {id}");
                return Err(Error::malformed(label, problem));
            }
        }
        Ok(Stored { metadata, label, pieces, types })
    }

    /// Returns an error that names the file.
    fn fault(&self, problem: String) -> Error {
        Error::malformed(self.label, problem)
    }

    /// Reads byte-level byte pair encoding: pieces that spell bytes, joined by merges.
    fn byte_level(&self) -> Result<TokenizerFile> {
        let name = self.metadata.get_str(PRE)?.unwrap_or("none");
        let pre = PreTokenizer::named(name).ok_or_else(|| {
            self.fault(format!(
                "its pre-tokenizer `{name}` ({PRE}) is not known here (known are {}): give a tokenizer.json by \
                 --tokenizer, or ids by --ids (of logits and generate)",
                PreTokenizer::names()
            ))
        })?;
        let merges = self.metadata.get_array_str(MERGES)?;
        let merges = merges.ok_or_else(|| self.fault(format!("{MERGES} is missing")))?;
        let pair = |(at, merge): (usize, &&str)| {
            let (left, right) = merge.split_once(' ').ok_or_else(|| {
                self.fault(format!("{MERGES}: entry {at}, `{merge}`, is not two pieces"))
            })?;
            Ok(json!([left, right]))
        };
        let merges = merges.iter().enumerate().map(pair).collect::<Result<_>>()?;
        Ok(TokenizerFile {
            model: tokenizer_file::byte_pairs(self.numbered(), merges, pre.ignore_merges),
            added: self.added(),
            normalizer: pre.normalizer(),
            pre_tokenizer: pre.to_json(),
            decoder: byte_level(true),
            before: self.around("bos", "add_bos_token", pre.add_bos)?,
            after: self.around("eos", "add_eos_token", false)?,
            ..TokenizerFile::default()
        })
    }

    /// Reads SentencePiece's byte pairs (Kudo and Richardson 2018): of two neighbours whose union is a piece, those
    /// with the highest score are joined first. A character without a piece becomes its bytes.
    fn sentence_piece(&self) -> Result<TokenizerFile> {
        let scores = self.metadata.get_array_f64(SCORES)?;
        let scores = scores.ok_or_else(|| self.fault(format!("{SCORES} is missing")))?;
        if scores.len() != self.pieces.len() {
            let problem =
                format!("{SCORES} has {} entries for {} pieces", scores.len(), self.pieces.len());
            return Err(self.fault(problem));
        }
        let unknown = self.special("unknown")?.unwrap_or(0) as usize;
        let unknown = self
            .pieces
            .get(unknown)
            .ok_or_else(|| self.fault(format!("there is no token {unknown}")))?;
        let prefix = self.metadata.get_bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        let blank = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let begin = json!({"type": "Prepend", "prepend": "▁"});
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if prefix {
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        Ok(TokenizerFile {
            model: json!({"type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
                "vocab": tokenizer_file::vocabulary(self.numbered()), "merges": tokenizer_file::merges(&self.pieces, &scores)}),
            added: self.added(),
            normalizer: json!({"type": "Sequence",
                "normalizers": if prefix { vec![begin, blank] } else { vec![blank] }}),
            decoder: json!({"type": "Sequence", "decoders": decoders}),
            before: self.around("bos", "add_bos_token", true)?,
            after: self.around("eos", "add_eos_token", false)?,
            ..TokenizerFile::default()
        })
    }

    /// Reads word pieces, which are stored with `▁` before those that begin a word and without `##` before the
    /// others.
    fn bert(&self) -> Result<TokenizerFile> {
        let ordinary = |id: &usize| !matches!(self.types[*id], UNKNOWN | CONTROL);
        let capital = (0..self.pieces.len())
            .filter(ordinary)
            .find(|&id| self.pieces[id].chars().any(char::is_uppercase));
        if let Some(id) = capital {
            return Err(self.fault(format!(
                "its word pieces have capitals (token {id} is `{}`), and GGUF does not say whether text is made lower \
                 case first: give a tokenizer.json by --tokenizer, or ids by --ids (of logits and generate)",
                self.pieces[id]
            )));
        }
        let spelled = |id: usize| match (self.pieces[id].strip_prefix('▁'), ordinary(&id)) {
            (Some(word), true) => word.to_owned(),
            (None, true) => format!("##{}", self.pieces[id]),
            (_, false) => self.pieces[id].to_owned(),
        };
        // Files name the separator under either key.
        let named = |keys: [&str; 2]| -> Result<Vec<(u32, String)>> {
            for key in keys {
                if let Some(id) = self.special(key)? {
                    return Ok(vec![(id, self.name(id)?)]);
                }
            }
            Err(self.fault(format!("tokenizer.ggml.{}_token_id is missing", keys[0])))
        };
        let unknown = self.special("unknown")?;
        let unknown = unknown
            .ok_or_else(|| self.fault("tokenizer.ggml.unknown_token_id is missing".to_owned()))?;
        let [normalizer, pre_tokenizer, decoder] = tokenizer_file::bert(true, true, None);
        Ok(TokenizerFile {
            model: tokenizer_file::word_pieces(
                (0..self.pieces.len()).map(|id| (spelled(id), id)),
                &self.name(unknown)?,
            ),
            added: self.added(),
            normalizer,
            pre_tokenizer,
            decoder,
            before: named(["cls", "bos"])?,
            after: named(["seperator", "eos"])?,
            ..TokenizerFile::default()
        })
    }

    /// Iterates over the pieces with their ids.
    fn numbered(&self) -> impl Iterator<Item = (String, usize)> + '_ {
        self.pieces.iter().enumerate().map(|(id, piece)| ((*piece).to_owned(), id))
    }

    /// Returns the tokens that are matched in a text before it is split.
    fn added(&self) -> Vec<(usize, String, bool)> {
        let whole = |id: &usize| matches!(self.types[*id], UNKNOWN | CONTROL | USER_DEFINED);
        let token = |id: usize| (id, self.pieces[id].to_owned(), self.types[id] != USER_DEFINED);
        (0..self.pieces.len()).filter(whole).map(token).collect()
    }

    /// Returns the id of the special token under a key.
    fn special(&self, key: &str) -> Result<Option<u32>> {
        let id = self.metadata.get_u64(&format!("tokenizer.ggml.{key}_token_id"))?;
        id.map(|id| u32::try_from(id).map_err(|_| self.fault(format!("there is no token {id}"))))
            .transpose()
    }

    /// Returns the piece of a special token.
    fn name(&self, id: u32) -> Result<String> {
        let piece = self.pieces.get(id as usize);
        let problem =
            || self.fault(format!("a special token is {id}, but there are {}", self.pieces.len()));
        piece.map(|piece| (*piece).to_owned()).ok_or_else(problem)
    }

    /// Returns the token that is added before or after every text, if the flag says so.
    fn around(&self, token: &str, flag: &str, default: bool) -> Result<Vec<(u32, String)>> {
        if !self.metadata.get_bool(&format!("tokenizer.ggml.{flag}"))?.unwrap_or(default) {
            return Ok(Vec::new());
        }
        match self.special(token)? {
            Some(id) => Ok(vec![(id, self.name(id)?)]),
            None => Ok(Vec::new()),
        }
    }
}
