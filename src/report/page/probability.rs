//! The subsection of bounds of probabilities: what sampling can reach.

use maud::{Markup, html};

use super::named;
use crate::report::probability::{at_least, at_most, rows, sentence};
use crate::report::results::Reported;
use crate::report::terms::Terms;
use crate::report::words;

/// The most tokens in the table.
const LISTED: usize = 40;

/// What bounds of probabilities say of lost and tied tokens; `None` if there are none.
pub fn subsection(reported: &Reported) -> Option<Markup> {
    let sentence = sentence(&reported.results)?;
    let rows = rows(&reported.results);
    let Terms { token, state, within, .. } = reported.terms();
    let removed = match reported.terms().is_of_items() {
        true => "Searches for few results leave out other documents",
        false => "Top-k and top-p sampling remove other tokens",
    };
    let reached = rows.iter().any(|r| r.0.measured.max_probability_low.is_some());
    Some(html! {
        h3 #probability-h { "How probable can it become?" }
        p {
            (sentence) " The bound follows from the rivals that block the " (token) ": where their weights are spread over many rivals, the " (token) " gets less. It holds at every temperature; the interval of a measured " (token) " is about temperature 1. "
            (removed) " and scale the rest up, which no bound here includes."
        }
        p { "The least probable:" }
        table .plain {
            thead { tr { th scope="col" { (token) } th scope="col" { "at most" } @if reached { th scope="col" { (within) " some " (state) } } } }
            tbody {
                @for (row, bound) in rows.iter().take(LISTED) {
                    tr {
                        th scope="row" { (named(reported, row.id)) " " span .id { "id " (row.id) } }
                        td { (at_most(*bound)) }
                        @if reached { td { @if let Some(low) = row.measured.max_probability_low { (at_least(low)) } } }
                    }
                }
            }
        }
        @if rows.len() > LISTED { p { (words::grouped(rows.len() - LISTED)) " more are in verdicts.csv." } }
    })
}
