//! On the card of a lost token: where its row lies, and the tokens with near-equal rows that share the card.

use maud::{Markup, html};

use super::token;
use crate::causes::Cause;
use crate::report::results::Reported;
use crate::report::results::verdicts::Row;
use crate::report::shown::Shown;
use crate::report::words;

/// The most tokens shown on the front of a card.
const FACE: usize = 12;
/// The most tokens shown in its expandable part.
const BEHIND: usize = 400;

/// The other tokens of a card.
pub fn others(reported: &Reported, rows: &[&Row]) -> Markup {
    let Some((_, others)) = rows.split_first().filter(|(_, others)| !others.is_empty()) else {
        return html! {};
    };
    let chips = |rows: &[&Row]| {
        html! {
            ul .chips .alike {
                @for row in rows {
                    li title={ "id " (row.id) } { (token(&Shown::of(row))) }
                }
            }
        }
    };
    let largest = reported.results.summary.audit().causes.as_ref();
    let entry = largest.and_then(|causes| {
        let clusters = causes.clusters.as_ref()?;
        clusters.largest.iter().find(|cluster| Some(cluster.first) == rows[0].place.cluster)
    });
    html! {
        p {
            "It stands for " (reported.terms().count(rows.len())) " with near-equal rows"
            @if let Some(entry) = entry {
                @if entry.different == 1 { ": they are the same, number by number" }
                @else { ": none is further from the first than " (words::number(entry.spread)) " of the median length" }
            }
            ". The others:"
        }
        (chips(&others[..others.len().min(FACE)]))
        @if others.len() > FACE {
            details {
                summary { (others.len() - FACE) " more" }
                (chips(&others[FACE..others.len().min(BEHIND)]))
                @if others.len() > BEHIND { p { "and " (others.len() - BEHIND) " more in verdicts.csv" } }
            }
        }
    }
}

/// Where the row of a token lies, if that explains why it loses.
pub fn place(row: &Row) -> Option<String> {
    let from_mean = row.place.mean_distance.map_or(String::new(), |share| {
        format!(" (at {} of the median distance)", words::number(share))
    });
    Some(match row.place.cause? {
        // The sentences on rivals and on the other tokens of the card say it.
        Cause::EqualRows | Cause::NearEqualRows => return None,
        Cause::ZeroRow => "All numbers of its row are zero.".to_owned(),
        Cause::MeanRow => format!("Its row is at the mean of all rows{from_mean}."),
        Cause::NearMean => format!("Its row is near the mean of all rows{from_mean}."),
        Cause::ShortRow => {
            format!("Its row is short: {} long.", words::number(row.row_norm))
        }
    })
}
