//! Chooses the marks of a scale and their labels.
//!
//! Marks stand at round positions, multiples of 1, 2 or 5 times a power of ten. Their labels have as many digits as the
//! step between them, so that no two are alike and each names its position exactly.

/// The kind of numbers on a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any numbers.
    Numbers,
    /// Counts: only whole numbers are marked.
    Counts,
    /// Decimal logarithms: powers of ten are marked and labelled by their value.
    Decades,
    /// Binary logarithms of sizes: powers of two are marked and labelled by their value.
    Doublings,
}

/// A mark: its position on the scale and its label.
pub type Mark = (f64, String);

/// Ends closer than this share of the larger one are treated as equal.
const NARROW: f64 = 1e-9;

/// Whether marks between these ends can be distinguished in float64, well within its range.
pub fn has_scale(lo: f64, hi: f64) -> bool {
    let size = lo.abs().max(hi.abs());
    (1e-250..1e250).contains(&size) && hi - lo > NARROW * size
}

/// The same ends, moved apart if they are equal or nearly so; `None` if float64 has no room for marks between them.
pub fn widened(lo: f64, hi: f64) -> Option<(f64, f64)> {
    let size = lo.abs().max(hi.abs());
    let (lo, hi) = match size {
        0.0 => (0.0, 1.0),
        _ if hi - lo > NARROW * size => (lo, hi),
        _ => (lo - 0.05 * size, hi + 0.05 * size),
    };
    has_scale(lo, hi).then_some((lo, hi))
}

/// At most `most` marks from `lo` to `hi`, which [have a scale](has_scale), in rising order.
pub fn marks(kind: Kind, lo: f64, hi: f64, most: usize) -> Vec<Mark> {
    match kind {
        Kind::Numbers => round_numbers(lo, hi, most, i32::MIN),
        Kind::Counts => round_numbers(lo.max(0.0), hi, most, 0),
        Kind::Decades => powers(lo, hi, most, decade),
        Kind::Doublings => powers(lo, hi, most, doubling),
    }
}

/// The least number of the form 1, 2 or 5 times a power of ten that is not below `step`.
pub fn tidy(step: usize) -> usize {
    (0..)
        .flat_map(|power| [1, 2, 5].map(|lead| lead * 10usize.pow(power)))
        .find(|n| *n >= step)
        .unwrap_or(1)
}

/// The multiples in the range of the smallest round step, at least 10^`least`, that gives at most `most` of them.
fn round_numbers(lo: f64, hi: f64, most: usize, least: i32) -> Vec<Mark> {
    if most == 0 || !has_scale(lo, hi) {
        return Vec::new();
    }
    // The amount by which rounding may have moved the ends.
    let slack = (hi - lo) * 1e-9;
    let multiples = |lead: i64, exponent: i32| -> Vec<i64> {
        let step = decimal(lead, exponent);
        let inside = |n: &i64| {
            let at = decimal(*n, exponent);
            at >= lo - slack && at <= hi + slack
        };
        let all = (lo / step).floor() as i64..=(hi / step).ceil() as i64;
        all.map(|k| k * lead).filter(inside).take(most + 1).collect()
    };
    let from = ((hi - lo) / most as f64).log10().floor() as i32 - 1;
    for exponent in from.max(least)..=from.max(least) + 4 {
        for lead in [1, 2, 5] {
            let found = multiples(lead, exponent);
            if found.len() < 2 && lead == 5 {
                // The step from 2 to 5 would lose more than half of the marks, perhaps all; try 4.
                let fours = multiples(4, exponent);
                if (found.len() + 1..=most).contains(&fours.len()) {
                    return labelled(&fours, exponent);
                }
            }
            if found.len() <= most {
                return labelled(&found, exponent);
            }
        }
    }
    Vec::new()
}

/// `n 10^exponent`, correctly rounded.
fn decimal(n: i64, exponent: i32) -> f64 {
    format!("{n}e{exponent}").parse().unwrap_or(f64::NAN)
}

/// Marks at `n 10^exponent` with exact labels, either all plain or all with exponents.
fn labelled(numbers: &[i64], exponent: i32) -> Vec<Mark> {
    let labels = |of: fn(i64, i32) -> String| -> Vec<String> {
        numbers.iter().map(|&n| of(n, exponent)).collect()
    };
    let longest = |labels: &[String]| labels.iter().map(String::len).max().unwrap_or(0);
    let size = numbers.iter().map(|&n| decimal(n, exponent).abs()).fold(0.0, f64::max);
    let (plain, powers) =
        (if exponent.abs() < 40 { Some(labels(plain)) } else { None }, labels(with_exponent));
    let labels = match plain {
        Some(plain) if (1e-4..1e6).contains(&size) || longest(&plain) <= longest(&powers) => plain,
        _ => powers,
    };
    numbers.iter().map(|&n| decimal(n, exponent)).zip(labels).collect()
}

