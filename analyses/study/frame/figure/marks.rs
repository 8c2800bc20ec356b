//! What a series looks like: a colour, a marker and dashes.

use anyhow::Result;
use plotters::prelude::*;

use super::{Area, Drawn};

/// The look of one series.
#[derive(Clone, Copy)]
pub struct Look {
    colour: RGBColor,
    marker: usize,
    /// Pixels drawn and left out; nothing is left out of a whole line.
    dash: (f64, f64),
}

/// Colours that stay distinct in print and for colour-blind readers (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 90, 160),
    RGBColor(213, 94, 0),
    RGBColor(0, 0, 0),
    RGBColor(0, 158, 115),
    RGBColor(180, 90, 140),
    RGBColor(70, 160, 215),
    RGBColor(150, 130, 0),
];
const DASHES: [(f64, f64); 4] = [(1.0, 0.0), (9.0, 5.0), (2.5, 4.0), (14.0, 3.0)];
const SIZE: i32 = 4;

impl Look {
    /// The look of the series with this index.
    pub fn of(index: usize) -> Self {
        let colour = COLOURS[index % COLOURS.len()];
        Look { colour, marker: index, dash: DASHES[index % DASHES.len()] }
    }

    /// A sample for the legend, from a place to 32 pixels right of it.
    pub fn sample(&self, area: &Area, (x, y): (i32, i32), drawn: Drawn) -> Result<()> {
        if drawn != Drawn::Dots {
            self.line(area, &[(x, y), (x + 32, y)])?;
        }
        if drawn != Drawn::Line {
            self.marker(area, (x + 16, y))?;
        }
        Ok(())
    }

    pub fn draw(&self, area: &Area, points: &[(i32, i32)], drawn: Drawn) -> Result<()> {
        if drawn != Drawn::Dots {
            self.line(area, points)?;
        }
        if drawn != Drawn::Line {
            points.iter().try_for_each(|&point| self.marker(area, point))?;
        }
        Ok(())
    }

    /// A line with dashes that go on around corners.
    fn line(&self, area: &Area, points: &[(i32, i32)]) -> Result<()> {
        let style = self.colour.stroke_width(2);
        if self.dash.1 == 0.0 {
            area.draw(&PathElement::new(points.to_vec(), style))?;
            return Ok(());
        }
        let (mut is_on, mut left) = (true, self.dash.0);
        for pair in points.windows(2) {
            let ends = [pair[0], pair[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
            let length = (ends[1].0 - ends[0].0).hypot(ends[1].1 - ends[0].1);
            let at = |s: f64| {
                let part = if length > 0.0 { s / length } else { 0.0 };
                let mix = |a: f64, b: f64| (a + part * (b - a)).round() as i32;
                (mix(ends[0].0, ends[1].0), mix(ends[0].1, ends[1].1))
            };
            let mut done = 0.0;
            while done < length {
                let step = left.min(length - done);
                if is_on {
                    area.draw(&PathElement::new(vec![at(done), at(done + step)], style))?;
                }
                (done, left) = (done + step, left - step);
                if left <= 0.0 {
                    is_on = !is_on;
                    left = if is_on { self.dash.0 } else { self.dash.1 };
                }
            }
        }
        Ok(())
    }

    fn marker(&self, area: &Area, (x, y): (i32, i32)) -> Result<()> {
        let (s, fine) = (SIZE, self.colour.stroke_width(2));
        let (filled, white) = (self.colour.filled(), WHITE.filled());
        let closed = |corners: &[(i32, i32)]| -> Vec<(i32, i32)> {
            corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
        };
        match self.marker % 6 {
            0 => area.draw(&Circle::new((x, y), s, filled))?,
            1 => {
                area.draw(&Rectangle::new([(x - s, y - s), (x + s, y + s)], white))?;
                area.draw(&Rectangle::new([(x - s, y - s), (x + s, y + s)], fine))?;
            }
            2 => {
                area.draw(&Polygon::new(closed(&[(-s - 1, s), (s + 1, s), (0, -s - 1)]), filled))?
            }
            3 => {
                area.draw(&Circle::new((x, y), s, white))?;
                area.draw(&Circle::new((x, y), s, fine))?;
            }
            4 => area.draw(&Polygon::new(
                closed(&[(-s - 2, 0), (0, s + 2), (s + 2, 0), (0, -s - 2)]),
                filled,
            ))?,
            _ => {
                area.draw(&PathElement::new(closed(&[(-s, -s), (s, s)]), fine))?;
                area.draw(&PathElement::new(closed(&[(-s, s), (s, -s)]), fine))?;
            }
        }
        Ok(())
    }
}
