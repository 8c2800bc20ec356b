//! The part of `compare.html` about the tokens whose verdict changes.

use maud::{Markup, html};

use super::{Change, Comparison};
use crate::report::page::token;
use crate::report::results::verdicts::Outcome;
use crate::report::shown::Shown;
use crate::report::words;

/// The most changes on the page; `changes.csv` has all.
const LISTED: usize = 500;
/// The most audits that each have a column; of more, a row shows its verdicts as a strip.
const COLUMNS: usize = 8;

/// What is said of how tokens were followed, and the table of those whose verdict changes.
pub fn section(comparison: &Comparison) -> Markup {
    let terms = comparison.terms();
    let (token, tokens) = (terms.token, terms.tokens);
    html! {
        @match (&comparison.incomparable, &comparison.by_text) {
            (Some(why), Some(by_text)) => {
                p {
                    "The " (tokens) " are followed by their texts, since ids do not stand for the same " (tokens) " (" (why) "): "
                    (words::counted(by_text.followed, "text")) " that at least two audits have. Left out are rows without a text of their own, or with one that no "
                    "other audit has: "
                    @for (i, (entry, left)) in comparison.entries.iter().zip(&by_text.left).enumerate() {
                        @if i > 0 { ", " }
                        (words::grouped(*left)) " of " bdi translate="no" { (entry.label) }
                    }
                    "."
                }
            }
            (Some(why), None) => p { "The " (tokens) " cannot be followed by their ids: " (why) "." }
            (None, _) => {}
        }
        @if comparison.follows() {
            @if comparison.changes.is_empty() {
                p { "None: every " (token) " has the same verdict in all audits that decided it." }
            } @else if comparison.entries.len() <= COLUMNS {
                (changes(comparison))
            } @else {
                (strips(comparison))
            }
        }
    }
}

/// The changes, first those of ordinary tokens.
fn in_order(comparison: &Comparison) -> Vec<&Change> {
    let mut listed: Vec<&Change> = comparison.changes.iter().collect();
    listed.sort_by_key(|change| change.row.rank());
    listed
}

/// The changes of many audits: for each token a strip of its verdicts, from the first audit to the last.
fn strips(comparison: &Comparison) -> Markup {
    let listed = in_order(comparison);
    let end = |change: &Change, last: bool| -> Option<Outcome> {
        let mut known = change.outcomes.iter().flatten().copied();
        if last { known.next_back() } else { known.next() }
    };
    html! {
        p {
            "A strip shows the verdicts of one " (comparison.terms().token) ", from the first audit to the last: "
            @for outcome in Outcome::ALL {
                span .swatch .{ "s" (outcome as u8) } {} " " (outcome.name()) " "
            }
            "(empty where it was not decided)."
        }
        div .scroll tabindex="0" role="region" aria-labelledby="changes-h" {
            table .plain .strips {
                thead {
                    tr {
                        @for heading in [comparison.terms().token, "id", "first", "last", "changes", "last change", "verdicts"] {
                            th scope="col" { (heading) }
                        }
                    }
                }
                tbody {
                    @for change in listed.iter().take(LISTED) {
                        @let turns = turns(change);
                        tr {
                            th scope="row" { (token(&Shown::of(&change.row))) }
                            td .number { (change.row.id) }
                            @for outcome in [end(change, false), end(change, true)] {
                                td { @if let Some(outcome) = outcome { span class={ "v" (outcome as u8) } { (outcome.name()) } } }
                            }
                            td .number { (turns.len()) }
                            td { @if let Some(&last) = turns.last() { bdi translate="no" { (comparison.entries[last].label) } } }
                            td { (strip(comparison, change)) }
                        }
                    }
                }
            }
        }
        @if listed.len() > LISTED { p { "and " (words::grouped(listed.len() - LISTED)) " more in changes.csv" } }
    }
}

/// The audits whose verdict is not that of the last audit before them that decided the token.
fn turns(change: &Change) -> Vec<usize> {
    let known: Vec<(usize, Outcome)> =
        change.outcomes.iter().enumerate().filter_map(|(i, o)| Some((i, (*o)?))).collect();
    known.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1].0).collect()
}

/// The verdicts of a token as parts of one strip, runs of equal ones together.
fn strip(comparison: &Comparison, change: &Change) -> Markup {
    let mut from = 0;
    let runs = change.outcomes.chunk_by(|a, b| a == b).map(|run| {
        from += run.len();
        (run[0], from - run.len(), run.len())
    });
    let runs: Vec<(Option<Outcome>, usize, usize)> = runs.collect();
    let label = |i: usize| &comparison.entries[i].label;
    html! {
        span .strip {
            @for (outcome, first, length) in runs {
                @let name = outcome.map_or("not decided", Outcome::name);
                span class=(outcome.map_or("none".to_owned(), |outcome| format!("s{}", outcome as u8)))
                    style={ "flex-grow:" (length) }
                    title=(format!("{name}: {} to {}", label(first), label(first + length - 1))) {}
            }
        }
    }
}

/// The table of the tokens whose verdict changes.
fn changes(comparison: &Comparison) -> Markup {
    let listed = in_order(comparison);
    html! {
        div .scroll tabindex="0" role="region" aria-labelledby="changes-h" {
            table .plain {
                thead {
                    tr {
                        th scope="col" { (comparison.terms().token) }
                        th scope="col" { "id" }
                        @for entry in &comparison.entries { th scope="col" { bdi translate="no" { (entry.label) } } }
                        @if comparison.has_kept_rows() { th scope="col" { "removed rows that had blocked it" } }
                    }
                }
                tbody {
                    @for change in listed.iter().take(LISTED) {
                        tr {
                            th scope="row" { (token(&Shown::of(&change.row))) }
                            td .number { (change.row.id) }
                            @for (outcome, free) in change.outcomes.iter().zip(&change.free) { (verdict(*outcome, *free, comparison.by_text.is_some())) }
                            @if comparison.has_kept_rows() { td { (removed(comparison, change)) } }
                        }
                    }
                }
            }
        }
        @if listed.len() > LISTED { p { "and " (words::grouped(listed.len() - LISTED)) " more in changes.csv" } }
    }
}

/// The most removed rows that the page names for a token; `changes.csv` has all.
const NAMED: usize = 8;

/// The names of the removed rows that had blocked a token.
fn removed(comparison: &Comparison, change: &Change) -> Markup {
    let row = |id: u32| comparison.entries.iter().find_map(|entry| entry.results.table.row(id));
    let more = change.removed_blockers.len().saturating_sub(NAMED);
    html! {
        @for &id in change.removed_blockers.iter().take(NAMED) {
            @match row(id) {
                Some(row) => (token(&Shown::of(row))),
                None => (id),
            }
            " "
        }
        @if more > 0 { "and " (words::grouped(more)) " more" }
    }
}

/// A table cell with a verdict, and the verdict over all vectors if that differs.
fn verdict(outcome: Option<Outcome>, free: Option<Outcome>, followed_by_text: bool) -> Markup {
    let beside = free.filter(|free| Some(*free) != outcome);
    match outcome {
        Some(outcome) => html! {
            td {
                span class={ "v" (outcome as u8) } { (outcome.name()) }
                @if let Some(free) = beside { " (any vector: " (free.name()) ")" }
            }
        },
        None if followed_by_text => html! { td .id { "not there" } },
        None => html! { td .id { "not asked for" } },
    }
}
