//! Why tokens lose: how their rows lie among all rows of the head.
//!
//! Nothing here is proved, and no verdict depends on it: these are float64 sums over the stored rows, in one order, against
//! stated limits. The same head gives the same bits. [`RowLayout`] needs no audit; [`RowLayout::cause`] names what of it
//! explains a verdict.

mod clusters;

use crate::arithmetic::dot::Element;
use crate::arithmetic::rounding::power_of_two_near;
use crate::certify::Verdict;
use crate::head::Head;
use crate::parallel;
pub use clusters::Cluster;

/// Rows are near each other if their distance is at most this share of the median norm.
pub const NEAR: f64 = 1e-4;
/// A row is at the mean of all rows if its distance from it is at most this share of the median distance.
pub const AT_MEAN: f64 = 0.05;
/// A row is near the mean of all rows up to this share of the median distance.
pub const NEAR_MEAN: f64 = 0.5;
/// A row is short if its norm is at most this share of the median norm.
pub const SHORT: f64 = 0.5;
/// Rows of a cluster of at least this size look as if no training had moved them on their own.
pub const CROWD: usize = 8;

/// The number of rows that are summed in one task.
const PART: usize = 2048;

/// How the rows of a head lie: their norms, their distances from the mean of all rows, and clusters of near-equal rows.
#[derive(Clone, Debug)]
pub struct RowLayout {
    /// The ids of the rows, rising; all other rows are left out of every number here.
    ids: Vec<u32>,
    norms: Vec<f64>,
    median_norm: f64,
    /// Distances from the mean, as shares of their median.
    from_mean: Vec<f64>,
    clusters: Option<Vec<Cluster>>,
    /// For each row the number of its cluster, if it is in one.
    cluster_of: Vec<Option<u32>>,
}

/// What the place of its row says about why a token cannot win alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Another token has the same row, as far as hidden states of the domain can tell, and at least the same bias.
    EqualRows,
    /// All numbers of the row are zero.
    ZeroRow,
    /// The row is at the mean of all rows ([`AT_MEAN`]).
    MeanRow,
    /// The row is one of a cluster of near-equal rows ([`NEAR`]).
    NearEqualRows,
    /// The row is near the mean of all rows ([`NEAR_MEAN`]).
    NearMean,
    /// The row is short ([`SHORT`]).
    ShortRow,
}

impl Cause {
    /// All of them; where several apply, the first is named.
    pub const ALL: [Cause; 6] = [
        Cause::EqualRows,
        Cause::ZeroRow,
        Cause::MeanRow,
        Cause::NearEqualRows,
        Cause::NearMean,
        Cause::ShortRow,
    ];

