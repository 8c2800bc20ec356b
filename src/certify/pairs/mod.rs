//! Compares all pairs of tokens: finds the tokens that beat all others at a point made from their own row.
//!
//! # The points
//! Let `m` be a centre, `c_j = w_j - m`, and `A` a `d x d` matrix (any matrix: the proof never uses what it
//! means; [`crate::screen`] takes `A = L^(-1/4) U^T` from the eigen-decomposition of the covariance, rows in the
//! order of falling eigenvalues). With `G`, a float32 rounding of `A^T A`, token `t` is tried at
//! `h_t = s_t G c_t`, `s_t > 0`.
//!
//! # The bound
//! Let `z_j` be float32 vectors with `|z_j - A c_j| <= rho_j`, and `D >= |G - A^T A|_F`. Then, exactly,
//!
//! ```text
//! (w_t - w_j).h_t / s_t  =  c_t.G c_t - c_j.G c_t
//!                       >=  |z_t|^2 - 2 rho_t |z_t| - D |c_t|^2
//!                           - z_j.z_t - rho_t |z_j| - rho_j |z_t| - rho_t rho_j - D |c_t| |c_j|,
//! ```
//!
//! so `t` beats `j` by more than `s_t mu_t`, at every point within `r_t` of `h_t`, when
//!
//! ```text
//! z_j.z_t <= T = |z_t|^2 - 2 rho_t |z_t| - D |c_t|^2 - mu_t - (b_j - b_t) / s_t
//!                - rho_t |z_j| - rho_j |z_t| - rho_t rho_j - D |c_t| |c_j| - (r_t / s_t) (|c_t| + |c_j|).
//! ```
//!
//! # Other points
//! A token may be tried at any float64 point `h` of the domain. With any float32 vector `x` (here `B h`
//! rounded, where `B` is about `A^-T`) and `eta >= |h - A^T x|`, exactly,
//!
//! ```text
//! (w_t - w_j).h = c_t.h - c_j.A^T x - c_j.(h - A^T x) >= c_t.h - z_j.x - rho_j |x| - eta |c_j|,
//! ```
//!
//! so `t` beats `j` by more than `mu_t`, at every point within `r_t` of `h`, when
//!
//! ```text
//! z_j.x <= T = c_t.h - mu_t - (b_j - b_t) - rho_j |x| - eta |c_j| - r_t (|c_t| + |c_j|).
//! ```
//!
//! # Behind a final norm
//! Rows are then folded rows, with errors of at most `phi`, and biases are levels, with errors of at most `psi` (see
//! [`crate::head::fold`]): another `2 phi |h_t| + 2 psi` is subtracted from every gap, and a checker's own folding
//! moves a mapped point by at most `s_t |G|_F phi`. The point must lie inside the ball, with its radius `r_t`.
//!
//! # The levels
//! Rows are sorted and cut into blocks of [`BLOCK`] rows, which share the greatest norms and biases of their rows, so
//! that `T` is one number for a token and a block. With `x_t = z_t` for own points,
//! 1. `|z_j| |x_t| <= T` needs no product. With `s_t = c / |z_t|` and rows sorted by `c |z_j| + b_j` it settles half
//!    of all pairs.
//! 2. On the first coordinates (the prefix), `z_j = S q_j + e_j` with 8-bit integers `q_j` and one scale `S` for each
//!    block (the first integer of a point may be up to five times as large, see `rounding`):
//!    `z_j.x_t <= S S' q_j.q'_t + |S q_j| |e'_t| + |e_j| |x_t| + tail_j tail_t`. All terms but `q_j.q'_t` are known for
//!    the block, so one integer limit decides, and every [`kernel`] agrees to the last bit.
//! 3. The same with all coordinates, pair by pair. Where level 2 leaves many pairs of a block open, one limit for the
//!    whole block is used first, and for the next few blocks that limit replaces level 2.
//! 4. `z_j.x_t` in float32, and where that is too coarse, in float64.
//! 5. For points other than the token's own, the scores of the original rows, in float64 with a bounded error, and
//!    where that cannot decide, in exact arithmetic.
//!
//! The rivals that no level settles are returned, so that a search can continue from them.

mod candidate;
pub mod kernel;
mod rounding;
mod rows;
mod sorted;
pub mod transform;

use std::sync::Arc;

