//! The common parts of all pictures: sizes, colours, text, and the final changes to the SVG.
//!
//! The SVG backend writes fixed colours. Each colour here is a placeholder that pictures do not use otherwise; at the
//! end it is replaced by a variable of the page's style sheet, or by a colour for white paper.

use std::fmt;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The area that pictures draw on.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// The result of drawing; drawing into memory does not fail.
pub type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// The width for which a picture is drawn, so that its text stays legible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 760 px.
    Wide,
    /// 340 px, a phone.
    Narrow,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Form::Wide { "wide" } else { "narrow" })
    }
}

impl Form {
    /// The width in pixels.
    pub fn width(self) -> u32 {
        if self == Form::Wide { 760 } else { 340 }
    }

    /// The pixels to the left of a chart, and how many of them stay empty.
    pub fn left(self) -> (i32, i32) {
        self.pick((80, 8), (46, 0))
    }

    /// `wide` or `narrow`, depending on the form.
    pub fn pick<T>(self, wide: T, narrow: T) -> T {
        if self == Form::Wide { wide } else { narrow }
    }
}

/// The colours, named by their use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Text.
    Ink,
    /// Secondary text and axes.
    Muted,
    /// Grid lines.
    Grid,
    /// The background of the page.
    Paper,
    /// Tokens that can win.
    Win,
    /// Tokens that can only tie.
    Tie,
    /// Tokens that cannot win.
    Lose,
    /// Undecided tokens.
    Open,
}

/// Each colour with its variable in the style sheet and its value on white paper.
const COLOURS: [(Colour, &str, &str); 8] = [
    (Colour::Ink, "var(--ink)", "#1c2330"),
    (Colour::Muted, "var(--muted)", "#566074"),
    (Colour::Grid, "var(--line)", "#dde2ea"),
    (Colour::Paper, "var(--card)", "#ffffff"),
    (Colour::Win, "var(--win)", "#2f6f8f"),
    (Colour::Tie, "var(--tie)", "#8a5a00"),
    (Colour::Lose, "var(--lose)", "#c02a4b"),
    (Colour::Open, "var(--open)", "#6b4fb3"),
];

impl Colour {
    /// The placeholder: a grey that differs from black by its index in the list.
    pub fn rgb(self) -> RGBColor {
        let place = COLOURS.iter().position(|c| c.0 == self).unwrap_or(0) as u8 + 1;
        RGBColor(place, place, place)
    }
}

/// A text style with a size in CSS pixels.
pub fn letters(size: u32, colour: Colour, h: HPos, v: VPos) -> TextStyle<'static> {
    // The backend divides sizes by 1.24.
    let font = ("sans-serif", f64::from(size) * 1.24).into_font();
    font.color(&colour.rgb()).pos(Pos::new(h, v))
}

/// Draws a picture with this width and height, in pixels, into a string.
pub fn draw(width: u32, height: u32, picture: impl FnOnce(&Area) -> Drawn) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
    // Drawing into a string cannot fail for lack of a device, and a half-drawn picture would be visible.
    let drawn = picture(&area).and_then(|()| area.present());
    debug_assert!(drawn.is_ok(), "{drawn:?}");
    drop(area);
    svg
}

/// Places of a picture, each with what a browser shows when the pointer rests there.
#[derive(Debug, Default)]
pub struct Hovers(String);

impl Hovers {
    /// Adds a place by two opposite corners in pixels.
    pub fn add(&mut self, one: (i32, i32), other: (i32, i32), says: &str) {
        let (x, y) = (one.0.min(other.0), one.1.min(other.1));
        let (width, height) = (one.0.abs_diff(other.0).max(1), one.1.abs_diff(other.1).max(1));
        self.0 += &format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"transparent\"><title>{}</title></rect>\n",
            escaped(says)
        );
    }

    /// Adds the place around a dot.
    pub fn around(&mut self, (x, y): (i32, i32), says: &str) {
        self.add((x - 7, y - 7), (x + 7, y + 7), says);
    }
}

/// [`draw`] with places that say their values, on top of all that is drawn.
pub fn draw_hovering(
    width: u32,
    height: u32,
    picture: impl FnOnce(&Area, &mut Hovers) -> Drawn,
) -> String {
    let mut hovers = Hovers::default();
    let svg = draw(width, height, |area| picture(area, &mut hovers));
    match svg.rfind("</svg>") {
        Some(end) => format!("{}{}{}", &svg[..end], hovers.0, &svg[end..]),
        None => svg,
    }
}

