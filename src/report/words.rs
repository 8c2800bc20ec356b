//! The sentences of reports, for readers who do not know the term argmaxable.

use super::kept::KeptRows;
use super::results::Results;
use super::results::summary::Counts;
use super::results::verdicts::{Outcome, Row};
use super::tally::Tally;
use crate::certify::Rival;

/// Which rows of a head compete, in a sentence.
pub fn kept(rows: &KeptRows, of: usize) -> String {
    format!(
        "Only {} of the {} rows compete, as if all others were removed.",
        grouped(rows.rows),
        grouped(of)
    )
}

/// A number with thin spaces between thousands: 262 144.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count of tokens: `1 token`, `2 tokens`.
pub fn tokens(count: usize) -> String {
    counted(count, "token")
}

/// A count and a noun, in the singular or plural.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A share of a whole, never rounded to nothing or all: `26.1 %`, `<0.1 %`.
pub fn percent(part: usize, whole: usize) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    if part == whole {
        return "100 %".to_owned();
    }
    match 100.0 * part as f64 / whole as f64 {
        share if share < 0.1 => "<0.1 %".to_owned(),
        share if share > 99.9 => ">99.9 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}

/// A number with four significant digits; the table has all digits.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        if x.is_nan() { "not a number".to_owned() } else { "beyond float64".to_owned() }
    } else if x == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.3e}")
    }
}

/// The meaning of a verdict in two or three words.
pub fn gloss(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Argmaxable => "can win",
        Outcome::Tied => "can only tie",
        Outcome::Unargmaxable => "can never win",
        Outcome::Undecided => "neither is proved",
    }
}

/// The finding in one line.
pub fn headline(results: &Results) -> String {
    let counts = results.tally().tokens;
    let all = counts.sum();
    let finding = match counts {
        _ if all == 0 => "Only padding was audited, no token".to_owned(),
        Counts { unargmaxable, .. } if unargmaxable > 0 => {
            format!("{} of {} can never win", grouped(unargmaxable), tokens(all))
        }
        Counts { tied, undecided: 0, .. } if tied > 0 => {
            format!("No token is unargmaxable; {} of {} can only tie", grouped(tied), grouped(all))
        }
        Counts { undecided: 0, .. } if all == 1 => "The token can win".to_owned(),
        Counts { undecided: 0, .. } => format!("Every one of {} can win", tokens(all)),
        _ => "No token was found that can never win".to_owned(),
    };
    match counts.undecided {
        0 => finding,
        open => format!("{finding}; {} not decided", grouped(open)),
    }
}

/// What the finding means to a user of the model.
pub fn meaning(counts: Counts) -> Vec<String> {
    let mut sentences = vec![
        "A model chooses among tokens: words, pieces of words, characters or labels. Its last layer gives each \
         token a score, and the highest score wins."
            .to_owned(),
    ];
    if counts.unargmaxable > 0 {
        let (these, them) = if counts.unargmaxable == 1 {
            ("One token".to_owned(), "it")
        } else {
            (format!("These {} tokens", grouped(counts.unargmaxable)), "them")
        };
        sentences.push(format!(
            "{these} cannot: whatever the input, some other token always scores at least as high. A program \
             that takes the winner (greedy decoding) cannot output {them}, exact ties and rounding aside; one \
             that draws tokens at random by their scores still can, but never as the favourite."
        ));
    }
    if counts.tied > 0 {
        sentences.push(format!(
            "{} can reach the top only together with exact doubles, tokens that always get the same score: \
             which of them is output depends on the program, not on the model.",
            tokens(counts.tied)
        ));
    }
    if counts.unargmaxable == 0 && counts.tied == 0 && counts.undecided == 0 {
        sentences.push(
            "Each of these tokens can: a state of the layers below was found that makes it the winner. \
             Whether the layers below ever produce that state is another question."
                .to_owned(),
        );
    }
    if counts.undecided > 0 {
        sentences.push(format!(
            "For {} neither was proved within the budget of exact arithmetic.",
            tokens(counts.undecided)
        ));
    }
    sentences
}

