//! Proves losses by rival weights that exist inside intervals around float64 approximations.
//!
//! The equations `sum lambda_j w_jk = w_tk` (for the chosen coordinates) and `sum lambda_j = 1` form a square
//! system in the basic weights, whose exact solution [`crate::arithmetic::enclose`] encloses. When all
//! enclosed weights are positive, exact positive weights exist; if also their slack is not negative, the token loses.
//!
//! The matrix of that system is made of the rivals alone. A [`Basis`] keeps its inverse and encloses the weights of
//! many tokens.

use std::collections::HashSet;

use super::range_terms::SlackBound;
use super::rival::{self, Blocker, Rival};
use crate::arithmetic::enclose::SquareSystem;
use crate::arithmetic::interval::Interval;
use crate::arithmetic::regular::Regular;
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

/// Rivals and equations whose matrix is proved to be regular, for the losses of many tokens on the same rivals.
#[derive(Clone, Debug)]
pub struct Basis {
    pub(super) rivals: Vec<u32>,
    pub(super) equations: Vec<u32>,
    /// A power of two for each equation, by which it is divided.
    pub(super) scales: Vec<f64>,
    pub(super) matrix: Regular,
}

impl Basis {
    /// The basis of the support of another token; `None` if its matrix is not proved to be regular, or if the support
    /// has frozen weights, which belong to that token alone.
    pub fn of(problem: &Problem, support: &Support) -> Option<Self> {
        let head = problem.head();
        let rivals: Vec<u32> = support.basic.iter().map(|b| b.0).collect();
        let order = rivals.len();
        if order != support.equations.len() + 1 || !support.frozen.is_empty() {
            return None;
        }
        let mut columns = vec![1.0; order * order];
        let mut scales = Vec::with_capacity(order);
        for (i, &k) in support.equations.iter().enumerate() {
            let entry = |&j: &u32| head.weight(j as usize, k as usize);
            let largest = rivals.iter().map(|j| entry(j).abs()).fold(0.0, f64::max);
            if largest == 0.0 {
                return None;
            }
            let scale = power_of_two_near(largest);
            for (c, j) in rivals.iter().enumerate() {
                columns[c * order + i] = scaled(entry(j), scale)?;
            }
            scales.push(scale);
        }
        let matrix = Regular::new(order, columns)?;
        Some(Basis { rivals, equations: support.equations.clone(), scales, matrix })
    }

    /// Weights on these rivals by which the token loses, if they are proved to exist.
    pub(super) fn prove(&self, problem: &Problem, token: u32) -> Option<Enclosed> {
        let (support, weights) = self.weights(problem, token)?;
        let (blockers, slack) = weighed(problem, token as usize, &support, &weights)?;
        let spread = spread(&support, &weights);
        slack.is_not_negative().then_some(Enclosed { support, blockers, spread })
    }

    /// The enclosed weights of the token on these rivals, and a lower bound of how far they stay ahead of it, in logits; `None`
    /// if one of the weights may not be positive.
    #[cfg(feature = "measures")]
    pub(super) fn slack(&self, problem: &Problem, token: u32) -> Option<(Vec<Interval>, f64)> {
        let (support, weights) = self.weights(problem, token)?;
        let slack = weighed(problem, token as usize, &support, &weights)?.1.total();
        Some((weights, slack))
    }

    /// The weights of the token on these rivals, approximate and enclosed.
    fn weights(&self, problem: &Problem, token: u32) -> Option<(Support, Vec<Interval>)> {
        let right = self.right(problem, token)?;
        let near = self.matrix.approximate(&right);
        let fits = near.iter().all(|x| *x > 0.0)
            && self.rivals.iter().all(|&j| !problem.groups().same_row(j, token));
        if !fits {
            return None;
        }
        let basic = self.rivals.iter().copied().zip(near.iter().copied()).collect();
        let support = Support { basic, frozen: Vec::new(), equations: self.equations.clone() };
        let weights = self.matrix.enclose(&right, &vec![0.0; right.len()], near);
        Some((support, weights))
    }

    /// The right side of the equations of a token.
    fn right(&self, problem: &Problem, token: u32) -> Option<Vec<f64>> {
        let entry = |k: u32| problem.head().weight(token as usize, k as usize);
        let mut right = Vec::with_capacity(self.equations.len() + 1);
        for (&k, &scale) in self.equations.iter().zip(&self.scales) {
            right.push(scaled(entry(k), scale)?);
        }
        right.push(1.0);
        Some(right)
    }
}

/// The quotient by a power of two, if it is exact.
fn scaled(x: f64, scale: f64) -> Option<f64> {
    let quotient = x / scale;
    (quotient * scale == x).then_some(quotient)
}

/// A proved combination of rivals that never scores less than the token.
#[derive(Clone, Debug)]
pub struct Enclosed {
    support: Support,
    blockers: Vec<Blocker>,
    spread: f64,
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

    /// The same proof, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        let Support { basic, frozen, equations } = &self.support;
        let support = Support {
            basic: rival::weights_with_ids(basic, ids),
            frozen: rival::weights_with_ids(frozen, ids),
            equations: equations.clone(),
        };
        let blockers = rival::with_ids(&self.blockers, ids);
        Enclosed { support, blockers, spread: self.spread }
    }

    /// The largest relative distance of an exact basic weight from the proposed one.
    pub(super) fn spread(&self) -> f64 {
        self.spread
    }
}

/// Proves that `token` never wins strictly, or returns `None`.
pub(super) fn prove(problem: &Problem, token: u32, support: Support) -> Option<Enclosed> {
    let weights = basic_weights(problem, token, &support)?;
    let (blockers, slack) = weighed(problem, token as usize, &support, &weights)?;
    let spread = spread(&support, &weights);
    slack.is_not_negative().then_some(Enclosed { support, blockers, spread })
}

