//! Settles most comparisons at the points of a map of low rank, by products of `k` instead of `d` coordinates.
//!
//! Scores are written as `q_j . v + l_j`: without a ball `q_j = w_j`, `l_j = b_j`, and `v` is the hidden state; with a
//! ball `q_j = P(g * w_j)`, `l_j = w_j . c + b_j`, and `v` is the point of the ball. Let `U` be the basis of the map
//! (`k x d`), `delta >= |U U^T - I|_F`, `c_j = q_j - m`, `y_j` and `alpha` any vectors, `e_j >= |y_j - U c_j|`,
//! `r_j >= |c_j - U^T y_j|`, and `beta = v - U^T alpha`. Then, exactly,
//!
//! ```text
//! c_j.v = (U c_j).alpha + (c_j - U^T y_j).beta + y_j.(U beta)
//!      <= y_j.alpha + e_j |alpha| + r_j |beta| + |y_j| |U beta|,
//! r_j^2 <= |c_j|^2 - (1 - delta) |y_j|^2 + 2 e_j |y_j|.
//! ```
//!
//! A rival stays below token `t` if this plus `l_j` is less than `c_t.v + l_t`. By the inequality of Cauchy and Schwarz,
//! `y_j.alpha + r_j |beta| <= K_j N` with `K_j^2 = |Y_j|^2 + s^2 r_j^2` and `N^2 = |X|^2 + |beta|^2 / s^2`, where `Y_j` and
//! `X` are `y_j` and `alpha` times and over any scales. With rivals in falling order of `K_j` this settles about half
//! of all comparisons without a product.

use multiversion::multiversion;
use nalgebra::{DMatrix, DMatrixView};

use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow::{self, Panels};
use crate::arithmetic::rounding::{
    TINY, UP_4M, UP_4000, gamma, norm_up, norm_up_narrow, norm_up_of, power_of_two_near,
};
use crate::certificate::{Linear, MapRecord};
use crate::domain::{Ball, Domain};
use crate::head::Head;
use crate::order;
use crate::parallel;

/// The number of rivals in a block, which share their greatest bounds.
const BLOCK: usize = 512;
/// The number of rows prepared in one task.
const CHUNK: usize = 256;
/// Half a unit in the last place of float32, relative.
const UNIT32: f64 = 1.0 / (1 << 24) as f64;
/// The sizes of numbers for which float32 neither overflows nor loses more than the floors below.
const COMFORTABLE: std::ops::Range<f64> = 8.673617379884035e-19..1.152921504606847e18;

/// All tokens as rivals, in falling order of what they can score.
pub struct Rivals<'a> {
    map: &'a MapRecord,
    ball: Option<&'a Ball>,
    basis: Basis,
    /// The token at each place.
    order: Vec<u32>,
    /// The place of each token.
    pub position: Vec<u32>,
    /// `Y_j` by place: a matrix `k x n`, row-major, for each block of `n` places, as the products read them.
    scaled: Vec<f32>,
    bounds: Vec<Bounds>,
    blocks: Vec<Bounds>,
    /// The typical `N`.
    typical: f64,
}

/// The basis of a map, prepared for products.
struct Basis {
    by_row: Panels,
    by_column: Panels,
    count: usize,
    dim: usize,
    /// An upper bound of the Frobenius norm of `U`.
    norm: f64,
    delta: f64,
    /// Powers of two that scale the coordinates of `y`, and the scale `s` of what is left.
    scales: Vec<f32>,
    rest: f64,
}

/// Upper bounds for a rival, or the greatest ones of a block.
#[derive(Clone, Copy, Default)]
struct Bounds {
    /// `|Y_j|`.
    scaled: f64,
    /// `|y_j|`.
    inside: f64,
    /// `e_j`.
    inside_error: f64,
    /// `r_j`.
    rest: f64,
    /// What `q_j` and `m` lost by rounding, as a length.
    lost: f64,
    /// `|c_j|`.
    length: f64,
    /// `l_j`.
    level: f64,
    /// What `l_j` lost by rounding.
    level_error: f64,
    /// `K_j`.
    key: f64,
    /// `typical K_j + l_j`; in a block the greatest of them.
    order: f64,
}