/// The verdicts of the padding rows in words; `None` if there are no such rows.
pub fn padding(padding: Counts) -> Option<String> {
    let all = padding.sum();
    if all == 0 {
        return None;
    }
    let rows = match all {
        1 => "One more row is padding: no token has it.".to_owned(),
        n => format!("{} more rows are padding: no token has them.", grouped(n)),
    };
    let open = match padding.undecided {
        0 => String::new(),
        n => format!(", and {} could not be decided", grouped(n)),
    };
    let can = match padding.argmaxable + padding.tied {
        0 if padding.undecided == 0 && all == 1 => "It cannot win, as it should be.".to_owned(),
        0 if padding.undecided == 0 => "None can win, as it should be.".to_owned(),
        0 => format!("None was found that can win{open}."),
        n => {
            let ties = match padding.tied {
                0 => String::new(),
                ties => format!(" ({} of them only together with exact doubles)", grouped(ties)),
            };
            format!(
                "{} of them can win{ties}{open}: a program that takes the winner may pick a row that has no text, \
                 and fail.",
                grouped(n)
            )
        }
    };
    Some(format!("{rows} {can}"))
}

/// How certain the finding is.
pub fn certainty(tally: Tally) -> String {
    let (rows, padding) = (tally.rows(), tally.padding.sum());
    let all = rows.sum();
    let mut first = match rows.undecided {
        0 if all == 1 => "The verdict is proved, not estimated.".to_owned(),
        0 => format!("All {} verdicts are proved, not estimated.", grouped(all)),
        open => format!(
            "{} of {} verdicts are proved, not estimated; {} are left open and say so.",
            grouped(all - open),
            grouped(all),
            grouped(open)
        ),
    };
    if padding > 0 {
        let those = format!(
            " (These are the verdicts on {} and on {} of padding.)",
            tokens(tally.tokens.sum()),
            counted(padding, "row")
        );
        first.push_str(&those);
    }
    format!(
        "{first} A token that can win has a state of the layers below at which it provably does; one that \
         cannot has a list of rivals and weights that provably rules it out. The proofs hold for exact \
         arithmetic on the stored numbers; a program that rounds can turn a small lead into a tie."
    )
}

/// The domain in words.
pub fn domain(domain: &str, dim: usize) -> String {
    let coordinates = format!("the {} that the layers below hand to it", counted(dim, "number"));
    let range = |part: &str| match part.strip_prefix("range:").and_then(|r| r.split_once(':')) {
        Some((lo, "inf")) => format!("are all at least {lo}"),
        Some(("-inf", hi)) => format!("are all at most {hi}"),
        Some((lo, hi)) => format!("all lie between {lo} and {hi}"),
        None => "lie within given ranges".to_owned(),
    };
    let (ball, ranges) = match domain.split_once('+') {
        Some((ball, ranges)) => (ball, Some(ranges)),
        None => (domain, None),
    };
    let within = match (ball, ball.strip_prefix("ball:")) {
        ("free", _) => {
            return format!("every possible state: {coordinates} may be anything");
        }
        ("layernorm", _) => {
            "every state that the LayerNorm before it can give, whatever it is handed".to_owned()
        }
        ("rmsnorm", _) => {
            "every state that the RMSNorm before it can give, whatever it is handed".to_owned()
        }
        (_, Some(radius)) => format!("every state of a length below {radius}"),
        _ => return format!("every state in which {coordinates} {}", range(domain)),
    };
    match ranges {
        Some(ranges) => format!("{within}, and in which {coordinates} {}", range(ranges)),
        None => within,
    }
}

