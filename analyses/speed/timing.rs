//! Several runs of one thing.

/// Seconds of several runs, in no order.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    seconds: Vec<f64>,
}

impl Timing {
    pub fn new(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Timing { seconds }
    }

    pub fn runs(&self) -> usize {
        self.seconds.len()
    }

    /// NaN without runs.
    pub fn median(&self) -> f64 {
        let (n, s) = (self.seconds.len(), &self.seconds);
        if n == 0 { f64::NAN } else { (s[(n - 1) / 2] + s[n / 2]) / 2.0 }
    }

    pub fn min(&self) -> f64 {
        self.seconds.first().copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.seconds.last().copied().unwrap_or(f64::NAN)
    }
}

/// Seconds as people read them: `12 ms`, `3.4 s`, `5 min`, `7 h`, `8 days`.
pub fn text(seconds: f64) -> String {
    let digits = |x: f64| if x < 9.95 { format!("{x:.1}") } else { format!("{x:.0}") };
    match seconds {
        s if s.is_nan() => "-".to_owned(),
        s if s < 1e-3 => format!("{} µs", digits(s * 1e6)),
        s if s < 0.9995 => format!("{} ms", digits(s * 1e3)),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{} s", digits(s)),
        s if s < 7200.0 => format!("{} min", digits(s / 60.0)),
        s if s < 172_800.0 => format!("{} h", digits(s / 3600.0)),
        s => format!("{} days", digits(s / 86400.0)),
    }
}

/// A ratio in two digits or more.
pub fn ratio(x: f64) -> String {
    match x {
        x if x.is_nan() => "-".to_owned(),
        x if x < 0.0995 => format!("{x:.3}"),
        x if x < 9.95 => format!("{x:.2}"),
        x => format!("{x:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_two() {
        assert_eq!(Timing::new(vec![3.0, 1.0, 2.0]).median(), 2.0);
        let even = Timing::new(vec![4.0, 1.0, 2.0, 3.0]);
        assert_eq!((even.median(), even.min(), even.max()), (2.5, 1.0, 4.0));
        assert!(Timing::default().median().is_nan());
    }

    #[test]
    fn seconds_read_in_the_unit_that_fits() {
        let all = [2e-5, 0.0123, 0.9996, 3.456, 45.0, 300.0, 9000.0, 1e6].map(text);
        assert_eq!(
            all,
            ["20 µs", "12 ms", "1.00 s", "3.46 s", "45 s", "5.0 min", "2.5 h", "12 days"]
        );
    }
}
