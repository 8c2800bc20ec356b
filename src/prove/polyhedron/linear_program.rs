//! The second engine: the same problem as linear programs, solved by a general solver. Only this file uses `good_lp`.
//!
//! For rows `A_i` of length one:
//!
//! - *margin*: maximise `tau` subject to `A_i.u >= tau` and `|u_k| <= 1`. Above 0, `u` is the point;
//! - *combination*: minimise `sum (alpha + beta)` subject to `A^T lambda = alpha - beta`, `sum lambda = 1`, all
//!   not negative. This is the dual, posed as a program of its own because not every backend of
//!   `good_lp` gives dual values. At 0, `lambda` combines the rows to zero;
//! - *packing*: see [`packing`];
//! - any program of few terms a row: see [`minimise`];
//! - *ball*: the program of Grivas, Bogoychev and Lopez (ACL 2022), see [`crate::prove::polyhedron::paper_radius`].
//!
//! All are feasible and bounded for all rows, so that no result depends on a status "infeasible", which comes without
//! the multipliers that would prove it. Backends work within tolerances of their own: an optimum only proposes a
//! side.
//!
//! The backend is a simplex method because combinations should be basic: an interior-point optimum spreads its
//! weights over more rows than an enclosure can take. (clarabel settled the bundled head over all hidden states in 7
//! s, and under `range:0:inf` not within a minute; microlp takes 2 s for either.)

#[cfg(all(feature = "lp-clarabel", not(feature = "lp-highs")))]
use good_lp::clarabel as backend;
#[cfg(feature = "lp-highs")]
use good_lp::highs as backend;
#[cfg(not(any(feature = "lp-clarabel", feature = "lp-highs")))]
use good_lp::microlp as backend;
use good_lp::variable::UnsolvedProblem;
use good_lp::{
    Constraint, Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, variable,
};

use crate::prove::qr::{dot, norm};
use crate::prove::solver::{Outcome, Solver};

/// The rows added so far; every call solves a new program.
#[derive(Clone, Debug)]
pub struct LinearProgram {
    dim: usize,
    /// Rows of length one, `count x dim`.
    rows: Vec<f64>,
}

/// The least `A_i.u` that counts as positive: with `|u_k| <= 1` and rows of length one, rounding errors are some
/// 1e-15.
const POSITIVE: f64 = 1e-12;

/// The weight, of a total of one, that a backend may leave on rows that take no part.
const NEGLIGIBLE: f64 = 1e-10;

/// The accepted relative residual of a combination: more than the tolerances of the backends.
const RESIDUAL: f64 = 1e-5;

impl Solver for LinearProgram {
    fn new(dim: usize) -> Self {
        LinearProgram { dim, rows: Vec::new() }
    }

    fn add(&mut self, row: &[f64]) {
        debug_assert_eq!(row.len(), self.dim);
        self.rows.extend_from_slice(row);
    }

    fn solve(&mut self) -> Outcome {
        if self.rows.is_empty() {
            return Outcome::Point(vec![0.0; self.dim]);
        }
        // The rows decide whether the point is accepted, not the optimum that the backend reports.
        let point = margin(&self.rows, self.dim)
            .filter(|u| self.rows.chunks_exact(self.dim).all(|row| dot(row, u) > POSITIVE));
        match point {
            Some(u) => Outcome::Point(u),
            None => match combination(&self.rows, self.dim, None) {
                Some((weights, left)) if left <= RESIDUAL => Outcome::Combination(weights),
                _ => Outcome::Stalled,
            },
        }
    }

    fn multipliers(&self) -> Vec<(usize, f64)> {
        combination(&self.rows, self.dim, None).map(|c| c.0).unwrap_or_default()
    }

    fn combine(rows: &[f64], dim: usize, target: &[f64]) -> Option<Vec<(usize, f64)>> {
        let (weights, left) = combination(rows, dim, Some(target))?;
        (left <= RESIDUAL * norm(target)).then_some(weights)
    }
}

/// Solves the program *margin* and returns `u`.
fn margin(rows: &[f64], dim: usize) -> Option<Vec<f64>> {
    let mut variables = ProblemVariables::new();
    let u = variables.add_vector(variable().clamp(-1.0, 1.0), dim);
    // No row is longer than one, so the largest margin is below the length of `u`; `u = 0` gives 0.
    let tau = variables.add(variable().clamp(0.0, dim as f64));
    let rows = rows.chunks_exact(dim).map(|row| {
        let value = row.iter().zip(&u).filter(|(x, _)| **x != 0.0);
        constraint!(sum(value.map(|(&x, &u)| (x, u)), dim) >= tau)
    });
    optimum(variables.maximise(tau), rows, &u)
}

