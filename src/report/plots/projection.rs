//! Draws one losing token among its rivals, on the plane in which they differ most from it.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::Figure;
use super::canvas::{Colour, Form, draw, isolated, letters, width_of};
use crate::report::measures::projection::Projection;
use crate::report::results::Reported;
use crate::report::shown::Shown;
use crate::report::ticks::has_scale;
use crate::report::words::number;

/// The most rivals that are named, if there is room.
const NAMED: usize = 8;

/// The picture; `None` if all rivals coincide with the token.
pub fn figure(reported: &Reported, projection: &Projection) -> Option<Figure> {
    let rivals = &projection.rivals;
    let reach = rivals.iter().map(|r| r.2.abs().max(r.3.abs())).fold(0.0f64, f64::max);
    if !has_scale(0.0, reach) {
        return None;
    }
    let name = |id: u32, characters: usize| match reported.token(id) {
        Some(row) => Shown::of(row).short(characters),
        None => format!("#{id}"),
    };
    let title = format!("{} among its rivals", isolated(&name(projection.token, 24)));
    let off = projection.mix.0.hypot(projection.mix.1) > 0.01 * reach;
    let mix = if off {
        " The cross is their weighted average; it need not fall on the token, because the states are limited."
    } else {
        " Their weighted average falls on the token."
    };
    let flat = match reported.results.summary.head.dim {
        0..=2 => String::new(),
        dim => format!(": {dim} dimensions are flattened into two"),
    };
    let caption = format!(
        "Rows of the rivals (dots, larger with more weight) around the token (square), on the plane in which the rivals \
         spread most; grey dots are other tokens.{mix} The picture illustrates, it does not decide{flat}.",
    );
    let heavy: Vec<String> = rivals
        .iter()
        .take(4)
        .map(|r| format!("{} at {}, {}", isolated(&name(r.0, 24)), number(r.2), number(r.3)))
        .collect();
    let alternative = format!(
        "The token is at the origin. Its {} rivals lie around it; the heaviest are {}.",
        rivals.len(),
        heavy.join("; ")
    );
    let picture = |form: Form| {
        // Leave room for names at the sides; the height follows the points, within limits.
        let (width, edge, above) = (form.width() as i32, form.pick(90.0, 48.0), 28.0);
        let points = || rivals.iter().map(|r| (r.2, r.3)).chain([(0.0, 0.0), projection.mix]);
        let span = |pick: fn((f64, f64)) -> f64| {
            let ends =
                points().map(pick).fold((0.0f64, 0.0f64), |(lo, hi), x| (lo.min(x), hi.max(x)));
            ((ends.0 + ends.1) / 2.0, (ends.1 - ends.0).max(reach * 0.2))
        };
        let ((middle_x, span_x), (middle_y, span_y)) = (span(|p| p.0), span(|p| p.1));
        let tallest = form.pick(400.0, 320.0);
        let scale =
            ((f64::from(width) - 2.0 * edge) / span_x).min((tallest - 2.0 * above) / span_y);
        let height = (span_y * scale + 2.0 * above).clamp(160.0, tallest).round() as i32;
        draw(width as u32, height as u32, |area| {
            let place = |x: f64, y: f64| {
                let at = |middle: i32, offset: f64| {
                    middle + (offset * scale).round().clamp(-2e4, 2e4) as i32
                };
                (at(width / 2, x - middle_x), at(height / 2, middle_y - y))
            };
            let inside = |(x, y): (i32, i32)| x > 2 && x < width - 2 && y > 2 && y < height - 2;
            for at in
                projection.background.iter().map(|&(x, y)| place(x, y)).filter(|&at| inside(at))
            {
                area.draw(&Circle::new(at, 2, Colour::Muted.rgb().mix(0.35).filled()))?;
            }
            let heaviest = rivals.iter().map(|r| r.1).fold(0.0f64, f64::max);
            for &(_, weight, x, y) in rivals.iter().rev() {
                let at = place(x, y);
                let line = PathElement::new(
                    [place(0.0, 0.0), at],
                    Colour::Win.rgb().mix(0.25).stroke_width(1),
                );
                area.draw(&line)?;
                let radius = 2.0 + 6.0 * (weight / heaviest).sqrt();
                area.draw(&Circle::new(at, radius as i32, Colour::Win.rgb().mix(0.85).filled()))?;
            }
            let (x, y) = place(0.0, 0.0);
            area.draw(&Rectangle::new(
                [(x - 6, y - 6), (x + 6, y + 6)],
                Colour::Lose.rgb().filled(),
            ))?;
            if off {
                let (x, y) = place(projection.mix.0, projection.mix.1);
                let style = Colour::Ink.rgb().stroke_width(2);
                area.draw(&PathElement::new([(x - 5, y - 5), (x + 5, y + 5)], style))?;
                area.draw(&PathElement::new([(x - 5, y + 5), (x + 5, y - 5)], style))?;
            }
            let mut taken: Vec<[i32; 4]> = Vec::new();
            let named = rivals.iter().take(NAMED).map(|r| (r.0, place(r.2, r.3), Colour::Ink));
            for (id, at, colour) in
                [(projection.token, (x, y), Colour::Lose)].into_iter().chain(named)
            {
                let label = isolated(&name(id, 12));
                let (room, size) = (width_of(&label, 13), 13);
                // Write the name on the first side of the dot where it fits and covers no other name.
                let sides = [
                    (at.0 + 11, at.1, HPos::Left),
                    (at.0 - 11, at.1, HPos::Right),
                    (at.0, at.1 - 16, HPos::Center),
                    (at.0, at.1 + 17, HPos::Center),
                ];
                let free = sides.into_iter().find_map(|(x, y, side)| {
                    let left = match side {
                        HPos::Left => x,
                        HPos::Right => x - room,
                        HPos::Center => x - room / 2,
                    };
                    let frame = [left, y - 9, left + room, y + 9];
                    let fits =
                        frame[0] > 0 && frame[2] < width && frame[1] > 0 && frame[3] < height;
                    let covers = |other: &[i32; 4]| {
                        frame[0] < other[2]
                            && other[0] < frame[2]
                            && frame[1] < other[3]
                            && other[1] < frame[3]
                    };
                    (fits && !taken.iter().any(covers)).then_some((x, y, side, frame))
                });
                if let Some((x, y, side, frame)) = free {
                    taken.push(frame);
                    area.draw(&Text::new(
                        label,
                        (x, y),
                        letters(size, colour, side, VPos::Center),
                    ))?;
                }
            }
            Ok(())
        })
    };
    Some(Figure::new(
        format!("projection-{}", projection.token),
        title,
        caption,
        alternative,
        picture,
    ))
}
