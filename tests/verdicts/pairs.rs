//! The screen of all pairs by 8-bit products, on heads made to break its bound.
//!
//! Every witness is scored again in exact integers against all rivals, at the point that the checker
//! recomputes and at points as far from it as the proof allows.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::process::Command;

use num_bigint::BigInt;
use num_traits::Signed;
use unargmax::audit::{Options, audit};
use unargmax::certificate;
use unargmax::certify::pairs::kernel::Kernel;
use unargmax::certify::pairs::transform::{Dense, LowRank, Transform};
use unargmax::certify::pairs::{Pairs, PointScaling, Trial, TrialPoint};
use unargmax::certify::witness::{Point, Witness};
use unargmax::checkpoint;
use unargmax::domain::Domain;
use unargmax::head::{Head, Rows};
use unargmax::locate::{Choice, locate};
use unargmax::problem::Problem;
use unargmax::progress::Silent;
use unargmax::screen::Screen;
use unargmax::verify::verify;

/// Numbers without pattern, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = (self.0 ^ (self.0 >> 29)).wrapping_mul(0xbf58476d1ce4e5b9);
        x ^ (x >> 32)
    }

    /// Uniform in -1..1.
    fn signed(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// About normal.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.signed()).sum::<f64>() / 2f64.sqrt()
    }

    fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}

