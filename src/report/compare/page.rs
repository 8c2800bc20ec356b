//! Writes `compare.html`: the audits, their counts, and the tokens whose verdict changes.

use maud::{Markup, html};

use super::trend::{Trend, with_share};
use super::{Comparison, Entry, changes};
use crate::report::page::{document, picture};
use crate::report::plots::{Figure, heat_map, steps};
use crate::report::results::summary::Summary;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::words;

/// From so many audits on, what they have in common is said once and not in every line of their table.
const MANY: usize = 9;

/// Renders the page. The same results give the same bytes.
pub fn render(comparison: &Comparison) -> String {
    let points: Vec<steps::Point> = comparison
        .entries
        .iter()
        .map(|e| (e.label.clone(), e.step, e.results.tally().tokens))
        .collect();
    let (terms, is_many) = (comparison.terms(), comparison.entries.len() >= MANY);
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
            @if let Some(extremes) = Trend::of(comparison).and_then(|trend| trend.extremes()) {
                p { "In between: " (extremes) "." }
            }
            @if !comparison.same_domain() {
                p .warning {
                    "The audits are over different " (states) ", so their counts do not measure the same."
                    @if comparison.has_free_verdicts() { " Those for any vector do, where they stand." }
                }
            }
        }
        section aria-labelledby="counts-h" {
            h2 #counts-h { @if is_many { "Counts" } @else { "Audits" } }
            @if !is_many { (audits(comparison)) }
            @match steps::figure(&points, terms) {
                Some(figure) => (picture(&figure))
                None => p { "In none of them is there a " (token) " that does not win by itself." }
            }
            @if let Some(figure) = map(comparison) { (picture(&figure)) }
        }
        section aria-labelledby="changes-h" {
            h2 #changes-h { (titled) " that change their verdict" }
            (changes::section(comparison))
        }
        @if is_many {
            section aria-labelledby="audits-h" {
                h2 #audits-h { "Audits" }
                (audits(comparison))
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
    let counts = if let Some(trend) = Trend::of(comparison).filter(|_| least < most) {
        format!("{} that {never}: {}", terms.titled, trend.ends())
    } else if least == most {
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
    match (comparison.follows(), comparison.changed()) {
        (false, _) => counts,
        (true, (n, 0)) => format!("{counts}; {}{padding}", changes(n)),
        (true, (n, free)) => format!(
            "{counts}; {}, and that for any vector of {}{}{padding}",
            changes(n),
            words::grouped(free),
            if n > 0 { " more" } else { "" }
        ),
    }
}

/// The map of lost tokens by id and audit, if ids stand for the same tokens.
fn map(comparison: &Comparison) -> Option<Figure> {
    let entries = &comparison.entries;
    if comparison.incomparable.is_some() {
        return None;
    }
    let steps: Option<Vec<f64>> = entries.iter().map(|entry| entry.step).collect();
    let lost = |entry: &Entry| {
        let rows = entry.results.table.rows().iter().filter(|row| !row.is_padding());
        rows.map(|row| (row.id, row.outcome == Outcome::Unargmaxable)).collect()
    };
    let audits = heat_map::Audits {
        are_steps: steps.is_some(),
        places: steps.unwrap_or_else(|| (1..=entries.len()).map(|i| i as f64).collect()),
        names: entries.iter().map(|entry| entry.label.clone()).collect(),
        tokens: entries[0].results.summary.head.tokens,
        lost: entries.iter().map(lost).collect(),
    };
    heat_map::figure(&audits, comparison.terms())
}

/// What all audits have in common, which a long table does not repeat.
struct Common {
    checkpoint: bool,
    shape: bool,
    dtype: bool,
    domain: bool,
}

impl Common {
    /// Finds it; nothing if there are few audits.
    fn of(comparison: &Comparison) -> Common {
        let entries = &comparison.entries;
        let alike = |part: &dyn Fn(&Summary) -> String| {
            let first = part(&entries[0].results.summary);
            entries.len() >= MANY && entries.iter().all(|e| part(&e.results.summary) == first)
        };
        Common {
            checkpoint: alike(&|summary| summary.name()),
            shape: alike(&|s| format!("{} {} {:?}", s.head.tokens, s.head.dim, s.head.kept)),
            dtype: alike(&|summary| summary.head.dtype.clone()),
            domain: alike(&|summary| summary.audit().domain.clone()),
        }
    }

    /// Says it.
    fn said(&self, comparison: &Comparison) -> Markup {
        let summary = &comparison.entries[0].results.summary;
        let terms = comparison.terms();
        let facts: Vec<Markup> = [
            self.checkpoint.then(|| html! { "checkpoint " bdi translate="no" { (summary.name()) } }),
            self.shape.then(|| {
                let rows = words::grouped(summary.head.tokens);
                html! { (rows) " " (terms.tokens) " x " (words::counted(summary.head.dim, "dimension")) }
            }),
            self.dtype.then(|| html! { "stored as " (summary.head.dtype) }),
            self.domain.then(|| html! { (terms.states) " " code { (summary.audit().domain) } }),
        ]
        .into_iter()
        .flatten()
        .collect();
        html! {
            @if !facts.is_empty() {
                p { "All of them: " @for (i, fact) in facts.iter().enumerate() { @if i > 0 { ", " } (fact) } "." }
            }
        }
    }
}

/// The table of the audits with their counts.
fn audits(comparison: &Comparison) -> Markup {
    let common = Common::of(comparison);
    let padded = comparison.entries.iter().any(|e| e.results.tally().padding.sum() > 0);
    let rows_or_tokens = if padded { "rows" } else { comparison.terms().tokens };
    html! {
        (common.said(comparison))
        div .scroll .tall tabindex="0" role="region" aria-label="Audits" {
            table .plain {
                thead {
                    tr {
                        th scope="col" { "audit" }
                        @if !common.checkpoint { th scope="col" { "checkpoint" } }
                        @if !common.shape { th scope="col" { (rows_or_tokens) } th scope="col" { "dimensions" } }
                        @if !common.dtype { th scope="col" { "stored as" } }
                        @if !common.domain { th scope="col" { (comparison.terms().states) } }
                        @for outcome in Outcome::ALL { th scope="col" { (outcome.name()) } }
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
                            @if !common.checkpoint { td { bdi translate="no" { (summary.name()) } } }
                            @if !common.shape {
                                td .number {
                                    @if let Some(kept) = &summary.head.kept { (words::grouped(kept.rows)) " of " }
                                    (words::grouped(summary.head.tokens))
                                }
                                td .number { (words::grouped(summary.head.dim)) }
                            }
                            @if !common.dtype { td { (summary.head.dtype) } }
                            @if !common.domain { td { code { (audit.domain) } } }
                            @for outcome in Outcome::ALL {
                                @let count = tally.tokens.of(outcome);
                                td .number {
                                    @if count > 0 && outcome != Outcome::Argmaxable { (with_share(count, tally.tokens.sum())) }
                                    @else { (words::grouped(count)) }
                                }
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
