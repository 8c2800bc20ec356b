//! The exact simplex method: the max-margin linear program of one token in integers.
//!
//! Primal: maximise `tau` subject to `A_i.u >= tau` for all rows and `|u_k| <= 1`. Dual: minimise
//! `sum (alpha + beta)` subject to `A^T lambda = alpha - beta`, `sum lambda = 1`, all non-negative. Both are feasible
//! and bounded; the optimum is positive exactly when the token wins, and an optimum of 0 gives the losing weights.
//! The dual is solved by the primal simplex method with integer pivoting (Edmonds 1967; the inverse times its
//! determinant stays integral). Rows are added when they are found violated; Bland's rule (1977) makes the method
//! terminate.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use crate::arithmetic::dyadic::{Dyadic, dot_floats, integers_at_common_exponent};
use crate::arithmetic::rounding::{exponent, norm_up};
use crate::certify::Rival;
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{self, Combination, Verdict};
use crate::domain::Ball;
use crate::problem::Problem;
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
                            table = Table { spent, ..tabled(&lines)? };
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

/// The linear program of one token, with integer rows.
struct Program<'a> {
    problem: &'a Problem<'a>,
    token: u32,
    columns: Vec<usize>,
    lifted: bool,
    /// Coordinate `k` of `u` is `h_k` times `2^-exponents[k]`; the last coordinate belongs to `s`.
    exponents: Vec<i64>,
    /// The coordinates that the domain fixes; they count as part of the bias.
    fixed: Vec<usize>,
}

impl<'a> Program<'a> {
    /// Chooses the coordinates of the program and their scales.
    fn new(problem: &'a Problem<'a>, token: u32) -> Self {
        let (head, domain) = (problem.head(), problem.domain());
        let (fixed, mut columns): (Vec<usize>, Vec<usize>) =
            (0..head.dim()).partition(|&k| domain.is_fixed(k));
        if domain.ball().is_some_and(Ball::is_centred) {
            columns.pop();
        }
        let lifted = problem.has_levels() || domain.has_lengths() || !fixed.is_empty();
        let mut program = Program { problem, token, columns, lifted, exponents: Vec::new(), fixed };
        // The magnitude of a column is enough for a sensible box |u_k| <= 1.
        let magnitude = |k: usize| {
            let largest = (0..head.tokens())
                .step_by(head.tokens().div_ceil(256))
                .map(|t| head.weight(t, k).abs())
                .fold(0.0, f64::max);
            exponent(largest)
        };
        program.exponents = program.columns.iter().map(|&k| magnitude(k)).collect();
        program
    }

    /// The number of coordinates of `u`.
    fn dim(&self) -> usize {
        self.columns.len() + usize::from(self.lifted)
    }

    /// The coordinates whose range ends may hold a token back.
    fn bounded(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self.problem.domain().ball() {
            None => Box::new(self.columns.iter().copied()),
            Some(ball) => Box::new((0..ball.dim()).filter(|&k| ball.gain()[k] != 0.0)),
        }
    }

    /// Whether the constraint is a rival with the token's own row.
    fn is_same_row(&self, constraint: &Constraint) -> bool {
        matches!(constraint, Constraint::Rival(Rival::Token(j)) if self.problem.groups().same_row(*j, self.token))
    }

    /// The score of a token where all columns are 0.
    fn bias(&self, t: usize) -> Dyadic {
        let (head, domain) = (self.problem.stored(), self.problem.domain());
        if let Some(ball) = domain.ball() {
            let shifted = dot_floats(head.row(t), ball.shift().iter().copied());
            return &Dyadic::from_f64(head.bias(t)) + &shifted;
        }
        self.fixed.iter().fold(Dyadic::from_f64(head.bias(t)), |sum, &k| {
            &sum + &(&Dyadic::from_f64(head.weight(t, k)) * &Dyadic::from_f64(domain.lo(k)))
        })
    }

