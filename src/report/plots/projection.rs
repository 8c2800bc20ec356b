//! Draws one losing token among its rivals, on the plane in which they differ most from it.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::Figure;
use super::canvas::{Area, Colour, Drawn, Form, draw_hovering, isolated, letters, width_of};
use crate::report::measures::projection::Projection;
use crate::report::results::Reported;
use crate::report::shown::Shown;
use crate::report::terms::Terms;
use crate::report::ticks::has_scale;
use crate::report::words::number;

/// The most rivals that are named, if there is room.
const NAMED: usize = 8;

/// The font size of the names of tokens.
const LETTERS: u32 = 13;

/// The picture; `None` if all rivals coincide with the token.
pub fn figure(reported: &Reported, projection: &Projection) -> Option<Figure> {
    let rivals = &projection.rivals;
    let reach = rivals.iter().map(|r| r.2.abs().max(r.3.abs())).fold(0.0f64, f64::max);
    if !has_scale(0.0, reach) {
        return None;
    }
    let mix_is_off = projection.mix.0.hypot(projection.mix.1) > 0.01 * reach;
    let picture = |form: Form| {
        let layout = Layout::of(projection, reach, form);
        draw_hovering(layout.width as u32, layout.height as u32, |area, hovers| {
            draw_background(area, &layout, projection)?;
            draw_rivals(area, &layout, projection)?;
            draw_token(area, &layout)?;
            // The heaviest on top.
            for &(id, weight, x, y) in projection.rivals.iter().rev() {
                let says = format!("{}: weight {}", name(reported, id, 60), number(weight));
                hovers.around(layout.place((x, y)), &says);
            }
            hovers.around(layout.place((0.0, 0.0)), &name(reported, projection.token, 60));
            if mix_is_off {
                draw_cross(area, layout.place(projection.mix))?;
            }
            draw_names(area, &layout, reported, projection)
        })
    };
    Some(Figure::new(
        format!("projection-{}", projection.token),
        format!("{} among its rivals", name(reported, projection.token, 24)),
        caption(reported, mix_is_off),
        alternative(reported, projection),
        picture,
    ))
}

/// The name of a token, shortened to so many characters.
fn name(reported: &Reported, id: u32, characters: usize) -> String {
    isolated(&match reported.token(id) {
        Some(row) => Shown::of(row).short(characters),
        None => format!("#{id}"),
    })
}

fn caption(reported: &Reported, mix_is_off: bool) -> String {
    let Terms { token, tokens, states, .. } = reported.terms();
    let mix = if mix_is_off {
        format!(
            " The cross is their weighted average; it need not fall on the {token}, because the {states} are limited."
        )
    } else {
        format!(" Their weighted average falls on the {token}.")
    };
    let flat = match reported.results.summary.head.dim {
        0..=2 => String::new(),
        dim => format!(": {dim} dimensions are flattened into two"),
    };
    format!(
        "Rows of the rivals (dots, larger with more weight) around the {token} (square), on the plane in which the rivals \
         spread most; grey dots are other {tokens}.{mix} The picture illustrates, it does not decide{flat}.",
    )
}

fn alternative(reported: &Reported, projection: &Projection) -> String {
    let heavy: Vec<String> = projection
        .rivals
        .iter()
        .take(4)
        .map(|r| format!("{} at {}, {}", name(reported, r.0, 24), number(r.2), number(r.3)))
        .collect();
    format!(
        "The {} is at the origin. Its {} rivals lie around it; the heaviest are {}.",
        reported.terms().token,
        projection.rivals.len(),
        heavy.join("; ")
    )
}

/// Where points of the plane stand in the picture.
struct Layout {
    width: i32,
    height: i32,
    /// Pixels per unit of the plane.
    scale: f64,
    /// The point of the plane in the middle of the picture.
    middle: (f64, f64),
}

impl Layout {
    /// Leaves room for names at the sides; the height follows the points, within limits.
    fn of(projection: &Projection, reach: f64, form: Form) -> Layout {
        let (width, edge, above) = (form.width() as i32, form.pick(90.0, 48.0), 28.0);
        let rivals = &projection.rivals;
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
        Layout { width, height, scale, middle: (middle_x, middle_y) }
    }

