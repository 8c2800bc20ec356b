//! The table inside the page: columns as JSON, deflated and encoded in base64, so that no token can act as markup.

use std::collections::BTreeSet;
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::spans::Spans;
use super::ties;
use crate::checkpoint::vocabulary::Kind;
use crate::report::results::Reported;
use crate::report::results::verdicts::{Outcome, Row};
use crate::report::shown::Shown;
use crate::report::words;

/// The most blockers kept on the page; the table in the folder has the rest.
const BLOCKERS: usize = 300_000;
/// The number of blockers that are kept for every token.
const LEAST: usize = 8;

/// The data that the script reads. `kind`, `verdict` and `proof` hold one character for each row: `0` and those after
/// it.
#[derive(Serialize)]
struct Columns<'a> {
    /// `None` if the ids are 0, 1, 2 and so on.
    ids: Option<Vec<u32>>,
    shown: Vec<String>,
    /// The spelling; 0 if it equals the shown text.
    piece: Vec<Piece<'a>>,
    kinds: Vec<&'a str>,
    kind: String,
    /// Row norms to five digits; null if not finite.
    norm: Vec<f64>,
    verdicts: [&'static str; 4],
    verdict: String,
    /// Proved leads to five digits; 0 without a witness.
    lead: Vec<f64>,
    /// The names and meanings of the proofs.
    proofs: Vec<(&'a str, String)>,
    proof: String,
    ties: Vec<Vec<u32>>,
    /// For each blocked row: row number, sentence, number of blockers, blockers, weights.
    blocked: Vec<(usize, String, usize, Vec<Name>, Vec<f64>)>,
    others: Vec<(u32, String)>,
    /// The verdict over all vectors, encoded as `verdict`; 4 if it is not known. `None` if none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<Spans>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<Spans>,
    /// The sum of 1, 2 and 4 for bf16, f16 and f32, as far as the lead survives rounding to them. `None` without
    /// margins.
    #[serde(skip_serializing_if = "Option::is_none")]
    survives: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bias: Option<Spans>,
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    change: Option<Spans>,
    /// The weight that a full bar stands for.
    full: f64,
    /// A token and a state, each as one and as many, and the word before a state.
    terms: [&'static str; 5],
}

#[derive(Serialize)]
#[serde(untagged)]
/// A spelling: the shown text itself, or another text.
enum Piece<'a> {
    Same(u8),
    Other(&'a str),
}

#[derive(Serialize)]
#[serde(untagged)]
/// The name of a blocker.
enum Name {
    Token(u32),
    End(String),
}

/// The element of the page that holds the data.
pub fn element(reported: &Reported) -> Markup {
    html! { script #data type="application/octet-stream" { (PreEscaped(encoded(&columns(reported)))) } }
}

/// Encodes the columns: JSON, deflated, in base64.
fn encoded(columns: &Columns) -> String {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::new(7));
    // Writing numbers and strings to memory cannot fail.
    let json = serde_json::to_vec(columns).unwrap_or_default();
    let written = deflated.write_all(&json).and_then(|()| deflated.finish());
    STANDARD.encode(written.unwrap_or_default())
}

/// The columns of a report.
fn columns(reported: &Reported) -> Columns<'_> {
    let (rows, terms) = (reported.results.table.rows(), reported.terms());
    let kinds: Vec<&str> = distinct(rows.iter().map(kind));
    let proofs: Vec<&str> = distinct(rows.iter().map(|row| row.proof.as_str()));
    let shown: Vec<String> = rows.iter().map(|row| Shown::of(row).coded()).collect();
    let piece = rows.iter().zip(&shown).map(|(row, shown)| {
        if row.piece == *shown || row.piece.is_empty() {
            Piece::Same(0)
        } else {
            Piece::Other(&row.piece)
        }
    });
    let losing = rows.iter().filter(|row| !row.blockers.is_empty()).count();
    let all: usize = rows.iter().map(|row| row.blockers.len()).sum();
    let kept = if all <= BLOCKERS { usize::MAX } else { (BLOCKERS / losing).max(LEAST) };
    let mut known: BTreeSet<u32> = BTreeSet::new();
    let mut blocked = Vec::new();
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| !row.blockers.is_empty()) {
        let kept = row.blockers.iter().take(kept);
        let names = kept.clone().map(|(rival, _)| match rival {
            crate::certify::Rival::Token(id) => {
                known.insert(*id);
                Name::Token(*id)
            }
            end => Name::End(end.to_string()),
        });
        blocked.push((
            i,
            words::blocked(row, reported.terms()),
            row.blockers.len(),
            names.collect(),
            kept.map(|(_, weight)| digits(*weight, 5)).collect(),
        ));
    }
    let ties = ties::groups(reported);
    known.extend(ties.iter().flatten());
    let others = known
        .into_iter()
        .filter(|&id| reported.results.table.row(id).is_none())
        .filter_map(|id| Some((id, Shown::of(reported.token(id)?).coded())));
    let consecutive = rows.iter().enumerate().all(|(i, row)| row.id as usize == i);
    let place = |names: &[&str], name: &str| {
        char::from(b'0' + names.iter().position(|n| *n == name).unwrap_or(0) as u8)
    };
    let margin = Spans::of(rows, |row| row.measured.margin);
    Columns {
        free: super::has_free(reported).then(|| rows.iter().map(free).collect()),
        effort: Spans::of(rows, |row| row.measured.effort),
        survives: margin.is_some().then(|| rows.iter().map(survives).collect()),
        margin,
        bias: Spans::of(rows, |row| row.measured.bias_needed),
        change: Spans::of(rows, |row| row.measured.move_needed),
        full: super::cards::full_bar(reported),
        terms: [terms.token, terms.tokens, terms.state, terms.states, terms.at],
        ids: (!consecutive).then(|| rows.iter().map(|row| row.id).collect()),
        piece: piece.collect(),
        kind: rows.iter().map(|row| place(&kinds, kind(row))).collect(),
        kinds,
        norm: rows.iter().map(|row| digits(row.row_norm, 5)).collect(),
        verdicts: Outcome::ALL.map(Outcome::name),
        verdict: rows.iter().map(|row| char::from(b'0' + row.outcome as u8)).collect(),
        lead: rows.iter().map(lead).collect(),
        proof: rows.iter().map(|row| place(&proofs, &row.proof)).collect(),
        proofs: proofs
            .into_iter()
            .map(|proof| (proof, words::proof(proof, reported.terms())))
            .collect(),
        ties,
        blocked,
        others: others.collect(),
        shown,
    }
}

