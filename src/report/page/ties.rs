//! The section of tied tokens, which no state can tell apart.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::named;
use crate::report::results::Reported;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::words;

/// The most groups on the page.
const GROUPS: usize = 40;
/// The most tokens shown of a group.
const MEMBERS: usize = 24;

/// The groups of tied tokens, each in id order, ordered by their first tokens.
pub fn groups(reported: &Reported) -> Vec<Vec<u32>> {
    let mut groups = BTreeSet::new();
    for row in reported.results.table.having(Outcome::Tied) {
        let mut group: Vec<u32> = row.ties.iter().copied().chain([row.id]).collect();
        group.sort_unstable();
        groups.insert(group);
    }
    groups.into_iter().collect()
}

/// The groups that contain a token, not only padding.
pub fn of_tokens(reported: &Reported) -> Vec<Vec<u32>> {
    let is_token = |id: &u32| reported.token(*id).is_none_or(|row| !row.is_padding());
    groups(reported).into_iter().filter(|group| group.iter().any(is_token)).collect()
}

/// The section of tied tokens.
pub fn section(reported: &Reported, groups: &[Vec<u32>]) -> Markup {
    if groups.is_empty() {
        return html! {};
    }
    let Terms { tokens, state, within, layer, .. } = reported.terms();
    html! {
        section #ties aria-labelledby="ties-h" {
            h2 #ties-h { "Exact doubles" }
            p {
                "The " (tokens) " of a group have the same numbers in the " (layer) ", so they get the same score " (within) " every " (state) ". "
                "Each group can reach the top, but none of its " (tokens) " alone: "
                (words::counted(groups.len(), "group")) "."
            }
            ul .groups {
                @for group in groups.iter().take(GROUPS) {
                    li {
                        @for (i, id) in group.iter().take(MEMBERS).enumerate() {
                            @if i > 0 { span .equals { "=" } }
                            span .chip { (named(reported, *id)) " " span .id { "id " (id) } }
                        }
                        @if group.len() > MEMBERS { " and " (group.len() - MEMBERS) " more" }
                    }
                }
            }
            @if groups.len() > GROUPS {
                p .more {
                    button type="button" data-filter=(Outcome::Tied as u8) { "Show all tied " (tokens) " in the table" }
                }
            }
        }
    }
}
