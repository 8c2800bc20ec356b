//! Clusters of near-equal rows: the classes of single linkage at one distance.
//!
//! Two rows are *near* if their Euclidean distance, summed in float64, is at most the reach. A cluster is a class of two or
//! more rows that chains of near rows connect. It describes the rows and decides nothing.
//!
//! Only pairs that agree in a few projections are compared: a projection on a vector of length 1 changes by no more than the
//! distance. Rows are sorted by the first projection, so that a row meets only those in a window behind it. No table of pairs is
//! kept. Where one place is so crowded that the pairs would cost too much, clusters are not computed, rather than in part.

use crate::head::{Head, Rows};
use crate::split_mix::number_at;

/// Rows that lie near each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The ids of its rows, rising; two or more.
    pub rows: Vec<u32>,
    /// How many different rows there are among them; 1 if all are equal, number by number.
    pub different: usize,
    /// The largest distance of one of them from the first one, as a share of the median norm of all rows.
    pub spread: f64,
}

/// The number of projections.
const DIRECTIONS: usize = 8;
/// The most steps of the comparison: a pair costs one, and one more for every 16 coordinates that are compared.
const BUDGET: u64 = 3_000_000_000;
/// The number of coordinates after which a sum of squares is compared with its limit.
const STRIDE: usize = 16;
/// Projections may differ by rounding, which is far below this share of the reach unless a row is a million times as long as
/// the median.
const SLACK: f64 = 1e-6;

/// The clusters of these rows of a head at the distance `reach`, in the order of their first rows. `median` is the unit of
/// [`Cluster::spread`]. `None` if the pairs would cost too much.
pub fn of(head: &Head, ids: &[u32], reach: f64, median: f64) -> Option<Vec<Cluster>> {
    within(head, ids, (reach, median), BUDGET)
}

/// [`of`] within a budget of steps.
fn within(
    head: &Head,
    ids: &[u32],
    (reach, median): (f64, f64),
    budget: u64,
) -> Option<Vec<Cluster>> {
    let sorted = projected(head, ids);
    let mut joined = Joined::new(ids.len());
    let distinct = join_equal(head, ids, &sorted, &mut joined);
    // Without a finite factor there is no distance to compare with, only equality.
    let factor = 1.0 / reach;
    if factor.is_finite() && reach.is_finite() && reach > 0.0 {
        let mut steps = Steps { left: budget };
        join_near(head, ids, (reach, factor), &distinct, &mut joined, &mut steps)?;
    }
    let places: Vec<usize> = distinct.iter().map(|row| row.place).collect();
    Some(clusters(head, ids, median, &places, joined))
}

/// A row with its projections.
#[derive(Clone, Copy)]
struct Projected {
    /// Its place among the ids.
    place: usize,
    at: [f64; DIRECTIONS],
}

/// The rows, sorted by the first projection, then by place.
fn projected(head: &Head, ids: &[u32]) -> Vec<Projected> {
    let dim = head.dim();
    let size = 1.0 / (dim as f64).sqrt();
    let sign = |i: usize| if number_at(i as u64) >> 63 == 0 { size } else { -size };
    let directions: Vec<f64> = (0..DIRECTIONS * dim).map(sign).collect();
    let products = head.products(&directions);
    let tokens = head.tokens();
    let mut rows: Vec<Projected> = ids
        .iter()
        .enumerate()
        // Adding 0 makes a zero of the other sign the same.
        .map(|(place, &id)| Projected {
            place,
            at: std::array::from_fn(|k| products[k * tokens + id as usize] + 0.0),
        })
        .collect();
    rows.sort_by(|a, b| a.at[0].total_cmp(&b.at[0]).then(a.place.cmp(&b.place)));
    rows
}

/// Joins rows that are equal, number by number, and returns the first of each kind in the order given.
fn join_equal(
    head: &Head,
    ids: &[u32],
    sorted: &[Projected],
    joined: &mut Joined,
) -> Vec<Projected> {
    let mut distinct = Vec::with_capacity(sorted.len());
    // Equal rows have equal projections, to the last bit.
    let same = |a: &Projected, b: &Projected| a.at[0].to_bits() == b.at[0].to_bits();
    for run in sorted.chunk_by(same) {
        let from = distinct.len();
        for row in run {
            let id = ids[row.place];
            let equal = |other: &&Projected| is_equal(head, ids[other.place], id);
            match distinct[from..].iter().find(equal) {
                Some(other) => joined.join(other.place, row.place),
                None => distinct.push(*row),
            }
        }
    }
    distinct
}

