//! Sentences on what an audit found beyond verdicts: tokens that only the domain excludes, effort, survival of
//! rounding, and the bias that lost tokens need.

use super::results::Results;
use super::results::measured::{Format, Interval};
use super::results::summary::Counts;
use super::results::verdicts::{Outcome, Row};
use super::terms::Terms;
use super::words::{counted, grouped, number};

/// What confines the states of a domain, in words that follow a noun: `behind the LayerNorm`.
pub fn confined(domain: &str) -> &'static str {
    let ball = domain.split('+').next().unwrap_or_default();
    match (ball, domain.contains('+')) {
        ("layernorm", false) => "behind the LayerNorm",
        ("layernorm", true) => "behind the LayerNorm and within the given ranges",
        ("rmsnorm", false) => "behind the RMSNorm",
        ("rmsnorm", true) => "behind the RMSNorm and within the given ranges",
        (ball, false) if ball.starts_with("ball:") => "within the given length",
        (ball, true) if ball.starts_with("ball:") => "within the given length and ranges",
        _ => "within the given ranges",
    }
}

/// An interval in words: one number if its ends agree in four digits, `at least` if it has no upper end.
pub fn interval(interval: Interval) -> String {
    let Interval { low, high } = interval;
    let (least, most) = (number(low), number(high));
    match (low.is_infinite(), high.is_infinite()) {
        (true, true) if low > 0.0 => "no amount is enough".to_owned(),
        (true, true) => "not known".to_owned(),
        (false, true) => format!("at least {least}"),
        (true, false) => format!("at most {most}"),
        _ if least == most => least,
        _ => format!("{least} to {most}"),
    }
}

/// All sentences of this module that apply to an audit; none for quantities that it did not measure.
pub fn sentences(results: &Results) -> Vec<String> {
    [out_of_reach(results), effort(results), rounding(results), bias_needed(results)]
        .into_iter()
        .flatten()
        .collect()
}

/// The rows that are tokens, without padding.
pub fn language(results: &Results) -> impl Iterator<Item = &Row> {
    results.table.rows().iter().filter(|row| !row.is_padding())
}

/// The verdicts on tokens over all vectors, if the table has them.
pub fn free_counts(results: &Results) -> Option<Counts> {
    results.table.free_tally().map(|tally| tally.tokens)
}

/// Says how many tokens are lost only over the audited states.
pub fn out_of_reach(results: &Results) -> Option<String> {
    let confined = confined(&results.summary.audit().domain);
    let known = || language(results).filter(|row| row.free.is_some());
    known().next()?;
    let shut_out = known().filter(|row| row.is_out_of_reach()).count();
    let lost = known().filter(|row| row.outcome == Outcome::Unargmaxable).count();
    let open = known().filter(|row| row.outcome == Outcome::Undecided).count();
    let terms = results.terms();
    let Terms { token, tokens, .. } = terms;
    let found = match (shut_out, open) {
        (0, 0) => format!("No {token} that some vector could reach is out of reach {confined}."),
        (0, _) => format!(
            "Of the {tokens} that some vector could reach, none was found to be out of reach {confined}."
        ),
        (1, _) => format!("1 {token} that some vector could reach is out of reach {confined}."),
        (n, _) => {
            format!("{} that some vector could reach are out of reach {confined}.", terms.count(n))
        }
    };
    let others = known().filter(|row| row.free == Some(Outcome::Unargmaxable)).count();
    let rest = match (others, shut_out) {
        (0, _) => String::new(),
        (n, 0) if n == lost => {
            format!(" Those that {} there cannot win with any vector.", terms.never_win)
        }
        (1, _) => " 1 more cannot win with any vector.".to_owned(),
        (n, _) => format!(" {} more cannot win with any vector.", grouped(n)),
    };
    Some(found + &rest)
}

/// Says which share of the possible length of states the tokens need.
pub fn effort(results: &Results) -> Option<String> {
    let of = |row: &Row| row.measured.effort;
    let measured = language(results).filter(|row| of(row).is_some()).count();
    let winning: Vec<Interval> =
        language(results).filter(|row| row.outcome.can_reach_maximum()).filter_map(of).collect();
    let (half, most) = (quantile(&winning, 0.5)?, quantile(&winning, 1.0)?);
    let sample = results.summary.audit().effort.is_some_and(|m| m.sample_seed.is_some());
    let of_them = if sample { ", drawn at random" } else { "" };
    let terms = results.terms();
    let Terms { token, tokens, state, states, at, .. } = terms;
    let among = match (measured, language(results).count()) {
        (n, all) if n == all => String::new(),
        (n, all) => {
            format!(" Effort was measured for {} of {}{of_them}.", grouped(n), terms.count(all))
        }
    };
    let those =
        if among.is_empty() { "those".to_owned() } else { format!("the measured {tokens}") };
    Some(if most.high == 0.0 {
        format!(
            "Length does not matter: {those} that can win do so {at} {states} of any length (effort 0).{among}"
        )
    } else {
        format!(
            "Effort is the share of the greatest length of a {state} that a {token} needs in order to win. Half of {those} that \
             can win need at most {}, and the most that one of them needs is {}.{among}",
            number(half.high),
            interval(most)
        )
    })
}

