//! Renders `reach.html`: the ladder, the budgets, and a table of the tokens.

use maud::{Markup, html};

use super::table::found;
use super::{Climbed, LadderReport, TABLE, WITNESSES, chart};
use crate::report::page::{document, picture, token};
use crate::report::shown::Shown;
use crate::report::terms::RowKind;
use crate::report::{command, words};

/// The most tokens on the page; the table has all.
const LISTED: usize = 500;

impl LadderReport<'_> {
    /// The page. The same results give the same bytes.
    pub(super) fn page(&self) -> String {
        let body = html! {
            section .finding aria-labelledby="finding" {
                h1 #finding { (self.headline()) }
                p {
                    "A proof says that some hidden state makes a token win, or that none does. A search looks for an input of the model "
                    "that leads there: free vectors, then tokens of a real text. What a search finds was run again alone and compared "
                    "exactly; what it does not find may still exist."
                }
                @if self.contradictions().next().is_some() {
                    p .warning { "A search reached what the audit proves impossible: one of the two is wrong. The table says where." }
                }
            }
            section aria-labelledby="ladder-h" {
                h2 #ladder-h { "The ladder" }
                (picture(&chart::ladder(self)))
                @for figure in chart::budgets(self) { (picture(&figure)) }
            }
            section aria-labelledby="tokens-h" {
                h2 #tokens-h { "The tokens" }
                (self.rows())
                @if self.tokens.len() > LISTED {
                    p { "The first " (LISTED) " of " (words::grouped(self.tokens.len())) "; " code { (TABLE) } " has all." }
                }
            }
            section aria-labelledby="budget-h" {
                h2 #budget-h { "What was searched" }
                (self.budget())
            }
        };
        let checkpoint = command::shareable(&self.checkpoint);
        document(&format!("{checkpoint}: which inputs reach its tokens?"), &checkpoint, body)
    }

    /// The finding in one line.
    fn headline(&self) -> String {
        let all = words::counted(self.tokens.len(), "token");
        let reached = self.tokens.iter().filter(|c| c.is_reached()).count();
        let lost = self.rungs().get(1).map_or(0, |rung| rung.no);
        let impossible = match lost {
            0 => String::new(),
            n => format!("; {} cannot be, by proof", words::grouped(n)),
        };
        format!("{} of {all} were reached by an input{impossible}", words::grouped(reached))
    }

    /// The table of the tokens.
    fn rows(&self) -> Markup {
        let headings = [
            ("token", false),
            ("id", true),
            ("some vector", false),
            ("some hidden state", false),
            ("soft prompt", false),
            ("lead", true),
            ("prompt of tokens", false),
            ("lead", true),
            ("its text", false),
            ("seen", true),
        ];
        html! {
            div .scroll tabindex="0" role="region" aria-labelledby="tokens-h" {
                table .plain {
                    thead { tr { @for (heading, is_number) in headings { th .number[is_number] scope="col" { (heading) } } } }
                    tbody { @for climbed in self.tokens.iter().take(LISTED) { (self.row(climbed)) } }
                }
            }
        }
    }

    fn row(&self, climbed: &Climbed) -> Markup {
        let name = Shown::text(&self.name(climbed.token), false);
        let lead = |lead: f32| words::number(f64::from(lead));
        html! {
            tr {
                th scope="row" { (token(&name)) }
                td .number { (climbed.token) }
                td { (climbed.free) }
                td { (climbed.real) }
                @match &climbed.soft {
                    Some(soft) => {
                        td { (found(soft.win)) }
                        td .number { (lead(soft.lead)) }
                    }
                    None => { td {} td {} }
                }
                @match &climbed.discrete {
                    Some(discrete) => {
                        td { (found(discrete.win)) }
                        td .number { @if discrete.rank > 0 { (lead(discrete.lead)) } }
                        td { @if let Some(text) = &climbed.text { (token(&Shown::text(text, false))) } }
                    }
                    None => { td {} td {} td {} }
                }
                td .number { @if let Some(seen) = climbed.seen { (words::grouped(seen.argmax as usize)) } }
            }
        }
    }

    /// The budgets in sentences.
    fn budget(&self) -> Markup {
        let soft = self.plan.soft.as_ref();
        let gradient = self.plan.gradient.as_ref();
        html! {
            ul {
                li { "The domain of the hidden states: " (words::domain(&self.domain.0, self.domain.1, RowKind::Tokens.terms())) "." }
                @if !self.prompt.is_empty() { li { "This text follows each prompt: " q { (self.prompt) } } }
                @if let Some(soft) = soft {
                    li {
                        (words::counted(soft.vectors, "free vector")) ", " (words::counted(soft.starts, "start")) " from rows of the vocabulary, "
                        (words::counted(soft.steps, "step")) " of Adam each, seed " (soft.seed)
                        @if soft.inside_rows { "; no vector is longer than the longest row of the vocabulary" } "."
                    }
                }
                @for e in self.enumerations {
                    li {
                        "All prompts of " (words::counted(e.length, "token")) ": " (words::grouped(e.done as usize)) ", of which "
                        (words::grouped(e.ran as usize)) " are the tokens of their own text."
                    }
                }
                @if let Some(gradient) = gradient {
                    li {
                        "Prompts by gradients, of " (lengths(&gradient.lengths)) " tokens: " (gradient.rounds) " rounds of "
                        (gradient.candidates) " candidates from the " (gradient.steepest) " steepest at each place, seed " (gradient.seed) "."
                    }
                }
                @if let Some(corpus) = &self.corpus { li { "The corpus: " bdi translate="no" { (corpus) } } }
                li { "The vectors and hidden states of all that was reached are in " code { (WITNESSES) } "." }
            }
        }
    }
}

/// Some lengths in words.
fn lengths(lengths: &[usize]) -> String {
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}