use super::map::Map;
use super::witness::{Point, Scorer, Witness};
use crate::arithmetic::dot::Element;
use crate::arithmetic::narrow;
use crate::arithmetic::rounding::{
    DOWN_4M, TINY, UP_4M, UP_4000, gamma, norm_up, norm_up_narrow, norm_up_of, power_of_two_near,
};
use crate::domain::Ball;
use crate::order;
use crate::parallel;
use crate::problem::Problem;
use candidate::{Candidate, Kind, SLACK, Terms, Tile};
use kernel::{BLOCK, Kernel, TILE};
use rounding::Rounded;
use rows::Transformed;
use sorted::{Bounds, Sorted};
use transform::{Dense, Transform};

/// The number of tokens compared with a block in turn, so that the block stays in the innermost cache.
const GROUP: usize = 64;

/// The shares of a ball's radius at which own points are tried: nearly all of it, so that rows decide most, and less
/// for tokens that their levels favour.
const SHARES: [f64; 3] = [1.0 - 1.0 / 1048576.0, 0.5, 0.125];

/// If more pairs of a tile and a block than this are open after level 2, products of all whole rows cost less than
/// going on pair by pair.
const DENSE: u32 = 8;
/// The number of blocks after such a block that are compared by whole rows only, because neighbours are mostly alike.
/// No result depends on it: integer limits lie half a step or more below the bound, so that level 4 proves whatever
/// level 2 proves.
const STRAIGHT: u32 = 7;

/// The gap `mu_t` to prove at an own point, as a share of `|z_t|^2`.
const FLOOR: f64 = 1.0 / 4096.0;

/// The most rivals returned for a token that does not win at a point: a search starts best from the worst of many.
pub const RIVALS: usize = 512;

/// How the points `h_t = s_t G c_t` are scaled, and so how biases weigh against scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PointScaling {
    /// For equal biases, which decide nothing: `s_t` makes `h_t` about one long. Proves nothing if biases differ.
    UnitLength,
    /// `s_t = c / |z_t|`, with `c > 0` in logits: level 1 then settles half of all pairs.
    OverNorm(f64),
    /// `s_t` takes the point to this share, below 1, of the radius of the ball.
    Radius(f64),
}

/// The result of trying a token at a point.
#[derive(Clone, Debug)]
pub enum Trial {
    /// The token wins there; this is the proof.
    Wins(Witness),
    /// The rivals that the token was not shown to beat, the worst first; the list may be incomplete. It is empty if
    /// the point could not be tried.
    Behind(Vec<u32>),
}

impl Trial {
    /// The proof, if there is one.
    pub fn witness(self) -> Option<Witness> {
        match self {
            Trial::Wins(witness) => Some(witness),
            Trial::Behind(_) => None,
        }
    }
}

/// A point at which a token is to be tried.
#[derive(Clone, Debug)]
pub struct TrialPoint {
    /// The token.
    pub token: u32,
    /// The hidden state, in the domain (`d`).
    pub h: Vec<f64>,
    /// The scale, if the point is `clamp(scale G c_t)` for the map of the [`Pairs`].
    pub scale: Option<f64>,
    /// The gap to prove, positive; a smaller margin is published where only that was proved.
    pub floor: f64,
}

/// The rows of a head transformed by a matrix `A`, ready for comparing all pairs.
#[derive(Debug)]
pub struct Pairs<'a> {
    problem: &'a Problem<'a>,
    map: Arc<Map>,
    transformed: Transformed,
    rows: Sorted,
    /// The `weight` of the sort key `weight |z_j| + b_j`; `None` for the key `|z_j|`.
    weight: Option<f64>,
    kernel: Kernel,
    /// The error of a float32 product, as a share of the product of the lengths.
    fused_error: f64,
    /// The error of a float32 product from underflow.
    fused_floor: f64,
}

impl<'a> Pairs<'a> {
    /// Transforms all rows by `a` around `centre` (`d`); `dual` approximates the inverse of the transpose of `a`.
    /// Both matrices are `d x d`, row-major.
    ///
    /// Returns `None` as [`Pairs::by`].
    pub fn new(
        problem: &'a Problem<'a>,
        centre: &[f32],
        a: &[f32],
        dual: Vec<f32>,
    ) -> Option<Self> {
        let dense = || Box::new(Dense::new(a, &dual, problem.head().dim())) as Box<dyn Transform>;
        a.iter().all(|x| x.is_finite()).then(dense).and_then(|a| Pairs::by(problem, centre, a))
    }