/// Solves the program *combination*, or with a target other than 0: minimise `sum (alpha + beta)` subject to
/// `A^T lambda = target + alpha - beta`, all non-negative. Returns the weights and the least sum.
fn combination(
    rows: &[f64],
    dim: usize,
    target: Option<&[f64]>,
) -> Option<(Vec<(usize, f64)>, f64)> {
    let count = rows.len().checked_div(dim)?;
    let mut variables = ProblemVariables::new();
    let lambda = variables.add_vector(variable().min(0.0), count);
    let alpha = variables.add_vector(variable().min(0.0), dim);
    let beta = variables.add_vector(variable().min(0.0), dim);
    let mut equations: Vec<Constraint> = (0..dim)
        .map(|k| {
            let column = rows.chunks_exact(dim).map(|row| row[k]).zip(lambda.iter().copied());
            let left = sum(column.filter(|(x, _)| *x != 0.0), count + 2);
            constraint!(left - alpha[k] + beta[k] == target.map_or(0.0, |t| t[k]))
        })
        .collect();
    if target.is_none() {
        equations.push(constraint!(sum(lambda.iter().map(|&l| (1.0, l)), count) == 1.0));
    }
    let bounds = alpha.iter().chain(&beta).map(|&x| (1.0, x));
    let problem = variables.minimise(sum(bounds, 2 * dim));
    let wanted: Vec<Variable> = lambda.into_iter().chain(alpha).chain(beta).collect();
    let mut values = optimum(problem, equations, &wanted)?;
    let left = values.drain(count..).sum();
    let total: f64 = values.iter().sum();
    let weights = values.into_iter().enumerate().filter(|(_, x)| *x > NEGLIGIBLE * total);
    Some((weights.collect(), left))
}

/// Solves the program *ball*: maximise `r` subject to `rows_i.h + offsets_i >= r` and `lo <= h <= hi`, for rows of
/// length one. Returns the centre `h` and the radius `r`, which is negative if no point satisfies all rows.
pub fn ball(
    rows: &[f64],
    offsets: &[f64],
    ends: impl ExactSizeIterator<Item = (f64, f64)>,
) -> Option<(Vec<f64>, f64)> {
    let mut variables = ProblemVariables::new();
    let h: Vec<Variable> = ends.map(|(lo, hi)| variables.add(variable().clamp(lo, hi))).collect();
    let r = variables.add(variable());
    let constraints = rows.chunks_exact(h.len()).zip(offsets).map(|(row, &offset)| {
        let value = row.iter().zip(&h).filter(|(x, _)| **x != 0.0);
        constraint!(sum(value.map(|(&x, &h)| (x, h)), h.len()) + offset >= r)
    });
    let wanted: Vec<Variable> = h.iter().copied().chain([r]).collect();
    let mut values = optimum(variables.maximise(r), constraints, &wanted)?;
    let radius = values.pop()?;
    Some((values, radius))
}

/// Solves the program *packing*: maximise `sum y_i` subject to `y_i >= 0` and, for each of `count` elements, a sum of at
/// most 1 over the sets that contain it. `sets` are lists of elements below `count`. Returns the `y_i`.
pub fn packing(sets: &[Vec<usize>], count: usize) -> Option<Vec<f64>> {
    let mut variables = ProblemVariables::new();
    let shares = variables.add_vector(variable().clamp(0.0, 1.0), sets.len());
    let mut containing: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, set) in sets.iter().enumerate() {
        set.iter().for_each(|&element| containing[element].push(i));
    }
    // Elements of the same sets have the same constraint.
    containing.retain(|sets| sets.len() > 1);
    containing.sort();
    containing.dedup();
    let limits = containing
        .iter()
        .map(|sets| constraint!(sum(sets.iter().map(|&i| (1.0, shares[i])), sets.len()) <= 1.0));
    let total = sum(shares.iter().map(|&y| (1.0, y)), shares.len());
    optimum(variables.maximise(total), limits, &shares)
}

/// A row of a program: the terms, each with the index of its variable, must sum to at least `least`.
#[cfg(any(test, feature = "files"))]
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub terms: Vec<(f64, usize)>,
    pub least: f64,
}

/// Minimises `costs . x` subject to the rows and to a range for each variable. Returns `x`; `None` if the backend gives up or
/// finds that there is none.
#[cfg(any(test, feature = "files"))]
pub fn minimise(costs: &[f64], ranges: &[(f64, f64)], rows: &[Row]) -> Option<Vec<f64>> {
    let mut variables = ProblemVariables::new();
    let x: Vec<Variable> =
        ranges.iter().map(|&(lo, hi)| variables.add(variable().clamp(lo, hi))).collect();
    let rows = rows.iter().map(|row| {
        let terms = row.terms.iter().map(|&(factor, at)| (factor, x[at]));
        constraint!(sum(terms, row.terms.len()) >= row.least)
    });
    let cost = sum(costs.iter().copied().zip(x.iter().copied()), costs.len());
    optimum(variables.minimise(cost), rows, &x)
}

