//! Tokenization: text to token ids and back, by the vocabulary that comes with a checkpoint.
//!
//! The crate `tokenizers` does the work. A `tokenizer.json` is read as it is; the vocabulary of a GGUF file, a
//! `vocab.txt` of word pieces and a `vocab.json` with merges are first written in that format. Where a vocabulary
//! does not say how it splits text, nothing is guessed: the error says what would tell.

mod gguf;
mod json_file;
mod kept;
mod marian;
mod numbering;
mod pre_tokenizer;
mod ranks;
mod sentence_piece;
mod side_files;
mod split;
mod splitter;
mod stream;
mod tokenizer_file;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tokenizers::normalizers::Precompiled;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
pub use kept::kept;
use split::Split;
use splitter::Splitter;
pub use stream::Stream;
use tokenizer_file::TokenizerFile;

/// A tokenizer, which turns text into ids and ids into text.
pub struct Tokenizer {
    kind: Kind,
    /// The file that the tokenizer is from, for errors.
    source: PathBuf,
    /// The mask token, which stands for a hidden word, if the vocabulary has one.
    mask: Option<u32>,
    /// The token for text that the vocabulary does not hold, if it has one.
    unknown: Option<u32>,
    /// Which segments two texts have.
    pairs: Pairs,
    /// Whether a text would first have to be cut into words, which is not done here.
    needs_words: bool,
}

/// What is known of two texts that are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairs {
    /// How they are joined is not known.
    Unknown,
    /// They are joined by the template, and all tokens are of segment 0.
    OneSegment,
    /// They are joined by the template, which gives each token its segment.
    Template,
}

/// How text is tokenized: by the crate `tokenizers`, or in a way that it does not have.
enum Kind {
    Library(Box<tokenizers::Tokenizer>),
    Own(Box<dyn Splitter>),
}

/// How to find the tokenizer: as the checkpoint states, or as the caller says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenizerSource {
    /// As the checkpoint states.
    #[default]
    Stated,
    /// By this `tokenizer.json`, or this file of tiktoken for a family whose files are known.
    File(PathBuf),
    /// As the checkpoint states, of the pieces of whose SentencePiece model only those that this file lists have a row
    /// ([`kept`]).
    Kept(PathBuf),
    /// As the checkpoint states, for texts that were cut into words, with a blank between two of them (CPM); `\u{2582}`
    /// stands for a blank of the text, and `\u{2583}` for the end of a line.
    Words,
    /// `vocab.txt` holds word pieces (Schuster and Nakajima 2012) as BERT has them.
    WordPiece {
        /// Whether text is first made lower case and loses its accents.
        lowercase: bool,
    },
    /// Each match of this regular expression is a token (for molecules, for instance).
    Split(String),
}

/// Whether to add the tokens that the model expects around a text: `[CLS]` and `[SEP]`, `<s>`, `</s>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpecialTokens {
    /// As the model was trained: add them.
    #[default]
    Added,
    /// Add nothing.
    Bare,
}

/// The names of the mask token in published vocabularies.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];
/// The names of the unknown token, for vocabularies that do not say which token it is.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

impl Tokenizer {
    /// Makes the tokenizer of a checkpoint; `path` names the checkpoint in errors.
    ///
    /// # Errors
    /// A vocabulary that is missing, damaged, of a kind that is not read here, or that does not say how it splits text.
    pub fn of(checkpoint: &dyn Checkpoint, path: &Path, how: &TokenizerSource) -> Result<Self> {
        match how {
            TokenizerSource::File(file) => {
                let bytes = std::fs::read(file).map_err(|e| Error::io(file, e))?;
                match ranks::recognise(&bytes) {
                    true => ranks::read(&bytes, &side_files::model_type(checkpoint)?, file),
                    false => Tokenizer::from_json(&bytes, file),
                }
            }
            TokenizerSource::Kept(file) => side_files::of_kept(checkpoint, path, file),
            TokenizerSource::Words => side_files::of_words(checkpoint, path),
            TokenizerSource::WordPiece { lowercase } => {
                side_files::word_pieces(checkpoint, path, *lowercase)
            }
            TokenizerSource::Split(pattern) => {
                let (pieces, source) = side_files::pieces(checkpoint, path)?;
                let split = Split::new(pieces, pattern)?;
                let first = |names: &[&str]| names.iter().find_map(|name| split.id(name));
                let (mask, unknown) = (first(&MASKS), first(&UNKNOWN));
                Ok(Tokenizer::own(split, source, mask, unknown))
            }
            TokenizerSource::Stated => match checkpoint.metadata() {
                Some(metadata) => gguf::read(metadata, path),
                None => side_files::stated(checkpoint, path),
            },
        }
    }

