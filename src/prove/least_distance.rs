//! The least-distance solver: finds the `u` nearest to an anchor (the origin by default) with `A u >= 1`, or with
//! another bound for each row, or multipliers that combine rows of `A` to zero.
//!
//! The dual active-set method of D. Goldfarb and A. Idnani (Math. Programming 27, 1983) for the
//! least-distance problem of Lawson and Hanson (1974, ch. 23). It starts without rows, and rows may be
//! added at any time: the current set of active rows stays a valid start, so a working set can grow
//! without starting again. Each step costs `O(dim k)` for `k` active rows; a scan of all rows serves several.

use crate::order;
use crate::prove::qr::{Factorisation, LANES, dot, norm, padded, products};
use crate::prove::solver::{Outcome, Solver};

/// The state of the method over the rows added so far.
#[derive(Clone, Debug)]
pub struct LeastDistance {
    dim: usize,
    /// `dim` rounded up to whole vector registers.
    width: usize,
    /// Rows of length one, `count x width`.
    rows: Vec<f64>,
    /// The lower bound of `a.u` for each row.
    wanted: Vec<f64>,
    /// The products of the rows with `u` at the last scan.
    values: Vec<f64>,
    /// Violated rows to process before the next scan.
    candidates: Vec<usize>,
    active: Vec<usize>,
    /// The non-negative multipliers of the active rows.
    multipliers: Vec<f64>,
    factors: Factorisation,
    /// The anchor.
    anchor: Vec<f64>,
    /// The products of the rows with the anchor.
    anchored: Vec<f64>,
    u: Vec<f64>,
}

/// The violation of a row that is accepted: smaller ones are below the rounding errors for moderate `u`, and chasing
/// them does not terminate.
const SATISFIED: f64 = 1e-9;
/// The violation accepted for large `u`, as a share of `|u|`.
const ROUNDING: f64 = 1e-12;

/// The number of rows for which there is room from the start: what a short search needs.
const FEW: usize = 64;

impl Solver for LeastDistance {
    fn new(dim: usize) -> Self {
        #[cfg(test)]
        tests::count();
        LeastDistance {
            dim,
            width: dim.next_multiple_of(LANES),
            rows: Vec::with_capacity(FEW * dim.next_multiple_of(LANES)),
            wanted: Vec::new(),
            values: Vec::new(),
            candidates: Vec::new(),
            active: Vec::new(),
            multipliers: Vec::new(),
            factors: Factorisation::default(),
            anchor: padded(&vec![0.0; dim]),
            anchored: Vec::new(),
            u: padded(&vec![0.0; dim]),
        }
    }

    fn near(&mut self, anchor: &[f64]) {
        self.anchor = padded(anchor);
        self.u = self.anchor.clone();
    }

    fn add(&mut self, row: &[f64]) {
        self.add_bounded(row, 1.0);
    }

    fn solve(&mut self) -> Outcome {
        let limit = 40 * (self.len() + self.dim) + 100;
        let mut steps = 0;
        loop {
            let Some(entering) = self.most_violated() else {
                return Outcome::Point(self.u[..self.dim].to_vec());
            };
            let row = self.row(entering).to_vec();
            let mut gained = 0.0;
            loop {
                steps += 1;
                if steps > limit || !self.u.iter().all(|x| x.is_finite()) {
                    return Outcome::Stalled;
                }
                let (coefficients, rest) = self.factors.split(&row);
                let shares = self.factors.solve(&coefficients);
                let blocking = shares
                    .iter()
                    .zip(&self.multipliers)
                    .enumerate()
                    .filter(|(_, (share, _))| **share > 0.0)
                    .map(|(i, (share, multiplier))| (i, multiplier / share))
                    .min_by(|a, b| a.1.total_cmp(&b.1));
                let slope = dot(&rest, &rest);
                let to_constraint = if slope > 0.0 {
                    (self.wanted[entering] - dot(&row, &self.u)) / slope
                } else {
                    f64::INFINITY
                };
                match blocking {
                    Some((at, step)) if step <= to_constraint => {
                        self.advance(step, &shares, &mut gained, &rest);
                        self.multipliers.remove(at);
                        self.active.remove(at);
                        self.factors.remove(at);
                    }
                    None if to_constraint == f64::INFINITY => {
                        let others = self
                            .active
                            .iter()
                            .zip(&shares)
                            .filter(|(_, s)| **s < 0.0)
                            .map(|(&i, s)| (i, -s));
                        return Outcome::Combination(others.chain([(entering, 1.0)]).collect());
                    }
                    _ => {
                        self.advance(to_constraint, &shares, &mut gained, &rest);
                        self.active.push(entering);
                        self.multipliers.push(gained);
                        self.factors.append(coefficients, rest);
                        break;
                    }
                }
            }
        }
    }

