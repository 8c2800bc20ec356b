//! Fits the maps of the screen: mean, covariance and scale of the rows. All results are approximate (maps only
//! propose) but reproducible to the bit: sums run in one order, and nothing calls the system's mathematics library.

use nalgebra::DMatrix;

use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow::{self, Panels};
use crate::arithmetic::rounding::power_of_two_near;
use crate::certify::map::Map;
use crate::certify::pairs::transform::{Dense, LowRank, Transform};
use crate::head::Head;
use crate::head::subspace::{self, Leading};
use crate::order;
use crate::parallel;
use crate::problem::Problem;
use unargmax_check::certificate::Linear;

/// The most rows sampled for the covariance: ten times the number of coordinates of common heads.
const SAMPLE: usize = 8192;
/// The number of rows whose products are added at a time: a panel of them stays in the innermost caches.
const SLICE: usize = 256;
/// The most coordinates of a head that gets a covariance: a larger matrix would not fit into memory.
const WIDEST: usize = 16384;
/// The most coordinates of a head whose covariance is decomposed or inverted as a whole, which takes one thread about
/// `10 d^3` operations; wider heads get a few leading eigenvectors.
const WIDEST_WHOLE: usize = 128;
/// The most coordinates of a head whose covariance is inverted where the comparison of all pairs cannot be used.
const WIDEST_INVERTED: usize = 1024;
/// The ridge added to the diagonal of the covariance, as a share of the mean variance, for heads of lower rank.
const RIDGE: f64 = 1e-6;

/// Every `stride`-th token, so that at most [`SAMPLE`] are taken.
fn sample(head: &Head) -> impl Iterator<Item = usize> + Clone {
    (0..head.tokens()).step_by(head.tokens().div_ceil(SAMPLE))
}

/// The mean of the (sampled) rows.
pub fn mean(head: &Head) -> Vec<f64> {
    let mut sum = vec![0.0; head.dim()];
    let count = sample(head).count() as f64;
    let mut row = vec![0.0; head.dim()];
    for t in sample(head) {
        head.copy_row(t, &mut row);
        // Divided first: rows near the largest float must not overflow the sum.
        sum.iter_mut().zip(&row).for_each(|(s, x)| *s += x / count);
    }
    sum
}

/// The map `G = S^-1` for the covariance `S` of the rows around `centre`, up to a factor; the identity without a
/// covariance.
pub fn whitened(centre: &[f64], covariance: Option<&[f64]>) -> Map {
    let dim = centre.len();
    let identity = Map::new(centre.to_vec(), Linear::Identity);
    let Some(covariance) = covariance.filter(|_| dim <= WIDEST_INVERTED) else { return identity };
    let Some(cholesky) = DMatrix::from_column_slice(dim, dim, covariance).cholesky() else {
        return identity;
    };
    let inverse = cholesky.inverse();
    let largest = inverse.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let unit = power_of_two_near(largest);
    // The inverse is symmetric, so columns and rows are the same; it is scaled to the range of float32.
    let matrix = inverse.iter().map(|x| (x / unit) as f32).collect();
    Map::new(centre.to_vec(), Linear::Matrix(matrix))
}

/// The covariance of the rows around `centre` with a ridge, up to a factor, `d x d`; `None` if the rows are all equal
/// or leave the range of float64.
pub fn covariance(head: &Head, centre: &[f64]) -> Option<Vec<f64>> {
    let dim = head.dim();
    let rows: Vec<usize> = sample(head).collect();
    let furthest =
        |i: usize| head.row(rows[i]).zip(centre).fold(0.0f64, |m, (x, c)| m.max((x - c).abs()));
    let largest = parallel::map(rows.len(), &furthest).into_iter().fold(0.0, f64::max);
    if largest == 0.0 || !largest.is_finite() {
        return None;
    }
    let scale = power_of_two_near(largest);
    let mut sum = vec![0.0; dim * dim];
    let mut columns = vec![0f32; dim * SLICE];
    for rows in rows.chunks(SLICE) {
        let count = rows.len();
        let columns = &mut columns[..dim * count];
        let mut row = vec![0.0; dim];
        for (i, &t) in rows.iter().enumerate() {
            head.copy_row(t, &mut row);
            for (k, (x, c)) in row.iter().zip(centre).enumerate() {
                columns[k * count + i] = ((x - c) / scale) as f32;
            }
        }
        let panels = Panels::new(columns, count);
        parallel::fill(&mut sum, dim * 64, &|i, sum| {
            let part = &columns[i * count * 64..((i + 1) * count * 64).min(columns.len())];
            let mut products = vec![0f32; sum.len()];
            narrow::product(part, &panels, &mut products);
            sum.iter_mut().zip(products).for_each(|(s, x)| *s += f64::from(x));
        });
    }
    let mut covariance = sum;
    let trace: f64 = (0..dim).map(|k| covariance[k * dim + k]).sum();
    for k in 0..dim {
        covariance[k * dim + k] += RIDGE * trace / dim as f64;
    }
    Some(covariance)
}

