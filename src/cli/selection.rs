//! Parses options that select tokens. `--tokens` takes ids, ranges of ids, token strings (`5,17,100-200`) or `@file`;
//! `--effort` and `--margins` take `all`, the size of a sample, or `@file`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::bounded::bounded;
use unargmax::checkpoint;
use unargmax::checkpoint::vocabulary::{Kind, Vocabulary};
use unargmax::output_layer::{OutputLayer, targets_of};
use unargmax::reach::chat::{ChatTemplate, Message};
use unargmax::reach::named_tokens::named_tokens;
use unargmax::reach::text::{SpecialTokens, Tokenizer, TokenizerSource};
use unargmax::split_mix::SplitMix;

/// Parses `--tokens`: returns the selected ids of a vocabulary of `tokens` tokens. The word `template` needs the `checkpoint`.
pub fn parse(
    text: &str,
    tokens: usize,
    (vocabulary, checkpoint): (Option<&Vocabulary>, Option<&Path>),
) -> Result<Vec<u32>> {
    const OPTION: &str = "--tokens";
    if text.starts_with('@') || text.split(',').all(|part| part != TEMPLATE) {
        return selected(OPTION, text, tokens, vocabulary);
    }
    let mut ids = template(checkpoint).context("--tokens template")?;
    if let Some(id) = ids.iter().find(|id| **id as usize >= tokens) {
        bail!("--tokens template: token {id} of the tokenizer has no row; the head has {tokens}");
    }
    let others: Vec<&str> = text.split(',').filter(|part| *part != TEMPLATE).collect();
    if others.iter().any(|part| !part.is_empty()) {
        ids.extend(selected(OPTION, &others.join(","), tokens, vocabulary)?);
    }
    Ok(ids)
}

/// The word that selects the tokens of the chat template, and those that the configuration names.
const TEMPLATE: &str = "template";

/// The tokens of a conversation of empty messages, and those that the configuration names.
fn template(checkpoint: Option<&Path>) -> Result<Vec<u32>> {
    let Some(path) = checkpoint else {
        bail!("it reads the chat template of a checkpoint; name one")
    };
    let checkpoint = checkpoint::open(path)?;
    let template = ChatTemplate::of(checkpoint.as_ref(), path)?;
    let message = |role: &str| Message { role: role.to_owned(), content: String::new() };
    let messages = ["user", "assistant", "user"].map(message);
    // A template is a program of the checkpoint: in a loop it could double a text without end.
    let rendered = bounded("the chat template", move || template.render(&messages))??;
    let tokenizer = Tokenizer::of(checkpoint.as_ref(), path, &TokenizerSource::Stated)?;
    let mut ids = tokenizer.encode(&rendered, SpecialTokens::Bare)?;
    ids.extend(named_tokens(checkpoint.as_ref())?);
    Ok(ids)
}

/// Parses an `option` that selects tokens: returns the selected ids of a vocabulary of `tokens` tokens.
pub fn selected(
    option: &'static str,
    text: &str,
    tokens: usize,
    vocabulary: Option<&Vocabulary>,
) -> Result<Vec<u32>> {
    let ids = match text.strip_prefix('@') {
        Some(path) => listed(option, path, tokens, vocabulary)?,
        None => {
            let mut ids = Vec::new();
            for part in text.split(',').filter(|p| !p.is_empty()) {
                ids.extend(match part {
                    SPECIAL => special(option, vocabulary)?,
                    ADDED => added(option, tokens, vocabulary)?,
                    _ => item(part, tokens, vocabulary).context(option)?,
                });
            }
            ids
        }
    };
    if ids.is_empty() {
        bail!("{option} {text} selects no token");
    }
    Ok(ids)
}

/// The word that selects all special tokens.
const SPECIAL: &str = "special";

/// The word that selects the tokens that were added to a tokenizer.
const ADDED: &str = "added";

/// The ids of the tokens that were added to the pieces of the tokenizer's model.
fn added(option: &str, tokens: usize, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
    let ids = vocabulary.map(|vocabulary| &vocabulary.added);
    let ids = ids.into_iter().flatten().copied().filter(|id| (*id as usize) < tokens);
    let ids: Vec<u32> = ids.collect();
    if ids.is_empty() {
        bail!(
            "{option} added: the vocabulary does not say which tokens were added to it (tokenizer.json, added_tokens.json, \
             tokenizer_config.json and GGUF files do); list them by id"
        );
    }
    Ok(ids)
}

