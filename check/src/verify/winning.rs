//! Checks winning points: points where a token beats every token that is not its exact equal.
//!
//! Scores come from float32 products where the rows are float32 (twice as fast), each with a proved error bound.
//! Comparisons that these leave open are made in float64, and those that remain open, exactly.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use multiversion::multiversion;
use nalgebra::{DMatrix, DMatrixView};
use num_bigint::BigInt;
use num_traits::Signed;

use super::equals::Equals;
use super::leading::{self, Rivals};
use super::mapped;
use super::one_point::OnePoint;
use super::state::{State, integer_score, row_norms, score_error};
use crate::arithmetic::narrow;
use crate::arithmetic::rounding::{UP_4M, norm_up, power_of_two_near};
use crate::certificate::AuditRecord;
use crate::domain::Domain;
use crate::head::{Head, Rows};
use crate::order;
use crate::parallel;
use crate::progress::Progress;

/// Where a record keeps a winning point.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// The index of the map, and the index among its tokens.
    Map(usize, usize),
    Float(usize),
    Integers(usize),
    /// The single point of the domain.
    OnePoint,
}

/// All winning points of a record, with their tokens.
pub fn places(record: &AuditRecord) -> Vec<(u32, Place)> {
    let mut places = Vec::new();
    for (m, map) in record.maps.iter().enumerate() {
        for (i, winner) in map.winners.iter().enumerate() {
            places.push((winner.0, Place::Map(m, i)));
        }
    }
    for (i, witness) in record.witnesses.iter().enumerate() {
        places.push((witness.0, Place::Float(i)));
    }
    for (i, witness) in record.integers.iter().enumerate() {
        places.push((witness.0, Place::Integers(i)));
    }
    for &token in &record.only_wins {
        places.push((token, Place::OnePoint));
    }
    places
}

/// The most points checked in one product.
const BLOCK: usize = 1024;
/// The most coordinates of all points checked in one product.
const NUMBERS: usize = 1 << 23;
/// The number of rows scored in one product: their scores stay in the cache.
const ROWS: usize = 1024;

/// Checks points, many in one product, and returns a result for each token; a token with several points must win at
/// all of them.
pub fn check_all(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    mut points: Vec<(u32, Place)>,
    progress: &dyn Progress,
) -> HashMap<u32, Result<(), String>> {
    order::by_token(&mut points, |p| p.0);
    let mut outcomes: HashMap<u32, Result<(), String>> = HashMap::new();
    let beyond = |t: u32| t as usize >= head.tokens();
    for &(token, _) in points.iter().filter(|p| beyond(p.0)) {
        outcomes.insert(token, Err("there is no such token".to_owned()));
    }
    let given = points.len();
    points.retain(|p| !beyond(p.0));
    progress.advance(given - points.len());
    let (only, points): (Vec<_>, Vec<_>) =
        points.into_iter().partition(|p| matches!(p.1, Place::OnePoint));
    let (integers, floats): (Vec<_>, Vec<_>) =
        points.into_iter().partition(|p| matches!(p.1, Place::Integers(_)));
    let norms = row_norms(head);
    let block = (NUMBERS / head.dim()).clamp(1, BLOCK);
    let mut checked = Vec::new();
    let mut rest = Vec::new();
    let mut by_map: Vec<Vec<(u32, Place)>> = vec![Vec::new(); record.maps.len()];
    for point in floats {
        match point.1 {
            Place::Map(m, _) => by_map[m].push(point),
            _ => rest.push(point),
        }
    }
    for (map, mut points) in record.maps.iter().zip(by_map) {
        let tokens: Vec<u32> = points.iter().map(|p| p.0).collect();
        // A few points do not repay the preparation of all rivals.
        let map = (points.len() > block).then_some(map);
        let Some(rivals) = map.and_then(|map| Rivals::new(head, &record.domain, map, &tokens))
        else {
            rest.extend(points);
            continue;
        };
        // Points of tokens that are neighbours in the order of the rivals need the same rivals.
        order::by_key(&mut points, &|p| u64::from(rivals.position[p.0 as usize]));
        checked.extend(parallel::flat_map(points.len(), block, &|range| {
            let chunk = &points[range];
            let open: Open = &|candidates, rounded, found| {
                open_by_map(&rivals, head, &norms, candidates, rounded, found);
            };
            progress.advance(0);
            let checked = check_block(head, record, equals, &norms, chunk, open);
            progress.advance(chunk.len());
            checked
        }));
    }
    checked.extend(parallel::flat_map(rest.len(), block, &|range| {
        let chunk = &rest[range];
        let open: Open = &|candidates, rounded, found| {
            open_among_all(head, &norms, candidates, rounded, found);
        };
        progress.advance(0);
        let checked = check_block(head, record, equals, &norms, chunk, open);
        progress.advance(chunk.len());
        checked
    }));
    let exact = parallel::map(integers.len(), &|i| {
        let (token, place) = integers[i];
        progress.advance(1);
        (token, check_exactly(head, record, equals, token, place))
    });
    let only_point = OnePoint::new(head, &record.domain);
    let only = only.into_iter().map(|(token, _)| (token, only_point.check_win(equals, token)));
    let checked = checked.into_iter().chain(exact);
    for (token, outcome) in checked.chain(only) {
        let entry = outcomes.entry(token).or_insert(Ok(()));
        if entry.is_ok() {
            *entry = outcome;
        }
    }
    outcomes
}

