//! Walks from point to point where fewer rivals are ahead.
//!
//! Along a line the number of rivals ahead is a step function with at most one step for each rival, so the best point of
//! the line is found exactly (up to rounding: `certify` counts again). The lines lead away from rivals that are ahead.

use crate::arithmetic::rounding::norm_up;
use crate::order;
use crate::problem::Problem;

/// By how much a walk stays within the ends of the domain, as a share of the part of the line that lies in it.
const INSET: f64 = 1.0 / 1048576.0;

/// A point and how far the token is ahead of each rival there.
pub struct Walk<'a> {
    problem: &'a Problem<'a>,
    token: u32,
    point: Vec<f64>,
    /// The lead over each token, infinite for those of the same row.
    leads: Vec<f64>,
    /// The tokens of the same row.
    same: Vec<bool>,
    /// The state of the pseudo-random numbers.
    state: u64,
}

impl<'a> Walk<'a> {
    /// Begins at a point.
    pub fn new(problem: &'a Problem<'a>, token: u32, point: Vec<f64>) -> Self {
        let same = (0..problem.head().tokens() as u32)
            .map(|j| problem.groups().same_row(token, j))
            .collect();
        let (leads, state) = (Vec::new(), u64::from(token));
        let mut walk = Walk { problem, token, point, leads, same, state };
        walk.look();
        walk
    }

    /// Computes the leads at the point.
    fn look(&mut self) {
        let (head, t) = (self.problem.head(), self.token as usize);
        let scores = head.products(&self.point);
        let score = |j: usize| scores[j] + head.bias(j);
        let lead = |j: usize| if self.same[j] { f64::INFINITY } else { score(t) - score(j) };
        self.leads = (0..head.tokens()).map(lead).collect();
    }

    /// The point.
    pub fn point(&self) -> &[f64] {
        &self.point
    }

    /// The rivals of other rows that are ahead, the nearest first.
    pub fn ahead(&self) -> Vec<u32> {
        let ahead: Vec<u32> =
            (0..self.leads.len() as u32).filter(|&j| !(self.leads[j as usize] > 0.0)).collect();
        order::by_score(ahead, &|j| self.leads[j as usize])
    }

    /// Takes at most `steps` steps, and returns the number of rivals ahead in the end.
    pub fn go(&mut self, steps: usize) -> usize {
        let mut count = self.ahead().len();
        for step in 0..steps {
            let ahead = self.ahead();
            if ahead.is_empty() {
                break;
            }
            let direction = self.direction(step, &ahead);
            count = self.step(&direction, count);
        }
        count
    }

    /// A direction in which rivals that are ahead fall back: one of them alone, or a random mixture.
    fn direction(&mut self, step: usize, ahead: &[u32]) -> Vec<f64> {
        let dim = self.point.len();
        let (mut own, mut other) = (vec![0.0; dim], vec![0.0; dim]);
        self.problem.head().copy_row(self.token as usize, &mut own);
        let mut direction = vec![0.0; dim];
        let single = step.is_multiple_of(2).then(|| ahead[step / 2 % ahead.len()]);
        for &j in ahead.iter().filter(|j| single.is_none_or(|single| **j == single)) {
            self.problem.head().copy_row(j as usize, &mut other);
            let share = if single.is_some() { 1.0 } else { self.random() };
            let weight = share * share / self.problem.norms()[j as usize].max(f64::MIN_POSITIVE);
            direction.iter_mut().zip(own.iter().zip(&other)).for_each(|(d, (a, b))| {
                *d += weight * (a - b);
            });
        }
        direction
    }