    /// Reads a `tokenizer.json`; `label` names the file in errors.
    ///
    /// # Errors
    /// A file that the crate `tokenizers` does not read.
    pub fn from_json(bytes: &[u8], label: impl AsRef<Path>) -> Result<Self> {
        let label = label.as_ref();
        let library = Tokenizer::library(bytes, label)?;
        let tree: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let mask = MASKS.iter().find_map(|name| library.token_to_id(name));
        // Byte pairs and word pieces give the name of the unknown token, a unigram model its id.
        let unknown = match (&tree["model"]["unk_token"], &tree["model"]["unk_id"]) {
            (Value::String(name), _) => library.token_to_id(name),
            (_, id) => id.as_u64().and_then(|id| u32::try_from(id).ok()),
        };
        let source = label.to_path_buf();
        let (kind, pairs) = (Kind::Library(Box::new(library)), Pairs::Template);
        Ok(Tokenizer { kind, source, mask, unknown, pairs, needs_words: false })
    }

    /// Reads a `tokenizer.json` by the crate `tokenizers`.
    fn library(bytes: &[u8], label: &Path) -> Result<tokenizers::Tokenizer> {
        let refused = |e: &dyn std::fmt::Display| {
            Error::malformed(label, format!("not a tokenizer that is read here: {e}"))
        };
        // The crate expects valid JSON, and panics in a decoder that is not.
        let tree: Value = serde_json::from_slice(bytes).map_err(|e| refused(&e))?;
        check_maps(&tree["normalizer"]).map_err(|e| refused(&e))?;
        let mut library = guarded(|| tokenizers::Tokenizer::from_bytes(bytes))
            .and_then(|read| read.map_err(|e| e.to_string()))
            .map_err(|e| refused(&e))?;
        // Some files state a truncation or padding from their last use.
        library.with_truncation(None).map_err(|e| refused(&e))?;
        library.with_padding(None);
        Ok(library)
    }

    /// Makes a tokenizer of a way to split text that the crate `tokenizers` does not have.
    fn own(
        splitter: impl Splitter + 'static,
        source: PathBuf,
        mask: Option<u32>,
        unknown: Option<u32>,
    ) -> Self {
        let kind = Kind::Own(Box::new(splitter));
        Tokenizer { kind, source, mask, unknown, pairs: Pairs::Unknown, needs_words: false }
    }

    /// Makes the tokenizer of a vocabulary that was written in the form of `tokenizer.json`.
    fn written(file: &TokenizerFile, label: impl AsRef<Path>) -> Result<Self> {
        let mut tokenizer = Tokenizer::from_json(&file.to_json(), label)?;
        if file.pair.is_empty() {
            tokenizer.pairs = Pairs::Unknown;
        }
        Ok(tokenizer)
    }

    /// Returns the ids of a text.
    ///
    /// # Errors
    /// Text that the vocabulary cannot spell.
    pub fn encode(&self, text: &str, around: SpecialTokens) -> Result<Vec<u32>> {
        if self.needs_words {
            let problem = "CPM's tokenizer first cuts a text into words by jieba, which is not done here: cut it yourself, put \
                           a blank between two words, write ▂ for a blank of the text and ▃ for the end of a line, and say \
                           so by --words; or give ids by --ids (of logits and generate)";
            return Err(Error::malformed(&self.source, problem));
        }
        match &self.kind {
            Kind::Library(library) => {
                let split = || library.encode_fast(text, around == SpecialTokens::Added);
                let encoded = guarded(split).and_then(|ids| ids.map_err(|e| e.to_string()));
                let encoded = encoded.map_err(|e| {
                    Error::malformed(&self.source, format!("the text cannot be split: {e}"))
                })?;
                Ok(encoded.get_ids().to_vec())
            }
            Kind::Own(own) => own.encode(text, around, &self.source),
        }
    }