/// `n 2^e` of a finite float.
fn parts(x: f64) -> (i64, i64) {
    let bits = x.to_bits();
    let (biased, fraction) = (((bits >> 52) & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
    assert!(biased < 0x7ff, "{x} is not finite");
    let n = if biased == 0 { fraction } else { fraction | 1 << 52 };
    let zeros = if n == 0 { 0 } else { n.trailing_zeros() as i64 };
    let (n, e) = (n >> zeros, biased.max(1) - 1075 + zeros);
    (if x < 0.0 { -n } else { n }, if n == 0 { i64::MAX } else { e })
}

/// `x 2^-e`, an integer.
fn integer(x: f64, e: i64) -> BigInt {
    let (n, own) = parts(x);
    if n == 0 { BigInt::ZERO } else { BigInt::from(n) << (own - e) as u64 }
}

fn least_exponent(values: impl Iterator<Item = f64>) -> i64 {
    values.map(|x| parts(x).1).min().unwrap_or(0).min(1100)
}

/// A head in integers: rows over `2^-row`, biases over `2^-bias`.
struct Scores {
    dim: usize,
    rows: Vec<BigInt>,
    row: i64,
    biases: Vec<BigInt>,
    bias: i64,
}

impl Scores {
    fn new(head: &Head) -> Self {
        let rows = || (0..head.tokens()).flat_map(|t| head.row(t));
        let biases = || (0..head.tokens()).map(|t| head.bias(t));
        let (row, bias) = (least_exponent(rows()), least_exponent(biases()));
        Scores {
            dim: head.dim(),
            rows: rows().map(|x| integer(x, row)).collect(),
            row,
            biases: biases().map(|x| integer(x, bias)).collect(),
            bias,
        }
    }

    /// Whether `token` is above every rival by at least `margin`, and more than 0, at `h`: the first that it
    /// is not above.
    fn refuted_by(&self, token: usize, equals: &[u32], h: &[f64], margin: f64) -> Option<usize> {
        let unit = least_exponent(h.iter().copied());
        let h: Vec<BigInt> = h.iter().map(|&x| integer(x, unit)).collect();
        let base = (self.row + unit).min(self.bias).min(parts(margin).1);
        let (up, bias_up) = ((self.row + unit - base) as u64, (self.bias - base) as u64);
        let margin = integer(margin, base);
        let score = |t: usize| -> BigInt {
            let row = &self.rows[t * self.dim..][..self.dim];
            (row.iter().zip(&h).map(|(w, h)| w * h).sum::<BigInt>() << up)
                + (&self.biases[t] << bias_up)
        };
        let own = score(token);
        (0..self.biases.len()).filter(|&j| !equals.contains(&(j as u32))).find(|&j| {
            let gap = &own - score(j);
            !gap.is_positive() || gap < margin
        })
    }
}

fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// `h` and points within `radius` of it, some of them straight towards the rivals that score most.
fn around(head: &Head, t: u32, h: &[f64], radius: f64, count: usize) -> Vec<Vec<f64>> {
    let mut random = Random(u64::from(t) + 1);
    let mut points = vec![h.to_vec()];
    let mut directions: Vec<Vec<f64>> = (0..count).map(|_| random.normals(h.len())).collect();
    let row: Vec<f64> = head.row(t as usize).collect();
    let mut rivals: Vec<(f64, usize)> = (0..head.tokens())
        .filter(|&j| j != t as usize)
        .map(|j| (head.dot(j, h) + head.bias(j), j))
        .collect();
    rivals.sort_by(|a, b| b.0.total_cmp(&a.0));
    let gap = |&(_, j): &(f64, usize)| head.row(j).zip(&row).map(|(w, own)| w - own).collect();
    directions.extend(rivals.iter().take(count.div_ceil(4)).map(gap));
    for direction in directions {
        // Rounded to float64, the point stays well within the twice as large radius of the proof.
        let step = 0.999 * radius / length(&direction);
        if step.is_finite() {
            points.push(h.iter().zip(&direction).map(|(h, x)| h + step * x).collect());
        }
    }
    points
}

/// Checks a witness exactly at its point and at others within its radius; the error says where it fails.
fn check(
    problem: &Problem,
    scores: &Scores,
    witness: &Witness,
    count: usize,
) -> Result<(), String> {
    let (head, t) = (problem.head(), witness.token());
    let h = witness.hidden_state(problem).unwrap();
    let radius = match witness.point() {
        Point::Mapped { map, scale } => map.radius(head, t, *scale),
        _ => 0.0,
    };
    let count = if radius > 0.0 { count } else { 0 };
    for (i, point) in around(head, t, &h, radius, count).iter().enumerate() {
        let refuted = scores.refuted_by(t as usize, &problem.equals(t), point, witness.margin());
        if let Some(j) = refuted {
            let margin = witness.margin();
            return Err(format!("token {t} does not beat {j} by {margin:e} at point {i}"));
        }
    }
    Ok(())
}

/// The proofs among what trials came to.
fn witnesses(trials: Vec<Trial>) -> Vec<Witness> {
    trials.into_iter().filter_map(Trial::witness).collect()
}

/// Multiplications of integers for one head: the largest are checked on some tokens.
const WORK: usize = 3_000_000;

/// Proves what the screen can and checks it on all or some tokens; returns how many it proved by a map.
fn screened(name: &str, head: &Head) -> usize {
    let domain = Domain::free(head.dim());
    let problem = Problem::new(head, &domain).unwrap();
    let tokens: Vec<u32> = (0..head.tokens() as u32).collect();
    let found = witnesses(Screen::new(&problem).try_tokens(&tokens, &Silent));
    let mapped: Vec<&Witness> = found.iter().filter(|w| w.kind() == "map").collect();
    let scores = Scores::new(head);
    let size = head.tokens() * head.dim();
    // All tokens at their own points if that is little work, else every so many.
    let count: usize = if mapped.len() * size * 26 <= WORK { 20 } else { 2 };
    let step = (mapped.len() * size * (count + count.div_ceil(4) + 1)).div_ceil(WORK).max(1);
    for witness in mapped.iter().step_by(step) {
        check(&problem, &scores, witness, count).unwrap_or_else(|e| panic!("{name}: {e}"));
        let length = length(&witness.hidden_state(&problem).unwrap());
        if (1e-150..1e150).contains(&length) {
            let off = (witness.norm() / length - 1.0).abs();
            assert!(off < 1e-4, "{name}: the norm of {} is {off:e} off", witness.token());
        }
    }
    mapped.len()
}

fn f32_head(rows: &[f64], bias: Option<Vec<f64>>, dim: usize) -> Head {
    let rows: Vec<f32> = rows.iter().map(|&x| x as f32).collect();
    let tokens = rows.len() / dim;
    Head::new(Rows::from(rows), bias, tokens, dim).unwrap()
}

fn f64_head(rows: &[f64], bias: Option<Vec<f64>>, dim: usize) -> Head {
    Head::new(Rows::from(rows.to_vec()), bias, rows.len() / dim, dim).unwrap()
}

/// Rows of many kinds that strain a bound of rounding errors.
const FAMILIES: [&str; 10] = [
    "normal",
    "common",
    "huge",
    "tiny",
    "large",
    "equal norms",
    "neighbours",
    "clusters",
    "duplicates",
    "whole",
];

fn family(name: &str, tokens: usize, dim: usize, random: &mut Random) -> Vec<f64> {
    let mut rows = random.normals(tokens * dim);
    match name {
        "common" => {
            let common = random.normals(dim);
            for row in rows.chunks_mut(dim) {
                row.iter_mut().zip(&common).for_each(|(x, c)| *x = 1e4 * c + 1e-2 * *x);
            }
        }
        "huge" => rows.chunks_mut(dim).for_each(|row| row[dim / 2] *= 1e5),
        "tiny" => rows.iter_mut().enumerate().for_each(|(i, x)| {
            *x *= 2f64.powi(-59 - (i / dim % 100) as i32);
        }),
        "large" => rows.iter_mut().for_each(|x| *x *= 2f64.powi(55)),
        "equal norms" => rows.chunks_mut(dim).for_each(|row| {
            let length = length(row);
            row.iter_mut().for_each(|x| *x /= length);
        }),
        "neighbours" => {
            // Each row beside a copy with one coordinate the next float32.
            for t in (1..tokens).step_by(2) {
                let (before, row) = rows[(t - 1) * dim..(t + 1) * dim].split_at_mut(dim);
                row.copy_from_slice(before);
                row[t % dim] = f64::from((row[t % dim] as f32).next_up());
            }
        }
        "clusters" => {
            for t in 0..tokens {
                let first = t / 8 * 8 * dim;
                for k in 0..dim {
                    let own = rows[t * dim + k];
                    rows[t * dim + k] = rows[first + k] + own * 1e-3;
                }
            }
        }
        "duplicates" => {
            for t in (2..tokens).step_by(3) {
                rows.copy_within((t - 2) * dim..(t - 1) * dim, t * dim);
            }
        }
        "whole" => rows.iter_mut().for_each(|x| *x = (*x * 3.0).round()),
        _ => {}
    }
    rows
}

/// Biases from none to ones that leave room for nothing else.
fn biases(kind: usize, tokens: usize, random: &mut Random) -> Option<Vec<f64>> {
    let numbers = random.normals(tokens);
    Some(match kind {
        0 => return None,
        1 => vec![-1e30; tokens],
        2 => numbers.into_iter().map(|x| 0.1 * x).collect(),
        3 => numbers.into_iter().map(|x| -1e3 * x.abs()).collect(),
        4 => numbers
            .into_iter()
            .enumerate()
            .map(|(t, x)| if t == 1 { 1e9 } else { 1e-9 * x })
            .collect(),
        _ => numbers.into_iter().map(|x| x * 10f64.powi((x * 40.0) as i32 % 12)).collect(),
    })
}

#[test]
fn every_win_by_a_map_holds_exactly_on_strained_heads() {
    let mut random = Random(1);
    let mut proved = 0;
    for (n, name) in FAMILIES.iter().enumerate() {
        for (i, &dim) in [1, 2, 3, 5, 15, 16, 17, 40].iter().enumerate() {
            for (v, &tokens) in [2, 7, 33, 150].iter().enumerate() {
                let rows = family(name, tokens, dim, &mut random);
                let kind = (n + i + v) % 6;
                for kind in [0, kind] {
                    let bias = biases(kind, tokens, &mut random);
                    let case = format!("{name}, {tokens} x {dim}, bias {kind}");
                    proved += screened(&case, &f32_head(&rows, bias.clone(), dim));
                    if kind != 0 {
                        proved += screened(&case, &f64_head(&rows, bias, dim));
                    }
                }
            }
        }
    }
    assert!(proved > 10_000, "only {proved} wins were there to check");
}

#[test]
fn every_win_by_a_map_holds_exactly_on_wide_and_long_heads() {
    let mut random = Random(2);
    for (tokens, dim, kind) in
        [(200, 577, 0), (200, 577, 2), (3000, 40, 0), (3000, 17, 2), (3000, 3, 5)]
    {
        for name in ["normal", "common", "clusters"] {
            let rows = family(name, tokens, dim, &mut random);
            let bias = biases(kind, tokens, &mut random);
            screened(
                &format!("{name}, {tokens} x {dim}, bias {kind}"),
                &f32_head(&rows, bias, dim),
            );
        }
    }
}

#[test]
fn biases_that_overflow_prove_nothing_false() {
    let mut random = Random(3);
    for dim in [2, 16, 20] {
        let mut rows: Vec<f64> = random.normals(60 * dim);
        rows.iter_mut().for_each(|x| *x *= 1e12);
        for size in [1e290, 1e300, 1.7e308] {
            let bias = (0..60).map(|t| size * (1.0 - f64::from(t % 7) / 100.0)).collect();
            screened(
                &format!("{dim} coordinates, biases {size:e}"),
                &f64_head(&rows, Some(bias), dim),
            );
        }
    }
}

#[test]
fn biases_that_differ_are_not_left_out_by_request() {
    let mut random = Random(4);
    let head = f64_head(&random.normals(200), Some(random.normals(40)), 5);
    let domain = Domain::free(5);
    let problem = Problem::new(&head, &domain).unwrap();
    let identity: Vec<f32> = (0..25).map(|i| f32::from(u8::from(i % 6 == 0))).collect();
    let pairs = Pairs::new(&problem, &[0.0; 5], &identity, identity.clone()).unwrap();
    let tokens: Vec<u32> = (0..40).collect();
    assert!(witnesses(pairs.try_own_points(&tokens, PointScaling::UnitLength, 1)).is_empty());
    assert!(
        witnesses(pairs.try_own_points(&tokens, PointScaling::OverNorm(f64::NAN), 1)).is_empty()
    );
    assert!(
        witnesses(pairs.try_own_points(&tokens, PointScaling::OverNorm(f64::INFINITY), 1))
            .is_empty()
    );
    assert!(witnesses(pairs.try_own_points(&tokens, PointScaling::OverNorm(-1.0), 1)).is_empty());

    let range = Domain::range(5, 0.0, 1.0).unwrap();
    let problem = Problem::new(&head, &range).unwrap();
    let pairs = Pairs::new(&problem, &[0.0; 5], &identity, identity.clone()).unwrap();
    let own = witnesses(pairs.try_own_points(&tokens, PointScaling::OverNorm(1.0), 1));
    assert!(own.is_empty(), "the map's points are not moved into a box");
    let fixed = Domain::ranges(vec![1.0; 5], vec![1.0, 2.0, 2.0, 2.0, 2.0]).unwrap();
    let problem = Problem::new(&head, &fixed).unwrap();
    assert!(Pairs::new(&problem, &[0.0; 5], &identity, identity.clone()).is_none());
}

/// `A x`.
fn apply(a: &[f32], x: &[f64]) -> Vec<f64> {
    a.chunks_exact(x.len())
        .map(|row| row.iter().zip(x).map(|(&a, x)| f64::from(a) * x).sum())
        .collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// A token at `c` and one rival, `c` less `share` of it and, at a right angle as `a` sees it, `side`.
///
/// In exact numbers the gap of `c` at `A^T A c` is then `share |A c|^2`.
fn near_tie(a: &[f32], c: &[f64], share: f64, side: &[f64]) -> Vec<f64> {
    let (image, other) = (apply(a, c), apply(a, side));
    let overlap = dot(&image, &other) / dot(&image, &image);
    let rival = c.iter().zip(side).map(|(c, s)| (1.0 - share + overlap) * c - s);
    c.iter().copied().chain(rival).collect()
}

/// The floor of a proved gap, as a share of `|A c|^2`.
const FLOOR: f64 = 1.0 / 4096.0;

/// Tries near ties of these sizes along and to the side and checks those that are proved: some, not all.
fn shave(
    name: &str,
    random: &mut Random,
    a: &[f32],
    sizes: (&[f64], &[f64]),
    share: impl Fn(&mut Random) -> f64,
) {
    let dim = sizes.0.len();
    let dense = || Box::new(Dense::new(a, &identity(dim), dim)) as Box<dyn Transform>;
    shave_by(name, random, a, &dense, sizes, share);
}

/// [`shave`] by another form of the matrix `a` (`n x d`).
fn shave_by(
    name: &str,
    random: &mut Random,
    a: &[f32],
    transform: &dyn Fn() -> Box<dyn Transform>,
    sizes: (&[f64], &[f64]),
    share: impl Fn(&mut Random) -> f64,
) {
    let dim = sizes.0.len();
    let domain = Domain::free(dim);
    let scaled = |random: &mut Random, sizes: &[f64]| -> Vec<f64> {
        sizes.iter().map(|s| s * random.normal()).collect()
    };
    let mut proved = 0;
    for trial in 0..400 {
        let (c, side) = (scaled(random, sizes.0), scaled(random, sizes.1));
        let rows = near_tie(a, &c, share(random), &side);
        let unbiased = trial % 2 == 0;
        // A bias of both tokens that the screen cannot take for none.
        let bias = (!unbiased).then(|| vec![0.0, 1e-300]);
        let head = f64_head(&rows, bias, dim);
        let problem = Problem::new(&head, &domain).unwrap();
        let Some(pairs) = Pairs::by(&problem, &vec![0.0; dim], transform()) else {
            continue;
        };
        let scaling =
            if unbiased { PointScaling::UnitLength } else { PointScaling::OverNorm(0.75) };
        let scores = Scores::new(&head);
        for witness in witnesses(pairs.try_own_points(&[0], scaling, 1)) {
            check(&problem, &scores, &witness, 8)
                .unwrap_or_else(|e| panic!("{name}, {trial}: {e}"));
            proved += 1;
        }
    }
    assert!(proved > 20, "{name}: only {proved} proved");
    assert!(proved < 400, "{name}: nothing was in doubt");
}

fn identity(dim: usize) -> Vec<f32> {
    (0..dim * dim).map(|i| f32::from(u8::from(i % (dim + 1) == 0))).collect()
}

/// Gaps as close to the floor as the rounding of rows to float32 is large.
#[test]
fn the_rounding_of_rows_is_not_forgotten() {
    let mut random = Random(5);
    for dim in [1, 2, 3, 17] {
        let sides = vec![if dim == 1 { 0.0 } else { 1.0 }; dim];
        shave("rounded rows", &mut random, &identity(dim), (&vec![1.0; dim], &sides), |random| {
            FLOOR * (1.0 + random.signed().powi(9))
        });
    }
}

/// Gaps as close to nothing as the rounding of rows to 8 bits is large, with and without a tail.
#[test]
fn the_rounding_to_integers_is_not_forgotten() {
    let mut random = Random(6);
    for dim in [3, 5, 15, 16, 17, 40, 100] {
        for side in [0.1, 1.0, 5.0, 30.0] {
            let sizes = (vec![1.0; dim], vec![side; dim]);
            shave("integers", &mut random, &identity(dim), (&sizes.0, &sizes.1), |random| {
                FLOOR + 0.05 * random.signed() * side.min(2.0)
            });
        }
    }
}

/// A transformation of low rank, and all rows of its matrix `A`.
struct LowRankCase {
    basis: Vec<f32>,
    complement: Vec<f32>,
    factors: Vec<f32>,
    rest: f32,
    a: Vec<f32>,
}

impl LowRankCase {
    /// `count` vectors that are orthonormal up to errors of about `skew`, and factors between 1/8 and 8.
    fn new(dim: usize, count: usize, skew: f64, random: &mut Random) -> Self {
        let mut basis: Vec<Vec<f64>> = Vec::new();
        while basis.len() < dim {
            let mut v = random.normals(dim);
            for u in basis.iter().chain(&basis) {
                let along = dot(u, &v);
                v.iter_mut().zip(u).for_each(|(x, u)| *x -= along * u);
            }
            let length = dot(&v, &v).sqrt();
            basis.push(v.iter().map(|x| x / length).collect());
        }
        let mut off = |x: f64| (x + skew * random.signed() / dim as f64) as f32;
        let basis: Vec<f32> = basis.iter().flatten().map(|&x| off(x)).collect();
        let (basis, complement) = basis.split_at(count * dim);
        let (basis, complement) = (basis.to_vec(), complement.to_vec());
        let factors: Vec<f32> =
            (0..count).map(|_| 2f64.powf(3.0 * random.signed()) as f32).collect();
        let rest = 2f64.powf(3.0 * random.signed()) as f32;
        let mut a = Vec::new();
        for (u, factor) in basis.chunks_exact(dim).zip(&factors) {
            a.extend(u.iter().map(|x| factor * x));
        }
        for k in 0..dim {
            for l in 0..dim {
                let inside: f32 = basis.chunks_exact(dim).map(|u| u[k] * u[l]).sum();
                a.push(rest * (f32::from(u8::from(k == l)) - inside));
            }
        }
        LowRankCase { basis, complement, factors, rest, a }
    }

    fn transform(&self, dim: usize) -> Box<dyn Transform> {
        Box::new(self.low_rank(dim))
    }

    fn low_rank(&self, dim: usize) -> LowRank {
        let (basis, factors) = (self.basis.clone(), self.factors.clone());
        LowRank::new(basis, factors, self.rest, dim).expect("nearly orthonormal")
    }

    /// The same map by a matrix of `d` rows.
    fn completed(&self, dim: usize) -> Box<dyn Transform> {
        let rows = self.basis.chunks_exact(dim).zip(self.factors.iter().copied());
        let rows = rows.chain(self.complement.chunks_exact(dim).map(|row| (row, self.rest)));
        let scaled = |power: i32| -> Vec<f32> {
            rows.clone().flat_map(|(row, a)| row.iter().map(move |x| x * a.powi(power))).collect()
        };
        let gram = self.low_rank(dim).gram();
        Box::new(Dense::with_gram(&scaled(1), &scaled(-1), dim, gram, self.factors.len()))
    }
}

/// Gaps as close to the floor as the errors of a basis that is not quite orthonormal, and of two products in a row.
#[test]
fn the_errors_of_a_transformation_of_low_rank_are_not_forgotten() {
    let mut random = Random(21);
    for (dim, count) in [(3, 1), (5, 2), (17, 5), (40, 13), (40, 39), (150, 50)] {
        for skew in [0.0, 1e-3] {
            let case = LowRankCase::new(dim, count, skew, &mut random);
            for side in [0.0, 1.0, 30.0] {
                let sizes = (vec![1.0; dim], vec![side; dim]);
                let name = format!("{count} of {dim}, skewed by {skew}, to the side by {side}");
                let forms: [&dyn Fn() -> Box<dyn Transform>; 2] =
                    [&|| case.transform(dim), &|| case.completed(dim)];
                let sizes = (&sizes.0[..], &sizes.1[..]);
                for transform in forms {
                    shave_by(&name, &mut random, &case.a, transform, sizes, |random| {
                        FLOOR * 2f64.powf(4.0 + 6.0 * random.signed())
                            + 0.05 * random.signed() * f64::min(side, 2.0)
                    });
                }
            }
        }
    }
}

/// The same at points that are given, in a box that moves nothing.
#[test]
fn points_given_to_a_transformation_of_low_rank_are_proved_only_where_they_win() {
    let mut random = Random(22);
    let (mut proved, mut tried) = (0, 0);
    for (dim, count) in [(3, 1), (17, 5), (40, 13)] {
        let domain = Domain::range(dim, -1e9, 1e9).unwrap();
        let case = LowRankCase::new(dim, count, 1e-3, &mut random);
        for _ in 0..300 {
            let (c, side) = (random.normals(dim), random.normals(dim));
            let share = FLOOR * 2f64.powf(6.0 * random.signed()) * random.signed();
            let head = f64_head(&near_tie(&case.a, &c, share, &side), None, dim);
            let problem = Problem::new(&head, &domain).unwrap();
            let centre = vec![0.0; dim];
            let form = if tried % 2 == 0 { case.transform(dim) } else { case.completed(dim) };
            let Some(pairs) = Pairs::by(&problem, &centre, form) else { continue };
            tried += 1;
            let h = pairs.map().directions(&head, &[0]);
            for scale in [Some(1.0), None] {
                let attempt = TrialPoint { token: 0, h: h.clone(), scale, floor: FLOOR / 256.0 };
                for witness in witnesses(pairs.try_points(vec![attempt])) {
                    check(&problem, &Scores::new(&head), &witness, 8).unwrap();
                    proved += 1;
                }
            }
        }
    }
    assert!(proved > 100 && proved < 2 * tried, "{proved} of {tried} proved");
}

#[test]
fn vectors_far_from_orthonormal_make_no_transformation() {
    let basis = |last: f32| vec![1.0, 0.0, 0.0, last, 1.0, 0.0];
    assert!(LowRank::new(basis(1e-3), vec![1.0, 2.0], 1.0, 3).is_some());
    assert!(LowRank::new(basis(0.1), vec![1.0, 2.0], 1.0, 3).is_none());
    assert!(LowRank::new(basis(0.0), vec![1.0, f32::NAN], 1.0, 3).is_none());
    assert!(LowRank::new(basis(0.0), vec![1.0, 2.0], 0.0, 3).is_none());
    assert!(LowRank::new(basis(f32::INFINITY), vec![1.0, 2.0], 1.0, 3).is_none());
}

/// A map whose product with itself is poor in float32, and rows where it is smallest.
#[test]
fn the_rounding_of_the_map_is_not_forgotten() {
    let mut random = Random(7);
    let (cos, sin) = (0.8123, 0.5832);
    for large in [300.0, 1000.0] {
        let a = [cos, sin, -sin * large, cos * large].map(|x| x as f32);
        // Along (cos, sin) the second row of the map gives nothing.
        let c = [cos, sin];
        for side in [0.0, 0.3, 1.0] {
            let domain = Domain::free(2);
            let (mut proved, mut tried) = (0, 0);
            for _ in 0..400 {
                let across = side * random.signed();
                let small = 1e-4 * random.signed();
                let c = [c[0] - sin * small, c[1] + cos * small];
                let share = FLOOR * 2f64.powf(8.0 + 6.0 * random.signed());
                let rows = near_tie(&a, &c, share, &[-sin * across, cos * across]);
                let head = f64_head(&rows, None, 2);
                let problem = Problem::new(&head, &domain).unwrap();
                let Some(pairs) = Pairs::new(&problem, &[0.0; 2], &a, identity(2)) else {
                    continue;
                };
                tried += 1;
                for witness in witnesses(pairs.try_own_points(&[0], PointScaling::UnitLength, 1)) {
                    check(&problem, &Scores::new(&head), &witness, 8).unwrap();
                    proved += 1;
                }
            }
            assert!(proved > 20 && proved < tried, "{proved} of {tried} proved");
        }
    }
}

/// A map so uneven that the points of two evaluations are far apart, and a rival far to the side.
#[test]
fn the_distance_to_another_evaluation_is_not_forgotten() {
    let mut random = Random(8);
    let a = [1.0, 0.0, 0.0, 0.0, 2f32.powi(20), 0.0, 0.0, 0.0, 0.0];
    // A box that moves nothing: points of the map are tried in boxes on the original rows.
    let domain = Domain::range(3, -1e9, 1e9).unwrap();
    let (mut proved, mut tried) = (0, 0);
    for _ in 0..1000 {
        let share = FLOOR * 2f64.powf(5.0 + 5.0 * random.signed());
        let side = [0.0, 0.0, 40.0 * random.signed()];
        let head = f64_head(&near_tie(&a, &[1.0, 0.0, 0.0], share, &side), None, 3);
        let problem = Problem::new(&head, &domain).unwrap();
        let Some(pairs) = Pairs::new(&problem, &[0.0; 3], &a, identity(3)) else { continue };
        tried += 1;
        let h = pairs.map().directions(&head, &[0]);
        let attempt = TrialPoint { token: 0, h, scale: Some(1.0), floor: FLOOR / 16.0 };
        for witness in witnesses(pairs.try_points(vec![attempt])) {
            check(&problem, &Scores::new(&head), &witness, 8).unwrap();
            proved += 1;
        }
    }
    assert!(proved > 20 && proved < tried, "{proved} of {tried} proved");
}

#[test]
fn certificates_of_strained_heads_are_accepted() {
    let mut random = Random(9);
    for (n, name) in FAMILIES.iter().enumerate() {
        let rows = family(name, 60, 6, &mut random);
        let head = f32_head(&rows, biases(n % 6, 60, &mut random), 6);
        let domain = Domain::free(6);
        let audit = audit(&head, &domain, Options::default()).unwrap();
        let verification =
            verify(&head, &certificate::from_audits(&head, &[(&domain, &audit)]), None);
        assert!(verification.is_accepted(), "{name}: {:?}", verification.audits);
    }
}

/// The files of an audit, without the times in the summary.
fn written(arguments: &[&str], kernel: Kernel) -> BTreeMap<OsString, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_unargmax"))
        // The report tells the seconds too; it is made of these files.
        .args(["audit", "--quiet", "--no-report", "--kernel", kernel.name(), "--out"])
        .arg(folder.path())
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?} by {}", kernel.name());
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap());
    let mut files: BTreeMap<OsString, Vec<u8>> =
        entries.map(|e| (e.file_name(), std::fs::read(e.path()).unwrap())).collect();
    let summary = files.get_mut(OsStr::new("summary.json")).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(summary).unwrap();
    assert!(value.as_object_mut().unwrap().remove("run").is_some(), "no date and command line");
    for audit in value["audits"].as_array_mut().unwrap() {
        assert!(audit.as_object_mut().unwrap().remove("seconds").is_some(), "no times");
    }
    *summary = serde_json::to_vec(&value).unwrap();
    files
}

