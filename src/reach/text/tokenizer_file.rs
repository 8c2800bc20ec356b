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
}

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
        let token = |(_, name): &(u32, String)| json!({"SpecialToken": {"id": name, "type_id": 0}});
        let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
        let around = |texts: Vec<Value>| -> Vec<Value> {
            let (before, after) = (self.before.iter().map(token), self.after.iter().map(token));
            before.chain(texts).chain(after).collect()
        };
        let special: Map<String, Value> = (self.before.iter().chain(&self.after))
            .map(|(id, name)| (name.clone(), json!({"id": name, "ids": [id], "tokens": [name]})))
            .collect();
        json!({"type": "TemplateProcessing", "single": around(vec![text("A")]),
               "pair": around(vec![text("A"), text("B")]), "special_tokens": special})
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
