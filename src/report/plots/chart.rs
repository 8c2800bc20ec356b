//! Axes with marks and grid lines, common to all pictures that have axes.

use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Area, Colour, Form, Hovers, letters, width_of};
use crate::report::scale::Scale;
use crate::report::ticks::{self, Kind, Mark};

/// A chart with two axes to draw in.
pub type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Failure = DrawingAreaErrorKind<std::io::Error>;

/// The font size of the labels at the marks.
const LETTERS: u32 = 12;
/// The least distance between two labels, in pixels.
const APART: f64 = 10.0;
/// The pixels below the chart, for labels and the name of the axis.
const BELOW: i32 = 40;

/// The description of an axis.
pub struct Axis<'a> {
    /// The ends of the axis.
    pub range: (f64, f64),
    /// The kind of numbers on the axis.
    pub kind: Kind,
    /// The most marks on the axis.
    pub most: usize,
    /// The name of the axis.
    pub name: &'a str,
}

impl<'a> Axis<'a> {
    /// A vertical axis for counts of up to `most` tokens, which are called `tokens`.
    pub fn of_tokens(most: usize, marks: usize, form: Form, tokens: &'a str) -> Axis<'a> {
        let range = (0.0, (most as f64 * 1.06).max(1.2));
        Axis { range, kind: Kind::Counts, most: marks, name: form.pick(tokens, "") }
    }
}

/// Draws the axes of a chart that leaves `above` pixels above and `right` pixels to the right.
pub fn chart<'a, 'b>(
    area: &'a Area<'b>,
    form: Form,
    (above, right): (i32, i32),
    across: Axis,
    up: Axis,
) -> Result<Chart<'a, 'b>, Failure> {
    let (width, height) = area.dim_in_pixel();
    let (left, free) = form.left();
    let (width, height) = (width as i32 - left - right, height as i32 - above - BELOW);
    let (length, room) = (f64::from(width), (f64::from(left), f64::from(right)));
    let beside = marks_across(&across, length, room);
    let stacked = marks_upward(&up, f64::from(height));
    let mut chart = ChartBuilder::on(area)
        .margin_top(above)
        .margin_right(right)
        .x_label_area_size(BELOW)
        .margin_left(free)
        .y_label_area_size(left - free)
        .build_cartesian_2d(Scale::new(across.range, beside), Scale::new(up.range, stacked))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(Colour::Grid.rgb())
        .axis_style(Colour::Muted.rgb())
        .label_style(letters(LETTERS, Colour::Muted, HPos::Left, VPos::Top))
        .axis_desc_style(letters(LETTERS, Colour::Ink, HPos::Left, VPos::Top))
        .x_desc(across.name)
        .y_desc(up.name)
        .draw()?;
    Ok(chart)
}

/// Lets the whole height of a chart above a part of its horizontal axis say something.
pub fn hover_column(
    chart: &Chart,
    hovers: &mut Hovers,
    (from, to): (f64, f64),
    (lo, hi): (f64, f64),
    says: &str,
) {
    hovers.add(chart.backend_coord(&(from, lo)), chart.backend_coord(&(to, hi)), says);
}

/// The marks below a horizontal axis of a length in pixels, chosen so that labels neither touch nor are cut, with the
/// given pixels available before and after the axis.
fn marks_across(axis: &Axis, length: f64, (before, after): (f64, f64)) -> Vec<Mark> {
    let (lo, hi) = axis.range;
    let ends = |(at, label): &Mark| {
        let middle = (at - lo) / (hi - lo) * length;
        let half = f64::from(width_of(label, LETTERS)) / 2.0;
        (middle - half, middle + half)
    };
    let whole = |mark: &Mark| ends(mark).0 >= -before && ends(mark).1 <= length + after;
    let apart = |one: &Mark, next: &Mark| ends(next).0 - ends(one).1 >= APART;
    let marks = |most: usize| -> Vec<Mark> {
        ticks::marks(axis.kind, lo, hi, most).into_iter().filter(whole).collect()
    };
    let regular = (1..=axis.most).rev().map(marks);
    let all_apart = |marks: &Vec<Mark>| marks.windows(2).all(|pair| apart(&pair[0], &pair[1]));
    let regular = regular.into_iter().find(all_apart).unwrap_or_default();
    if regular.len() > 1 {
        return regular;
    }
    // The labels are so long that few fit: keep those that do.
    let mut kept: Vec<Mark> = Vec::new();
    for mark in marks(axis.most) {
        if kept.last().is_none_or(|last| apart(last, &mark)) {
            kept.push(mark);
        }
    }
    if kept.len() > regular.len() { kept } else { regular }
}

/// The marks beside a vertical axis of a height in pixels, chosen so that labels do not overlap.
fn marks_upward(axis: &Axis, height: f64) -> Vec<Mark> {
    let pixel = height / (axis.range.1 - axis.range.0);
    let line = f64::from(LETTERS) + 4.0;
    let apart =
        |marks: &Vec<Mark>| marks.windows(2).all(|pair| (pair[1].0 - pair[0].0) * pixel >= line);
    let marks = |most| ticks::marks(axis.kind, axis.range.0, axis.range.1, most);
    (1..=axis.most).rev().map(marks).find(apart).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::plots::canvas::draw;

    /// Texts of a picture with their places.
    fn texts(svg: &str) -> Vec<(f64, f64, String)> {
        let field = |tag: &str, name: &str| -> Option<f64> {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        let (mut found, mut rest) = (Vec::new(), svg);
        while let Some((_, from)) = rest.split_once("<text") {
            let (tag, after) = from.split_once('>').unwrap();
            let (text, after) = after.split_once("</text>").unwrap();
            found.push((
                field(tag, "x").unwrap(),
                field(tag, "y").unwrap(),
                text.trim().to_owned(),
            ));
            rest = after;
        }
        found
    }

    fn picture(form: Form, range: (f64, f64), kind: Kind) -> String {
        draw(form.width(), 300, |area| {
            let across = Axis { range, kind, most: form.pick(8, 4), name: "" };
            chart(area, form, (8, 14), across, Axis::of_tokens(7, 5, form, "tokens")).map(|_| ())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn labels_below_an_axis_differ_stand_apart_and_inside_the_picture(
            lead in -10.0f64..10.0,
            size in -100i32..100,
            narrow in 0.0f64..8.9,
        ) {
            let lo = lead * 10f64.powi(size);
            let hi = lo + lo.abs().max(10f64.powi(size)) * 10f64.powf(-narrow);
            for form in [Form::Wide, Form::Narrow] {
                let texts = texts(&picture(form, (lo, hi), Kind::Numbers));
                let lowest = texts.iter().map(|t| t.1).fold(0.0, f64::max);
                let mut below: Vec<_> = texts.iter().filter(|t| t.1 == lowest).collect();
                below.sort_by(|a, b| a.0.total_cmp(&b.0));
                prop_assert!(!below.is_empty(), "{lo} {hi}");
                for pair in below.windows(2) {
                    prop_assert_ne!(&pair[0].2, &pair[1].2);
                    let room = (width_of(&pair[0].2, 12) + width_of(&pair[1].2, 12)) / 2;
                    prop_assert!(pair[1].0 - pair[0].0 > f64::from(room), "{below:?}");
                }
                for (x, _, label) in below {
                    let half = f64::from(width_of(label, 12)) / 2.0;
                    prop_assert!(x - half >= -1.0 && x + half <= f64::from(form.width()) + 1.0);
                }
            }
        }
    }

    #[test]
    fn marks_stand_where_their_numbers_are() {
        let svg = picture(Form::Wide, (1.0295, 1.0342), Kind::Numbers);
        let texts = texts(&svg);
        let at =
            |label: &str| texts.iter().find(|t| t.2 == label).unwrap_or_else(|| panic!("{svg}")).0;
        let (first, last) = (at("1.030"), at("1.034"));
        let pixel = (last - first) / 0.004;
        assert!((at("1.032") - (first + 0.002 * pixel)).abs() <= 1.0);
        // The axis has the picture's width without its margins.
        assert!((pixel * (1.0342 - 1.0295) - 666.0).abs() <= 3.0, "{pixel}");
    }
}