#[test]
fn all_kernels_write_the_same_files() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");
    let [rxnmapper, slovnet] =
        ["rxnmapper", "slovnet-morph"].map(|name| format!("{data}{name}/head.safetensors"));
    for arguments in [vec![], vec![rxnmapper.as_str()], vec![slovnet.as_str()]] {
        let arguments = [arguments, vec!["--domain", "free"]].concat();
        let portable = written(&arguments, Kernel::named("portable").unwrap());
        assert!(portable.len() >= 3, "{:?}", portable.keys());
        for kernel in Kernel::available() {
            assert!(written(&arguments, kernel) == portable, "{arguments:?} by {}", kernel.name());
        }
    }
}

/// Tries every token of a head at points of many kinds, and checks in exact integers what is claimed to win
/// there; and that no token is left out that wins clearly. Returns how many won and how many did not.
fn attempted(
    name: &str,
    head: &Head,
    domain: &Domain,
    a: &[f32],
    random: &mut Random,
) -> [usize; 2] {
    let dim = head.dim();
    let problem = Problem::new(head, domain).unwrap();
    let Some(pairs) = Pairs::new(&problem, &vec![0.0; dim], a, identity(dim)) else {
        return [0, 0];
    };
    let scores = Scores::new(head);
    let mut counts = [0, 0];
    for kind in 0..4 {
        let attempt = |token: u32| {
            let row: Vec<f64> = head.row(token as usize).collect();
            let size = 2f64.powi((random.next() % 40) as i32 - 20);
            let mut h: Vec<f64> = match kind {
                // Along the token's own row, off it by little, and anywhere.
                0 => row.iter().map(|x| x * size).collect(),
                1 => row.iter().map(|x| x * (1.0 + 1e-7 * random.normal())).collect(),
                2 => random.normals(dim).iter().map(|x| x * size).collect(),
                _ => row.iter().map(|x| x + 1e-3 * random.normal()).collect(),
            };
            domain.clamp(&mut h);
            let floor = 2f64.powi((random.next() % 60) as i32 - 50);
            TrialPoint { token, h, scale: None, floor }
        };
        let attempts: Vec<TrialPoint> = (0..head.tokens() as u32).map(attempt).collect();
        for (attempt, trial) in attempts.iter().zip(pairs.try_points(attempts.clone())) {
            let equals = problem.equals(attempt.token);
            match trial {
                Trial::Wins(witness) => {
                    counts[0] += 1;
                    assert!(witness.margin() <= attempt.floor, "{name}: more than was asked");
                    check(&problem, &scores, &witness, 0).unwrap_or_else(|e| panic!("{name}: {e}"));
                }
                Trial::Behind(rivals) => {
                    counts[1] += 1;
                    // The exact twin: with biases or without, somebody really is in the way.
                    let t = attempt.token as usize;
                    let beaten = scores.refuted_by(t, &equals, &attempt.h, 0.0).is_none();
                    assert!(!beaten || rivals.is_empty(), "{name}: {t} wins, {rivals:?} were told");
                }
            }
        }
    }
    counts
}

