//! Draws the distribution of proved intervals: one of their ends as bars, the other as a line.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Colour, Form, Hovers, draw_hovering, letters, width_of};
use super::chart::{self, Chart, chart};
use crate::report::results::measured::Interval;
use crate::report::ticks::{Kind, has_scale};
use crate::report::words::{grouped, number};

/// The number of bars.
const BINS: usize = 48;
/// Values more than this many times above or below the median are counted in the outermost bars.
const REACH: f64 = 1e4;
/// The axis is logarithmic if the upper end is at least this many times the 5 % quantile.
const LOGARITHMIC: f64 = 50.0;

/// A linear or logarithmic scale for values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// The ends of the scale: values, or their decimal logarithms.
    lo: f64,
    hi: f64,
    logarithmic: bool,
}

impl Axis {
    /// A scale for finite values and a value of special meaning; `None` if there is no value or no usable scale.
    pub fn over(values: impl Iterator<Item = f64>, mark: f64) -> Option<Axis> {
        let mut sorted: Vec<f64> = values.filter(|x| x.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (&first, &last) = (sorted.first()?, sorted.last()?);
        let (least, most) = (first.min(mark), last.max(mark));
        let positive = &sorted[sorted.partition_point(|x| *x <= 0.0)..];
        if first >= 0.0 && mark >= 0.0 && !positive.is_empty() {
            let middle = positive[positive.len() / 2];
            let bottom = if mark > 0.0 { positive[0].min(mark) } else { positive[0] };
            let (lo, hi) = (bottom.max(middle / REACH), most.min(middle * REACH));
            if hi / positive[positive.len() / 20].min(hi) > LOGARITHMIC {
                let (lo, hi) = (lo.log10().floor(), hi.log10().ceil());
                return Some(Axis { lo, hi, logarithmic: true });
            }
            return has_scale(0.0, hi).then_some(Axis { lo: 0.0, hi, logarithmic: false });
        }
        has_scale(least, most).then_some(Axis { lo: least, hi: most, logarithmic: false })
    }

    /// The position of a value, clamped to the scale.
    fn place(&self, value: f64) -> f64 {
        let scaled = if self.logarithmic { value.log10() } else { value };
        scaled.clamp(self.lo, self.hi)
    }

    /// Whether a value lies beyond an end of the scale.
    fn is_beyond(&self, value: f64) -> bool {
        let scaled = if self.logarithmic { value.log10() } else { value };
        !(self.lo..=self.hi).contains(&scaled)
    }

    /// The index of the bar that counts a value.
    fn bin(&self, value: f64) -> usize {
        let share = (self.place(value) - self.lo) / (self.hi - self.lo);
        ((share * BINS as f64) as usize).min(BINS - 1)
    }

    /// The number of values in each bar.
    fn counts(&self, values: impl Iterator<Item = f64>) -> [usize; BINS] {
        let mut counts = [0; BINS];
        values.filter(|x| x.is_finite()).for_each(|x| counts[self.bin(x)] += 1);
        counts
    }
}

/// The end of an interval that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The lower end.
    Low,
    /// The upper end.
    High,
}

impl End {
    /// That end of an interval.
    pub fn of(self, interval: &Interval) -> f64 {
        if self == End::Low { interval.low } else { interval.high }
    }
}

/// A group of tokens drawn in one colour.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name in the legend.
    pub name: &'static str,
    /// The colour of the bars.
    pub colour: Colour,
    /// The proved interval of each token.
    pub intervals: Vec<Interval>,
    /// The end that the bars show; the line shows the other end.
    pub end: End,
}

impl Group {
    /// The ends that the bars show, if they are finite.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.intervals.iter().map(|i| self.end.of(i)).filter(|x| x.is_finite())
    }
}

/// The content of a picture of a distribution.
#[derive(Clone, Debug)]
pub struct Distribution<'a> {
    /// The scale of the values.
    pub axis: Axis,
    /// The groups, stacked on each other; none is empty.
    pub groups: Vec<Group>,
    /// A value of special meaning, and its meaning.
    pub mark: Option<(f64, &'a str)>,
    /// The name of the values.
    pub what: &'a str,
    /// The name of what is counted.
    pub tokens: &'a str,
}

