//! The least log odds in a box or in all of space, by projected Newton steps (Bertsekas 1982, section 3).

use nalgebra::{DMatrix, DVector};

use super::working::{Odds, Working};
use crate::arithmetic::rounding::norm_up;
use crate::domain::Domain;

/// The most steps.
const STEPS: usize = 100;
/// The length of the gradient, as a share of the length of the longest row, at which the search ends.
const ACCURACY: f64 = 1e-14;
/// The first share of the trace of the Hessian that is added to its diagonal, and the factors of its changes.
const RIDGE: (f64, f64, f64) = (1e-10, 0.1, 10.0);

/// Moves the point to where the log odds over the working set are least in the domain, and returns the rivals with their
/// softmax weights there; no rivals if the search fails.
pub fn search(working: &Working, domain: &Domain, point: &mut Vec<f64>) -> Vec<(u32, f64)> {
    domain.clamp(point);
    let longest = (0..working.rivals.len())
        .map(|i| norm_up(working.difference(i).iter().copied()))
        .fold(f64::MIN_POSITIVE, f64::max);
    let mut odds = working.odds(point);
    let mut ridge = RIDGE.0;
    for _ in 0..STEPS {
        let open = open_coordinates(domain, point, &odds.gradient);
        let open_gradient = open.iter().map(|&k| odds.gradient[k]);
        if open.is_empty() || norm_up(open_gradient.clone()) <= ACCURACY * longest {
            break;
        }
        let Some((next, there)) = descend(working, domain, point, &odds, &open, &mut ridge) else {
            break;
        };
        (*point, odds) = (next, there);
    }
    if !odds.log.is_finite() {
        return Vec::new();
    }
    working.rivals.iter().copied().zip(odds.weights).filter(|pair| pair.1 > 0.0).collect()
}

/// The coordinates that may move: all but those at an end of the domain that the gradient pushes them against.
fn open_coordinates(domain: &Domain, point: &[f64], gradient: &[f64]) -> Vec<usize> {
    let is_open = |&k: &usize| {
        let (x, g) = (point[k], gradient[k]);
        !(domain.is_fixed(k) || x <= domain.lo(k) && g > 0.0 || x >= domain.hi(k) && g < 0.0)
    };
    (0..point.len()).filter(is_open).collect()
}

/// The point after a Newton step in the open coordinates, where the log odds are less; `None` if there is none.
fn descend(
    working: &Working,
    domain: &Domain,
    point: &[f64],
    odds: &Odds,
    open: &[usize],
    ridge: &mut f64,
) -> Option<(Vec<f64>, Odds)> {
    let hessian = hessian(working, odds, open);
    let trace = hessian.trace().max(f64::MIN_POSITIVE);
    let gradient = DVector::from_iterator(open.len(), open.iter().map(|&k| odds.gradient[k]));
    while *ridge < 1e6 {
        let mut matrix = hessian.clone();
        let added = *ridge * trace / open.len() as f64;
        (0..open.len()).for_each(|i| matrix[(i, i)] += added);
        if let Some(step) = matrix.cholesky().map(|factor| factor.solve(&gradient)) {
            let mut share = 1.0;
            while share > 1e-4 {
                let mut next = point.to_vec();
                open.iter().zip(step.iter()).for_each(|(&k, s)| next[k] -= share * s);
                domain.clamp(&mut next);
                let there = working.odds(&next);
                if there.log < odds.log {
                    *ridge = (*ridge * RIDGE.1).max(1e-16);
                    return Some((next, there));
                }
                share *= 0.5;
            }
        }
        *ridge *= RIDGE.2;
    }
    *ridge = RIDGE.0;
    None
}

/// `sum_j a_j u_j u_j^T - g g^T` in the open coordinates, with `u_j = w_j - w_t` and the gradient `g`.
fn hessian(working: &Working, odds: &Odds, open: &[usize]) -> DMatrix<f64> {
    let n = open.len();
    let mut sums = vec![0.0; n * n];
    let mut u = vec![0.0; n];
    for (at, &weight) in odds.weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        let row = working.difference(at);
        u.iter_mut().zip(open).for_each(|(u, &k)| *u = row[k]);
        for (a, line) in sums.chunks_exact_mut(n).enumerate() {
            let factor = weight * u[a];
            line[..=a].iter_mut().zip(&u).for_each(|(s, x)| *s += factor * x);
        }
    }
    let g: Vec<f64> = open.iter().map(|&k| odds.gradient[k]).collect();
    DMatrix::from_fn(n, n, |i, j| sums[i.max(j) * n + i.min(j)] - g[i] * g[j])
}