/// Says in which formats the leads survive the rounding of logits.
pub fn rounding(results: &Results) -> Option<String> {
    let tried = || language(results).filter(|row| row.measured.margin.is_some());
    let all = tried().count();
    if all == 0 {
        return None;
    }
    let counts = Format::ALL
        .map(|format| tried().filter(|row| row.measured.survives.contains(&format)).count());
    let survive: Vec<String> = Format::ALL
        .iter()
        .zip(counts)
        .map(|(format, count)| format!("{} in {}", grouped(count), called(*format)))
        .collect();
    let rest = match counts.iter().all(|count| *count == all) {
        true => "",
        false => " Of the others that was not shown.",
    };
    let among = match language(results).count() {
        n if n == all => ",".to_owned(),
        n => format!(" measured, out of {},", grouped(n)),
    };
    let terms = results.terms();
    let Terms { state, at, .. } = terms;
    Some(format!(
        "With scores rounded to a format of few digits, a small lead can become a tie. Of the {}{among} each {at} the {state} where \
         it leads most, these provably still lead after rounding: {}.{rest}",
        terms.count(all),
        survive.join(", ")
    ))
}

/// The name of a format in sentences.
pub fn called(format: Format) -> &'static str {
    match format {
        Format::Bf16 => "bfloat16",
        Format::F16 => "float16",
        Format::F32 => "float32",
    }
}

/// Says how much bias the lost tokens need.
pub fn bias_needed(results: &Results) -> Option<String> {
    let needed: Vec<Interval> =
        language(results).filter_map(|row| row.measured.bias_needed).collect();
    let (least, half, most) =
        (quantile(&needed, 0.0)?, quantile(&needed, 0.5)?, quantile(&needed, 1.0)?);
    let Terms { token, state, within, .. } = results.terms();
    Some(match needed.len() {
        1 => format!(
            "The lost {token} would win {within} some {state} with a larger bias of its own. It lacks {}.",
            interval(least)
        ),
        n => {
            let half = match half.high.is_finite() {
                true => format!(", half of them at most {}", number(half.high)),
                false => String::new(),
            };
            format!(
                "With a larger bias of its own, each of {} would win {within} some {state}. The one that lacks least lacks {}{half}, \
                 and the one that lacks most {}.",
                counted(n, &format!("lost {token}")),
                interval(least),
                interval(most)
            )
        }
    })
}