impl Distribution<'_> {
    /// Whether the ends of some interval lie in different bars.
    fn is_wide(&self) -> bool {
        self.groups.iter().flat_map(|g| &g.intervals).any(|i| {
            i.low.is_finite() && i.high.is_finite() && self.axis.bin(i.low) != self.axis.bin(i.high)
        })
    }

    /// Notes on the axis and the line, for the caption; starts with a blank.
    pub fn notes(&self) -> String {
        let mut notes = String::new();
        if self.is_wide() {
            notes += " The line counts the other ends of the proved intervals.";
        }
        if self.axis.logarithmic {
            notes += " The axis is logarithmic: equal steps along it are equal factors.";
        }
        if self.groups.iter().flat_map(Group::values).any(|x| self.axis.is_beyond(x)) {
            notes += " The first and the last bar also hold what is beyond them.";
        }
        notes
    }

    /// Lets each part of the axis say how many values of each group it has.
    fn say_counts(&self, chart: &Chart, hovers: &mut Hovers, bars: &[[usize; BINS]]) {
        let Axis { lo, hi, logarithmic } = self.axis;
        let edge = |bin: usize| lo + (hi - lo) / BINS as f64 * bin as f64;
        let value = |x: f64| number(if logarithmic { 10f64.powf(x) } else { x });
        for bin in 0..BINS {
            let counts = self.groups.iter().zip(bars).filter(|(_, counts)| counts[bin] > 0);
            let counts: Vec<String> = counts
                .map(|(group, counts)| format!("{} {}", grouped(counts[bin]), group.name))
                .collect();
            if counts.is_empty() {
                continue;
            }
            let ends = (edge(bin), edge(bin + 1));
            let says = format!("{} to {}: {}", value(ends.0), value(ends.1), counts.join(", "));
            chart::hover_column(chart, hovers, ends, (0.0, chart.y_range().end), &says);
        }
    }

    /// The picture as SVG.
    pub fn svg(&self, form: Form) -> String {
        draw_hovering(form.width(), form.pick(300, 270), |area, hovers| {
            let Axis { lo, hi, .. } = self.axis;
            let bars: Vec<[usize; BINS]> =
                self.groups.iter().map(|group| self.axis.counts(group.values())).collect();
            let other = |group: &Group| {
                let end = if group.end == End::Low { End::High } else { End::Low };
                group.intervals.iter().map(move |i| end.of(i)).collect::<Vec<_>>()
            };
            let line = self.axis.counts(self.groups.iter().flat_map(other));
            let sums = (0..BINS).map(|bin| bars.iter().map(|b| b[bin]).sum::<usize>());
            let most = sums.chain(line).max().unwrap_or(1).max(1);
            let across = chart::Axis {
                range: (lo, hi),
                kind: if self.axis.logarithmic { Kind::Decades } else { Kind::Numbers },
                most: form.pick(9, 5),
                name: self.what,
            };
            let up = chart::Axis::of_tokens(most, 5, form, self.tokens);
            let mut chart = chart(area, form, (40, form.pick(20, 18)), across, up)?;
            let step = (hi - lo) / BINS as f64;
            let edge = |bin: usize| lo + step * bin as f64;
            let mut below = [0usize; BINS];
            for (group, counts) in self.groups.iter().zip(&bars) {
                let filled: Vec<Rectangle<(f64, f64)>> = (0..BINS)
                    .filter(|&bin| counts[bin] > 0)
                    .map(|bin| {
                        let (from, to) = (below[bin] as f64, (below[bin] + counts[bin]) as f64);
                        let corners = [(edge(bin), from), (edge(bin + 1), to)];
                        let mut bar = Rectangle::new(corners, group.colour.rgb().filled());
                        bar.set_margin(0, 0, 0, 1);
                        bar
                    })
                    .collect();
                chart.draw_series(filled)?;
                below.iter_mut().zip(counts).for_each(|(below, n)| *below += n);
            }
            self.say_counts(&chart, hovers, &bars);
            if self.is_wide() {
                let steps = (0..BINS).flat_map(|bin| {
                    let y = line[bin] as f64;
                    [(edge(bin), y), (edge(bin + 1), y)]
                });
                chart.draw_series(LineSeries::new(steps, Colour::Ink.rgb().stroke_width(1)))?;
            }
            if let Some((value, meaning)) = self.mark.filter(|m| !self.axis.is_beyond(m.0)) {
                let at = self.axis.place(value);
                let ends = [(at, 0.0), (at, chart.y_range().end)];
                let dashed = Colour::Muted.rgb().stroke_width(1);
                chart.draw_series(DashedLineSeries::new(ends, 5, 4, dashed))?;
                let (x, _) = chart.backend_coord(&ends[1]);
                // To the right of the line, unless it would be cut there.
                let fits = width_of(meaning, 12) < form.width() as i32 - 8 - x;
                let side = if fits { HPos::Left } else { HPos::Right };
                let style = letters(12, Colour::Muted, side, VPos::Top);
                area.draw(&Text::new(meaning, (x, 22), style))?;
            }
            let mut x = form.left().0;
            for group in &self.groups {
                let style = letters(12, Colour::Ink, HPos::Left, VPos::Center);
                let swatch = [(x, 6), (x + 11, 17)];
                area.draw(&Rectangle::new(swatch, group.colour.rgb().filled()))?;
                area.draw(&Text::new(group.name, (x + 16, 12), style))?;
                x += 30 + width_of(group.name, 12);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64], mark: f64) -> Option<Axis> {
        Axis::over(values.iter().copied(), mark)
    }

    #[test]
    fn values_of_one_size_are_on_a_linear_scale_and_others_on_a_logarithmic_one() {
        assert_eq!(axis(&[0.5, 0.75], 1.0), Some(Axis { lo: 0.0, hi: 1.0, logarithmic: false }));
        assert_eq!(
            axis(&[0.0, 0.002, 0.5], 1.0),
            Some(Axis { lo: -3.0, hi: 0.0, logarithmic: true })
        );
        // A few small ones among many do not matter.
        let many = [&[1e-6][..], &[0.5; 40]].concat();
        assert_eq!(axis(&many, 1.0), Some(Axis { lo: 0.0, hi: 1.0, logarithmic: false }));
        assert_eq!(axis(&[-0.5, 2.0], 0.0), Some(Axis { lo: -0.5, hi: 2.0, logarithmic: false }));
    }

    #[test]
    fn no_scale_is_degenerate_or_endless() {
        for (values, mark) in [
            (&[][..], 1.0),
            (&[f64::INFINITY], 1.0),
            (&[0.0, 0.0], 0.0),
            (&[f64::MAX], 0.0),
            (&[f64::MIN_POSITIVE], 0.0),
            (&[f64::MIN, f64::MAX], 0.0),
            (&[5e-324], 0.0),
        ] {
            assert_eq!(axis(values, mark), None, "{values:?}");
        }
        for values in [&[1e-300, 0.5][..], &[0.5, 1e300], &[0.0, 5e-324, 0.5, 0.5], &[1.0 + 1e-15]]
        {
            let axis = axis(values, 1.0).unwrap();
            assert!(axis.hi - axis.lo <= 9.0 && axis.hi - axis.lo >= 1.0, "{axis:?}");
        }
    }

    #[test]
    fn what_is_beyond_the_scale_is_counted_in_the_bars_at_its_ends() {
        let axis = axis(&[1e-300, 0.5, 0.5, 1e300], 1.0).unwrap();
        let counts = axis.counts([1e-300, 0.0, 0.5, 1e300, f64::INFINITY].into_iter());
        assert_eq!((counts[0], counts[BINS - 1], counts.iter().sum::<usize>()), (2, 1, 4));
        assert!(axis.is_beyond(1e-300) && !axis.is_beyond(0.5));
    }
}