/// A name inside a label, isolated so that its writing direction does not affect the rest.
pub fn isolated(name: &str) -> String {
    format!("\u{2068}{name}\u{2069}")
}

/// The approximate upper bound of the width of a text in pixels.
pub fn width_of(text: &str, size: u32) -> i32 {
    let ems: f64 = text.chars().map(|c| if u32::from(c) < 0x1100 { 0.6 } else { 1.05 }).sum();
    (ems * f64::from(size)).ceil() as i32
}

/// A picture for a page: scalable, with colours as variables, and with a description.
pub fn inline(svg: &str, id: &str, title: &str, description: &str) -> String {
    let start = format!(
        "<svg viewBox=\"{}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n<title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        view_box(svg),
        escaped(title),
        escaped(description)
    );
    coloured(&start, svg, |c| c.1)
}

/// A picture as a file: on white, with a fixed size.
pub fn file(svg: &str, title: &str, description: &str) -> String {
    let view = view_box(svg);
    let size: Vec<&str> = view.split(' ').collect();
    let (width, height) = (size[2], size[3]);
    let start = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"{view}\" xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title><desc>{}</desc>\n\
         <style>text{{paint-order:stroke;stroke:#ffffff;stroke-width:3px}}</style><rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>",
        escaped(title),
        escaped(description)
    );
    coloured(&start, svg, |c| c.2)
}

/// The view box of an SVG.
fn view_box(svg: &str) -> &str {
    let box_of = |svg: &'_ str| -> Option<(usize, usize)> {
        let start = svg.find("viewBox=\"")? + 9;
        Some((start, start + svg[start..].find('"')?))
    };
    box_of(svg).map_or("0 0 0 0", |(start, end)| &svg[start..end])
}

/// Replaces the first tag and the placeholders of an SVG, and removes the font, which the page chooses.
fn coloured(
    start: &str,
    svg: &str,
    value: impl Fn(&(Colour, &'static str, &'static str)) -> &'static str,
) -> String {
    let body = svg.find('>').map_or("", |end| &svg[end + 1..]);
    let mut out = format!("{start}{}", body.replace("font-family=\"sans-serif\" ", ""));
    // Only attributes are replaced, because the quotes in a token's text are escaped.
    for entry in &COLOURS {
        let RGBColor(r, g, b) = entry.0.rgb();
        let placeholder = format!("\"#{r:02X}{g:02X}{b:02X}\"");
        out = out.replace(&placeholder, &format!("\"{}\"", value(entry)));
    }
    out.replace(" opacity=\"1\"", "")
}

/// Escapes text for XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hostile() -> String {
        draw(100, 50, |area| {
            let style = letters(12, Colour::Lose, HPos::Left, VPos::Top);
            area.draw(&Text::new("</svg><script>\"#010101\"&", (0, 0), style))
        })
    }

    #[test]
    fn a_token_in_a_picture_is_text() {
        for svg in [inline(&hostile(), "x", "<t>", "<d>"), file(&hostile(), "<t>", "<d>")] {
            assert!(svg.contains("&lt;/svg&gt;&lt;script&gt;&quot;#010101&quot;&amp;"), "{svg}");
            assert!(!svg.contains("<script") && !svg.contains("<t>"), "{svg}");
        }
    }

    #[test]
    fn a_place_says_its_value_and_a_token_there_is_text() {
        let svg = draw_hovering(100, 50, |_, hovers| {
            hovers.add((30, 20), (10, 5), "</title><b>: 3");
            Ok(())
        });
        let place = "<rect x=\"10\" y=\"5\" width=\"20\" height=\"15\" fill=\"transparent\"><title>&lt;/title&gt;&lt;b&gt;: 3</title></rect>\n</svg>";
        assert!(inline(&svg, "x", "", "").contains(place), "{svg}");
    }

    #[test]
    fn placeholders_become_variables_on_a_page_and_colours_in_a_file() {
        let (page, file) = (inline(&hostile(), "x", "", ""), file(&hostile(), "", ""));
        assert!(page.contains("fill=\"var(--lose)\"") && page.contains("viewBox=\"0 0 100 50\""));
        assert!(!page.contains("width="), "{page}");
        assert!(file.contains("fill=\"#c02a4b\"") && file.contains("width=\"100\""), "{file}");
    }
}
