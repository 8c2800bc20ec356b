//! The shortest change of a row that satisfies linear demands.
//!
//! A change `D` must satisfy `a.D >= c` for each demand: the token shall win at its state, and kept states must keep their
//! winners. The shortest one is found by raising one multiplier after the other (Hildreth 1957).

use crate::measure::least_change::length;

/// A demand `row . D >= least`.
pub(super) struct Demand {
    pub row: Vec<f64>,
    pub least: f64,
}

/// The most passes over all demands.
const PASSES: usize = 2000;
/// The share of a demand, and of the terms of its product, that may be missing at the end.
const MISSING: f64 = 1e-9;

/// The shortest change that is at least nearly enough for all demands, and whether it is.
pub(super) fn shortest(demands: &[Demand], dim: usize) -> (Vec<f64>, bool) {
    let mut change = vec![0.0; dim];
    let mut multipliers = vec![0.0f64; demands.len()];
    let squares: Vec<f64> = demands.iter().map(|d| length(&d.row).powi(2)).collect();
    for _ in 0..PASSES {
        let mut satisfied = true;
        for ((demand, multiplier), square) in demands.iter().zip(&mut multipliers).zip(&squares) {
            if !(*square > 0.0) {
                continue;
            }
            let missing = demand.least - product(&demand.row, &change);
            satisfied &=
                missing <= MISSING * (demand.least.abs() + square.sqrt() * length(&change));
            let step = (missing / square).max(-*multiplier);
            *multiplier += step;
            change.iter_mut().zip(&demand.row).for_each(|(d, a)| *d += step * a);
        }
        if satisfied {
            return (change, true);
        }
    }
    (change, false)
}

/// The product of two vectors.
pub(super) fn product(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(row: [f64; 2], least: f64) -> Demand {
        Demand { row: row.to_vec(), least }
    }

    #[test]
    fn one_demand_is_met_along_its_row() {
        let (change, met) = shortest(&[demand([3.0, 4.0], 10.0)], 2);
        assert!(met && (change[0] - 1.2).abs() < 1e-9 && (change[1] - 1.6).abs() < 1e-9);
    }

    #[test]
    fn a_demand_that_is_met_anyway_changes_nothing() {
        let demands = [demand([1.0, 0.0], 1.0), demand([0.0, 1.0], -5.0)];
        let (change, met) = shortest(&demands, 2);
        assert!(met && (change[0] - 1.0).abs() < 1e-9 && change[1] == 0.0);
    }

    #[test]
    fn the_corner_of_two_demands_is_found_and_a_contradiction_is_told() {
        let (change, met) = shortest(&[demand([1.0, 0.0], 1.0), demand([-1.0, 1.0], 0.0)], 2);
        assert!(met && (change[0] - 1.0).abs() < 1e-6 && (change[1] - 1.0).abs() < 1e-6);
        assert!(!shortest(&[demand([1.0, 0.0], 1.0), demand([-1.0, 0.0], 0.0)], 2).1);
    }
}
