//! Which rows of several audits are the same token: by id, or else by text.

use std::collections::HashMap;

use super::Entry;
use crate::report::results::Results;
use crate::report::results::verdicts::Row;

/// The rows of one token: one for each audit, `None` where it has none.
pub type Rows<'a> = Vec<Option<&'a Row>>;

/// How tokens were followed through audits whose ids do not stand for the same tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByText {
    /// The number of texts that at least two audits have.
    pub followed: usize,
    /// For each audit, how many of its rows were not followed: they have no text, one that several of its rows have, or one
    /// that no other audit has. Padding is not counted.
    pub left: Vec<usize>,
}

/// The first reason why ids do not stand for the same tokens in all audits; `None` if they do, as far as they have names.
pub fn different_ids(entries: &[Entry]) -> Option<String> {
    let first = &entries[0];
    entries[1..].iter().find_map(|entry| {
        let why = different_tokens(&first.results, &entry.results)?;
        Some(format!("{} and {}: {why}", first.label, entry.label))
    })
}

/// The reason why the ids of two audits do not stand for the same tokens; `None` if they do, as far as both have
/// names.
fn different_tokens(a: &Results, b: &Results) -> Option<String> {
    let (tokens_a, tokens_b) = (a.summary.head.tokens, b.summary.head.tokens);
    if tokens_a != tokens_b {
        let tokens = a.terms().tokens;
        return Some(format!("one head has {tokens_a} {tokens}, the other {tokens_b}"));
    }
    // A row that had no name may have one now.
    let differs = |row: &&Row| {
        let other = b.table.row(row.id).map_or("", |other| other.piece.as_str());
        !row.piece.is_empty() && !other.is_empty() && other != row.piece
    };
    let row = a.table.rows().iter().find(differs)?;
    let other = b.table.row(row.id)?;
    Some(format!(
        "{} {} is {:?} in one vocabulary and {:?} in the other",
        a.terms().token,
        row.id,
        row.piece,
        other.piece
    ))
}

/// The rows with the same id.
pub fn by_id(entries: &[Entry]) -> impl Iterator<Item = Rows<'_>> {
    let tokens = entries[0].results.summary.head.tokens as u32;
    (0..tokens).map(|id| entries.iter().map(|entry| entry.results.table.row(id)).collect())
}

/// The rows with the same text, which only one row of an audit has, in the order of the first audit that has it; `None` if
/// no text is in two audits.
pub fn by_text(entries: &[Entry]) -> Option<(Vec<Rows<'_>>, ByText)> {
    let texts: Vec<HashMap<&str, Option<&Row>>> = entries.iter().map(unique_texts).collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut tokens: Vec<Rows> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        for row in entry.results.table.rows() {
            let Some(Some(found)) = texts[i].get(row.text.as_str()) else { continue };
            let place = *places.entry(found.text.as_str()).or_insert_with(|| {
                tokens.push(vec![None; entries.len()]);
                tokens.len() - 1
            });
            tokens[place][i] = Some(found);
        }
    }
    tokens.retain(|rows| rows.iter().flatten().count() > 1);
    let left = entries.iter().enumerate().map(|(i, entry)| {
        let rows = entry.results.table.rows().iter().filter(|row| !row.is_padding()).count();
        rows - tokens.iter().filter(|rows| rows[i].is_some()).count()
    });
    let by_text = ByText { followed: tokens.len(), left: left.collect() };
    (!tokens.is_empty()).then_some((tokens, by_text))
}

/// The texts of an audit's tokens, each with its row, or with `None` if several rows have it.
fn unique_texts(entry: &Entry) -> HashMap<&str, Option<&Row>> {
    let mut texts: HashMap<&str, Option<&Row>> = HashMap::new();
    let rows = entry.results.table.rows().iter();
    for row in rows.filter(|row| !row.text.is_empty() && !row.is_padding()) {
        texts.entry(&row.text).and_modify(|found| *found = None).or_insert(Some(row));
    }
    texts
}