/// Checks the win of a token at its point of integers.
fn check_exactly(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    token: u32,
    place: Place,
) -> Result<(), String> {
    let Place::Integers(i) = place else { return Err("it has no integers".to_owned()) };
    let (_, numerators, denominator) = &record.integers[i];
    check_integers(head, &record.domain, equals, token, numerators, denominator)
}

/// A token's point, with the bounds that decide whether the token wins there.
struct Candidate<'a> {
    token: u32,
    state: State<'a>,
    /// An upper bound of the Euclidean length of `state.h`.
    norm: f64,
    /// A lower bound of the token's own score.
    own: f64,
}

/// Finds the candidates and rivals that simple bounds do not settle.
type Open<'a> = &'a dyn Fn(&[Candidate], &Rounded, &mut dyn FnMut(usize, u32));

/// Checks one block of points: `open` finds the rivals that simple bounds do not settle, and those are compared in
/// float64 and, where that cannot decide, exactly.
fn check_block(
    head: &Head,
    record: &AuditRecord,
    equals: &Equals,
    norms: &[f64],
    points: &[(u32, Place)],
    open: Open,
) -> Vec<(u32, Result<(), String>)> {
    let mut outcomes: Vec<(u32, Result<(), String>)> = Vec::new();
    let mut candidates = Vec::new();
    let mut by_map: Vec<HashMap<usize, Vec<f64>>> = record
        .maps
        .iter()
        .enumerate()
        .map(|(m, map)| {
            let places = points.iter().filter_map(|p| match p.1 {
                Place::Map(at, i) if at == m => Some(i),
                _ => None,
            });
            mapped::points(head, &record.domain, map, &places.collect::<Vec<_>>())
        })
        .collect();
    for &(token, place) in points {
        let point = match place {
            Place::Map(m, i) => by_map[m].remove(&i).unwrap_or_default(),
            Place::Float(i) => record.witnesses[i].1.clone(),
            Place::Integers(_) | Place::OnePoint => continue,
        };
        if point.iter().any(|x| !x.is_finite()) {
            outcomes.push((token, Err("its point is not finite".to_owned())));
            continue;
        }
        let Some(state) = State::new(&record.domain, point) else {
            outcomes.push((token, Err("its point lies outside the domain".to_owned())));
            continue;
        };
        let norm = norm_up(state.h.iter().copied());
        let own = head.score(token as usize, &state.h);
        let mut candidate = Candidate { token, state, norm, own: f64::NEG_INFINITY };
        let own = own - error(head, norms, token as usize, &candidate);
        // A sum that overflowed is no bound.
        if own.is_finite() {
            candidate.own = own;
        }
        candidates.push(candidate);
    }
    let mut beaten_by: Vec<Option<u32>> = vec![None; candidates.len()];
    open(&candidates, &Rounded::new(head.dim(), &candidates), &mut |i, j| {
        let tied = equals.are_tied(candidates[i].token, j);
        let known = beaten_by[i].is_some_and(|known| known < j);
        if !known && !tied && !beats(head, norms, &candidates[i], j) {
            beaten_by[i] = Some(j);
        }
    });
    for (candidate, beaten_by) in candidates.iter().zip(beaten_by) {
        let outcome = beaten_by
            .map_or(Ok(()), |j| Err(format!("token {j} scores at least as much at its point")));
        outcomes.push((candidate.token, outcome));
    }
    outcomes
}

/// Calls `found` for the candidates and rivals for which products of whole rows do not prove a lower score.
fn open_among_all(
    head: &Head,
    norms: &[f64],
    candidates: &[Candidate],
    rounded: &Rounded,
    found: &mut dyn FnMut(usize, u32),
) {
    let (dim, points) = (head.dim(), rounded.matrix());
    for first in (0..head.tokens()).step_by(ROWS) {
        let part = first..(first + ROWS).min(head.tokens());
        let open = match head.rows() {
            Rows::F32(rows) => {
                let rows = &rows[part.start * dim..part.end * dim];
                rounded.open(&points, head, norms, rows, part.start as u32..part.end as u32)
            }
            Rows::F64(_) => open_after_float64(head, norms, candidates, part),
        };
        open.into_iter().for_each(|(i, j)| found(i, j));
    }
}