/// A decimal number without exponent: `-0.25`, `1200`.
fn plain(n: i64, exponent: i32) -> String {
    let sign = if n < 0 { "-" } else { "" };
    let digits = n.unsigned_abs().to_string();
    match exponent {
        _ if n == 0 => "0".to_owned(),
        0.. => format!("{sign}{digits}{}", "0".repeat(exponent as usize)),
        _ => {
            let decimals = exponent.unsigned_abs() as usize;
            let digits = format!("{digits:0>width$}", width = decimals + 1);
            let (whole, part) = digits.split_at(digits.len() - decimals);
            format!("{sign}{whole}.{part}")
        }
    }
}

/// A decimal number with exponent: `-2.5e-7`, `1e30`.
fn with_exponent(n: i64, exponent: i32) -> String {
    if n == 0 {
        return "0".to_owned();
    }
    let sign = if n < 0 { "-" } else { "" };
    let digits = n.unsigned_abs().to_string();
    let exponent = exponent + digits.len() as i32 - 1;
    let (lead, rest) = digits.split_at(1);
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{lead}{point}{rest}e{exponent}")
}

/// Marks at whole logarithms, or at every 2nd, 5th, 10th and so on of them.
fn powers(lo: f64, hi: f64, most: usize, label: fn(i32) -> String) -> Vec<Mark> {
    let (first, last) = ((lo - 1e-9).ceil() as i32, (hi + 1e-9).floor() as i32);
    let strides = (0..5).flat_map(|power| [1, 2, 5].map(|lead| lead * 10i32.pow(power)));
    let with = |stride: i32| (first..=last).filter(move |e| e.rem_euclid(stride) == 0);
    let stride = strides.into_iter().find(|&stride| with(stride).count() <= most);
    let Some(stride) = stride else { return Vec::new() };
    with(stride).map(|exponent| (f64::from(exponent), label(exponent))).collect()
}

/// The label of a power of ten: `0.001`, `10000`, `1e5`.
fn decade(exponent: i32) -> String {
    if (-3..=4).contains(&exponent) { plain(1, exponent) } else { with_exponent(1, exponent) }
}

