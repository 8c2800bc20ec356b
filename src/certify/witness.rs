//! Proves wins: points at which a token beats every rival, checked on the stored rows.
//!
//! Float64 scores decide where the gap exceeds a bound of their error; rivals for which it does not are scored
//! exactly.

use std::cell::OnceCell;
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::map::Map;
use super::score_error::ScoreError;
use crate::arithmetic::dyadic::{Dyadic, as_integers, dot_floats, dot_integers, one};
use crate::arithmetic::rounding::{exponent, norm_up, power_of_two};
use crate::head::Head;
use crate::order;
use crate::problem::Problem;

/// A winning point: a hidden state, or behind a final norm the state `z` before gain and shift (see
/// [`crate::domain::Ball`]).
#[derive(Clone, Debug)]
pub enum Point {
    /// `clamp(scale G (w_t - m))` for the witness's own token; behind a norm its folded row replaces `w_t`, see
    /// [`Map`].
    Mapped {
        /// The map, shared by many tokens.
        map: Arc<Map>,
        /// The factor of this token.
        scale: f64,
    },
    /// Float64 coordinates.
    Float(Vec<f64>),
    /// `h_k = numerators[k] / denominator`, with a positive denominator.
    Integers {
        /// One integer for each coordinate.
        numerators: Vec<BigInt>,
        /// The common denominator, positive.
        denominator: BigInt,
    },
    /// The point of the token's witness in an audit over a smaller domain.
    Inside,
    /// The only point of the domain, see [`Domain::only_state`](crate::domain::Domain::only_state).
    Only,
}

/// Proof that a token can strictly win against all rows that differ from its own.
#[derive(Clone, Debug)]
pub struct Witness {
    token: u32,
    point: Point,
    norm: f64,
    margin: f64,
}

impl Witness {
    /// A win that [`super::pairs`] proved; at a mapped point it holds for every vector within the map's radius.
    pub(super) fn by_pairs(token: u32, point: Point, norm: f64, margin: f64) -> Self {
        Witness { token, point, norm, margin }
    }

    /// A win at a mapped point that an earlier run of this program proved for the same problem and the same map. Proving
    /// it again would cost what it cost then, so the caller, the journal of an audit, guarantees it.
    pub(crate) fn proved_before(
        token: u32,
        map: Arc<Map>,
        [scale, norm, margin]: [f64; 3],
    ) -> Self {
        Witness { token, point: Point::Mapped { map, scale }, norm, margin }
    }

    /// A win at the only point of the domain of a problem.
    pub(super) fn at_only_point(token: u32, problem: &Problem, margin: f64) -> Self {
        let norm = length(&problem.domain().some_point());
        Witness { token, point: Point::Only, norm, margin }
    }

    /// The same win, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        Witness { token: ids[self.token as usize], ..self.clone() }
    }

    /// The token that wins at the point.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The point in the form it was proved in.
    pub fn point(&self) -> &Point {
        &self.point
    }

    /// The same win over a larger domain.
    pub(super) fn carried_out(&self) -> Self {
        Witness { point: Point::Inside, ..self.clone() }
    }

    /// The hidden state in float64; exact unless the point is one of integers or lies behind a norm. `None` if
    /// another audit keeps the point.
    pub fn hidden_state(&self, problem: &Problem) -> Option<Vec<f64>> {
        if matches!(self.point, Point::Only) {
            return problem.domain().only_state();
        }
        let point = self.point_in_floats(problem)?;
        Some(problem.domain().ball().map_or(point.clone(), |ball| ball.hidden_state(&point)))
    }

    /// The point in float64; exact unless it is one of integers or the only one. `None` if another audit keeps the
    /// point.
    pub fn point_in_floats(&self, problem: &Problem) -> Option<Vec<f64>> {
        Some(match &self.point {
            Point::Inside => return None,
            Point::Only => problem.domain().some_point(),
            Point::Float(h) => h.clone(),
            Point::Mapped { map, scale } => {
                let mut h = map.directions(problem.head(), &[self.token]);
                h.iter_mut().for_each(|x| *x *= scale);
                problem.domain().clamp(&mut h);
                h
            }
            Point::Integers { numerators, denominator } => nearest(numerators, denominator),
        })
    }

    /// The Euclidean length of the point, to four digits or more (fewest for heads of low rank).
    pub fn norm(&self) -> f64 {
        self.norm
    }

    /// A proved lower bound of the least logit gap to a rival at this hidden state (not over all hidden states).
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The kind of point, as in the table's `proof` column.
    pub fn kind(&self) -> &'static str {
        match self.point {
            Point::Mapped { .. } => "map",
            Point::Float(_) => "float",
            Point::Integers { .. } => "integer",
            Point::Inside => "inside",
            Point::Only => "only-point",
        }
    }
}

