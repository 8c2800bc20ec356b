//! Products, quotients and sums in float64 that are exact, or `None`.

/// The least magnitude of a result for which the test is valid: the error of a smaller one could underflow.
const LEAST: f64 = 1e-290;

/// Returns `a b` if it is exact in float64.
pub(super) fn product(a: f64, b: f64) -> Option<f64> {
    let product = a * b;
    let sure = product.is_finite() && (product.abs() > LEAST || a == 0.0 || b == 0.0);
    (sure && a.mul_add(b, -product) == 0.0).then_some(product)
}

/// Returns `a / b` if it is exact in float64; `b` is not 0.
pub(super) fn quotient(a: f64, b: f64) -> Option<f64> {
    let quotient = a / b;
    let sure = quotient.is_finite() && (quotient.abs() > LEAST && a.abs() > LEAST || a == 0.0);
    (sure && quotient.mul_add(b, -a) == 0.0).then_some(quotient)
}

/// Returns `a + b` if it is exact in float64 (the error term is that of Knuth, The Art of Computer Programming 2,
/// 4.2.2).
pub(super) fn sum(a: f64, b: f64) -> Option<f64> {
    let sum = a + b;
    let part = sum - a;
    let error = (a - (sum - part)) + (b - part);
    (sum.is_finite() && error == 0.0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_float64_holds_is_given() {
        assert_eq!(product(0.5, f64::from(0.1f32)), Some(0.5 * f64::from(0.1f32)));
        assert_eq!(product(f64::from(0.1f32), f64::from(0.7f32)).map(|x| x > 0.0), Some(true));
        assert_eq!(product(0.1, 0.1), None);
        assert_eq!(product(1e-200, 1e-200), None);
        assert_eq!(quotient(1.0, 4.0), Some(0.25));
        assert_eq!(quotient(1.0, 3.0), None);
        assert_eq!(sum(1.0, 2f64.powi(-52)), Some(1.0 + 2f64.powi(-52)));
        assert_eq!(sum(1.0, 2f64.powi(-60)), None);
        assert_eq!(sum(-0.75, 0.75), Some(0.0));
    }
}