/// [`open_among_all`] where most rivals are settled in the coordinates of a map.
fn open_by_map(
    rivals: &Rivals,
    head: &Head,
    norms: &[f64],
    candidates: &[Candidate],
    rounded: &Rounded,
    found: &mut dyn FnMut(usize, u32),
) {
    let points: Vec<leading::Point> =
        candidates.iter().map(|c| (c.token, c.state.point())).collect();
    let matrix = OnceCell::new();
    rivals.open(head, &points, &mut |block, open| {
        // From this share of its pairs on, a block is taken as a whole; no outcome depends on it.
        match head.rows() {
            Rows::F32(rows) if open.len() * 4 > candidates.len() * block.len() => {
                let dim = head.dim();
                let mut block_rows = Vec::with_capacity(block.len() * dim);
                for &t in block {
                    block_rows.extend_from_slice(&rows[t as usize * dim..][..dim]);
                }
                let points = matrix.get_or_init(|| rounded.matrix());
                rounded
                    .open(points, head, norms, &block_rows, block.iter().copied())
                    .into_iter()
                    .for_each(|(i, j)| found(i, j));
            }
            _ => {
                let left = open.iter().filter(|&&(i, j)| !rounded.settles(head, norms, i, j));
                left.for_each(|&(i, j)| found(i, j));
            }
        }
    });
}

/// Bounds the error of a float64 score at the point of a candidate.
fn error(head: &Head, norms: &[f64], j: usize, candidate: &Candidate) -> f64 {
    score_error(head, norms, j, candidate.norm, candidate.state.doubt)
}

/// The hidden states of some candidates in float32, scaled by powers of two to a length of about 1.
///
/// Rounding them is a relative error of `2^-24` in each coordinate, one more unit in `gamma_(d+16)` for the unit
/// `2^-24`; underflow is below `2^-149` for each coordinate and product.
struct Rounded {
    /// `count x dim`, row-major.
    points: Vec<f32>,
    dim: usize,
    /// The candidates' own scores, divided by their scales.
    limits: Vec<f64>,
    /// `gamma |h|` plus the error of the state, divided by the scales.
    reach: Vec<f64>,
    /// The inverse scales.
    unscale: Vec<f64>,
    /// The relative error of a float32 score.
    relative: f64,
    /// The absolute error of a float32 score, from underflow.
    floor: f64,
}

impl Rounded {
    /// Rounds the hidden states of the candidates, with the error terms.
    fn new(dim: usize, candidates: &[Candidate]) -> Self {
        let scales: Vec<f64> = candidates
            .iter()
            .map(|c| if c.norm > 0.0 { power_of_two_near(c.norm) } else { 1.0 })
            .collect();
        let mut points = Vec::with_capacity(candidates.len() * dim);
        for (c, scale) in candidates.iter().zip(&scales) {
            points.extend(c.state.h.iter().map(|x| (x / scale) as f32));
        }
        let steps = (dim + 16) as f64 * f64::from(f32::EPSILON) / 2.0;
        // With this many coordinates, float32 proves nothing.
        let relative = if steps < 0.5 { steps / (1.0 - steps) * UP_4M } else { f64::INFINITY };
        let of = |f: &dyn Fn(&Candidate, f64) -> f64| {
            candidates.iter().zip(&scales).map(|(c, &s)| f(c, s)).collect()
        };
        Rounded {
            points,
            dim,
            limits: of(&|c, s| c.own / s),
            reach: of(&|c, s| c.norm / s * relative + c.state.doubt / s * UP_4M),
            unscale: of(&|_, s| 1.0 / s),
            relative,
            floor: 4.0 * dim as f64 * 2f64.powi(-149),
        }
    }

    /// The points as a matrix, `count x dim`.
    fn matrix(&self) -> DMatrix<f32> {
        DMatrix::from_row_slice(self.limits.len(), self.dim, &self.points)
    }

