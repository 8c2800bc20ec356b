//! The frame of the table of all tokens; the script fills it with the rows in sight.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::report::results::Reported;
use crate::report::results::verdicts::Outcome;
use crate::report::words;

/// Key, heading, and what a pointer over it says.
const COLUMNS: [(&str, &str, &str); 7] = [
    ("id", "id", "row of the output layer"),
    ("token", "token", "readable text; signs stand for what could not be seen"),
    ("piece", "spelling", "as the vocabulary spells it, where that differs"),
    ("kind", "kind", "ordinary, special, unused, byte or padding"),
    ("norm", "row length", "Euclidean norm of the row"),
    ("verdict", "verdict", "can win, can only tie, cannot win, not decided"),
    (
        "lead",
        "lead shown",
        "proved lead at the one state that was found; other states may give more",
    ),
];

pub fn section(reported: &Reported) -> Markup {
    let table = &reported.results.table;
    let scope = table.rows().len();
    let spelled = table.rows().iter().any(|row| !row.piece.is_empty() && row.piece != row.text);
    let kinds: BTreeSet<&str> =
        table.rows().iter().map(|row| row.kind.as_str()).filter(|kind| !kind.is_empty()).collect();
    let shows = |key| match key {
        "piece" => spelled,
        "kind" => kinds.len() > 1,
        _ => true,
    };
    html! {
        section #all aria-labelledby="all-h" {
            h2 #all-h { "All tokens" }
            div .controls role="search" {
                label { "Search" input #search type="search" placeholder="token, spelling or #id" autocomplete="off" spellcheck="false"; }
                label {
                    "Verdict"
                    select #verdict {
                        option value="" { "all" }
                        @for outcome in Outcome::ALL {
                            @let count = table.having(outcome).count();
                            @if count > 0 {
                                option value=(outcome as u8) { (words::outcome(outcome)) " (" (words::grouped(count)) ")" }
                            }
                        }
                    }
                }
                @if kinds.len() > 1 {
                    label {
                        "Kind"
                        select #kind { option value="" { "all" } @for kind in &kinds { option value=(kind) { (kind) } } }
                    }
                }
                p #status role="status" { (words::tokens(scope)) }
            }
            noscript { p { "This table needs the script inside this page. The file verdicts.csv holds the same." } }
            div #scroller {
                div #sizer {
                    div #window {
                        table #tokens role="grid" aria-labelledby="all-h" aria-rowcount=(scope + 1) aria-readonly="true" {
                            thead {
                                tr aria-rowindex="1" {
                                    @for (key, heading, says) in COLUMNS.into_iter().filter(|c| shows(c.0)) {
                                        th scope="col" class=(key) data-key=(key) aria-sort=(if key == "id" { "ascending" } else { "none" }) {
                                            button type="button" title=(says) { (heading) }
                                        }
                                    }
                                }
                            }
                            tbody #rows {}
                        }
                    }
                }
            }
            p .note {
                "Headings sort. Arrow keys move through the rows, Enter opens a token. \"Lead shown\" is the proved lead at the one "
                "state that was found, a floor: other states may give more. verdicts.csv has all digits."
            }
        }
    }
}
