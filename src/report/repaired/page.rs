//! Writes `repair.html`: before, after, and the change of each token.

use maud::{Markup, html};

use super::{Bound, Summary};
use crate::certify::Outcome;
use crate::report::numbers::number;
use crate::report::page::{document, token};
use crate::report::shown::Shown;
use crate::report::words;

/// Renders the page. The same results give the same bytes.
pub(super) fn render(summary: &Summary) -> String {
    let body = html! {
        section .finding aria-labelledby="finding" {
            h1 #finding {
                (words::counted(summary.freed, "token")) " freed by changing " (words::grouped(summary.changed.tokens)) " " (summary.part)
            }
            p {
                "A freed token can win: some hidden state of the domain makes it the only token with the highest logit. Whether the model's inputs ever "
                "produce such a state is another question; what training never showed is not recognised because of this. "
                "Every token that could win before still can. The audit beside this page (report.html) proves both."
            }
        }
        section aria-labelledby="counts-h" {
            h2 #counts-h { "Before and after" }
            (counts(summary))
        }
        section aria-labelledby="size-h" {
            h2 #size-h { "What was changed" }
            (size(summary))
        }
        section aria-labelledby="tokens-h" {
            h2 #tokens-h { "The change of each token" }
            (tokens(summary))
        }
        section aria-labelledby="run-h" {
            h2 #run-h { "How this was made" }
            dl .facts {
                dt { "Made" } dd { (summary.run.date) }
                dt { "Command line" } dd { code { (summary.run.shareable()) } }
            }
        }
    };
    document(&format!("unargmax: repair of {}", summary.checkpoint), &summary.checkpoint, body)
}

/// The counts of verdicts before and after.
fn counts(summary: &Summary) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-labelledby="counts-h" {
            table .plain {
                thead { tr { th scope="col" { "verdict" } th .number scope="col" { "before" } th .number scope="col" { "after" } } }
                tbody {
                    @for outcome in Outcome::ALL {
                        tr {
                            th scope="row" { (outcome.name()) }
                            td .number { (words::grouped(summary.before.counts.of(outcome))) }
                            td .number { (words::grouped(summary.after.counts.of(outcome))) }
                        }
                    }
                }
            }
        }
        p { "States: " code { (summary.domain) } " (" (summary.domain_reason) ")." }
    }
}

/// The tensor, the sizes of the changes, the lower bound and the kept states.
fn size(summary: &Summary) -> Markup {
    let unit = if summary.part == "biases" { "logits" } else { "in Euclidean length" };
    html! {
        p {
            "In " code { (summary.file) } " the tensor " code { (summary.tensor) } " (" (summary.dtype) ") differs from that of the checkpoint in "
            (words::grouped(summary.changed.tokens)) " " (summary.part) ", by " (format!("{:.6}", summary.changed.sum)) " in sum and by "
            (format!("{:.6}", summary.changed.largest)) " at most, " (unit) ". All other bytes are those of the checkpoint"
            @if summary.recompressed { ", except that the member of the archive was compressed anew" }
            "."
        }
        @match &summary.lower_bound {
            Some(Bound { sum: Some(sum), largest }) => p {
                "No raises of biases that free these tokens have a sum below " (format!("{sum:.6}")) " or a largest raise below "
                (format!("{largest:.6}")) "."
            }
            Some(Bound { sum: None, largest }) => p {
                "No changes of biases that free these tokens have a largest change below " (format!("{largest:.6}")) "."
            }
            None => {}
        }
        @if let Some(alone) = &summary.alone {
            p {
                "Each freed token needs a move of its own row by a proved least length while all other rows stay: these have the sum "
                (format!("{:.6}", alone.sum)) ", the largest is " (format!("{:.6}", alone.largest))
                ". The repair moves many rows at once, so this does not bound it."
            }
        }
        @if let Some(kept) = &summary.kept {
            p {
                "Winners changed among the " (words::counted(kept.states, "hidden state")) " that were to be kept: "
                (kept.winners_changed) "."
            }
        }
    }
}

/// The table of tokens.
fn tokens(summary: &Summary) -> Markup {
    let needed = summary.tokens.iter().any(|t| t.bias_needed.is_some());
    let moved = summary.tokens.iter().any(|t| t.move_needed_low.is_some());
    let headings = [
        ("token", false, true),
        ("id", true, true),
        ("before", false, true),
        ("after", false, true),
        ("change", true, true),
        ("raise needed alone", true, needed),
        ("least move alone", true, moved),
    ];
    html! {
        div .scroll tabindex="0" role="region" aria-labelledby="tokens-h" {
            table .plain {
                thead {
                    tr {
                        @for (heading, is_number, _) in headings.into_iter().filter(|heading| heading.2) {
                            th .number[is_number] scope="col" { (heading) }
                        }
                    }
                }
                tbody {
                    @for one in &summary.tokens {
                        tr {
                            th scope="row" { (token(&Shown::text(&one.token, false))) }
                            td .number { (one.id) }
                            td { (one.before) }
                            td { (one.after) }
                            td .number { (format!("{:.6}", one.change)) }
                            @if needed {
                                td .number { @if let Some((_, high)) = one.bias_needed { (format!("{high:.6}")) } }
                            }
                            @if moved {
                                td .number { @if let Some(low) = one.move_needed_low { (number(low)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
