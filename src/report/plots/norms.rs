//! Draws the lengths of the rows, and where among them the tokens lie that never win.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Colour, Form, draw, letters};
use super::chart::{Axis, chart};
use super::{Figure, colour, label, notable};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::ticks::{Kind, widened};
use crate::report::words::{counted, number, tokens};

/// The number of bars of the histogram.
const BINS: usize = 60;
/// The height in pixels of a row of strokes below the bars.
const STRIP: i32 = 26;

/// A histogram of row norms, with a stroke for each token that does not win, and one row of strokes for each verdict.
pub fn figure(results: &Results) -> Option<Figure> {
    let rows = results.table.rows();
    let norms: Vec<f64> = rows.iter().map(|r| r.row_norm).filter(|x| x.is_finite()).collect();
    let (lo, hi) =
        norms.iter().fold((f64::INFINITY, 0.0f64), |(lo, hi), &x| (lo.min(x), hi.max(x)));
    // The ends of the axis, kept apart even if all rows have the same length.
    let (left_end, right_end) = widened(lo, hi)?;
    let share = move |x: f64| (x - left_end) / (right_end - left_end);
    let bin = |x: f64| ((share(x) * BINS as f64) as usize).min(BINS - 1);
    let mut bars = [0usize; BINS];
    norms.iter().for_each(|&x| bars[bin(x)] += 1);
    let mut lost = [0usize; BINS];
    let losing = results.table.having(Outcome::Unargmaxable).map(|r| r.row_norm);
    losing.filter(|x| x.is_finite()).for_each(|x| lost[bin(x)] += 1);
    let strips = notable(results);
    let of = |outcome: Outcome| -> Vec<f64> {
        let mut norms: Vec<f64> =
            results.table.having(outcome).map(|r| r.row_norm).filter(|x| x.is_finite()).collect();
        norms.sort_by(f64::total_cmp);
        norms
    };
    let median = |norms: &[f64]| number(norms.get(norms.len() / 2).copied().unwrap_or(f64::NAN));

    let mut sorted = norms.clone();
    sorted.sort_by(f64::total_cmp);
    let mut alternative = format!(
        "Row lengths of {} range from {} to {}, median {}.",
        tokens(norms.len()),
        number(lo),
        number(hi),
        median(&sorted)
    );
    for &(outcome, _) in &strips {
        let norms = of(outcome);
        if let (Some(first), Some(last)) = (norms.first(), norms.last()) {
            alternative += &format!(
                " Of the {} that {}: from {} to {}, median {}.",
                counted(norms.len(), "token"),
                outcome.name(),
                number(*first),
                number(*last),
                median(&norms)
            );
        }
    }
    let marks = match strips.len() {
        0 => String::new(),
        _ => " Each stroke below the bars is a token that does not win by itself; those that can never win are also the \
              lower, red part of the bars.".to_owned(),
    };
    let caption = format!(
        "How long the rows are: each bar counts the tokens whose row has about that length.{marks} A short row \
         scores low in most states; whether it can win depends on all rows together."
    );
    let picture = |form: Form| {
        let below = STRIP * strips.len() as i32;
        let height = form.pick(300, 260) + below as u32;
        draw(form.width(), height, |area| {
            let (upper, lower) = area.split_vertically(height as i32 - below - 4);
            let left = form.left().0;
            let most = bars.iter().copied().max().unwrap_or(1);
            let across = Axis {
                range: (left_end, right_end),
                kind: Kind::Numbers,
                most: form.pick(8, 4),
                name: "length of the row (Euclidean norm)",
            };
            let mut chart = chart(&upper, form, (8, 14), across, Axis::of_tokens(most, 5, form))?;
            let width = (right_end - left_end) / BINS as f64;
            for (bars, colour) in [(&bars, Colour::Win), (&lost, Colour::Lose)] {
                chart.draw_series(bars.iter().enumerate().filter(|(_, n)| **n > 0).map(
                    |(i, &n)| {
                        let start = left_end + width * i as f64;
                        let corners = [(start, 0.0), (start + width, n as f64)];
                        let mut bar = Rectangle::new(corners, colour.rgb().filled());
                        bar.set_margin(0, 0, 0, 1);
                        bar
                    },
                ))?;
            }
            let room = form.width() as i32 - left - 14;
            for (i, &(outcome, _)) in strips.iter().enumerate() {
                let (top, colour) = (i as i32 * STRIP, colour(outcome).rgb());
                let style = letters(12, self::colour(outcome), HPos::Right, VPos::Center);
                let name = label(outcome, left - 8);
                lower.draw(&Text::new(name, (left - 8, top + STRIP / 2), style))?;
                let mut last = i32::MIN;
                for norm in of(outcome) {
                    let x = left + (share(norm) * f64::from(room)) as i32;
                    // Strokes on the same pixel would only repeat the first.
                    if x > last {
                        let stroke = [(x, top + 4), (x, top + STRIP - 4)];
                        lower.draw(&PathElement::new(stroke, colour.stroke_width(1)))?;
                        last = x;
                    }
                }
            }
            Ok(())
        })
    };
    Some(Figure::new("row-norms", "Length of the rows", caption, alternative, picture))
}