impl Bounds {
    fn greatest(self, other: &Bounds) -> Bounds {
        Bounds {
            scaled: self.scaled.max(other.scaled),
            inside: self.inside.max(other.inside),
            inside_error: self.inside_error.max(other.inside_error),
            rest: self.rest.max(other.rest),
            lost: self.lost.max(other.lost),
            length: self.length.max(other.length),
            level: self.level.max(other.level),
            level_error: self.level_error.max(other.level_error),
            key: self.key.max(other.key),
            order: self.order.max(other.order),
        }
    }
}

/// A token, and the point of the ball where it is checked, or without a ball the hidden state (`d`).
pub type Point<'a> = (u32, &'a [f64]);

/// A point in the coordinates of the basis.
struct Placed {
    /// `|X|`.
    scaled: f64,
    /// `|alpha|`.
    inside: f64,
    /// `|U beta|`.
    left_inside: f64,
    /// `|beta|`.
    rest: f64,
    /// `|v|`.
    length: f64,
    /// `N`.
    key: f64,
    /// A lower bound of `c_t.v + l_t`.
    own: f64,
}

impl<'a> Rivals<'a> {
    /// Prepares all tokens for the points of `map`; `None` if the map is not of low rank, its basis is far from
    /// orthonormal, or the numbers do not fit float32 comfortably: then nothing is settled here.
    pub fn new(head: &Head, domain: &'a Domain, map: &'a MapRecord, some: &[u32]) -> Option<Self> {
        let ball = domain.ball();
        let basis = Basis::new(map, head.dim())?;
        let (tokens, dim, count) = (head.tokens(), head.dim(), basis.count);
        let mut scaled = vec![0f32; tokens * count];
        let mut bounds = vec![Bounds::default(); tokens];
        parallel::fill_both(
            (&mut scaled, CHUNK * count),
            (&mut bounds, CHUNK),
            &|i, scaled, bounds| {
                let mut centred = vec![0.0; bounds.len() * dim];
                for (n, (row, bound)) in
                    centred.chunks_exact_mut(dim).zip(bounds.iter_mut()).enumerate()
                {
                    *bound = centre(head, ball, &map.centre, i * CHUNK + n, row);
                }
                basis.place_rows(&centred, scaled, bounds);
            },
        );
        let comfortable = |b: &Bounds| {
            let sizes = [b.length, b.scaled, b.key];
            sizes.iter().all(|x| *x == 0.0 || COMFORTABLE.contains(x))
                && b.level.abs() < COMFORTABLE.end
                && b.lost.is_finite()
                && b.level_error.is_finite()
        };
        if !bounds.iter().all(comfortable) {
            return None;
        }
        let mut rivals = Rivals {
            map,
            ball,
            basis,
            order: (0..tokens as u32).collect(),
            position: vec![0; tokens],
            scaled: Vec::new(),
            bounds: Vec::new(),
            blocks: Vec::new(),
            typical: 1.0,
        };
        rivals.sort(head, scaled, bounds, some);
        Some(rivals)
    }

    /// Sorts the rivals by what they can score at a typical point of the map, from the points of `some` tokens.
    fn sort(&mut self, head: &Head, scaled: Vec<f32>, mut bounds: Vec<Bounds>, some: &[u32]) {
        let count = self.basis.count;
        // The length of a point is known only up to its scale: the map's own scales make it that of the typical token.
        let mut sizes: Vec<f64> = some
            .iter()
            .step_by(some.len() / 256 + 1)
            .filter_map(|&t| Some(bounds[t as usize].key * self.scale_of(t)?))
            .filter(|x| x.is_finite())
            .collect();
        order::rising_floats(&mut sizes);
        self.typical = sizes.get(sizes.len() / 2).map_or(1.0, |size| size.abs());
        if head.bias_is_constant() && self.ball.is_none() {
            self.typical = 1.0;
        }
        bounds.iter_mut().for_each(|b| b.order = self.typical * b.key + b.level);
        // Falling; the tokens are in the order of their ids, which equal ones keep.
        order::by_key(&mut self.order, &|&t| !order::rank_of(bounds[t as usize].order));
        for (place, &t) in self.order.iter().enumerate() {
            self.position[t as usize] = place as u32;
        }
        self.bounds = self.order.iter().map(|&t| bounds[t as usize]).collect();
        self.scaled = vec![0f32; scaled.len()];
        let order = &self.order;
        parallel::fill(&mut self.scaled, BLOCK * count, &|i, out| {
            let tokens = &order[i * BLOCK..((i + 1) * BLOCK).min(order.len())];
            for (place, &t) in tokens.iter().enumerate() {
                let column = out[place..].iter_mut().step_by(tokens.len());
                column.zip(&scaled[t as usize * count..][..count]).for_each(|(out, y)| *out = *y);
            }
        });
        let greatest = |block: &[Bounds]| {
            let mut all = block[0];
            block[1..].iter().for_each(|b| all = all.greatest(b));
            all
        };
        self.blocks = self.bounds.chunks(BLOCK).map(greatest).collect();
    }