/// Whether two rows are equal, number by number.
fn is_equal(head: &Head, a: u32, b: u32) -> bool {
    let (dim, a, b) = (head.dim(), a as usize, b as usize);
    match head.rows() {
        Rows::F32(x) => x[a * dim..][..dim] == x[b * dim..][..dim],
        Rows::F64(x) => x[a * dim..][..dim] == x[b * dim..][..dim],
    }
}

/// Joins near rows of `distinct`, which is sorted by the first projection; `None` if the steps do not suffice.
fn join_near(
    head: &Head,
    ids: &[u32],
    (reach, factor): (f64, f64),
    distinct: &[Projected],
    joined: &mut Joined,
    steps: &mut Steps,
) -> Option<()> {
    let window = reach * (1.0 + SLACK);
    let mut from = 0;
    for (i, row) in distinct.iter().enumerate() {
        while row.at[0] - distinct[from].at[0] > window {
            from += 1;
        }
        steps.take((i - from) as u64)?;
        for other in distinct[from..i].iter().rev() {
            let is_apart = (1..DIRECTIONS).any(|k| (row.at[k] - other.at[k]).abs() > window);
            if is_apart || joined.root(other.place) == joined.root(row.place) {
                continue;
            }
            let pair = (ids[row.place] as usize, ids[other.place] as usize);
            let (share, compared) = distance(head, pair, factor, 1.0);
            steps.take((compared / STRIDE) as u64)?;
            if share <= 1.0 {
                joined.join(row.place, other.place);
            }
        }
    }
    Some(())
}

/// The distance of two rows times `factor`, and how many coordinates were compared: beyond `limit` the sum is not finished.
fn distance(head: &Head, (a, b): (usize, usize), factor: f64, limit: f64) -> (f64, usize) {
    let dim = head.dim();
    match head.rows() {
        Rows::F32(x) => stepwise(&x[a * dim..][..dim], &x[b * dim..][..dim], factor, limit),
        Rows::F64(x) => stepwise(&x[a * dim..][..dim], &x[b * dim..][..dim], factor, limit),
    }
}

/// [`distance`] of two slices.
fn stepwise<T: Copy + Into<f64>>(a: &[T], b: &[T], factor: f64, limit: f64) -> (f64, usize) {
    let (mut sum, mut compared) = (0.0, 0);
    for (a, b) in a.chunks(STRIDE).zip(b.chunks(STRIDE)) {
        let square = |(&a, &b): (&T, &T)| {
            let difference = (a.into() - b.into()) * factor;
            difference * difference
        };
        sum += a.iter().zip(b).map(square).sum::<f64>();
        compared += a.len();
        if sum > limit * limit {
            break;
        }
    }
    (sum.sqrt(), compared)
}

/// The clusters of joined rows.
fn clusters(
    head: &Head,
    ids: &[u32],
    median: f64,
    distinct: &[usize],
    mut joined: Joined,
) -> Vec<Cluster> {
    let mut found: Vec<Cluster> = Vec::new();
    // The root of a class is its first place, so that clusters come in the order of their first rows.
    let mut cluster_of = vec![usize::MAX; ids.len()];
    let mut sizes = vec![0u32; ids.len()];
    (0..ids.len()).for_each(|place| sizes[joined.root(place)] += 1);
    for place in 0..ids.len() {
        let root = joined.root(place);
        if sizes[root] < 2 {
            continue;
        }
        if root == place {
            cluster_of[root] = found.len();
            found.push(Cluster { rows: Vec::new(), different: 0, spread: 0.0 });
        }
        found[cluster_of[root]].rows.push(ids[place]);
    }
    for &place in distinct {
        let root = joined.root(place);
        if sizes[root] > 1 {
            let cluster = &mut found[cluster_of[root]];
            cluster.different += 1;
            let pair = (cluster.rows[0] as usize, ids[place] as usize);
            let factor = if median > 0.0 { 1.0 / median } else { 1.0 };
            cluster.spread = cluster.spread.max(distance(head, pair, factor, f64::INFINITY).0);
        }
    }
    found
}

/// The steps that are left.
struct Steps {
    left: u64,
}