/// The ids of the special tokens of a vocabulary.
fn special(option: &str, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
    let Some(vocabulary) = vocabulary else {
        bail!(
            "{option} special needs a vocabulary, which says what tokens are special: give one by --vocab"
        );
    };
    let is_special = |&id: &usize| vocabulary.tokens[id].kind == Kind::Special;
    let ids = (0..vocabulary.tokens.len()).filter(is_special).map(|id| id as u32);
    let ids: Vec<u32> = ids.collect();
    if ids.is_empty() {
        bail!("{option} special: the vocabulary has no special token");
    }
    Ok(ids)
}

/// Parses `--among`: `d2t`, a list, `@file`, or `@file` of a draft head with a tensor `d2t`; returns the ids of the rows
/// that are kept of `layer`, or `None` for a draft head, all of whose rows are.
pub fn among(text: &str, layer: &OutputLayer) -> Result<Option<Vec<u32>>> {
    if text == "d2t" {
        return Ok(layer.draft_rows().map(<[u32]>::to_vec));
    }
    let draft = text.strip_prefix('@').map(Path::new);
    let draft =
        draft.filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "safetensors"));
    match draft {
        Some(path) => targets_of(path).context("--among").map(Some),
        None => selected("--among", text, layer.head().tokens(), layer.vocabulary()).map(Some),
    }
}

/// Reads the sets that a file lists: one per line, items separated by commas; an empty line is the empty set.
pub fn sets(path: &Path, tokens: usize, vocabulary: Option<&Vocabulary>) -> Result<Vec<Vec<u32>>> {
    let place = || format!("--sets {}", path.display());
    let content = std::fs::read_to_string(path).with_context(place)?;
    let mut sets = Vec::new();
    for (i, line) in content.lines().enumerate() {
        let at = || format!("{}, line {}", place(), i + 1);
        let mut set = Vec::new();
        for part in line.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            set.extend(item(part, tokens, vocabulary).with_context(at)?);
        }
        set.sort_unstable();
        if let Some(twice) = set.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("{}: label {} is named twice", at(), twice[0]);
        }
        sets.push(set);
    }
    if sets.is_empty() {
        bail!("{}: it lists no set; an empty line is the empty set", place());
    }
    Ok(sets)
}

/// Reads the ids that a file lists, one item per line; `option` is named in errors.
fn listed(
    option: &str,
    path: &str,
    tokens: usize,
    vocabulary: Option<&Vocabulary>,
) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    let content = std::fs::read_to_string(path).with_context(|| format!("{option} @{path}"))?;
    for (i, line) in content.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            let found = item(line, tokens, vocabulary);
            ids.extend(found.with_context(|| format!("{option} @{path}, line {}", i + 1))?);
        }
    }
    Ok(ids)
}

/// The tokens to measure.
pub struct Sample {
    /// Token ids in ascending order.
    pub tokens: Vec<u32>,
    /// The seed that the ids were drawn with, if they are a random sample.
    pub seed: Option<u64>,
}

/// The fixed seed of samples, so that every run draws the same tokens.
const SEED: u64 = 1;

