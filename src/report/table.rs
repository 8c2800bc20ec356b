//! Writes `verdicts.csv`: one line for each token, in id order. Columns are only ever appended.

use std::io::Write;

use rayon::prelude::*;

use super::columns::Column;
use super::fields::{self, field};
use super::frequencies::Frequencies;
use crate::audit::Audit;
use crate::causes::RowLayout;
use crate::certify::Verdict;
use crate::certify::best_gap::BestGap;
use crate::certify::ceiling::Ceiling;
use crate::certify::effort::Effort;
use crate::certify::rank::BestRank;
use crate::certify::row_move::RowMove;
use crate::checkpoint::vocabulary::{Kind, Vocabulary};
use crate::head::Head;

/// The number of lines that one thread writes at a time.
const LINES: usize = 1024;

/// Writes the table of an audit of a head whose rows lie as `layout` says.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: impl Write,
    head: &Head,
    vocabulary: Option<&Vocabulary>,
    (audit, layout): (&Audit, &RowLayout),
    frequencies: Option<&Frequencies>,
) -> csv::Result<()> {
    let mut csv = fields::writer(out);
    csv.write_record(Column::ALL.map(Column::name))?;
    let lines = |verdicts: &[(u32, Verdict)]| -> csv::Result<Vec<u8>> {
        let mut csv = fields::writer(Vec::new());
        for (id, verdict) in verdicts {
            let about = (audit, layout, frequencies);
            csv.write_record(line(head, vocabulary, about, *id, verdict))?;
        }
        csv.into_inner().map_err(|e| e.into_error().into())
    };
    let parts: Vec<csv::Result<Vec<u8>>> = audit.verdicts().par_chunks(LINES).map(lines).collect();
    let mut out = csv.into_inner().map_err(|e| csv::Error::from(e.into_error()))?;
    for part in parts {
        out.write_all(&part?)?;
    }
    out.flush()?;
    Ok(())
}

/// The fields of a token.
fn line(
    head: &Head,
    vocabulary: Option<&Vocabulary>,
    (audit, layout, frequencies): (&Audit, &RowLayout, Option<&Frequencies>),
    id: u32,
    verdict: &Verdict,
) -> [String; Column::ALL.len()] {
    let token = vocabulary.and_then(|v| v.tokens.get(id as usize));
    let kind = match (vocabulary, token) {
        (None, _) => String::new(),
        (Some(_), Some(token)) => token.kind.to_string(),
        (Some(_), None) => Kind::Padding.to_string(),
    };
    let effort = find(audit.efforts(), id, Effort::token).map(Effort::ends);
    let margin = find(audit.margins(), id, BestGap::token);
    let lacking = find(audit.bias_needed(), id, BestGap::token).map(BestGap::bias_needed);
    let moved = find(audit.moves_needed(), id, RowMove::token).map(RowMove::ends);
    let rank = find(audit.best_ranks(), id, BestRank::token).map(BestRank::ends);
    let free = audit.free().and_then(|free| free.verdict(id));
    let witness = verdict.witness();
    Column::ALL.map(|column| match column {
        Column::Id => id.to_string(),
        Column::Token => token.map(|t| field(&t.text).into_owned()).unwrap_or_default(),
        Column::Piece => token.map(|t| field(&t.piece).into_owned()).unwrap_or_default(),
        Column::Kind => kind.clone(),
        Column::RowNorm => number(head.row_norm(id as usize)),
        Column::Verdict => verdict.name().to_owned(),
        Column::Margin => witness.map(|w| number(w.margin())).unwrap_or_default(),
        Column::WitnessNorm => witness.map(|w| number(w.norm())).unwrap_or_default(),
        Column::TiesWith => ties(id, verdict),
        Column::Blockers => blockers(verdict),
        Column::Proof => verdict.proof().to_owned(),
        Column::FreeVerdict => free.map(|v| v.name().to_owned()).unwrap_or_default(),
        Column::EffortLow => end(effort, |ends| ends.0),
        Column::EffortHigh => end(effort, |ends| ends.1),
        Column::MarginLow => end(margin.map(BestGap::ends), |ends| ends.0),
        Column::MarginHigh => end(margin.map(BestGap::ends), |ends| ends.1),
        Column::Survives => margin.map(survives).unwrap_or_default(),
        Column::BiasNeededLow => end(lacking, |ends| ends.0),
        Column::BiasNeededHigh => end(lacking, |ends| ends.1),
        Column::BestRankLow => rank.map_or_else(String::new, |ends| ends.0.to_string()),
        Column::BestRankHigh => rank.map_or_else(String::new, |ends| ends.1.to_string()),
        Column::Cause => {
            layout.cause(id, verdict).map_or_else(String::new, |c| c.name().to_owned())
        }
        Column::Cluster => {
            layout.cluster(id).map_or_else(String::new, |cluster| cluster.rows[0].to_string())
        }
        Column::MeanDistance => layout.from_mean(id).map_or_else(String::new, rounded),
        Column::MoveNeededLow => end(moved, |ends| ends.0),
        Column::MoveNeededHigh => end(moved, |ends| ends.1),
        Column::Frequency => frequencies.map_or_else(String::new, |f| f.of(id).to_string()),
        Column::MaxProbability => audit.max_probability(id).map_or_else(String::new, number),
        Column::MaxProbabilityLow => {
            let measured = find(audit.max_probabilities(), id, Ceiling::token);
            end(measured.map(Ceiling::ends), |ends| ends.0)
        }
    })
}

/// The measurement of a token, if it was measured; `token` gives the token of a measurement.
fn find<T>(measured: &[T], id: u32, token: fn(&T) -> u32) -> Option<&T> {
    measured.binary_search_by_key(&id, token).ok().map(|i| &measured[i])
}

/// An end of an interval; nothing where it was not measured.
fn end(ends: Option<(f64, f64)>, of: fn((f64, f64)) -> f64) -> String {
    ends.map(of).map_or_else(String::new, number)
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
