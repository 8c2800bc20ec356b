//! Plots cost against size as an SVG, for studies: panels of lines on logarithmic axes, and stacked bars of what a cost
//! consists of.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::scale::Scale;
use super::ticks::{self, Kind};
use crate::error::{Error, Result};

/// The measured cost of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The size, positive.
    pub x: f64,
    /// The cost, positive.
    pub y: f64,
    /// The least of several measurements of the cost, at most `y`.
    pub low: f64,
    /// The largest of several measurements of the cost.
    pub high: f64,
}

/// One line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend.
    pub name: String,
    /// The points, by rising size.
    pub points: Vec<Point>,
}

/// One coordinate system; panels are drawn next to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The title above the panel.
    pub title: String,
    /// The name of the size axis.
    pub x_axis: String,
    /// The name of the cost axis, with its unit.
    pub y_axis: String,
    /// The lines in the order of the legend; colours repeat after four.
    pub series: Vec<Series>,
}

/// One bar: a cost and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The size, below the bar.
    pub label: String,
    /// The parts from the bottom up, one for each layer, not negative.
    pub parts: Vec<f64>,
}

/// Stacked bars next to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Stacks {
    /// The title above the plot.
    pub title: String,
    /// The name of the size axis.
    pub x_axis: String,
    /// The name of the cost axis, with its unit.
    pub y_axis: String,
    /// The names of the parts from the bottom up, at most eight.
    pub layers: Vec<String>,
    /// The bars from left to right.
    pub bars: Vec<Bar>,
}

/// The width of a panel and the height of the plot, in pixels.
const PANEL: (u32, u32) = (560, 440);
/// The most labels on the horizontal and on the vertical axis.
const LABELS: (usize, usize) = (11, 12);
/// Line colours that stay distinct in print and for colour-blind readers (Okabe and Ito).
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// The width of the plot of bars and that of its legend, in pixels.
const STACKED: (u32, u32) = (560, 250);
/// The width of a bar, as a share of the distance between bars.
const BAR: f64 = 0.7;
/// The distance of lines in the legend and the side of its squares, in pixels.
const LEGEND: (i32, i32) = (22, 13);
/// Fill colours of Okabe and Ito, with grey in place of black. Neighbours differ in lightness too.
const FILLS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(240, 228, 66),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(153, 153, 153),
    RGBColor(204, 121, 167),
];

/// The colour of grid lines at doublings and decades.
const LINE: RGBColor = RGBColor(205, 205, 205);
/// The colour of grid lines between decades.
const FINE_LINE: RGBColor = RGBColor(238, 238, 238);

/// Draws panels next to each other on logarithmic axes: sizes double and costs grow tenfold from one labelled line to
/// the next.
///
/// # Errors
/// There is no panel, a panel has no points, or a number is not positive and finite.
pub fn svg(title: &str, panels: &[Panel]) -> Result<String> {
    if panels.is_empty() {
        return Err(Error::Invalid("a plot needs a panel".to_owned()));
    }
    let mut text = String::new();
    let size = (PANEL.0 * panels.len() as u32, PANEL.1);
    let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw(&root, title, panels)?;
    drop(root);
    Ok(text)
}

/// Draws the title and the panels.
fn draw(root: &DrawingArea<SVGBackend, Shift>, title: &str, panels: &[Panel]) -> Result<()> {
    root.fill(&WHITE).map_err(failed)?;
    let below = root.titled(title, ("sans-serif", 20)).map_err(failed)?;
    for (panel, area) in panels.iter().zip(below.split_evenly((1, panels.len()))) {
        draw_panel(&area, panel)?;
    }
    root.present().map_err(failed)
}