/// The linear expression of these terms.
fn sum(terms: impl Iterator<Item = (f64, Variable)>, length: usize) -> Expression {
    let mut sum = Expression::with_capacity(length);
    terms.for_each(|(x, variable)| sum.add_mul(x, variable));
    sum
}

/// The optimal values of some variables; `None` if the backend gives up.
fn optimum(
    problem: UnsolvedProblem,
    constraints: impl IntoIterator<Item = Constraint>,
    wanted: &[Variable],
) -> Option<Vec<f64>> {
    let solution = problem.using(backend).with_all(constraints).solve().ok()?;
    let values: Vec<f64> = wanted.iter().map(|&v| solution.value(v)).collect();
    values.iter().all(|x| x.is_finite()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(rows: &[[f64; 2]]) -> Outcome {
        let mut problem = LinearProgram::new(2);
        rows.iter().for_each(|row| problem.add(row));
        problem.solve()
    }

    #[test]
    fn a_square_around_the_origin_combines_to_zero() {
        let rows = [[1.0, 0.0], [0.0, 1.0], [-0.8, -0.6]];
        let Outcome::Combination(c) = asked(&rows) else { panic!("the origin is inside") };
        let sum = |k: usize| c.iter().map(|&(i, w)| w * rows[i][k]).sum::<f64>();
        assert!(sum(0).abs() < 1e-7 && sum(1).abs() < 1e-7 && c.iter().all(|x| x.1 > 0.0));
    }

    #[test]
    fn a_half_plane_has_a_point() {
        let rows = [[1.0, 0.0], [-0.6, 0.8]];
        let Outcome::Point(u) = asked(&rows) else { panic!("there is room") };
        assert!(rows.iter().all(|row| dot(row, &u) > 0.1));
    }

    #[test]
    fn opposite_rows_have_no_point_and_no_row_leaves_all_points() {
        assert!(matches!(asked(&[[0.6, 0.8], [-0.6, -0.8]]), Outcome::Combination(_)));
        assert!(matches!(asked(&[]), Outcome::Point(_)));
    }

    #[test]
    fn a_target_inside_a_cone_is_combined_and_one_outside_is_not() {
        let rows = [1.0, 0.0, 0.6, 0.8];
        let weights = LinearProgram::combine(&rows, 2, &[1.0, 0.4]).unwrap();
        assert_eq!(weights.len(), 2);
        assert_eq!(LinearProgram::combine(&rows, 2, &[-1.0, 0.4]), None);
    }

    #[test]
    fn three_sets_that_meet_in_pairs_are_packed_by_halves() {
        let sets = [vec![0, 1], vec![1, 2], vec![0, 2]];
        let shares = packing(&sets, 3).unwrap();
        assert!((shares.iter().sum::<f64>() - 1.5).abs() < 1e-9, "{shares:?}");
        assert_eq!(packing(&[vec![0], vec![1]], 2).unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn the_least_cost_is_found_and_contradictions_are_told() {
        // x + y >= 1 at costs 1 and 2, and x at most a quarter.
        let rows = [Row { terms: vec![(1.0, 0), (1.0, 1)], least: 1.0 }];
        let x = minimise(&[1.0, 2.0], &[(0.0, 0.25), (0.0, 9.0)], &rows).unwrap();
        assert!((x[0] - 0.25).abs() < 1e-9 && (x[1] - 0.75).abs() < 1e-9, "{x:?}");
        assert_eq!(minimise(&[1.0, 2.0], &[(0.0, 0.25), (0.0, 0.5)], &rows), None);
    }

    #[test]
    fn the_largest_ball_of_a_triangle_is_its_inscribed_circle() {
        // x >= 0, y >= 0, 3 x + 4 y <= 12: the legs are 4 and 3, so the radius is 1.
        let rows = [1.0, 0.0, 0.0, 1.0, -0.6, -0.8];
        let (h, r) = ball(&rows, &[0.0, 0.0, 2.4], [(-9.0, 9.0); 2].into_iter()).unwrap();
        assert!((r - 1.0).abs() < 1e-9 && h.iter().all(|x| (x - 1.0).abs() < 1e-9));
    }

    #[test]
    fn the_other_engine_is_not_even_imported() {
        let (code, _) = include_str!("linear_program.rs").split_once("#[cfg(test)]\nmod").unwrap();
        assert!(!code.contains("least_distance") && !code.contains("LeastDistance"));
    }
}
