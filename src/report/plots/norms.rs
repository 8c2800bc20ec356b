//! Draws the lengths of the rows, and where among them the tokens lie that never win.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Colour, Drawn, Form, Hovers, draw_hovering, letters};
use super::chart::{Axis, chart, hover_column};
use super::{Figure, colour, label, notable};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::ticks::{Kind, widened};
use crate::report::words::{grouped, number};

/// The number of bars of the histogram.
const BINS: usize = 60;
/// The height in pixels of a row of strokes below the bars.
const STRIP: i32 = 26;

/// A histogram of row norms, with a stroke for each token that does not win, and one row of strokes for each verdict.
pub fn figure(results: &Results) -> Option<Figure> {
    let rows = results.table.rows();
    let norms = sorted(rows.iter().map(|row| row.row_norm));
    let histogram = Histogram::of(results, &norms)?;
    let strips: Vec<(Outcome, Vec<f64>)> = notable(results)
        .into_iter()
        .map(|(outcome, _)| (outcome, sorted(results.table.having(outcome).map(|r| r.row_norm))))
        .collect();
    let terms = results.terms();
    let picture = |form: Form| {
        let below = STRIP * strips.len() as i32;
        let height = form.pick(300, 260) + below as u32;
        draw_hovering(form.width(), height, |area, hovers| {
            let (upper, lower) = area.split_vertically(height as i32 - below - 4);
            draw_bars(&upper, form, (&histogram, terms.tokens), hovers)?;
            draw_strips(&lower, form, &histogram, &strips)
        })
    };
    Some(Figure::new(
        "row-norms",
        "Length of the rows",
        caption(!strips.is_empty(), terms),
        alternative(&norms, &strips, terms),
        picture,
    ))
}

/// The finite norms in ascending order.
fn sorted(norms: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut norms: Vec<f64> = norms.filter(|x| x.is_finite()).collect();
    norms.sort_by(f64::total_cmp);
    norms
}

fn median(norms: &[f64]) -> String {
    number(norms.get(norms.len() / 2).copied().unwrap_or(f64::NAN))
}

fn caption(has_strips: bool, terms: &Terms) -> String {
    let Terms { token, tokens, states, within, can_win, never_win, .. } = terms;
    let marks = if has_strips {
        format!(
            " Each stroke below the bars is a {token} that does not win by itself; those that {never_win} are also the \
             lower, red part of the bars."
        )
    } else {
        String::new()
    };
    format!(
        "How long the rows are: each bar counts the {tokens} whose row has about that length.{marks} A short row \
         scores low {within} most {states}; whether it {can_win} depends on all rows together."
    )
}

fn alternative(norms: &[f64], strips: &[(Outcome, Vec<f64>)], terms: &Terms) -> String {
    let (lo, hi) = ends(norms);
    let mut text = format!(
        "Row lengths of {} range from {} to {}, median {}.",
        terms.count(norms.len()),
        number(lo),
        number(hi),
        median(norms)
    );
    for (outcome, norms) in strips {
        if let (Some(first), Some(last)) = (norms.first(), norms.last()) {
            text += &format!(
                " Of the {} that {}: from {} to {}, median {}.",
                terms.count(norms.len()),
                outcome.name(),
                number(*first),
                number(*last),
                median(norms)
            );
        }
    }
    text
}

/// The least norm and the greatest.
fn ends(norms: &[f64]) -> (f64, f64) {
    norms.iter().fold((f64::INFINITY, 0.0f64), |(lo, hi), &x| (lo.min(x), hi.max(x)))
}

/// How many rows have about each length.
struct Histogram {
    /// The ends of the axis.
    range: (f64, f64),
    all: [usize; BINS],
    /// Those of tokens that can never win.
    lost: [usize; BINS],
}

impl Histogram {
    /// Counts the rows; `None` if there are none.
    fn of(results: &Results, norms: &[f64]) -> Option<Histogram> {
        let (lo, hi) = ends(norms);
        // The ends differ even if all rows have the same length.
        let range = widened(lo, hi)?;
        let mut histogram = Histogram { range, all: [0; BINS], lost: [0; BINS] };
        let bin = |x: f64| ((share(range, x) * BINS as f64) as usize).min(BINS - 1);
        norms.iter().for_each(|&x| histogram.all[bin(x)] += 1);
        let losing = results.table.having(Outcome::Unargmaxable).map(|r| r.row_norm);
        losing.filter(|x| x.is_finite()).for_each(|x| histogram.lost[bin(x)] += 1);
        Some(histogram)
    }
}

/// How far along the axis a norm is, from 0 to 1.
fn share((left_end, right_end): (f64, f64), norm: f64) -> f64 {
    (norm - left_end) / (right_end - left_end)
}

/// Draws the bars, those of lost tokens over those of all.
fn draw_bars(
    area: &Area,
    form: Form,
    (histogram, tokens): (&Histogram, &str),
    hovers: &mut Hovers,
) -> Drawn {
    let most = histogram.all.iter().copied().max().unwrap_or(1);
    let (left_end, right_end) = histogram.range;
    let across = Axis {
        range: histogram.range,
        kind: Kind::Numbers,
        most: form.pick(8, 4),
        name: "length of the row (Euclidean norm)",
    };
    let mut chart = chart(area, form, (8, 14), across, Axis::of_tokens(most, 5, form, tokens))?;
    let width = (right_end - left_end) / BINS as f64;
    for (bars, colour) in [(&histogram.all, Colour::Win), (&histogram.lost, Colour::Lose)] {
        chart.draw_series(bars.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, &n)| {
            let start = left_end + width * i as f64;
            let corners = [(start, 0.0), (start + width, n as f64)];
            let mut bar = Rectangle::new(corners, colour.rgb().filled());
            bar.set_margin(0, 0, 0, 1);
            bar
        }))?;
    }
    for (i, (&all, &lost)) in histogram.all.iter().zip(&histogram.lost).enumerate() {
        if all > 0 {
            let from = left_end + width * i as f64;
            let name = Outcome::Unargmaxable.name();
            let says = format!(
                "{} to {}: {} {tokens}, {} {name}",
                number(from),
                number(from + width),
                grouped(all),
                grouped(lost)
            );
            let height = (0.0, most as f64 * 1.06);
            hover_column(&chart, hovers, (from, from + width), height, &says);
        }
    }
    Ok(())
}

/// Draws one row of strokes for each verdict, a stroke for each token.
fn draw_strips(
    area: &Area,
    form: Form,
    histogram: &Histogram,
    strips: &[(Outcome, Vec<f64>)],
) -> Drawn {
    let left = form.left().0;
    let room = form.width() as i32 - left - 14;
    for (i, (outcome, norms)) in strips.iter().enumerate() {
        let (top, colour) = (i as i32 * STRIP, colour(*outcome));
        let style = letters(12, colour, HPos::Right, VPos::Center);
        let name = label(*outcome, left - 8);
        area.draw(&Text::new(name, (left - 8, top + STRIP / 2), style))?;
        let mut last = i32::MIN;
        for norm in norms {
            let x = left + (share(histogram.range, *norm) * f64::from(room)) as i32;
            // Strokes on the same pixel would only repeat the first.
            if x > last {
                let stroke = [(x, top + 4), (x, top + STRIP - 4)];
                area.draw(&PathElement::new(stroke, colour.rgb().stroke_width(1)))?;
                last = x;
            }
        }
    }
    Ok(())
}