    /// A row as integers, and the exponent of the power of two that it was divided by.
    fn row(&self, constraint: Constraint) -> (Vec<BigInt>, i64) {
        let (domain, t) = (self.problem.domain(), self.token as usize);
        let exact = Dyadic::from_f64;
        let mut row: Vec<Dyadic> = vec![Dyadic::zero(); self.dim()];
        let last = self.columns.len();
        let at = |k: u32| self.columns.iter().position(|&c| c == k as usize).unwrap_or(0);
        let ball = domain.ball();
        match constraint {
            Constraint::Rival(Rival::Lower(k) | Rival::Upper(k)) if ball.is_some() => {
                // Coordinates of `z` with mean 0 omit the last one, which is minus the sum of the others.
                let at = k as usize;
                let (gain, shift) = ball.map_or((1.0, 0.0), |b| (b.gain()[at], b.shift()[at]));
                let up = matches!(constraint, Constraint::Rival(Rival::Lower(_)));
                let gain = if up { exact(gain) } else { exact(-gain) };
                if self.lifted {
                    row[last] = match up {
                        true => &exact(shift) - &exact(domain.lo(at)),
                        false => &exact(domain.hi(at)) - &exact(shift),
                    };
                }
                match self.columns.iter().position(|&c| c == at) {
                    Some(place) => row[place] = gain,
                    None => row[..last].iter_mut().for_each(|x| *x = -&gain),
                }
            }
            Constraint::Rival(Rival::Token(j)) => {
                let j = j as usize;
                let stored = self.problem.stored();
                let difference = |k: usize| {
                    let plain = &exact(stored.weight(t, k)) - &exact(stored.weight(j, k));
                    domain.ball().map_or(plain.clone(), |ball| &plain * &exact(ball.gain()[k]))
                };
                let centred = domain.ball().is_some_and(Ball::is_centred);
                let mean = centred.then(|| difference(stored.dim() - 1));
                for (x, &k) in row.iter_mut().zip(&self.columns) {
                    *x = difference(k);
                    if let Some(mean) = &mean {
                        *x = &*x - mean;
                    }
                }
                if self.lifted {
                    row[last] = &self.bias(t) - &self.bias(j);
                }
            }
            Constraint::Rival(Rival::Lower(k)) => {
                row[at(k)] = exact(1.0);
                if self.lifted {
                    row[last] = exact(-domain.lo(k as usize));
                }
            }
            Constraint::Rival(Rival::Upper(k)) => {
                row[at(k)] = exact(-1.0);
                if self.lifted {
                    row[last] = exact(domain.hi(k as usize));
                }
            }
            Constraint::Scale => row[last] = exact(1.0),
        }
        for (x, &e) in row.iter_mut().zip(&self.exponents) {
            *x = x.scaled(-e);
        }
        integers_at_common_exponent(&row)
    }

    /// Converts weights of the integer rows to weights of rivals and multipliers of range ends (negative for upper
    /// ends); each row had a factor of its own.
    fn unscaled_weights(&self, weights: Vec<(Constraint, BigInt)>) -> Combination<BigInt> {
        let factors: Vec<Dyadic> = weights
            .iter()
            .map(|(c, n)| Dyadic::from_integer(n.clone()).scaled(-self.row(*c).1))
            .collect();
        let (integers, _) = integers_at_common_exponent(&factors);
        let rivals =
            weights.into_iter().zip(integers).filter_map(|((constraint, _), n)| match constraint {
                Constraint::Rival(rival) => Some((rival, n)),
                Constraint::Scale => None,
            });
        Combination::of(rivals)
    }

    /// Tries the point of `u` in a ball; if lengths do not matter, scaled so that it is short enough.
    fn witness_in_ball(&self, u: &[BigInt], ball: &Ball) -> Result<Witness, Refusal> {
        let mut z = vec![Dyadic::zero(); self.problem.head().dim()];
        for ((&k, u), &e) in self.columns.iter().zip(u).zip(&self.exponents) {
            z[k] = Dyadic::from_integer(u.clone()).scaled(-e);
        }
        if ball.is_centred() {
            let sum = z.iter().fold(Dyadic::zero(), |sum, x| &sum + x);
            z[self.columns.len()] = -&sum;
        }
        if self.lifted {
            z.push(Dyadic::from_integer(u[self.columns.len()].clone()));
            let (mut integers, _) = integers_at_common_exponent(&z);
            let denominator = integers.pop().unwrap_or_else(BigInt::one);
            return witness::certify_integers(self.problem, self.token, integers, denominator);
        }
        let (integers, _) = integers_at_common_exponent(&z);
        // At most a quarter of the radius: |z| <= sqrt(d) max |z_k|.
        let bits = integers.iter().map(BigInt::bits).max().unwrap_or(0) as i64;
        let shift = bits + exponent(integers.len() as f64) / 2 + 4 - exponent(ball.radius_down());
        let (lift, denominator) = (BigInt::one() << (-shift).max(0), BigInt::one() << shift.max(0));
        let integers: Vec<BigInt> = integers.into_iter().map(|n| n * &lift).collect();
        let approximate = |n: &BigInt| Dyadic::from_integer(n.clone()).quotient_down(&denominator);
        let float = integers.iter().map(|n| approximate(n).next_up()).collect();
        witness::certify_float(self.problem, self.token, float)
            .or_else(|_| witness::certify_integers(self.problem, self.token, integers, denominator))
    }