/// Draws one panel: axes, lines, error bars and legend.
fn draw_panel(area: &DrawingArea<SVGBackend, Shift>, panel: &Panel) -> Result<()> {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let usable = |x: f64| x > 0.0 && x.is_finite();
    if let Some(p) = points().find(|p| ![p.x, p.y, p.low, p.high].into_iter().all(usable)) {
        return Err(Error::Invalid(format!("{p:?} has no place on logarithmic axes")));
    }
    let extreme = |pick: fn(f64, f64) -> f64, of: fn(&Point) -> f64| {
        points()
            .map(of)
            .reduce(pick)
            .ok_or_else(|| Error::Invalid(format!("{}: no points", panel.title)))
    };
    let (left, right) = (extreme(f64::min, |p| p.x)?.log2(), extreme(f64::max, |p| p.x)?.log2());
    // Whole decades at both ends, so that at least two lines are labelled.
    let (bottom, top) =
        (extreme(f64::min, |p| p.low)?.log10(), extreme(f64::max, |p| p.high)?.log10());
    let (bottom, top) = ((bottom - 0.05).floor(), (top + 0.05).ceil());
    // Extend the range a little, so that its lower end is not a labelled line.
    let (xs, ys) = (left - 0.2..right + 0.2, bottom - 0.02..top);
    let scale = |range: &Range<f64>, kind: Kind, most: usize| {
        let marks = ticks::marks(kind, range.start, range.end, most);
        Scale::new((range.start, range.end), marks)
    };

    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            scale(&xs, Kind::Doublings, LABELS.0),
            scale(&ys, Kind::Decades, LABELS.1),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(&panel.x_axis)
        .y_desc(&panel.y_axis)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    let doublings = (left.ceil() as i32..=right.floor() as i32).map(f64::from).map(|x| (x, true));
    let costs = (bottom as i32..top as i32).flat_map(|decade| {
        (1..10).map(move |n| (f64::from(decade) + f64::from(n).log10(), n == 1))
    });
    let lines = doublings
        .map(|(x, bold)| ([(x, ys.start), (x, ys.end)], bold))
        .chain(costs.map(|(y, bold)| ([(xs.start, y), (xs.end, y)], bold)))
        .map(|(ends, bold)| PathElement::new(ends, if bold { LINE } else { FINE_LINE }));
    chart.draw_series(lines).map_err(failed)?;
    for (series, colour) in panel.series.iter().zip(COLOURS.iter().cycle()) {
        let line = series.points.iter().map(|p| (p.x.log2(), p.y.log10())).collect::<Vec<_>>();
        let ranges = series.points.iter().map(|p| {
            PathElement::new(
                vec![(p.x.log2(), p.low.log10()), (p.x.log2(), p.high.log10())],
                colour.stroke_width(1),
            )
        });
        chart.draw_series(ranges).map_err(failed)?;
        chart
            .draw_series(line.iter().map(|&at| Circle::new(at, 3, colour.filled())))
            .map_err(failed)?;
        chart
            .draw_series(std::iter::once(PathElement::new(line, colour.stroke_width(2))))
            .map_err(failed)?
            .label(&series.name)
            .legend(move |(x, y)| {
                PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2))
            });
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 13))
        .background_style(WHITE.mix(0.85))
        .draw()
        .map_err(failed)
}

/// Draws stacked bars on a linear axis from 0, each with its sum above it, and a legend in the order of the layers, the
/// topmost first.
///
/// # Errors
/// There is no bar, or too many layers for the colours; a bar has not one part for each layer; a part is negative or not
/// finite; or all of them are 0.
pub fn stacked(stacks: &Stacks) -> Result<String> {
    let layers = stacks.layers.len();
    if layers > FILLS.len() {
        return Err(Error::Invalid(format!("{layers} layers, and {} colours", FILLS.len())));
    }
    let is_drawable = |part: &f64| *part >= 0.0 && part.is_finite();
    let bad = |bar: &&Bar| bar.parts.len() != layers || !bar.parts.iter().all(is_drawable);
    if let Some(bar) = stacks.bars.iter().find(bad) {
        return Err(Error::Invalid(format!("{bar:?} does not have {layers} parts")));
    }
    let top = stacks.bars.iter().map(Bar::sum).fold(0.0, f64::max);
    if !ticks::has_scale(0.0, top) {
        return Err(Error::Invalid(format!("no bar of a height: the highest has {top}")));
    }
    let mut text = String::new();
    let size = (STACKED.0 + STACKED.1, PANEL.1);
    let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw_stacks(&root, stacks, top)?;
    drop(root);
    Ok(text)
}

