//! Draws the best ranks of the lost tokens as intervals.

use plotters::prelude::*;

use super::Figure;
use super::canvas::{Colour, Form, draw_hovering, isolated};
use super::chart::{Axis, chart, hover_column};
use crate::report::ranks::rows;
use crate::report::results::Results;
use crate::report::results::measured::RankInterval;
use crate::report::shown::Shown;
use crate::report::terms::Terms;
use crate::report::ticks::Kind;

/// One upright line for each token, from the least to the largest number that its best rank may be, in rising order; `None`
/// if no rank of a lost token was measured.
pub fn figure(results: &Results) -> Option<Figure> {
    let mut rows = rows(results);
    rows.sort_by_key(|r| (r.1.low, r.1.high));
    let ranks: Vec<RankInterval> = rows.iter().map(|r| r.1).collect();
    let (first, last) = (ranks.first()?, ranks.last()?);
    let most = ranks.iter().map(|r| r.high).max()?;
    let exact = ranks.iter().filter(|r| r.low == r.high).count();
    let terms = results.terms();
    let Terms { token, tokens, state, at, .. } = terms;
    let across_name = format!("lost {tokens}, by best rank");
    let caption = format!(
        "The best rank that each lost {token} can reach: the true number lies on its line, between a proved lower end and the rank \
         {at} a known {state}. {} of {} are exact.",
        exact,
        terms.count(ranks.len())
    );
    let alternative = format!(
        "Lower ends from {} to {}; upper ends up to {most}. {exact} of {} intervals are one number.",
        first.low,
        last.low,
        ranks.len()
    );
    let picture = |form: Form| {
        draw_hovering(form.width(), 260, |area, hovers| {
            let across = Axis {
                range: (0.0, ranks.len() as f64),
                kind: Kind::Counts,
                most: form.pick(8, 4),
                name: &across_name,
            };
            let up = Axis {
                range: (0.0, f64::from(most) * 1.06),
                kind: Kind::Counts,
                most: 6,
                name: form.pick("rank", ""),
            };
            let mut chart = chart(area, form, (12, form.pick(20, 18)), across, up)?;
            let fill = Colour::Lose.rgb().filled();
            let bars = ranks.iter().enumerate().map(|(i, rank)| {
                let (low, high) = (f64::from(rank.low) - 0.5, f64::from(rank.high) + 0.5);
                Rectangle::new([(i as f64, low), (i as f64 + 1.0, high)], fill)
            });
            chart.draw_series(bars)?;
            // More lines than pixels cannot be pointed at.
            for (i, (row, rank)) in rows.iter().enumerate().filter(|_| rows.len() <= 700) {
                let name = isolated(&Shown::of(row).short(24));
                let says = format!("{name} (id {}): {}", row.id, rank.in_words());
                let (ends, height) = ((i as f64, i as f64 + 1.0), (0.0, f64::from(most) * 1.06));
                hover_column(&chart, hovers, ends, height, &says);
            }
            Ok(())
        })
    };
    let title = format!("How high a lost {token} can rank");
    Some(Figure::new("ranks", title, caption, alternative, picture))
}