    /// The scale of a token's point.
    fn scale_of(&self, token: u32) -> Option<f64> {
        let at = self.map.winners.binary_search_by_key(&token, |s| s.0).ok();
        at.map(|at| self.map.winners[at].1)
    }

    /// Calls `found` for each block of rivals (tokens) with the pairs of a point (its index) and a rival for which these
    /// bounds do not prove that the rival scores less.
    pub fn open(
        &self,
        head: &Head,
        points: &[Point],
        found: &mut dyn FnMut(&[u32], &[(usize, u32)]),
    ) {
        let (basis, count) = (&self.basis, self.basis.count);
        let (scaled, placed) = basis.place_points(head, self.ball, &self.map.centre, points);
        let scaled = DMatrix::from_fn(points.len(), count, |i, k| scaled[i * count + k]);
        let beta: Vec<f32> = placed.iter().map(|p| up(p.rest)).collect();
        let relative = gamma32(count + 8);
        for (b, block) in self.blocks.iter().enumerate() {
            let mut limits = vec![0f32; points.len()];
            let mut needed = false;
            for (limit, p) in limits.iter_mut().zip(&placed) {
                let lengths = 1.0 + p.scaled + block.scaled + p.inside + block.inside;
                let errors = p.inside * block.inside_error
                    + p.left_inside * block.inside
                    + p.length * block.lost
                    + block.level_error
                    + (count + 8) as f64 * 2f64.powi(-140) * lengths;
                let excess = (p.key - self.typical).max(0.0) * block.key;
                let most = (block.order + excess).min(p.key * block.key + block.level);
                let sizes = p.scaled * block.scaled
                    + p.rest * block.rest
                    + block.order.abs()
                    + block.level.abs()
                    + self.typical * block.key
                    + p.key * block.key
                    + p.own.abs();
                let slack = errors * UP_4M + sizes * 1e-12;
                // NaN is not settled.
                needed |= !(most + slack < p.own);
                // The product, and in float32 below `S + (a + l)`: three roundings, of at most `2a + |l| + |S + a + l|` units, and
                // that of the limit. With `|S|` at most `P`, the product of the lengths, a level above `-(P + a + 2 |own|)` makes
                // that less than 16 units of the sum here. A level below that settles the pair whatever is rounded, as long as the
                // limit itself is known to 6 units, so the slack is part of the sum too.
                let coarse = relative * (p.scaled * block.scaled)
                    + 16.0
                        * UNIT32
                        * (p.rest * block.rest
                            + block.level.abs()
                            + p.own.abs()
                            + slack
                            + p.scaled * block.scaled);
                *limit = down(p.own - slack - coarse * UP_4M);
            }
            if !needed {
                continue;
            }
            let places = b * BLOCK..((b + 1) * BLOCK).min(self.order.len());
            let columns = &self.scaled[places.start * count..places.end * count];
            let columns =
                DMatrixView::from_slice_with_strides(columns, count, places.len(), places.len(), 1);
            let mut open = Vec::new();
            let scores = &scaled * columns;
            for (place, column) in places.clone().zip(scores.as_slice().chunks_exact(points.len()))
            {
                let bounds = &self.bounds[place];
                // Levels may be negative, so they are rounded up by a signed unit.
                let level = up(bounds.level + bounds.level.abs() * 1e-15);
                let rest = up(bounds.rest);
                if any_open(column, &limits, &beta, rest, level) {
                    let is_open =
                        |&i: &usize| !is_below(column[i], limits[i], beta[i], rest, level);
                    let token = self.order[place];
                    open.extend((0..points.len()).filter(is_open).map(|i| (i, token)));
                }
            }
            if !open.is_empty() {
                found(&self.order[places], &open);
            }
        }
    }
}

