//! Proved intervals in the page's data, as a column of lower ends and a column of upper ends.

use serde::Serialize;

use crate::report::results::measured::Interval;
use crate::report::results::verdicts::Row;

/// The intervals of some rows.
#[derive(Serialize)]
pub struct Spans {
    /// The indices of those rows in the table; `None` if they are all rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<u32>>,
    low: Vec<End>,
    high: Vec<End>,
}

/// An end of an interval. JSON has no infinity; the script's `Number` accepts its name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum End {
    Finite(f64),
    Infinite(&'static str),
}

impl Spans {
    /// The intervals of the rows, rounded outward to five digits; `None` if no row has one.
    pub fn of(rows: &[Row], interval: impl Fn(&Row) -> Option<Interval>) -> Option<Spans> {
        let (places, intervals): (Vec<u32>, Vec<Interval>) = rows
            .iter()
            .enumerate()
            .filter_map(|(place, row)| Some((place as u32, interval(row)?)))
            .unzip();
        (!intervals.is_empty()).then(|| Spans {
            rows: (places.len() < rows.len()).then_some(places),
            low: intervals.iter().map(|i| End::below(i.low)).collect(),
            high: intervals.iter().map(|i| End::above(i.high)).collect(),
        })
    }
}

impl End {
    /// The greatest number of five digits that is not above `x`.
    fn below(x: f64) -> End {
        match End::above(-x) {
            // Avoid -0, which would be shown.
            End::Finite(0.0) => End::Finite(0.0),
            End::Finite(x) => End::Finite(-x),
            End::Infinite("Infinity") => End::Infinite("-Infinity"),
            End::Infinite(_) => End::Infinite("Infinity"),
        }
    }

    /// The least number of five digits that is not below `x`.
    fn above(x: f64) -> End {
        let rounded: f64 = format!("{x:.4e}").parse().unwrap_or(x);
        if rounded == f64::INFINITY {
            return End::Infinite("Infinity");
        }
        if x == f64::NEG_INFINITY {
            return End::Infinite("-Infinity");
        }
        if rounded >= x {
            return End::Finite(rounded);
        }
        // Add one unit of the last digit.
        let scientific = format!("{x:.16e}");
        let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok());
        let step: f64 = format!("1e{}", exponent.unwrap_or(0) - 4).parse().unwrap_or(0.0);
        let next = format!("{:.4e}", rounded + step).parse().unwrap_or(x);
        End::Finite(if next >= x { next } else { x })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_digits_are_rounded_outward() {
        for (x, below, above) in [
            (0.5, 0.5, 0.5),
            (0.0, 0.0, 0.0),
            (0.123456789, 0.12345, 0.12346),
            (-0.123456789, -0.12346, -0.12345),
            (9.99996, 9.9999, 10.0),
            (1e-300 / 3.0, 3.3333e-301, 3.3334e-301),
        ] {
            assert_eq!((End::below(x), End::above(x)), (End::Finite(below), End::Finite(above)));
        }
        assert_eq!(End::above(f64::MAX), End::Infinite("Infinity"));
        assert_eq!(End::below(f64::MAX), End::Finite(f64::MAX));
        assert_eq!(End::below(f64::INFINITY), End::Infinite("Infinity"));
        assert_eq!(End::below(f64::NEG_INFINITY), End::Infinite("-Infinity"));
        let End::Finite(zero) = End::below(0.0) else { panic!() };
        assert!(zero.is_sign_positive());
    }
}