/// The interval at this share of the way from the least to the greatest, in the order of upper ends.
pub fn quantile(intervals: &[Interval], share: f64) -> Option<Interval> {
    let mut sorted = intervals.to_vec();
    sorted.sort_by(|a, b| a.high.total_cmp(&b.high).then(a.low.total_cmp(&b.low)));
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Results over a domain, of lines
    /// `verdict,free_verdict,effort_low,effort_high,margin_low,margin_high,survives, bias_needed_low,bias_needed_high`.
    fn results(domain: &str, lines: &[&str]) -> Results {
        let count = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        let summary = format!(
            r#"{{"schema": "unargmax summary 1", "version": "0", "checkpoint": {{"path": "x", "bytes": 1, "format": "npy"}},
            "head": {{"weight": "w", "bias": null, "tokens": 9, "dim": 1, "dtype": "f32", "sha256": "0"}},
            "audits": [{{"domain": "{domain}", "engine": "lp", "scope": {}, "counts": {{"argmaxable": {}, "tied": {},
            "unargmaxable": {}, "undecided": {}}}}}]}}"#,
            lines.len(),
            count("argmaxable"),
            count("tied"),
            count("unargmaxable"),
            count("undecided")
        );
        let header = "id,token,piece,kind,row_norm,margin,witness_norm,ties_with,blockers,proof,verdict,free_verdict,\
                      effort_low,effort_high,margin_low,margin_high,survives,bias_needed_low,bias_needed_high\n";
        let table: String =
            lines.iter().enumerate().map(|(i, line)| format!("{i},,,,1,,,,,,{line}\n")).collect();
        let table = format!("{header}{table}");
        Results::from_bytes(Path::new("x"), summary.as_bytes(), table.as_bytes()).unwrap()
    }

    #[test]
    fn tokens_out_of_reach_are_told_from_those_that_no_vector_reaches() {
        for (lines, says) in [
            (&["argmaxable,,,,,,,,"][..], None),
            (
                &["argmaxable,argmaxable,,,,,,,"],
                Some("No token that some vector could reach is out of reach behind the LayerNorm."),
            ),
            (
                &["unargmaxable,argmaxable,,,,,,,", "argmaxable,argmaxable,,,,,,,"],
                Some("1 token that some vector could reach is out of reach behind the LayerNorm."),
            ),
            (
                &[
                    "unargmaxable,argmaxable,,,,,,,",
                    "unargmaxable,tied,,,,,,,",
                    "unargmaxable,unargmaxable,,,,,,,",
                ],
                Some(
                    "2 tokens that some vector could reach are out of reach behind the LayerNorm. 1 more \
                     cannot win with any vector.",
                ),
            ),
            (
                &["unargmaxable,unargmaxable,,,,,,,"],
                Some(
                    "No token that some vector could reach is out of reach behind the LayerNorm. Those that can never \
                     win there cannot win with any vector.",
                ),
            ),
        ] {
            assert_eq!(out_of_reach(&results("layernorm", lines)).as_deref(), says);
        }
    }

    #[test]
    fn effort_is_told_of_tokens_that_can_win_by_its_proved_upper_ends() {
        let said = effort(&results(
            "ball:2",
            &[
                "argmaxable,,0.25,0.5,,,,,",
                "argmaxable,,0.125,0.75,,,,,",
                "unargmaxable,,1.5,inf,,,,,",
            ],
        ));
        let said = said.unwrap();
        assert!(
            said.contains("one of them needs is 0.1250 to 0.7500.")
                && !said.contains("measured for"),
            "{said}"
        );
        let some = effort(&results("ball:2", &["argmaxable,,0,0,,,,,", "argmaxable,,,,,,,,"]));
        let some = some.unwrap();
        assert!(some.contains("(effort 0). Effort was measured for 1 of 2 tokens."), "{some}");
        assert_eq!(effort(&results("ball:2", &["unargmaxable,,1.5,inf,,,,,"])), None);
    }

    #[test]
    fn rounding_counts_only_what_was_tried() {
        let said = rounding(&results(
            "ball:2",
            &["argmaxable,,,,1,1,f16 f32,,", "tied,,,,1,1,f32,,", "argmaxable,,,,,,,,"],
        ));
        let said = said.unwrap();
        assert!(
            said.ends_with(
                "0 in bfloat16, 1 in float16, 2 in float32. Of the others that was not shown."
            ),
            "{said}"
        );
        assert!(said.contains("Of the 2 tokens measured, out of 3, each"), "{said}");
        assert_eq!(rounding(&results("ball:2", &["argmaxable,,,,,,,,"])), None);
    }

    #[test]
    fn the_bias_that_lost_tokens_need_is_told_from_least_to_most() {
        let lost = |bias: &str| format!("unargmaxable,,,,,,,{bias}");
        let (a, b, c) = (lost("0.5,0.5"), lost("0.25,0.375"), lost("2,inf"));
        let said = bias_needed(&results("free", &[&a, &b, &c])).unwrap();
        assert!(said.contains("lacks 0.2500 to 0.3750, half of them at most 0.5000, and the one that lacks most at least 2.000."), "{said}");
        let open = bias_needed(&results("free", &[&a, &c, &c])).unwrap();
        assert!(
            open.contains("lacks 0.5000, and the one that lacks most at least 2.000."),
            "{open}"
        );
        assert!(bias_needed(&results("free", &[&a])).unwrap().contains("It lacks 0.5000."));
        assert_eq!(bias_needed(&results("free", &["unargmaxable,,,,,,,,"])), None);
    }

    #[test]
    fn confines_are_named_by_what_makes_them() {
        for (domain, says) in [
            ("layernorm", "behind the LayerNorm"),
            ("rmsnorm+range:-1:inf", "behind the RMSNorm and within the given ranges"),
            ("ball:2.5", "within the given length"),
            ("ball:2.5+range:-1:1", "within the given length and ranges"),
            ("range:0:inf", "within the given ranges"),
            ("ranges of 3 coordinates", "within the given ranges"),
        ] {
            assert_eq!(confined(domain), says);
        }
    }
}