impl Steps {
    /// Takes some steps, if there are enough.
    fn take(&mut self, steps: u64) -> Option<()> {
        self.left = self.left.checked_sub(steps)?;
        Some(())
    }
}

/// A partition of places, as a forest whose roots are the least places.
struct Joined {
    above: Vec<u32>,
}

impl Joined {
    fn new(count: usize) -> Self {
        Joined { above: (0..count as u32).collect() }
    }

    /// The least place of a class.
    fn root(&mut self, mut place: usize) -> usize {
        while self.above[place] as usize != place {
            let next = self.above[place] as usize;
            self.above[place] = self.above[next];
            place = next;
        }
        place
    }

    /// Joins two classes.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.above[a.max(b)] = a.min(b) as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split_mix::SplitMix;

    fn head(rows: Vec<f64>, dim: usize) -> Head {
        let tokens = rows.len() / dim;
        Head::new(rows, None, tokens, dim).unwrap()
    }

    fn all(head: &Head) -> Vec<u32> {
        (0..head.tokens() as u32).collect()
    }

    #[test]
    fn chains_of_near_rows_are_one_cluster_and_equal_rows_too() {
        // A chain of steps of 0.6, an equal pair, zeros of both signs, and one row alone.
        let rows =
            vec![0.0, 5.0, 0.6, 5.0, 1.2, 5.0, 9.0, 9.0, 9.0, 9.0, 0.0, 0.0, -0.0, 0.0, 20.0, 1.0];
        let head = head(rows, 2);
        let found = of(&head, &all(&head), 0.7, 2.0).unwrap();
        let rows: Vec<_> = found.iter().map(|c| (&c.rows[..], c.different)).collect();
        assert_eq!(rows, [(&[0, 1, 2][..], 3), (&[3, 4], 1), (&[5, 6], 1)]);
        assert!((found[0].spread - 0.6).abs() < 1e-12 && found[1].spread == 0.0);
        let short = of(&head, &all(&head), 0.5, 2.0).unwrap();
        assert_eq!(short.iter().map(|c| &c.rows[..]).collect::<Vec<_>>(), [[3, 4], [5, 6]]);
        let some = of(&head, &[0, 2, 4, 5, 6], 0.7, 2.0).unwrap();
        assert_eq!(some.iter().map(|c| &c.rows[..]).collect::<Vec<_>>(), [[5, 6]]);
    }

    #[test]
    fn clusters_are_those_of_all_pairs() {
        let (mut random, dim) = (SplitMix::new(5), 7);
        let mut number = || random.below(1 << 20) as f64 / f64::from(1 << 20);
        let centres: Vec<f64> = (0..12 * dim).map(|_| number()).collect();
        let rows: Vec<f64> = (0..300)
            .flat_map(|t| (0..dim).map(|k| centres[t % 12 * dim + k]).collect::<Vec<_>>())
            .map(|x| x + 0.1 * number())
            .collect();
        let head = head(rows, dim);
        for reach in [0.02, 0.06, 0.08, 0.1, 0.3] {
            let mut joined = Joined::new(300);
            for a in 0..300 {
                for b in 0..a {
                    if distance(&head, (a, b), 1.0 / reach, 1.0).0 <= 1.0 {
                        joined.join(a, b);
                    }
                }
            }
            let expected = clusters(&head, &all(&head), 1.0, &(0..300).collect::<Vec<_>>(), joined);
            assert_eq!(of(&head, &all(&head), reach, 1.0).unwrap(), expected, "{reach}");
        }
    }

    #[test]
    fn numbers_at_the_ends_of_the_float_range_do_no_harm() {
        let head =
            head(vec![f64::MAX, f64::MAX, f64::MAX, f64::MAX, -f64::MAX, 5e-324, 0.0, 0.0], 2);
        for reach in [1e-4, f64::MAX, 5e-324, 0.0] {
            assert_eq!(of(&head, &all(&head), reach, 1.0).unwrap()[0].rows, [0, 1]);
        }
    }

    #[test]
    fn a_crowd_that_costs_too_much_is_not_computed_in_part() {
        let rows: Vec<f64> = (0..200).map(f64::from).collect();
        let head = head(rows, 1);
        assert_eq!(within(&head, &all(&head), (150.0, 1.0), 1000), None);
        assert_eq!(within(&head, &all(&head), (150.0, 1.0), 1 << 20).unwrap().len(), 1);
    }
}
