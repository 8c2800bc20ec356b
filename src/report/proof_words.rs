//! Domains and proofs in sentences.

use super::numbers::counted;
use super::results::verdicts::Row;
use super::terms::Terms;
use crate::certify::Rival;

/// The domain in words.
pub fn domain(domain: &str, dim: usize, terms: &Terms) -> String {
    let Terms { state, within, .. } = terms;
    let coordinates = match terms.is_of_items() {
        true => format!("the {} of its vector", counted(dim, "number")),
        false => format!("the {} that the layers below hand to it", counted(dim, "number")),
    };
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
    let all = match (ball, ball.strip_prefix("ball:")) {
        ("free", _) => {
            return format!("every possible {state}: {coordinates} may be anything");
        }
        ("layernorm", _) => {
            format!("every {state} that the LayerNorm before it can give, whatever it is handed")
        }
        ("rmsnorm", _) => {
            format!("every {state} that the RMSNorm before it can give, whatever it is handed")
        }
        (_, Some(radius)) => format!("every {state} of a length below {radius}"),
        _ => return format!("every {state} {within} which {coordinates} {}", range(domain)),
    };
    match ranges {
        Some(ranges) => format!("{all}, and {within} which {coordinates} {}", range(ranges)),
        None => all,
    }
}

/// What blocks a losing token, in a sentence that precedes the list of rivals.
pub fn blocked(row: &Row, terms: &Terms) -> String {
    let Terms { state, states, within, at, .. } = terms;
    let (rivals, ends) = row.blockers.iter().fold((0, 0), |(rivals, ends), blocker| {
        if matches!(blocker.0, Rival::Token(_)) { (rivals + 1, ends) } else { (rivals, ends + 1) }
    });
    if row.proof == "equal-row" {
        return "One rival has the very same row and a larger bias: it always scores more."
            .to_owned();
    }
    if row.proof == "only-point" {
        return format!("One rival scores at least as high {at} the only {state} there is.");
    }
    let audited = if row.proof == "outweighed" { " that was audited" } else { "" };
    if rivals == 1 {
        let limits = format!(" within the limits of the {states}");
        let those = if ends > 0 { limits.as_str() } else { audited };
        return format!("One rival scores at least as high {within} every {state}{those}.");
    }
    let limits = match ends {
        0 => String::new(),
        1 => ", given the limit of one coordinate".to_owned(),
        n => format!(", given the limits of {n} coordinates"),
    };
    let every = if terms.is_of_items() { "For every query" } else { "In every state" };
    format!(
        "{every}{audited}, at least one of these {rivals} rivals scores as high or higher: their average, with \
         the weights given here, never scores less{limits}."
    )
}

/// The kind of proof, in words.
pub fn proof(proof: &str, terms: &Terms) -> String {
    let Terms { tokens, state, states, at, .. } = terms;
    match proof {
        "map" => format!(
            "wins {at} a {state} that a map shared by many {tokens} makes of its row; the lead exceeds every rounding error"
        ),
        "float" => format!("wins {at} a {state} of its own; the lead exceeds every rounding error"),
        "integer" => format!("wins {at} a {state} of whole numbers; the lead is computed exactly"),
        "outweighed" => format!(
            "{at} no {state} within the given length does it score more than the average of these, whose rounding errors are bounded"
        ),
        "only-point" => {
            format!("the domain is one {state} alone, and the scores there are compared exactly")
        }
        "free" => {
            format!("no vector at all lets it win, and the proof of that covers these {states}")
        }
        other => fixed_proof(other).to_owned(),
    }
}

/// The kinds of proof whose words are the same for all kinds of rows.
fn fixed_proof(proof: &str) -> &'static str {
    match proof {
        "equal-row" => "the rows are equal number by number, and the biases differ",
        "enclosed" => "exact weights are proved to exist within tiny intervals around these",
        "exact" => "whole-number weights, every equation checked exactly",
        "" => "none",
        _ => "see docs/results.md",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::terms::RowKind;

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
            let said = domain(text, 3, RowKind::Tokens.terms());
            assert!(said.contains(says), "{said}");
        }
    }
}
