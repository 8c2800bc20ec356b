//! The pictures of an audit. Each is drawn twice, for wide and for narrow screens, in colours that the page sets, and
//! has a caption and a text alternative for readers who cannot see it.

mod bias;
pub mod canvas;
pub(super) mod chart;
mod distribution;
mod effort;
mod free_comparison;
pub mod heat_map;
mod margins;
mod norms;
mod positions;
mod probability;
mod projection;
mod ranks;
mod rivals;
mod spectrum;
pub mod steps;

use super::results::Reported;
use super::results::verdicts::Outcome;
use canvas::{Colour, Form};

/// A picture with its texts.
#[derive(Clone, Debug)]
pub struct Figure {
    /// A short name, part of file names and ids.
    pub name: String,
    /// The heading.
    pub title: String,
    /// The caption: what the picture shows, and what it does not show.
    pub caption: String,
    /// The main values in words, as the text alternative.
    pub alternative: String,
    wide: String,
    narrow: String,
}

impl Figure {
    /// Draws both forms.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        caption: String,
        alternative: String,
        draw: impl Fn(Form) -> String,
    ) -> Figure {
        let (wide, narrow) = (draw(Form::Wide), draw(Form::Narrow));
        Figure { name: name.into(), title: title.into(), caption, alternative, wide, narrow }
    }

    /// The picture as part of a page, which sets the colours.
    pub fn inline(&self, form: Form) -> String {
        let svg = match form {
            Form::Wide => &self.wide,
            Form::Narrow => &self.narrow,
        };
        canvas::inline(svg, &format!("{}-{form}", self.name), &self.title, &self.alternative)
    }

    /// The wide picture as a separate file, dark on white.
    pub fn file(&self) -> String {
        canvas::file(&self.wide, &self.title, &self.alternative)
    }
}

/// The pictures of the whole head that have something to show.
pub fn overview(reported: &Reported) -> Vec<Figure> {
    let results = &reported.results;
    let figures = [
        free_comparison::figure(results),
        effort::figure(results),
        margins::figure(results),
        bias::figure(results),
        probability::figure(results),
        ranks::figure(results),
        norms::figure(results),
        spectrum::figure(reported),
        positions::figure(results),
        rivals::figure(reported),
    ];
    figures.into_iter().flatten().collect()
}

/// The picture of one losing token, if the audit kept one.
pub fn projection(reported: &Reported, token: u32) -> Option<Figure> {
    let projection = reported.measures.projections.iter().find(|p| p.token == token)?;
    match is_crowded(reported, token) {
        true => None,
        false => projection::figure(reported, projection),
    }
}

/// The most rivals that can be told apart in a picture.
const MOST_RIVALS: usize = 40;

/// Whether a token has too many rivals for a picture among them.
pub fn is_crowded(reported: &Reported, token: u32) -> bool {
    let row = reported.results.table.row(token);
    row.is_some_and(|row| row.rivals().count() > MOST_RIVALS)
}

/// The colour of a verdict.
fn colour(outcome: Outcome) -> Colour {
    match outcome {
        Outcome::Argmaxable => Colour::Win,
        Outcome::Tied => Colour::Tie,
        Outcome::Unargmaxable => Colour::Lose,
        Outcome::Undecided => Colour::Open,
    }
}

/// The name of a verdict as a label of size 12, or one short word if only `room` pixels are free for it.
fn label(outcome: Outcome, room: i32) -> &'static str {
    match outcome {
        _ if canvas::width_of(outcome.name(), 12) <= room => outcome.name(),
        Outcome::Argmaxable => "win",
        Outcome::Tied => "tie",
        Outcome::Unargmaxable => "lose",
        Outcome::Undecided => "open",
    }
}

/// The verdicts other than "can win" that occur, with their counts.
fn notable(results: &super::results::Results) -> Vec<(Outcome, usize)> {
    Outcome::ALL[1..]
        .iter()
        .map(|&outcome| (outcome, results.table.having(outcome).count()))
        .filter(|(_, count)| *count > 0)
        .collect()
}