/// The transformation `A` for which `A^T A` is about `S^(-1/2)`, up to a factor, with the coordinates that contribute
/// most of it first: `A = L^(-1/4) U^T` for the covariance `S = U L U^T`. In wide heads `U` are a few leading
/// eigenvectors, and the others share the mean of their eigenvalues (docs/decisions.md has times).
pub fn half_whitening(dim: usize, covariance: &[f64]) -> Option<Box<dyn Transform>> {
    if dim > WIDEST_WHOLE {
        return leading_half_whitening(dim, covariance);
    }
    let eigen = DMatrix::from_column_slice(dim, dim, covariance).symmetric_eigen();
    let values = &eigen.eigenvalues;
    let order = order::by_score((0..dim as u32).collect(), &|i| values[i as usize]);
    let largest = values[*order.first()? as usize];
    let (mut a, mut dual) = (Vec::with_capacity(dim * dim), Vec::with_capacity(dim * dim));
    for k in order.into_iter().map(|k| k as usize) {
        let value = (values[k] / largest).max(RIDGE);
        let root = value.sqrt().sqrt();
        a.extend(eigen.eigenvectors.column(k).iter().map(|x| (x / root) as f32));
        dual.extend(eigen.eigenvectors.column(k).iter().map(|x| (x * root) as f32));
    }
    let finite = a.iter().chain(&dual).all(|x| x.is_finite());
    finite.then(|| Box::new(Dense::new(&a, &dual, dim)) as Box<dyn Transform>)
}

/// The most coordinates of a head for which the leading eigenvectors are completed to a basis of space: rows then have
/// `d` coordinates instead of `d + k`, for products of `2 d^2` operations a row.
const WIDEST_COMPLETED: usize = 1024;

/// The number of eigenvectors for heads of this width: a third, and in the widest fewer, since transforming the rows
/// costs `4 V k d` operations.
fn leading_count(dim: usize) -> usize {
    (dim / 3).next_multiple_of(16).min(MOST_LEADING)
}

/// The most eigenvectors.
const MOST_LEADING: usize = 512;

/// [`half_whitening`] by leading eigenvectors.
fn leading_half_whitening(dim: usize, covariance: &[f64]) -> Option<Box<dyn Transform>> {
    let count = leading_count(dim);
    let narrow: Vec<f32> = covariance.iter().map(|&x| x as f32).collect();
    let panels = Panels::new(&narrow, dim);
    let multiply = |rows: &[f64]| {
        let rows: Vec<f32> = rows.iter().map(|&x| x as f32).collect();
        let mut out = vec![0f32; rows.len()];
        parallel::fill(&mut out, 16 * dim, &|i, out| {
            narrow::product(&rows[i * 16 * dim..][..out.len()], &panels, out);
        });
        out.into_iter().map(f64::from).collect()
    };
    let Leading { values, vectors } = subspace::leading(dim, count, multiply);
    let largest = *values.first()?;
    let trace: f64 = (0..dim).map(|k| covariance[k * dim + k]).sum();
    let others = (trace - values.iter().sum::<f64>()) / (dim - values.len()).max(1) as f64;
    let factor = |value: f64| (1.0 / (value / largest).max(RIDGE).sqrt().sqrt()) as f32;
    let basis: Vec<f32> = vectors.iter().map(|&x| x as f32).collect();
    let factors: Vec<f32> = values.iter().map(|&value| factor(value)).collect();
    let rest = factor(others);
    let map = LowRank::new(basis, factors.clone(), rest, dim)?;
    if dim > WIDEST_COMPLETED {
        return Some(Box::new(map));
    }
    let all = subspace::completed(&vectors, dim);
    if all.len() != dim * dim {
        return Some(Box::new(map));
    }
    let factor = |i: usize| f64::from(*factors.get(i).unwrap_or(&rest));
    let scaled = |power: fn(f64) -> f64| -> Vec<f32> {
        all.iter().enumerate().map(|(i, x)| (x * power(factor(i / dim))) as f32).collect()
    };
    let (a, dual) = (scaled(|x| x), scaled(|x| 1.0 / x));
    let finite = a.iter().chain(&dual).all(|x| x.is_finite());
    let dense = || Dense::with_gram(&a, &dual, dim, map.gram(), factors.len());
    finite.then(|| Box::new(dense()) as Box<dyn Transform>)
}