#[test]
fn a_token_tried_at_any_point_wins_exactly_where_it_is_ahead() {
    let mut random = Random(77);
    let (mut won, mut lost) = (0, 0);
    for trial in 0..60 {
        let dim = 1 + (random.next() % 9) as usize;
        let tokens = 2 + (random.next() % 90) as usize;
        let mut rows = random.normals(tokens * dim);
        match trial % 6 {
            // Small integers: exact ties and equal rows.
            0 => rows.iter_mut().for_each(|x| *x = x.round()),
            // All near one row, by units in the last place.
            1 => {
                let base = rows[..dim].to_vec();
                rows.iter_mut().enumerate().for_each(|(i, x)| {
                    *x = f64::from((base[i % dim] * (1.0 + 1e-7 * x.round())) as f32);
                });
            }
            // One huge coordinate.
            2 => rows.iter_mut().step_by(dim).for_each(|x| *x = 1e9 + x.round()),
            // Tiny numbers.
            3 => rows.iter_mut().for_each(|x| *x *= 1e-9),
            _ => {}
        }
        let bias = (trial % 2 == 0).then(|| random.normals(tokens));
        let head = f32_head(&rows, bias, dim);
        let a: Vec<f32> = if trial % 3 == 0 {
            random.normals(dim * dim).iter().map(|&x| x as f32).collect()
        } else {
            identity(dim)
        };
        let domain = match trial % 4 {
            0 => Domain::range(dim, 0.0, f64::INFINITY).unwrap(),
            1 => Domain::range(dim, -0.25, 2.0).unwrap(),
            _ => Domain::free(dim),
        };
        let [wins, losses] = attempted(&format!("trial {trial}"), &head, &domain, &a, &mut random);
        (won, lost) = (won + wins, lost + losses);
    }
    assert!(won > 300 && lost > 300, "{won} won, {lost} did not");
}