/// Why a proposed hidden state is no witness.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The point lies outside the domain, or is not finite.
    Outside,
    /// These tokens score at least as much there.
    Beaten(Vec<u32>),
}

/// The result of comparing float64 scores: the least proved gap, and the rivals for which no gap was proved.
struct Gaps {
    least: f64,
    open: Vec<u32>,
}

/// Bounds every gap from `scores[j]`, float64 values of `w_j . h` with the errors of [`ScoreError`].
fn gaps(problem: &Problem, token: u32, scores: &[f64], error: &ScoreError) -> Gaps {
    let head = problem.head();
    let own = scores[token as usize] + head.bias(token as usize) - error.of(token);
    let skip = problem.equals(token);
    let mut found = Gaps { least: f64::INFINITY, open: Vec::new() };
    let mut start = 0;
    for &equal in skip.iter().chain([&(head.tokens() as u32)]) {
        for j in start..equal as usize {
            let gap = own - (scores[j] + head.bias(j) + error.of(j as u32));
            // NaN or infinity, from an overflow, is open too: a score of -inf proves nothing.
            if gap > 0.0 && gap < f64::INFINITY {
                found.least = found.least.min(gap);
            } else {
                found.open.push(j as u32);
            }
        }
        start = equal as usize + 1;
    }
    // The roundings of the two subtractions above are within the slack of `error`; one step down covers them anyway.
    // Infinity means that no gap was proved here.
    if found.least.is_finite() {
        found.least = found.least.next_down().max(0.0);
    }
    found
}

/// The exact-on-demand scores of the original rows at one float64 point, one rival at a time.
pub(super) struct Scorer<'a> {
    problem: &'a Problem<'a>,
    token: u32,
    h: Vec<f64>,
    norm: f64,
    radius: f64,
    error: ScoreError<'a>,
    /// A lower bound of the token's score.
    own: f64,
    exact: OnceCell<ExactPoint<'a>>,
}

impl<'a> Scorer<'a> {
    /// Prepares the scores at `h`; with a `radius`, gaps hold for every hidden state within that distance.
    pub(super) fn new(problem: &'a Problem<'a>, token: u32, h: Vec<f64>, radius: f64) -> Self {
        let norm = norm_up(h.iter().copied());
        let error = ScoreError::at(problem, norm, radius, 1.0);
        let mut scorer =
            Scorer { problem, token, h, norm, radius, error, own: 0.0, exact: OnceCell::new() };
        scorer.own = scorer.score(token) - scorer.error.of(token);
        scorer
    }

    /// The float64 score of token `j`.
    fn score(&self, j: u32) -> f64 {
        self.problem.head().score(j as usize, &self.h)
    }

    /// A proved lower bound of the gap to a rival, positive.
    ///
    /// # Errors
    /// The approximate amount by which the token is behind: the rival scores at least as much, or (only with a
    /// radius) float64 cannot decide.
    pub(super) fn gap(&self, rival: u32) -> Result<f64, f64> {
        let (score, error) = (self.score(rival), self.error.of(rival));
        let gap = self.own - (score + error);
        if gap > 0.0 && gap < f64::INFINITY {
            return Ok(gap.next_down().max(0.0));
        }
        let behind = score - error - (self.own + 2.0 * self.error.of(self.token));
        // Written so that NaN is scored exactly.
        if behind > 0.0 || self.radius > 0.0 {
            return Err(behind);
        }
        let exact = self.exact.get_or_init(|| ExactPoint::new(self.problem, &self.h));
        let gap = exact.gap(self.token, rival);
        if gap.is_positive() { Ok(exact.logits_down(&gap)) } else { Err(0.0) }
    }

