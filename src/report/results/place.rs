//! How the row of a token lies among all rows, as `verdicts.csv` states it.

use crate::causes::Cause;
use crate::report::columns::{Column, Places};

/// The place of a row. All fields are empty in a table of an earlier version.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// What about the row explains that its token cannot win alone.
    pub cause: Option<Cause>,
    /// The first row of its cluster of near-equal rows.
    pub cluster: Option<u32>,
    /// Its distance from the mean of all rows, as a share of the median of these distances.
    pub mean_distance: Option<f64>,
}

impl Place {
    /// The place of a line, or which field of it is wrong.
    pub(super) fn of(places: &Places, record: &csv::StringRecord) -> Result<Self, String> {
        let at = |column: Column| Some(places.text(record, column)).filter(|text| !text.is_empty());
        let bad = |column: Column, text: &str| format!("`{text}` is not a valid {}", column.name());
        let cause = at(Column::Cause)
            .map(|text| Cause::named(text).ok_or_else(|| bad(Column::Cause, text)));
        let cluster =
            at(Column::Cluster).map(|text| text.parse().map_err(|_| bad(Column::Cluster, text)));
        let mean_distance = at(Column::MeanDistance).map(|text| {
            let number = text.parse::<f64>().ok().filter(|x| *x >= 0.0);
            number.ok_or_else(|| bad(Column::MeanDistance, text))
        });
        Ok(Place {
            cause: cause.transpose()?,
            cluster: cluster.transpose()?,
            mean_distance: mean_distance.transpose()?,
        })
    }
}
