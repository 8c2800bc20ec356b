//! The inequalities of one token in a ball: rows `r` and levels `f`, such that `r.z + f > 0` holds for all of them
//! exactly when the token wins at `z` and `z` is inside the ranges.
//!
//! Rows are differences of folded rows (see [`crate::head::fold`]), and `P(g_k e_k)` for range ends, with the levels
//! `c_k - lo_k` and `hi_k - c_k`. Lengths matter here, so all coordinates are scaled by one power of two: the ball
//! then has a radius near [`RADIUS`]. All of this is approximate: it only proposes.

use std::sync::OnceLock;

use crate::arithmetic::rounding::{norm_up_of, power_of_two_near};
use crate::certify::Rival;
use crate::domain::Ball;
use crate::order;
use crate::problem::Problem;
use crate::prove::span::Span;

/// The radius of the ball in scaled coordinates, up to a factor of two: so large that a distance of 1 is small, and
/// that a request for a millionth of that is still clear of rounding.
pub const RADIUS: f64 = 1024.0;

/// The share of the radius by which a point must lie inside the sphere to count as inside.
const EDGE: f64 = 1.0 / 1073741824.0;

/// A problem over a ball, in scaled coordinates.
#[derive(Debug)]
pub struct BallSystem<'a> {
    problem: &'a Problem<'a>,
    ball: &'a Ball,
    /// The scale: `u = unit z`.
    unit: f64,
    /// The folded rows in fewer coordinates, for a wide head without ranges; computed on first use.
    span: Option<OnceLock<Span>>,
}

/// The inequality `row.u + level > 0`, with the row scaled to length one.
#[derive(Clone, Debug)]
pub struct Face {
    /// The row, of length one.
    pub row: Vec<f64>,
    /// The length before scaling.
    pub length: f64,
    /// The level divided by that length, in scaled coordinates.
    pub level: f64,
}

impl<'a> BallSystem<'a> {
    /// The system of a problem; `None` for a domain without a ball.
    pub fn new(problem: &'a Problem<'a>) -> Option<Self> {
        let ball = problem.domain().ball()?;
        let wide = problem.head().is_wide() && !problem.domain().has_ranges();
        let span = wide.then(OnceLock::new);
        Some(BallSystem {
            problem,
            ball,
            unit: power_of_two_near(RADIUS / ball.radius_down()),
            span,
        })
    }

    /// The span of the rows, if it is used.
    fn span(&self) -> Option<&Span> {
        let head = self.problem.head();
        let span = || Span::new(head.tokens(), head.dim(), |t, out| head.copy_row(t, out));
        Some(self.span.as_ref()?.get_or_init(span))
    }

    /// The number of coordinates of rows: `d`, or the rank of the span.
    pub fn dim(&self) -> usize {
        self.span().map_or(self.ball.dim(), Span::rank)
    }

    /// The scaled coordinates of `z` (of its part in the span).
    pub fn scaled(&self, z: &[f64]) -> Vec<f64> {
        let mut u = self.span().map_or_else(|| z.to_vec(), |span| span.reduced(z));
        u.iter_mut().for_each(|x| *x *= self.unit);
        u
    }

    /// The `z` with these scaled coordinates.
    pub fn unscaled(&self, u: &[f64]) -> Vec<f64> {
        let mut z = self.span().map_or_else(|| u.to_vec(), |span| span.expanded(u));
        z.iter_mut().for_each(|x| *x /= self.unit);
        z
    }

    /// The problem.
    pub fn problem(&self) -> &'a Problem<'a> {
        self.problem
    }

    /// The ball.
    pub fn ball(&self) -> &'a Ball {
        self.ball
    }

    /// Whether `z` lies inside the ball, with a small margin.
    pub fn is_inside(&self, z: &[f64]) -> bool {
        norm_up_of(z) < self.ball.radius_down() * (1.0 - EDGE)
    }

    /// The factor that scales `z`.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The inequality for a rival or a range end; `None` if its row is 0 in float64.
    pub fn face(&self, token: u32, rival: Rival) -> Option<Face> {
        let (head, domain) = (self.problem.head(), self.problem.domain());
        let t = token as usize;
        let mut row = vec![0.0; self.dim()];
        let level = match rival {
            Rival::Token(j) if self.span().is_some() => {
                let difference = self.span().map(|span| span.difference(token, j));
                row.iter_mut().zip(difference.into_iter().flatten()).for_each(|(x, d)| *x = d);
                head.bias(t) - head.bias(j as usize)
            }
            Rival::Token(j) => {
                let mut other = vec![0.0; head.dim()];
                head.copy_row(t, &mut row);
                head.copy_row(j as usize, &mut other);
                row.iter_mut().zip(&other).for_each(|(a, b)| *a -= b);
                head.bias(t) - head.bias(j as usize)
            }
            Rival::Lower(k) | Rival::Upper(k) => {
                let k = k as usize;
                let up = matches!(rival, Rival::Lower(_));
                let gain = if up { self.ball.gain()[k] } else { -self.ball.gain()[k] };
                row[k] = gain;
                if self.ball.is_centred() {
                    let mean = gain / row.len() as f64;
                    row.iter_mut().for_each(|x| *x -= mean);
                }
                let shift = self.ball.shift()[k];
                if up { shift - domain.lo(k) } else { domain.hi(k) - shift }
            }
        };
        let length = norm_up_of(&row);
        let level = level / length * self.unit;
        if !(length > 0.0) || !length.is_finite() || !level.is_finite() {
            return None;
        }
        row.iter_mut().for_each(|x| *x /= length);
        Some(Face { row, length, level })
    }

    /// The range ends that `z` has passed, the worst first.
    pub fn ends_passed(&self, z: &[f64]) -> Vec<Rival> {
        let domain = self.problem.domain();
        if !domain.has_ranges() {
            return Vec::new();
        }
        let mut passed: Vec<(f64, Rival)> = Vec::new();
        for (k, h) in self.ball.hidden_state(z).into_iter().enumerate() {
            let ends = [
                (domain.lo(k) - h, Rival::Lower(k as u32)),
                (h - domain.hi(k), Rival::Upper(k as u32)),
            ];
            passed.extend(ends.into_iter().filter(|(excess, _)| *excess >= 0.0));
        }
        order::highest_first(&mut passed);
        passed.into_iter().map(|p| p.1).collect()
    }
}
