//! Means, deviations, quantiles and lines through points.

/// The mean.
pub fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The standard deviation of one number, from a sample of at least two.
pub fn deviation(numbers: &[f64]) -> f64 {
    let middle = mean(numbers);
    let squares: f64 = numbers.iter().map(|x| (x - middle).powi(2)).sum();
    (squares / (numbers.len() as f64 - 1.0)).sqrt()
}

/// The quantile at a level from 0 to 1, interpolated. NaN of nothing.
pub fn quantile(numbers: &[f64], level: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = level * last as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    let part = if above == below { 0.0 } else { at - below as f64 };
    // Infinite ends are not mixed.
    if part == 0.0 { sorted[below] } else { sorted[below] * (1.0 - part) + sorted[above] * part }
}

/// Intercept and slope of the line of least squares.
pub fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (x, y) = (mean(&xs), mean(&ys));
    let across: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let both: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    (y - both / across * x, both / across)
}

/// The 95 % interval of a share `hits / of`, by Wilson's score.
pub fn share_interval(hits: usize, of: usize) -> (f64, f64) {
    let (n, z) = (of as f64, 1.96_f64);
    let p = hits as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_points_of_a_line_is_that_line() {
        assert_eq!(line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), (1.0, 2.0));
    }

    #[test]
    fn quantiles_and_deviations_are_those_of_a_small_sample() {
        let sample = [3.0, 1.0, 2.0, 4.0];
        assert_eq!((quantile(&sample, 0.0), quantile(&sample, 0.5)), (1.0, 2.5));
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.0), 1.0);
        assert!((deviation(&sample) - (5.0f64 / 3.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn the_interval_of_a_share_lies_around_it_and_within_0_and_1() {
        assert_eq!(share_interval(0, 10).0, 0.0);
        let (low, high) = share_interval(5, 10);
        assert!((low - 0.2366).abs() < 1e-3 && (high - 0.7634).abs() < 1e-3, "{low} {high}");
    }
}
