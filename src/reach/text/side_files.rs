//! Reads the tokenizer from the files next to a checkpoint, as folders of Hugging Face have them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::json_file::json_file;
use super::pre_tokenizer::{PreTokenizer, byte_level};
use super::tokenizer_file::{self, BERT_PAIR, ROBERTA_PAIR, TokenizerFile};
use super::{Pairs, Tokenizer};
use super::{kept, marian, ranks, sentence_piece};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::vocabulary::{Vocabulary, from_side_file};
use crate::error::{Error, Result};

/// Tokenizer classes of transformers whose vocab.txt holds word pieces, without `Fast` at the end.
const WORD_PIECES: [&str; 5] = [
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "MobileBertTokenizer",
    "BertJapaneseTokenizer",
];
/// Files of SentencePiece, which do not state how families renumber pieces and frame texts.
const SENTENCE_PIECE: [&str; 5] =
    ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "source.spm", "vocab.spm"];

/// Reads the tokenizer that the files next to a checkpoint state.
///
/// # Errors
/// No tokenizer file, one of a kind that is not read here, or a vocab.txt that could be of several kinds.
pub(super) fn stated(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Tokenizer> {
    let mut tokenizer = found(checkpoint, path)?;
    let config = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    if let (Pairs::Template, Some(inputs)) =
        (tokenizer.pairs, config["model_input_names"].as_array())
        && !inputs.iter().any(|name| name == "token_type_ids")
    {
        // The model is not told of segments, so it takes all tokens for those of segment 0.
        tokenizer.pairs = Pairs::OneSegment;
    }
    Ok(tokenizer)
}

/// Reads the first of the files that state a tokenizer.
fn found(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Tokenizer> {
    if is_cpm(checkpoint)? {
        let mut tokenizer = sentence_piece::cpm(checkpoint, path)?;
        tokenizer.needs_words = true;
        return Ok(tokenizer);
    }
    if let Some(bytes) = checkpoint.side_file("tokenizer.json")? {
        return Tokenizer::from_json(&bytes, bytes.label());
    }
    let kind = model_type(checkpoint)?;
    for name in ranks::files(&kind) {
        let Some(bytes) = checkpoint.side_file(name)? else { continue };
        if ranks::recognise(&bytes) {
            return ranks::read(&bytes, &kind, bytes.label());
        }
    }
    if checkpoint.side_file("vocab.txt")?.is_some() {
        let lowercase = stated_case(checkpoint, path)?;
        return word_pieces(checkpoint, path, lowercase);
    }
    if checkpoint.side_file("vocab.json")?.is_some()
        && checkpoint.side_file("merges.txt")?.is_some()
    {
        return merged(checkpoint, path);
    }
    if let Some(tokenizer) = marian::stated(checkpoint, path)? {
        return Ok(tokenizer);
    }
    if let Some(tokenizer) = sentence_piece::stated(checkpoint)? {
        return Ok(tokenizer);
    }
    for name in SENTENCE_PIECE {
        if checkpoint.side_file(name)?.is_some() {
            return Err(Error::malformed(
                path,
                format!(
                    "text is not split by {name} here for a model of this type (it is for {}): give a tokenizer.json by --tokenizer (transformers writes one, \
                     `AutoTokenizer.from_pretrained(...).save_pretrained(...)`), or ids by --ids (of logits and generate)",
                    sentence_piece::model_types()
                ),
            ));
        }
    }
    Err(Error::malformed(
        path,
        "there is no tokenizer beside it: give a tokenizer.json by --tokenizer, or ids by --ids (of logits and generate)",
    ))
}

/// Returns the `model_type` of `config.json`; empty where there is none.
pub(super) fn model_type(checkpoint: &dyn Checkpoint) -> Result<String> {
    let config = json_file(checkpoint, "config.json")?.unwrap_or_default();
    Ok(config["model_type"].as_str().unwrap_or_default().to_owned())
}

/// Whether the checkpoint says that its tokenizer is that of CPM, whose texts are first cut into words.
fn is_cpm(checkpoint: &dyn Checkpoint) -> Result<bool> {
    for name in ["tokenizer_config.json", "config.json"] {
        let config = json_file(checkpoint, name)?.unwrap_or_default();
        if let Some(class) = config["tokenizer_class"].as_str() {
            return Ok(class.trim_end_matches("Fast") == "CpmTokenizer");
        }
    }
    Ok(false)
}

/// Reads the tokenizer of CPM for a text that was cut into words.
///
/// # Errors
/// A checkpoint whose tokenizer is another, or no model.
pub(super) fn of_words(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Tokenizer> {
    match is_cpm(checkpoint)? {
        true => sentence_piece::cpm(checkpoint, path),
        false => {
            let problem = "its text is not cut into words first: only CPM's is (tokenizer_class CpmTokenizer in \
                           tokenizer_config.json)";
            Err(Error::malformed(path, problem))
        }
    }
}

/// Reads the SentencePiece model of a checkpoint of whose pieces only some have a row.
///
/// # Errors
/// No such model of a family that is known, or as it says.
pub(super) fn of_kept(checkpoint: &dyn Checkpoint, path: &Path, file: &Path) -> Result<Tokenizer> {
    let kept = kept::kept(file)?;
    sentence_piece::kept(checkpoint, &kept)?.ok_or_else(|| {
        let problem = format!(
            "kept pieces are those of a SentencePiece model (spiece.model, tokenizer.model), and none that is read here is \
             beside it (for {})",
            sentence_piece::model_types()
        );
        Error::malformed(path, problem)
    })
}

/// Whether `tokenizer_config.json` says that the word pieces of vocab.txt are in lower case.
fn stated_case(checkpoint: &dyn Checkpoint, path: &Path) -> Result<bool> {
    let config = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    let class = config["tokenizer_class"].as_str();
    let known = class.is_some_and(|c| WORD_PIECES.contains(&c.trim_end_matches("Fast")));
    match (config["do_lower_case"].as_bool(), class) {
        // Without a class the option still means BERT's word pieces: no other vocab.txt has it.
        (Some(lowercase), None) => Ok(lowercase),
        (Some(lowercase), Some(_)) if known => Ok(lowercase),
        // Lower case is the default of these classes.
        (None, Some(_)) if known => Ok(true),
        (_, Some(other)) => Err(ambiguous(
            path,
            &format!("tokenizer_config.json names `{other}`, which is not read here"),
        )),
        (None, None) => Err(ambiguous(path, "nothing beside it says how it splits text")),
    }
}

/// Returns the error for a vocab.txt of unknown kind.
fn ambiguous(path: &Path, why: &str) -> Error {
    Error::malformed(
        path,
        format!(
            "there is a vocab.txt, but {why}: --wordpiece uncased or --wordpiece cased reads it as BERT does, \
             --split-regex PATTERN by a pattern, --tokenizer FILE takes a tokenizer.json, and --ids (of logits and generate) takes ids"
        ),
    )
}

/// Reads `vocab.txt` as BERT does.
///
/// # Errors
/// No such file, or one without `[UNK]`, `[CLS]` or `[SEP]`.
pub(super) fn word_pieces(
    checkpoint: &dyn Checkpoint,
    path: &Path,
    lowercase: bool,
) -> Result<Tokenizer> {
    let Some(bytes) = checkpoint.side_file("vocab.txt")? else {
        return Err(Error::malformed(
            path,
            "there is no vocab.txt beside it to read word pieces from",
        ));
    };
    let label = bytes.label().to_path_buf();
    let vocabulary = Vocabulary::from_lines(&bytes, &label)?;
    let id = |name: &str| -> Result<(u32, String)> {
        let found = vocabulary.tokens.iter().position(|t| t.piece == name);
        let problem =
            || Error::malformed(&label, format!("word pieces need `{name}`, which is not there"));
        Ok((found.ok_or_else(problem)? as u32, name.to_owned()))
    };
    let config = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    let chinese = config["tokenize_chinese_chars"].as_bool().unwrap_or(true);
    let [normalizer, pre_tokenizer, decoder] =
        tokenizer_file::bert(lowercase, chinese, config["strip_accents"].as_bool());
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let added = special.iter().filter_map(|name| id(name).ok());
    let file = TokenizerFile {
        model: tokenizer_file::word_pieces(numbered(&vocabulary), &id("[UNK]")?.1),
        added: added.map(|(id, name)| (id as usize, name, true)).collect(),
        normalizer,
        pre_tokenizer,
        decoder,
        before: vec![id("[CLS]")?],
        after: vec![id("[SEP]")?],
        pair: BERT_PAIR,
    };
    Tokenizer::written(&file, label)
}

/// Reads the `vocab.json` and `merges.txt` of GPT-2 and RoBERTa.
fn merged(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Tokenizer> {
    let config = json_file(checkpoint, "config.json")?.unwrap_or_default();
    let kind = config["model_type"].as_str().unwrap_or("unknown");
    if !["gpt2", "roberta"].contains(&kind) {
        return Err(Error::malformed(
            path,
            format!(
                "vocab.json and merges.txt are read for gpt2 and roberta, and this is `{kind}`: give a tokenizer.json \
                 by --tokenizer, or ids by --ids (of logits and generate)"
            ),
        ));
    }
    let (Some(pieces), Some(merges)) =
        (checkpoint.side_file("vocab.json")?, checkpoint.side_file("merges.txt")?)
    else {
        return Err(Error::malformed(path, "vocab.json and merges.txt are gone"));
    };
    let vocabulary = Vocabulary::from_bytes(pieces.to_vec(), pieces.label())?;
    let text = std::str::from_utf8(&merges).map_err(|e| {
        Error::malformed(merges.label(), format!("not UTF-8 at byte {}", e.valid_up_to()))
    })?;
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with("#version") {
            continue;
        }
        let (left, right) = line.split_once(' ').ok_or_else(|| {
            Error::malformed(merges.label(), format!("line {number} is not two pieces"))
        })?;
        pairs.push(json!([left, right]));
    }
    let find = |name: &str| vocabulary.tokens.iter().position(|t| t.piece == name);
    let special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"];
    let around = |name: &str| -> Result<Vec<(u32, String)>> {
        match (kind, find(name)) {
            ("gpt2", _) => Ok(Vec::new()),
            (_, Some(id)) => Ok(vec![(id as u32, name.to_owned())]),
            (_, None) => Err(Error::malformed(pieces.label(), format!("roberta needs `{name}`"))),
        }
    };
    let file = TokenizerFile {
        model: tokenizer_file::byte_pairs(numbered(&vocabulary), pairs, false),
        added: special.iter().filter_map(|n| Some((find(n)?, (*n).to_owned(), true))).collect(),
        pre_tokenizer: PreTokenizer::named("gpt-2").map_or(Value::Null, PreTokenizer::to_json),
        decoder: byte_level(true),
        before: around("<s>")?,
        after: around("</s>")?,
        pair: if kind == "roberta" { ROBERTA_PAIR } else { &[] },
        ..TokenizerFile::default()
    };
    Tokenizer::written(&file, pieces.label())
}

/// Returns the pieces of a vocabulary and the path they are from, for a way to split text that the caller gives.
///
/// # Errors
/// No vocabulary, or a damaged one.
pub(super) fn pieces(checkpoint: &dyn Checkpoint, path: &Path) -> Result<(Vocabulary, PathBuf)> {
    if let Some(vocabulary) = checkpoint.vocabulary()? {
        return Ok((vocabulary, path.to_path_buf()));
    }
    let folder = checkpoint.folder().unwrap_or(path).to_path_buf();
    let (vocabulary, name) = from_side_file(checkpoint)?.ok_or_else(|| {
        Error::malformed(path, "there is no vocabulary beside it to look tokens up in")
    })?;
    Ok((vocabulary, folder.join(name)))
}

/// Iterates over the pieces with their ids; ids without a piece are left out.
fn numbered(vocabulary: &Vocabulary) -> impl Iterator<Item = (String, usize)> + '_ {
    let named = vocabulary.tokens.iter().enumerate().filter(|(_, token)| !token.piece.is_empty());
    named.map(|(id, token)| (token.piece.clone(), id))
}