    /// Tries the hidden state of `u`, first in float64.
    fn witness(&self, u: &[BigInt]) -> Result<Witness, Refusal> {
        let domain = self.problem.domain();
        if let Some(ball) = domain.ball() {
            return self.witness_in_ball(u, ball);
        }
        let last = self.columns.len();
        let s = if self.lifted { u[last].clone() } else { BigInt::one() };
        if !s.is_positive() {
            return Err(Refusal::Outside);
        }
        // h_k = u_k 2^-e_k / s, over one denominator.
        let mut h: Vec<Dyadic> = (0..domain.dim())
            .map(|k| {
                if domain.is_fixed(k) {
                    &Dyadic::from_f64(domain.lo(k)) * &Dyadic::from_integer(s.clone())
                } else {
                    Dyadic::zero()
                }
            })
            .collect();
        for ((&k, u), &e) in self.columns.iter().zip(u).zip(&self.exponents) {
            h[k] = Dyadic::from_integer(u.clone()).scaled(-e);
        }
        h.push(Dyadic::from_integer(s));
        let (mut integers, _) = integers_at_common_exponent(&h);
        let denominator = integers.pop().unwrap_or_else(BigInt::one);
        let mut float: Vec<f64> = integers
            .iter()
            .map(|n| Dyadic::from_integer(n.clone()).quotient_down(&denominator).next_up())
            .collect();
        domain.clamp(&mut float);
        if self.problem.is_scale_free() {
            let length = norm_up(float.iter().copied());
            if length > 0.0 && length.is_finite() {
                float.iter_mut().for_each(|x| *x /= length);
            }
        }
        witness::certify_float(self.problem, self.token, float)
            .or_else(|_| witness::certify_integers(self.problem, self.token, integers, denominator))
    }
}

/// The optimum of the program.
enum Optimum {
    /// Integer weights on rows, by index.
    Combination(Vec<(usize, BigInt)>),
    /// A direction with a positive product with every row.
    Point(Vec<BigInt>),
}

/// A variable of the dual program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// `lambda` of a row.
    Row(usize),
    /// `alpha` (true: column `-e_k`) or `beta` (false: `+e_k`) of a coordinate.
    Bound(usize, bool),
}

/// The simplex tableau of the dual program.
struct Table {
    dim: usize,
    rows: Vec<Vec<BigInt>>,
    basis: Vec<Variable>,
    /// `determinant` times the inverse of the basis matrix, row-major, `(dim + 1)^2`.
    inverse: Vec<BigInt>,
    determinant: BigInt,
    spent: u64,
    /// The number of consecutive pivots without a gain; many of them switch to Bland's rule.
    idle: usize,
}

impl Table {
    /// Starts from the last row and one bound variable for each coordinate; `None` without rows.
    fn new(dim: usize, rows: Vec<Vec<BigInt>>) -> Option<Self> {
        let start = rows.len().checked_sub(1)?;
        let order = dim + 1;
        let (mut basis, mut inverse) =
            (Vec::with_capacity(order), vec![BigInt::zero(); order * order]);
        for k in 0..dim {
            // The bound variable takes up the residual of its coordinate: sign (0 - a_k).
            let above = rows[start][k].is_positive();
            basis.push(Variable::Bound(k, above));
            let sign = BigInt::from(if above { -1 } else { 1 });
            inverse[k * order + dim] = -&sign * &rows[start][k];
            inverse[k * order + k] = sign;
        }
        basis.push(Variable::Row(start));
        inverse[dim * order + dim] = BigInt::one();
        Some(Table { dim, rows, basis, inverse, determinant: BigInt::one(), spent: 0, idle: 0 })
    }

    /// Adds a row.
    fn add(&mut self, row: Vec<BigInt>) {
        self.rows.push(row);
    }

