//! The pre-tokenizers of GGUF files, by name: how text is split into words before byte pairs are joined.
//!
//! Source: llama.cpp, `src/llama-vocab.cpp` (`tokenizer_pre` and `regex_exprs`), and the `tokenizer.json` of the models that
//! the names stand for. A name is listed where both agree; the others are refused by name.

use serde_json::{Value, json};

/// A pre-tokenizer, with the names that stand for it.
pub(super) struct PreTokenizer {
    names: &'static [&'static str],
    split: Split,
    /// Whether a word that is itself a token is taken without its merges.
    pub ignore_merges: bool,
    /// Whether the token that begins a text is added, unless the file says otherwise.
    pub add_bos: bool,
    /// Whether text is first normalized to Unicode's composed form (NFC).
    nfc: bool,
}

/// The pattern by which text is split.
enum Split {
    /// GPT-2's pattern.
    Gpt2,
    /// GPT-2's pattern, after each digit has been split off.
    Digits,
    /// This regular expression.
    Pattern(&'static str),
}

/// The pattern of GPT-2.
pub(super) const GPT2: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// The pattern of Llama 3: up to three digits together, contractions in either case, line ends with the signs before
/// them.
pub(super) const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The pattern of Qwen 2: that of Llama 3 with single digits.
pub(super) const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The known pre-tokenizers.
const TABLE: [PreTokenizer; 4] = [
    PreTokenizer {
        names: &["gpt-2", "phi-2"],
        split: Split::Gpt2,
        ignore_merges: false,
        add_bos: false,
        nfc: false,
    },
    PreTokenizer {
        names: &["smollm", "starcoder", "refact"],
        split: Split::Digits,
        ignore_merges: false,
        add_bos: false,
        nfc: false,
    },
    PreTokenizer {
        names: &["llama3", "llama-v3", "llama-bpe"],
        split: Split::Pattern(LLAMA3),
        ignore_merges: true,
        add_bos: true,
        nfc: false,
    },
    PreTokenizer {
        names: &["qwen2"],
        split: Split::Pattern(QWEN2),
        ignore_merges: false,
        add_bos: false,
        nfc: true,
    },
];

impl PreTokenizer {
    /// Returns the pre-tokenizer of a name.
    pub fn named(name: &str) -> Option<&'static PreTokenizer> {
        TABLE.iter().find(|row| row.names.contains(&name))
    }

    /// Returns all known names, for an error.
    pub fn names() -> String {
        TABLE.iter().flat_map(|row| row.names).copied().collect::<Vec<_>>().join(", ")
    }

    /// Returns the pre-tokenizer part of a `tokenizer.json`.
    pub fn to_json(&self) -> Value {
        match self.split {
            Split::Gpt2 => byte_level(true),
            Split::Digits => {
                sequence([json!({"type": "Digits", "individual_digits": true}), byte_level(true)])
            }
            Split::Pattern(pattern) => sequence([
                json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}),
                byte_level(false),
            ]),
        }
    }

    /// Returns the normalizer part of a `tokenizer.json`.
    pub fn normalizer(&self) -> Value {
        if self.nfc { json!({"type": "NFC"}) } else { Value::Null }
    }
}

/// Returns the part that writes bytes as characters, with or without GPT-2's pattern before that.
pub(super) fn byte_level(pattern: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": pattern})
}

fn sequence(parts: [Value; 2]) -> Value {
    json!({"type": "Sequence", "pretokenizers": parts})
}