    fn multipliers(&self) -> Vec<(usize, f64)> {
        self.active.iter().copied().zip(self.multipliers.iter().copied()).collect()
    }

    fn combine(rows: &[f64], dim: usize, target: &[f64]) -> Option<Vec<(usize, f64)>> {
        combine(rows, dim, target)
    }
}

impl LeastDistance {
    /// Adds a row of length one with the inequality `row.u >= bound`.
    pub fn add_bounded(&mut self, row: &[f64], bound: f64) {
        debug_assert_eq!(row.len(), self.dim);
        self.rows.extend_from_slice(row);
        self.rows.resize(self.rows.len() + self.width - self.dim, 0.0);
        self.wanted.push(bound);
    }

    /// Sets another anchor and other bounds, one for each row. The active rows whose multipliers stay non-negative
    /// are kept: most of them, if little changes.
    pub fn aim(&mut self, anchor: &[f64], bounds: Vec<f64>) {
        debug_assert_eq!(bounds.len(), self.len());
        self.anchor = padded(anchor);
        self.wanted = bounds;
        self.candidates.clear();
        self.anchored.clear();
        self.anchored.resize(self.len(), 0.0);
        products(&self.rows, &self.anchor, &mut self.anchored);
        loop {
            self.multipliers = self.factors.weights(&self.violations());
            let Some(at) = self.multipliers.iter().rposition(|m| !(*m >= 0.0)) else { break };
            // From the end, because a removal rotates the columns after it.
            for at in (0..=at).rev().filter(|&at| !(self.multipliers[at] >= 0.0)) {
                self.active.remove(at);
                self.factors.remove(at);
            }
        }
        self.refresh();
    }

    /// The violation of each active row at the anchor.
    fn violations(&self) -> Vec<f64> {
        self.active.iter().map(|&i| self.wanted[i] - self.anchored[i]).collect()
    }

    /// The number of rows.
    fn len(&self) -> usize {
        self.rows.len().checked_div(self.width).unwrap_or(0)
    }

