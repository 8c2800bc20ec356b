//! Draws the singular values of the rows, with the effective rank and the number of bits that name a token.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::Figure;
use super::canvas::{Colour, Form, draw_hovering, letters, width_of};
use super::chart::{Axis, chart, hover_column};
use crate::report::measures::spectrum::Spectrum;
use crate::report::results::Reported;
use crate::report::results::summary::Head;
use crate::report::ticks::Kind;
use crate::report::words::{grouped, number};

/// The share of the largest value at which smaller values are drawn.
const FLOOR: f64 = 1e-5;

/// The spectrum on a logarithmic scale; `None` if there is none.
pub fn figure(reported: &Reported) -> Option<Figure> {
    let spectrum = reported.measures.spectrum.as_ref()?;
    let head = &reported.results.summary.head;
    let largest = spectrum.values.first().copied().filter(|x| *x > 0.0)?;
    if spectrum.values.len() < 2 || !largest.is_finite() {
        return None;
    }
    let (rank, bits) = (spectrum.effective_rank(), bits(head));
    let values: Vec<f64> = spectrum.values.iter().map(|x| (x / largest).max(FLOOR)).collect();
    let least = values.last().copied().unwrap_or(FLOOR);
    let caption = caption(spectrum, head, reported.terms().tokens);
    let alternative = alternative(spectrum, &values, head, reported.terms().tokens);
    let picture = |form: Form| {
        let height = form.pick(300, 270);
        draw_hovering(form.width(), height, |area, hovers| {
            let end = values.len() as f64;
            // Use logarithms, from a power of ten up, if the values span more than one.
            let exponent = least.log10().floor();
            let (kind, lo, hi) = match exponent < -1.0 {
                true => (Kind::Decades, exponent, 0.1),
                false => (Kind::Numbers, 0.0, 1.05),
            };
            let scaled = |x: f64| if kind == Kind::Decades { x.log10() } else { x };
            let across = Axis {
                range: (0.0, end.max(bits * 1.05) + 1.0),
                kind: Kind::Counts,
                most: form.pick(8, 5),
                name: "principal direction",
            };
            let name = form.pick("share of the largest", "");
            let up = Axis { range: (lo, hi), kind, most: 6, name };
            let mut chart = chart(area, form, (30, 14), across, up)?;
            chart.draw_series(LineSeries::new(
                values.iter().enumerate().map(|(i, &value)| (i as f64 + 1.0, scaled(value))),
                Colour::Win.rgb().stroke_width(2),
            ))?;
            // At most as many places as pixels.
            for i in (0..values.len()).step_by((values.len() / 300).max(1)) {
                let says = format!("direction {}: {} of the largest", i + 1, number(values[i]));
                let ends = (i as f64 + 0.5, i as f64 + 1.5);
                hover_column(&chart, hovers, ends, (lo, hi), &says);
            }
            let mut place = |at: f64, text: String, colour: Colour, row: i32| {
                chart.draw_series(DashedLineSeries::new(
                    [(at, lo), (at, hi)],
                    5,
                    4,
                    colour.rgb().stroke_width(1),
                ))?;
                let (x, _) = chart.backend_coord(&(at, hi));
                // To the right of the line, unless it would be cut there.
                let room = form.width() as i32 - 8 - x;
                let side = if width_of(&text, 12) < room { HPos::Left } else { HPos::Right };
                let style = letters(12, colour, side, VPos::Top);
                area.draw(&Text::new(text, (x, 2 + row * 14), style))
            };
            place(bits, format!("log2 V = {bits:.1}"), Colour::Tie, 0)?;
            match rank {
                Some(rank) => place(rank, format!("effective rank {rank:.1}"), Colour::Open, 1),
                None => Ok(()),
            }
        })
    };
    Some(Figure::new("spectrum", "Directions that the rows use", caption, alternative, picture))
}

fn caption(spectrum: &Spectrum, head: &Head, noun: &str) -> String {
    let (rank, bits) = (spectrum.effective_rank(), bits(head));
    let sampled = if spectrum.rows < head.tokens {
        format!(
            " Measured on a sample of {} of the {} rows, spread evenly over the ids.",
            grouped(spectrum.rows),
            grouped(head.tokens)
        )
    } else {
        String::new()
    };
    let (which, used) = match rank {
        Some(rank) => (
            format!("each of {}", head.dim),
            format!(
                "Effective rank {rank:.1}: the exponential of the entropy of the values, as if so many directions were \
                 used alike. The other line"
            ),
        ),
        None => (
            format!("the {} leading of {}", spectrum.values.len(), head.dim),
            format!(
                "Together they have {:.0} % of the variance; the others were not computed. The line",
                100.0 * spectrum.share()
            ),
        ),
    };
    format!(
        "How much the rows differ along {which} principal directions (singular values of the centred rows, the \
         largest is 1). {used} is log2 V = {bits:.1}, the bits it takes to tell {tokens} {noun} \
         apart; d = {dim} is {times:.1} times that. Of rows drawn at random, a good part can never win when d is \
         about log2 V, and almost none at twice that: a rule of thumb, no proof, and trained rows are not random.{sampled}",
        dim = head.dim,
        times = head.dim as f64 / bits,
        tokens = grouped(head.tokens),
    )
}

fn alternative(spectrum: &Spectrum, values: &[f64], head: &Head, noun: &str) -> String {
    let (rank, bits) = (spectrum.effective_rank(), bits(head));
    format!(
        "{} singular values, falling from {} to {}; half of the largest is reached at place {}. {}Log2 \
         of the number of {noun} is {bits:.1}.",
        values.len(),
        number(spectrum.values.first().copied().unwrap_or(0.0)),
        number(spectrum.values.last().copied().unwrap_or(0.0)),
        values.iter().position(|x| *x < 0.5).map_or("none".to_owned(), |i| (i + 1).to_string()),
        rank.map_or(String::new(), |rank| format!("Effective rank {rank:.1} of {}. ", head.dim)),
    )
}

/// The number of bits that name a token.
fn bits(head: &Head) -> f64 {
    (head.tokens as f64).log2()
}