    /// The length of the point and the point itself.
    pub(super) fn into_point(self) -> (f64, Vec<f64>) {
        (self.norm, self.h)
    }
}

/// The most rivals scored exactly before a float64 proposal is given up.
const EXACT_LIMIT: usize = 4096;

/// Proves that `token` wins at the float64 hidden state `h`.
///
/// # Errors
/// `h` lies outside the domain, or some rival is not beaten (also if very many rivals are too close for float64).
pub fn certify_float(problem: &Problem, token: u32, h: Vec<f64>) -> Result<Witness, Refusal> {
    let mut outcome = certify_floats(problem, vec![(token, h)]);
    outcome.pop().unwrap_or(Err(Refusal::Outside))
}

/// [`certify_float`] for several tokens, each at its own hidden state, scored by one block product.
pub fn certify_floats(
    problem: &Problem,
    points: Vec<(u32, Vec<f64>)>,
) -> Vec<Result<Witness, Refusal>> {
    let (head, count) = (problem.head(), problem.head().tokens());
    let mut flat: Vec<f64> = Vec::with_capacity(points.len() * head.dim());
    points.iter().for_each(|(_, h)| flat.extend_from_slice(h));
    if flat.len() != points.len() * head.dim() {
        return points.iter().map(|_| Err(Refusal::Outside)).collect();
    }
    let scores = head.products(&flat);
    points
        .into_iter()
        .zip(scores.chunks_exact(count))
        .map(|((token, h), scores)| certify_scored(problem, token, h, scores))
        .collect()
}

/// [`certify_float`] with given float64 scores of all tokens at `h`, without biases.
pub(super) fn certify_scored(
    problem: &Problem,
    token: u32,
    h: Vec<f64>,
    scores: &[f64],
) -> Result<Witness, Refusal> {
    if !h.iter().all(|x| x.is_finite()) || !problem.domain().contains(&h) {
        return Err(Refusal::Outside);
    }
    let head = problem.head();
    let norm = norm_up(h.iter().copied());
    let Gaps { mut least, open } =
        gaps(problem, token, scores, &ScoreError::at(problem, norm, 0.0, 1.0));
    if !open.is_empty() {
        // The largest float scores first, so that a hopeless proposal fails at once.
        let score = |j: u32| scores[j as usize] + head.bias(j as usize);
        let order = order::by_score(open.clone(), &score);
        let exact = ExactPoint::new(problem, &h);
        match order.first() {
            Some(&j) if order.len() > EXACT_LIMIT || !exact.gap(token, j).is_positive() => {
                return Err(Refusal::Beaten(open));
            }
            _ => {}
        }
        let (gap, beaten) = exact.gaps(token, &open);
        if !beaten.is_empty() {
            return Err(Refusal::Beaten(beaten));
        }
        least = least.min(gap);
    }
    let margin = finite_margin(least);
    Ok(Witness { token, norm: length(&h), point: Point::Float(h), margin })
}

/// Proves that `token` wins at `numerators / denominator`.
///
/// # Errors
/// As [`certify_float`]; the list of rivals that are not beaten is complete.
pub fn certify_integers(
    problem: &Problem,
    token: u32,
    numerators: Vec<BigInt>,
    denominator: BigInt,
) -> Result<Witness, Refusal> {
    let head = problem.head();
    if !denominator.is_positive()
        || numerators.len() != head.dim()
        || !problem.domain().contains_exactly(&numerators, &denominator)
    {
        return Err(Refusal::Outside);
    }
    let h = nearest(&numerators, &denominator);
    let usable = h
        .iter()
        .zip(&numerators)
        .all(|(x, n)| x.is_finite() && (*n == BigInt::ZERO || x.abs() >= f64::MIN_POSITIVE));
    let Gaps { mut least, open } = if usable {
        let scores: Vec<f64> = (0..head.tokens()).map(|j| head.dot(j, &h)).collect();
        gaps(
            problem,
            token,
            &scores,
            &ScoreError::at(problem, norm_up(h.iter().copied()), 0.0, 1.0),
        )
    } else {
        let equals = problem.equals(token);
        Gaps {
            least: f64::INFINITY,
            open: (0..head.tokens() as u32).filter(|j| !equals.contains(j)).collect(),
        }
    };
    let exact = ExactPoint::from_integers(problem, &numerators, &denominator);
    let (gap, beaten) = exact.gaps(token, &open);
    least = least.min(gap);
    if !beaten.is_empty() {
        return Err(Refusal::Beaten(beaten));
    }
    Ok(Witness {
        token,
        norm: length(&h),
        point: Point::Integers { numerators, denominator },
        margin: finite_margin(least),
    })
}

