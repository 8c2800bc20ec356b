//! The interface between the search and a solver, so that engines share the search.

/// A method that decides, approximately, whether some `u` has `A u > 0` for the rows added so far.
pub trait Solver {
    /// A system without rows, for `u` of `dim` coordinates.
    fn new(dim: usize) -> Self;

    /// Asks for the point nearest to `anchor`, if the method can choose among points.
    fn near(&mut self, _anchor: &[f64]) {}

    /// Adds a row of length one.
    fn add(&mut self, row: &[f64]);

    /// Decides the system of all rows added so far.
    fn solve(&mut self) -> Outcome;

    /// Approximate multipliers after the last [`Solver::solve`], for a bound of the best margin.
    fn multipliers(&self) -> Vec<(usize, f64)>;

    /// Multipliers `x >= 0` with `sum x_i rows_i = target`, positive on independent rows only; `None` if there are
    /// none.
    /// `rows` is `count x dim`.
    fn combine(rows: &[f64], dim: usize, target: &[f64]) -> Option<Vec<(usize, f64)>>;
}

/// The result of a method. It is only a proposal: the certifying code decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A point `u` with `A u > 0` for all rows added so far.
    Point(Vec<f64>),
    /// Rows and positive multipliers whose combination is 0, up to rounding: no `u` has `A u > 0`.
    Combination(Vec<(usize, f64)>),
    /// The method made no more progress (rows are too close to each other for float64).
    Stalled,
}
