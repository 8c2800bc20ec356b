//! The cards of tokens that cannot win: the token, what blocks it, and how that is proved.

use maud::{Markup, html};

use super::{alike, kind, named, small_picture, token};
use crate::certify::Rival;
use crate::report::beyond;
use crate::report::causes::folded;
use crate::report::plots;
use crate::report::results::Reported;
use crate::report::results::verdicts::{Outcome, Row};
use crate::report::shown::Shown;
use crate::report::terms::Terms;
use crate::report::words;

/// The most cards on the page; the table has all tokens.
const CARDS: usize = 24;
/// The most undecided tokens listed.
const LISTED: usize = 60;
/// The most blockers on the front of a card.
const FACE: usize = 5;
/// The most blockers in the expandable part of a card.
const BEHIND: usize = 40;

/// The section of lost and undecided tokens.
pub fn section(reported: &Reported) -> Markup {
    let having = |outcome| -> Vec<&Row> {
        let rows = reported.results.table.having(outcome);
        let mut rows: Vec<&Row> = rows.filter(|row| !row.is_padding()).collect();
        rows.sort_by_key(|row| row.rank());
        rows
    };
    let Terms { token, tokens, .. } = reported.terms();
    let full = full_bar(reported);
    let (lost, open) = (having(Outcome::Unargmaxable), having(Outcome::Undecided));
    let cards = folded(lost.clone(), |row| row.place.cluster);
    html! {
        @if !lost.is_empty() {
            section #cannot-win aria-labelledby="cannot-win-h" {
                h2 #cannot-win-h { "Unargmaxable " (tokens) }
                p {
                    "Each is ruled out by rivals whose weights add up to 1. If a weighted average of scores is never less "
                    "than the " (token) "'s own score, then the highest of those scores is not either. "
                    "Bars are drawn alike on all cards: a full one is a weight of " (words::number(full)) "."
                }
                div .cards { @for rows in cards.iter().take(CARDS) { (card(reported, rows, full)) } }
                @if cards.len() > CARDS || cards.iter().any(|rows| rows.len() > 1) {
                    p .more {
                        button type="button" data-filter=(Outcome::Unargmaxable as u8) {
                            "Show all " (words::grouped(lost.len())) " in the table"
                        }
                    }
                }
            }
        }
        @if !open.is_empty() {
            section #open aria-labelledby="open-h" {
                h2 #open-h { (reported.terms().titled) " not decided" }
                p {
                    "Neither proof was found: these " (tokens) " lie so close to the edge that the budget of exact arithmetic ended. "
                    "The certificate bounds their best lead."
                }
                ul .chips { @for row in open.iter().take(LISTED) { li { (super::token(&Shown::of(row))) } } }
                @if open.len() > LISTED {
                    p .more {
                        button type="button" data-filter=(Outcome::Undecided as u8) {
                            "Show all " (words::grouped(open.len())) " in the table"
                        }
                    }
                }
            }
        }
    }
}

/// The weight that a full bar stands for on every card: the greatest of a rival in any proof of the table.
pub fn full_bar(reported: &Reported) -> f64 {
    let rows = reported.results.table.having(Outcome::Unargmaxable);
    let weights = rows.flat_map(|row| row.rivals().map(|(_, weight)| weight));
    match weights.fold(0.0, f64::max) {
        greatest if greatest > 0.0 => greatest,
        _ => 1.0,
    }
}

