//! The points that a search in a ball may visit: those of the ball, or those that lie in the ranges as well.
//!
//! In the coordinates `y = Pz` the ranges demand `l_k <= y_k <= u_k` ([`unargmax_check::domain`]), a centred ball demands
//! `sum y = 0`, and the ball demands `|y| <= R`. The point nearest to `x` and the one farthest along `x` both have the form
//! `y_k = clamp(s x_k + c, l_k, u_k)`: `c` makes the sum 0, and `s` the length `R`, or less where the ranges demand that.

use crate::arithmetic::rounding::norm_up;
use crate::domain::Domain;

/// The share of the radius at which points are kept inside the ball, whatever the roundings of their lengths.
const INSIDE: f64 = 1.0 - 1e-9;
/// The most steps of each search of one number.
const STEPS: usize = 200;
/// The distance that counts as infinite, as a multiple of the radius, for the farthest point in a direction.
const FAR: f64 = 1e12;
/// The least and the largest share of the way to a point inside by which a point is pulled into the domain; shares grow
/// fourfold.
const DRAWN: (f64, f64) = (1e-12, 1e-3);

/// The points of a domain with a ball.
pub struct Region<'a> {
    domain: &'a Domain,
    radius: f64,
    ranges: Option<Ranges>,
}

/// The ends of ranges for the points of a ball.
struct Ranges {
    /// `l_k` and `u_k`, infinite where there is no end.
    ends: Vec<(f64, f64)>,
    gain: Vec<f64>,
    is_centred: bool,
    /// A point of the domain.
    inside: Vec<f64>,
}

/// A point `clamp(s x + c)`.
struct Clamped {
    point: Vec<f64>,
    scale: f64,
    level: f64,
}

/// The least value of a linear function over a region.
pub struct Least {
    pub value: f64,
    /// The multipliers of ends of ranges that prove it, of positive sign for lower ends of hidden states.
    pub ends: Vec<(u32, f64)>,
}

impl<'a> Region<'a> {
    /// The points of the domain; `None` without a ball.
    pub fn new(domain: &'a Domain) -> Option<Self> {
        let ball = domain.ball()?;
        let radius = ball.radius_down() * INSIDE;
        let end = |k: usize| {
            let (g, c) = (ball.gain()[k], ball.shift()[k]);
            let (a, b) = ((domain.lo(k) - c) / g, (domain.hi(k) - c) / g);
            if g == 0.0 { (f64::NEG_INFINITY, f64::INFINITY) } else { (a.min(b), a.max(b)) }
        };
        let ranges = domain.has_ranges().then(|| Ranges {
            ends: (0..domain.dim()).map(end).collect(),
            gain: ball.gain().to_vec(),
            is_centred: ball.is_centred(),
            inside: domain.some_point(),
        });
        Some(Region { domain, radius, ranges })
    }

    /// The radius, a little shortened.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// Moves a vector to the sphere in its direction, if there are no ranges.
    pub fn stretch(&self, x: &mut [f64]) {
        if self.ranges.is_none() {
            stretch(x, self.radius);
        }
    }

    /// Moves a vector to the nearest point of the region, up to rounding.
    pub fn project(&self, x: &mut [f64]) {
        match &self.ranges {
            Some(ranges) => x.copy_from_slice(&ranges.clamped(x, 1.0, self.radius).point),
            None if norm_up(x.iter().copied()) > self.radius => stretch(x, self.radius),
            None => {}
        }
    }

    /// The least value of the product with a gradient.
    pub fn least(&self, gradient: &[f64]) -> Least {
        let pull = norm_up(gradient.iter().copied());
        let Some(ranges) = self.ranges.as_ref().filter(|_| pull > 0.0 && pull.is_finite()) else {
            return Least { value: -self.radius * pull, ends: Vec::new() };
        };
        let down: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let far = ranges.clamped(&down, FAR * self.radius / pull, self.radius);
        let value = gradient.iter().zip(&far.point).map(|(g, y)| g * y).sum();
        // Where a coordinate is at an end, its multiplier makes up for what `s x + c` has beyond that end.
        let multiplier =
            |k: usize| ((far.point[k] - far.level) / far.scale - down[k]) / ranges.gain[k];
        let is_at_end = |k: &usize| {
            let (low, high) = ranges.ends[*k];
            far.point[*k] <= low || far.point[*k] >= high
        };
        let ends = (0..down.len()).filter(is_at_end).map(|k| (k as u32, multiplier(k)));
        let has_end = |&(k, m): &(u32, f64)| {
            let end = if m > 0.0 { self.domain.lo(k as usize) } else { self.domain.hi(k as usize) };
            m != 0.0 && m.is_finite() && end.is_finite()
        };
        Least { value, ends: ends.filter(has_end).collect() }
    }

