//! Reads SentencePiece models (Kudo and Richardson, 2018), unigrams and byte pairs, as the families that have one use it:
//! the model says how a text is split, the family which ids the pieces have and which tokens stand around a text.
//!
//! Source: `convert_slow_tokenizer.py` of transformers (`build_tokenizer_from_spm_proto`, and the class of each family).

use base64::Engine;
use serde_json::{Value, json};

use super::Tokenizer;
use super::side_files::json_file;
use super::tokenizer_file::{self, TokenizerFile};
use crate::checkpoint::Checkpoint;
use crate::checkpoint::vocabulary::sentencepiece::{self, SentencePieces};
use crate::error::{Error, Result};

/// How a family uses its model.
struct Use {
    model_types: &'static [&'static str],
    file: &'static str,
    ids: Ids,
    around: Around,
    /// Whether quotes are unified, accents dropped and capitals made small, by `keep_accents` and `do_lower_case`.
    simplified: bool,
}

/// Which ids the pieces have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// Those of the model.
    Same,
    /// Those of the model, and after them sentinels, the last one first (`extra_ids`; T5).
    Extended,
    /// Four special tokens, the pieces from the fourth on, and a mask (fairseq; XLM-R).
    Shifted,
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
        simplified: false,
    },
    Use {
        model_types: &["llama", "mistral", "gemma", "gemma2", "gemma3_text", "phi3"],
        file: "tokenizer.model",
        ids: Ids::Same,
        around: Around::Switched,
        simplified: false,
    },
    Use {
        model_types: &["albert"],
        file: "spiece.model",
        ids: Ids::Same,
        around: Around::Names(&["[CLS]"], &["[SEP]"]),
        simplified: true,
    },
    Use {
        model_types: &["xlnet"],
        file: "spiece.model",
        ids: Ids::Same,
        around: Around::Names(&[], &["<sep>", "<cls>"]),
        simplified: true,
    },
    Use {
        model_types: &["xlm-roberta"],
        file: "sentencepiece.bpe.model",
        ids: Ids::Shifted,
        around: Around::Names(&["<s>"], &["</s>"]),
        simplified: false,
    },
];

/// The model types whose SentencePiece model is read, for errors.
pub(super) fn model_types() -> String {
    let types: Vec<&str> = USES.iter().flat_map(|one| one.model_types).copied().collect();
    types.join(", ")
}

/// A piece as its family numbers it: text, score, `SentencePiece.Type`.
type Numbered = (String, f64, u64);

const NORMAL: u64 = 1;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;

/// Reads the SentencePiece model beside a checkpoint; `None` where the family has none, or the file is not there.
///
/// # Errors
/// A damaged model, one of words or characters, or one without a token that the family puts around a text.
pub(super) fn stated(checkpoint: &dyn Checkpoint) -> Result<Option<Tokenizer>> {
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
    let file = file(&model, family, extra.min(10_000) as usize, &switch)
        .map_err(|problem| Error::malformed(&label, problem))?;
    Tokenizer::from_json(&file.to_json(), label).map(Some)
}

/// Writes the tokenizer of a model; errors are sentences without the file's name.
fn file(
    model: &SentencePieces,
    family: &Use,
    extra: usize,
    switch: &dyn Fn(&str, bool) -> bool,
) -> Result<TokenizerFile, String> {
    if model.suffix || !model.escaped {
        return Err("blanks that are not written before words as ▁ are not implemented".to_owned());
    }
    let pieces = numbered(model, family.ids, extra);
    let find = |name: &str| -> Result<(u32, String), String> {
        let at = pieces.iter().position(|(text, ..)| text == name);
        at.map(|id| (id as u32, name.to_owned()))
            .ok_or_else(|| format!("this family needs `{name}`, which is not there"))
    };
    let own = |id: i64, on: bool| -> Result<Vec<(u32, String)>, String> {
        match usize::try_from(id).ok().and_then(|id| pieces.get(id)) {
            Some((text, ..)) if on => Ok(vec![find(text)?]),
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
        model: splitting(model, &pieces, family)?,
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
    })
}

/// The pieces by the ids of the family.
fn numbered(model: &SentencePieces, ids: Ids, extra: usize) -> Vec<Numbered> {
    let own = model.pieces.iter().map(|p| (p.text.clone(), f64::from(p.score), p.kind));
    let special = |name: &str| (name.to_owned(), 0.0, CONTROL);
    match ids {
        Ids::Same => own.collect(),
        Ids::Extended => {
            own.chain((0..extra).rev().map(|i| special(&format!("<extra_id_{i}>")))).collect()
        }
        Ids::Shifted => {
            let first = ["<s>", "<pad>", "</s>", "<unk>"].map(special);
            first.into_iter().chain(own.skip(3)).chain([special("<mask>")]).collect()
        }
    }
}

/// The model of the crate `tokenizers`.
fn splitting(model: &SentencePieces, pieces: &[Numbered], family: &Use) -> Result<Value, String> {
    let unknown = if family.ids == Ids::Shifted { 3 } else { model.unknown };
    let unknown = usize::try_from(unknown).ok().filter(|id| *id < pieces.len());
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