    /// Row `i`, padded.
    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.width..(i + 1) * self.width]
    }

    /// Moves the point and the multipliers by a step.
    fn advance(&mut self, step: f64, shares: &[f64], gained: &mut f64, rest: &[f64]) {
        self.u.iter_mut().zip(rest).for_each(|(u, z)| *u += step * z);
        self.multipliers.iter_mut().zip(shares).for_each(|(m, s)| *m = (*m - step * s).max(0.0));
        *gained += step;
    }

    /// Recomputes the point from the active rows, because sums of steps drift.
    fn refresh(&mut self) {
        let products = self.anchored.len();
        self.anchored.resize(self.len(), 0.0);
        let new = &self.rows[products * self.width..];
        self::products(new, &self.anchor, &mut self.anchored[products..]);
        self.u = self.factors.shortest(&self.violations(), self.width);
        self.u.iter_mut().zip(&self.anchor).for_each(|(u, a)| *u += a);
    }

    /// The next violated row among the worst rows of the last scan, or the worst row of a new scan; `None` if no row
    /// is violated.
    fn most_violated(&mut self) -> Option<usize> {
        let spare = SATISFIED.max(ROUNDING * norm(&self.u));
        while let Some(i) = self.candidates.pop() {
            let enough = self.wanted[i] - spare;
            if dot(self.row(i), &self.u) < enough && !self.active.contains(&i) {
                return Some(i);
            }
        }
        if !self.active.is_empty() {
            self.refresh();
        }
        self.values.resize(self.len(), 0.0);
        products(&self.rows, &self.u, &mut self.values);
        let short = |i: usize| self.wanted[i] - self.values[i];
        let violated = |i: &usize| short(*i) > spare && !self.active.contains(i);
        let found = (0..self.len()).filter(violated).map(|i| (short(i), i as u32));
        let mut found: Vec<(f64, u32)> = found.collect();
        order::keep_highest(&mut found, CANDIDATES);
        // The worst row comes last.
        self.candidates = found.into_iter().rev().map(|row| row.1 as usize).collect();
        self.candidates.pop()
    }
}

/// The number of violated rows kept from a scan.
const CANDIDATES: usize = 8;

