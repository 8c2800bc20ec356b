//! Draws which share of the possible length of states the tokens need.

use super::canvas::Form;
use super::distribution::{Axis, Distribution, End, Group};
use super::{Figure, colour};
use crate::report::beyond::{self, language};
use crate::report::results::Results;
use crate::report::results::measured::Interval;
use crate::report::results::verdicts::Outcome;
use crate::report::words::{grouped, tokens};

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
    let distribution = Distribution {
        axis,
        groups,
        mark: Some((1.0, "the longest state")),
        what: "effort, as a share of the greatest length",
    };

    let mut caption = "The effort of a token is the least length of a state at which it wins, as a share of the greatest \
                       length that the states have before gain and shift: below 1 it can win. Of tokens that can win a bar \
                       counts proved upper bounds, of the others proved lower bounds."
        .to_owned();
    caption += &distribution.notes();
    if none > 0 {
        caption += &format!(" The first bar holds {} with effort 0.", tokens(none));
    }
    if never > 0 {
        caption += &format!(" {} that no length helps are not shown.", tokens(never));
    }
    let measured = distribution.groups.iter().map(|g| g.intervals.len()).sum::<usize>();
    let counts: Vec<String> = distribution
        .groups
        .iter()
        .map(|group| format!("{} {}", grouped(group.intervals.len()), group.name))
        .collect();
    let alternative = format!(
        "Efforts of {}: {}. {}",
        tokens(measured),
        counts.join(", "),
        beyond::effort(results).unwrap_or_default()
    );
    let draw = |form: Form| distribution.svg(form);
    Some(Figure::new("effort", "Effort: how long the state must be", caption, alternative, draw))
}