/// The card of one lost token, or of several whose rows are near-equal: the first stands for all of them.
fn card(reported: &Reported, rows: &[&Row], full: f64) -> Markup {
    let row = rows[0];
    let (rivals, ends): (Vec<_>, Vec<_>) =
        row.blockers.iter().copied().partition(|b| matches!(b.0, Rival::Token(_)));
    let (face, behind) = rivals.split_at(rivals.len().min(FACE));
    let rest = behind.len();
    let figure = plots::projection(reported, row.id);
    let shown = Shown::of(row);
    let long = shown.line().chars().count() > 16;
    html! {
        article .card {
            header {
                h3 .token .long[long] { (token(&shown)) }
                p .id { a href={ "#token-" (row.id) } { "id " (row.id) } @if let Some(kind) = kind(row) { " · " (kind) } }
            }
            (alike::others(reported, rows))
            p { (words::blocked(row, reported.terms())) }
            @if let Some(place) = alike::place(row) { p { (place) } }
            @if let Some(nearness) = nearness(reported, row) { p { (nearness) } }
            ol .rivals { @for blocker in face { (rival(reported, *blocker, full)) } }
            details {
                summary {
                    @match (rest, figure.is_some()) {
                        (0, false) => "Proof"
                        (0, true) => "Picture and proof"
                        (n, with) => { (n) " more" @if with { ", picture" } " and proof" }
                    }
                }
                @if rest > 0 {
                    ul .rest {
                        @for (blocker, weight) in behind.iter().take(BEHIND) {
                            li { (label(reported, *blocker)) " " span .weight { (words::number(*weight)) } }
                        }
                        @if rest > BEHIND { li .beyond { "and " (rest - BEHIND) " more: the " (reported.terms().token) " in the table below has all" } }
                    }
                }
                @if !ends.is_empty() {
                    p .ends { "Ends of coordinates that the proof uses, with weights of their own:" }
                    ul .rest {
                        @for (end, weight) in ends.iter().take(BEHIND) {
                            li { (label(reported, *end)) " " span .weight { (words::number(*weight)) } }
                        }
                        @if ends.len() > BEHIND { li .beyond { "and " (ends.len() - BEHIND) " more" } }
                    }
                }
                @match &figure {
                    Some(figure) => (small_picture(figure))
                    None if plots::is_crowded(reported, row.id) => {
                        p .proof { "No picture: on a plane so many rivals would cover each other." }
                    }
                    None => {}
                }
                p .proof { "Proof: " code { (row.proof) } ", " (words::proof(&row.proof, reported.terms())) "." }
            }
        }
    }
}

/// What would let the token win: another vector, a longer state, or a larger bias.
fn nearness(reported: &Reported, row: &Row) -> Option<String> {
    let confined = beyond::confined(&reported.results.summary.audit().domain);
    let state = reported.terms().state;
    let mut sentences = Vec::new();
    if row.is_out_of_reach() {
        sentences.push(format!("Some vector would let it win, but none that occurs {confined}."));
    }
    if let Some(effort) = row.measured.effort {
        sentences.push(match effort.low.is_infinite() {
            true => format!("No length of the {state} would let it win."),
            false => {
                let times = beyond::interval(effort);
                format!("The {state} would have to be {times} times as long as the longest.")
            }
        });
    }
    if let Some(bias) = row.measured.bias_needed {
        sentences.push(format!("Its bias is too small by {}.", beyond::interval(bias)));
    }
    if let Some(change) = row.measured.move_needed {
        let length = beyond::interval(change);
        sentences.push(format!(
            "Its row is too close to the others by {length} (its length is {}).",
            words::number(row.row_norm)
        ));
    }
    if let Some(rank) = row.measured.best_rank {
        sentences.push(format!("Its best rank is {}.", rank.in_words()));
    }
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

/// A list entry for a rival, with its weight as a number and as a bar.
fn rival(reported: &Reported, (rival, weight): (Rival, f64), full: f64) -> Markup {
    let width = (100.0 * weight / full).clamp(1.0, 100.0);
    html! {
        li {
            span .name { (label(reported, rival)) }
            span .gauge aria-hidden="true" style={ "--w:" (format!("{width:.1}%")) } {}
            span .weight { (words::number(weight)) }
        }
    }
}

/// The name of a rival: its token, or the end of its coordinate.
fn label(reported: &Reported, rival: Rival) -> Markup {
    match rival {
        Rival::Token(id) => named(reported, id),
        Rival::Lower(k) => html! { span .end { "lower end of " (k) } },
        Rival::Upper(k) => html! { span .end { "upper end of " (k) } },
    }
}
