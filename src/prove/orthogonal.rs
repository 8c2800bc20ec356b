//! A thin QR factorisation that follows a changing set of columns.

use multiversion::multiversion;

use crate::arithmetic::dot::lanes;

/// `N = Q R` for the columns appended so far and not removed: `Q` orthonormal, `R` upper triangular.
#[derive(Clone, Debug, Default)]
pub struct Factorisation {
    /// The columns of `Q`, one after the other.
    q: Vec<f64>,
    /// Column `j` of `R` holds `j + 1` numbers.
    r: Vec<Vec<f64>>,
}

/// A column whose part outside the span of the others is below this share of it counts as dependent.
/// Orthogonalised twice, the part is accurate to a few units in the last place of the column.
const DEPENDENT: f64 = 1e-13;

impl Factorisation {
    /// The number of columns.
    pub fn len(&self) -> usize {
        self.r.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.r.is_empty()
    }

    /// `Q^T v` and the part of `v` outside the span, which is 0 when `v` counts as dependent.
    pub fn split(&self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut rest = v.to_vec();
        let mut coefficients = vec![0.0; self.len()];
        let mut parts = vec![0.0; self.len()];
        // Twice is enough (Giraud, Langou, Rozloznik 2005).
        for _ in 0..2 {
            products(&self.q, &rest, &mut parts);
            subtract(&self.q, &parts, &mut rest);
            coefficients.iter_mut().zip(&parts).for_each(|(c, part)| *c += part);
        }
        if norm(&rest) <= DEPENDENT * norm(v) {
            rest.fill(0.0);
        }
        (coefficients, rest)
    }

    /// Appends a column, given its [`Factorisation::split`] with a part outside the span that is not 0.
    pub fn append(&mut self, mut coefficients: Vec<f64>, rest: Vec<f64>) {
        let length = norm(&rest);
        coefficients.push(length);
        self.q.extend(rest.iter().map(|x| x / length));
        self.r.push(coefficients);
    }

    /// Removes column `at` and restores the triangle by plane rotations.
    pub fn remove(&mut self, at: usize) {
        let dim = self.q.len() / self.r.len();
        self.r.remove(at);
        for i in at..self.r.len() {
            let (a, b) = (self.r[i][i], self.r[i][i + 1]);
            // Not `hypot`: its last bit depends on the system's mathematics library.
            let length = (a * a + b * b).sqrt();
            let (c, s) = if length == 0.0 { (1.0, 0.0) } else { (a / length, b / length) };
            for column in &mut self.r[i..] {
                let (x, y) = (column[i], column[i + 1]);
                column[i] = c * x + s * y;
                column[i + 1] = c * y - s * x;
            }
            self.r[i].truncate(i + 1);
            let (left, right) = self.q[i * dim..(i + 2) * dim].split_at_mut(dim);
            rotate(left, right, c, s);
        }
        self.q.truncate(self.r.len() * dim);
    }

    /// `R^-1 v`.
    pub fn solve(&self, v: &[f64]) -> Vec<f64> {
        let mut x = v.to_vec();
        for j in (0..x.len()).rev() {
            x[j] /= self.r[j][j];
            let (head, tail) = x.split_at_mut(j);
            head.iter_mut().zip(&self.r[j]).for_each(|(x, r)| *x -= r * tail[0]);
        }
        x
    }

    /// `Q R^-T v`: the shortest vector whose products with the columns are `v`.
    pub fn shortest(&self, v: &[f64], dim: usize) -> Vec<f64> {
        let mut y = v.to_vec();
        for j in 0..y.len() {
            let sum = dot(&self.r[j][..j], &y[..j]);
            y[j] = (y[j] - sum) / self.r[j][j];
        }
        // `subtract` takes the columns off; here they are wanted.
        y.iter_mut().for_each(|y| *y = -*y);
        let mut u = vec![0.0; dim];
        subtract(&self.q, &y, &mut u);
        u
    }
}

/// Products of the columns of `q` with `v`, each in the fixed order of [`crate::arithmetic::dot`].
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn products(q: &[f64], v: &[f64], out: &mut [f64]) {
    for (column, out) in q.chunks_exact(v.len().max(1)).zip(out) {
        *out = lanes(column, v);
    }
}

/// `v -= q weights`, column by column.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn subtract(q: &[f64], weights: &[f64], v: &mut [f64]) {
    for (column, weight) in q.chunks_exact(v.len().max(1)).zip(weights) {
        v.iter_mut().zip(column).for_each(|(v, q)| *v -= weight * q);
    }
}

/// Turns two columns by the angle of cosine `c` and sine `s`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn rotate(left: &mut [f64], right: &mut [f64], c: f64, s: f64) {
    for (x, y) in left.iter_mut().zip(right) {
        (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
    }
}

/// `a . b`, in the fixed order of [`crate::arithmetic::dot`].
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    crate::arithmetic::dot::Element::dot(a, b)
}

/// Euclidean length.
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_appending_and_removing_the_columns_are_still_reproduced() {
        let columns: Vec<Vec<f64>> = (0..5)
            .map(|j| {
                (0..6)
                    .map(|k| ((j * 7 + k * 3) as f64).sin() + if j == k { 1.0 } else { 0.0 })
                    .collect()
            })
            .collect();
        let mut qr = Factorisation::default();
        for c in &columns {
            let (coefficients, rest) = qr.split(c);
            qr.append(coefficients, rest);
        }
        qr.remove(1);
        let kept = [0, 2, 3, 4];
        let u = qr.shortest(&[1.0, 2.0, 3.0, 4.0], 6);
        for (want, &j) in [1.0, 2.0, 3.0, 4.0].iter().zip(&kept) {
            assert!((dot(&columns[j], &u) - want).abs() < 1e-12);
        }
        let (coefficients, rest) = qr.split(&columns[3]);
        assert_eq!(norm(&rest), 0.0);
        let x = qr.solve(&coefficients);
        assert!((x[2] - 1.0).abs() < 1e-12 && x[0].abs() < 1e-12);
    }
}
