//! The exact simplex method: the max-margin linear program of one token in integers.
//!
//! Primal: maximise `tau` subject to `A_i.u >= tau` for all rows and `|u_k| <= 1`. Dual: minimise
//! `sum (alpha + beta)` subject to `A^T lambda = alpha - beta`, `sum lambda = 1`, all non-negative. Both are feasible
//! and bounded; the optimum is positive exactly when the token wins, and an optimum of 0 gives the losing weights.
//! The dual is solved by the primal simplex method with integer pivoting (Edmonds 1967; the inverse times its
//! determinant stays integral). Rows are added when they are found violated; Bland's rule (1977) makes the method
//! terminate.

use num_bigint::BigInt;
use num_traits::Zero;

use crate::certify::witness::Refusal;
use crate::certify::{self, Rival, Verdict};
use crate::problem::Problem;
use crate::prove::exact::program::Program;
use crate::prove::exact::table::{Optimum, Table};
use crate::prove::polyhedron::system::Constraint;

/// The number of violated rivals added after an optimum over the working set.
const BATCH: usize = 16;

/// The result of one attempt.
#[derive(Debug)]
pub struct Tried {
    /// The verdict, if the attempt succeeded.
    pub verdict: Option<Verdict>,
    /// The limb products spent.
    pub spent: u64,
    /// Whether there is no verdict because the budget was spent.
    pub by_budget: bool,
}

/// Decides `token` exactly, starting from a working set, within a budget of limb products.
///
/// With a ball, the program ignores the ball: it proves that the token loses for points `z` of any length, or it
/// finds a point, which may lie outside the ball; then there is no verdict.
pub fn decide(problem: &Problem, token: u32, working: &[Constraint], budget: u64) -> Tried {
    let mut spent = 0;
    let verdict = decided(problem, token, working, budget, &mut spent);
    let by_budget = verdict.is_none() && spent > budget;
    Tried { verdict, spent, by_budget }
}

/// [`decide`], which adds the cost to `spent`.
fn decided(
    problem: &Problem,
    token: u32,
    working: &[Constraint],
    budget: u64,
    spent: &mut u64,
) -> Option<Verdict> {
    let program = Program::new(problem, token);
    let ends = program.bounded().map(|k| {
        let (lo, hi) = (problem.domain().lo(k), problem.domain().hi(k));
        usize::from(lo.is_finite()) + usize::from(hi.is_finite())
    });
    let ends = ends.sum::<usize>();
    let wide = ends == 0 && problem.head().is_wide();
    // If the table alone exceeds the memory, no budget is large enough.
    if !wide && (program.dim() + 1).saturating_mul(program.dim() + 1 + ends) > MOST_NUMBERS {
        return None;
    }
    let mut rows = first_rows(problem, &program, token, working);
    let mut lines: Vec<Vec<BigInt>> = rows.iter().map(|&c| program.row(c).0).collect();
    let tabled = |lines: &[Vec<BigInt>]| match wide {
        true => Table::new(lines.len(), gram(lines)),
        false => Table::new(program.dim(), lines.to_vec()),
    };
    let mut table = tabled(&lines)?;
    loop {
        let optimum = table.solve(budget);
        *spent = table.spent;
        match optimum? {
            Optimum::Combination(weights) => {
                let weights = weights.into_iter().map(|(i, n)| (rows[i], n)).collect();
                let combination = program.unscaled_weights(weights);
                return match problem.domain().ball() {
                    // `lost_exactly` derives the range ends from the rivals.
                    None => certify::lost_exactly(problem, token, combination.rivals),
                    Some(_) => certify::lost_in_ball_exactly(problem, token, combination),
                };
            }
            Optimum::Point(u) => {
                match program.witness(&if wide { combined(&lines, &u) } else { u }) {
                    Ok(witness) => return Some(certify::won(problem, witness)),
                    Err(Refusal::Outside) => return None,
                    Err(Refusal::Beaten(rivals)) => {
                        let new = rivals
                            .into_iter()
                            .map(|j| Constraint::Rival(Rival::Token(j)))
                            .filter(|c| !rows.contains(c));
                        let new: Vec<Constraint> =
                            new.filter(|c| !program.is_same_row(c)).take(BATCH).collect();
                        if new.is_empty() {
                            return None;
                        }
                        for constraint in new {
                            let line = program.row(constraint).0;
                            rows.push(constraint);
                            lines.push(line.clone());
                            if !wide {
                                table.add(line);
                            }
                        }
                        if wide {
                            // Each row adds a coordinate. The cost so far still counts.
                            let spent =
                                table.spent + (lines.len() * lines.len() * program.dim()) as u64;
                            table = tabled(&lines)?;
                            table.spent = spent;
                        }
                    }
                }
            }
        }
    }
}

/// The rows to begin with: the ends of all ranges, and the rivals of the working set, or one rival.
fn first_rows(
    problem: &Problem,
    program: &Program,
    token: u32,
    working: &[Constraint],
) -> Vec<Constraint> {
    let mut rows: Vec<Constraint> = Vec::new();
    if program.lifted {
        rows.push(Constraint::Scale);
    }
    for k in program.bounded().map(|k| k as u32) {
        let (lo, hi) = (problem.domain().lo(k as usize), problem.domain().hi(k as usize));
        rows.extend(lo.is_finite().then_some(Constraint::Rival(Rival::Lower(k))));
        rows.extend(hi.is_finite().then_some(Constraint::Rival(Rival::Upper(k))));
    }
    rows.extend(working.iter().filter(|c| matches!(c, Constraint::Rival(Rival::Token(_)))));
    if !rows.iter().any(|c| matches!(c, Constraint::Rival(Rival::Token(_)))) {
        let first =
            (0..problem.head().tokens() as u32).find(|&j| !problem.groups().same_row(j, token));
        rows.extend(first.map(|j| Constraint::Rival(Rival::Token(j))));
    }
    rows
}

/// The most entries of a table: some hundreds of megabytes.
const MOST_NUMBERS: usize = 1 << 22;

/// The Gram matrix of the rows. With more coordinates than rows, the solution can be taken from the span of the rows,
/// `u = sum x_i row_i`; this matrix is the rows in terms of `x`. Its rows combine to 0 exactly where the original
/// rows do.
fn gram(lines: &[Vec<BigInt>]) -> Vec<Vec<BigInt>> {
    let product = |a: &[BigInt], b: &[BigInt]| -> BigInt {
        a.iter().zip(b).filter(|(x, _)| !x.is_zero()).map(|(x, y)| x * y).sum()
    };
    let mut products = vec![vec![BigInt::zero(); lines.len()]; lines.len()];
    for i in 0..lines.len() {
        for j in 0..=i {
            let both = product(&lines[i], &lines[j]);
            products[j][i] = both.clone();
            products[i][j] = both;
        }
    }
    products
}

/// The combination `sum x_i row_i`.
fn combined(lines: &[Vec<BigInt>], x: &[BigInt]) -> Vec<BigInt> {
    let mut u = vec![BigInt::zero(); lines.first().map_or(0, Vec::len)];
    for (line, x) in lines.iter().zip(x).filter(|(_, x)| !x.is_zero()) {
        u.iter_mut().zip(line).for_each(|(u, a)| *u += a * x);
    }
    u
}
