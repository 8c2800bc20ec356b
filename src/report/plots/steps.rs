//! Draws how many tokens do not win in each of several audits.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Colour, Form, draw_hovering, isolated, letters, width_of};
use super::chart::{Axis, chart};
use super::{Figure, colour};
use crate::report::results::summary::Counts;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::ticks::Kind;
use crate::report::words::{grouped, percent};

/// One audit: its name, its step if it has one, and its counts.
pub type Point = (String, Option<f64>, Counts);

/// The verdicts that are drawn.
const VERDICTS: [Outcome; 3] = [Outcome::Unargmaxable, Outcome::Tied, Outcome::Undecided];
/// The most audits without steps that each have a bar.
const MOST_BARS: usize = 40;
/// The height of a bar in pixels.
const LINE: i32 = 30;

/// Counts against steps if all audits have one, else one bar for each audit.
pub fn figure(points: &[Point], terms: &Terms) -> Option<Figure> {
    let shown: Vec<Outcome> = VERDICTS
        .into_iter()
        .filter(|&v| v == Outcome::Unargmaxable || points.iter().any(|p| p.2.of(v) > 0))
        .collect();
    let alternative = alternative(points, &shown);
    let most = points.iter().map(|p| shown.iter().map(|&v| p.2.of(v)).sum::<usize>()).max()?;
    if most == 0 {
        return None;
    }
    let steps: Option<Vec<f64>> = points.iter().map(|p| p.1).collect();
    let places = || (1..=points.len()).map(|i| i as f64).collect::<Vec<f64>>();
    match steps.filter(|steps| steps.len() > 1) {
        None if points.len() > MOST_BARS => Some(Figure::new(
            "audits",
            format!("{} that do not win", terms.titled),
            "Each dot is one audit, in the given order.".to_owned(),
            alternative,
            |form| {
                lines(form, points, (&places(), "audit, in the given order"), &shown, terms.tokens)
            },
        )),
        Some(steps) => Some(Figure::new(
            "steps",
            format!("{} that do not win, by step", terms.titled),
            "Each dot is one audit; the steps were read off the names.".to_owned(),
            alternative,
            |form| lines(form, points, (&steps, "step"), &shown, terms.tokens),
        )),
        None => Some(Figure::new(
            "audits",
            format!("{} that do not win", terms.titled),
            "Each bar is one audit.".to_owned(),
            alternative,
            |form| bars(form, points, &shown, most),
        )),
    }
}

/// The counts of all audits in words; of many, of the first, of that with the most unargmaxable tokens and of the last.
fn alternative(points: &[Point], shown: &[Outcome]) -> String {
    let words = |(name, _, counts): &Point| {
        let counts: Vec<String> =
            shown.iter().map(|&v| format!("{} {}", counts.of(v), v.name())).collect();
        format!("{}: {}", isolated(name), counts.join(", "))
    };
    let all = points.len();
    if all <= MOST_BARS {
        return points.iter().map(words).collect::<Vec<_>>().join("; ") + ".";
    }
    let most = points.iter().rev().max_by_key(|p| p.2.unargmaxable).unwrap_or(&points[0]);
    let [first, most, last] = [&points[0], most, &points[all - 1]].map(words);
    format!("{all} audits. The first, {first}; the most, {most}; the last, {last}.")
}

/// The legend of the verdicts.
fn legend(area: &super::canvas::Area, left: i32, shown: &[Outcome]) -> super::canvas::Drawn {
    let mut x = left;
    for &outcome in shown {
        area.draw(&Rectangle::new([(x, 6), (x + 11, 17)], colour(outcome).rgb().filled()))?;
        let style = letters(12, Colour::Ink, HPos::Left, VPos::Center);
        area.draw(&Text::new(outcome.name(), (x + 16, 12), style))?;
        x += 30 + width_of(outcome.name(), 12);
    }
    Ok(())
}