impl Basis {
    /// Prepares the basis of a map.
    fn new(map: &MapRecord, dim: usize) -> Option<Self> {
        let Linear::LowRank { rest, gains, basis } = &map.linear else { return None };
        let count = gains.len();
        if count == 0 || count > dim {
            return None;
        }
        let wide: Vec<f64> = basis.iter().map(|&x| f64::from(x)).collect();
        let norm = norm_up_of(&wide);
        let mut products = vec![0.0; count * count];
        parallel::fill(&mut products, 16 * count, &|i, out| {
            let part = &wide[i * 16 * dim..((i + 1) * 16 * dim).min(wide.len())];
            f32::product(part, basis, dim, out, count);
        });
        (0..count).for_each(|i| products[i * count + i] -= 1.0);
        let delta = (norm_up_of(&products) + gamma(dim + 4) * norm * norm) * UP_4000;
        // The bounds below need much less.
        if !(delta < 0.01) {
            return None;
        }
        // Any scales are sound; these make `|Y_j|` about the norm that the map works with.
        let size = |x: f64| {
            let root = x.max(0.0).sqrt();
            if COMFORTABLE.contains(&root) { power_of_two_near(root) } else { 1.0 }
        };
        let columns: Vec<f32> =
            (0..basis.len()).map(|i| basis[i % count * dim + i / count]).collect();
        Some(Basis {
            by_row: Panels::new(basis, dim),
            by_column: Panels::new(&columns, count),
            count,
            dim,
            norm,
            delta,
            scales: gains.iter().map(|gain| size(gain + rest) as f32).collect(),
            rest: size(*rest),
        })
    }

    /// A bound of `|y - U c| / |c|` for `y` computed in float32 from `c` rounded to float32.
    fn inside_error(&self) -> f64 {
        1.01 * (narrow::relative_error(self.dim) + 2.0 * UNIT32) * self.norm
    }

    /// The absolute errors of underflow, far below what comfortable numbers lose.
    fn floor(&self) -> f64 {
        (self.dim + self.count) as f64 * (1.0 + self.norm) * 2f64.powi(-130)
    }

    /// Computes `Y_j` for rows `c_j` (`n x d`) and completes their bounds.
    fn place_rows(&self, centred: &[f64], scaled: &mut [f32], bounds: &mut [Bounds]) {
        let narrowed: Vec<f32> = centred.iter().map(|&x| x as f32).collect();
        narrow::product(&narrowed, &self.by_row, scaled);
        for (y, bound) in scaled.chunks_exact_mut(self.count).zip(bounds) {
            let (length, inside) = (bound.length, norm_up_narrow(y));
            let error = self.inside_error() * length + self.floor();
            // The norm of `y` exceeds the true one by less than a relative 1e-9.
            let square = length * length - (1.0 - self.delta) * inside * inside * (1.0 - 4e-9)
                + 2.0 * error * inside;
            let rounding = 1e-15 * (length * length + inside * inside);
            bound.rest = (square + rounding).max(0.0).sqrt() * UP_4000;
            (bound.inside, bound.inside_error) = (inside, error);
            y.iter_mut().zip(&self.scales).for_each(|(y, s)| *y *= s);
            bound.scaled = norm_up_narrow(y);
            bound.key = norm_up([bound.scaled, self.rest * bound.rest].into_iter());
        }
    }

