//! The rivals of a token that count, and the log odds over them.

use super::exponential::{exp, exp_all};
use crate::arithmetic::dot::lanes;
use crate::arithmetic::exponential::ln;
use crate::problem::Problem;

/// The share of the odds that rivals outside the working set may have together.
const LEFT_OUT: f64 = 5e-4;
/// The most numbers in the rows of a working set (256 MB).
const MOST_NUMBERS: usize = 1 << 25;

/// The rows and biases of some rivals relative to those of the token.
pub struct Working {
    /// The ids of the rivals, rising.
    pub rivals: Vec<u32>,
    /// `w_j - w_t`, row-major.
    differences: Vec<f64>,
    /// `b_j - b_t`.
    levels: Vec<f64>,
    dim: usize,
}

/// The log odds at a point and what they are made of.
pub struct Odds {
    /// The log odds over the working set.
    pub log: f64,
    /// The softmax weights of the rivals; their sum is 1.
    pub weights: Vec<f64>,
    /// `sum_j a_j (w_j - w_t)`, the gradient.
    pub gradient: Vec<f64>,
}

impl Working {
    /// Copies the rows of the rivals.
    pub fn new(problem: &Problem, token: u32, rivals: &[u32]) -> Self {
        let (head, t) = (problem.head(), token as usize);
        let (mut own, mut row) = (vec![0.0; head.dim()], vec![0.0; head.dim()]);
        head.copy_row(t, &mut own);
        let mut differences = Vec::with_capacity(rivals.len() * head.dim());
        for &j in rivals {
            head.copy_row(j as usize, &mut row);
            differences.extend(row.iter().zip(&own).map(|(x, y)| x - y));
        }
        let levels = rivals.iter().map(|&j| head.bias(j as usize) - head.bias(t)).collect();
        Working { rivals: rivals.to_vec(), differences, levels, dim: head.dim() }
    }

    /// The number of coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The row of the rival with this index, minus that of the token.
    pub fn difference(&self, at: usize) -> &[f64] {
        &self.differences[at * self.dim..][..self.dim]
    }

    /// `sum_j a_j (w_j - w_t)` for weights of rivals of the working set.
    pub fn pull(&self, weights: &[(u32, f64)]) -> Vec<f64> {
        let mut sum = vec![0.0; self.dim];
        for &(rival, weight) in weights {
            if let Ok(at) = self.rivals.binary_search(&rival) {
                sum.iter_mut().zip(self.difference(at)).for_each(|(s, x)| *s += weight * x);
            }
        }
        sum
    }

    /// The log odds at a point, with their gradient.
    pub fn odds(&self, point: &[f64]) -> Odds {
        let rows = self.differences.chunks_exact(self.dim).zip(&self.levels);
        let ahead: Vec<f64> = rows.map(|(row, level)| lanes(row, point) + level).collect();
        let (log, weights) = softmax(&ahead);
        let mut gradient = vec![0.0; self.dim];
        for (row, &weight) in self.differences.chunks_exact(self.dim).zip(&weights) {
            // Rivals without weight cost nothing.
            if weight > 0.0 {
                gradient.iter_mut().zip(row).for_each(|(g, x)| *g += weight * x);
            }
        }
        Odds { log, weights, gradient }
    }
}

/// `ln sum e^x` and the weights `e^x / sum e^x`.
fn softmax(x: &[f64]) -> (f64, Vec<f64>) {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = x.iter().map(|x| x - largest).collect();
    exp_all(&mut weights);
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    (largest + ln(sum).lo, weights)
}

/// The log odds against a token at a point over all rivals, given the products of all rows with the point; adds the rivals that
/// carry nearly all of the odds to the working set.
pub fn grow(problem: &Problem, token: u32, products: &[f64], rivals: &mut Vec<u32>) -> f64 {
    let head = problem.head();
    let t = token as usize;
    let own = products[t] + head.bias(t);
    let ahead: Vec<(f64, u32)> = products
        .iter()
        .enumerate()
        .filter(|&(j, _)| j != t)
        .map(|(j, product)| (product + head.bias(j) - own, j as u32))
        .collect();
    let largest = ahead.iter().fold(f64::NEG_INFINITY, |most, x| most.max(x.0));
    if !largest.is_finite() {
        return f64::INFINITY;
    }
    let mut odds: Vec<f64> = ahead.iter().map(|x| x.0 - largest).collect();
    exp_all(&mut odds);
    let sum: f64 = odds.iter().sum();
    // What all rivals with less have together may be left out.
    let least = LEFT_OUT * sum / odds.len() as f64;
    let weighed = ahead.into_iter().zip(odds).filter(|(_, odds)| *odds >= least);
    let mut heavy: Vec<((f64, u32), f64)> = weighed.collect();
    let order = |((a, i), _): &((f64, u32), f64), ((b, j), _): &((f64, u32), f64)| {
        b.total_cmp(a).then(i.cmp(j))
    };
    let most = (MOST_NUMBERS / head.dim()).max(1);
    if heavy.len() > most {
        heavy.select_nth_unstable_by(most, order);
        heavy.truncate(most);
    }
    heavy.sort_unstable_by(order);
    // The token's own share counts, too: where it has nearly all of the probability, few rivals are needed.
    let enough = sum - LEFT_OUT * (sum + exp(-largest));
    let mut carried = 0.0;
    let mut added = Vec::new();
    for ((_, j), odds) in heavy {
        if carried >= enough {
            break;
        }
        carried += odds;
        added.push(j);
    }
    rivals.extend(added);
    rivals.sort_unstable();
    rivals.dedup();
    rivals.retain(|&j| j != token);
    largest + ln(sum).lo
}
