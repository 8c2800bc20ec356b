//! An axis: from numbers to pixels, and its marks.

use anyhow::{Result, ensure};

/// An axis before its points are known.
#[derive(Clone, Debug)]
pub struct Axis {
    /// With its unit.
    pub name: String,
    is_log: bool,
    /// Numbers that lie on the axis in any case.
    within: Vec<f64>,
    /// What stands at 1, 2, ... from the top down, if the axis has names in place of numbers.
    names: Vec<String>,
}

impl Axis {
    pub fn linear(name: &str) -> Self {
        Axis { name: name.to_owned(), is_log: false, within: Vec::new(), names: Vec::new() }
    }

    /// A linear axis that begins at 0.
    pub fn from_zero(name: &str) -> Self {
        Axis::linear(name).with(0.0)
    }

    pub fn log(name: &str) -> Self {
        Axis { is_log: true, ..Axis::linear(name) }
    }

    /// A vertical axis of names: the first, at 1, is at the top.
    pub fn of_names(names: Vec<String>) -> Self {
        Axis { names, ..Axis::linear("") }
    }

    /// The pixels that the labels beside a vertical axis need.
    pub fn label_width(&self) -> i32 {
        let longest = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        (longest as f64 * 6.6) as i32 + 12
    }

    /// With this number on the axis.
    pub fn with(mut self, number: f64) -> Self {
        self.within.push(number);
        self
    }

    /// The axis for these numbers between two pixels.
    pub fn scaled(
        &self,
        numbers: impl Iterator<Item = f64>,
        (from, to): (i32, i32),
    ) -> Result<Scaled> {
        if !self.names.is_empty() {
            let (low, high, names) = (self.names.len() as f64 + 0.5, 0.5, self.names.clone());
            return Ok(Scaled { is_log: false, low, high, from, to, names });
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for x in numbers.chain(self.within.iter().copied()) {
            ensure!(x.is_finite() && (!self.is_log || x > 0.0), "{x} on the axis {:?}", self.name);
            let x = if self.is_log { x.log10() } else { x };
            (low, high) = (low.min(x), high.max(x));
        }
        let room = if high > low { 0.04 * (high - low) } else { 0.5 };
        let fixed = |x: f64| !self.is_log && self.within.contains(&x);
        let (low, high) = (
            if fixed(low) { low } else { low - room },
            if fixed(high) && high > low { high } else { high + room },
        );
        Ok(Scaled { is_log: self.is_log, low, high, from, to, names: Vec::new() })
    }
}

/// An axis of the page.
pub struct Scaled {
    is_log: bool,
    low: f64,
    high: f64,
    from: i32,
    to: i32,
    names: Vec<String>,
}

impl Scaled {
    /// The pixel of a number.
    pub fn place(&self, x: f64) -> i32 {
        self.pixel(if self.is_log { x.log10() } else { x })
    }

    fn pixel(&self, x: f64) -> i32 {
        let part = (x - self.low) / (self.high - self.low);
        self.from + (part * f64::from(self.to - self.from)).round() as i32
    }

    /// Pixels and labels of at most so many marks.
    pub fn marks(&self, most: usize) -> Vec<(i32, String)> {
        if !self.names.is_empty() {
            let name = |(i, name): (i32, &String)| (self.pixel(f64::from(i)), name.clone());
            return (1..).zip(&self.names).map(name).collect();
        }
        let marks = if self.is_log { self.powers(most) } else { self.steps(most) };
        marks.into_iter().map(|(x, label)| (self.pixel(x), label)).collect()
    }

    /// Marks at multiples of 1, 2 or 5 times a power of ten.
    fn steps(&self, most: usize) -> Vec<(f64, String)> {
        let (low, high) = (self.low, self.high);
        let power = ((high - low) / most as f64).log10().floor() as i32;
        let sizes = (power..=power + 1).flat_map(|p| [(1.0, p), (2.0, p), (5.0, p)]);
        let (step, digits) = sizes
            .map(|(m, p)| (m * 10f64.powi(p), usize::try_from(-p).unwrap_or(0)))
            .find(|(step, _)| ((high - low) / step).floor() < most as f64)
            .unwrap_or((high - low, 2));
        let (first, last) =
            ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
        (first..=last).map(|i| (i as f64 * step, format!("{:.digits$}", i as f64 * step))).collect()
    }

    /// Marks at powers of ten, with 2 and 5 between them where there is room; values of the axis are logarithms.
    fn powers(&self, most: usize) -> Vec<(f64, String)> {
        let label = |m: f64, p: i32| match p {
            0..5 => format!("{:.0}", m * 10f64.powi(p)),
            -3..0 => format!("{:.*}", -p as usize, m * 10f64.powi(p)),
            _ if m == 1.0 => format!("1e{p}"),
            _ => format!("{m:.0}e{p}"),
        };
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let marks = |within: &[f64], every: i32| -> Vec<(f64, String)> {
            let powers = (first..=last).filter(|p| p % every == 0);
            let all =
                powers.flat_map(|p| within.iter().map(move |&m| (m.log10() + f64::from(p), m, p)));
            let seen = all.filter(|(x, ..)| (self.low - 1e-9..=self.high + 1e-9).contains(x));
            seen.map(|(x, m, p)| (x, label(m, p))).collect()
        };
        let ways: [(&[f64], i32); 6] = [
            (&[1.0, 2.0, 5.0], 1),
            (&[1.0, 3.0], 1),
            (&[1.0], 1),
            (&[1.0], 2),
            (&[1.0], 5),
            (&[1.0], 20),
        ];
        let fits = |marks: &Vec<(f64, String)>| marks.len() <= most;
        ways.into_iter().map(|(within, every)| marks(within, every)).find(fits).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, numbers: &[f64], most: usize) -> Vec<String> {
        let scaled = axis.scaled(numbers.iter().copied(), (0, 300)).unwrap();
        scaled.marks(most).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_marks_are_round_numbers_within_the_axis() {
        assert_eq!(
            labels(&Axis::from_zero("x"), &[1.0], 6),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&Axis::from_zero("x"), &[90.0], 6), ["0", "20", "40", "60", "80"]);
    }

    #[test]
    fn logarithmic_marks_are_few_and_at_powers() {
        assert_eq!(labels(&Axis::log("x"), &[1.0, 1e4], 6), ["1", "10", "100", "1000", "10000"]);
        assert_eq!(labels(&Axis::log("x"), &[0.01, 0.1], 6), ["0.01", "0.02", "0.05", "0.1"]);
        assert_eq!(labels(&Axis::log("x"), &[1e-12, 1.0], 5).len(), 3);
    }

    #[test]
    fn names_stand_from_the_top_down() {
        let axis = Axis::of_names(vec!["one".to_owned(), "two".to_owned()]);
        let marks = axis.scaled([1.0].into_iter(), (100, 0)).unwrap().marks(9);
        assert_eq!(marks, [(25, "one".to_owned()), (75, "two".to_owned())]);
    }

    #[test]
    fn the_ends_of_an_axis_are_its_pixels() {
        let scaled = Axis::from_zero("x").with(10.0).scaled([5.0].into_iter(), (10, 110)).unwrap();
        assert_eq!((scaled.place(0.0), scaled.place(5.0), scaled.place(10.0)), (10, 60, 110));
    }
}