    /// The name, as in `verdicts.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::EqualRows => "equal-rows",
            Cause::ZeroRow => "zero-row",
            Cause::NearEqualRows => "near-equal-rows",
            Cause::MeanRow => "mean-row",
            Cause::NearMean => "near-mean",
            Cause::ShortRow => "short-row",
        }
    }

    /// The cause of this name.
    pub fn named(name: &str) -> Option<Self> {
        Cause::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

impl RowLayout {
    /// Measures the rows of a head: all of them, or those that were `kept` (ids, rising) of an audit among some rows.
    pub fn of(head: &Head, kept: Option<&[u32]>) -> Self {
        let ids = kept.map_or_else(|| (0..head.tokens() as u32).collect(), <[u32]>::to_vec);
        let norms: Vec<f64> = parallel::map(ids.len(), &|i| head.row_norm(ids[i] as usize));
        let median_norm = median(norms.clone());
        let distances = distances_from_mean(head, &ids);
        let typical = median(distances.clone());
        let share = |x: f64| if x == 0.0 { 0.0 } else { x / typical };
        let clusters = clusters::of(head, &ids, NEAR * median_norm, median_norm);
        let mut cluster_of = vec![None; ids.len()];
        for (number, cluster) in clusters.iter().flatten().enumerate() {
            for id in &cluster.rows {
                if let Ok(place) = ids.binary_search(id) {
                    cluster_of[place] = Some(number as u32);
                }
            }
        }
        RowLayout {
            from_mean: distances.into_iter().map(share).collect(),
            ids,
            norms,
            median_norm,
            clusters,
            cluster_of,
        }
    }

    /// The ids of the rows that were measured, rising.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The median of the rows' Euclidean norms.
    pub fn median_norm(&self) -> f64 {
        self.median_norm
    }

    /// The clusters of near-equal rows, in the order of their first rows; `None` if comparing the rows would cost too much.
    pub fn clusters(&self) -> Option<&[Cluster]> {
        self.clusters.as_deref()
    }

    /// The cluster of a row, if it is in one.
    pub fn cluster(&self, id: u32) -> Option<&Cluster> {
        let number = self.cluster_of[self.place(id)?]?;
        self.clusters.as_ref()?.get(number as usize)
    }

    /// The norm of a row as a share of the median norm; `None` for a row that was not measured.
    pub fn norm(&self, id: u32) -> Option<f64> {
        let norm = self.norms[self.place(id)?];
        Some(if norm == 0.0 { 0.0 } else { norm / self.median_norm })
    }

    /// The distance of a row from the mean of all rows, as a share of the median of these distances; `None` for a row that
    /// was not measured.
    pub fn from_mean(&self, id: u32) -> Option<f64> {
        Some(self.from_mean[self.place(id)?])
    }

    /// What of its place explains a verdict: of a tied or lost token, `None` for others and where nothing stands out.
    pub fn cause(&self, id: u32, verdict: &Verdict) -> Option<Cause> {
        match verdict {
            Verdict::Tied(_) => Some(Cause::EqualRows),
            Verdict::Unargmaxable(_) if verdict.proof() == "equal-row" => Some(Cause::EqualRows),
            Verdict::Unargmaxable(_) => self.trait_of(id),
            _ => None,
        }
    }

    /// What stands out about a row, whatever the verdict on its token.
    pub fn trait_of(&self, id: u32) -> Option<Cause> {
        let (norm, from_mean) = (self.norm(id)?, self.from_mean(id)?);
        if norm == 0.0 {
            Some(Cause::ZeroRow)
        } else if from_mean <= AT_MEAN {
            Some(Cause::MeanRow)
        } else if self.cluster(id).is_some() {
            Some(Cause::NearEqualRows)
        } else if from_mean <= NEAR_MEAN {
            Some(Cause::NearMean)
        } else {
            (norm <= SHORT).then_some(Cause::ShortRow)
        }
    }

    /// Whether a row looks as if training had never moved it on its own: it is zero, at the mean of all rows, or one of a
    /// cluster of [`CROWD`] or more.
    pub fn looks_untrained(&self, id: u32) -> bool {
        match self.trait_of(id) {
            Some(Cause::ZeroRow | Cause::MeanRow) => true,
            Some(Cause::NearEqualRows) => {
                self.cluster(id).is_some_and(|cluster| cluster.rows.len() >= CROWD)
            }
            _ => false,
        }
    }

    /// The place of a row among the measured ones.
    fn place(&self, id: u32) -> Option<usize> {
        match self.ids.get(id as usize) {
            Some(&same) if same == id => Some(id as usize),
            _ => self.ids.binary_search(&id).ok(),
        }
    }
}

/// The middle one of some numbers, the upper of two.
fn median(mut numbers: Vec<f64>) -> f64 {
    let middle = numbers.len() / 2;
    match numbers.is_empty() {
        true => 0.0,
        false => *numbers.select_nth_unstable_by(middle, f64::total_cmp).1,
    }
}

/// The Euclidean distances of rows from their mean, in a unit of their own.
fn distances_from_mean(head: &Head, ids: &[u32]) -> Vec<f64> {
    let dim = head.dim();
    // Divided by a power of two near the largest row, neither sums nor squares overflow.
    let largest = parallel::map(ids.len(), &|i| head.norm_up(ids[i] as usize))
        .into_iter()
        .fold(0.0, f64::max);
    let scale = match largest.is_finite() && largest > f64::MIN_POSITIVE {
        true => power_of_two_near(largest),
        false if largest > 1.0 => power_of_two_near(f64::MAX),
        false => f64::MIN_POSITIVE,
    };
    let sums: Vec<Vec<f64>> = parallel::map_ranges(ids.len(), PART, &|range| {
        let (mut sum, mut row) = (vec![0.0; dim], vec![0.0; dim]);
        for &id in &ids[range] {
            head.copy_row(id as usize, &mut row);
            sum.iter_mut().zip(&row).for_each(|(s, x)| *s += x / scale);
        }
        sum
    });
    let mut mean = vec![0.0; dim];
    sums.iter().for_each(|sum| mean.iter_mut().zip(sum).for_each(|(m, s)| *m += s));
    mean.iter_mut().for_each(|m| *m /= ids.len() as f64);
    let distance = |row: &mut [f64], id: u32| {
        head.copy_row(id as usize, row);
        row.iter_mut().zip(&mean).for_each(|(x, m)| *x = *x / scale - m);
        f64::dot(row, row).sqrt()
    };
    parallel::flat_map(ids.len(), PART, &|range| {
        let mut row = vec![0.0; dim];
        ids[range].iter().map(|&id| distance(&mut row, id)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Options, audit};
    use crate::domain::Domain;

    /// A square of unit vectors, and more rows.
    fn square_and(more: &[[f64; 2]]) -> Head {
        let mut rows = vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0];
        more.iter().for_each(|row| rows.extend(row));
        Head::new(rows, None, 4 + more.len(), 2).unwrap()
    }

    #[test]
    fn each_place_of_a_row_has_its_name() {
        let head = square_and(&[
            [0.0, 0.0],
            [0.1, 0.1],
            [0.0, 0.7],
            [0.00005, 0.70001],
            [-0.3, -0.01],
            [0.45, 0.45],
        ]);
        let layout = RowLayout::of(&head, None);
        let names: Vec<_> = (4..10).map(|t| layout.trait_of(t)).collect();
        let expected = [
            Some(Cause::ZeroRow),
            Some(Cause::NearMean),
            Some(Cause::NearEqualRows),
            Some(Cause::NearEqualRows),
            Some(Cause::ShortRow),
            None,
        ];
        assert_eq!(names, expected);
        assert_eq!(layout.cluster(7).unwrap().rows, [6, 7]);
        assert!(layout.looks_untrained(4) && !layout.looks_untrained(6));
    }

    #[test]
    fn only_lost_and_tied_tokens_have_a_cause() {
        let head = square_and(&[[0.2, 0.1], [1.0, 0.0], [0.00001, 0.1]]);
        let layout = RowLayout::of(&head, None);
        let audit = audit(&head, &Domain::free(2), Options::default()).unwrap();
        let causes: Vec<_> = audit.verdicts().iter().map(|(t, v)| layout.cause(*t, v)).collect();
        let equal = Some(Cause::EqualRows);
        let mean = Some(Cause::NearMean);
        assert_eq!(causes, [equal, None, None, None, mean, equal, mean]);
    }

    #[test]
    fn rows_that_were_removed_count_for_nothing() {
        let head = square_and(&[[0.5, 0.5], [100.0, 3.0], [0.5, 0.5]]);
        let layout = RowLayout::of(&head, Some(&[0, 1, 2, 3, 4]));
        assert_eq!(layout.norm(0), Some(1.0));
        assert_eq!((layout.norm(5), layout.cluster(4)), (None, None));
        let all = RowLayout::of(&head, None);
        assert_eq!(all.cluster(4).unwrap().rows, [4, 6]);
    }

    #[test]
    fn a_short_row_is_compared_with_the_median_norm() {
        // Far from the mean, which is not zero, and yet short.
        let rows: Vec<f64> =
            (0..40).flat_map(|t| [10.0, f64::from(t % 7)]).chain([0.1, 3.0]).collect();
        let head = Head::new(rows, None, 41, 2).unwrap();
        let layout = RowLayout::of(&head, None);
        assert_eq!(layout.trait_of(40), Some(Cause::ShortRow));
    }

    #[test]
    fn numbers_at_the_ends_of_the_float_range_give_finite_shares() {
        let rows = vec![f64::MAX, f64::MAX, -f64::MAX, 5e-324, f64::MAX, 0.0, 0.0, 0.0];
        let layout = RowLayout::of(&Head::new(rows, None, 4, 2).unwrap(), None);
        assert!((0..4).all(|t| layout.from_mean(t).is_some_and(|x| !x.is_nan())));
        let tiny = vec![5e-324, 5e-324, 0.0, 5e-324, 1e-323, 0.0];
        let layout = RowLayout::of(&Head::new(tiny, None, 3, 2).unwrap(), None);
        assert!((0..3).all(|t| layout.from_mean(t).is_some_and(|x| !x.is_nan())));
    }
}
