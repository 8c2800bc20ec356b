//! Draws the best margins of the tokens in a ball.

use super::canvas::Form;
use super::distribution::{Axis, Distribution, End, Group};
use super::{Figure, colour};
use crate::report::beyond::{self, language};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::words::number;

/// The distribution of best margins by their lower ends, with one colour for each verdict.
pub fn figure(results: &Results) -> Option<Figure> {
    let groups: Vec<Group> = Outcome::ALL
        .into_iter()
        .map(|outcome| Group {
            name: outcome.name(),
            colour: colour(outcome),
            intervals: language(results)
                .filter(|row| row.outcome == outcome)
                .filter_map(|row| row.measured.margin)
                .collect(),
            end: End::Low,
        })
        .filter(|group| !group.intervals.is_empty())
        .collect();
    let mut values: Vec<f64> = groups.iter().flat_map(Group::values).collect();
    values.sort_by(f64::total_cmp);
    let axis = Axis::over(values.iter().copied(), 0.0)?;
    let terms = results.terms();
    let Terms { token, tokens, state, at, logits, never_win, .. } = terms;
    let what = format!("best lead over all other {tokens}, in {logits}");
    let distribution = Distribution {
        axis,
        groups,
        mark: Some((0.0, "no lead")),
        what: &what,
        tokens: results.terms().tokens,
    };
    let mut caption = format!(
        "The lead of a {token} over the best of the others, {at} the {state} where that is greatest: a bar counts proved \
         lower bounds. Below 0 it {never_win}, and lags that much at best."
    );
    caption += &distribution.notes();
    let rounding = beyond::rounding(results).unwrap_or_default();
    caption += &format!(" {rounding}");
    let alternative = format!(
        "Best leads of {}, from {} to {}, median {}. {rounding}",
        terms.count(values.len()),
        number(*values.first()?),
        number(*values.last()?),
        number(values[values.len() / 2]),
    );
    let draw = |form: Form| distribution.svg(form);
    let title = format!("How far a {token} can lead");
    Some(Figure::new("margins", title, caption, alternative, draw))
}