    /// Transforms all rows around `centre` (`d`).
    ///
    /// Returns `None` if the numbers do not fit the range of float32 comfortably, and for domains that fix a
    /// coordinate.
    pub fn by(
        problem: &'a Problem<'a>,
        centre: &[f32],
        transform: Box<dyn Transform>,
    ) -> Option<Self> {
        let (head, domain) = (problem.head(), problem.domain());
        if (0..domain.dim()).any(|k| domain.is_fixed(k)) {
            return None;
        }
        let transformed = Transformed::new(head, centre, transform)?;
        let centre = centre.iter().map(|&x| f64::from(x)).collect();
        let map = Arc::new(Map::new(centre, transformed.transform.gram()));
        let weight = (!head.bias_is_constant()).then(|| match domain.ball() {
            Some(ball) => median_scale(&transformed, ball.radius_down()),
            None => 8.0 * balance(problem, &transformed),
        });
        let keys: Vec<f64> = match weight {
            Some(weight) => {
                (0..head.tokens()).map(|j| weight * transformed.norm[j] + head.bias(j)).collect()
            }
            None => transformed.norm.clone(),
        };
        let rows = Sorted::new(&transformed, head, &keys);
        let width = transformed.width;
        Some(Pairs {
            problem,
            map,
            transformed,
            rows,
            weight,
            kernel: Kernel::best(),
            // The factor covers the roundings of the comparison itself.
            fused_error: narrow::relative_error(width) * (1.0 + 1e-6),
            fused_floor: width as f64 * 2f64.powi(-148),
        })
    }