    /// Pulls a point that lies outside the domain by rounding into it; `None` if it is too far away.
    pub fn drawn_in(&self, point: &[f64]) -> Option<Vec<f64>> {
        let Some(ranges) = &self.ranges else { return Some(point.to_vec()) };
        let mut share = 0.0;
        while share <= DRAWN.1 {
            let between = |(x, y): (&f64, &f64)| x + share * (y - x);
            let drawn: Vec<f64> = point.iter().zip(&ranges.inside).map(between).collect();
            if self.domain.contains(&drawn) {
                return Some(drawn);
            }
            share = (4.0 * share).max(DRAWN.0);
        }
        None
    }
}

impl Ranges {
    /// `clamp(s x + c)` with the largest `s` up to `most` for which it is no longer than `radius`.
    fn clamped(&self, x: &[f64], most: f64, radius: f64) -> Clamped {
        let is_short = |c: &Clamped| norm_up(c.point.iter().copied()) <= radius;
        let farthest = self.level(x, most);
        if is_short(&farthest) {
            return farthest;
        }
        let (mut best, mut long) = (self.level(x, 0.0), most);
        for _ in 0..STEPS {
            let next = self.level(x, middle(best.scale, long));
            let moved = (best.scale, long);
            if is_short(&next) {
                best = next
            } else {
                long = next.scale
            }
            let is_near = norm_up(best.point.iter().copied()) >= radius * INSIDE;
            if is_near || moved == (best.scale, long) {
                break;
            }
        }
        best
    }

    /// `clamp(s x + c)` for this `s`, with sum 0 if the ball is centred.
    fn level(&self, x: &[f64], scale: f64) -> Clamped {
        let at = |level: f64| -> Vec<f64> {
            let ends = x.iter().zip(&self.ends);
            ends.map(|(x, &(low, high))| (scale * x + level).max(low).min(high)).collect()
        };
        if !self.is_centred {
            return Clamped { point: at(0.0), scale, level: 0.0 };
        }
        // The sum rises with the level; a Newton step is exact as soon as the same coordinates are at their ends.
        let finite = self.ends.iter().flat_map(|e| [e.0, e.1]).filter(|e| e.is_finite());
        let reach = finite.chain(x.iter().map(|x| scale * x)).fold(1.0f64, |m, e| m.max(e.abs()));
        let (mut low, mut high) = (-2.0 * reach, 2.0 * reach);
        let mut level = 0.0;
        for _ in 0..STEPS {
            let point = at(level);
            let sum: f64 = point.iter().sum();
            if sum == 0.0 {
                break;
            }
            if sum > 0.0 {
                high = level
            } else {
                low = level
            }
            let ends = point.iter().zip(&self.ends);
            let free = ends.filter(|(y, (low, high))| *low < **y && **y < *high).count();
            let newton = level - sum / free as f64;
            let next = if low < newton && newton < high { newton } else { 0.5 * (low + high) };
            if next == level || (next - level).abs() <= f64::EPSILON * reach {
                break;
            }
            level = next;
        }
        Clamped { point: at(level), scale, level }
    }
}

/// A number between two scales, the same share of both where they are far apart.
fn middle(low: f64, high: f64) -> f64 {
    if low > 0.0 && high > 4.0 * low {
        (low * high).sqrt()
    } else if low == 0.0 && high > 1.0 {
        high.sqrt().min(0.5 * high)
    } else {
        0.5 * (low + high)
    }
}

/// Scales a vector to this length; a vector of zeros is unchanged.
fn stretch(x: &mut [f64], length: f64) {
    let norm = norm_up(x.iter().copied());
    if norm > 0.0 && norm.is_finite() {
        x.iter_mut().for_each(|x| *x *= length / norm);
    }
}
