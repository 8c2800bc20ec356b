//! Writes `verdicts.csv`: one line for each token, in id order. Columns are only ever appended.

use std::io::Write;

use super::fields::{self, field};
use crate::audit::Audit;
use crate::certify::Verdict;
use crate::certify::best_gap::BestGap;
use crate::certify::effort::Effort;
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::head::Head;

/// The columns of the table.
pub const COLUMNS: [&str; 19] = [
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
    "free_verdict",
    "effort_low",
    "effort_high",
    "margin_low",
    "margin_high",
    "survives",
    "bias_needed_low",
    "bias_needed_high",
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
    let mut csv = fields::writer(out);
    csv.write_record(COLUMNS)?;
    for (id, verdict) in audit.verdicts() {
        let token = vocabulary.and_then(|v| v.tokens.get(*id as usize));
        let kind = match (vocabulary, token) {
            (None, _) => String::new(),
            (Some(_), Some(token)) => token.kind.to_string(),
            (Some(_), None) => Kind::Padding.to_string(),
        };
        let effort = find(audit.efforts(), *id, Effort::token).map(Effort::ends);
        let margin = find(audit.margins(), *id, BestGap::token);
        let lacking = find(audit.bias_needed(), *id, BestGap::token).map(BestGap::bias_needed);
        let [effort_low, effort_high] = interval(effort);
        let [margin_low, margin_high] = interval(margin.map(BestGap::ends));
        let [bias_low, bias_high] = interval(lacking);
        csv.write_record([
            id.to_string(),
            token.map(|t| field(&t.text).into_owned()).unwrap_or_default(),
            token.map(|t| field(&t.piece).into_owned()).unwrap_or_default(),
            kind,
            number(head.row_norm(*id as usize)),
            verdict.name().to_owned(),
            verdict.witness().map(|w| number(w.margin())).unwrap_or_default(),
            verdict.witness().map(|w| number(w.norm())).unwrap_or_default(),
            ties(*id, verdict),
            blockers(verdict),
            verdict.proof().to_owned(),
            audit
                .free()
                .and_then(|f| f.verdict(*id))
                .map(|v| v.name().to_owned())
                .unwrap_or_default(),
            effort_low,
            effort_high,
            margin_low,
            margin_high,
            margin.map(survives).unwrap_or_default(),
            bias_low,
            bias_high,
        ])?;
    }
    csv.flush()?;
    Ok(())
}

/// The measurement of a token, if it was measured; `token` gives the token of a measurement.
fn find<T>(measured: &[T], id: u32, token: fn(&T) -> u32) -> Option<&T> {
    measured.binary_search_by_key(&id, token).ok().map(|i| &measured[i])
}

/// Both ends of an interval as fields; empty if it was not measured.
fn interval(ends: Option<(f64, f64)>) -> [String; 2] {
    ends.map_or_else(Default::default, |(low, high)| [number(low), number(high)])
}

/// The names of the formats that the win survives, separated by blanks.
fn survives(margin: &BestGap) -> String {
    margin.survives().iter().map(|format| format.name()).collect::<Vec<_>>().join(" ")
}

/// Writes `radius.csv`: ids and radii, which are not proved; only the header without radii.
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

/// The shortest text that parses to this number.
fn number(x: f64) -> String {
    format!("{x:?}")
}

/// A number rounded to six significant digits.
pub fn rounded(x: f64) -> String {
    format!("{x:.5e}").parse::<f64>().map(number).unwrap_or_default()
}

/// The other members of a token's tie, separated by blanks.
fn ties(id: u32, verdict: &Verdict) -> String {
    let Verdict::Tied(tie) = verdict else { return String::new() };
    let others: Vec<String> =
        tie.members().iter().filter(|&&t| t != id).map(u32::to_string).collect();
    others.join(" ")
}

/// The blockers of a lost token with their weights, separated by blanks.
fn blockers(verdict: &Verdict) -> String {
    let Verdict::Unargmaxable(loss) = verdict else { return String::new() };
    let pairs: Vec<String> = loss
        .blockers()
        .iter()
        .map(|(rival, weight)| format!("{rival}:{}", rounded(*weight)))
        .collect();
    pairs.join(" ")
}
