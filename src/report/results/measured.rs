//! Measurements of tokens beyond their verdicts, if they were requested: proved intervals, and the number formats
//! whose rounding a lead survives. A table without their columns belongs to an audit that did not measure them.

/// Two proved bounds of a number; either may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound, not below `low`.
    pub high: f64,
}

/// A floating-point format in which programs store logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// bfloat16: 8 significant bits.
    Bf16,
    /// IEEE 754 binary16: 11 significant bits, at most 65504.
    F16,
    /// IEEE 754 binary32: 24 significant bits.
    F32,
}

impl Format {
    /// The formats, from coarse to fine.
    pub const ALL: [Format; 3] = [Format::Bf16, Format::F16, Format::F32];

    /// The name, as in the table.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bf16 => "bf16",
            Format::F16 => "f16",
            Format::F32 => "f32",
        }
    }
}

/// The measurements of one token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// The effort: the least length of a point where the token wins, as a share of the ball's radius; it can win if
    /// that is below 1.
    pub effort: Option<Interval>,
    /// The best lead of the token over all others in the ball, in logits; negative for tokens that cannot win.
    pub margin: Option<Interval>,
    /// The formats in which the token provably still leads at its best point when all logits are rounded. A missing
    /// format was not proved to be sufficient; without a margin none was tried.
    pub survives: Vec<Format>,
    /// The least raise of the token's own bias that would let it win, in logits.
    pub bias_needed: Option<Interval>,
}

/// The indices of the columns; `None` for columns that the table lacks.
pub(super) struct Columns([Option<usize>; 7]);

impl Columns {
    /// The columns of measurements, which a table may lack.
    const NAMES: [&str; 7] = [
        "effort_low",
        "effort_high",
        "margin_low",
        "margin_high",
        "survives",
        "bias_needed_low",
        "bias_needed_high",
    ];

    /// Finds the columns in the header.
    pub(super) fn find(header: &csv::StringRecord) -> Self {
        Columns(Self::NAMES.map(|name| header.iter().position(|h| h == name)))
    }

    /// Parses the measurements of a line; the error names a field that is invalid.
    pub(super) fn row(&self, record: &csv::StringRecord) -> Result<Measured, String> {
        let at = |column: usize| self.0[column].and_then(|i| record.get(i)).unwrap_or_default();
        let bad = |column: usize| format!("`{}` is no {}", at(column), Self::NAMES[column]);
        let end = |column: usize| match at(column) {
            "" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(x) if !x.is_nan() => Ok(Some(x)),
                _ => Err(bad(column)),
            },
        };
        let interval = |first: usize| match (end(first)?, end(first + 1)?) {
            (None, None) => Ok(None),
            (Some(low), Some(high)) if low <= high => Ok(Some(Interval { low, high })),
            _ => Err(format!(
                "`{}` and `{}` are no {} and {} of one number",
                at(first),
                at(first + 1),
                Self::NAMES[first],
                Self::NAMES[first + 1]
            )),
        };
        let format = |name: &str| Format::ALL.into_iter().find(|format| format.name() == name);
        let survives: Option<Vec<Format>> = at(4).split_ascii_whitespace().map(format).collect();
        Ok(Measured {
            effort: interval(0)?,
            margin: interval(2)?,
            survives: survives.ok_or_else(|| bad(4))?,
            bias_needed: interval(5)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, line: &str) -> Result<Measured, String> {
        let record = |text: &str| csv::StringRecord::from(text.split(',').collect::<Vec<_>>());
        Columns::find(&record(header)).row(&record(line))
    }

    #[test]
    fn intervals_and_formats_are_read_from_whatever_columns_there_are() {
        let header = "id,effort_low,effort_high,bias_needed_low,bias_needed_high,survives";
        let measured = read(header, "1,0.5,0.75,2e-3,inf,f16 f32").unwrap();
        assert_eq!(measured.effort, Some(Interval { low: 0.5, high: 0.75 }));
        assert_eq!(measured.bias_needed, Some(Interval { low: 2e-3, high: f64::INFINITY }));
        assert_eq!((measured.margin, measured.survives), (None, vec![Format::F16, Format::F32]));
        assert_eq!(read(header, "1,,,,,").unwrap(), Measured::default());
        assert_eq!(read("id", "1").unwrap(), Measured::default());
    }

    #[test]
    fn what_is_no_measurement_is_named() {
        let header = "effort_low,effort_high,survives";
        for (line, says) in [
            ("x,1,", "`x` is no effort_low"),
            ("0,nan,", "`nan` is no effort_high"),
            ("2,1,", "`2` and `1` are no effort_low and effort_high of one number"),
            ("0.5,,", "`0.5` and `` are no effort_low"),
            ("0,1,f8", "`f8` is no survives"),
        ] {
            assert_eq!(&read(header, line).unwrap_err()[..says.len()], says);
        }
    }
}