/// How the points of a block of mapped witnesses are scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// To length one: for a free domain with equal biases.
    Unit,
    /// By the power of two that fits the biases best along the ray: for a free domain.
    Ray,
    /// By this factor, and then clamped to the domain.
    Clamped(f64),
}

/// Tries the points of `map` for several tokens at once, by one block product with all rows.
pub fn certify_block(
    problem: &Problem,
    map: &Arc<Map>,
    scaling: Scaling,
    tokens: &[u32],
) -> Vec<Option<Witness>> {
    let (head, dim, count) = (problem.head(), problem.head().dim(), problem.head().tokens());
    let mut points = map.directions(head, tokens);
    let mut scales = vec![1.0; tokens.len()];
    for (h, scale) in points.chunks_exact_mut(dim).zip(&mut scales) {
        *scale = match scaling {
            Scaling::Unit => 1.0 / length(h),
            Scaling::Ray => 1.0,
            Scaling::Clamped(factor) => factor,
        };
        h.iter_mut().for_each(|x| *x *= *scale);
        if matches!(scaling, Scaling::Clamped(_)) {
            problem.domain().clamp(h);
        }
    }
    let mut scores = vec![0.0; tokens.len() * count];
    head.product(&points, 0..count, &mut scores, count);
    let settle = |(((&token, h), scores), mut scale): (((&u32, &mut [f64]), &mut [f64]), f64)| {
        if scaling == Scaling::Ray {
            let factor = best_factor(problem, token, scores)?;
            // The scaled scores are those of the scaled point only if no coordinate underflows.
            if h.iter().any(|x| x * factor / factor != *x) {
                return None;
            }
            h.iter_mut().chain(scores.iter_mut()).for_each(|x| *x *= factor);
            scale = factor;
        }
        if !h.iter().all(|x| x.is_finite()) || !problem.domain().contains(h) {
            return None;
        }
        // The checker recomputes the point: the errors of its evaluation and of `h` are both within the radius.
        let spread = 2.0 * map.radius(head, token, scale);
        let norm = norm_up(h.iter().copied());
        let factor = if scaling == Scaling::Ray { scale } else { 1.0 };
        let mapped = gaps(problem, token, scores, &ScoreError::at(problem, norm, spread, factor));
        let (found, point) = if mapped.open.is_empty() {
            (mapped, Point::Mapped { map: map.clone(), scale })
        } else {
            (
                gaps(problem, token, scores, &ScoreError::at(problem, norm, 0.0, factor)),
                Point::Float(h.to_vec()),
            )
        };
        let margin = finite_margin(found.least);
        found.open.is_empty().then(|| Witness { token, norm: length(h), point, margin })
    };
    tokens
        .iter()
        .zip(points.chunks_exact_mut(dim))
        .zip(scores.chunks_exact_mut(count))
        .zip(scales)
        .map(settle)
        .collect()
}

/// A power of two `c` inside the open interval where `c (s_t - s_j) + (b_t - b_j) > 0` for all rivals.
///
/// It is near the geometric middle of the interval, or near twice its lower end if it has no upper end.
fn best_factor(problem: &Problem, token: u32, scores: &[f64]) -> Option<f64> {
    let head = problem.head();
    let (own, bias) = (scores[token as usize], head.bias(token as usize));
    let (mut low, mut high) = (0.0f64, f64::INFINITY);
    let equals = problem.equals(token);
    for (j, &score) in scores.iter().enumerate() {
        let (gain, need) = (own - score, head.bias(j) - bias);
        if gain > 0.0 {
            low = low.max(need / gain);
        } else if need < 0.0 {
            if gain < 0.0 {
                high = high.min(need / gain);
            }
        } else if !equals.contains(&(j as u32)) {
            return None;
        }
    }
    let target = match (low > 0.0, high < f64::INFINITY) {
        (true, true) => (low * high).sqrt(),
        (true, false) => 2.0 * low,
        (false, true) => 0.5 * high,
        (false, false) => 1.0,
    };
    let below = power_of_two(exponent(target).clamp(-500, 500));
    [below, 2.0 * below].into_iter().find(|factor| low < *factor && *factor < high)
}