    /// A pseudo-random number in `[0, 1)`, by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    fn random(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.state;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        (x >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Moves to the best place on a line, and returns the number of rivals ahead, which does not grow.
    fn step(&mut self, direction: &[f64], count: usize) -> usize {
        let Some((low, high)) = self.within(direction) else { return count };
        let head = self.problem.head();
        let slopes = head.products(direction);
        let own = slopes[self.token as usize];
        // Where each rival falls back or comes ahead.
        let mut turns: Vec<(f64, i32)> = Vec::new();
        let mut behind = 0i32;
        for (j, &lead) in self.leads.iter().enumerate().filter(|l| l.1.is_finite()) {
            let slope = own - slopes[j];
            let turn = -lead / slope;
            if slope == 0.0 || !turn.is_finite() {
                behind += i32::from(!(lead > 0.0));
                continue;
            }
            let at_low = slope > 0.0 && turn >= low || slope < 0.0 && turn <= low;
            behind += i32::from(at_low);
            if low < turn && turn < high {
                turns.push((turn, if slope > 0.0 { -1 } else { 1 }));
            }
        }
        turns.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut best = (behind, f64::INFINITY, 0.0);
        for i in 0..=turns.len() {
            let start = if i == 0 { low } else { turns[i - 1].0 };
            let end = turns.get(i).map_or(high, |turn| turn.0);
            if i > 0 {
                behind += turns[i - 1].1;
            }
            if !(start < end) {
                continue;
            }
            let middle = middle(start, end);
            let candidate = (behind, middle.abs(), middle);
            if candidate.0 < best.0 || candidate.0 == best.0 && candidate.1 < best.1 {
                best = candidate;
            }
        }
        if best.1.is_infinite() || best.0 > count as i32 {
            return count;
        }
        let before = std::mem::take(&mut self.point);
        self.point = before.iter().zip(direction).map(|(x, d)| x + best.2 * d).collect();
        let leads = self.leads.clone();
        self.look();
        let now = self.ahead().len();
        if now > count || !self.problem.domain().contains(&self.point) {
            (self.point, self.leads) = (before, leads);
            return count;
        }
        now
    }

    /// The part of a line through the point that lies in the domain; `None` if it has no length.
    fn within(&self, direction: &[f64]) -> Option<(f64, f64)> {
        let domain = self.problem.domain();
        let length = norm_up(direction.iter().copied());
        if !(length > 0.0) || !length.is_finite() {
            return None;
        }
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut keep = |a: f64, b: f64| {
            low = low.max(a.min(b));
            high = high.min(a.max(b));
        };
        let (state, toward) = match domain.ball() {
            None => (self.point.clone(), direction.to_vec()),
            Some(ball) => {
                let product: f64 = self.point.iter().zip(direction).map(|(x, d)| x * d).sum();
                let square: f64 = self.point.iter().map(|x| x * x).sum();
                let radius = ball.radius_down();
                let half = product / (length * length);
                let rest = (radius * radius - square) / (length * length) + half * half;
                let root = rest.max(0.0).sqrt();
                keep(-half - root, -half + root);
                let state = ball.hidden_state(&self.point);
                let moved: Vec<f64> =
                    self.point.iter().zip(direction).map(|(x, d)| x + d).collect();
                let moved = ball.hidden_state(&moved);
                let toward = moved.iter().zip(&state).map(|(a, b)| a - b).collect();
                (state, toward)
            }
        };
        if domain.has_ranges() {
            for (k, (&x, &d)) in state.iter().zip(&toward).enumerate() {
                let ends = ((domain.lo(k) - x) / d, (domain.hi(k) - x) / d);
                if d != 0.0 && !ends.0.is_nan() && !ends.1.is_nan() {
                    keep(ends.0, ends.1);
                }
            }
        }
        let inset = if low.is_finite() && high.is_finite() { INSET * (high - low) } else { 0.0 };
        (low + inset < high - inset).then_some((low + inset, high - inset))
    }
}

/// A number well inside an interval, which may be infinite.
fn middle(start: f64, end: f64) -> f64 {
    match (start.is_finite(), end.is_finite()) {
        (true, true) => 0.5 * (start + end),
        (true, false) => start + start.abs().max(1.0),
        (false, true) => end - end.abs().max(1.0),
        (false, false) => 0.0,
    }
}