impl Bar {
    /// The height.
    fn sum(&self) -> f64 {
        self.parts.iter().sum()
    }
}

/// Draws title, axes, bars up to the height `top`, and legend.
fn draw_stacks(root: &DrawingArea<SVGBackend, Shift>, stacks: &Stacks, top: f64) -> Result<()> {
    root.fill(&WHITE).map_err(failed)?;
    let below = root.titled(&stacks.title, ("sans-serif", 20)).map_err(failed)?;
    let (area, legend) = below.split_horizontally(STACKED.0);
    let count = stacks.bars.len() as f64;
    // Room for the sum above the highest bar.
    let top = 1.06 * top;
    let middle = |i: usize| i as f64 + 0.5;
    let names = stacks.bars.iter().enumerate().map(|(i, bar)| (middle(i), bar.label.clone()));
    let heights = ticks::marks(Kind::Numbers, 0.0, top, LABELS.1);
    let lines: Vec<f64> = heights.iter().map(|mark| mark.0).collect();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(
            Scale::new((0.0, count), names.collect()),
            Scale::new((0.0, top), heights),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(&stacks.x_axis)
        .y_desc(&stacks.y_axis)
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()
        .map_err(failed)?;
    let lines = lines.into_iter().map(|y| PathElement::new([(0.0, y), (count, y)], LINE));
    chart.draw_series(lines).map_err(failed)?;
    let sums = TextStyle::from(("sans-serif", 13)).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (i, bar) in stacks.bars.iter().enumerate() {
        let (left, right) = (middle(i) - BAR / 2.0, middle(i) + BAR / 2.0);
        let mut from = 0.0;
        let parts = bar.parts.iter().zip(FILLS).map(|(part, fill)| {
            let corners = [(left, from), (right, from + part)];
            from += part;
            Rectangle::new(corners, fill.filled())
        });
        chart.draw_series(parts).map_err(failed)?;
        let digits = if bar.sum() < 10.0 { 2 } else { 0 };
        let sum = format!("{:.digits$}", bar.sum());
        let above = std::iter::once(Text::new(sum, (middle(i), bar.sum()), sums.clone()));
        chart.draw_series(above).map_err(failed)?;
    }
    let names = TextStyle::from(("sans-serif", 13)).pos(Pos::new(HPos::Left, VPos::Center));
    for (line, (layer, fill)) in stacks.layers.iter().zip(FILLS).rev().enumerate() {
        let (y, side) = (16 + LEGEND.0 * line as i32, LEGEND.1);
        let square = Rectangle::new([(0, y), (side, y + side)], fill.filled());
        legend.draw(&square).map_err(failed)?;
        let name = Text::new(layer.as_str(), (side + 7, y + side / 2), names.clone());
        legend.draw(&name).map_err(failed)?;
    }
    root.present().map_err(failed)
}

/// The error for a failure of the plotting library.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("the plot: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(costs: &[f64]) -> Panel {
        let point = |(i, &y)| Point { x: f64::from(1024 << i), y, low: 0.9 * y, high: 1.1 * y };
        Panel {
            title: "d = 256".to_owned(),
            x_axis: "tokens <V>".to_owned(),
            y_axis: "seconds".to_owned(),
            series: vec![Series {
                name: "audit & proof".to_owned(),
                points: costs.iter().enumerate().map(point).collect(),
            }],
        }
    }

    #[test]
    fn equal_ratios_are_equal_distances() {
        let svg = svg("", &[panel(&[0.02, 0.2, 2.0])]).unwrap();
        let marks: Vec<(f64, f64)> = svg
            .lines()
            .filter(|l| l.starts_with("<circle"))
            .map(|l| {
                let field = |name: &str| {
                    let (_, rest) = l.split_once(&format!(" {name}=\"")).unwrap();
                    rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
                };
                (field("cx"), field("cy"))
            })
            .collect();
        assert_eq!(marks.len(), 3);
        let steps: Vec<(f64, f64)> =
            marks.windows(2).map(|m| (m[1].0 - m[0].0, m[0].1 - m[1].1)).collect();
        assert!((steps[0].0 - steps[1].0).abs() <= 1.0 && steps[0].0 > 50.0, "{marks:?}");
        assert!((steps[0].1 - steps[1].1).abs() <= 1.0 && steps[0].1 > 50.0, "{marks:?}");
    }

    #[test]
    fn axes_legend_and_doublings_are_labelled_and_escaped() {
        let svg = svg("Cost", &[panel(&[0.02, 0.2]), panel(&[1.0])]).unwrap();
        for text in ["Cost", "tokens &lt;V&gt;", "audit &amp; proof", "1k", "2k", "0.01", "seconds"]
        {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }

    #[test]
    fn what_has_no_logarithm_is_an_error() {
        assert!(svg("", &[]).is_err());
        assert!(svg("", &[panel(&[])]).is_err());
        for cost in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(svg("", &[panel(&[1.0, cost])]).is_err(), "{cost}");
        }
    }

    fn stacks(bars: &[[f64; 3]]) -> Stacks {
        Stacks {
            title: "Stages".to_owned(),
            x_axis: "dimensions, d".to_owned(),
            y_axis: "share".to_owned(),
            layers: ["read & hash", "screen", "prove"].map(str::to_owned).to_vec(),
            bars: bars
                .iter()
                .enumerate()
                .map(|(i, parts)| Bar { label: (64 << i).to_string(), parts: parts.to_vec() })
                .collect(),
        }
    }

    /// Corner and size of each rectangle of this colour.
    fn rectangles(svg: &str, fill: &str) -> Vec<[f64; 4]> {
        let is_filled =
            |l: &&str| l.starts_with("<rect") && l.contains(&format!("fill=\"{fill}\""));
        let field = |l: &str, name: &str| {
            let (_, rest) = l.split_once(&format!(" {name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.parse::<f64>().unwrap()
        };
        let numbers = |l: &str| ["x", "y", "width", "height"].map(|name| field(l, name));
        svg.lines().filter(is_filled).map(numbers).collect()
    }

    #[test]
    fn parts_stand_on_each_other_and_are_as_high_as_they_say() {
        let svg = stacked(&stacks(&[[1.0, 2.0, 3.0], [0.5, 0.0, 1.5]])).unwrap();
        let colours = ["#0072B2", "#F0E442", "#009E73"];
        // The third of each colour is its square in the legend.
        let [low, middle, high] = colours.map(|colour| rectangles(&svg, colour));
        assert!([&low, &middle, &high].iter().all(|all| all.len() == 3), "{svg}");
        let unit = low[0][3];
        assert!(unit > 40.0, "{low:?}");
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 2.0, "{a} {b}");
        near(middle[0][3], 2.0 * unit);
        near(high[0][3], 3.0 * unit);
        near(middle[0][1] + middle[0][3], low[0][1]);
        near(high[0][1] + high[0][3], middle[0][1]);
        near(low[1][3], 0.5 * unit);
        near(middle[1][3], 0.0);
        near(low[1][1] + low[1][3], low[0][1] + low[0][3]);
        assert!(high[2][1] < middle[2][1] && middle[2][1] < low[2][1], "the topmost is first");
    }

    #[test]
    fn bars_and_layers_are_labelled_and_escaped() {
        let svg = stacked(&stacks(&[[1.0, 2.0, 3.0], [0.5, 0.0, 20.0]])).unwrap();
        for text in ["Stages", "read &amp; hash", "prove", "64", "128", "6.00", "dimensions, d"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }

    #[test]
    fn what_has_no_height_is_an_error() {
        assert!(stacked(&stacks(&[])).is_err());
        assert!(stacked(&stacks(&[[0.0; 3]])).is_err());
        for part in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(stacked(&stacks(&[[1.0, part, 1.0]])).is_err(), "{part}");
        }
        let mut uneven = stacks(&[[1.0, 2.0, 3.0]]);
        uneven.bars[0].parts.pop();
        assert!(stacked(&uneven).is_err());
        let mut many = stacks(&[]);
        many.layers = vec![String::new(); FILLS.len() + 1];
        many.bars = vec![Bar { label: String::new(), parts: vec![1.0; FILLS.len() + 1] }];
        assert!(stacked(&many).is_err());
    }
}
