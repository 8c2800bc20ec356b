//! Recomputes the points that a map makes from the rows of tokens.

use std::collections::HashMap;

use crate::arithmetic::dot::Element;
use crate::certificate::{Linear, MapRecord};
use crate::domain::{Ball, Domain};
use crate::head::Head;

/// Computes `scale G (w_t - m)` for the tokens, which exist, at these indices of the map's list; under a ball from the folded rows
/// `P(g * w_t)`, else clamped to the box.
pub fn points(
    head: &Head,
    domain: &Domain,
    map: &MapRecord,
    places: &[usize],
) -> HashMap<usize, Vec<f64>> {
    let dim = head.dim();
    let mut centred = vec![0.0; places.len() * dim];
    for (row, &i) in centred.chunks_exact_mut(dim).zip(places) {
        head.copy_row(map.winners[i].0 as usize, row);
        if let Some(ball) = domain.ball() {
            fold(ball, row);
        }
        row.iter_mut().zip(&map.centre).for_each(|(x, m)| *x -= m);
    }
    let mut images = match &map.linear {
        Linear::Identity => centred,
        Linear::Matrix(matrix) => {
            let mut images = vec![0.0; centred.len()];
            f32::product(&centred, matrix, dim, &mut images, dim);
            images
        }
        Linear::LowRank { rest, gains, basis } => low_rank(*rest, gains, basis, &centred, dim),
    };
    for (image, &i) in images.chunks_exact_mut(dim).zip(places) {
        image.iter_mut().for_each(|x| *x *= map.winners[i].1);
        // Infinity and NaN cannot be clamped to the box.
        if domain.ball().is_none() && image.iter().all(|x| x.is_finite()) {
            domain.clamp(image);
        }
    }
    places.iter().copied().zip(images.chunks_exact(dim).map(<[f64]>::to_vec)).collect()
}

/// `rest c + sum_i gain_i u_i (u_i . c)` for several `c` (`count x d`).
fn low_rank(rest: f64, gains: &[f64], basis: &[f32], centred: &[f64], dim: usize) -> Vec<f64> {
    let count = gains.len();
    let mut parts = vec![0.0; centred.len() / dim * count];
    f32::product(centred, basis, dim, &mut parts, count);
    for parts in parts.chunks_exact_mut(count.max(1)) {
        parts.iter_mut().zip(gains).for_each(|(x, gain)| *x *= gain);
    }
    let columns: Vec<f32> = (0..basis.len()).map(|i| basis[i % count * dim + i / count]).collect();
    let mut images = vec![0.0; centred.len()];
    f32::product(&parts, &columns, count, &mut images, dim);
    images.iter_mut().zip(centred).for_each(|(x, c)| *x += rest * c);
    images
}

/// Replaces `w` by `P(g * w)`.
fn fold(ball: &Ball, row: &mut [f64]) {
    row.iter_mut().zip(ball.gain()).for_each(|(w, g)| *w *= g);
    if ball.is_centred() {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        row.iter_mut().for_each(|q| *q -= mean);
    }
}