    /// Returns the ids of a text of the decoder, for a model whose two languages are split in different ways; in other
    /// models it is split as any text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_target(&self, text: &str, around: SpecialTokens) -> Result<Vec<u32>> {
        match &self.kind {
            Kind::Own(own) => own.encode_target(text, around, &self.source),
            Kind::Library(_) => self.encode(text, around),
        }
    }

    /// Returns the ids of two texts as the model expects them together, and the segment of each.
    ///
    /// # Errors
    /// Text that the vocabulary cannot spell, and a tokenizer that does not say how two texts are joined.
    pub fn encode_pair(&self, first: &str, second: &str) -> Result<(Vec<u32>, Vec<u32>)> {
        let library = match (&self.kind, self.pairs) {
            (Kind::Library(library), Pairs::OneSegment | Pairs::Template) => library,
            _ => {
                let problem = "it does not say how two texts are joined: give the ids of both by --ids, and their segments \
                               by --segments, or a tokenizer.json by --tokenizer";
                return Err(Error::malformed(&self.source, problem));
            }
        };
        let encoded = guarded(|| library.encode_fast((first, second), true))
            .and_then(|encoded| encoded.map_err(|e| e.to_string()))
            .map_err(|e| {
                Error::malformed(&self.source, format!("the texts cannot be split: {e}"))
            })?;
        let ids = encoded.get_ids().to_vec();
        let segments = match self.pairs {
            Pairs::OneSegment => vec![0; ids.len()],
            _ => encoded.get_type_ids().to_vec(),
        };
        Ok((ids, segments))
    }

    /// Returns the tokens that are added before and after a text.
    ///
    /// # Errors
    /// A vocabulary that cannot spell the letter `a`, and a tokenizer that changes a text when it adds tokens.
    pub fn around(&self) -> Result<(Vec<u32>, Vec<u32>)> {
        if let Kind::Own(own) = &self.kind {
            return Ok(own.around());
        }
        let (bare, added) =
            (self.encode("a", SpecialTokens::Bare)?, self.encode("a", SpecialTokens::Added)?);
        let found = (0..=added.len().saturating_sub(bare.len()))
            .find(|&before| added[before..].starts_with(&bare));
        let Some(before) = found else {
            let problem = "it changes a text when it adds tokens around it: give ids by --ids (of logits and generate)";
            return Err(Error::malformed(&self.source, problem));
        };
        Ok((added[..before].to_vec(), added[before + bare.len()..].to_vec()))
    }

    /// Returns the text of ids, special tokens included. An id without a token is shown as `#7`, bytes that are not
    /// UTF-8 as U+FFFD.
    ///
    /// # Errors
    /// A decoder that refuses a token.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let mut text = String::new();
        for run in ids.chunk_by(|a, b| self.knows(*a) == self.knows(*b)) {
            if !self.knows(run[0]) {
                run.iter().for_each(|id| text.push_str(&format!("#{id}")));
                continue;
            }
            match &self.kind {
                Kind::Library(library) => {
                    let decoded = guarded(|| library.decode(run, false));
                    text += &decoded.and_then(|t| t.map_err(|e| e.to_string())).map_err(|e| {
                        Error::malformed(&self.source, format!("ids {run:?} have no text: {e}"))
                    })?
                }
                Kind::Own(own) => text += &own.decode(run, &self.source)?,
            }
        }
        Ok(text)
    }

    /// Returns the number of pieces that a text is split into, without tokens that were added to them; `None` where the
    /// crate `tokenizers` does not do it.
    pub fn pieces(&self) -> Option<usize> {
        match &self.kind {
            Kind::Library(library) => Some(library.get_vocab_size(false)),
            Kind::Own(_) => None,
        }
    }

    /// Whether the vocabulary has a token of this id.
    pub fn knows(&self, id: u32) -> bool {
        match &self.kind {
            Kind::Library(library) => library.id_to_token(id).is_some(),
            Kind::Own(own) => own.piece(id).is_some(),
        }
    }

    /// Whether an id is the unknown token.
    pub fn is_unknown(&self, id: u32) -> bool {
        self.unknown == Some(id)
    }

    /// Returns the mask token: its id, and how it is written in a text.
    pub fn mask(&self) -> Option<(u32, String)> {
        let id = self.mask?;
        let piece = match &self.kind {
            Kind::Library(library) => library.id_to_token(id)?,
            Kind::Own(own) => own.piece(id)?,
        };
        Some((id, piece))
    }

    /// Returns the file that the tokenizer is from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Starts decoding a text that grows by one id at a time.
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }
}

/// Runs `work` and turns a panic into an error. The crate `tokenizers` may panic on a damaged file; the panic has
/// been reported on standard error by then.
fn guarded<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .map_err(|_| "the file is damaged in a way that its reader did not expect".to_owned())
}

/// Refuses a normalizer with a damaged character map, on which the crate would panic.
fn check_maps(normalizer: &Value) -> std::result::Result<(), String> {
    match normalizer {
        Value::Object(parts) if parts.get("type").is_some_and(|kind| kind == "Precompiled") => {
            // The crate reads the map from text alone.
            let text = normalizer.to_string();
            guarded(|| serde_json::from_str::<Precompiled>(&text))?
                .map_err(|e| format!("its map of characters: {e}"))
                .map(drop)
        }
        Value::Object(parts) => parts.values().try_for_each(check_maps),
        Value::Array(parts) => parts.iter().try_for_each(check_maps),
        _ => Ok(()),
    }
}
