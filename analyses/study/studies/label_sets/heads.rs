//! The heads of the study: the moment curve, Fourier columns, and random numbers.

use std::f64::consts::PI;

use crate::frame::numpy::RandomState;

/// A way to make `labels x columns` numbers, row by row.
pub struct Kind {
    pub name: &'static str,
    /// Whether every set of at most `(columns - 1) / 2` labels is feasible in exact numbers.
    pub is_cyclic: bool,
    pub make: fn(usize, usize) -> Vec<f64>,
}

pub const KINDS: [Kind; 3] = [
    Kind { name: "vander", is_cyclic: true, make: vander },
    Kind { name: "gale", is_cyclic: true, make: gale },
    Kind { name: "random", is_cyclic: false, make: random },
];

/// Orthonormal columns that span the powers below `columns` of numbers between `-1e4^(1/columns)` and its opposite.
pub fn vander(labels: usize, columns: usize) -> Vec<f64> {
    let end = 1e4f64.powf(1.0 / columns as f64);
    let at = |i: usize| -end + 2.0 * end * i as f64 / (labels - 1) as f64;
    let powers = nalgebra::DMatrix::from_fn(labels, columns, |i, k| at(i).powi(k as i32));
    // Column by column in memory; the transpose is row by row.
    powers.qr().q().transpose().as_slice().to_vec()
}

/// The real discrete Fourier columns of the lowest frequencies.
fn gale(labels: usize, columns: usize) -> Vec<f64> {
    let n = labels as f64;
    let cell = |i: usize, k: usize| {
        let angle = 2.0 * PI * i as f64 / n * k.div_ceil(2) as f64;
        match k {
            0 => 1.0 / n.sqrt(),
            _ if k % 2 == 1 => angle.cos() * (2.0 / n).sqrt(),
            _ => angle.sin() * (2.0 / n).sqrt(),
        }
    };
    (0..labels).flat_map(|i| (0..columns).map(move |k| cell(i, k))).collect()
}

/// Uniform between 0 and 1, as the public code draws them.
fn random(labels: usize, columns: usize) -> Vec<f64> {
    RandomState::new(super::SEED).uniforms(labels * columns, 0.0, 1.0)
}
