//! Splits text by a file of tiktoken: bytes that are merged in the order of their ranks, which are their ids.
//!
//! The file does not say how a text is cut before bytes are merged, nor which special tokens follow the ranks. Both are
//! known by the family of the model. Source: `src/lib.rs` of <https://github.com/openai/tiktoken> for the merging;
//! `tokenization_qwen.py` of Qwen, `llama/tokenizer.py` of Llama 3 and `whisper/tokenizer.py` for the families.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::path::Path;

use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::split::Split as Pattern;
use tokenizers::{NormalizedString, Normalizer};

use super::pre_tokenizer::{GPT2, LLAMA3, QWEN2};
use super::split::{at_matches, next_special, parts};
use super::splitter::Splitter;
use super::{SpecialTokens, Tokenizer};
use crate::checkpoint::vocabulary::tiktoken;
use crate::error::{Error, Result};

/// How a family uses its file.
struct Use {
    model_types: &'static [&'static str],
    /// The names of the file beside a checkpoint.
    files: &'static [&'static str],
    pattern: &'static str,
    /// Whether text is first normalized to Unicode's composed form.
    nfc: bool,
    /// The special tokens that are known, by their distance from the last rank; the first is that of the token that begins
    /// each text, where there is one.
    special: &'static [(usize, &'static str)],
    /// Whether the first special token begins each text.
    begins: bool,
    /// How many tokens `<|extra_0|>`, ... follow the special ones.
    extra: usize,
}

const USES: &[Use] = &[
    Use {
        model_types: &["qwen"],
        files: &["qwen.tiktoken"],
        pattern: QWEN2,
        nfc: true,
        special: &[(0, "<|endoftext|>"), (1, "<|im_start|>"), (2, "<|im_end|>")],
        begins: false,
        extra: 205,
    },
    Use {
        model_types: &["qwen2"],
        files: &["qwen.tiktoken"],
        pattern: QWEN2,
        nfc: true,
        special: &[(0, "<|endoftext|>"), (1, "<|im_start|>"), (2, "<|im_end|>")],
        begins: false,
        extra: 0,
    },
    Use {
        model_types: &["llama"],
        files: &["tokenizer.model"],
        pattern: LLAMA3,
        nfc: false,
        // Those that have the same names in Llama 3, 3.1, 3.2 and 3.3.
        special: &[
            (0, "<|begin_of_text|>"),
            (1, "<|end_of_text|>"),
            (6, "<|start_header_id|>"),
            (7, "<|end_header_id|>"),
            (9, "<|eot_id|>"),
        ],
        begins: true,
        extra: 0,
    },
    Use {
        model_types: &["whisper"],
        files: &["multilingual.tiktoken", "gpt2.tiktoken"],
        pattern: GPT2,
        nfc: false,
        special: &[(0, "<|endoftext|>"), (1, "<|startoftranscript|>")],
        begins: false,
        extra: 0,
    },
];

/// The names of the files of a model type.
pub(super) fn files(model_type: &str) -> &'static [&'static str] {
    use_of(model_type).map_or(&[], |one| one.files)
}

/// How a model type uses such a file, if it is known.
fn use_of(model_type: &str) -> Option<&'static Use> {
    USES.iter().find(|one| one.model_types.contains(&model_type))
}

/// Whether bytes are a file of tiktoken.
pub(super) fn recognise(bytes: &[u8]) -> bool {
    tiktoken::recognise(bytes)
}

/// Reads a file of tiktoken for a model of this type.
///
/// # Errors
/// A type whose way to cut text is not known, a damaged file, a rank that is left out, and one without some of the 256
/// bytes.
pub(super) fn read(bytes: &[u8], model_type: &str, label: &Path) -> Result<Tokenizer> {
    let Some(family) = use_of(model_type) else {
        let known: Vec<&str> = USES.iter().flat_map(|one| one.model_types).copied().collect();
        let problem = format!(
            "a file of tiktoken does not say how text is cut, and for a model of the type `{model_type}` it is not known \
             (it is for {}): give a tokenizer.json by --tokenizer, or ids by --ids (of logits and generate)",
            known.join(", ")
        );
        return Err(Error::malformed(label, problem));
    };
    let ranks = Ranks::new(bytes, family).map_err(|problem| Error::malformed(label, problem))?;
    Ok(Tokenizer::own(ranks, label.to_path_buf(), None, None))
}

/// A vocabulary of bytes with ranks.
struct Ranks {
    /// The rank of each token's bytes.
    ranks: HashMap<Vec<u8>, u32>,
    /// The bytes of each rank.
    tokens: Vec<Vec<u8>>,
    /// The length of the longest token.
    longest: usize,
    /// The special tokens, the longest first, and their ids.
    special: Vec<String>,
    special_ids: HashMap<String, u32>,
    special_names: HashMap<u32, String>,
    /// The token that begins each text.
    beginning: Option<u32>,
    pattern: Pattern,
    nfc: bool,
}

