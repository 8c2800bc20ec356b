//! What the working set asks of a method, so that engines share the search but no solver.

/// A method that decides, approximately, whether some `u` has `A u > 0` for the rows added so far.
pub trait Solver {
    /// No rows yet, for `u` of `dim` coordinates.
    fn new(dim: usize) -> Self;

    /// Among all points the one nearest to `anchor` is wanted, where the method can choose.
    fn near(&mut self, _anchor: &[f64]) {}

    /// Adds a row of length one.
    fn add(&mut self, row: &[f64]);

    /// Decides for all rows added so far.
    fn solve(&mut self) -> Outcome;

    /// Approximate multipliers after the last [`Solver::solve`], for a bound of the best margin.
    fn multipliers(&self) -> Vec<(usize, f64)>;

    /// Multipliers `x >= 0` with `sum x_i rows_i = target`, positive on independent rows, or `None`;
    /// `rows` is `count x dim`.
    fn combine(rows: &[f64], dim: usize, target: &[f64]) -> Option<Vec<(usize, f64)>>;
}

/// What a method found. A proposal: the certifying code decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All rows added so far have `A u > 0`.
    Point(Vec<f64>),
    /// Rows and positive multipliers whose combination is 0, to rounding: no `u` has `A u > 0`.
    Combination(Vec<(usize, f64)>),
    /// The method made no more progress (rows too close to each other for float64).
    Stalled,
}
