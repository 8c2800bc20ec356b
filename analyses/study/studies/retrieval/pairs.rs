//! Pairs of documents as heads.

use anyhow::{Context, Result};
use rayon::prelude::*;
use unargmax::certify::Outcome as Verdict;
use unargmax::{Ball, Domain, Head, Options, audit};

use crate::frame::numpy::RandomState;

/// Documents by their vectors, whose coordinates are multiples of [`STEP`].
pub struct Index {
    rows: Vec<f64>,
    dim: usize,
}

/// Differences of such numbers below 2 are exact in float64.
const STEP: f64 = 1.0 / (1u64 << 40) as f64;

/// Whether some query puts a pair first and second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    Feasible,
    Infeasible,
    Undecided,
}

impl Index {
    pub fn new(rows: Vec<f64>, dim: usize) -> Self {
        Index { rows: rows.into_iter().map(|x| (x / STEP).round() * STEP).collect(), dim }
    }

    pub fn documents(&self) -> usize {
        self.rows.len() / self.dim
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// All pairs, or a sample without repetition.
    pub fn some_pairs(&self, most: usize, seed: u32) -> Vec<(u32, u32)> {
        let n = self.documents() as u32;
        if n as usize * (n as usize - 1) / 2 <= most {
            return (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        }
        let mut random = RandomState::new(seed);
        let mut pairs = std::collections::BTreeSet::new();
        while pairs.len() < most {
            let chosen = random.choice(n as usize, 2);
            pairs.insert((chosen[0].min(chosen[1]), chosen[0].max(chosen[1])));
        }
        pairs.into_iter().collect()
    }

    /// The head whose token 0 wins exactly at the queries that score both documents above all others.
    fn head(&self, (i, j): (u32, u32)) -> Result<Head> {
        let row = |k: usize| &self.rows[k * self.dim..][..self.dim];
        let mut rows = vec![0.0; self.dim];
        for k in (0..self.documents()).filter(|&k| k != i as usize && k != j as usize) {
            for of_pair in [i, j] {
                rows.extend(row(k).iter().zip(row(of_pair as usize)).map(|(x, y)| x - y));
            }
        }
        let tokens = rows.len() / self.dim;
        Ok(Head::new(rows, None, tokens, self.dim)?)
    }

    pub fn decide(&self, pairs: &[(u32, u32)], threads: usize) -> Result<Vec<Pair>> {
        let one = |&pair: &(u32, u32)| -> Result<Pair> {
            let head = self.head(pair)?;
            // Many small audits at once are faster than one after the other on all threads.
            let options = Options { tokens: Some(&[0]), threads: 1, ..Options::default() };
            let audit = audit(&head, &Domain::free(self.dim), options)?;
            Ok(match audit.verdict(0).context("token 0 was asked for")?.outcome() {
                Verdict::Argmaxable => Pair::Feasible,
                Verdict::Tied | Verdict::Unargmaxable => Pair::Infeasible,
                Verdict::Undecided => Pair::Undecided,
            })
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        pool.install(|| pairs.par_iter().map(one).collect())
    }

    /// A proved interval of the largest gap between the worse of the pair and the best other document, over queries of
    /// length below 1.
    pub fn best_gap(&self, pair: (u32, u32), threads: usize) -> Result<(f64, f64)> {
        let head = self.head(pair)?;
        let domain = Domain::free(self.dim).within(Ball::around_origin(self.dim, 1.0)?)?;
        let options =
            Options { tokens: Some(&[0]), margins: Some(&[0]), threads, ..Options::default() };
        let audit = audit(&head, &domain, options)?;
        Ok(audit.margins().first().context("a gap was asked for")?.ends())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_corners_of_a_square_are_no_top_two() {
        let square = Index::new(vec![1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0], 2);
        let pairs = square.some_pairs(10, 1);
        assert_eq!(pairs.len(), 6);
        let found = square.decide(&pairs, 1).unwrap();
        for (pair, found) in pairs.into_iter().zip(found) {
            let is_side = !matches!(pair, (0, 2) | (1, 3));
            assert_eq!(found == Pair::Feasible, is_side, "{pair:?}");
        }
        let (low, high) = square.best_gap((0, 1), 1).unwrap();
        assert!(low <= 2.0 && 2.0 <= high && high - low < 1e-3, "{low} {high}");
    }
}
