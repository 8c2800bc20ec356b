//! Proved intervals around the solution of a square linear system.

use super::interval::Interval;
use super::regular::Regular;

/// A square linear system whose matrix is exact and whose right side is known up to given error bounds.
#[derive(Clone, Debug)]
pub struct SquareSystem {
    /// The number of equations and of unknowns.
    pub order: usize,
    /// The matrix by columns, `order x order`.
    pub columns: Vec<f64>,
    /// The right side.
    pub rhs: Vec<f64>,
    /// A bound of the distance between each entry of `rhs` and its true value.
    pub rhs_error: Vec<f64>,
}

impl SquareSystem {
    /// Encloses the exact solution for every right side within its error bounds, one interval for each unknown;
    /// `None` where the matrix is not proved to be regular.
    pub fn enclose(&self) -> Option<Vec<Interval>> {
        let matrix = Regular::new(self.order, self.columns.clone())?;
        let near = matrix.approximate(&self.rhs);
        Some(matrix.enclose(&self.rhs, &self.rhs_error, near))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_solution_lies_inside_narrow_intervals() {
        // 2x + y = 1, x + 3y = 2: x = 1/5, y = 3/5.
        let columns = vec![2.0, 1.0, 1.0, 3.0];
        let system =
            SquareSystem { order: 2, columns, rhs: vec![1.0, 2.0], rhs_error: vec![0.0; 2] };
        let x = system.enclose().unwrap();
        for (interval, (numerator, denominator)) in x.iter().zip([(1.0, 5.0), (3.0, 5.0)]) {
            assert!(interval.lo * denominator < numerator && numerator < interval.hi * denominator);
            assert!(interval.hi - interval.lo < 1e-14);
        }
    }

    #[test]
    fn a_singular_or_doubtful_system_is_not_enclosed() {
        for small in [0.0, 1e-17] {
            let columns = vec![1.0, 1.0, 1.0, 1.0 + small];
            let system =
                SquareSystem { order: 2, columns, rhs: vec![1.0, 2.0], rhs_error: vec![0.0; 2] };
            assert_eq!(system.enclose(), None);
        }
    }

    #[test]
    fn interval_arithmetic_keeps_exact_zeros_and_rounds_outwards() {
        let tenth = Interval::point(0.1);
        let sum = tenth + Interval::point(0.2);
        assert!(sum.lo < 0.1 + 0.2 && 0.1 + 0.2 < sum.hi);
        assert_eq!(tenth * 0.0, Interval::point(0.0));
        assert_eq!(-(tenth * -1.0), tenth * 1.0);
        assert!((tenth - tenth).lo <= 0.0);
        let faint = Interval { lo: 1e-200, hi: 2e-200 };
        assert_eq!((faint * faint).lo, 0.0, "numbers above 0 have no product below it");
        assert_eq!((faint * -faint).hi, 0.0);
    }
}
