//! Writes `summary.md`: the finding for an issue or a model card.

use std::fmt::Write;

use super::causes::folded;
use super::results::verdicts::{Outcome, Row};
use super::results::{Reported, Results};
use super::shown::Shown;
use super::{beyond, command, probability, ranks, words};

/// The name of the file in the output folder.
pub const FILE: &str = "summary.md";

/// The most tokens listed of each kind.
const LISTED: usize = 40;
/// The most rivals named for a token.
const RIVALS: usize = 4;

/// Renders the summary. The same results give the same text.
pub fn render(reported: &Reported) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut out, reported);
    out
}

/// Writes the summary.
fn write(out: &mut String, reported: &Reported) -> std::fmt::Result {
    let results = &reported.results;
    let (summary, audit) = (&results.summary, results.summary.audit());
    let (head, tally, terms) = (&summary.head, results.tally(), results.terms());
    writeln!(out, "## {}: {}\n", code(&summary.name()), words::headline(results))?;
    let causes = audit.causes.as_ref();
    if let Some(sentence) = causes.and_then(|causes| causes.headline(terms)) {
        writeln!(out, "{sentence}\n")?;
    }
    writeln!(
        out,
        "The {} of {} ({} x {}, {}) was audited over {} (`{}`).\n",
        terms.layer,
        code(&command::shareable(&summary.checkpoint.path)),
        head.tokens,
        head.dim,
        head.dtype,
        words::domain(&audit.domain, head.dim, terms),
        audit.domain
    )?;
    if let Some(kept) = &head.kept {
        writeln!(out, "{}\n", words::kept(kept, head.tokens))?;
    }
    write_counts(out, results)?;
    writeln!(out)?;
    for sentence in words::meaning(tally.tokens, terms) {
        writeln!(out, "{sentence}")?;
    }
    for sentence in causes.iter().flat_map(|causes| causes.more_sentences(terms)) {
        writeln!(out, "{sentence}")?;
    }
    for sentence in beyond::sentences(results) {
        writeln!(out, "{sentence}")?;
    }
    if let Some(sentence) = probability::sentence(results) {
        writeln!(out, "{sentence}")?;
    }
    if let Some(sentence) = ranks::sentence(results) {
        writeln!(out, "{sentence}")?;
    }
    if let Some(sentence) = words::padding(tally.padding, terms) {
        writeln!(out, "{sentence}")?;
    }
    let certainty = words::certainty(tally, terms);
    writeln!(out, "\n{certainty} {}\n\n    {}", command::WHERE, command::HERE)?;
    if let Some(elsewhere) = command::elsewhere(summary) {
        writeln!(out, "\n{}\n\n    {elsewhere}", command::WHERE_ELSEWHERE)?;
    }
    list_unargmaxable(out, reported)?;
    list_tied(out, reported)?;
    let open: Vec<Vec<&Row>> =
        having(reported, Outcome::Undecided).into_iter().map(|row| vec![row]).collect();
    list(out, "Not decided", &open, |rows| names(reported, rows))?;
    writeln!(
        out,
        "\nsha256 of the head's numbers: `{}`. Made by unargmax {}.",
        head.sha256, summary.version
    )
}

/// Writes the table of verdicts, with the counts over all vectors if they are known.
fn write_counts(out: &mut String, results: &Results) -> std::fmt::Result {
    let counts = results.tally().tokens;
    let free = beyond::free_counts(results);
    let (heading, rule) = if free.is_some() { (" with any vector |", "---|") } else { ("", "") };
    let terms = results.terms();
    writeln!(out, "| verdict | {} | share |{heading}\n|---|---|---|{rule}", terms.tokens)?;
    for outcome in Outcome::ALL {
        let count = counts.of(outcome);
        let beside = free.map_or(String::new(), |free| format!(" {} |", free.of(outcome)));
        writeln!(
            out,
            "| {} ({}) | {count} | {} |{beside}",
            outcome.name(),
            words::gloss(outcome, terms),
            words::percent(count, counts.sum())
        )?;
    }
    Ok(())
}

/// The token as code, by its text or its number.
fn name(reported: &Reported, id: u32) -> String {
    match reported.token(id) {
        Some(row) => code(&Shown::of(row).line()),
        None => format!("#{id}"),
    }
}