/// What blocks a losing token, in a sentence that precedes the list of rivals.
pub fn blocked(row: &Row) -> String {
    let (rivals, ends) = row.blockers.iter().fold((0, 0), |(rivals, ends), blocker| {
        if matches!(blocker.0, Rival::Token(_)) { (rivals + 1, ends) } else { (rivals, ends + 1) }
    });
    if row.proof == "equal-row" {
        return "One rival has the very same row and a larger bias: it always scores more."
            .to_owned();
    }
    if row.proof == "only-point" {
        return "One rival scores at least as high at the only state there is.".to_owned();
    }
    let audited = if row.proof == "outweighed" { " that was audited" } else { "" };
    if rivals == 1 {
        let within = if ends > 0 { " within the limits of the states" } else { audited };
        return format!("One rival scores at least as high in every state{within}.");
    }
    let limits = match ends {
        0 => String::new(),
        1 => ", given the limit of one coordinate".to_owned(),
        n => format!(", given the limits of {n} coordinates"),
    };
    format!(
        "In every state{audited}, at least one of these {rivals} rivals scores as high or higher: their average, with \
         the weights given here, never scores less{limits}."
    )
}

/// The kind of proof, in words.
pub fn proof(proof: &str) -> &'static str {
    match proof {
        "map" => {
            "wins at a state that a map shared by many tokens makes of its row; the lead exceeds every rounding error"
        }
        "float" => "wins at a state of its own; the lead exceeds every rounding error",
        "integer" => "wins at a state of whole numbers; the lead is computed exactly",
        "equal-row" => "the rows are equal number by number, and the biases differ",
        "enclosed" => "exact weights are proved to exist within tiny intervals around these",
        "exact" => "whole-number weights, every equation checked exactly",
        "outweighed" => {
            "at no state within the given length does it score more than the average of these, whose rounding errors are bounded"
        }
        "only-point" => "the domain is one state alone, and the scores there are compared exactly",
        "free" => "no vector at all lets it win, and the proof of that covers these states",
        "" => "none",
        _ => "see docs/results.md",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        for (part, whole, text) in [
            (0, 9, "0 %"),
            (9, 9, "100 %"),
            (1, 49152, "<0.1 %"),
            (49151, 49152, ">99.9 %"),
            (229, 876, "26.1 %"),
        ] {
            assert_eq!(percent(part, whole), text);
        }
    }

    #[test]
    fn numbers_have_four_digits_that_can_be_read() {
        for (x, text) in [
            (0.0, "0"),
            (2.97203, "2.972"),
            (31234.5, "31234"),
            (0.00123456, "0.001235"),
            (2.98725e-4, "2.987e-4"),
            (f64::INFINITY, "beyond float64"),
        ] {
            assert_eq!(number(x), text);
        }
        assert_eq!((grouped(9999), grouped(262144)), ("9999".into(), "262\u{202f}144".into()));
    }

    #[test]
    fn padding_is_told_by_what_it_can_do() {
        let says = |argmaxable, tied, unargmaxable, undecided| {
            padding(Counts { argmaxable, tied, unargmaxable, undecided }).unwrap_or_default()
        };
        assert_eq!(says(0, 0, 0, 0), "");
        assert!(says(0, 0, 1, 0).contains("It cannot win"));
        assert!(
            says(0, 0, 5, 0).contains("5 more rows are padding")
                && says(0, 0, 5, 0).contains("None can")
        );
        assert!(says(0, 0, 5, 1).contains("None was found that can win, and 1 could not"));
        assert!(says(2, 1, 3, 0).contains("3 of them can win (1 of them only together"));
    }

    #[test]
    fn domains_are_told_in_words() {
        for (text, says) in [
            ("free", "may be anything"),
            ("range:0:inf", "all at least 0"),
            ("range:-inf:2", "all at most 2"),
            ("range:-1:1", "between -1 and 1"),
            ("ranges of 3 coordinates", "within given ranges"),
            ("layernorm", "the LayerNorm before it can give, whatever"),
            ("ball:2.5", "a length below 2.5"),
            ("rmsnorm+range:-1:inf", "whatever it is handed, and in which the 3 numbers"),
        ] {
            assert!(domain(text, 3).contains(says), "{}", domain(text, 3));
        }
    }
}
