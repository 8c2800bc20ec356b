//! Writes `compare.html`: the audits, their counts, and the tokens whose verdict changes.

use maud::{Markup, html};

use super::{Change, Comparison};
use crate::report::page::{document, picture, token};
use crate::report::plots::steps;
use crate::report::results::verdicts::Outcome;
use crate::report::shown::Shown;
use crate::report::terms::Terms;
use crate::report::words;

/// The most changes on the page; `changes.csv` has all.
const LISTED: usize = 500;

/// Renders the page. The same results give the same bytes.
pub fn render(comparison: &Comparison) -> String {
    let points: Vec<steps::Point> = comparison
        .entries
        .iter()
        .map(|e| (e.label.clone(), e.step, e.results.tally().tokens))
        .collect();
    let terms = comparison.terms();
    let Terms { token, titled, state, states, within, never_win, .. } = terms;
    let body = html! {
        section .finding aria-labelledby="finding" {
            h1 #finding { (headline(comparison)) }
            p {
                @if terms.is_of_items() { "The index of a retriever" } @else { "A model" }
                " gives each " (token) " a score, and the highest score wins. An unargmaxable " (token) " (one that " (never_win) ") scores no higher than "
                "some other " (token) " " (within) " every " (state) " that was audited; all verdicts but the undecided ones are proved. "
                "The audits' own reports say how to check them."
            }
            @if !comparison.same_domain() {
                p .warning {
                    "The audits are over different " (states) ", so their counts do not measure the same."
                    @if comparison.has_free_verdicts() { " Those for any vector do, where they stand." }
                }
            }
        }
        section aria-labelledby="audits-h" {
            h2 #audits-h { "Audits" }
            (audits(comparison))
            @match steps::figure(&points, terms) {
                Some(figure) => (picture(&figure))
                None => p { "In none of them is there a " (token) " that does not win by itself." }
            }
        }
        section aria-labelledby="changes-h" {
            h2 #changes-h { (titled) " that change their verdict" }
            @match &comparison.incomparable {
                Some(why) => p { "The " (terms.tokens) " cannot be followed by their ids: " (why) "." }
                None if comparison.changes.is_empty() => p { "None: every " (token) " has the same verdict in all audits that decided it." }
                None => (changes(comparison))
            }
        }
    };
    let title = format!("unargmax: {} compared", words::counted(comparison.entries.len(), "audit"));
    document(&title, &words::counted(comparison.entries.len(), "audit"), body)
}

/// The finding in one line: the range of the number of lost tokens.
fn headline(comparison: &Comparison) -> String {
    let audits = words::counted(comparison.entries.len(), "audit");
    let lost: Vec<usize> =
        comparison.entries.iter().map(|entry| entry.results.tally().tokens.unargmaxable).collect();
    let (least, most) = lost.iter().fold((usize::MAX, 0), |(l, m), &n| (l.min(n), m.max(n)));
    let terms = comparison.terms();
    let never = terms.never_win;
    let counts = if least == most {
        format!("{} {never} in each of {audits}", terms.count(most))
    } else {
        format!("{} to {} {never}, over {audits}", words::grouped(least), terms.count(most))
    };
    let changes = |n: usize| match n {
        0 => "no verdict changes".to_owned(),
        1 => "1 verdict changes".to_owned(),
        n => format!("{} verdicts change", words::grouped(n)),
    };
    let padding = match comparison.changed_padding() {
        0 => String::new(),
        n => format!(" (and {} of padding)", words::counted(n, "row")),
    };
    match (&comparison.incomparable, comparison.changed()) {
        (Some(_), _) => counts,
        (None, (n, 0)) => format!("{counts}; {}{padding}", changes(n)),
        (None, (n, free)) => format!(
            "{counts}; {}, and that for any vector of {}{}{padding}",
            changes(n),
            words::grouped(free),
            if n > 0 { " more" } else { "" }
        ),
    }
}

/// The table of the audits with their counts.
fn audits(comparison: &Comparison) -> Markup {
    let padded = comparison.entries.iter().any(|e| e.results.tally().padding.sum() > 0);
    let rows_or_tokens = if padded { "rows" } else { comparison.terms().tokens };
    html! {
        div .scroll tabindex="0" role="region" aria-labelledby="audits-h" {
            table .plain {
                thead {
                    tr {
                        @for heading in ["audit", "checkpoint", rows_or_tokens, "dimensions", "stored as", comparison.terms().states, "argmaxable", "tied", "unargmaxable", "undecided"] {
                            th scope="col" { (heading) }
                        }
                        @if comparison.has_free_verdicts() { th scope="col" { "unargmaxable with any vector" } }
                        @if padded { th scope="col" { "padding, not counted" } }
                    }
                }
                tbody {
                    @for entry in &comparison.entries {
                        @let summary = &entry.results.summary;
                        @let audit = summary.audit();
                        @let tally = entry.results.tally();
                        tr {
                            th scope="row" { bdi translate="no" { (entry.label) } }
                            td { bdi translate="no" { (summary.name()) } }
                            td .number {
                                @if let Some(kept) = &summary.head.kept { (words::grouped(kept.rows)) " of " }
                                (words::grouped(summary.head.tokens))
                            }
                            td .number { (words::grouped(summary.head.dim)) }
                            td { (summary.head.dtype) }
                            td { code { (audit.domain) } }
                            @for outcome in Outcome::ALL {
                                td .number { (words::grouped(tally.tokens.of(outcome))) }
                            }
                            @if comparison.has_free_verdicts() {
                                td .number {
                                    @if let Some(free) = entry.free_tally() { (words::grouped(free.tokens.unargmaxable)) }
                                }
                            }
                            @if padded { td .number { (words::grouped(tally.padding.sum())) } }
                        }
                    }
                }
            }
        }
    }
}

/// The table of the tokens whose verdict changes.
fn changes(comparison: &Comparison) -> Markup {
    let mut listed: Vec<&Change> = comparison.changes.iter().collect();
    listed.sort_by_key(|change| (change.row.is_marginal(), change.row.id));
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
                            @for (outcome, free) in change.outcomes.iter().zip(&change.free) { (verdict(*outcome, *free)) }
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
fn verdict(outcome: Option<Outcome>, free: Option<Outcome>) -> Markup {
    let beside = free.filter(|free| Some(*free) != outcome);
    match outcome {
        Some(outcome) => html! {
            td {
                span class={ "v" (outcome as u8) } { (outcome.name()) }
                @if let Some(free) = beside { " (any vector: " (free.name()) ")" }
            }
        },
        None => html! { td .id { "not asked for" } },
    }
}
