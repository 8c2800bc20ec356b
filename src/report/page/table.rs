//! The frame of the table of all tokens; the script fills it with the visible rows.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::checkpoint::vocabulary::Kind;
use crate::report::results::Reported;
use crate::report::results::measured::Measured;
use crate::report::results::verdicts::Outcome;
use crate::report::tally::Tally;
use crate::report::terms::Terms;
use crate::report::words;

/// The columns: key, heading, and the text shown on hover.
fn all_columns(terms: &'static Terms) -> [Column; 13] {
    let Terms { token, state, states, at, layer, logits, .. } = terms;
    let Terms { can_win, can_only_tie, never_win, .. } = terms;
    let column = |key, heading, says: &str| (key, heading, says.to_owned());
    [
        column("id", "id", &format!("row of the {layer}")),
        column("token", token, "readable text; signs stand for what could not be seen"),
        column("piece", "spelling", "as the vocabulary spells it, where that differs"),
        column("kind", "kind", "ordinary, special, unused, byte or padding"),
        column("norm", "row length", "Euclidean norm of the row"),
        column(
            "verdict",
            "verdict",
            &format!(
                "argmaxable ({can_win}), tied ({can_only_tie}), unargmaxable ({never_win}) or undecided"
            ),
        ),
        column("free", "any vector", &format!("the verdict if the {state} could be any vector")),
        column(
            "lead",
            "lead shown",
            &format!(
                "proved lead {at} the one {state} that was found; other {states} may give more"
            ),
        ),
        column(
            "margin",
            "best lead",
            &format!("the greatest lead that any of the {states} gives it, in {logits}"),
        ),
        column(
            "survives",
            "survives",
            "number formats in which it provably still leads after rounding, where it leads most",
        ),
        column(
            "effort",
            "effort",
            &format!("least length of a {state} that lets it win, as a share of the greatest one"),
        ),
        column("bias", "bias needed", "least raise of its own bias that would let it win"),
        column(
            "move",
            "move needed",
            "least length of a change of its own row that would let it win",
        ),
    ]
}

/// The least width in pixels of a column that is always shown in wide windows.
fn width(key: &str) -> u32 {
    match key {
        "token" => 190,
        "piece" => 150,
        "id" => 84,
        "kind" => 96,
        "norm" => 110,
        "margin" | "effort" | "bias" | "move" => 168,
        "lead" => 118,
        "verdict" | "free" => 146,
        _ => 124,
    }
}

/// A column: key, heading, and the text shown on hover.
type Column = (&'static str, &'static str, String);

/// The section with the table of all tokens.
pub fn section(reported: &Reported) -> Markup {
    let table = &reported.results.table;
    let kinds: BTreeSet<&str> =
        table.rows().iter().filter_map(|row| row.kind.map(Kind::name)).collect();
    let columns = columns(reported, &kinds);
    html! {
        section #all aria-labelledby="all-h" {
            h2 #all-h { "All " (reported.terms().tokens) }
            (controls(reported, &kinds))
            noscript { p { "This table needs the script inside this page. The file verdicts.csv holds the same." } }
            (grid(&columns, table.rows().len()))
            (note(&columns, reported.terms()))
        }
    }
}

/// The columns that have something to show.
fn columns(reported: &Reported, kinds: &BTreeSet<&str>) -> Vec<Column> {
    let table = &reported.results.table;
    let spelled = table.rows().iter().any(|row| !row.piece.is_empty() && row.piece != row.text);
    let measured = |of: fn(&Measured) -> bool| table.rows().iter().any(|row| of(&row.measured));
    let shows = |key| match key {
        "piece" => spelled,
        "kind" => kinds.len() > 1,
        "free" => super::has_free(reported),
        // The column of best margins replaces the lead.
        "lead" => !table.rows().iter().all(|row| row.measured.margin.is_some()),
        "effort" => measured(|m| m.effort.is_some()),
        "margin" | "survives" => measured(|m| m.margin.is_some()),
        "bias" => measured(|m| m.bias_needed.is_some()),
        "move" => measured(|m| m.move_needed.is_some()),
        _ => true,
    };
    all_columns(reported.terms()).into_iter().filter(|column| shows(column.0)).collect()
}

/// The search field and the filters.
fn controls(reported: &Reported, kinds: &BTreeSet<&str>) -> Markup {
    let (scope, tally) = (reported.results.table.rows().len(), reported.results.table.tally());
    html! {
        div .controls role="search" {
            label { "Search" input #search type="search" placeholder={ (reported.terms().token) ", spelling or #id" } autocomplete="off" spellcheck="false"; }
            label {
                "Verdict"
                select #verdict {
                    option value="" { "all" }
                    @for outcome in Outcome::ALL {
                        (choice(outcome, tally))
                    }
                }
            }
            @if super::has_free(reported) {
                label {
                    "Any vector"
                    select #beside {
                        option value="" { "all" }
                        @for outcome in Outcome::ALL {
                            (choice(outcome, reported.results.table.free_tally().unwrap_or_default()))
                        }
                    }
                }
            }
            @if kinds.len() > 1 {
                label {
                    "Kind"
                    select #kind { option value="" { "all" } @for kind in kinds { option value=(kind) { (kind) } } }
                }
            }
            a #here hidden href="#all" { "Link to this selection" }
            p #status role="status" { (words::counted(scope, if tally.padding.sum() > 0 { "row" } else { reported.terms().token })) }
        }
    }
}

/// The table without rows, which scrolls by itself.
fn grid(columns: &[Column], scope: usize) -> Markup {
    let width: u32 = columns.iter().map(|column| width(column.0)).sum();
    html! {
        p #wider .note hidden { "The table is wider than this window: scroll it sideways for more columns." }
        div #scroller {
            div #sizer style={ "--least:" (width) "px" } {
                div #window {
                    table #tokens role="grid" aria-labelledby="all-h" aria-rowcount=(scope + 1) aria-readonly="true" {
                        thead {
                            tr aria-rowindex="1" {
                                @for (key, heading, says) in columns {
                                    th scope="col" class=(key) data-key=(key) aria-sort=(if *key == "id" { "ascending" } else { "none" }) {
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
    }
}

/// How the table is used, and what its numbers mean.
fn note(columns: &[Column], terms: &Terms) -> Markup {
    let Terms { token, state, states, at, .. } = terms;
    let shows = |key: &str| columns.iter().any(|column| column.0 == key);
    html! {
        p .note {
            "Headings sort. Arrow keys move through the rows, Enter opens a " (token) ". "
            @if shows("lead") {
                "\"Lead shown\" is the proved lead " (at) " the one " (state) " that was found, a floor: other " (states) " may give more. "
            }
            @if ["margin", "effort", "bias", "move"].into_iter().any(shows) {
                "Where two numbers stand, the true one is proved to lie between them. "
            }
            "verdicts.csv has all digits."
        }
    }
}

/// A filter option for a verdict, with the numbers of tokens and of padding rows that have it.
fn choice(outcome: Outcome, tally: Tally) -> Markup {
    let (tokens, padding) = (tally.tokens.of(outcome), tally.padding.of(outcome));
    html! {
        @if tokens + padding > 0 {
            option value=(outcome as u8) {
                (outcome.name()) " (" (words::grouped(tokens))
                @if padding > 0 { " and " (words::counted(padding, "row")) " of padding" }
                ")"
            }
        }
    }
}
