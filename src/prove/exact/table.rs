//! The simplex tableau of the dual program, with integer pivoting.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

/// The optimum of the program.
pub(super) enum Optimum {
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
pub(super) struct Table {
    dim: usize,
    rows: Vec<Vec<BigInt>>,
    basis: Vec<Variable>,
    /// `determinant` times the inverse of the basis matrix, row-major, `(dim + 1)^2`.
    inverse: Vec<BigInt>,
    determinant: BigInt,
    /// The limb products spent.
    pub spent: u64,
    /// The number of consecutive pivots without a gain; many of them switch to Bland's rule.
    idle: usize,
}

impl Table {
    /// Starts from the last row and one bound variable for each coordinate; `None` without rows.
    pub fn new(dim: usize, rows: Vec<Vec<BigInt>>) -> Option<Self> {
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
    pub fn add(&mut self, row: Vec<BigInt>) {
        self.rows.push(row);
    }

    /// Runs the simplex method; `None` if the budget is spent.
    pub fn solve(&mut self, budget: u64) -> Option<Optimum> {
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
