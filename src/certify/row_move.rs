//! The length of the change of its own row with which a token wins.

use super::best_gap::BestGap;
use super::enclosure::{Basis, Support};
use super::scored::Scored;
use super::verdict::Verdict;
use crate::arithmetic::rounding::{add_up, gamma, mul_up, norm_up};
use crate::domain::Domain;
use crate::head::Head;
use crate::problem::Problem;

/// A proved interval of the least Euclidean length of a change of its own row, at the same bias, with which a token that
/// loses or ties wins strictly at some hidden state of the domain.
///
/// Below the lower end no change suffices. The upper end is the length of one that does, whose row is kept in the type of
/// the head's rows. That least length is the distance of the row from the outside of what its rivals block, which is a convex
/// set: to find it is not a convex problem, so the ends may lie far apart.
#[derive(Clone, Debug, PartialEq)]
pub struct RowMove {
    token: u32,
    low: f64,
    high: f64,
    /// The moved row, and the point where it wins.
    moved: Option<(Vec<f64>, Vec<f64>)>,
}

impl RowMove {
    /// The interval that follows from the verdict alone; `None` for tokens that can win and for undecided ones.
    pub(crate) fn new(token: u32, verdict: &Verdict) -> Option<Self> {
        let is_in_need = matches!(verdict, Verdict::Tied(_) | Verdict::Unargmaxable(_));
        is_in_need.then_some(RowMove { token, low: 0.0, high: f64::INFINITY, moved: None })
    }