/// The label of a power of two: `64`, `8k` for 8192, `1M` for 1024k; outside the units `2^n`.
fn doubling(exponent: i32) -> String {
    let units = ["", "k", "M", "G", "T"];
    match usize::try_from(exponent).ok().and_then(|e| Some((e, units.get(e / 10)?))) {
        Some((exponent, unit)) => format!("{}{unit}", 1u32 << (exponent % 10)),
        None => format!("2^{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn labels(kind: Kind, lo: f64, hi: f64, most: usize) -> Vec<String> {
        marks(kind, lo, hi, most).into_iter().map(|mark| mark.1).collect()
    }

    /// What every scale has: rising marks inside it, labels that differ and name their positions.
    fn check(lo: f64, hi: f64, most: usize, marks: &[Mark]) -> Result<(), TestCaseError> {
        prop_assert!(marks.len() <= most, "{marks:?}");
        let distinct: HashSet<&str> = marks.iter().map(|m| m.1.as_str()).collect();
        prop_assert_eq!(distinct.len(), marks.len(), "{:?}", marks);
        prop_assert!(marks.windows(2).all(|w| w[0].0 < w[1].0), "{marks:?}");
        for (at, label) in marks {
            prop_assert!(*at >= lo - (hi - lo) * 1e-8 && *at <= hi + (hi - lo) * 1e-8, "{label}");
            prop_assert_eq!(label.parse::<f64>().unwrap(), *at, "{}", label);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn labels_differ_and_name_their_positions(
            lead in -10.0f64..10.0,
            size in -240i32..240,
            narrow in 0.0f64..8.9,
            most in 2usize..12,
        ) {
            let lo = lead * 10f64.powi(size);
            let hi = lo + lo.abs().max(10f64.powi(size)) * 10f64.powf(-narrow);
            prop_assume!(has_scale(lo, hi));
            let marks = marks(Kind::Numbers, lo, hi, most);
            check(lo, hi, most, &marks)?;
            prop_assert!(marks.len() >= most.min(3) - 1, "{lo} {hi} {most} {marks:?}");
        }

        #[test]
        fn counts_are_marked_at_whole_numbers_alone(
            lo in 0u64..1_000_000,
            wide in 0.0f64..7.0,
            most in 1usize..12,
        ) {
            let (lo, hi) = (lo as f64, lo as f64 + 10f64.powf(wide));
            let marks = marks(Kind::Counts, lo, hi, most);
            check(lo, hi, most, &marks)?;
            prop_assert!(!marks.is_empty() && marks.iter().all(|m| m.0.fract() == 0.0), "{marks:?}");
        }

        #[test]
        fn powers_are_marked_at_whole_exponents_alone(
            lo in -250.0f64..250.0,
            wide in 0.0f64..40.0,
            most in 1usize..12,
        ) {
            for kind in [Kind::Decades, Kind::Doublings] {
                let marks = marks(kind, lo, lo + wide, most);
                let distinct: HashSet<&str> = marks.iter().map(|m| m.1.as_str()).collect();
                prop_assert!(marks.len() <= most && distinct.len() == marks.len(), "{marks:?}");
                prop_assert!(marks.iter().all(|m| m.0.fract() == 0.0 && m.0 >= lo - 1e-8));
                for (at, label) in marks.iter().filter(|_| kind == Kind::Decades) {
                    let value: f64 = label.parse().unwrap();
                    prop_assert!((value.log10() - at).abs() < 1e-9, "{label} at {at}");
                }
            }
        }
    }

    #[test]
    fn digits_are_as_many_as_the_step_needs() {
        let numbers = |lo, hi, most| labels(Kind::Numbers, lo, hi, most);
        assert_eq!(numbers(1.0295, 1.0342, 8), ["1.030", "1.031", "1.032", "1.033", "1.034"]);
        assert_eq!(numbers(0.0, 1.0, 9), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(numbers(-2.5e-7, 2.5e-7, 5), ["-2e-7", "-1e-7", "0", "1e-7", "2e-7"]);
        assert_eq!(numbers(1e-30, 3e-30, 3), ["1e-30", "2e-30", "3e-30"]);
        assert_eq!(numbers(1e30, 1.5e30, 3), ["1e30", "1.2e30", "1.4e30"]);
        assert_eq!(numbers(1.0, 1.000000005, 3), ["1.000000000", "1.000000002", "1.000000004"]);
        assert_eq!(numbers(-40.0, -10.0, 4), ["-40", "-30", "-20", "-10"]);
        assert_eq!(numbers(0.0, 250_000.0, 3), ["0", "100000", "200000"]);
        assert_eq!(numbers(0.0, 3e6, 4), ["0", "1e6", "2e6", "3e6"]);
    }

    #[test]
    fn there_is_no_half_token() {
        assert_eq!(labels(Kind::Counts, 0.0, 1.2, 5), ["0", "1"]);
        assert_eq!(labels(Kind::Counts, 0.0, 3.18, 5), ["0", "1", "2", "3"]);
        assert_eq!(labels(Kind::Counts, 1000.0, 1001.0, 8), ["1000", "1001"]);
        assert_eq!(labels(Kind::Counts, 0.0, 51864.0, 5), ["0", "20000", "40000"]);
    }

    #[test]
    fn decades_and_doublings_are_thinned_evenly() {
        assert_eq!(labels(Kind::Decades, -3.0, 1.0, 9), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(Kind::Decades, -8.0, 0.0, 5), ["1e-8", "1e-6", "1e-4", "0.01", "1"]);
        assert_eq!(labels(Kind::Doublings, 9.8, 13.2, 9), ["1k", "2k", "4k", "8k"]);
        assert_eq!(labels(Kind::Doublings, 8.0, 24.0, 3), ["1k", "32k", "1M"]);
    }

    #[test]
    fn one_value_has_a_scale_around_it() {
        for value in [1.0, -3.0, 1e-200, 1e200, 7.000000001] {
            let (lo, hi) = widened(value, value).unwrap();
            assert!(lo < value && value < hi);
            let marks = marks(Kind::Numbers, lo, hi, 8);
            assert!(marks.len() > 2, "{value}: {marks:?}");
        }
        assert_eq!(widened(0.0, 0.0), Some((0.0, 1.0)));
        assert_eq!(widened(1.0, 1.0 + 1e-8), Some((1.0, 1.0 + 1e-8)));
        for (lo, hi) in [(1e300, 1e300), (f64::MIN, f64::MAX), (0.0, 5e-324), (f64::NAN, 1.0)] {
            assert_eq!(widened(lo, hi), None, "{lo} {hi}");
        }
    }
}
