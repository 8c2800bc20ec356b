//! What a series looks like: a colour, a marker and dashes.

use anyhow::Result;
use plotters::prelude::*;

use super::{Area, Drawn};

/// The look of one series, by its index.
#[derive(Clone, Copy)]
pub struct Look {
    index: usize,
    colour: RGBColor,
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
/// Pixels drawn and left out.
const DASHES: [&str; 4] = ["", "9 5", "2.5 4", "14 3"];
/// After so many, looks repeat.
const LOOKS: usize = COLOURS.len() * DASHES.len();
const SIZE: i32 = 4;

/// An SVG with the colours and dashes of its lines in place of placeholders: the backend knows no dashes, and lines of many
/// short paths make large files.
pub fn with_dashes(svg: &str) -> String {
    (0..LOOKS).fold(svg.to_owned(), |svg, index| {
        let RGBColor(r, g, b) = COLOURS[index % COLOURS.len()];
        let dashes = match DASHES[index % DASHES.len()] {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        let real = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"{dashes}");
        svg.replace(&format!("stroke=\"#0101{:02X}\"", index + 1), &real)
    })
}

impl Look {
    /// The look of the series with this index.
    pub fn of(index: usize) -> Self {
        Look { index, colour: COLOURS[index % COLOURS.len()] }
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

    /// A line in a placeholder colour, which [`with_dashes`] replaces.
    fn line(&self, area: &Area, points: &[(i32, i32)]) -> Result<()> {
        let placeholder = RGBColor(1, 1, (self.index % LOOKS) as u8 + 1);
        area.draw(&PathElement::new(points.to_vec(), placeholder.stroke_width(2)))?;
        Ok(())
    }

    fn marker(&self, area: &Area, (x, y): (i32, i32)) -> Result<()> {
        let (s, fine) = (SIZE, self.colour.stroke_width(2));
        let (filled, white) = (self.colour.filled(), WHITE.filled());
        let closed = |corners: &[(i32, i32)]| -> Vec<(i32, i32)> {
            corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
        };
        match self.index % 6 {
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