    /// The pixel at which a point stands.
    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let at = |middle: i32, offset: f64| {
            middle + (offset * self.scale).round().clamp(-2e4, 2e4) as i32
        };
        (at(self.width / 2, x - self.middle.0), at(self.height / 2, self.middle.1 - y))
    }

    /// Whether a dot at this pixel is inside the picture.
    fn holds(&self, (x, y): (i32, i32)) -> bool {
        x > 2 && x < self.width - 2 && y > 2 && y < self.height - 2
    }
}

/// Draws the tokens that are neither the losing one nor its rivals.
fn draw_background(area: &Area, layout: &Layout, projection: &Projection) -> Drawn {
    let places = projection.background.iter().map(|&point| layout.place(point));
    for at in places.filter(|&at| layout.holds(at)) {
        area.draw(&Circle::new(at, 2, Colour::Muted.rgb().mix(0.35).filled()))?;
    }
    Ok(())
}

/// Draws the rivals, the heaviest on top, with lines to the token.
fn draw_rivals(area: &Area, layout: &Layout, projection: &Projection) -> Drawn {
    let rivals = &projection.rivals;
    let heaviest = rivals.iter().map(|r| r.1).fold(0.0f64, f64::max);
    for &(_, weight, x, y) in rivals.iter().rev() {
        let at = layout.place((x, y));
        let style = Colour::Win.rgb().mix(0.25).stroke_width(1);
        area.draw(&PathElement::new([layout.place((0.0, 0.0)), at], style))?;
        let radius = 2.0 + 6.0 * (weight / heaviest).sqrt();
        area.draw(&Circle::new(at, radius as i32, Colour::Win.rgb().mix(0.85).filled()))?;
    }
    Ok(())
}

/// Draws the losing token as a square at the origin.
fn draw_token(area: &Area, layout: &Layout) -> Drawn {
    let (x, y) = layout.place((0.0, 0.0));
    let corners = [(x - 6, y - 6), (x + 6, y + 6)];
    area.draw(&Rectangle::new(corners, Colour::Lose.rgb().filled()))
}

/// Draws the cross of the rivals' weighted average.
fn draw_cross(area: &Area, (x, y): (i32, i32)) -> Drawn {
    let style = Colour::Ink.rgb().stroke_width(2);
    area.draw(&PathElement::new([(x - 5, y - 5), (x + 5, y + 5)], style))?;
    area.draw(&PathElement::new([(x - 5, y + 5), (x + 5, y - 5)], style))
}

/// Writes the names of the token and of its heaviest rivals, as far as there is room.
fn draw_names(area: &Area, layout: &Layout, reported: &Reported, projection: &Projection) -> Drawn {
    let token = (projection.token, layout.place((0.0, 0.0)), Colour::Lose);
    let rivals = projection.rivals.iter().take(NAMED);
    let rivals = rivals.map(|r| (r.0, layout.place((r.2, r.3)), Colour::Ink));
    let mut taken: Vec<[i32; 4]> = Vec::new();
    for (id, at, colour) in [token].into_iter().chain(rivals) {
        let label = name(reported, id, 12);
        if let Some((at, side, frame)) = free_side(layout, at, width_of(&label, LETTERS), &taken) {
            taken.push(frame);
            area.draw(&Text::new(label, at, letters(LETTERS, colour, side, VPos::Center)))?;
        }
    }
    Ok(())
}

/// Returns the first side of a dot where a name of this length fits and covers no other name: where it is written, how
/// it is aligned, and its frame.
fn free_side(
    layout: &Layout,
    dot: (i32, i32),
    length: i32,
    taken: &[[i32; 4]],
) -> Option<((i32, i32), HPos, [i32; 4])> {
    let sides = [
        (dot.0 + 11, dot.1, HPos::Left),
        (dot.0 - 11, dot.1, HPos::Right),
        (dot.0, dot.1 - 16, HPos::Center),
        (dot.0, dot.1 + 17, HPos::Center),
    ];
    sides.into_iter().find_map(|(x, y, side)| {
        let left = match side {
            HPos::Left => x,
            HPos::Right => x - length,
            HPos::Center => x - length / 2,
        };
        let frame = [left, y - 9, left + length, y + 9];
        let fits =
            frame[0] > 0 && frame[2] < layout.width && frame[1] > 0 && frame[3] < layout.height;
        let covers = |other: &[i32; 4]| {
            frame[0] < other[2] && other[0] < frame[2] && frame[1] < other[3] && other[1] < frame[3]
        };
        (fits && !taken.iter().any(covers)).then_some(((x, y), side, frame))
    })
}
