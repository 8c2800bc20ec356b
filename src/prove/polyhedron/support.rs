//! Turns multipliers that combine the rows to zero into a support that can be enclosed, or into exact weights.

use std::collections::HashSet;

use nalgebra::{DMatrix, DVector};
use num_bigint::BigInt;

use crate::arithmetic::dyadic::{Dyadic, integers_at_common_exponent};
use crate::arithmetic::linear;
use crate::certify::Rival;
use crate::certify::enclosure::Support;
use crate::order;
use crate::prove::polyhedron::system::{Constraint, System, normalise};
use crate::prove::solver::Solver;

/// Rivals with weights that sum to one, and range ends.
#[derive(Clone, Debug)]
struct Weights {
    rivals: Vec<(u32, f64)>,
    ends: Vec<Rival>,
}

/// Splits multipliers into rivals and range ends, and scales the rivals' weights to sum one.
fn normalised(multipliers: &[(Constraint, f64)]) -> Option<Weights> {
    let (mut rivals, mut ends) = (Vec::new(), Vec::new());
    for &(constraint, weight) in multipliers {
        match constraint {
            Constraint::Rival(Rival::Token(j)) => rivals.push((j, weight)),
            Constraint::Rival(end) => ends.push(end),
            Constraint::Scale => {}
        }
    }
    let total: f64 = rivals.iter().map(|r| r.1).sum();
    if !(total > 0.0) || !total.is_finite() {
        return None;
    }
    rivals.iter_mut().for_each(|r| r.1 /= total);
    Some(Weights { rivals, ends })
}

/// The support of a basic combination, with one rival more than there are equations; `None` if the combination is
/// degenerate (the token lies on a face of the rivals' hull, or weights are missing).
pub fn basic(system: &System, token: u32, multipliers: &[(Constraint, f64)]) -> Option<Support> {
    let mut weights = normalised(multipliers)?;
    let equations = equations(system, token, &weights);
    while weights.rivals.len() > equations.len() + 1 {
        drop_one(system, token, &mut weights, &equations)?;
    }
    (weights.rivals.len() == equations.len() + 1).then_some(Support {
        basic: weights.rivals,
        frozen: Vec::new(),
        equations,
    })
}

/// The support of a perturbed combination: small fixed weights of all rivals in the working set move the token off
/// every degenerate position inside their hull, and a basic combination supplies the rest.
///
/// `share` is the approximate total of the fixed weights.
pub fn perturbed<S: Solver>(
    system: &System,
    token: u32,
    working: &[Constraint],
    share: f64,
) -> Option<Support> {
    let dim = system.dim();
    let mut rows = Vec::with_capacity(working.len() * dim);
    let mut lengths = Vec::with_capacity(working.len());
    for &constraint in working {
        let mut row = system.row(token, constraint);
        lengths.push(normalise(&mut row));
        rows.extend_from_slice(&row);
    }
    let rivals = working.iter().filter(|c| matches!(c, Constraint::Rival(Rival::Token(_)))).count();
    let fixed: Vec<f64> = working
        .iter()
        .map(|c| match c {
            Constraint::Rival(Rival::Token(j)) => share / rivals as f64 * generic(*j),
            // Some slack, so that the rivals win by a provable amount.
            Constraint::Scale => share,
            Constraint::Rival(_) => 0.0,
        })
        .collect();
    let mut target = vec![0.0; dim];
    for (row, weight) in rows.chunks_exact(dim).zip(&fixed) {
        target.iter_mut().zip(row).for_each(|(t, x)| *t -= weight * x);
    }
    let combination = S::combine(&rows, dim, &target)?;

    let basic = combination.iter().map(|&(i, w)| (working[i], w / lengths[i])).collect();
    let frozen = working.iter().zip(fixed.iter().zip(&lengths));
    let frozen = frozen.filter_map(|(c, (w, length))| match c {
        Constraint::Rival(Rival::Token(j)) => Some((*j, w / length)),
        _ => None,
    });
    let (weights, frozen) = with_total_of_one(basic, frozen.collect())?;
    square(system, token, weights, frozen)
}

