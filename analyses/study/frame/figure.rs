//! Figures: panels of points and lines on linear or logarithmic axes, as SVG on white.
//!
//! Series differ by marker and dashes as well as by colour, so that they can be told apart in grey.

mod axis;
mod marks;

use anyhow::{Result, ensure};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub use axis::Axis;
use marks::Look;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Panels with one legend.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Of the file, without `.svg`.
    pub name: String,
    /// Below the figure on the page, and what a screen reader says.
    pub caption: String,
    pub panels: Vec<Panel>,
}

/// One coordinate system.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

/// Points that belong together. Series of one name look alike in all panels.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    pub drawn: Drawn,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    Dots,
    Line,
    /// A line with a marker at each point.
    Both,
}

impl Series {
    pub fn new(name: impl Into<String>, drawn: Drawn, points: Vec<(f64, f64)>) -> Self {
        Series { name: name.into(), points, drawn }
    }
}

/// The size of a panel in pixels, with its labels.
const PANEL: (i32, i32) = (430, 350);
/// The pixels around the axes: above, right, below, left.
const AROUND: (i32, i32, i32, i32) = (34, 16, 52, 66);
/// Panels in a row.
const ACROSS: usize = 2;
/// The height of a line of the legend.
const LINE: i32 = 22;

const INK: RGBColor = RGBColor(28, 35, 48);
const GRID: RGBColor = RGBColor(214, 219, 228);

impl Figure {
    /// The figure as an SVG.
    ///
    /// # Errors
    /// No point to draw, or one that a logarithmic axis does not have.
    pub fn svg(&self) -> Result<String> {
        ensure!(!self.panels.is_empty(), "the figure {} has no panel", self.name);
        let names = self.names();
        let across = self.panels.len().min(ACROSS);
        let down = self.panels.len().div_ceil(ACROSS) as i32;
        let width = PANEL.0 * across as i32;
        let places = legend_places(&names, width);
        let legend = places.last().map_or(0, |place| place.1 + LINE);
        let height = legend + PANEL.1 * down;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (width as u32, height as u32));
            let area = area.into_drawing_area();
            area.fill(&WHITE)?;
            for (i, (&(x, y), (name, drawn))) in places.iter().zip(&names).enumerate() {
                Look::of(i).sample(&area, (x, y + LINE / 2), *drawn)?;
                let style = letters(13, HPos::Left, VPos::Center);
                area.draw(&Text::new(name.clone(), (x + 40, y + LINE / 2), style))?;
            }
            for (i, panel) in self.panels.iter().enumerate() {
                let corner =
                    ((i % ACROSS) as i32 * PANEL.0, legend + (i / ACROSS) as i32 * PANEL.1);
                panel.draw(&area, corner, &names)?;
            }
            area.present()?;
        }
        Ok(self.titled(&marks::with_dashes(&svg)))
    }

    /// The names of all series, each once, with how they are drawn first.
    fn names(&self) -> Vec<(String, Drawn)> {
        let mut names: Vec<(String, Drawn)> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if names.iter().all(|(name, _)| *name != series.name) {
                names.push((series.name.clone(), series.drawn));
            }
        }
        names
    }

    /// With a view box, so that it scales, and words for those who do not see it.
    fn titled(&self, svg: &str) -> String {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let Some((start, rest)) = svg.split_once('>') else { return svg.to_owned() };
        let spoken = escape(&self.caption);
        format!("{start} role=\"img\">\n<title>{spoken}</title>{rest}")
            .replace(" opacity=\"1\"", "")
    }
}

/// Where the entries of the legend begin.
fn legend_places(names: &[(String, Drawn)], width: i32) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (16, 6);
    let mut places = Vec::new();
    for (name, _) in names {
        let wide = 60 + (name.chars().count() as f64 * 7.4) as i32;
        if x > 16 && x + wide > width {
            (x, y) = (16, y + LINE);
        }
        places.push((x, y));
        x += wide;
    }
    places
}

/// A text style of so many CSS pixels.
fn letters(size: u32, across: HPos, down: VPos) -> TextStyle<'static> {
    // The backend divides sizes by 1.24.
    let font = ("sans-serif", f64::from(size) * 1.24).into_font();
    font.color(&INK).pos(Pos::new(across, down))
}

impl Panel {
    fn draw(&self, area: &Area, corner: (i32, i32), names: &[(String, Drawn)]) -> Result<()> {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        ensure!(points().next().is_some(), "the panel {:?} has no points", self.title);
        let (above, right, below, left) = AROUND;
        let left = left.max(self.y.label_width());
        let (x0, x1) = (corner.0 + left, corner.0 + PANEL.0 - right);
        let (y0, y1) = (corner.1 + PANEL.1 - below, corner.1 + above);
        let x = self.x.scaled(points().map(|p| p.0), (x0, x1))?;
        let y = self.y.scaled(points().map(|p| p.1), (y0, y1))?;
        let line =
            |from, to, colour: RGBColor| PathElement::new(vec![from, to], colour.stroke_width(1));
        for (at, label) in y.marks(9) {
            area.draw(&line((x0, at), (x1, at), GRID))?;
            area.draw(&Text::new(label, (x0 - 6, at), letters(12, HPos::Right, VPos::Center)))?;
        }
        for (at, label) in x.marks(8) {
            area.draw(&line((at, y0), (at, y0 + 4), INK))?;
            area.draw(&Text::new(label, (at, y0 + 7), letters(12, HPos::Center, VPos::Top)))?;
        }
        area.draw(&line((x0, y0), (x1, y0), INK))?;
        area.draw(&line((x0, y0), (x0, y1), INK))?;
        let middle = (x0 + x1) / 2;
        let title = letters(14, HPos::Center, VPos::Bottom);
        area.draw(&Text::new(self.title.clone(), (middle, y1 - 10), title))?;
        let below = letters(13, HPos::Center, VPos::Bottom);
        area.draw(&Text::new(self.x.name.clone(), (middle, corner.1 + PANEL.1 - 6), below))?;
        let beside = letters(13, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        area.draw(&Text::new(self.y.name.clone(), (corner.0 + 4, (y0 + y1) / 2), beside))?;
        for series in &self.series {
            let place = names.iter().position(|(name, _)| *name == series.name).unwrap_or(0);
            let at: Vec<(i32, i32)> =
                series.points.iter().map(|p| (x.place(p.0), y.place(p.1))).collect();
            Look::of(place).draw(area, &at, series.drawn)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(y: Axis) -> Figure {
        let series = vec![
            Series::new("one & all", Drawn::Both, vec![(1.0, 10.0), (2.0, 1000.0)]),
            Series::new("other", Drawn::Line, vec![(1.0, 20.0), (2.0, 30.0)]),
        ];
        let panel = Panel { title: "T".to_owned(), x: Axis::linear("d"), y, series };
        Figure { name: "f".to_owned(), caption: "a < b".to_owned(), panels: vec![panel] }
    }

    #[test]
    fn names_axes_and_caption_are_in_the_picture() {
        let svg = figure(Axis::log("tokens")).svg().unwrap();
        for says in ["one &amp; all", "other", "tokens", "<title>a &lt; b</title>", "1000"] {
            assert!(svg.contains(says), "{says}: {svg}");
        }
    }

    #[test]
    fn a_figure_without_points_and_zero_on_a_logarithmic_axis_are_errors() {
        let mut zero = figure(Axis::log("tokens"));
        zero.panels[0].series[0].points[0].1 = 0.0;
        assert!(zero.svg().is_err());
        let mut empty = figure(Axis::linear("tokens"));
        empty.panels[0].series.clear();
        assert!(empty.svg().is_err());
    }
}
