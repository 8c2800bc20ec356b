//! Writes vocabularies in the format of `tokenizer.json`, which the crate `tokenizers` reads.
//!
//! Format: the crate `tokenizers`, `src/tokenizer/serialization.rs`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The content of a `tokenizer.json`; a part that is absent is `null` in the file.
#[derive(Default)]
pub(super) struct TokenizerFile {
    /// The pieces and how they are merged.
    pub model: Value,
    /// Tokens that are matched as a whole before the text is split: id, text, whether they are special.
    pub added: Vec<(usize, String, bool)>,
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub decoder: Value,
    /// The tokens added before and after a text, by id and name.
    pub before: Vec<(u32, String)>,
    pub after: Vec<(u32, String)>,
    /// How two texts are joined; empty where that is not known.
    pub pair: Pair,
}

/// How two texts are joined: the parts with their segments, `$A` and `$B` for the texts, or the name of a token that stands
/// before or after a single text as well.
pub(super) type Pair = &'static [(&'static str, u32)];

/// The pairs of BERT and ALBERT.
pub(super) const BERT_PAIR: Pair =
    &[("[CLS]", 0), ("$A", 0), ("[SEP]", 0), ("$B", 1), ("[SEP]", 1)];
/// The pairs of RoBERTa and XLM-R, which have one segment.
pub(super) const ROBERTA_PAIR: Pair =
    &[("<s>", 0), ("$A", 0), ("</s>", 0), ("</s>", 0), ("$B", 0), ("</s>", 0)];
/// The pairs of XLNet.
pub(super) const XLNET_PAIR: Pair =
    &[("$A", 0), ("<sep>", 0), ("$B", 1), ("<sep>", 1), ("<cls>", 2)];

impl TokenizerFile {
    /// Returns the bytes of the `tokenizer.json`.
    pub fn to_json(&self) -> Vec<u8> {
        let added: Vec<Value> = self
            .added
            .iter()
            .map(|(id, content, special)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": special})
            })
            .collect();
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": self.normalizer, "pre_tokenizer": self.pre_tokenizer,
            "post_processor": self.template(), "decoder": self.decoder, "model": self.model,
        });
        file.to_string().into_bytes()
    }

    /// Returns the post-processor, which adds the tokens around a text.
    fn template(&self) -> Value {
        if self.before.is_empty() && self.after.is_empty() {
            return Value::Null;
        }
        let part = |name: &str, segment: u32| match name.strip_prefix('$') {
            Some(text) => json!({"Sequence": {"id": text, "type_id": segment}}),
            None => json!({"SpecialToken": {"id": name, "type_id": segment}}),
        };
        let names = |tokens: &[(u32, String)]| -> Vec<Value> {
            tokens.iter().map(|(_, name)| part(name, 0)).collect()
        };
        let single = [names(&self.before), vec![part("$A", 0)], names(&self.after)].concat();
        // The format needs a template of pairs; where none is known, no pair is split by it.
        let unknown: Pair = &[("$A", 0), ("$B", 1)];
        let pair = if self.pair.is_empty() { unknown } else { self.pair };
        let pair: Vec<Value> = pair.iter().map(|(name, segment)| part(name, *segment)).collect();
        let special: Map<String, Value> = (self.before.iter().chain(&self.after))
            .map(|(id, name)| (name.clone(), json!({"id": name, "ids": [id], "tokens": [name]})))
            .collect();
        json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special})
    }
}

/// Returns a model of byte pair encoding (Sennrich, Haddow and Birch 2016) over pieces that spell bytes.
pub(super) fn byte_pairs(
    pieces: impl Iterator<Item = (String, usize)>,
    merges: Vec<Value>,
    ignore_merges: bool,
) -> Value {
    json!({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
           "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": ignore_merges,
           "vocab": vocabulary(pieces), "merges": merges})
}

/// Returns a model of word pieces, longest match first; a piece within a word begins with `##`.
pub(super) fn word_pieces(pieces: impl Iterator<Item = (String, usize)>, unknown: &str) -> Value {
    json!({"type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
           "max_input_chars_per_word": 100, "vocab": vocabulary(pieces)})
}

/// Returns the JSON map from piece to id.
pub(super) fn vocabulary(pieces: impl Iterator<Item = (String, usize)>) -> Value {
    Value::Object(pieces.map(|(piece, id)| (piece, id.into())).collect())
}

/// Returns the normalizer, the pre-tokenizer and the decoder of BERT.
pub(super) fn bert(lowercase: bool, chinese: bool, accents: Option<bool>) -> [Value; 3] {
    [
        json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": chinese,
               "strip_accents": accents, "lowercase": lowercase}),
        json!({"type": "BertPreTokenizer"}),
        json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
    ]
}

/// Returns merges that give the same pieces as the scores do: for each piece every way to make it of two others, the
/// pieces by descending score.
pub(super) fn merges(pieces: &[&str], scores: &[f64]) -> Vec<Value> {
    let ids: HashMap<&str, usize> = pieces.iter().enumerate().map(|(id, &p)| (p, id)).collect();
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (piece, &score) in pieces.iter().zip(scores) {
        let from = found.len();
        for (at, _) in piece.char_indices().skip(1) {
            if let (Some(&left), Some(&right)) = (ids.get(&piece[..at]), ids.get(&piece[at..])) {
                found.push((score, left, right));
            }
        }
        found[from..].sort_by_key(|&(_, left, right)| (left, right));
    }
    let length = |id: usize| pieces[id].chars().count();
    found.sort_by(|a, b| {
        let lengths = |m: &(f64, usize, usize)| (length(m.1), length(m.2));
        b.0.total_cmp(&a.0).then(lengths(b).cmp(&lengths(a)))
    });
    found.into_iter().map(|(_, left, right)| json!([pieces[left], pieces[right]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_follow_the_scores_and_name_every_way_to_a_piece() {
        let made = merges(&["a", "b", "ab", "abb", "bb"], &[0.0, 0.0, -2.0, -3.0, -1.0]);
        let pair = |left: &str, right: &str| json!([left, right]);
        assert_eq!(made, [pair("b", "b"), pair("a", "b"), pair("ab", "b"), pair("a", "bb")]);
    }
}
