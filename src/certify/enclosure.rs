//! Proves losses by rival weights that exist inside intervals around float64 approximations.
//!
//! The equations `sum lambda_j w_jk = w_tk` (for the chosen coordinates) and `sum lambda_j = 1` form a square
//! system in the basic weights, whose exact solution [`crate::arithmetic::enclose`] encloses. When all
//! enclosed weights are positive, exact positive weights exist; if also their slack is not negative, the token loses.

use std::collections::HashSet;

use super::range_terms::SlackBound;
use super::rival::{Blocker, Rival};
use crate::arithmetic::enclose::{Interval, SquareSystem};
use crate::arithmetic::rounding::{TINY, gamma, power_of_two_near};
use crate::problem::Problem;

/// Proposed weights of rivals: a basic part to be enclosed and a frozen part taken as given.
#[derive(Clone, Debug, Default)]
pub struct Support {
    /// Rivals and approximate weights; one more than there are equations.
    pub basic: Vec<(u32, f64)>,
    /// Rivals and exact non-negative weights; may repeat rivals of `basic`.
    pub frozen: Vec<(u32, f64)>,
    /// Coordinates whose equations the basic weights must satisfy exactly.
    pub equations: Vec<u32>,
}

/// A proved combination of rivals that never scores less than the token.
#[derive(Clone, Debug)]
pub struct Enclosed {
    support: Support,
    blockers: Vec<Blocker>,
}

impl Enclosed {
    /// The proposed weights.
    pub fn support(&self) -> &Support {
        &self.support
    }

    /// The enclosed weights, and the multipliers of the ends of the domain (where it fixes no
    /// coordinate), to float64 precision.
    pub fn blockers(&self) -> &[Blocker] {
        &self.blockers
    }
}

/// Proves that `token` never wins strictly, or returns `None`.
pub(super) fn prove(problem: &Problem, token: u32, support: Support) -> Option<Enclosed> {
    let (blockers, slack) = combined(problem, token, &support)?;
    slack.is_not_negative().then_some(Enclosed { support, blockers })
}

/// A lower bound of how far the combination stays ahead of the token everywhere, in logits (it may be negative);
/// `None` if no such weights were proved to exist.
pub(super) fn slack(problem: &Problem, token: u32, support: Support) -> Option<f64> {
    let slack = combined(problem, token, &support)?.1.total();
    (!slack.is_nan()).then_some(slack)
}

/// The enclosed weights in float64, and a bound of the slack.
fn combined(
    problem: &Problem,
    token: u32,
    support: &Support,
) -> Option<(Vec<Blocker>, SlackBound)> {
    let (head, domain) = (problem.head(), problem.domain());
    let t = token as usize;
    let order = support.basic.len();
    let distinct: HashSet<u32> = support.basic.iter().map(|b| b.0).collect();
    let everyone = || support.basic.iter().chain(&support.frozen).map(|&(j, _)| j);
    let well_formed = order == support.equations.len() + 1
        && distinct.len() == order
        && everyone().all(|j| (j as usize) < head.tokens() && !problem.groups().same_row(j, token))
        && support.frozen.iter().all(|&(_, weight)| weight >= 0.0 && weight.is_finite());
    if !well_formed {
        return None;
    }

    let weights = system(problem, t, support)?.enclose()?;
    if !weights.iter().all(|w| w.lo > 0.0) {
        return None;
    }
    let mut blockers: Vec<Blocker> = Vec::new();
    let mut slack = SlackBound::default();
    let exact = |x: f64| Interval { lo: x, hi: x };
    let all = support.basic.iter().zip(&weights).map(|(&(j, _), &w)| (j, w));
    let all: Vec<(u32, Interval)> =
        all.chain(support.frozen.iter().map(|&(j, w)| (j, exact(w)))).collect();
    for &(j, weight) in &all {
        slack.add_bias(weight, head.bias(j as usize), head.bias(t));
        let middle = 0.5 * (weight.lo + weight.hi);
        match blockers.iter_mut().find(|(rival, _)| *rival == Rival::Token(j)) {
            Some((_, total)) => *total += middle,
            None if middle > 0.0 => blockers.push((Rival::Token(j), middle)),
            None => {}
        }
    }
    let equations: HashSet<u32> = support.equations.iter().copied().collect();
    for k in (0..head.dim()).filter(|&k| {
        !equations.contains(&(k as u32)) && !follows(problem, t, &all, &support.equations, k)
    }) {
        let r = residual(problem, t, &all, k);
        if !slack.add_range(domain, k, r) {
            return None;
        }
        // Both ends of a fixed coordinate are one number, which counts as bias; tokens that differ
        // only there share this verdict.
        let middle = if domain.is_fixed(k) { 0.0 } else { r.lo.midpoint(r.hi) };
        if middle > 0.0 {
            blockers.push((Rival::Lower(k as u32), middle));
        } else if middle < 0.0 {
            blockers.push((Rival::Upper(k as u32), -middle));
        }
    }
    Some((blockers, slack))
}

