//! Writes vocabularies in the format of `tokenizer.json`, which the crate `tokenizers` reads.
//!
//! Format: the crate `tokenizers`, `src/tokenizer/serialization.rs`.

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
