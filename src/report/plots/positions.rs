//! Draws where among the ids the tokens lie that do not win alone.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Colour, Form, draw_hovering, letters};
use super::chart::{Axis, chart, hover_column};
use super::{Figure, colour, notable};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::terms::Terms;
use crate::report::ticks::{Kind, tidy};
use crate::report::words::{counted, grouped};

/// The most bars.
const BINS: usize = 80;

/// Stacked bars, each for a range of ids; `None` if every token wins.
pub fn figure(results: &Results) -> Option<Figure> {
    let shown = notable(results);
    if shown.is_empty() {
        return None;
    }
    let tokens = results.summary.head.tokens;
    // Each bar covers a round number of ids, so that it can be named.
    let step = tidy(tokens.div_ceil(BINS));
    let bins = tokens.div_ceil(step);
    let mut counts = vec![vec![0usize; bins]; shown.len()];
    for (row, counts) in shown.iter().zip(&mut counts) {
        results.table.having(row.0).for_each(|r| counts[r.id as usize / step] += 1);
    }
    let sums: Vec<usize> = (0..bins).map(|bin| counts.iter().map(|c| c[bin]).sum()).collect();
    let most = sums.iter().copied().max().unwrap_or(1);
    let peak = sums.iter().position(|n| *n == most).unwrap_or(0);
    let terms = results.terms();
    let Terms { token, tokens: many, .. } = terms;
    let caption = caption(&shown, step, terms);
    let alternative = format!(
        "{} of {} bars are empty. The highest bar is ids {} to {}, with {}.",
        sums.iter().filter(|n| **n == 0).count(),
        bins,
        peak * step,
        ((peak + 1) * step).min(tokens) - 1,
        terms.count(most)
    );
    let picture = |form: Form| {
        draw_hovering(form.width(), 250, |area, hovers| {
            let across = Axis {
                range: (0.0, (bins * step) as f64),
                kind: Kind::Counts,
                most: form.pick(8, 4),
                name: &format!("{token} id"),
            };
            let margins = (26, form.pick(20, 18));
            let mut chart =
                chart(area, form, margins, across, Axis::of_tokens(most, 5, form, many))?;
            let mut below = vec![0usize; bins];
            for (&(outcome, _), counts) in shown.iter().zip(&counts) {
                let fill = colour(outcome).rgb().filled();
                let bars: Vec<Rectangle<(f64, f64)>> = (0..bins)
                    .filter(|&bin| counts[bin] > 0)
                    .map(|bin| {
                        let (from, to) = (below[bin] as f64, (below[bin] + counts[bin]) as f64);
                        let corners =
                            [((bin * step) as f64, from), (((bin + 1) * step) as f64, to)];
                        let mut bar = Rectangle::new(corners, fill);
                        bar.set_margin(0, 0, 0, 1);
                        bar
                    })
                    .collect();
                chart.draw_series(bars)?;
                below.iter_mut().zip(counts).for_each(|(below, n)| *below += n);
            }
            for bin in (0..bins).filter(|&bin| sums[bin] > 0) {
                let counts = shown.iter().zip(&counts).filter(|(_, counts)| counts[bin] > 0);
                let counts: Vec<String> = counts
                    .map(|((outcome, _), n)| format!("{} {}", grouped(n[bin]), outcome.name()))
                    .collect();
                let (from, to) = (bin * step, ((bin + 1) * step).min(tokens));
                let says = format!("ids {from} to {}: {}", to - 1, counts.join(", "));
                let ends = (from as f64, to as f64);
                hover_column(&chart, hovers, ends, (0.0, most as f64 * 1.06), &says);
            }
            let mut x = form.left().0;
            for &(outcome, _) in &shown {
                let style = letters(12, Colour::Ink, HPos::Left, VPos::Center);
                area.draw(&Rectangle::new([(x, 6), (x + 11, 17)], colour(outcome).rgb().filled()))?;
                area.draw(&Text::new(outcome.name(), (x + 16, 12), style))?;
                x += 30 + super::canvas::width_of(outcome.name(), 12);
            }
            Ok(())
        })
    };
    let title = if terms.is_of_items() { "Where in the index" } else { "Where in the vocabulary" };
    Some(Figure::new("ids", title, caption, alternative, picture))
}

/// The caption of bars that each count `step` ids.
fn caption(shown: &[(Outcome, usize)], step: usize, terms: &Terms) -> String {
    let count =
        |(outcome, count): &(Outcome, usize)| format!("{} {}", grouped(*count), outcome.name());
    let names: Vec<String> = shown.iter().map(count).collect();
    let usual = match terms.is_of_items() {
        true => "",
        false => {
            " In many vocabularies, ids rise from frequent tokens to rare ones, and special tokens stand at an end."
        }
    };
    format!(
        "Which ids are affected: each bar counts the {} among {} that do not win by themselves ({}).{usual}",
        terms.tokens,
        counted(step, "consecutive id"),
        names.join(", ")
    )
}