#[test]
fn points_outside_the_domain_and_points_beyond_float32_are_not_judged() {
    let head = f32_head(&[1.0, 0.0, 0.0, 1.0], None, 2);
    let domain = Domain::range(2, 0.0, 1.0).unwrap();
    let problem = Problem::new(&head, &domain).unwrap();
    let pairs = Pairs::new(&problem, &[0.0; 2], &identity(2), identity(2)).unwrap();
    let attempt = |h: [f64; 2], floor| TrialPoint { token: 0, h: h.to_vec(), scale: None, floor };
    let wins = |attempt| witnesses(pairs.try_points(vec![attempt])).len();
    assert_eq!(wins(attempt([1.0, 0.0], 0.5)), 1);
    for h in [[2.0, 0.0], [1.0, -1e-300], [f64::NAN, 0.0], [f64::INFINITY, 0.0]] {
        assert_eq!(wins(attempt(h, 0.5)), 0, "{h:?}");
    }
    for floor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(wins(attempt([1.0, 0.0], floor)), 0, "{floor}");
    }
    let free = Domain::free(2);
    let problem = Problem::new(&head, &free).unwrap();
    let pairs = Pairs::new(&problem, &[0.0; 2], &identity(2), identity(2)).unwrap();
    for h in [[1e300, 0.0], [1e-300, 0.0]] {
        assert!(witnesses(pairs.try_points(vec![attempt(h, 1e-310)])).is_empty(), "{h:?}");
    }
}

#[test]
fn the_screen_settles_nearly_all_of_a_real_head() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rxnmapper/head.safetensors");
    let opened = checkpoint::open(path).unwrap();
    let head = locate(opened.as_ref(), path.as_ref(), &Choice::default()).unwrap().head;
    let (domain, tokens) =
        (Domain::free(head.dim()), (0..head.tokens() as u32).collect::<Vec<_>>());
    let problem = Problem::new(&head, &domain).unwrap();
    let centre = vec![0.0; head.dim()];
    let pairs = Pairs::new(&problem, &centre, &identity(head.dim()), identity(head.dim())).unwrap();
    let alone = witnesses(pairs.try_own_points(&tokens, pairs.scalings()[0], 1)).len();
    assert!(alone * 2 > head.tokens(), "only {alone} by the plain rows");
    assert!(screened("rxnmapper", &head) * 10 > head.tokens() * 9);
}