/// A lower bound of how far the combination stays ahead of the token everywhere, in logits (it may be negative);
/// `None` if no such weights were proved to exist.
pub(super) fn slack(problem: &Problem, token: u32, support: Support) -> Option<f64> {
    let weights = basic_weights(problem, token, &support)?;
    let slack = weighed(problem, token as usize, &support, &weights)?.1.total();
    (!slack.is_nan()).then_some(slack)
}

/// Encloses the basic weights of a support.
fn basic_weights(problem: &Problem, token: u32, support: &Support) -> Option<Vec<Interval>> {
    if !well_formed(problem, token, support) {
        return None;
    }
    system(problem, token as usize, support)?.enclose()
}

/// The largest relative distance of an enclosed basic weight from the stored one.
fn spread(support: &Support, weights: &[Interval]) -> f64 {
    let distance = |(&(_, stored), w): (&(u32, f64), &Interval)| {
        (w.hi - stored).max(stored - w.lo) / stored.abs()
    };
    support.basic.iter().zip(weights).map(distance).fold(0.0, f64::max)
}

/// Whether a support can be that of a token at all.
fn well_formed(problem: &Problem, token: u32, support: &Support) -> bool {
    let order = support.basic.len();
    let distinct: HashSet<u32> = support.basic.iter().map(|b| b.0).collect();
    let everyone = || support.basic.iter().chain(&support.frozen).map(|&(j, _)| j);
    let tokens = problem.head().tokens();
    order == support.equations.len() + 1
        && distinct.len() == order
        && everyone().all(|j| (j as usize) < tokens && !problem.groups().same_row(j, token))
        && support.frozen.iter().all(|&(_, weight)| weight >= 0.0 && weight.is_finite())
}

/// The weights of rivals in float64, and a bound of the slack, from enclosures of the basic ones; `None` if one of
/// them may not be positive, or if the domain has no end where one is needed.
fn weighed(
    problem: &Problem,
    t: usize,
    support: &Support,
    weights: &[Interval],
) -> Option<(Vec<Blocker>, SlackBound)> {
    let (head, domain) = (problem.head(), problem.domain());
    if !weights.iter().all(|w| w.lo > 0.0) {
        return None;
    }
    let mut blockers: Vec<Blocker> = Vec::new();
    let mut slack = SlackBound::default();
    let exact = |x: f64| Interval { lo: x, hi: x };
    let mut all: Vec<(u32, Interval)> =
        support.basic.iter().zip(weights).map(|(&(j, _), &w)| (j, w)).collect();
    support.frozen.iter().for_each(|&(j, w)| all.push((j, exact(w))));
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
        let scaled = |j: usize| scaled(head.weight(j, k), scale);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    use crate::head::Head;

    /// Which tokens lose on the corners 0, 1 and 2 of a square; tokens from 4 on have the given rows.
    fn on_three_corners(rows: &[[f64; 2]], bias: Option<Vec<f64>>) -> Vec<bool> {
        let corners = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]];
        let all: Vec<f64> = corners.iter().chain(rows).flatten().copied().collect();
        let head = Head::new(all, bias, 4 + rows.len(), 2).unwrap();
        let domain = Domain::free(2);
        let problem = Problem::new(&head, &domain).unwrap();
        let basic = vec![(0, 0.5), (1, 0.25), (2, 0.25)];
        let support = Support { basic, frozen: Vec::new(), equations: vec![0, 1] };
        let basis = Basis::of(&problem, &support).unwrap();
        (0..head.tokens() as u32).map(|t| basis.prove(&problem, t).is_some()).collect()
    }

    #[test]
    fn tokens_inside_a_simplex_lose_on_it_and_tokens_on_or_just_outside_a_face_do_not() {
        let out = f64::EPSILON;
        let rows =
            [[-0.5, -0.5], [-0.9, 0.8], [0.0, 0.0], [out, out], [0.0, -1.0 - out], [0.5, 0.5]];
        let lost = on_three_corners(&rows, None);
        assert_eq!(lost[..4], [false; 4], "no corner loses on itself and the others");
        assert_eq!(lost[4..], [true, true, false, false, false, false]);
    }

    #[test]
    fn a_larger_bias_than_that_of_the_combination_is_not_lost() {
        let rows = [[-0.5, -0.5], [-0.5, -0.5]];
        let bias = vec![1.0, 1.0, 1.0, 1.0, 1.0 - 1e-9, 1.0 + 1e-9];
        assert_eq!(on_three_corners(&rows, Some(bias))[4..], [true, false]);
    }

    #[test]
    fn a_support_with_frozen_weights_or_without_an_inverse_is_no_basis() {
        let head = Head::new(vec![0.0, 1.0, 2.0, 0.5], None, 4, 1).unwrap();
        let domain = Domain::free(1);
        let problem = Problem::new(&head, &domain).unwrap();
        let support = |basic: &[u32], frozen: &[u32]| {
            let weighted = |ids: &[u32]| ids.iter().map(|&j| (j, 0.5)).collect();
            Support { basic: weighted(basic), frozen: weighted(frozen), equations: vec![0] }
        };
        assert!(Basis::of(&problem, &support(&[0, 2], &[])).is_some());
        assert!(Basis::of(&problem, &support(&[0, 2], &[1])).is_none());
        assert!(Basis::of(&problem, &support(&[2, 2], &[])).is_none());
        assert!(Basis::of(&problem, &support(&[2], &[])).is_none());
    }
}
