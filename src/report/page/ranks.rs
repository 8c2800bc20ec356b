//! The subsection of best ranks: what a beam or top-k sampling can reach.

use maud::{Markup, html};

use super::named;
use crate::report::beams::{BEAMS, Beam};
use crate::report::ranks::{rows, sentence};
use crate::report::results::Reported;
use crate::report::results::measured::RankInterval;
use crate::report::terms::Terms;
use crate::report::words;

/// The most tokens in the table.
const LISTED: usize = 40;

/// What best ranks say of the lost tokens; `None` if none were measured.
pub fn subsection(reported: &Reported) -> Option<Markup> {
    let sentence = sentence(&reported.results)?;
    let rows = rows(&reported.results);
    let Terms { token, tokens, .. } = reported.terms();
    let question = match reported.terms().is_of_items() {
        true => "How far up can it come?",
        false => "Can a beam reach it?",
    };
    let program = match reported.terms().is_of_items() {
        true => "A search that returns k documents",
        false => {
            "A beam search that keeps k hypotheses, or a sampler that keeps the k likeliest tokens,"
        }
    };
    let heading = if reported.terms().is_of_items() { "top-k" } else { "beam or top-k" };
    let ranks: Vec<RankInterval> = rows.iter().map(|r| r.1).collect();
    Some(html! {
        h3 #ranks-h { (question) }
        p {
            (sentence) " Ties count against a " (token) ". " (program) " never has a " (token) " whose best rank is above k."
        }
        table .plain {
            thead { tr { th scope="col" { (heading) } th scope="col" { "reach it" } th scope="col" { "never do" } th scope="col" { "not known" } } }
            tbody {
                @for width in BEAMS {
                    @let Beam { can, cannot, open, .. } = Beam::new(width, &ranks);
                    tr { th scope="row" { (width) } td { (words::grouped(can)) } td { (words::grouped(cannot)) } td { (words::grouped(open)) } }
                }
            }
        }
        p { "The deepest:" }
        table .plain {
            thead { tr { th scope="col" { (token) } th scope="col" { "best rank" } } }
            tbody {
                @for (row, rank) in rows.iter().take(LISTED) {
                    tr { th scope="row" { (named(reported, row.id)) " " span .id { "id " (row.id) } } td { (rank.in_words()) } }
                }
            }
        }
        @if rows.len() > LISTED { p { (words::grouped(rows.len() - LISTED)) " more are in the table of all " (tokens) " (verdicts.csv)." } }
    })
}
