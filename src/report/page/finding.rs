//! The first section of the page: the finding, its meaning, its certainty, and what was audited.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::report::results::Reported;
use crate::report::results::summary::Counts;
use crate::report::results::verdicts::Outcome;
use crate::report::words;
use crate::report::{beyond, command};

/// The section of the finding.
pub fn section(reported: &Reported) -> Markup {
    let results = &reported.results;
    let (summary, audit) = (&results.summary, results.summary.audit());
    let (head, tally) = (&summary.head, results.tally());
    let (counts, causes) = (tally.tokens, audit.causes.as_ref());
    let terms = results.terms();
    // If padding was audited too, not every row is a token.
    let rows = if counts.sum() < audit.scope { "row" } else { terms.token };
    html! {
        section .finding aria-labelledby="finding" {
            h1 #finding { (words::headline(results)) }
            @if let Some(sentence) = causes.and_then(|causes| causes.headline(terms)) { p .cause { (sentence) } }
            (bar(counts))
            ul .tiles {
                @for outcome in Outcome::ALL {
                    @let count = counts.of(outcome);
                    li class={ (outcome.name()) @if count == 0 { " none" } } {
                        span .count { (words::grouped(count)) }
                        span .what { (outcome.name()) br; small { (words::gloss(outcome, terms)) } }
                        span .share { (words::percent(count, counts.sum())) }
                    }
                }
            }
            div .columns {
                div {
                    h2 { "What this means" }
                    @for sentence in words::meaning(counts, terms) { p { (sentence) } }
                    @for sentence in causes.iter().flat_map(|causes| causes.more_sentences(terms)) { p { (sentence) } }
                    @if let Some(sentence) = marginal(reported) { p { (sentence) } }
                    @if let Some(sentence) = words::padding(tally.padding, terms) { p { (sentence) } }
                }
                div {
                    h2 { "What was audited" }
                    p {
                        "The " (terms.layer) " of " strong { bdi translate="no" { (summary.name()) } } ": "
                        (words::counted(head.tokens, rows)) ", " (words::counted(head.dim, "dimension")) "."
                        @if let Some(kept) = &head.kept { " " (words::kept(kept, head.tokens)) }
                        @if audit.scope < head.kept.as_ref().map_or(head.tokens, |kept| kept.rows) {
                            " Only " (words::counted(audit.scope, rows)) " of them were asked for; each was tried against all others."
                        }
                    }
                    p {
                        "The verdicts are for " (words::domain(&audit.domain, head.dim, terms)) ". "
                        "(" code { (audit.domain) } ", " (reported.measures.domain_reason) ".)"
                    }
                    @if summary.free().is_some() {
                        p { "The " (terms.tokens) " were also decided for any vector whatever: see " a href="#facts" { "below" } "." }
                    } @else if !summary.more_audits().is_empty() {
                        p { "The same head was also audited over other " (terms.states) ": see " a href="#facts" { "below" } "." }
                    }
                    (within_reach(reported))
                }
                div {
                    h2 { "How sure this is" }
                    p { (words::certainty(tally, terms)) }
                    p { (command::WHERE) }
                    p .command { code { (command::HERE) } }
                }
            }
        }
    }
}

/// The verdicts as parts of one bar; the numbers are shown below it.
fn bar(counts: Counts) -> Markup {
    html! {
        div .bar aria-hidden="true" {
            @for outcome in Outcome::ALL {
                @let count = counts.of(outcome);
                @if count > 0 { span class=(outcome.name()) style={ "flex-grow:" (count) } {} }
            }
        }
    }
}

/// What goes beyond the verdicts: how close the tokens are to winning and to losing.
fn within_reach(reported: &Reported) -> Markup {
    let results = &reported.results;
    let out_of_reach = beyond::out_of_reach(results);
    let more = [beyond::effort(results), beyond::bias_needed(results)];
    if out_of_reach.iter().chain(more.iter().flatten()).next().is_none() {
        return html! {};
    }
    html! {
        h2 { "Within reach, and out of it" }
        @if let Some(sentence) = out_of_reach {
            p {
                (sentence)
                @if let Some(free) = reached(reported) {
                    " "
                    button .inline type="button" data-filter=(Outcome::Unargmaxable as u8) data-free=(free as u8) {
                        "Show in the table"
                    }
                }
            }
        }
        @for sentence in more.iter().flatten() { p { (sentence) } }
    }
}

/// The common verdict over all vectors of the tokens that are out of reach; `None` if they do not have one.
fn reached(reported: &Reported) -> Option<Outcome> {
    let rows = beyond::language(&reported.results).filter(|row| row.is_out_of_reach());
    let outcomes: BTreeSet<Outcome> = rows.filter_map(|row| row.free).collect();
    outcomes.first().copied().filter(|_| outcomes.len() == 1)
}

/// The number of affected tokens that are not part of the language, in words; padding is not included.
fn marginal(reported: &Reported) -> Option<String> {
    let table = &reported.results.table;
    let lost = || {
        table.rows().iter().filter(|row| row.outcome != Outcome::Argmaxable && !row.is_padding())
    };
    let tokens = reported.terms().tokens;
    let marginal = lost().filter(|row| row.is_marginal()).count();
    let all = lost().count();
    match marginal {
        0 => None,
        n if n == all => Some(format!(
            "All {} are control {tokens} or reserved ids, no part of ordinary text.",
            words::grouped(n)
        )),
        n => Some(format!(
            "{} of these {} are control {tokens} or reserved ids, no part of ordinary text.",
            words::grouped(n),
            words::grouped(all)
        )),
    }
}