    /// Multiplies with this kernel instead of the fastest; the witnesses are the same.
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        Pairs { kernel, ..self }
    }

    /// The scalings worth trying: around the one where gaps of scores and of biases are of equal size. The first
    /// fits the order of the rows.
    pub fn scalings(&self) -> Vec<PointScaling> {
        if self.problem.domain().ball().is_some() {
            return SHARES.map(PointScaling::Radius).to_vec();
        }
        match self.weight {
            None => vec![PointScaling::UnitLength],
            Some(weight) => {
                [1.0, 0.25, 4.0, 0.0625, 16.0].map(|c| PointScaling::OverNorm(weight * c)).to_vec()
            }
        }
    }

    /// The map whose points are tried.
    pub fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// Tries `tokens` against all others at the points of the map, and returns one trial for each, in order; for a
    /// token that does not win there, at least one and at most `rivals` rivals are returned.
    pub fn try_own_points(
        &self,
        tokens: &[u32],
        scaling: PointScaling,
        rivals: usize,
    ) -> Vec<Trial> {
        self.try_own_points_telling(tokens, scaling, rivals, &|_, _| ())
    }

    /// [`Pairs::try_own_points`] that calls `done` with the tokens and trials of each batch that was tried, and with none
    /// before it.
    pub fn try_own_points_telling(
        &self,
        tokens: &[u32],
        scaling: PointScaling,
        rivals: usize,
        done: &(dyn Fn(&[u32], &[Trial]) + Sync),
    ) -> Vec<Trial> {
        let head = self.problem.head();
        let mixed = scaling == PointScaling::UnitLength && !head.bias_is_constant();
        let domain = self.problem.domain();
        let on_sphere = matches!(scaling, PointScaling::Radius(_));
        if mixed || domain.has_ranges() || on_sphere != domain.ball().is_some() {
            let trials = vec![Trial::Behind(Vec::new()); tokens.len()];
            done(tokens, &trials);
            return trials;
        }
        // Tokens that are neighbours in the order need the same blocks.
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order::by_token(&mut order, |&i| self.rows.position[tokens[i] as usize]);
        let tried: Vec<Vec<Trial>> = parallel::map_ranges(order.len(), GROUP, &|range| {
            done(&[], &[]);
            let ids: Vec<u32> = order[range].iter().map(|&i| tokens[i]).collect();
            let own = ids.iter().map(|&token| self.own(token, scaling, rivals)).collect();
            let trials = self.compare_group(own);
            done(&ids, &trials);
            trials
        });
        let mut out = vec![Trial::Behind(Vec::new()); tokens.len()];
        order.into_iter().zip(tried.into_iter().flatten()).for_each(|(i, trial)| out[i] = trial);
        out
    }

    /// Tries tokens at points from any source, and returns one trial for each, in order.
    pub fn try_points(&self, attempts: Vec<TrialPoint>) -> Vec<Trial> {
        let mut out = Vec::with_capacity(attempts.len());
        let mut attempts = attempts.into_iter().peekable();
        while attempts.peek().is_some() {
            let group: Vec<TrialPoint> = attempts.by_ref().take(GROUP).collect();
            out.extend(self.compare_group(self.given(group)));
        }
        out
    }

    /// Compares a group of candidates with all rows, block by block.
    fn compare_group(&self, mut group: Vec<Candidate>) -> Vec<Trial> {
        let rows = &self.rows;
        let mut tiles: Vec<Tile> =
            group.chunks(TILE).map(|tile| Tile::new(tile, rows.prefix, rows.width)).collect();
        let stop = tiles.iter().map(|t| t.stop).max().unwrap_or(0);
        for (at, block) in rows.blocks.iter().enumerate().take(stop) {
            for (tile, packed) in group.chunks_mut(TILE).zip(&mut tiles) {
                if at >= packed.stop {
                    continue;
                }
                let whole = |packed: &Tile| {
                    let limits = packed.whole_limits(block);
                    let (words, offsets) = (&packed.words, &packed.whole_offsets);
                    self.kernel.above(words, &block.bytes, offsets, &limits)
                };
                let above = if packed.straight > 0 {
                    packed.straight -= 1;
                    whole(packed)
                } else {
                    let limits = packed.limits(block);
                    if limits == [i32::MAX; TILE] {
                        continue;
                    }
                    let (words, bytes) = (rows.prefix / 4 * TILE, rows.prefix * BLOCK);
                    let (words, bytes) = (&packed.words[..words], &block.bytes[..bytes]);
                    let above = self.kernel.above(words, bytes, &packed.offsets, &limits);
                    let open: u32 = above.iter().map(|mask| mask.count_ones()).sum();
                    if open <= DENSE {
                        above
                    } else {
                        packed.straight = STRAIGHT;
                        let whole = whole(packed);
                        std::array::from_fn(|i| above[i] & whole[i])
                    }
                };
                if above == [0; TILE] {
                    continue;
                }
                for (i, (token, mut mask)) in tile.iter_mut().zip(above).enumerate() {
                    // A tile goes on to the last stop of its tokens; no token is compared beyond its own stop.
                    while mask != 0 && token.open && at < token.stop {
                        let place = at * BLOCK + mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        if place < rows.order.len() {
                            self.compare(token, place);
                        }
                    }
                    if !token.open {
                        packed.close(i);
                    }
                }
            }
        }
        group.into_iter().map(|token| self.trial(token)).collect()
    }

    /// Applies levels 3 to 5 to one pair.
    fn compare(&self, token: &mut Candidate, place: usize) {
        let j = self.rows.order[place];
        let Bounds { norm, length, bias, error: lost } = self.rows.bounds[place];
        let room = token.terms.room(norm, length, bias);
        let integers = self.kernel.dot(self.rows.bytes(place), &token.rounded.bytes);
        let part = token.rounded.scale * self.rows.scale(place) * f64::from(integers);
        // |S q_j| <= |z_j| + |e_j|.
        let rest = (norm + lost) * token.rounded.losses.full_error + lost * token.terms.norm;
        if part + rest + (part.abs() + rest) * SLACK <= room || token.equals.contains(&j) {
            return;
        }
        let floor = match token.kind {
            Kind::Own { floor, .. } | Kind::Given { floor, .. } => floor,
        };
        let doubt = floor
            + 4.0 * (token.terms.errors(norm, length) + (token.terms.own.abs() + floor) * SLACK);
        if part - rest > room + doubt {
            // The rival is ahead by more than any error: no proof is needed to give up.
            token.fall_behind(part - room, j);
            return;
        }
        let z = self.transformed.z(j as usize);
        let size = norm * token.terms.norm;
        let fused = f64::from(narrow::dot(z, &token.narrow));
        if fused + self.fused_error * size + self.fused_floor <= room {
            return;
        }
        let product = f32::dot(z, &token.x);
        if product + gamma(self.transformed.width + 4) * size <= room {
            return;
        }
        match &token.kind {
            Kind::Own { .. } => token.fall_behind(product - room, j),
            Kind::Given { scorer, .. } => match scorer.gap(j) {
                Ok(gap) => token.least = token.least.min(gap),
                Err(behind) => token.fall_behind(behind, j),
            },
        }
    }

    /// The candidate for a token at its own point `s_t G c_t`.
    fn own(&self, id: u32, scaling: PointScaling, rivals: usize) -> Candidate<'a> {
        let (all, i) = (&self.transformed, id as usize);
        let head = self.problem.head();
        let (norm, length, rho) = (all.norm[i], all.length[i], all.rho(i));
        // Doubled: the evaluations of the writer and of the checker each lie within the radius.
        let radius_of = |stretch: f64| {
            let folding = stretch * self.map.stretch() * self.problem.row_error();
            2.0 * (self.map.radius_of(length, stretch) + folding * UP_4000)
        };
        let ball = self.problem.domain().ball();
        let reach = if ball.is_some() { all.image_up(i) } else { 0.0 };
        let (stretch, sorted) = match scaling {
            PointScaling::UnitLength => (1.0 / all.image_length(i), self.weight.is_none()),
            PointScaling::OverNorm(c) => (c / norm, self.weight == Some(c)),
            PointScaling::Radius(share) => {
                let radius = ball.map_or(f64::NAN, Ball::radius_down);
                (share * radius / (reach + radius_of(1.0)), true)
            }
        };
        let radius = radius_of(stretch) / stretch;
        let doubt =
            self.problem.row_error() * (reach + radius) + self.problem.level_error() / stretch;
        let inside = ball.is_none_or(|b| stretch * (reach + radius) * UP_4M < b.radius_down());
        let floor = FLOOR * norm * norm;
        // The stored norm exceeds |z| by less than a relative 1e-10.
        let square = norm * norm * DOWN_4M;
        let own =
            square - 2.0 * rho * norm - all.gram_error * length * length - floor - radius * length;
        let finite = [stretch, 1.0 / stretch, stretch * floor].iter().all(|x| x.is_finite());
        let terms = Terms {
            norm,
            own: own - own.abs() * SLACK,
            per_norm: rho,
            per_length: all.rho_length * (norm + rho) + all.gram_error * length + radius,
            constant: all.rho_floor * (norm + rho) + 2.0 * doubt * UP_4000,
            bias: head.bias(i),
            per_bias: 1.0 / stretch,
        };
        let unbiased = self.weight.is_none();
        let excess = self.weight.map_or(0.0, |c| (stretch * norm * UP_4000 - c).max(0.0));
        // The greatest keys fall from block to block, so a binary search finds the stop; the bound is checked there
        // again.
        let blocks = &self.rows.blocks;
        let stop = blocks.partition_point(|b| !terms.beats_the_rest(unbiased, excess, b.rest));
        let seen = sorted
            && blocks.get(stop).is_some_and(|b| terms.beats_the_rest(unbiased, excess, b.rest));
        Candidate {
            id,
            kind: Kind::Own { stretch, floor },
            open: norm > 0.0 && stretch > 0.0 && finite && own > 0.0 && inside,
            behind: Vec::new(),
            limit: rivals,
            least: f64::INFINITY,
            narrow: all.z(i).to_vec(),
            x: all.z(i).iter().map(|&x| f64::from(x)).collect(),
            rounded: Rounded::new(all.z(i), self.rows.cut),
            terms,
            equals: self.problem.equals(id),
            stop: if seen { stop } else { blocks.len() },
        }
    }

    /// The candidates for tokens at given points.
    fn given(&self, attempts: Vec<TrialPoint>) -> Vec<Candidate<'a>> {
        let (all, head, dim) = (&self.transformed, self.problem.head(), self.problem.head().dim());
        let mut points: Vec<f32> = Vec::with_capacity(attempts.len() * dim);
        attempts.iter().for_each(|a| points.extend(a.h.iter().map(|&x| x as f32)));
        let narrow = all.transform.pull_back(&points);
        let width = all.width;
        let wide: Vec<f64> = narrow.iter().map(|&x| f64::from(x)).collect();
        let norms: Vec<f64> = narrow.chunks_exact(width).map(norm_up_narrow).collect();
        let (images, errors) = all.transform.images(&wide, &norms);
        let candidate = |(n, attempt): (usize, TrialPoint)| {
            let TrialPoint { token, h, scale, floor } = attempt;
            let at = n * width..(n + 1) * width;
            let (i, norm) = (token as usize, norms[n]);
            let length = norm_up_of(&h);
            let radius = scale.map_or(0.0, |s| 2.0 * self.map.radius_of(all.length[i], s));
            let doubt = self.problem.row_error() * (length + radius) + self.problem.level_error();
            let rest = h.iter().zip(&images[n * dim..]).map(|(h, image)| h - image);
            let eta = (norm_up(rest) * UP_4000 + errors[n]) * UP_4000;
            let centred: Vec<f64> =
                head.row(i).zip(self.map.centre()).map(|(w, m)| w - m).collect();
            let score = f64::dot(&centred, &h);
            // One unit for the rounding of each difference, and of the bound itself.
            let error = gamma(dim + 8) * all.length[i] * length + (dim + 16) as f64 * TINY;
            let own = score - error - floor - radius * all.length[i];
            let terms = Terms {
                norm,
                own: own - (score.abs() + error + floor + radius * all.length[i]) * SLACK,
                per_norm: 0.0,
                per_length: all.rho_length * norm + eta + radius,
                constant: all.rho_floor * norm + 2.0 * doubt * UP_4000,
                bias: head.bias(i),
                per_bias: 1.0,
            };
            let comfortable = |x: f64| (2f64.powi(-60)..2f64.powi(60)).contains(&x);
            let open = (norm == 0.0 || comfortable(norm))
                && length < 2f64.powi(300)
                && floor > 2f64.powi(-300)
                && floor < 2f64.powi(300)
                && eta.is_finite()
                && self.problem.domain().contains(&h)
                && (scale.is_none() || self.problem.domain().ball().is_none());
            Candidate {
                id: token,
                kind: Kind::Given {
                    scorer: Scorer::new(self.problem, token, h, radius),
                    scale,
                    floor,
                },
                open,
                behind: Vec::new(),
                limit: RIVALS,
                least: f64::INFINITY,
                rounded: Rounded::new(&narrow[at.clone()], self.rows.cut),
                narrow: narrow[at.clone()].to_vec(),
                x: wide[at].to_vec(),
                terms,
                equals: self.problem.equals(token),
                stop: self.rows.blocks.len(),
            }
        };
        attempts.into_iter().enumerate().map(candidate).collect()
    }

    /// The result of a candidate; one that was never open has beaten no rival.
    fn trial(&self, mut token: Candidate) -> Trial {
        if !token.open || !token.behind.is_empty() {
            order::highest_first(&mut token.behind);
            return Trial::Behind(token.behind.into_iter().map(|b| b.1).collect());
        }
        let has_rivals = token.equals.len() < self.problem.head().tokens();
        let margin = |floor: f64| {
            if has_rivals { floor.min(token.least).next_down().max(0.0) } else { 0.0 }
        };
        let mapped = |scale: f64| Point::Mapped { map: self.map.clone(), scale };
        Trial::Wins(match token.kind {
            Kind::Own { stretch, floor } => {
                let norm = stretch * self.transformed.image_length(token.id as usize);
                Witness::by_pairs(token.id, mapped(stretch), norm, margin(stretch * floor))
            }
            Kind::Given { scorer, scale, floor } => {
                let (norm, h) = scorer.into_point();
                let point = scale.map_or(Point::Float(h), mapped);
                Witness::by_pairs(token.id, point, norm, margin(floor))
            }
        })
    }
}

/// A scale that suits tokens on the sphere of this radius: the median of those at which the tokens reach it.
fn median_scale(all: &Transformed, radius: f64) -> f64 {
    let count = all.norm.len();
    let mut scales: Vec<f64> = (0..count)
        .step_by(count.div_ceil(1024))
        .map(|j| radius * all.norm[j] / all.image_length(j))
        .filter(|x| x.is_finite())
        .collect();
    order::rising_floats(&mut scales);
    scales.get(scales.len() / 2).copied().unwrap_or(1.0)
}

/// A power of two `c` for which `c |z_j|` varies about as much as the biases.
fn balance(problem: &Problem, all: &Transformed) -> f64 {
    let deviation = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let biases: Vec<f64> = (0..problem.head().tokens()).map(|t| problem.head().bias(t)).collect();
    let ratio = deviation(&biases) / deviation(&all.norm);
    if ratio.is_finite() && ratio > 0.0 { power_of_two_near(ratio) } else { 1.0 }
}
