//! Renders `report.html`, one self-contained file, from the files of a folder.

mod alike;
mod cards;
mod data;
mod document;
mod facts;
mod finding;
mod probability;
mod ranks;
mod spans;
mod table;
mod ties;

use crate::checkpoint::vocabulary::Kind;
use maud::{Markup, PreEscaped, html};

use super::plots::canvas::Form;
use super::plots::{self, Figure};
use super::results::Reported;
use super::results::verdicts::Row;
use super::shown::{Part, Shown};

pub(super) use document::document;

/// The name of the file in the output folder.
pub const FILE: &str = "report.html";

/// Renders the page of an audit. The same results give the same bytes.
pub fn render(reported: &Reported) -> String {
    let name = reported.results.summary.name();
    let terms = reported.terms();
    let tokens = terms.tokens;
    let (all, ruled_out) = (format!("All {tokens}"), format!("Unargmaxable {tokens}"));
    let lost = reported.results.tally().tokens.unargmaxable > 0;
    let ties = ties::of_tokens(reported);
    let sampled = [probability::subsection(reported), ranks::subsection(reported)];
    let is_sampled = sampled.iter().any(Option::is_some);
    let sampling = match terms.is_of_items() {
        true => "Can it come further down?",
        false => "Can sampling or a beam reach it?",
    };
    let links = [
        (lost, "cannot-win", ruled_out.as_str()),
        (!ties.is_empty(), "ties", "Exact doubles"),
        (is_sampled, "sampling", sampling),
        (true, "all", all.as_str()),
        (true, "pictures", "Pictures"),
        (true, "facts", "What was audited, and how to check it"),
    ];
    let body = html! {
        (finding::section(reported))
        nav aria-label="Parts of this page" {
            ul { @for (_, id, text) in links.iter().filter(|l| l.0) { li { a href={ "#" (id) } { (text) } } } }
        }
        (cards::section(reported))
        (ties::section(reported, &ties))
        @if is_sampled {
            section #sampling aria-labelledby="sampling-h" {
                h2 #sampling-h { (sampling) }
                @for part in sampled.iter().flatten() { (part) }
            }
        }
        (table::section(reported))
        div #paper {}
        section #pictures aria-labelledby="pictures-h" {
            h2 #pictures-h { "Pictures" }
            @for figure in plots::overview(reported) { (picture(&figure)) }
        }
        (facts::section(reported))
        (data::element(reported))
        dialog #card aria-labelledby="card-token" {}
    };
    let question = match terms.is_of_items() {
        true => "which documents can it never retrieve first?",
        false => "which tokens can it never output?",
    };
    document(&format!("{name}: {question}"), &name, body)
}

/// A picture with heading and caption, in a wide and a narrow form; the style sheet shows the one that fits.
pub(super) fn picture(figure: &Figure) -> Markup {
    html! {
        figure id={ "picture-" (figure.name) } {
            h3 { (figure.title) }
            div .wide { (PreEscaped(figure.inline(Form::Wide))) }
            div .narrow { (PreEscaped(figure.inline(Form::Narrow))) }
            figcaption { (figure.caption) }
        }
    }
}

/// A picture on a card, in the narrow form only.
fn small_picture(figure: &Figure) -> Markup {
    html! {
        figure id={ "picture-" (figure.name) } {
            h4 { (figure.title) }
            (PreEscaped(figure.inline(Form::Narrow)))
            figcaption { (figure.caption) }
        }
    }
}

/// A token's text with its signs marked, isolated in its own writing direction.
pub(super) fn token(shown: &Shown) -> Markup {
    html! {
        bdi translate="no" {
            @for part in shown.parts() {
                @match part {
                    Part::Text(text) => { (text) }
                    Part::Sign(sign) => { span .sign .blank[sign == "␣"] { (sign) } }
                }
            }
        }
    }
}

/// The name of a token by its id.
fn named(reported: &Reported, id: u32) -> Markup {
    match reported.token(id) {
        Some(row) => token(&Shown::of(row)),
        None => html! { "#" (id) },
    }
}

/// Whether the table has verdicts over all vectors.
fn has_free(reported: &Reported) -> bool {
    reported.results.table.rows().iter().any(|row| row.free.is_some())
}

/// The kind of row, where it is no ordinary token.
fn kind(row: &Row) -> Option<&'static str> {
    row.kind.filter(|kind| *kind != Kind::Ordinary).map(Kind::name)
}
