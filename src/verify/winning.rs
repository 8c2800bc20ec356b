//! Points where a token beats every token that is not its exact equal.
//!
//! Scores come from products in float32 where the rows are float32 (twice as fast), each with a proved
//! bound of its error. What that leaves open is computed in float64, and what that leaves open, exactly.

use std::collections::HashMap;
use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView};
use num_bigint::BigInt;
use num_traits::Signed;
use rayon::prelude::*;

use super::equals::Equals;
use crate::arithmetic::dot::Element;
use crate::arithmetic::dyadic::{Dyadic, dot_floats, dot_integers};
use crate::arithmetic::rounding::{TINY, gamma, norm_up, power_of_two_near};
use crate::certificate::{AuditRecord, MapRecord};
use crate::domain::Domain;
use crate::head::{Head, Rows};

/// Where a record keeps a point.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// Map, and place among its tokens.
    Map(usize, usize),
    Float(usize),
    Integers(usize),
}

/// All points of a record with their tokens.
pub fn places(record: &AuditRecord) -> impl Iterator<Item = (u32, Place)> + '_ {
    let maps = record.maps.iter().enumerate();
    let maps = maps.flat_map(|(m, map)| {
        map.settled.iter().enumerate().map(move |(i, s)| (s.0, Place::Map(m, i)))
    });
    let floats = record.witnesses.iter().enumerate().map(|(i, w)| (w.0, Place::Float(i)));
    let integers = record.integers.iter().enumerate().map(|(i, w)| (w.0, Place::Integers(i)));
    maps.chain(floats).chain(integers)
}

/// Points checked in one product.
const BLOCK: usize = 256;
/// Rows scored in one product: their scores stay in the cache.
const ROWS: usize = 2048;

/// Checks points, several of them a product; a token with several points must win at all.
pub fn check_all(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    mut points: Vec<(u32, Place)>,
) -> HashMap<u32, Result<(), String>> {
    points.sort_by_key(|p| p.0);
    let mut outcomes: HashMap<u32, Result<(), String>> = HashMap::new();
    let beyond = |t: u32| t as usize >= head.tokens();
    for &(token, _) in points.iter().filter(|p| beyond(p.0)) {
        outcomes.insert(token, Err("there is no such token".to_owned()));
    }
    points.retain(|p| !beyond(p.0));
    let (integers, floats): (Vec<_>, Vec<_>) =
        points.into_iter().partition(|p| matches!(p.1, Place::Integers(_)));
    let norms: Vec<f64> =
        (0..head.tokens()).into_par_iter().map(|t| norm_up(head.row(t))).collect();
    let checked = floats
        .par_chunks(BLOCK)
        .flat_map_iter(|chunk| check_block(head, record, equals, &norms, chunk));
    let exact = integers.par_iter().map(|&(token, place)| {
        let Place::Integers(i) = place else {
            return (token, Err("it has no integers".to_owned()));
        };
        let (_, numerators, denominator) = &record.integers[i];
        (token, check_integers(head, &record.domain, equals, token, numerators, denominator))
    });
    for (token, outcome) in checked.collect::<Vec<_>>().into_iter().chain(exact.collect::<Vec<_>>())
    {
        let entry = outcomes.entry(token).or_insert(Ok(()));
        if entry.is_ok() {
            *entry = outcome;
        }
    }
    outcomes
}

/// One point and what it must beat.
struct Candidate {
    token: u32,
    h: Vec<f64>,
    /// Proved upper bound of `|h|`.
    norm: f64,
    /// Proved lower bound of the token's own score.
    own: f64,
}