/// The proved lead of a row, to five digits.
fn lead(row: &Row) -> f64 {
    row.margin.map_or(0.0, |margin| digits(margin, 5))
}

/// The character for the verdict of a row over all vectors.
fn free(row: &Row) -> char {
    char::from(b'0' + row.free.map_or(4, |outcome| outcome as u8))
}

/// The character for the formats that the lead of a row survives.
fn survives(row: &Row) -> char {
    let bits = row.measured.survives.iter().fold(0, |bits, &format| bits | 1 << format as u8);
    char::from(b'0' + bits)
}

/// The distinct names, at most 64, so that each has its own character; others count as the first.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().take(64).collect()
}

/// Rounds to this number of significant digits.
fn digits(x: f64, digits: usize) -> f64 {
    format!("{x:.*e}", digits - 1).parse().unwrap_or(x)
}

/// The name of a row's kind; empty without a vocabulary.
fn kind(row: &Row) -> &'static str {
    row.kind.map_or("", Kind::name)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let columns = Columns {
            ids: None,
            shown: vec!["</script>".into(), "\u{e020}中\0\"".into()],
            piece: vec![Piece::Same(0), Piece::Other("<!--")],
            kinds: vec![""],
            kind: "00".into(),
            norm: vec![1.5, f64::INFINITY],
            verdicts: Outcome::ALL.map(Outcome::name),
            verdict: "02".into(),
            lead: vec![0.0, 1.0],
            proofs: vec![],
            proof: "00".into(),
            ties: vec![],
            blocked: vec![(
                1,
                "x".into(),
                2,
                vec![Name::Token(0), Name::End("lo[1]".into())],
                vec![1.0, 2.0],
            )],
            others: vec![],
            free: Some("40".into()),
            effort: None,
            margin: None,
            survives: None,
            bias: None,
            change: None,
            full: 1.0,
            terms: ["token", "tokens", "state", "states", "at"],
        };
        let text = encoded(&columns);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
        let bytes = STANDARD.decode(text).unwrap();
        let mut json = String::new();
        flate2::read::ZlibDecoder::new(&bytes[..]).read_to_string(&mut json).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["shown"], serde_json::json!(["</script>", "\u{e020}中\0\""]));
        assert_eq!(read["piece"], serde_json::json!([0, "<!--"]));
        assert_eq!(read["norm"], serde_json::json!([1.5, null]));
        assert_eq!((&read["free"], read.get("effort")), (&"40".into(), None));
        assert_eq!(read["blocked"][0], serde_json::json!([1, "x", 2, [0, "lo[1]"], [1.0, 2.0]]));
    }

    #[test]
    fn numbers_keep_five_digits() {
        assert_eq!((digits(2.972037905760914, 5), digits(1e-300, 5)), (2.972, 1e-300));
        assert_eq!(digits(123456.0, 5), 123460.0);
    }
}
