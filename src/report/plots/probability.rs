//! Draws how probable lost and tied tokens can become.

use super::Figure;
use super::canvas::{Colour, Form};
use super::distribution::{Axis, Distribution, End, Group};
use crate::report::probability::{rows, sentence};
use crate::report::results::Results;
use crate::report::results::measured::Interval;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;

/// The least number of tokens for which a distribution is drawn.
const FEWEST_TOKENS: usize = 5;

/// The distribution of the bounds of probabilities; `None` for too few tokens.
pub fn figure(results: &Results) -> Option<Figure> {
    let bounds = rows(results);
    if bounds.len() < FEWEST_TOKENS {
        return None;
    }
    let intervals: Vec<Interval> = bounds
        .iter()
        .map(|(row, high)| {
            let low = row.measured.max_probability_low.unwrap_or(*high);
            Interval { low: low.min(*high), high: *high }
        })
        .collect();
    let count = intervals.len();
    let group = Group {
        name: Outcome::Unargmaxable.name(),
        colour: Colour::Lose,
        intervals,
        end: End::High,
    };
    let axis = Axis::over(group.values(), 0.0)?;
    let distribution = Distribution {
        axis,
        groups: vec![group],
        mark: None,
        what: "upper bound of the largest probability",
        tokens: results.terms().tokens,
    };
    let terms = results.terms();
    let Terms { token, states, .. } = terms;
    let mut caption = format!(
        "How probable a softmax can make a {token} that never wins alone: a bar counts proved upper bounds over all {states} \
         of the domain."
    );
    caption += &distribution.notes();
    let alternative =
        format!("Bounds of {}. {}", terms.count(count), sentence(results).unwrap_or_default());
    let draw = |form: Form| distribution.svg(form);
    Some(Figure::new(
        "probability",
        format!("How probable a lost {token} can become"),
        caption,
        alternative,
        draw,
    ))
}
