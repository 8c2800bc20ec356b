//! What bounds of probabilities say: how probable sampling can make a lost token. On the terminal, and as a sentence.

use std::io::{self, Write};

use super::beyond::language;
use super::measured;
use super::measured_lines::{intervals, sampled};
use super::results::Results;
use super::results::verdicts::{Outcome, Row};
use super::subject::Subject;
use super::table::rounded;
use super::tally::is_padding;
use super::terms::Terms;
use super::words::counted;
use crate::audit::Audit;
use crate::certify::ceiling::Ceiling;

/// An upper bound of a probability as a percentage of three digits, rounded up.
pub fn at_most(bound: f64) -> String {
    percent(bound, f64::ceil)
}

/// A lower bound of a probability as a percentage of three digits, rounded down.
pub fn at_least(bound: f64) -> String {
    percent(bound, f64::floor)
}

fn percent(bound: f64, to_whole: fn(f64) -> f64) -> String {
    let share = 100.0 * bound;
    let digits = if share > 0.0 { (2.0 - share.log10().floor()).clamp(1.0, 12.0) } else { 1.0 };
    let scale = 10f64.powi(digits as i32);
    let near = (to_whole(share * scale) / scale).min(100.0);
    format!("{} %", rounded(near).trim_end_matches(".0"))
}

/// The rows of lost and tied tokens with their bounds, the least probable first.
pub fn rows(results: &Results) -> Vec<(&Row, f64)> {
    let bounded = language(results)
        .filter(|row| matches!(row.outcome, Outcome::Unargmaxable | Outcome::Tied))
        .filter_map(|row| Some((row, row.measured.max_probability?)));
    let mut rows: Vec<(&Row, f64)> = bounded.collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.id.cmp(&b.0.id)));
    rows
}

/// Says how probable a lost or tied token can become; `None` if there is none.
pub fn sentence(results: &Results) -> Option<String> {
    let rows = rows(results);
    let most = rows.last()?.1;
    let half = rows[(rows.len() - 1) / 2].1;
    let terms = results.terms();
    let Terms { token, state, within, .. } = terms;
    let softmax = match terms.is_of_items() {
        true => "A softmax over the scores",
        false => "Sampling from the softmax",
    };
    Some(match rows.len() {
        1 => format!(
            "{softmax} gives the lost or tied {token} at most {} of the probability, {within} every {state}.",
            at_most(most)
        ),
        n => format!(
            "{softmax} gives none of {} more than {} of the probability {within} any {state}, and half of them at most {}.",
            counted(n, &format!("lost or tied {token}")),
            at_most(most),
            at_most(half)
        ),
    })
}

/// Writes the intervals of largest probabilities that were asked for; at most `shown` tokens are listed.
///
/// # Errors
/// Those of the writer.
pub fn write(
    out: &mut impl Write,
    subject: Subject,
    audit: &Audit,
    shown: usize,
) -> io::Result<()> {
    let Some(summary) = measured::probabilities(audit, subject.vocabulary) else { return Ok(()) };
    if summary.measured == 0 {
        return Ok(());
    }
    let Terms { tokens, state, within, .. } = subject.terms;
    writeln!(
        out,
        "\nLargest probability of {} {tokens}{} by a softmax at temperature 1, {within} any {state} of the domain: proved intervals{}.",
        summary.measured,
        sampled(subject.seeds[2]),
        summary.widest_share.map_or(String::new(), |share| {
            format!(", none wider than {} of its lower end", at_most(share))
        })
    )?;
    let mut measured: Vec<(f64, f64, u32)> = audit
        .max_probabilities()
        .iter()
        .map(|c: &Ceiling| (c.ends().0, c.ends().1, c.token()))
        .filter(|c| !is_padding(subject.vocabulary, c.2))
        .collect();
    measured.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.cmp(&b.2)));
    measured.truncate(shown);
    if !measured.is_empty() {
        writeln!(out, "The least probable:\n")?;
    }
    intervals(out, subject, &measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_away_from_what_is_not_proved() {
        for (bound, text) in [
            (0.03380463, "3.39 %"),
            (1.0, "100 %"),
            (0.5, "50 %"),
            (0.999_999, "100 %"),
            (1e-7, "1e-5 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(at_most(bound), text, "{bound}");
        }
        for (bound, text) in [(0.017_978_8, "1.79 %"), (0.999_999, "99.9 %"), (0.0, "0 %")] {
            assert_eq!(at_least(bound), text, "{bound}");
        }
    }
}