fn check_block(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    norms: &[f64],
    points: &[(u32, Place)],
) -> Vec<(u32, Result<(), String>)> {
    let mut outcomes: Vec<(u32, Result<(), String>)> = Vec::new();
    let mut candidates = Vec::new();
    for &(token, place) in points {
        let mut h = match place {
            Place::Map(m, i) => mapped(head, &record.maps[m], i),
            Place::Float(i) => record.witnesses[i].1.clone(),
            Place::Integers(_) => continue,
        };
        if h.iter().any(|x| !x.is_finite()) {
            outcomes.push((token, Err("its point is not finite".to_owned())));
            continue;
        }
        if let Place::Map(..) = place {
            record.domain.clamp(&mut h);
        }
        if !record.domain.contains(&h) {
            outcomes.push((token, Err("its point lies outside the domain".to_owned())));
            continue;
        }
        let norm = norm_up(h.iter().copied());
        let own = head.dot(token as usize, &h) + head.bias(token as usize);
        let own = own - error(head, norms, token as usize, norm);
        // A sum that overflowed bounds nothing.
        let own = if own.is_finite() { own } else { f64::NEG_INFINITY };
        candidates.push(Candidate { token, h, norm, own });
    }
    let mut beaten_by: Vec<Option<u32>> = vec![None; candidates.len()];
    for first in (0..head.tokens()).step_by(ROWS) {
        let part = first..(first + ROWS).min(head.tokens());
        let open = match head.rows() {
            Rows::F32(rows) => open_after_float32(head, rows, norms, &candidates, part),
            Rows::F64(_) => open_after_float64(head, norms, &candidates, part),
        };
        for (i, j) in open {
            let tied = equals.are_tied(candidates[i].token, j);
            if beaten_by[i].is_none() && !tied && !beats(head, norms, &candidates[i], j) {
                beaten_by[i] = Some(j);
            }
        }
    }
    for (candidate, beaten_by) in candidates.iter().zip(beaten_by) {
        let outcome = beaten_by
            .map_or(Ok(()), |j| Err(format!("token {j} scores at least as much at its point")));
        outcomes.push((candidate.token, outcome));
    }
    outcomes
}

/// `scale G (w_t - m)`, summed in the order of the coordinates.
fn mapped(head: &Head, map: &MapRecord, i: usize) -> Vec<f64> {
    let (token, scale) = map.settled[i];
    let centred: Vec<f64> = head.row(token as usize).zip(&map.centre).map(|(x, m)| x - m).collect();
    match &map.matrix {
        None => centred.iter().map(|x| x * scale).collect(),
        Some(matrix) => {
            matrix.chunks_exact(head.dim()).map(|row| f32::dot(row, &centred) * scale).collect()
        }
    }
}

/// How far a float64 score can be from the true one: `gamma_(d+16) (|w_j| |h| + |b_j|)` and underflow.
fn error(head: &Head, norms: &[f64], j: usize, norm: f64) -> f64 {
    let count = head.dim() + 16;
    gamma(count) * (norms[j] * norm + head.bias(j).abs()) + count as f64 * TINY
}

/// The candidates and rivals of `part` for which float32 products do not prove a lower score.
///
/// The points are scaled to about length one by a power of two and rounded to float32: a relative error of
/// `2^-24` of each coordinate, as one more unit in `gamma_(d+16)` for unit `2^-24`; what underflows is below
/// `2^-149` a coordinate and a product.
fn open_after_float32(
    head: &Head,
    rows: &[f32],
    norms: &[f64],
    candidates: &[Candidate],
    part: Range<usize>,
) -> Vec<(usize, u32)> {
    let (dim, count) = (head.dim(), candidates.len());
    let mut open = Vec::new();
    if count == 0 {
        return open;
    }
    let scales: Vec<f64> = candidates
        .iter()
        .map(|c| if c.norm > 0.0 { power_of_two_near(c.norm) } else { 1.0 })
        .collect();
    // `count x dim`, column-major: coordinate k of all points side by side.
    let points = DMatrix::from_fn(count, dim, |i, k| (candidates[i].h[k] / scales[i]) as f32);
    let unit = f64::from(f32::EPSILON) / 2.0;
    let steps = (dim + 16) as f64 * unit;
    // So many coordinates that float32 has nothing to say.
    let relative = if steps < 0.5 { steps / (1.0 - steps) * (1.0 + 1e-9) } else { f64::INFINITY };
    let floor = 4.0 * dim as f64 * 2f64.powi(-149);
    let limits: Vec<f64> = candidates.iter().zip(&scales).map(|(c, s)| c.own / s).collect();
    let reach: Vec<f64> =
        candidates.iter().zip(&scales).map(|(c, s)| c.norm / s * relative).collect();
    let floors: Vec<f64> = scales.iter().map(|s| 1.0 / s).collect();
    let width = part.len();
    let view = DMatrixView::from_slice(&rows[part.start * dim..part.end * dim], dim, width);
    let scores = &points * view;
    for (j, column) in part.zip(scores.as_slice().chunks_exact(count)) {
        let (norm, bias) = (norms[j], head.bias(j));
        // All terms in units of the scaled point; the last factor covers their own rounding.
        let below = |i: usize, score: f32| {
            let b = bias * floors[i];
            let size = norm * reach[i] + floor * (1.0 + norm) + b.abs() * relative;
            score.is_finite() && f64::from(score) + b + size * (1.0 + 1e-9) < limits[i]
        };
        // Nearly always all are below, and a loop without a branch sees that fastest.
        let above = column
            .iter()
            .enumerate()
            .fold(0usize, |n, (i, &score)| n + usize::from(!below(i, score)));
        if above > 0 {
            let doubtful = column.iter().enumerate().filter(|&(i, &score)| !below(i, score));
            open.extend(doubtful.map(|(i, _)| (i, j as u32)));
        }
    }
    open
}

