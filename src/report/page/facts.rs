//! The section of facts: what was audited and how, for readers who want to repeat it.

use maud::{Markup, html};

use crate::report::results::Reported;
use crate::report::results::verdicts::Outcome;
use crate::report::{command, words};

/// The section of facts.
pub fn section(reported: &Reported) -> Markup {
    let summary = &reported.results.summary;
    let (head, audit) = (&summary.head, summary.audit());
    let tally = reported.results.tally();
    let padding = tally.padding.sum();
    let seconds: f64 = audit.seconds.values().sum();
    let terms = reported.terms();
    let decided = format!("{} decided", terms.titled);
    let states = if terms.is_of_items() { "Queries" } else { "States" };
    let facts = [
        (
            "Checkpoint",
            html! { (code(&command::shareable(&summary.checkpoint.path))) ", " (summary.checkpoint.format) ", " (bytes(summary.checkpoint.bytes)) },
        ),
        (
            "Rows",
            html! { (code(&head.weight)) ", " (words::grouped(head.tokens)) " x " (words::grouped(head.dim)) ", stored as " (head.dtype) " (" (reported.measures.weight_reason) ")" },
        ),
        (
            "Bias",
            match &head.bias {
                Some(bias) => code(bias),
                None => html! { "none" },
            },
        ),
        ("Hash of the numbers", html! { span .hash { (code(&head.sha256)) } }),
        (states, html! { (code(&audit.domain)) " (" (reported.measures.domain_reason) ")" }),
        (
            decided.as_str(),
            html! {
                (words::grouped(tally.tokens.sum()))
                @if padding > 0 { ", and " (words::counted(padding, "row")) " of padding;" }
                " of " (words::grouped(head.tokens)) @if padding > 0 { " rows" }
            },
        ),
        (
            "Engine",
            html! { (code(&audit.engine)) ", " (format!("{seconds:.2} s")) ", unargmax " (summary.version) },
        ),
    ];
    let kept = head.kept.as_ref().map(|kept| {
        let hash = html! { span .hash { (code(&kept.sha256)) } };
        ("Rows that compete", html! { (words::grouped(kept.rows)) ", with the hash " (hash) })
    });
    let run = summary
        .run
        .as_ref()
        .map(|run| [("Made", html! { (run.date) }), ("Command line", code(&run.shareable()))]);
    let facts = facts.into_iter().chain(kept).chain(run.into_iter().flatten());
    html! {
        section #facts aria-labelledby="facts-h" {
            h2 #facts-h { "What was audited, and how to check it" }
            dl .facts { @for (name, value) in facts { dt { (name) } dd { (value) } } }
            (more_audits(reported))
            p { "The certificate beside this page holds the proof of every verdict. " (command::WHERE) }
            p .command { code { (command::HERE) } }
            @if let Some(elsewhere) = command::elsewhere(summary) {
                p { (command::WHERE_ELSEWHERE) }
                p .command { code { (elsewhere) } }
            }
            p {
                "The verdicts hold for a linear " (terms.layer) " "
                "and say nothing of " (terms.below) @if !terms.is_of_items() { " it" } ": \"argmaxable\" means that a " (terms.state)
                " exists, not that a text leads to it; \"unargmaxable\" "
                "holds whatever " (terms.below_do) ", as long as the " (terms.state) " is among those above."
            }
        }
    }
}

/// The counts over other states, if there were more audits.
fn more_audits(reported: &Reported) -> Markup {
    let (summary, terms) = (&reported.results.summary, reported.terms());
    let padding = reported.results.tally().padding.sum();
    html! {
        @if !summary.more_audits().is_empty() {
            table .plain {
                caption { "The same head over other " (terms.states) @if padding > 0 { ", without padding" } }
                thead { tr { th { (terms.states) } th { "argmaxable" } th { "tied" } th { "unargmaxable" } th { "undecided" } } }
                tbody {
                    @for audit in summary.more_audits() {
                        tr {
                            td { (code(&audit.domain)) @if audit.domain == "free" { " (any vector)" } }
                            @let tokens = audit.tally().tokens;
                            @for outcome in Outcome::ALL {
                                td .number { (words::grouped(tokens.of(outcome))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Text as code that is not translated.
fn code(text: &str) -> Markup {
    html! { code translate="no" { (text) } }
}

/// A number of bytes with a unit.
fn bytes(count: u64) -> String {
    match count as f64 {
        n if n < 1e4 => format!("{count} bytes"),
        n if n < 1e6 => format!("{:.0} kB", n / 1e3),
        n if n < 1e9 => format!("{:.1} MB", n / 1e6),
        n => format!("{:.1} GB", n / 1e9),
    }
}
