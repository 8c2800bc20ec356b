//! `verdicts.csv`: one line a token, in id order. Columns are only ever appended.

use std::io::Write;

use crate::audit::Audit;
use crate::certify::Verdict;
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::head::Head;

/// The columns.
pub const COLUMNS: [&str; 11] = [
    "id",
    "token",
    "piece",
    "kind",
    "row_norm",
    "verdict",
    "margin",
    "witness_norm",
    "ties_with",
    "blockers",
    "proof",
];

/// Writes the table of an audit.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: impl Write,
    head: &Head,
    vocabulary: Option<&Vocabulary>,
    audit: &Audit,
) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS)?;
    for (id, verdict) in audit.verdicts() {
        let token = vocabulary.and_then(|v| v.tokens.get(*id as usize));
        let kind = match (vocabulary, token) {
            (None, _) => String::new(),
            (Some(_), Some(token)) => token.kind.to_string(),
            (Some(_), None) => Kind::Padding.to_string(),
        };
        csv.write_record([
            id.to_string(),
            token.map(|t| t.text.clone()).unwrap_or_default(),
            token.map(|t| t.piece.clone()).unwrap_or_default(),
            kind,
            number(head.row_norm(*id as usize)),
            verdict.name().to_owned(),
            verdict.witness().map(|w| number(w.margin())).unwrap_or_default(),
            verdict.witness().map(|w| number(w.norm())).unwrap_or_default(),
            ties(*id, verdict),
            blockers(verdict),
            verdict.proof().to_owned(),
        ])?;
    }
    csv.flush()?;
    Ok(())
}

/// Writes `radius.csv`: ids and radii, unproved; nothing without radii.
///
/// # Errors
/// Those of the writer.
pub fn write_radii(out: impl Write, audit: &Audit) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["id", "radius"])?;
    for (id, radius) in audit.radii().unwrap_or_default() {
        csv.write_record([id.to_string(), number(*radius)])?;
    }
    csv.flush()?;
    Ok(())
}

/// The shortest text that reads back as this number.
fn number(x: f64) -> String {
    format!("{x:?}")
}

/// Six significant digits.
pub fn rounded(x: f64) -> String {
    format!("{x:.5e}").parse::<f64>().map(number).unwrap_or_default()
}

fn ties(id: u32, verdict: &Verdict) -> String {
    let Verdict::Tied(tie) = verdict else { return String::new() };
    let others: Vec<String> =
        tie.members().iter().filter(|&&t| t != id).map(u32::to_string).collect();
    others.join(" ")
}

fn blockers(verdict: &Verdict) -> String {
    let Verdict::Unargmaxable(loss) = verdict else { return String::new() };
    let pairs: Vec<String> = loss
        .blockers()
        .iter()
        .map(|(rival, weight)| format!("{rival}:{}", rounded(*weight)))
        .collect();
    pairs.join(" ")
}