/// Scales weights on unscaled rows, of the solver and fixed ones, to a total of one over the rivals; `None` where there is no
/// such factor.
fn with_total_of_one(
    basic: Vec<(Constraint, f64)>,
    mut frozen: Vec<(u32, f64)>,
) -> Option<(Weights, Vec<(u32, f64)>)> {
    let is_rival = |c: &Constraint| matches!(c, Constraint::Rival(Rival::Token(_)));
    let total: f64 = basic.iter().filter(|b| is_rival(&b.0)).map(|b| b.1).sum::<f64>()
        + frozen.iter().map(|f| f.1).sum::<f64>();
    if !(total > 0.0) || !total.is_finite() {
        return None;
    }
    frozen.iter_mut().for_each(|f| f.1 /= total);
    let mut weights = Weights { rivals: Vec::new(), ends: Vec::new() };
    for (constraint, weight) in basic {
        match constraint {
            Constraint::Rival(Rival::Token(j)) => weights.rivals.push((j, weight / total)),
            Constraint::Rival(end) => weights.ends.push(end),
            Constraint::Scale => {}
        }
    }
    Some((weights, frozen))
}

/// Makes a support with as many basic rivals as equations; `None` where the weights have too few or too many.
fn square(
    system: &System,
    token: u32,
    mut weights: Weights,
    mut frozen: Vec<(u32, f64)>,
) -> Option<Support> {
    // The equations are those of all rivals together: a column that is constant on the basic rivals only is kept.
    let everyone = Weights {
        rivals: weights.rivals.iter().chain(&frozen).copied().collect(),
        ends: weights.ends.clone(),
    };
    let equations = equations(system, token, &everyone);
    // The sum of the weights is one more equation, so one frozen rival becomes basic.
    while weights.rivals.len() < equations.len() + 1 {
        let largest = frozen
            .iter()
            .enumerate()
            .filter(|(_, f)| weights.rivals.iter().all(|r| r.0 != f.0))
            .max_by(|a, b| a.1.1.total_cmp(&b.1.1))?
            .0;
        let promoted = frozen.remove(largest);
        weights.rivals.push(promoted);
        if weights.rivals.len() < equations.len() {
            return None;
        }
    }
    (weights.rivals.len() == equations.len() + 1).then_some(Support {
        basic: weights.rivals,
        frozen,
        equations,
    })
}

/// A fixed pseudo-random number in `[1, 2)` for an id.
fn generic(id: u32) -> f64 {
    let mut x = u64::from(id).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    1.0 + (x >> 40) as f64 / (1u64 << 24) as f64
}

/// The coordinates whose equations must hold exactly: those without a range end in use, except columns that are
/// constant on token and rivals or repeat an earlier column (their equations follow).
fn equations(system: &System, token: u32, weights: &Weights) -> Vec<u32> {
    let head = system.problem().head();
    let ends: HashSet<u32> = weights
        .ends
        .iter()
        .filter_map(|e| match e {
            Rival::Lower(k) | Rival::Upper(k) => Some(*k),
            Rival::Token(_) => None,
        })
        .collect();
    let mut ids: Vec<usize> = weights.rivals.iter().map(|r| r.0 as usize).collect();
    ids.push(token as usize);
    let mut seen: HashSet<Vec<u64>> = HashSet::new();
    system
        .columns()
        .iter()
        .filter(|&&k| !ends.contains(&(k as u32)))
        .filter(|&&k| {
            let column: Vec<u64> =
                ids.iter().map(|&j| (head.weight(j, k) + 0.0).to_bits()).collect();
            column.iter().any(|x| *x != column[0]) && seen.insert(column)
        })
        .map(|&k| k as u32)
        .collect()
}

