//! An axis of a picture: a range of numbers with given marks.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::ticks::Mark;

/// The numbers from `lo` to `hi`, with marks at given positions.
#[derive(Clone, Debug)]
pub struct Scale {
    lo: f64,
    hi: f64,
    marks: Vec<Mark>,
}

impl Scale {
    /// An axis with these ends, `lo < hi`, and these marks.
    pub fn new((lo, hi): (f64, f64), marks: Vec<Mark>) -> Self {
        Scale { lo, hi, marks }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.lo) / (self.hi - self.lo);
        let place = f64::from(to - from) * share;
        // The position may be off the axis, but must be within the range of the backend.
        let place = if place.is_nan() { 0.0 } else { place.clamp(-1e6, 1e6) };
        // A position that is a whole pixel up to rounding stays on that pixel.
        from + if to > from { (place + 1e-3).floor() } else { (place - 1e-3).ceil() } as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.marks.iter().map(|mark| mark.0).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.lo..self.hi
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let mark = self.marks.iter().find(|mark| mark.0 == *value);
        mark.map_or_else(String::new, |mark| mark.1.clone())
    }
}