    /// An interval that [`crate::audit::journal`] kept, with the moved row and the point where it wins; `None` if its ends are
    /// none.
    pub(crate) fn measured_before(
        token: u32,
        (low, high): (f64, f64),
        moved: Option<(Vec<f64>, Vec<f64>)>,
    ) -> Option<Self> {
        (0.0 <= low && low <= high).then_some(RowMove { token, low, high, moved })
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The same interval, where `ids` are the ids of tokens in the whole head.
    pub(crate) fn with_ids(self, ids: &[u32]) -> Self {
        RowMove { token: ids[self.token as usize], ..self }
    }

    /// The interval, in the unit of the rows; the upper end is infinite if no change was found.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The moved row (`d` numbers) whose distance from the present one is the upper end.
    pub fn row(&self) -> Option<&[f64]> {
        Some(&self.moved.as_ref()?.0)
    }

    /// The point where that row wins: a hidden state, or with a ball the state before gain and shift.
    pub fn point(&self) -> Option<&[f64]> {
        Some(&self.moved.as_ref()?.1)
    }

    /// Raises the lower end: where the best gap of the token is negative, its score must rise by that much at every state, and a
    /// change of the row raises it by at most its length times that of the longest state.
    pub fn fall_behind(&mut self, domain: &Domain, best: &BestGap) {
        let (_, high) = best.ends();
        let longest = longest_state(domain);
        if best.token() == self.token && high < 0.0 && longest.is_finite() && longest > 0.0 {
            self.raise_to((-high / longest).next_down());
        }
    }

    /// Raises the lower end: a row inside the simplex of some rivals loses to them wherever it is moved in there. `problem` is
    /// that over all of space, or one in ranges, where the weights of `support` combine to the row in all coordinates.
    pub fn inside(&mut self, problem: &Problem, support: &Support) {
        if let Some(basis) = Basis::of(problem, support)
            && let Some(distance) = to_the_surface(&basis, problem, self.token)
        {
            self.raise_to(distance);
        }
    }

    /// Lowers the upper end by a row with which the token wins at a point; returns whether it is proved to.
    pub fn reach(&mut self, scored: &Scored, at: usize, row: Vec<f64>) -> bool {
        let problem = scored.problem();
        if !problem.domain().contains(scored.point(at)) || !wins(scored, at, self.token, &row) {
            return false;
        }
        let present = problem.stored().row(self.token as usize);
        // A difference of two floats rounds by less than a unit in the last place.
        let change = present.zip(&row).map(|(x, y)| (y - x).abs().next_up());
        let length = norm_up(change);
        if length < self.high {
            self.high = length;
            self.moved = Some((row, scored.point(at).to_vec()));
        }
        true
    }

    fn raise_to(&mut self, low: f64) {
        if low > self.low {
            self.low = low;
        }
    }
}

/// Whether a token with this row beats all other tokens at a point, its equals included.
fn wins(scored: &Scored, at: usize, token: u32, row: &[f64]) -> bool {
    let problem = scored.problem();
    let head = problem.stored();
    let bias = head.has_bias().then(|| vec![head.bias(token as usize)]);
    let Ok(alone) = Head::new(row.to_vec(), bias, 1, head.dim()) else { return false };
    let Ok(alone) = Problem::new(&alone, problem.domain()) else { return false };
    let own = Scored::new(&alone, vec![scored.point(at).to_vec()]);
    let least = (own.score(0, 0) - own.error(0)(0)).next_down();
    let error = scored.error(at);
    let others = (0..head.tokens() as u32).filter(|j| *j != token);
    others.map(|j| add_up(scored.score(at, j), error(j))).all(|most| most < least)
}

/// An upper bound of the length of the hidden states of a domain.
fn longest_state(domain: &Domain) -> f64 {
    let in_ranges = norm_up((0..domain.dim()).map(|k| domain.lo(k).abs().max(domain.hi(k).abs())));
    let Some(ball) = domain.ball() else { return in_ranges };
    let gain = ball.gain().iter().fold(0.0f64, |most, g| most.max(g.abs()));
    let shift = norm_up(ball.shift().iter().copied());
    in_ranges.min(add_up(mul_up(gain, ball.radius_up()), shift))
}

/// How far the row of a token may be moved in any direction and still lose to weights on the rivals of a basis. Its weights are
/// affine in its row, `x_j + a_j . change` with the rows `a_j` of the inverse matrix. It loses as long as none of them is
/// negative and the mean of the biases by these weights is not below its own bias.
fn to_the_surface(basis: &Basis, problem: &Problem, token: u32) -> Option<f64> {
    let (head, dim) = (problem.stored(), problem.stored().dim());
    // With fewer equations the rivals span less than the space, or ends of ranges take part.
    if problem.domain().ball().is_some() || basis.equations.len() != dim {
        return None;
    }
    let (weights, slack) = basis.slack(problem, token)?;
    let (inverse, errors) = basis.matrix.inverse();
    let rows = || inverse.chunks_exact(dim + 1);
    let length = |entries: &[f64]| {
        let scaled = entries.iter().zip(&basis.scales);
        norm_up(scaled.map(|(x, scale)| (x / scale).next_up()))
    };
    let mut distances = Vec::with_capacity(dim + 2);
    for (row, weight) in rows().zip(&weights) {
        let most: Vec<f64> = row.iter().zip(&errors).map(|(x, e)| add_up(x.abs(), *e)).collect();
        distances.push((weight.lo / length(&most[..dim])).next_down());
    }
    let (mut slope, mut size, mut total) = (vec![0.0; dim], vec![0.0; dim], 0.0);
    for (row, &j) in rows().zip(&basis.rivals) {
        // The weights sum to one at every row, so any number may be subtracted from all biases.
        let bias = head.bias(j as usize) - head.bias(token as usize);
        total += bias.abs();
        for (k, x) in row[..dim].iter().enumerate() {
            slope[k] += bias * x;
            size[k] += (bias * x).abs();
        }
    }
    if total > 0.0 {
        let unit = gamma(2 * dim + 16);
        let terms = slope.iter().zip(&size).zip(&errors);
        let most: Vec<f64> = terms
            .map(|((slope, size), e)| {
                add_up(add_up(slope.abs(), unit * size), mul_up(total * (1.0 + unit), *e))
            })
            .collect();
        distances.push((slack / length(&most)).next_down());
    }
    // An overflow leaves NaN, and `min` would pass over it.
    let all_known = distances.iter().all(|distance| *distance > 0.0);
    all_known.then(|| distances.into_iter().fold(f64::INFINITY, f64::min))
}