/// As [`open_after_float32`], by float64 products.
fn open_after_float64(
    head: &Head,
    norms: &[f64],
    candidates: &[Candidate],
    part: Range<usize>,
) -> Vec<(usize, u32)> {
    let points: Vec<f64> = candidates.iter().flat_map(|c| c.h.iter().copied()).collect();
    let mut scores = vec![0.0; candidates.len() * part.len()];
    head.product(&points, part.clone(), &mut scores, part.len());
    let mut open = Vec::new();
    for (i, (candidate, scores)) in
        candidates.iter().zip(scores.chunks_exact(part.len())).enumerate()
    {
        let doubtful = part.clone().zip(scores);
        let doubtful = doubtful.filter(|&(j, &score)| !is_below(head, norms, candidate, j, score));
        open.extend(doubtful.map(|(j, _)| (i, j as u32)));
    }
    open
}

/// Whether a float64 value of `w_j . h`, summed in any order, proves that `j` scores less.
fn is_below(head: &Head, norms: &[f64], candidate: &Candidate, j: usize, product: f64) -> bool {
    let score = product + head.bias(j);
    // Infinite after an overflow, whatever the true sum is: then only exact arithmetic tells.
    score.is_finite() && score + error(head, norms, j, candidate.norm) < candidate.own
}

/// Whether the candidate scores more than `j`, by float64 if it can tell, else exactly.
fn beats(head: &Head, norms: &[f64], candidate: &Candidate, j: u32) -> bool {
    let rival = j as usize;
    if is_below(head, norms, candidate, rival, head.dot(rival, &candidate.h)) {
        return true;
    }
    let exact = |t: usize| {
        &dot_floats(head.row(t), candidate.h.iter().copied()) + &Dyadic::from_f64(head.bias(t))
    };
    exact(candidate.token as usize) > exact(rival)
}

/// A point of integers, everything exact but what float64 settles beyond doubt.
fn check_integers(
    head: &Head,
    domain: &Domain,
    equals: &Equals,
    token: u32,
    numerators: &[BigInt],
    denominator: &BigInt,
) -> Result<(), String> {
    if !denominator.is_positive() {
        return Err("the denominator of its point is not positive".to_owned());
    }
    let whole = Dyadic::from_integer(denominator.clone());
    for (k, n) in numerators.iter().enumerate() {
        let n = Dyadic::from_integer(n.clone());
        let below = domain.lo(k).is_finite() && n < &Dyadic::from_f64(domain.lo(k)) * &whole;
        let above = domain.hi(k).is_finite() && n > &Dyadic::from_f64(domain.hi(k)) * &whole;
        if below || above {
            return Err("its point lies outside the domain".to_owned());
        }
    }
    let score = |t: usize| {
        &dot_integers(head.row(t), numerators) + &(&Dyadic::from_f64(head.bias(t)) * &whole)
    };
    let own = score(token as usize);
    let mut rivals = (0..head.tokens()).filter(|&j| !equals.are_tied(token, j as u32));
    match rivals.find(|&j| score(j) >= own) {
        None => Ok(()),
        Some(j) => Err(format!("token {j} scores at least as much at its point")),
    }
}
