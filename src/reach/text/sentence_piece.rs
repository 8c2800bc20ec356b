//! Reads SentencePiece models (Kudo and Richardson, 2018), unigrams and byte pairs, as the families that have one use it:
//! the model says how a text is split, the family which ids the pieces have and which tokens stand around a text.
//!
//! Source: `convert_slow_tokenizer.py` of transformers (`build_tokenizer_from_spm_proto`, and the class of each family).

use std::path::Path;

use base64::Engine;
use serde_json::{Value, json};

use super::Tokenizer;
use super::json_file::json_file;
use super::numbering::{CONTROL, Ids, NORMAL, Numbered, Numbering, USER_DEFINED};
use super::tokenizer_file::{self, BERT_PAIR, Pair, ROBERTA_PAIR, TokenizerFile, XLNET_PAIR};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::vocabulary::sentencepiece::{self, SentencePieces};
use crate::error::{Error, Result};

/// How a family uses its model.
struct Use {
    model_types: &'static [&'static str],
    file: &'static str,
    ids: Ids,
    around: Around,
    /// How two texts are joined.
    pair: Pair,
    /// Whether quotes are unified, accents dropped and capitals made small, by `keep_accents` and `do_lower_case`.
    simplified: bool,
}

/// Which tokens stand around a text.
#[derive(Clone, Copy)]
enum Around {
    /// These.
    Names(&'static [&'static str], &'static [&'static str]),
    /// The model's own, by `add_bos_token` (on unless switched off) and `add_eos_token`.
    Switched,
}

const USES: &[Use] = &[
    Use {
        model_types: &["t5", "mt5"],
        file: "spiece.model",
        ids: Ids::Extended,
        around: Around::Names(&[], &["</s>"]),
        pair: &[],
        simplified: false,
    },
    Use {
        model_types: &["llama", "mistral", "gemma", "gemma2", "gemma3_text", "phi3"],
        file: "tokenizer.model",
        ids: Ids::Same,
        around: Around::Switched,
        pair: &[],
        simplified: false,
    },
    Use {
        model_types: &["albert"],
        file: "spiece.model",
        ids: Ids::Same,
        around: Around::Names(&["[CLS]"], &["[SEP]"]),
        pair: BERT_PAIR,
        simplified: true,
    },
    Use {
        model_types: &["xlnet"],
        file: "spiece.model",
        ids: Ids::Same,
        around: Around::Names(&[], &["<sep>", "<cls>"]),
        pair: XLNET_PAIR,
        simplified: true,
    },
    Use {
        model_types: &["xlm-roberta"],
        file: "sentencepiece.bpe.model",
        ids: Ids::Shifted,
        around: Around::Names(&["<s>"], &["</s>"]),
        pair: ROBERTA_PAIR,
        simplified: false,
    },
];

/// CPM (Zhang et al., 2021): GPT-2 with the pieces of XLNet's kind, of texts that jieba has cut into words.
const CPM: Use = Use {
    model_types: &["gpt2"],
    file: "spiece.model",
    ids: Ids::Same,
    around: Around::Names(&[], &["<sep>", "<cls>"]),
    pair: &[],
    simplified: true,
};

/// A side of Marian, whose ids and frame are not those of the model.
const MARIAN: Use = Use {
    model_types: &["marian"],
    file: "source.spm",
    ids: Ids::Same,
    around: Around::Names(&[], &[]),
    pair: &[],
    simplified: false,
};

/// The model types whose SentencePiece model is read, for errors.
pub(super) fn model_types() -> String {
    let types: Vec<&str> = USES.iter().flat_map(|one| one.model_types).copied().collect();
    types.join(", ")
}

/// Reads the SentencePiece model beside a checkpoint; `None` where the family has none, or the file is not there.
///
/// # Errors
/// A damaged model, one of words or characters, or one without a token that the family puts around a text.
pub(super) fn stated(checkpoint: &dyn Checkpoint) -> Result<Option<Tokenizer>> {
    of_family(checkpoint, None)
}

/// Reads the SentencePiece model beside a checkpoint, of whose ids only those in `kept` have a row, in this order; `None`
/// where the family has none, or the file is not there.
///
/// # Errors
/// As [`stated`]; kept ids that the model does not have, or without the unknown piece or some of the bytes.
pub(super) fn kept(checkpoint: &dyn Checkpoint, kept: &[usize]) -> Result<Option<Tokenizer>> {
    of_family(checkpoint, Some(kept))
}

