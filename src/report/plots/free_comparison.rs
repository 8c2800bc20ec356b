//! Draws the verdicts over all vectors against those over the audited states.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Colour, Form, draw, letters};
use super::{Figure, colour, label};
use crate::report::beyond::{confined, language, out_of_reach};
use crate::report::results::Results;
use crate::report::results::verdicts::Outcome;
use crate::report::words::grouped;

/// The height of a row of the matrix in pixels.
const ROW: i32 = 44;

/// A matrix of counts with a row for each verdict over all vectors and a column for each verdict over the audited
/// states that occurs; `None` if every token wins in both.
pub fn figure(results: &Results) -> Option<Figure> {
    let pairs: Vec<(Outcome, Outcome)> =
        language(results).filter_map(|row| Some((row.free?, row.outcome))).collect();
    let occur = |of: fn(&(Outcome, Outcome)) -> Outcome| -> Vec<Outcome> {
        let occurs = |outcome: &Outcome| pairs.iter().any(|pair| of(pair) == *outcome);
        Outcome::ALL.into_iter().filter(occurs).collect()
    };
    let (rows, columns) = (occur(|pair| pair.0), occur(|pair| pair.1));
    if rows.len() * columns.len() < 2 {
        return None;
    }
    let count =
        |free: Outcome, here: Outcome| pairs.iter().filter(|pair| **pair == (free, here)).count();
    let states = confined(&results.summary.audit().domain);
    let words: Vec<String> = rows
        .iter()
        .flat_map(|&free| columns.iter().map(move |&here| (free, here)))
        .filter(|&(free, here)| count(free, here) > 0)
        .map(|(free, here)| {
            format!(
                "{} {} with any vector and {} {states}",
                grouped(count(free, here)),
                free.name(),
                here.name()
            )
        })
        .collect();
    let alternative = format!("{}.", words.join("; "));
    let caption = format!(
        "How many {} have which verdict with any vector (down) and {states} (across). Colour is stronger where the two \
         differ. {}",
        results.terms().tokens,
        out_of_reach(results).unwrap_or_default()
    );
    let picture = |form: Form| {
        let (left, top) = (form.pick(150, 96), 52);
        let height = top + ROW * rows.len() as i32 + 8;
        draw(form.width(), height as u32, |area| {
            let width = (form.width() as i32 - left - 12) / columns.len() as i32;
            let width = width.min(form.pick(170, 90));
            let muted = |h| letters(12, Colour::Muted, h, VPos::Center);
            area.draw(&Text::new(states, (left, 12), muted(HPos::Left)))?;
            area.draw(&Text::new("any vector", (left - 12, 36), muted(HPos::Right)))?;
            for (i, &here) in columns.iter().enumerate() {
                let middle = left + width * i as i32 + width / 2;
                let style = letters(12, colour(here), HPos::Center, VPos::Center);
                area.draw(&Text::new(label(here, width), (middle, 36), style))?;
            }
            for (j, &free) in rows.iter().enumerate() {
                let y = top + ROW * j as i32;
                let style = letters(12, colour(free), HPos::Right, VPos::Center);
                area.draw(&Text::new(label(free, left - 12), (left - 12, y + ROW / 2), style))?;
                for (i, &here) in columns.iter().enumerate() {
                    let x = left + width * i as i32;
                    let n = count(free, here);
                    let cell = [(x + 2, y + 2), (x + width - 2, y + ROW - 2)];
                    let strength = match (n, free == here) {
                        (0, _) => 0.0,
                        (_, true) => 0.14,
                        (_, false) => 0.34,
                    };
                    let fill = colour(here).rgb().mix(strength);
                    area.draw(&Rectangle::new(cell, fill.filled()))?;
                    area.draw(&Rectangle::new(cell, Colour::Grid.rgb().stroke_width(1)))?;
                    let ink = if n == 0 { Colour::Muted } else { Colour::Ink };
                    let style = letters(15, ink, HPos::Center, VPos::Center);
                    area.draw(&Text::new(grouped(n), (x + width / 2, y + ROW / 2), style))?;
                }
            }
            Ok(())
        })
    };
    let title = format!("With any vector, and {states}");
    Some(Figure::new("verdicts", title, caption, alternative, picture))
}
