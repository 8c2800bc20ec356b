//! Draws how much bias the lost tokens need.

use super::Figure;
use super::canvas::{Colour, Form};
use super::distribution::{Axis, Distribution, End, Group};
use crate::report::beyond::{self, language};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;

/// The least number of lost tokens for which a distribution is drawn; fewer have their numbers on cards or in the
/// table.
const FEWEST_TOKENS: usize = 5;

/// The distribution of the biases that lost tokens need, by the upper ends of their intervals; `None` for too few
/// tokens.
pub fn figure(results: &Results) -> Option<Figure> {
    let intervals: Vec<_> = language(results).filter_map(|row| row.measured.bias_needed).collect();
    if intervals.len() < FEWEST_TOKENS {
        return None;
    }
    let open = intervals.iter().filter(|i| i.high.is_infinite()).count();
    let group = Group {
        name: Outcome::Unargmaxable.name(),
        colour: Colour::Lose,
        intervals,
        end: End::High,
    };
    let axis = Axis::over(group.values(), 0.0)?;
    let count = group.intervals.len();
    let logits = results.terms().logits;
    let what = format!("least raise of its own bias that lets it win, in {logits}");
    let distribution = Distribution {
        axis,
        groups: vec![group],
        mark: None,
        what: &what,
        tokens: results.terms().tokens,
    };
    let terms = results.terms();
    let Terms { token, state, never_win, .. } = terms;
    let mut caption = format!(
        "How much larger the bias of a {token} that {never_win} would have to be for some {state} to let it win: a bar \
         counts proved upper bounds, so that this raise and any above it are enough."
    );
    caption += &distribution.notes();
    if open > 0 {
        caption += &format!(" {} without an upper bound are not shown.", terms.count(open));
    }
    let alternative = format!(
        "Raises of {}. {}",
        terms.count(count - open),
        beyond::bias_needed(results).unwrap_or_default()
    );
    let draw = |form: Form| distribution.svg(form);
    let title = format!("How much bias a lost {token} needs");
    Some(Figure::new("bias-needed", title, caption, alternative, draw))
}
