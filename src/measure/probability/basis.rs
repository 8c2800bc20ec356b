//! Splits weights into those that are kept as they are, and basic ones that solve the equations of the token's row
//! exactly: see [`crate::certify::enclosure`].

use crate::certify::enclosure::Support;
use crate::problem::Problem;

/// The part of a column outside the span of others, as a share of it, below which it counts as dependent.
const DEPENDENT: f64 = 1e-9;

/// The support with these weights near the solution of its equations; `None` if too few rivals have weight.
pub fn split(
    problem: &Problem,
    token: u32,
    point: &[f64],
    weights: &[(u32, f64)],
) -> Option<Support> {
    let (head, domain, t) = (problem.head(), problem.domain(), token as usize);
    // A coordinate at an end is bounded there, and one with two ends wherever it lies.
    let needs_equation = |&k: &usize| {
        let (lo, hi) = (domain.lo(k), domain.hi(k));
        let is_bounded = lo.is_finite() && hi.is_finite() || point[k] <= lo || point[k] >= hi;
        let is_constant = |&(j, _): &(u32, f64)| head.weight(j as usize, k) == head.weight(t, k);
        !is_bounded && !weights.iter().all(is_constant)
    };
    let coordinates: Vec<usize> = (0..head.dim()).filter(needs_equation).collect();
    let column = |j: u32| -> Vec<f64> {
        let entries = coordinates.iter().map(|&k| head.weight(j as usize, k) - head.weight(t, k));
        entries.chain([1.0]).collect()
    };
    let chosen = independent(weights.iter().map(|&(j, w)| (column(j), w)).collect());
    let rows = equations(&chosen.iter().map(|&i| column(weights[i].0)).collect::<Vec<_>>())?;
    let is_basic = |i: &usize| chosen.contains(i);
    let frozen = (0..weights.len()).filter(|i| !is_basic(i)).map(|i| weights[i]).collect();
    Some(Support {
        basic: chosen.iter().map(|&i| weights[i]).collect(),
        frozen,
        equations: rows.into_iter().map(|row| coordinates[row] as u32).collect(),
    })
}

/// The indices of independent columns, each time the one with the longest part outside the span of those before, where heavier
/// columns count as longer.
fn independent(mut columns: Vec<(Vec<f64>, f64)>) -> Vec<usize> {
    let size = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    let whole: Vec<f64> = columns.iter().map(|c| size(&c.0)).collect();
    let mut left = whole.clone();
    let mut chosen = Vec::new();
    let most = columns.first().map_or(0, |c| c.0.len());
    while chosen.len() < most {
        let is_free = |i: &usize| left[*i] > DEPENDENT * DEPENDENT * whole[*i];
        let value = |i: usize| left[i] * columns[i].1 * columns[i].1;
        let best = (0..columns.len()).filter(is_free);
        let Some(best) = best.max_by(|&a, &b| value(a).total_cmp(&value(b)).then(b.cmp(&a))) else {
            break;
        };
        let length = left[best].sqrt();
        let direction: Vec<f64> = columns[best].0.iter().map(|x| x / length).collect();
        for (i, (column, _)) in columns.iter_mut().enumerate() {
            if left[i] > 0.0 {
                let along: f64 = column.iter().zip(&direction).map(|(x, y)| x * y).sum();
                column.iter_mut().zip(&direction).for_each(|(x, y)| *x -= along * y);
                left[i] = size(column);
            }
        }
        left[best] = 0.0;
        chosen.push(best);
    }
    chosen
}

/// The rows, without the last, that make these columns a regular matrix together with the last row, which is all ones;
/// `None` if there are no columns.
fn equations(columns: &[Vec<f64>]) -> Option<Vec<usize>> {
    let last = columns.first()?.len() - 1;
    let mut columns = columns.to_vec();
    let mut rows = Vec::new();
    // The row of ones comes first.
    for step in 0..columns.len() {
        let row = match step {
            0 => last,
            _ => {
                let largest =
                    |&r: &usize| columns[step..].iter().fold(0.0f64, |m, c| m.max(c[r].abs()));
                let free = (0..last).filter(|r| !rows.contains(r));
                free.max_by(|a, b| largest(a).total_cmp(&largest(b)).then(b.cmp(a)))?
            }
        };
        let pivot = (step..columns.len()).max_by(|&a, &b| {
            columns[a][row].abs().total_cmp(&columns[b][row].abs()).then(b.cmp(&a))
        })?;
        columns.swap(step, pivot);
        let (before, after) = columns.split_at_mut(step + 1);
        let lead = &before[step];
        if lead[row] == 0.0 {
            return None;
        }
        for column in after {
            let factor = column[row] / lead[row];
            column.iter_mut().zip(lead).for_each(|(x, y)| *x -= factor * y);
        }
        if step > 0 {
            rows.push(row);
        }
    }
    Some(rows)
}