    /// Runs the simplex method; `None` if the budget is spent.
    fn solve(&mut self, budget: u64) -> Option<Optimum> {
        let order = self.dim + 1;
        loop {
            if self.spent > budget {
                return None;
            }
            // The prices y = c^T B^-1, times the determinant.
            let mut prices = vec![BigInt::zero(); order];
            for (i, variable) in self.basis.iter().enumerate() {
                if matches!(variable, Variable::Bound(..)) {
                    for (y, x) in prices.iter_mut().zip(&self.inverse[i * order..(i + 1) * order]) {
                        *y += x;
                    }
                }
            }
            let Some(entering) = self.entering(&prices) else {
                let value: BigInt = prices[self.dim].clone();
                if value.is_positive() {
                    return Some(Optimum::Point(prices[..self.dim].iter().map(|y| -y).collect()));
                }
                let weights =
                    self.basis.iter().enumerate().filter_map(|(i, variable)| match variable {
                        Variable::Row(r) => Some((*r, self.inverse[i * order + self.dim].clone())),
                        Variable::Bound(..) => None,
                    });
                return Some(Optimum::Combination(weights.collect()));
            };
            self.pivot(entering)?;
        }
    }

    /// A variable with negative reduced cost: the most negative, or after many idle pivots the first; `None` at the
    /// optimum.
    fn entering(&mut self, prices: &[BigInt]) -> Option<Variable> {
        let mut best: Option<(BigInt, Variable)> = None;
        let bland = self.idle > 2 * self.dim + 20;
        let limbs = self.determinant.bits() / 64 + 1;
        for (i, row) in self.rows.iter().enumerate() {
            let product: BigInt =
                row.iter().zip(prices).filter(|(a, _)| !a.is_zero()).map(|(a, y)| a * y).sum();
            self.spent += limbs * self.dim as u64;
            let gain = product + &prices[self.dim];
            if gain.is_positive() && best.as_ref().is_none_or(|b| gain > b.0) {
                best = Some((gain, Variable::Row(i)));
                if bland {
                    return best.map(|b| b.1);
                }
            }
        }
        if best.is_some() {
            return best.map(|b| b.1);
        }
        for (k, price) in prices[..self.dim].iter().enumerate() {
            if price.abs() > self.determinant {
                return Some(Variable::Bound(k, price.is_negative()));
            }
        }
        None
    }

    /// Brings `entering` into the basis by the ratio test, ties to the lowest variable.
    fn pivot(&mut self, entering: Variable) -> Option<()> {
        let order = self.dim + 1;
        let column: Vec<BigInt> = (0..order)
            .map(|i| {
                let line = &self.inverse[i * order..(i + 1) * order];
                match entering {
                    Variable::Row(r) => {
                        let sum: BigInt = self.rows[r]
                            .iter()
                            .zip(line)
                            .filter(|(a, _)| !a.is_zero())
                            .map(|(a, x)| a * x)
                            .sum();
                        sum + &line[self.dim]
                    }
                    Variable::Bound(k, true) => -&line[k],
                    Variable::Bound(k, false) => line[k].clone(),
                }
            })
            .collect();
        let value = |i: usize| &self.inverse[i * order + self.dim];
        let mut leaving: Option<usize> = None;
        for i in (0..order).filter(|&i| column[i].is_positive()) {
            leaving = match leaving {
                None => Some(i),
                Some(l) => {
                    let (a, b) = (value(i) * &column[l], value(l) * &column[i]);
                    let first = a < b || a == b && rank(self.basis[i]) < rank(self.basis[l]);
                    Some(if first { i } else { l })
                }
            };
        }
        // The program is bounded, so some variable always leaves.
        let l = leaving?;
        self.idle = if value(l).is_zero() { self.idle + 1 } else { 0 };
        let pivot_line: Vec<BigInt> = self.inverse[l * order..(l + 1) * order].to_vec();
        let limbs = self.determinant.bits() / 64 + 1;
        for i in (0..order).filter(|&i| i != l) {
            let factor = &column[i];
            for (x, p) in self.inverse[i * order..(i + 1) * order].iter_mut().zip(&pivot_line) {
                if x.is_zero() && (factor.is_zero() || p.is_zero()) {
                    continue;
                }
                // Exact: entries are minors (Edmonds).
                *x = (&*x * &column[l] - factor * p) / &self.determinant;
                self.spent += 3 * limbs * limbs;
            }
        }
        self.determinant = column[l].clone();
        self.basis[l] = entering;
        Some(())
    }
}

/// The order of the variables in Bland's rule.
fn rank(variable: Variable) -> (usize, usize) {
    match variable {
        Variable::Row(i) => (0, i),
        Variable::Bound(k, above) => (1, 2 * k + usize::from(above)),
    }
}