/// Lists the unargmaxable tokens with their heaviest rivals; tokens with near-equal rows share a line.
fn list_unargmaxable(out: &mut String, reported: &Reported) -> std::fmt::Result {
    let lost = folded(having(reported, Outcome::Unargmaxable), |row| row.place.cluster);
    let tokens = reported.terms().tokens;
    let title = format!("Unargmaxable {tokens}, and the heaviest of their rivals");
    list(out, &title, &lost, |rows| {
        let row = rows[0];
        let rivals: Vec<String> = row
            .rivals()
            .take(RIVALS)
            .map(|(id, weight)| format!("{} {}", words::number(weight), name(reported, id)))
            .collect();
        let more = if row.blockers.len() > rivals.len() { " + ..." } else { "" };
        let reach = if row.is_out_of_reach() { ", though some vector lets it win" } else { "" };
        let bias = row
            .measured
            .bias_needed
            .map_or(String::new(), |bias| format!(", bias needed {}", beyond::interval(bias)));
        let moved = row
            .measured
            .move_needed
            .map_or(String::new(), |change| format!(", move needed {}", beyond::interval(change)));
        format!("{}: {}{more}{reach}{bias}{moved}", names(reported, rows), rivals.join(" + "))
    })
}

/// The names and ids of tokens that share a line.
fn names(reported: &Reported, rows: &[&Row]) -> String {
    let one = |row: &&Row| format!("{} (id {})", name(reported, row.id), row.id);
    let names = rows.iter().take(RIVALS).map(one).collect::<Vec<_>>().join(", ");
    match rows.len() {
        1 => names,
        n if n > RIVALS => {
            format!("{names} and {} more, whose rows are near-equal; of the first", n - RIVALS)
        }
        _ => format!("{names}, whose rows are near-equal; of the first"),
    }
}

/// Lists the groups of tokens with equal rows.
fn list_tied(out: &mut String, reported: &Reported) -> std::fmt::Result {
    // List each group once, at its first token; padding among its members is named by number.
    let is_token = |id: &u32| reported.token(*id).is_none_or(|row| !row.is_padding());
    let tied: Vec<Vec<&Row>> = having(reported, Outcome::Tied)
        .into_iter()
        .filter(|row| row.ties.iter().all(|other| *other > row.id || !is_token(other)))
        .map(|row| vec![row])
        .collect();
    list(out, "Exact doubles", &tied, |rows| {
        let row = rows[0];
        let members: Vec<String> =
            [row.id].iter().chain(&row.ties).take(LISTED).map(|&id| name(reported, id)).collect();
        let more = if row.ties.len() >= LISTED { " = ..." } else { "" };
        format!("{}{more}", members.join(" = "))
    })
}

/// The tokens with this verdict, without padding.
fn having(reported: &Reported, outcome: Outcome) -> Vec<&Row> {
    let rows = reported.results.table.having(outcome);
    let mut rows: Vec<&Row> = rows.filter(|row| !row.is_padding()).collect();
    rows.sort_by_key(|row| row.rank());
    rows
}

/// Writes a list of tokens under a title, one line for those that share it.
fn list(
    out: &mut String,
    title: &str,
    lines: &[Vec<&Row>],
    line: impl Fn(&[&Row]) -> String,
) -> std::fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### {title}\n")?;
    for rows in lines.iter().take(LISTED) {
        writeln!(out, "- {}", line(rows))?;
    }
    let rest: usize = lines.iter().skip(LISTED).map(Vec::len).sum();
    if rest > 0 {
        writeln!(out, "- and {rest} more in verdicts.csv")?;
    }
    Ok(())
}

/// Formats text as inline code, so that nothing in it is markup, even backticks.
pub fn code(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let (mut longest, mut run) = (0, 0);
    for c in line.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    // A blank next to a backtick at an end, and around a lone blank, belongs to the fence.
    let pad = if line.starts_with('`') || line.ends_with('`') || line.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{line}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_ends_its_code() {
        for (text, expected) in [
            ("a", "`a`"),
            ("`", "`` ` ``"),
            ("a``b", "```a``b```"),
            ("</script>", "`</script>`"),
            ("a\nb", "`a\u{fffd}b`"),
        ] {
            assert_eq!(code(text), expected);
        }
    }
}