    /// Computes `X` for several points (`n x k`), and their bounds.
    fn place_points(
        &self,
        head: &Head,
        ball: Option<&Ball>,
        middle: &[f64],
        points: &[Point],
    ) -> (Vec<f32>, Vec<Placed>) {
        let (dim, count) = (self.dim, self.count);
        let mut narrowed = Vec::with_capacity(points.len() * dim);
        points.iter().for_each(|p| narrowed.extend(p.1.iter().map(|&x| x as f32)));
        let mut alpha = vec![0f32; points.len() * count];
        narrow::product(&narrowed, &self.by_row, &mut alpha);
        let mut inside = vec![0f32; narrowed.len()];
        narrow::product(&alpha, &self.by_column, &mut inside);
        let sums = narrow::relative_error(count) * self.norm;
        let mut row = vec![0.0; dim];
        let place = |(i, point): (usize, &Point)| {
            let alpha = norm_up_narrow(&alpha[i * count..][..count]);
            let own = centre(head, ball, middle, point.0 as usize, &mut row);
            let length = norm_up_of(point.1);
            let left = point.1.iter().zip(&inside[i * dim..][..dim]);
            let left = norm_up(left.map(|(v, &p)| v - f64::from(p)));
            // U beta = (U v - alpha) - (U U^T - I) alpha.
            let left_inside =
                self.inside_error() * length + self.floor() + self.delta * alpha * UP_4000;
            let rest = (left * UP_4000 + sums * alpha) * UP_4000 + self.floor();
            let score = f64::dot(&row, point.1);
            let error = gamma(dim + 8) * own.length * length
                + own.lost * length
                + own.level_error
                + (dim + 16) as f64 * TINY;
            let sizes = score.abs() + own.level.abs() + error;
            Placed {
                scaled: 0.0,
                inside: alpha,
                left_inside,
                rest,
                length,
                key: 0.0,
                own: score + own.level - error * UP_4M - sizes * 1e-12,
            }
        };
        let mut placed: Vec<Placed> = points.iter().enumerate().map(place).collect();
        for (x, placed) in alpha.chunks_exact_mut(count).zip(&mut placed) {
            x.iter_mut().zip(&self.scales).for_each(|(x, s)| *x /= s);
            placed.scaled = norm_up_narrow(x);
            placed.key = norm_up([placed.scaled, placed.rest / self.rest].into_iter());
            // Numbers that float32 does not hold comfortably prove nothing.
            let sizes = [placed.scaled, placed.length, placed.key];
            if !sizes.iter().all(|x| *x == 0.0 || COMFORTABLE.contains(x)) {
                placed.own = f64::NEG_INFINITY;
            }
        }
        (alpha, placed)
    }
}

/// Writes `c_j = q_j - m` to `row`, and returns the bounds that do not depend on a basis.
fn centre(
    head: &Head,
    ball: Option<&Ball>,
    middle: &[f64],
    token: usize,
    row: &mut [f64],
) -> Bounds {
    let dim = row.len();
    head.copy_row(token, row);
    let bias = head.bias(token);
    let (mut level, mut level_error, mut lost) = (bias, 0.0, 0.0);
    if let Some(ball) = ball {
        let (shift, unit, floor) = (ball.shift(), gamma(dim + 8), (dim + 8) as f64 * TINY);
        level += f64::dot(row, shift);
        level_error = unit * (norm_up_of(row) * norm_up_of(shift) + bias.abs()) + floor;
        row.iter_mut().zip(ball.gain()).for_each(|(w, g)| *w *= g);
        // A rounding for each product, `d + 2` for the mean, which is at most `|q| / sqrt(d)`, and one for the difference.
        lost = unit * norm_up_of(row) * UP_4000 + floor;
        if ball.is_centred() {
            let mean = row.iter().sum::<f64>() / dim as f64;
            row.iter_mut().for_each(|q| *q -= mean);
        }
    }
    row.iter_mut().zip(middle).for_each(|(q, m)| *q -= m);
    let length = norm_up_of(row);
    // One rounding for each difference.
    lost = (lost + 2f64.powi(-52) * length) * UP_4000;
    Bounds { length, lost, level, level_error: level_error * UP_4000, ..Bounds::default() }
}

/// `n u / (1 - n u)` for the unit `u` of float32.
fn gamma32(n: usize) -> f64 {
    let steps = n as f64 * UNIT32;
    if steps < 0.5 { steps / (1.0 - steps) * UP_4M } else { f64::INFINITY }
}

/// A float32 that is not less.
fn up(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) < x { y.next_up() } else { y }
}

/// A float32 that is not greater; `-inf` for NaN.
fn down(x: f64) -> f32 {
    let y = x as f32;
    if f64::from(y) <= x {
        y
    } else if y > f32::NEG_INFINITY {
        y.next_down()
    } else {
        f32::NEG_INFINITY
    }
}

/// Whether a float32 product proves that a rival with these bounds stays below a limit.
#[inline(always)]
fn is_below(score: f32, limit: f32, beta: f32, rest: f32, level: f32) -> bool {
    // A score of -inf comes from an overflow and proves nothing.
    (score + (rest * beta + level) < limit) & (score > f32::NEG_INFINITY)
}

/// Whether for some point the product does not prove it.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn any_open(scores: &[f32], limits: &[f32], beta: &[f32], rest: f32, level: f32) -> bool {
    let n = scores.len();
    let (limits, beta) = (&limits[..n], &beta[..n]);
    let mut open = 0u32;
    for i in 0..n {
        open += u32::from(!is_below(scores[i], limits[i], beta[i], rest, level));
    }
    open > 0
}