/// Whether the equation of coordinate `k` follows exactly from the others: its column is constant
/// on the token and its rivals, or repeats the column of an equation.
fn follows(
    problem: &Problem,
    t: usize,
    rivals: &[(u32, Interval)],
    equations: &[u32],
    k: usize,
) -> bool {
    let head = problem.head();
    let all = |holds: &dyn Fn(usize) -> bool| rivals.iter().all(|&(j, _)| holds(j as usize));
    all(&|j| head.weight(j, k) == head.weight(t, k))
        || equations.iter().any(|&e| {
            let same = |j: usize| head.weight(j, k) == head.weight(j, e as usize);
            same(t) && all(&same)
        })
}

/// `sum lambda_j w_jk - w_tk`, enclosed.
fn residual(problem: &Problem, t: usize, weights: &[(u32, Interval)], k: usize) -> Interval {
    let head = problem.head();
    let (mut sum, mut size, mut spread) = (-head.weight(t, k), head.weight(t, k).abs(), 0.0);
    for &(j, weight) in weights {
        let (x, middle) = (head.weight(j as usize, k), 0.5 * (weight.lo + weight.hi));
        sum += middle * x;
        size += (middle * x).abs();
        // One unit more than half the width covers the rounding of the middle.
        spread +=
            ((0.5 * (weight.hi - weight.lo)).next_up() + middle.abs() * f64::EPSILON) * x.abs();
    }
    let unit = gamma(2 * weights.len() + 8);
    let radius =
        (unit * size + spread * (1.0 + unit) + weights.len() as f64 * 4.0 * TINY).next_up();
    Interval { lo: (sum - radius).next_down(), hi: (sum + radius).next_up() }
}

/// The square system of the basic weights, each equation scaled by a power of two.
fn system(problem: &Problem, t: usize, support: &Support) -> Option<SquareSystem> {
    let head = problem.head();
    let order = support.basic.len();
    let mut columns = vec![0.0; order * order];
    let (mut rhs, mut rhs_error) = (Vec::with_capacity(order), Vec::with_capacity(order));
    let unit = gamma(support.frozen.len() + 4);
    for (i, &k) in support.equations.iter().enumerate() {
        let k = k as usize;
        let entries =
            || support.basic.iter().chain(&support.frozen).map(|&(j, _)| j as usize).chain([t]);
        let largest = entries().map(|j| head.weight(j, k).abs()).fold(0.0, f64::max);
        if largest == 0.0 {
            return None;
        }
        let scale = power_of_two_near(largest);
        let scaled = |j: usize| {
            let x = head.weight(j, k) / scale;
            (x * scale == head.weight(j, k)).then_some(x)
        };
        for (c, &(j, _)) in support.basic.iter().enumerate() {
            columns[c * order + i] = scaled(j as usize)?;
        }
        let (mut sum, mut size) = (scaled(t)?, scaled(t)?.abs());
        for &(j, weight) in &support.frozen {
            let term = weight * scaled(j as usize)?;
            sum -= term;
            size += term.abs();
        }
        rhs.push(sum);
        rhs_error.push((unit * size + support.frozen.len() as f64 * TINY).next_up());
    }
    let frozen: f64 = support.frozen.iter().map(|f| f.1).sum();
    for c in 0..order {
        columns[c * order + order - 1] = 1.0;
    }
    rhs.push(1.0 - frozen);
    rhs_error.push((unit * (1.0 + frozen)).next_up());
    Some(SquareSystem { order, columns, rhs, rhs_error })
}