fn of_family(checkpoint: &dyn Checkpoint, kept: Option<&[usize]>) -> Result<Option<Tokenizer>> {
    let config = json_file(checkpoint, "config.json")?.unwrap_or_default();
    let kind = config["model_type"].as_str().unwrap_or_default();
    let Some(family) = USES.iter().find(|one| one.model_types.contains(&kind)) else {
        return Ok(None);
    };
    let Some(bytes) = checkpoint.side_file(family.file)? else { return Ok(None) };
    let label = bytes.label().to_path_buf();
    let model = sentencepiece::model(&bytes, &label)?;
    let settings = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    let extra = settings["extra_ids"].as_u64().unwrap_or(if kind == "t5" { 100 } else { 0 });
    let switch = |key: &str, otherwise| settings[key].as_bool().unwrap_or(otherwise);
    let file = Numbering::new(&model, family.ids, extra.min(10_000) as usize, kept)
        .and_then(|pieces| file(&model, &pieces, family, &switch))
        .map_err(|problem| Error::malformed(&label, problem))?;
    Tokenizer::written(&file, label).map(Some)
}

/// Reads CPM's model. Its texts are words with blanks between them, in which `▂` stands for a blank and `▃` for the end of
/// a line; decoded, they are texts again.
///
/// # Errors
/// No model, or as [`stated`].
pub(super) fn cpm(checkpoint: &dyn Checkpoint, path: &Path) -> Result<Tokenizer> {
    let Some(bytes) = checkpoint.side_file(CPM.file)? else {
        return Err(Error::malformed(path, "CPM's spiece.model is not beside it"));
    };
    let label = bytes.label().to_path_buf();
    let model = sentencepiece::model(&bytes, &label)?;
    let settings = json_file(checkpoint, "tokenizer_config.json")?.unwrap_or_default();
    let switch = |key: &str, otherwise| settings[key].as_bool().unwrap_or(otherwise);
    let pieces = Numbering::new(&model, Ids::Same, 0, None);
    let mut file = pieces
        .and_then(|pieces| file(&model, &pieces, &CPM, &switch))
        .map_err(|problem| Error::malformed(&label, problem))?;
    // Within a text a symbol such as `▂` is a piece like the others, only that it is always taken.
    file.added.retain(|(_, name, _)| name.starts_with('<'));
    favour_symbols(&model, &mut file.model);
    if let (true, Some(all)) =
        (switch("remove_space", true), file.normalizer["normalizers"].as_array_mut())
    {
        // Python's `" ".join(text.split())`, which knows four more blanks than `\s` does.
        let blanks = |pattern: &str, to: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": to});
        let once = blanks(r"[\s\x1c-\x1f]+", " ");
        all.splice(0..0, [once, blanks(r"\A | \z", "")]);
    }
    let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    file.decoder = json!({"type": "Sequence", "decoders":
        [replace("▁", ""), replace(" ", ""), replace("▂", " "), replace("▃", "\n"), {"type": "Fuse"}]});
    Tokenizer::written(&file, label)
}

/// Gives the user-defined symbols of unigrams the score that the package has for them (`unigram_model.cc`).
fn favour_symbols(model: &SentencePieces, written: &mut Value) {
    let normal = model.pieces.iter().filter(|piece| piece.kind == NORMAL);
    let largest = normal.map(|piece| f64::from(piece.score)).fold(f64::NEG_INFINITY, f64::max);
    for (id, piece) in model.pieces.iter().enumerate() {
        if piece.kind == USER_DEFINED && model.model_type == 1 && largest.is_finite() {
            let score = piece.text.chars().count() as f64 * largest - 0.1;
            written["vocab"][id][1] = score.into();
        }
    }
}

/// Writes the tokenizer of one side of Marian, by the ids of its model. In a text only the tokens `special` are matched as
/// a whole.
///
/// # Errors
/// As [`stated`], and byte pairs, whose unknown characters would have no name to look up.
pub(super) fn marian(bytes: &[u8], label: &Path, special: &[&str]) -> Result<TokenizerFile> {
    let model = sentencepiece::model(bytes, label)?;
    let problem = |problem| Error::malformed(label, problem);
    if model.model_type != 1 {
        return Err(problem(
            "for Marian only SentencePiece models of unigrams are read here: give ids by --ids (of logits and generate)"
                .to_owned(),
        ));
    }
    let pieces = Numbering::new(&model, Ids::Same, 0, None).map_err(problem)?;
    let mut file = file(&model, &pieces, &MARIAN, &|_, otherwise| otherwise).map_err(problem)?;
    let mut next = pieces.pieces.len();
    let mut id = |name: &str| {
        let found = pieces.pieces.iter().position(|(text, ..)| text == name);
        found.unwrap_or_else(|| {
            next += 1;
            next - 1
        })
    };
    file.added = special.iter().map(|name| (id(name), (*name).to_owned(), true)).collect();
    Ok(file)
}