/// The counts as lines against the step.
fn lines(
    form: Form,
    points: &[Point],
    (steps, name): (&[f64], &str),
    shown: &[Outcome],
    tokens: &str,
) -> String {
    draw_hovering(form.width(), 320, |area, hovers| {
        let (lo, hi) =
            steps.iter().fold((f64::INFINITY, 0.0f64), |(l, h), &x| (l.min(x), h.max(x)));
        // Dots and places that do not cover their neighbours.
        let dot = if points.len() > 40 { 2 } else { 4 };
        let reach = (form.width() as i32 / (2 * points.len() as i32)).clamp(1, 12);
        let most = points.iter().flat_map(|p| shown.iter().map(|&v| p.2.of(v))).max().unwrap_or(1);
        // Audits of nearly the same step are drawn above each other.
        let pad = ((hi - lo) * 0.03).max(1e-8 * hi).max(0.5);
        let across =
            Axis { range: (lo - pad, hi + pad), kind: Kind::Counts, most: form.pick(8, 4), name };
        let mut chart =
            chart(area, form, (26, 26), across, Axis::of_tokens(most, 6, form, tokens))?;
        for &outcome in shown {
            let mut line: Vec<(f64, f64)> =
                steps.iter().zip(points).map(|(&x, p)| (x, p.2.of(outcome) as f64)).collect();
            line.sort_by(|a, b| a.0.total_cmp(&b.0));
            let colour = colour(outcome).rgb();
            chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?;
            chart.draw_series(line.into_iter().map(|at| Circle::new(at, dot, colour.filled())))?;
        }
        for (&x, (label, _, counts)) in steps.iter().zip(points) {
            let says = said(label, counts, shown);
            let (at, _) = chart.backend_coord(&(x, 0.0));
            hovers.add((at - reach, 26), (at + reach, 280), &says);
        }
        legend(area, form.left().0, shown)
    })
}

/// The counts of an audit with their shares, in words.
fn said(label: &str, counts: &Counts, shown: &[Outcome]) -> String {
    let count = |&outcome: &Outcome| {
        let count = counts.of(outcome);
        format!("{} {} ({})", grouped(count), outcome.name(), percent(count, counts.sum()))
    };
    let counts: Vec<String> = shown.iter().map(count).collect();
    format!("{}: {}", isolated(label), counts.join(", "))
}

/// The counts as one bar for each audit.
fn bars(form: Form, points: &[Point], shown: &[Outcome], most: usize) -> String {
    let (left, right) = form.pick((230, 60), (130, 44));
    let height = LINE * points.len() as i32 + 34;
    draw_hovering(form.width(), height as u32, |area, hovers| {
        let room = form.width() as i32 - left - right;
        for (i, (name, _, counts)) in points.iter().enumerate() {
            let middle = 30 + LINE * i as i32 + LINE / 2;
            let characters = form.pick(30, 16);
            let cut: String = match name.chars().count() > characters {
                true => name.chars().take(characters - 1).chain(['…']).collect(),
                false => name.clone(),
            };
            let ink = letters(13, Colour::Ink, HPos::Right, VPos::Center);
            area.draw(&Text::new(isolated(&cut), (left - 8, middle), ink))?;
            let mut x = left;
            for &outcome in shown {
                let count = counts.of(outcome);
                let end = x + (count as f64 / most as f64 * f64::from(room)).round() as i32;
                if count > 0 {
                    let bar = [(x, middle - 9), (end.max(x + 1), middle + 9)];
                    area.draw(&Rectangle::new(bar, colour(outcome).rgb().filled()))?;
                }
                x = end;
            }
            let total: usize = shown.iter().map(|&v| counts.of(v)).sum();
            let muted = letters(12, Colour::Muted, HPos::Left, VPos::Center);
            area.draw(&Text::new(total.to_string(), (x + 6, middle), muted))?;
            let line = [(0, middle - LINE / 2), (form.width() as i32, middle + LINE / 2)];
            hovers.add(line[0], line[1], &said(name, counts, shown));
        }
        legend(area, 8, shown)
    })
}