/// Drops one rival: moves along a direction that keeps all equations and does not lower the slack until a weight
/// reaches 0 (Caratheodory's argument as one simplex step).
fn drop_one(system: &System, token: u32, weights: &mut Weights, equations: &[u32]) -> Option<()> {
    let problem = system.problem();
    let (head, domain) = (problem.head(), problem.domain());
    let order = equations.len() + 1;
    // The rival with the least weight moves; `order` of the heaviest others follow it.
    order::heaviest_first(&mut weights.rivals);
    let column = |j: u32| -> Vec<f64> {
        let entry = |&k: &u32| {
            head.weight(j as usize, k as usize) - head.weight(token as usize, k as usize)
        };
        let mut column: Vec<f64> = equations.iter().map(entry).collect();
        column.push(1.0);
        column
    };
    let (followers, moving) =
        (&weights.rivals[..order], weights.rivals[weights.rivals.len() - 1].0);
    let columns: Vec<Vec<f64>> = followers.iter().map(|r| column(r.0)).collect();
    let matrix = DMatrix::from_vec(order, order, columns.concat());
    let answer = matrix.lu().solve(&DVector::from_vec(column(moving)))?;
    let mut direction: Vec<(u32, f64)> =
        followers.iter().zip(answer.iter()).map(|(r, x)| (r.0, -x)).collect();
    direction.push((moving, 1.0));
    let mut gain: f64 = direction.iter().map(|(j, x)| x * head.bias(*j as usize)).sum();
    for end in &weights.ends {
        let (k, limit) = match end {
            Rival::Lower(k) => (*k as usize, domain.lo(*k as usize)),
            Rival::Upper(k) => (*k as usize, domain.hi(*k as usize)),
            Rival::Token(_) => continue,
        };
        gain += limit * direction.iter().map(|(j, x)| x * head.weight(*j as usize, k)).sum::<f64>();
    }
    if gain < 0.0 {
        direction.iter_mut().for_each(|d| d.1 = -d.1);
    }
    let step_of = |id: u32| direction.iter().find(|d| d.0 == id).map_or(0.0, |d| d.1);
    let (at, length) = weights
        .rivals
        .iter()
        .enumerate()
        .filter(|(_, r)| step_of(r.0) < 0.0)
        .map(|(i, r)| (i, r.1 / -step_of(r.0)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    for rival in &mut weights.rivals {
        rival.1 += length * step_of(rival.0);
    }
    weights.rivals.remove(at);
    Some(())
}

/// Exact integer weights of the rivals of a combination, from all equations at once: for tokens on a proper face of
/// the rivals' hull, where no enclosure can succeed.
pub fn exact(
    system: &System,
    token: u32,
    multipliers: &[(Constraint, f64)],
) -> Option<Vec<(u32, BigInt)>> {
    let mut weights = normalised(multipliers)?;
    weights.rivals.retain(|r| r.1 > NEGLIGIBLE);
    let head = system.problem().head();
    let (mut rows, mut rhs) = (Vec::new(), Vec::new());
    for k in equations(system, token, &weights) {
        let k = k as usize;
        let ids = weights.rivals.iter().map(|r| r.0 as usize).chain([token as usize]);
        let entries: Vec<Dyadic> = ids.map(|j| Dyadic::from_f64(head.weight(j, k))).collect();
        let (mut row, _) = integers_at_common_exponent(&entries);
        rhs.push(row.pop()?);
        rows.push(row);
    }
    rows.push(vec![BigInt::from(1); weights.rivals.len()]);
    rhs.push(BigInt::from(1));
    let solution = linear::solve(&rows, &rhs)?;
    Some(weights.rivals.iter().map(|r| r.0).zip(solution.numerators).collect())
}

/// The weight, of a total of one, that float64 may leave on rivals that take no part.
const NEGLIGIBLE: f64 = 1e-11;