/// Writes the tokenizer of a model; errors are sentences without the file's name.
fn file(
    model: &SentencePieces,
    numbering: &Numbering,
    family: &Use,
    switch: &dyn Fn(&str, bool) -> bool,
) -> Result<TokenizerFile, String> {
    if model.suffix || !model.escaped {
        return Err("blanks that are not written before words as ▁ are not implemented".to_owned());
    }
    let pieces = &numbering.pieces;
    let find = |name: &str| -> Result<(u32, String), String> {
        let at = pieces.iter().position(|(text, ..)| text == name);
        at.map(|id| (id as u32, name.to_owned()))
            .ok_or_else(|| format!("this family needs `{name}`, which is not there"))
    };
    let own = |id: i64, on: bool| -> Result<Vec<(u32, String)>, String> {
        match usize::try_from(id).ok().and_then(|id| model.pieces.get(id)) {
            Some(piece) if on => Ok(vec![find(&piece.text)?]),
            _ => Ok(Vec::new()),
        }
    };
    let (before, after) = match family.around {
        Around::Names(before, after) => (
            before.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
            after.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
        ),
        Around::Switched => (
            own(model.beginning, switch("add_bos_token", true))?,
            own(model.end, switch("add_eos_token", false))?,
        ),
    };
    let special = |kind: u64| matches!(kind, CONTROL | USER_DEFINED);
    let added = pieces.iter().enumerate().filter(|(_, piece)| special(piece.2));
    Ok(TokenizerFile {
        model: splitting(model, numbering, family)?,
        added: added.map(|(id, piece)| (id, piece.0.clone(), piece.2 == CONTROL)).collect(),
        normalizer: normalizer(model, family, switch),
        pre_tokenizer: match model.dummy_prefix {
            true => {
                let scheme = if switch("legacy", true) { "always" } else { "first" };
                json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false})
            }
            false => Value::Null,
        },
        decoder: decoder(model),
        before,
        after,
        pair: family.pair,
    })
}

/// The model of the crate `tokenizers`.
fn splitting(model: &SentencePieces, numbering: &Numbering, family: &Use) -> Result<Value, String> {
    let Numbering { pieces, unknown } = numbering;
    let unknown = *unknown;
    match model.model_type {
        1 => {
            // XLNet and ALBERT split a comma from the digit before it.
            let bad = |text: &str| {
                family.simplified
                    && text
                        .strip_suffix(',')
                        .is_some_and(|rest| rest.ends_with(|c: char| c.is_numeric()))
            };
            let score = |text: &str, score: f64| if bad(text) { score - 100.0 } else { score };
            let vocabulary: Vec<Value> =
                pieces.iter().map(|(text, own, _)| json!([text, score(text, *own)])).collect();
            Ok(json!({"type": "Unigram", "unk_id": unknown, "vocab": vocabulary,
                      "byte_fallback": model.byte_fallback}))
        }
        2 => {
            let normal: Vec<&Numbered> = pieces.iter().filter(|piece| piece.2 == NORMAL).collect();
            let texts: Vec<&str> = normal.iter().map(|piece| piece.0.as_str()).collect();
            let scores: Vec<f64> = normal.iter().map(|piece| piece.1).collect();
            let ids = pieces.iter().enumerate().map(|(id, piece)| (piece.0.clone(), id));
            let unknown = unknown.map(|id| &pieces[id].0);
            Ok(
                json!({"type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": model.byte_fallback,
                      "ignore_merges": false, "vocab": tokenizer_file::vocabulary(ids),
                      "merges": tokenizer_file::merges(&texts, &scores)}),
            )
        }
        other => Err(format!(
            "a SentencePiece model of type {other} splits by words or characters, which is not implemented"
        )),
    }
}

/// What is changed in a text before it is split, in SentencePiece's order.
fn normalizer(model: &SentencePieces, family: &Use, switch: &dyn Fn(&str, bool) -> bool) -> Value {
    let replace =
        |from: Value, to: &str| json!({"type": "Replace", "pattern": from, "content": to});
    let text = |text: &str| json!({"String": text});
    let pattern = |pattern: &str| json!({"Regex": pattern});
    let mut all = Vec::new();
    if family.simplified {
        all.extend([replace(text("``"), "\""), replace(text("''"), "\"")]);
        if !switch("keep_accents", false) {
            all.extend([json!({"type": "NFKD"}), json!({"type": "StripAccents"})]);
        }
        if switch("do_lower_case", family.model_types == ["albert"]) {
            all.push(json!({"type": "Lowercase"}));
        }
    }
    if !model.characters.is_empty() {
        let map = base64::engine::general_purpose::STANDARD.encode(&model.characters);
        all.push(json!({"type": "Precompiled", "precompiled_charsmap": map}));
    }
    if model.trimmed {
        all.extend([replace(pattern(r"\A +| +\z"), ""), replace(pattern(" {2,}"), " ")]);
    }
    all.push(replace(text(" "), "▁"));
    if model.dummy_prefix && switch("legacy", true) {
        // The crate writes no blank before a text that begins with one, and SentencePiece does.
        all.push(replace(pattern(r"\A▁"), "▁▁"));
    }
    json!({"type": "Sequence", "normalizers": all})
}

/// How pieces become a text again.
fn decoder(model: &SentencePieces) -> Value {
    let mut all = vec![json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "})];
    if model.byte_fallback {
        all.push(json!({"type": "ByteFallback"}));
    }
    all.push(json!({"type": "Fuse"}));
    if model.dummy_prefix {
        all.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": all})
}