/// Scores the stored rows exactly at one hidden state.
#[derive(Debug)]
pub(super) struct ExactPoint<'a> {
    head: &'a Head,
    state: State,
}

/// An exact hidden state.
#[derive(Debug)]
enum State {
    Floats(Vec<f64>),
    /// Numerators over a positive denominator.
    Integers(Vec<BigInt>, BigInt),
}

impl<'a> ExactPoint<'a> {
    /// The exact hidden state of a float64 point.
    pub(super) fn new(problem: &Problem<'a>, point: &[f64]) -> Self {
        if problem.domain().ball().is_none() {
            return ExactPoint { head: problem.stored(), state: State::Floats(point.to_vec()) };
        }
        let (numerators, denominator) = as_integers(point);
        ExactPoint::from_integers(problem, &numerators, &denominator)
    }

    /// The exact hidden state of the point `numerators / denominator`.
    fn from_integers(problem: &Problem<'a>, numerators: &[BigInt], denominator: &BigInt) -> Self {
        let (numerators, denominator) = match problem.domain().ball() {
            Some(ball) => ball.exact_state(numerators, denominator),
            None => (numerators.to_vec(), denominator.clone()),
        };
        ExactPoint { head: problem.stored(), state: State::Integers(numerators, denominator) }
    }

    /// The exact gap of a token to a rival, times the denominator.
    pub(super) fn gap(&self, token: u32, rival: u32) -> Dyadic {
        let (t, j) = (token as usize, rival as usize);
        let bias = &Dyadic::from_f64(self.head.bias(t)) - &Dyadic::from_f64(self.head.bias(j));
        match &self.state {
            State::Floats(h) => {
                let score = |t: usize| dot_floats(self.head.row(t), h.iter().copied());
                &(&score(t) - &score(j)) + &bias
            }
            State::Integers(numerators, denominator) => {
                let score = |t: usize| dot_integers(self.head.row(t), numerators);
                let bias = &bias * &Dyadic::from_integer(denominator.clone());
                &(&score(t) - &score(j)) + &bias
            }
        }
    }

    /// A gap in logits, rounded down and at least 0.
    fn logits_down(&self, gap: &Dyadic) -> f64 {
        let unit = match &self.state {
            State::Floats(_) => &one(),
            State::Integers(_, denominator) => denominator,
        };
        gap.quotient_down(unit).max(0.0)
    }

    /// The least of the positive gaps, rounded down, and the rivals whose gap is not positive.
    fn gaps(&self, token: u32, rivals: &[u32]) -> (f64, Vec<u32>) {
        let (mut least, mut beaten) = (f64::INFINITY, Vec::new());
        for &j in rivals {
            let gap = self.gap(token, j);
            if gap.is_positive() {
                least = least.min(self.logits_down(&gap));
            } else {
                beaten.push(j);
            }
        }
        (least, beaten)
    }
}

/// The margin to publish: without rivals every number bounds the gap, and 0 is used.
fn finite_margin(least: f64) -> f64 {
    if least.is_finite() { least } else { 0.0 }
}

/// The Euclidean length, rounded up.
fn length(h: &[f64]) -> f64 {
    // The bound is within a few units of the last place of the length.
    norm_up(h.iter().copied())
}

/// The integers over their denominator in float64, with an error of a few units in the last place.
fn nearest(numerators: &[BigInt], denominator: &BigInt) -> Vec<f64> {
    numerators
        .iter()
        .map(|n| {
            if n.bits() < 900 && denominator.bits() < 900 {
                n.to_f64().unwrap_or(0.0) / denominator.to_f64().unwrap_or(1.0)
            } else {
                Dyadic::from_integer(n.abs())
                    .quotient_down(denominator)
                    .max(0.0)
                    .copysign(if n.is_negative() { -1.0 } else { 1.0 })
            }
        })
        .collect()
}