    /// The candidates and rivals for which products of the points with whole rows (`n x dim`) of the tokens `ids` do not
    /// prove a lower score.
    fn open(
        &self,
        points: &DMatrix<f32>,
        head: &Head,
        norms: &[f64],
        rows: &[f32],
        ids: impl ExactSizeIterator<Item = u32>,
    ) -> Vec<(usize, u32)> {
        let count = self.limits.len();
        let mut open = Vec::new();
        if count == 0 {
            return open;
        }
        let scores = points * DMatrixView::from_slice(rows, self.dim, ids.len());
        for (j, column) in ids.zip(scores.as_slice().chunks_exact(count)) {
            let terms = self.terms(head, norms, j);
            // Nearly always all scores are below the limit, and a loop without branches finds that out fastest.
            if any_open(column, &self.limits, &self.reach, &self.unscale, terms) {
                open.extend(
                    (0..count).filter(|&i| !self.is_below(column[i], i, terms)).map(|i| (i, j)),
                );
            }
        }
        open
    }

    /// Whether the product of one point with one row proves a lower score.
    fn settles(&self, head: &Head, norms: &[f64], i: usize, j: u32) -> bool {
        let Rows::F32(rows) = head.rows() else { return false };
        let (row, point) = (j as usize * self.dim, i * self.dim);
        let score = narrow::dot(&rows[row..row + self.dim], &self.points[point..point + self.dim]);
        self.is_below(score, i, self.terms(head, norms, j))
    }

    fn is_below(&self, score: f32, i: usize, terms: Terms) -> bool {
        terms.are_below(score, self.limits[i], self.reach[i], self.unscale[i])
    }

    fn terms(&self, head: &Head, norms: &[f64], j: u32) -> Terms {
        let (relative, floor) = (self.relative, self.floor);
        Terms { norm: norms[j as usize], bias: head.bias(j as usize), relative, floor }
    }
}

/// The error terms of the float32 score of one rival, in units of the scaled point.
#[derive(Clone, Copy)]
struct Terms {
    norm: f64,
    bias: f64,
    relative: f64,
    floor: f64,
}

impl Terms {
    /// Whether a score proves that the rival stays below `limit`. The factor `UP_4M` covers the roundings here.
    #[inline(always)]
    fn are_below(self, score: f32, limit: f64, reach: f64, unscale: f64) -> bool {
        let bias = self.bias * unscale;
        let size = self.norm * reach + self.floor * (1.0 + self.norm) + bias.abs() * self.relative;
        // A score of -inf comes from an overflow and proves nothing.
        (f64::from(score) + bias + size * UP_4M < limit) & (score > f32::NEG_INFINITY)
    }
}

/// Whether for some candidate the score does not prove that this rival stays below.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn any_open(scores: &[f32], limits: &[f64], reach: &[f64], unscale: &[f64], terms: Terms) -> bool {
    let n = scores.len();
    let (limits, reach, unscale) = (&limits[..n], &reach[..n], &unscale[..n]);
    let mut open = 0u32;
    for i in 0..n {
        open += u32::from(!terms.are_below(scores[i], limits[i], reach[i], unscale[i]));
    }
    open > 0
}

/// [`Rounded::open`] by float64 products.
fn open_after_float64(
    head: &Head,
    norms: &[f64],
    candidates: &[Candidate],
    part: Range<usize>,
) -> Vec<(usize, u32)> {
    let mut points = Vec::with_capacity(candidates.len() * head.dim());
    candidates.iter().for_each(|c| points.extend_from_slice(&c.state.h));
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

/// Whether a float64 value of `w_j . h`, summed in any order, proves that `j` scores less than the candidate.
fn is_below(head: &Head, norms: &[f64], candidate: &Candidate, j: usize, product: f64) -> bool {
    let score = product + head.bias(j);
    // After an overflow the score is infinite whatever the true sum is; then only exact arithmetic can decide.
    score.is_finite() && score + error(head, norms, j, candidate) < candidate.own
}

/// Whether the candidate scores more than `j`: decided in float64 where possible, else exactly.
fn beats(head: &Head, norms: &[f64], candidate: &Candidate, j: u32) -> bool {
    let rival = j as usize;
    if is_below(head, norms, candidate, rival, head.dot(rival, &candidate.state.h)) {
        return true;
    }
    let exact = |t: u32| candidate.state.exact_score(head, t);
    exact(candidate.token) > exact(j)
}

/// Checks a point of integers in exact arithmetic.
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
    if !domain.contains_exactly(numerators, denominator) {
        return Err("its point lies outside the domain".to_owned());
    }
    let state = domain.ball().map(|ball| ball.exact_state(numerators, denominator));
    let (numerators, denominator) =
        state.as_ref().map_or((numerators, denominator), |s| (s.0.as_slice(), &s.1));
    let score = |t: u32| integer_score(head, t, numerators, denominator);
    let own = score(token);
    let mut rivals = (0..head.tokens() as u32).filter(|&j| !equals.are_tied(token, j));
    match rivals.find(|&j| score(j) >= own) {
        None => Ok(()),
        Some(j) => Err(format!("token {j} scores at least as much at its point")),
    }
}
