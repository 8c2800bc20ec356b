//! A tokenizer by a regular expression, each match of which must be a token.

use std::collections::HashMap;
use std::path::Path;

use tokenizers::pre_tokenizers::split::{Split as Pattern, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

use super::SpecialTokens;
use super::splitter::Splitter;
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::error::{Error, Result};

/// A regular expression, and the vocabulary that its matches are looked up in.
pub(super) struct Split {
    splitter: Pattern,
    pieces: Vec<String>,
    ids: HashMap<String, u32>,
    /// Control tokens, the longest first: they are matched in a text before the regular expression is applied.
    special: Vec<String>,
}

impl Split {
    /// Makes a tokenizer from a vocabulary and a regular expression.
    pub fn new(vocabulary: Vocabulary, pattern: &str) -> Result<Self> {
        let splitter = at_matches(pattern)?;
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

    /// Appends the ids of text without control tokens, which begins at byte `from` of the whole text.
    fn plain(&self, text: &str, from: usize, source: &Path, ids: &mut Vec<u32>) -> Result<()> {
        for (part, start) in parts(&self.splitter, text)? {
            ids.push(self.id(&part).ok_or_else(|| {
                let problem = format!(
                    "`{part}` at byte {} of the text is not a token; does the pattern fit the vocabulary? \
                     --ids (of logits and generate) takes ids instead",
                    from + start
                );
                Error::malformed(source, problem)
            })?);
        }
        Ok(())
    }
}

impl Splitter for Split {
    /// No tokens are added.
    fn encode(&self, text: &str, _around: SpecialTokens, source: &Path) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let (start, found) = next_special(&self.special, &text[at..]);
            self.plain(&text[at..at + start], at, source, &mut ids)?;
            ids.extend(self.id(found));
            at += start + found.len();
        }
        Ok(ids)
    }

    fn decode(&self, ids: &[u32], _source: &Path) -> Result<String> {
        Ok(ids.iter().filter_map(|id| self.piece(*id)).collect())
    }

    fn piece(&self, id: u32) -> Option<String> {
        self.pieces.get(id as usize).filter(|piece| !piece.is_empty()).cloned()
    }
}

/// Makes a splitter at the matches of a regular expression.
///
/// # Errors
/// What is no regular expression.
pub(super) fn at_matches(pattern: &str) -> Result<Pattern> {
    let behaviour = SplitDelimiterBehavior::Isolated;
    Pattern::new(SplitPattern::Regex(pattern.to_owned()), behaviour, false)
        .map_err(|e| Error::Invalid(format!("`{pattern}` is not a regular expression: {e}")))
}

/// Returns the matches of a regular expression in a text and what is between them, with the byte at which each begins.
///
/// # Errors
/// An expression that gives up.
pub(super) fn parts(pattern: &Pattern, text: &str) -> Result<Vec<(String, usize)>> {
    let mut parts = PreTokenizedString::from(text);
    let failed = |e| Error::Invalid(format!("the regular expression gave up on the text: {e}"));
    pattern.pre_tokenize(&mut parts).map_err(failed)?;
    let parts = parts.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(parts.into_iter().map(|(part, (start, _), _)| (part.to_owned(), start)).collect())
}

/// Returns where the first special token of a text begins, and the token; the end of the text and `""` if there is none.
/// `special` has the longest tokens first.
pub(super) fn next_special<'a>(special: &'a [String], text: &str) -> (usize, &'a str) {
    let found = special.iter().filter_map(|piece| Some((text.find(piece)?, piece)));
    // Of those that begin first the longest: `min_by_key` keeps the first of equal ones.
    found.min_by_key(|found| found.0).map_or((text.len(), ""), |(at, piece)| (at, piece))
}