/// Mean and covariance of the rows of a head, from which the maps are made.
#[derive(Debug)]
pub struct Moments {
    /// The mean of the (sampled) rows.
    pub centre: Vec<f64>,
    /// The covariance of the rows around the centre with a ridge, up to a factor, `d x d`; only where
    /// [`whitened`] may need it.
    pub covariance: Option<Vec<f64>>,
    /// The transformation of [`half_whitening`].
    pub half_whitening: Option<Box<dyn Transform>>,
}

impl Moments {
    /// Computes the moments. A wide head has too few rows for a meaningful covariance.
    pub fn new(head: &Head) -> Self {
        let (centre, dim) = (mean(head), head.dim());
        let covariance =
            (!head.is_wide() && dim <= WIDEST).then(|| covariance(head, &centre)).flatten();
        let half_whitening = covariance.as_deref().and_then(|c| half_whitening(dim, c));
        let covariance = covariance.filter(|_| dim <= WIDEST_INVERTED);
        Moments { centre, covariance, half_whitening }
    }
}

/// A power of two that scales the map's hidden states so that gaps of scores are about as large as gaps of biases;
/// with equal biases, so that coordinates are about as large as the ends of the domain.
pub fn factor(problem: &Problem, map: &Map) -> f64 {
    let (head, domain) = (problem.head(), problem.domain());
    let tokens: Vec<u32> =
        (0..head.tokens()).step_by(head.tokens().div_ceil(64)).map(|t| t as u32).collect();
    let directions = map.directions(head, &tokens);
    let wanted = |available: f64, wish: f64| {
        if available > 0.0 && wish > 0.0 { power_of_two_near(wish / available) } else { 1.0 }
    };
    let factor = if head.bias_is_constant() {
        let size = mean_size(directions.iter().copied());
        let ends = (0..domain.dim())
            .flat_map(|k| [domain.lo(k), domain.hi(k)])
            .filter(|x| x.is_finite() && *x != 0.0);
        wanted(size, mean_size(ends))
    } else {
        let gains = tokens
            .iter()
            .zip(directions.chunks_exact(head.dim()))
            .map(|(&t, h)| head.dot(t as usize, h));
        let centre = head_mean_score(map, &directions, head.dim());
        let gain = mean_size(gains.zip(centre).map(|(g, c)| g - c));
        let mean_bias =
            tokens.iter().map(|&t| head.bias(t as usize)).sum::<f64>() / tokens.len() as f64;
        wanted(gain, mean_size(tokens.iter().map(|&t| head.bias(t as usize) - mean_bias)))
    };
    if factor.is_finite() && factor > 0.0 { factor } else { 1.0 }
}

/// The scores of the map's centre at each direction.
fn head_mean_score(map: &Map, directions: &[f64], dim: usize) -> Vec<f64> {
    directions.chunks_exact(dim).map(|h| f64::dot(map.centre(), h)).collect()
}

/// The mean absolute value; 0 without values.
fn mean_size(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(s, n), x| (s + x.abs(), n + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}