/// Parses `--effort` or `--margins` (`option`): `all`, the size of a random sample, or `@file`. Tokens are selected
/// among the `audited` ones, or all of `tokens` tokens where that is `None`.
pub fn sample(
    option: &str,
    text: &str,
    audited: Option<&[u32]>,
    tokens: usize,
    vocabulary: Option<&Vocabulary>,
) -> Result<Sample> {
    let mut among: Vec<u32> = audited.map_or_else(|| (0..tokens as u32).collect(), <[u32]>::to_vec);
    among.sort_unstable();
    among.dedup();
    let (mut chosen, seed) = if text == "all" {
        (among, None)
    } else if let Some(path) = text.strip_prefix('@') {
        let ids = listed(option, path, tokens, vocabulary)?;
        if let Some(other) = ids.iter().find(|id| among.binary_search(id).is_err()) {
            bail!("{option} {text}: token {other} is not among those that are audited");
        }
        (ids, None)
    } else {
        let count: usize = text.parse().ok().filter(|count| *count > 0).with_context(|| {
            format!("{option} {text} is neither `all`, a number above 0, nor @FILE")
        })?;
        if count >= among.len() { (among, None) } else { (drawn(among, count), Some(SEED)) }
    };
    if chosen.is_empty() {
        bail!("{option} {text} selects no token");
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(Sample { tokens: chosen, seed })
}

/// Draws a random sample of `count` ids: the first places of a Fisher-Yates shuffle. A smaller sample is a prefix of a
/// larger one.
fn drawn(mut among: Vec<u32>, count: usize) -> Vec<u32> {
    let mut generator = SplitMix::new(SEED);
    for i in 0..count {
        let place = i + generator.below(among.len() - i);
        among.swap(i, place);
    }
    among.truncate(count);
    among
}

/// Returns the ids of one item: an id, a range, or a token string. An item that looks like ids is taken as ids.
///
/// # Errors
/// There is no such id, or not exactly one such token.
pub fn item(text: &str, tokens: usize, vocabulary: Option<&Vocabulary>) -> Result<Vec<u32>> {
    let range = match text.split_once('-') {
        Some((first, last)) => first.trim().parse().ok().zip(last.trim().parse().ok()),
        None => text.trim().parse().ok().map(|id: usize| (id, id)),
    };
    if let Some((first, last)) = range {
        if first > last || last >= tokens {
            bail!("{text} is not within the ids 0-{} of the head", tokens - 1);
        }
        return Ok((first as u32..=last as u32).collect());
    }
    let Some(vocabulary) = vocabulary else {
        bail!(
            "{text:?} is not an id, and there is no vocabulary to look it up in: give one by --vocab"
        );
    };
    let having = |same: &dyn Fn(&unargmax::checkpoint::vocabulary::Token) -> bool| -> Vec<u32> {
        vocabulary
            .tokens
            .iter()
            .enumerate()
            .filter(|(_, t)| same(t))
            .map(|(id, _)| id as u32)
            .collect()
    };
    let mut found = having(&|t| t.piece == text);
    if found.is_empty() {
        found = having(&|t| t.text == text);
    }
    match found[..] {
        [id] => Ok(vec![id]),
        [] => bail!("no token is spelled {text:?}"),
        _ => bail!("{} tokens are spelled {text:?}: choose by id among {found:?}", found.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ranges_and_strings_are_selected() {
        let vocabulary = Vocabulary::from_json_bytes(br#"["a","b","a-b","7x"]"#, "test").unwrap();
        let select = |text| parse(text, 4, (Some(&vocabulary), None));
        assert_eq!(select("2,0-1").unwrap(), [2, 0, 1]);
        assert_eq!(select("b,7x,a-b").unwrap(), [1, 3, 2]);
    }

    #[test]
    fn samples_are_the_same_every_time_and_smaller_ones_part_of_larger_ones() {
        let draw = |text| sample("--effort", text, None, 1000, None).unwrap();
        let (some, more) = (draw("30"), draw("60"));
        assert_eq!((some.tokens.len(), more.tokens.len()), (30, 60));
        assert!(some.tokens.iter().all(|t| more.tokens.binary_search(t).is_ok()));
        assert_eq!(draw("30").tokens, some.tokens);
        assert!(some.tokens.iter().any(|t| *t > 800) && some.tokens.iter().any(|t| *t < 200));
        assert_eq!((some.seed, draw("all").seed, draw("1000").seed), (Some(SEED), None, None));
        assert_eq!(draw("all").tokens.len(), 1000);
    }

    #[test]
    fn samples_are_of_audited_tokens() {
        let draw = |text| sample("--margins", text, Some(&[7, 3, 3]), 1000, None);
        assert_eq!(draw("all").unwrap().tokens, [3, 7]);
        assert_eq!(draw("5").unwrap().tokens, [3, 7]);
        for text in ["0", "-1", "x", "", "3,7", "@/no/such/file"] {
            assert!(draw(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for text in ["4", "3-9", "2-1", "x", "", ","] {
            assert!(parse(text, 4, (None, None)).is_err(), "{text}");
        }
    }
}