/// Multipliers `x >= 0` with `sum x_i rows_i = target`, or `None` (Lawson and Hanson 1974, ch. 23, NNLS).
///
/// `rows` is `count x dim`. The result has at most `dim` positive entries, on independent rows.
fn combine(rows: &[f64], dim: usize, target: &[f64]) -> Option<Vec<(usize, f64)>> {
    #[cfg(test)]
    tests::count();
    let count = rows.len() / dim;
    let width = dim.next_multiple_of(LANES);
    let mut all = Vec::with_capacity(count * width);
    rows.chunks_exact(dim).for_each(|row| all.extend_from_slice(&padded(row)));
    let rows = all;
    let target = &padded(target);
    let row = |i: usize| &rows[i * width..(i + 1) * width];
    let mut gains = vec![0.0; count];
    let (mut passive, mut weights): (Vec<usize>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut factors = Factorisation::default();
    let size = target.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut barred = vec![false; count];
    for _ in 0..20 * (count + dim) + 100 {
        let (coefficients, residual) = factors.split(target);
        if residual.iter().map(|x| x * x).sum::<f64>().sqrt() <= 1e-12 * size {
            return Some(passive.into_iter().zip(factors.solve(&coefficients)).collect());
        }
        products(&rows, &residual, &mut gains);
        let candidates =
            (0..count).filter(|i| !barred[*i] && !passive.contains(i)).map(|i| (i, gains[i]));
        let (entering, gain) = candidates.max_by(|a, b| a.1.total_cmp(&b.1))?;
        if gain <= 1e-14 * size {
            return None;
        }
        let (column, rest) = factors.split(row(entering));
        if rest.iter().all(|x| *x == 0.0) {
            barred[entering] = true;
            continue;
        }
        factors.append(column, rest);
        passive.push(entering);
        weights.push(0.0);
        loop {
            let wanted = factors.solve(&factors.split(target).0);
            let limit = weights
                .iter()
                .zip(&wanted)
                .enumerate()
                .filter(|(_, (_, s))| **s <= 0.0)
                .map(|(i, (w, s))| (i, w / (w - s)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            match limit {
                None => {
                    weights = wanted;
                    barred.fill(false);
                    break;
                }
                Some((at, share)) => {
                    weights
                        .iter_mut()
                        .zip(&wanted)
                        .for_each(|(w, s)| *w = (*w + share * (s - *w)).max(0.0));
                    if passive[at] == entering && weights[at] == 0.0 {
                        barred[entering] = true;
                    }
                    passive.remove(at);
                    weights.remove(at);
                    factors.remove(at);
                    if passive.is_empty() {
                        break;
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static USES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        USES.set(USES.get() + 1);
    }

    /// How often this thread has begun to use the method, for tests of engines that must not.
    pub fn uses() -> usize {
        USES.get()
    }

    #[test]
    fn a_square_around_the_origin_combines_to_zero() {
        let mut problem = LeastDistance::new(2);
        for row in [[1.0, 0.0], [0.0, 1.0], [-0.8, -0.6]] {
            problem.add(&row);
        }
        let Outcome::Combination(c) = problem.solve() else { panic!("the origin is inside") };
        let sum = |k: usize| c.iter().map(|&(i, w)| w * problem.row(i)[k]).sum::<f64>();
        assert!(sum(0).abs() < 1e-12 && sum(1).abs() < 1e-12 && c.iter().all(|x| x.1 > 0.0));
    }

    #[test]
    fn a_half_plane_has_a_point_and_a_new_row_moves_it() {
        let mut problem = LeastDistance::new(2);
        problem.add(&[1.0, 0.0]);
        assert_eq!(problem.solve(), Outcome::Point(vec![1.0, 0.0]));
        problem.add(&[-0.6, 0.8]);
        let Outcome::Point(u) = problem.solve() else { panic!("there is room") };
        assert!(u[0] > 0.999 && -0.6 * u[0] + 0.8 * u[1] > 0.999);
    }

    /// Rows of length one and bounds, the same for the same seed.
    fn rows(seed: u64, count: usize, dim: usize) -> Vec<(Vec<f64>, f64)> {
        let mut state = seed;
        let mut number = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as f64 / 2f64.powi(30) - 1.0
        };
        let mut row = || {
            let row: Vec<f64> =
                (0..dim).map(|k| number() + if k == 0 { 1.5 } else { 0.0 }).collect();
            let length = norm(&row);
            (row.into_iter().map(|x| x / length).collect(), number())
        };
        (0..count).map(|_| row()).collect()
    }

    #[test]
    fn another_anchor_and_other_bounds_lead_to_the_point_that_a_new_problem_finds() {
        let (dim, count) = (12, 60);
        let mut points = 0;
        for seed in 0..40 {
            let rows = rows(seed, count, dim);
            let solved = |anchor: &[f64], shift: f64| {
                let mut problem = LeastDistance::new(dim);
                problem.near(anchor);
                rows.iter().for_each(|(row, bound)| problem.add_bounded(row, bound + shift));
                let outcome = problem.solve();
                (problem, outcome)
            };
            let (mut problem, _) = solved(&vec![0.0; dim], 0.0);
            for (step, shift) in [(0.1, 0.0), (3.0, 0.0), (-2.0, 0.5), (0.0, -0.25)] {
                let anchor: Vec<f64> = (0..dim).map(|k| step * (k as f64).cos()).collect();
                problem.aim(&anchor, rows.iter().map(|r| r.1 + shift).collect());
                assert!(problem.multipliers.iter().all(|m| *m >= 0.0));
                match (problem.solve(), solved(&anchor, shift).1) {
                    (Outcome::Point(found), Outcome::Point(wanted)) => {
                        points += 1;
                        let apart: Vec<f64> =
                            found.iter().zip(&wanted).map(|(a, b)| a - b).collect();
                        assert!(norm(&apart) < 1e-7 * (1.0 + norm(&wanted)), "seed {seed}");
                    }
                    (found, wanted) => {
                        assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&wanted));
                    }
                }
            }
        }
        assert!(points > 80, "most of these problems have a point");
    }

    #[test]
    fn a_target_inside_a_cone_is_combined_and_one_outside_is_not() {
        let rows = [1.0, 0.0, 0.6, 0.8];
        let weights = combine(&rows, 2, &[1.0, 0.4]).unwrap();
        assert_eq!(weights.len(), 2);
        assert_eq!(combine(&rows, 2, &[-1.0, 0.4]), None);
    }
}