impl Ranks {
    fn new(bytes: &[u8], family: &Use) -> Result<Self, String> {
        let mut tokens = Vec::new();
        for (rank, token) in tiktoken::entries(bytes)? {
            if rank != tokens.len() {
                return Err(format!("rank {} is missing: after it comes {rank}", tokens.len()));
            }
            tokens.push(token);
        }
        let mut ranks = HashMap::new();
        for (rank, token) in (0..).zip(&tokens) {
            if let Some(first) = ranks.insert(token.clone(), rank) {
                return Err(format!("ranks {first} and {rank} are the same bytes"));
            }
        }
        if let Some(byte) = (0..=255u8).find(|&byte| !ranks.contains_key(&[byte][..])) {
            return Err(format!(
                "there is no token for the byte {byte}, so some text has no tokens"
            ));
        }
        let count = tokens.len();
        let after = family.special.last().map_or(0, |last| last.0 + 1);
        let extra = (0..family.extra).map(|i| (after + i, format!("<|extra_{i}|>")));
        let named = family.special.iter().map(|(at, name)| (*at, (*name).to_owned()));
        let special_names: HashMap<u32, String> =
            named.chain(extra).map(|(at, name)| ((count + at) as u32, name)).collect();
        let special_ids: HashMap<String, u32> =
            special_names.iter().map(|(id, name)| (name.clone(), *id)).collect();
        let mut special: Vec<String> = special_ids.keys().cloned().collect();
        special.sort_by_key(|name| Reverse(name.len()));
        Ok(Ranks {
            longest: tokens.iter().map(Vec::len).max().unwrap_or(0),
            ranks,
            tokens,
            special,
            special_ids,
            special_names,
            beginning: family.begins.then_some(count as u32),
            pattern: at_matches(family.pattern).map_err(|e| e.to_string())?,
            nfc: family.nfc,
        })
    }

    /// Appends the ids of a piece of text: again and again the two neighbours whose union has the lowest rank are merged,
    /// the first of equal ones.
    fn merge(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let rank = |from: usize, to: usize| {
            let known = to - from <= self.longest;
            known.then(|| self.ranks.get(&piece[from..to]).copied()).flatten()
        };
        if let Some(whole) = rank(0, piece.len()) {
            ids.push(whole);
            return;
        }
        // A part begins at `i` if `end[i]` is not 0; `before[i]` is where the part before it begins.
        let mut end: Vec<usize> = (1..=piece.len()).collect();
        let mut before: Vec<usize> = (0..piece.len()).map(|i| i.saturating_sub(1)).collect();
        let mut heap = BinaryHeap::new();
        let union = |left: usize, middle: usize, end: &[usize]| {
            let right = *end.get(middle)?;
            Some(Reverse((rank(left, right)?, left, middle, right)))
        };
        heap.extend((0..piece.len()).filter_map(|left| union(left, left + 1, &end)));
        while let Some(Reverse((_, left, middle, right))) = heap.pop() {
            // Parts that were merged since then are skipped.
            if end[left] != middle || end[middle] != right {
                continue;
            }
            (end[left], end[middle]) = (right, 0);
            if let Some(following) = before.get_mut(right) {
                *following = left;
            }
            heap.extend(union(left, right, &end));
            if left > 0 {
                heap.extend(union(before[left], left, &end));
            }
        }
        let starts = (0..piece.len()).filter(|&start| end[start] > 0);
        // Each part is a byte or a union that has a rank.
        ids.extend(starts.filter_map(|start| rank(start, end[start])));
    }
}

impl Splitter for Ranks {
    fn encode(&self, text: &str, around: SpecialTokens, _source: &Path) -> Result<Vec<u32>> {
        let mut normalized = NormalizedString::from(text);
        if self.nfc {
            let failed = |e| Error::Invalid(format!("the text cannot be normalized: {e}"));
            NFC.normalize(&mut normalized).map_err(failed)?;
        }
        let mut rest = normalized.get();
        let mut ids = Vec::new();
        ids.extend(self.beginning.filter(|_| around == SpecialTokens::Added));
        while !rest.is_empty() {
            let (start, found) = next_special(&self.special, rest);
            for (part, _) in parts(&self.pattern, &rest[..start])? {
                self.merge(part.as_bytes(), &mut ids);
            }
            ids.extend(self.special_ids.get(found));
            rest = &rest[start + found.len()..];
        }
        Ok(ids)
    }

    fn around(&self) -> (Vec<u32>, Vec<u32>) {
        (self.beginning.into_iter().collect(), Vec::new())
    }

    fn decode(&self, ids: &[u32], _source: &Path) -> Result<String> {
        let mut bytes = Vec::new();
        for id in ids {
            match self.special_names.get(id) {
                Some(name) => bytes.extend(name.as_bytes()),
                None => bytes.extend(self.tokens.get(*id as usize).into_iter().flatten()),
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn piece(&self, id: u32) -> Option<String> {
        let token = || Some(String::from_utf8_lossy(self.tokens.get(id as usize)?).into_owned());
        self.special_names.get(&id).cloned().or_else(token)
    }
}
