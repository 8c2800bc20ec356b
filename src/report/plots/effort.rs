//! Draws which share of the possible length of states the tokens need.

use super::canvas::Form;
use super::distribution::{Axis, Distribution, End, Group};
use super::{Figure, colour};
use crate::report::beyond::{self, language};
use crate::report::results::Results;
use crate::report::results::measured::Interval;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::words::grouped;

/// The distribution of efforts: upper ends for tokens that can win, lower ends for the others; `None` if all are 0.
pub fn figure(results: &Results) -> Option<Figure> {
    let of = |outcome: Outcome| -> Vec<Interval> {
        let rows = language(results).filter(|row| row.outcome == outcome);
        rows.filter_map(|row| row.measured.effort).collect()
    };
    let groups: Vec<Group> = Outcome::ALL
        .into_iter()
        .map(|outcome| Group {
            name: outcome.name(),
            colour: colour(outcome),
            intervals: of(outcome),
            end: if outcome.can_reach_maximum() { End::High } else { End::Low },
        })
        .filter(|group| !group.intervals.is_empty())
        .collect();
    let values = || groups.iter().flat_map(Group::values);
    if values().all(|x| x == 0.0) {
        return None;
    }
    let axis = Axis::over(values(), 1.0)?;
    let never = groups.iter().flat_map(|g| &g.intervals).filter(|i| i.low.is_infinite()).count();
    let none = values().filter(|x| *x == 0.0).count();
    let terms = results.terms();
    let Terms { token, tokens, state, states, at, can_win, .. } = terms;
    let longest = format!("the longest {state}");
    let distribution = Distribution {
        axis,
        groups,
        mark: Some((1.0, &longest)),
        what: "effort, as a share of the greatest length",
        tokens: results.terms().tokens,
    };

    let mut caption = format!(
        "The effort of a {token} is the least length of a {state} {at} which it wins, as a share of the greatest \
         length that the {states} have before gain and shift: below 1 it {can_win}. Of {tokens} that {can_win} a bar \
         counts proved upper bounds, of the others proved lower bounds."
    );
    caption += &distribution.notes();
    if none > 0 {
        caption += &format!(" The first bar holds {} with effort 0.", terms.count(none));
    }
    if never > 0 {
        caption += &format!(" {} that no length helps are not shown.", terms.count(never));
    }
    let measured = distribution.groups.iter().map(|g| g.intervals.len()).sum::<usize>();
    let counts: Vec<String> = distribution
        .groups
        .iter()
        .map(|group| format!("{} {}", grouped(group.intervals.len()), group.name))
        .collect();
    let alternative = format!(
        "Efforts of {}: {}. {}",
        terms.count(measured),
        counts.join(", "),
        beyond::effort(results).unwrap_or_default()
    );
    let draw = |form: Form| distribution.svg(form);
    let title = format!("Effort: how long the {state} must be");
    Some(Figure::new("effort", title, caption, alternative, draw))
}
