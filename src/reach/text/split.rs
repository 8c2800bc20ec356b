//! A tokenizer by a regular expression, each match of which must be a token.

use std::collections::HashMap;
use std::path::Path;

use tokenizers::pre_tokenizers::split::{Split as Splitter, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::error::{Error, Result};

/// A regular expression, and the vocabulary that its matches are looked up in.
pub(super) struct Split {
    splitter: Splitter,
    pieces: Vec<String>,
    ids: HashMap<String, u32>,
    /// Control tokens, the longest first: they are matched in a text before the regular expression is applied.
    special: Vec<String>,
}

impl Split {
    /// Makes a tokenizer from a vocabulary and a regular expression.
    pub fn new(vocabulary: Vocabulary, pattern: &str) -> Result<Self> {
        let behaviour = SplitDelimiterBehavior::Isolated;
        let splitter = Splitter::new(SplitPattern::Regex(pattern.to_owned()), behaviour, false)
            .map_err(|e| Error::Invalid(format!("`{pattern}` is no regular expression: {e}")))?;
        let controls = vocabulary.tokens.iter().filter(|t| t.kind == Kind::Special);
        let mut special: Vec<String> =
            controls.map(|t| t.piece.clone()).filter(|piece| !piece.is_empty()).collect();
        special.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        let pieces: Vec<String> = vocabulary.tokens.into_iter().map(|t| t.piece).collect();
        let mut ids = HashMap::new();
        for (id, piece) in (0..).zip(&pieces) {
            ids.entry(piece.clone()).or_insert(id);
        }
        Ok(Split { splitter, pieces, ids, special })
    }

    /// Returns the id of a piece; `None` where there is none.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    /// Returns the piece of an id; empty where there is none.
    pub fn piece(&self, id: u32) -> &str {
        self.pieces.get(id as usize).map_or("", String::as_str)
    }

    /// Returns the ids of a text, with no tokens added.
    pub fn encode(&self, text: &str, source: &Path) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let (start, found) = self.next_special(&text[at..]);
            self.plain(&text[at..at + start], at, source, &mut ids)?;
            ids.extend(self.id(found));
            at += start + found.len();
        }
        Ok(ids)
    }

    /// Returns where the first control token of a text begins, and the token; the end of the text and `""` if there
    /// is none.
    fn next_special(&self, text: &str) -> (usize, &str) {
        let found = self.special.iter().filter_map(|piece| Some((text.find(piece)?, piece)));
        // Of those that begin first the longest: `min_by_key` keeps the first of equal ones, and the longest come
        // first.
        found.min_by_key(|found| found.0).map_or((text.len(), ""), |(at, piece)| (at, piece))
    }

    /// Appends the ids of text without control tokens, which begins at byte `from` of the whole text.
    fn plain(&self, text: &str, from: usize, source: &Path, ids: &mut Vec<u32>) -> Result<()> {
        let mut parts = PreTokenizedString::from(text);
        let failed = |e| Error::Invalid(format!("the regular expression gave up on the text: {e}"));
        self.splitter.pre_tokenize(&mut parts).map_err(failed)?;
        for (part, (start, _), _) in parts.get_splits(OffsetReferential::Original, OffsetType::Byte)
        {
            ids.push(self.id(part).ok_or_else(|| {
                let problem = format!(
                    "`{part}` at byte {} of the text is no token; does the pattern fit the vocabulary? \
                     --ids (of logits and generate) takes ids instead",
                    from + start
                );
                Error::malformed(source, problem)
            })?);
        }
        Ok(())
    }
}
