//! Measurements of tokens beyond their verdicts, if they were requested: proved intervals, and the number formats
//! whose rounding a lead survives. A table without their columns belongs to an audit that did not measure them.

pub use crate::certify::survival::Format;
use crate::report::columns::{Column, Places};

/// Two proved bounds of a number, either perhaps infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound, not below `low`.
    pub high: f64,
}

/// Two proved bounds of a best rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankInterval {
    /// The lower bound, at least 1.
    pub low: u32,
    /// The upper bound, not below `low`.
    pub high: u32,
}

impl RankInterval {
    /// One number if it is exact, else `3 to 17`.
    pub fn in_words(self) -> String {
        match self.low == self.high {
            true => self.low.to_string(),
            false => format!("{} to {}", self.low, self.high),
        }
    }
}

/// What was measured of one token.
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
    /// The least length of a change of the token's own row that would let it win, in the unit of the rows.
    pub move_needed: Option<Interval>,
    /// A proved upper bound of the probability that a softmax of the logits gives to the token at any state; `None` where
    /// nothing bounds it, as for tokens that can win and were not measured.
    pub max_probability: Option<f64>,
    /// A probability that the token has at some state, if that was measured.
    pub max_probability_low: Option<f64>,
    /// The best rank, where rank 1 is a strict win.
    pub best_rank: Option<RankInterval>,
}

impl Measured {
    /// The measurements of a line, or which of them is none.
    pub(super) fn of(places: &Places, record: &csv::StringRecord) -> Result<Self, String> {
        let at = |column: Column| places.text(record, column);
        let bad = |column: Column| format!("`{}` is not a valid {}", at(column), column.name());
        let end = |column: Column| match at(column) {
            "" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(x) if !x.is_nan() => Ok(Some(x)),
                _ => Err(bad(column)),
            },
        };
        let interval = |low: Column, high: Column| match (end(low)?, end(high)?) {
            (None, None) => Ok(None),
            (Some(low), Some(high)) if low <= high => Ok(Some(Interval { low, high })),
            _ => Err(format!(
                "`{}` and `{}` are not a valid {} and {} of one number",
                at(low),
                at(high),
                low.name(),
                high.name()
            )),
        };
        let share = |column: Column| match end(column)? {
            Some(x) if !(0.0..=1.0).contains(&x) => Err(bad(column)),
            share => Ok(share),
        };
        let rank = |column: Column| match at(column) {
            "" => Ok(None),
            text => text.parse::<u32>().map(Some).map_err(|_| bad(column)),
        };
        let (low, high) = (Column::BestRankLow, Column::BestRankHigh);
        let best_rank = match (rank(low)?, rank(high)?) {
            (None, None) => None,
            (Some(low), Some(high)) if 1 <= low && low <= high => Some(RankInterval { low, high }),
            _ => {
                return Err(format!(
                    "`{}` and `{}` are not a valid {} and {} of one rank",
                    at(low),
                    at(high),
                    low.name(),
                    high.name()
                ));
            }
        };
        let format = |name: &str| Format::ALL.into_iter().find(|format| format.name() == name);
        let survives = at(Column::Survives).split_ascii_whitespace().map(format);
        Ok(Measured {
            effort: interval(Column::EffortLow, Column::EffortHigh)?,
            margin: interval(Column::MarginLow, Column::MarginHigh)?,
            survives: survives.collect::<Option<_>>().ok_or_else(|| bad(Column::Survives))?,
            bias_needed: interval(Column::BiasNeededLow, Column::BiasNeededHigh)?,
            move_needed: interval(Column::MoveNeededLow, Column::MoveNeededHigh)?,
            max_probability: share(Column::MaxProbability)?,
            max_probability_low: share(Column::MaxProbabilityLow)?,
            best_rank,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str, line: &str) -> Result<Measured, String> {
        let record = |text: &str| csv::StringRecord::from(text.split(',').collect::<Vec<_>>());
        Measured::of(&Places::anywhere(&record(header)), &record(line))
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
        let ranks = read("best_rank_low,best_rank_high", "3,17").unwrap();
        assert_eq!(ranks.best_rank, Some(RankInterval { low: 3, high: 17 }));
    }

    #[test]
    fn what_is_no_measurement_is_named() {
        let header = "effort_low,effort_high,survives";
        for (line, says) in [
            ("x,1,", "`x` is not a valid effort_low"),
            ("0,nan,", "`nan` is not a valid effort_high"),
            ("2,1,", "`2` and `1` are not a valid effort_low and effort_high of one number"),
            ("0.5,,", "`0.5` and `` are not a valid effort_low"),
            ("0,1,f8", "`f8` is not a valid survives"),
        ] {
            assert_eq!(&read(header, line).unwrap_err()[..says.len()], says);
        }
        for (line, says) in [
            ("0,3", "`0` and `3` are not a valid best_rank_low and best_rank_high of one rank"),
            ("4,3", "`4` and `3` are not a valid best_rank_low"),
            ("2,", "`2` and `` are not a valid best_rank_low"),
            ("1.5,2", "`1.5` is not a valid best_rank_low"),
        ] {
            let said = read("best_rank_low,best_rank_high", line).unwrap_err();
            assert_eq!(&said[..says.len()], says);
        }
    }
}
