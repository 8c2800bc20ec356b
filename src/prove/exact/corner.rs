//! Computes exactly the shortest point at which a token scores the same as some rivals: for tokens whose shortest
//! winning point is so near to the sphere that float64 cannot tell on which side it lies.
//!
//! Let `r_i = P(g * (w_t - w_i))` be rows and `f_i` levels, so that the token is `r_i.z + f_i` ahead of rival `i`
//! (see [`crate::prove::ball::system`]). With the Gram matrix `M = (r_i.r_j)` the weights
//! `N = M^-1 (clearance e - f)` give the shortest `z = sum N_i r_i` with this clearance to each of them (`e_i` is 1
//! for tokens and 0 for range ends, which may be touched). Without clearance `|z|^2 = -N.f`. If that is `R^2` or more
//! and no weight is negative, the weights outweigh the token, because `F + R |v| = -|z|^2 + R |z|`. Otherwise a
//! positive clearance is possible.

use num_bigint::BigInt;
use num_traits::{One, Signed};

use crate::arithmetic::dyadic::{
    Dyadic, dot_integers, integers_at_common_exponent, over_power_of_two,
};
use crate::arithmetic::linear::{self, Rational};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{self, Combination, Rival, Verdict};
use crate::domain::Ball;
use crate::problem::Problem;

/// The most changes of the set of rivals.
const ROUNDS: usize = 64;
/// The most rivals added at once.
const BATCH: usize = 8;
/// The most products of numbers for a Gram matrix.
const BUDGET: usize = 1 << 23;
/// The clearances tried are `2^-q` for these `q`: from more than any radius allows to less than any difference of
/// squares.
const CLEARANCE_EXPONENTS: std::ops::Range<i64> = -512..4608;
/// The step between the exponents tried.
const STEP: usize = 8;

/// Decides `token` from the rivals that hold it back at its shortest point; `None` if these are not independent or
/// are too many.
pub fn decide(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Option<Verdict> {
    let mut held: Vec<Rival> = multipliers.iter().filter(|m| m.1 > 0.0).map(|m| m.0).collect();
    for _ in 0..ROUNDS {
        let corner = Corner::new(problem, token, held.clone())?;
        // A rival with a negative weight does not hold the token back: the point moves away from it when it is
        // dropped.
        if let Some(i) = corner.most_negative() {
            held.remove(i);
            continue;
        }
        if !corner.is_inside() {
            return corner.loss();
        }
        match corner.witness()? {
            Ok(witness) => return Some(certify::won(problem, witness)),
            Err(Refusal::Outside) => return None,
            Err(Refusal::Beaten(rivals)) => {
                let new = rivals.into_iter().filter(|j| !problem.groups().same_row(*j, token));
                let new = new.map(Rival::Token).filter(|r| !held.contains(r));
                let new: Vec<Rival> = new.take(BATCH).collect();
                if new.is_empty() {
                    return None;
                }
                held.extend(new);
            }
        }
    }
    None
}

/// The point at which a token scores the same as the rivals in `held`.
struct Corner<'a> {
    problem: &'a Problem<'a>,
    ball: &'a Ball,
    token: u32,
    held: Vec<Rival>,
    /// `g * (w_t - w_i)`, before the mean is subtracted.
    rows: Vec<Vec<Dyadic>>,
    levels: Vec<Dyadic>,
    /// The weights without clearance.
    weights: Rational,
    /// The weights that a clearance of 1 adds.
    slope: Rational,
}

impl<'a> Corner<'a> {
    /// Computes the corner; `None` if the rows are dependent or too many.
    fn new(problem: &'a Problem<'a>, token: u32, held: Vec<Rival>) -> Option<Self> {
        let ball = problem.domain().ball()?;
        let (count, dim) = (held.len(), ball.dim());
        if count == 0 || count > dim || count * count * dim > BUDGET {
            return None;
        }
        let (rows, levels): (Vec<Vec<Dyadic>>, Vec<Dyadic>) =
            held.iter().map(|&rival| inequality(problem, ball, token, rival)).unzip();
        // M and both right sides times d, then as integers at one common exponent.
        let d = Dyadic::from_f64(dim as f64);
        let sums: Vec<Dyadic> = rows.iter().map(|row| mean_part(ball, row)).collect();
        let mut numbers = Vec::with_capacity(count * (count + 2));
        for i in 0..count {
            for j in 0..count {
                numbers.push(&(&d * &dot(&rows[i], &rows[j])) - &(&sums[i] * &sums[j]));
            }
        }
        numbers.extend(levels.iter().map(|f| -&(&d * f)));
        let is_token = |rival: &Rival| matches!(rival, Rival::Token(_));
        numbers.extend(held.iter().map(|r| if is_token(r) { d.clone() } else { Dyadic::zero() }));
        let (integers, _) = integers_at_common_exponent(&numbers);
        let lines: Vec<Vec<BigInt>> =
            integers.chunks_exact(count).map(<[BigInt]>::to_vec).collect();
        let (matrix, right) = lines.split_at(count);
        let weights = linear::solve(matrix, &right[0])?;
        let slope = linear::solve(matrix, &right[1])?;
        Some(Corner { problem, ball, token, held, rows, levels, weights, slope })
    }

    /// The index of the most negative weight, if there is one.
    fn most_negative(&self) -> Option<usize> {
        let weights = self.weights.numerators.iter().enumerate();
        weights.filter(|w| w.1.is_negative()).min_by_key(|w| w.1).map(|w| w.0)
    }

    /// `|z|^2` without clearance, times the denominator of the weights.
    fn square(&self) -> Dyadic {
        let terms = self.levels.iter().zip(&self.weights.numerators);
        terms.fold(Dyadic::zero(), |sum, (f, n)| &sum - &(f * &Dyadic::from_integer(n.clone())))
    }

    /// Whether the point without clearance lies inside the ball.
    fn is_inside(&self) -> bool {
        let over = Dyadic::from_integer(self.weights.denominator.clone());
        self.square() < &self.ball.radius_squared() * &over
    }

    /// The proof that the weights outweigh the token.
    fn loss(&self) -> Option<Verdict> {
        let weights = self.weights.numerators.iter().cloned();
        let combination = Combination::of(self.held.iter().copied().zip(weights));
        certify::lost_in_ball_exactly(self.problem, self.token, combination)
    }

    /// Tries the point with about as much clearance as the ball allows; `None` if it allows none.
    fn witness(&self) -> Option<Result<Witness, Refusal>> {
        let q = CLEARANCE_EXPONENTS.step_by(STEP).find(|&q| self.fits_with_clearance(q))? + 1;
        // The weights over `D_0 D_1 2^q`, for the clearance `2^-q`.
        let (more, less) = (BigInt::one() << q.max(0), BigInt::one() << (-q).max(0));
        let weights: Vec<BigInt> = self
            .weights
            .numerators
            .iter()
            .zip(&self.slope.numerators)
            .map(|(n, s)| {
                n * &self.slope.denominator * &more + s * &self.weights.denominator * &less
            })
            .collect();
        let d = BigInt::from(self.ball.dim());
        let over = &self.weights.denominator * &self.slope.denominator * &more * &d;
        let weights: Vec<Dyadic> = weights.into_iter().map(Dyadic::from_integer).collect();
        let d = Dyadic::from_integer(d);
        let mut z = vec![Dyadic::zero(); self.ball.dim()];
        for (row, n) in self.rows.iter().zip(&weights) {
            let sum = mean_part(self.ball, row);
            for (z, y) in z.iter_mut().zip(row) {
                *z = &*z + &(n * &(&(&d * y) - &sum));
            }
        }
        let (numerators, scale) = over_power_of_two(&z);
        Some(witness::certify_integers(self.problem, self.token, numerators, over * scale))
    }

    /// Whether the point with a clearance of `2^-q` is inside: `|z|^2 = A + 2 clearance B + clearance^2 C`.
    fn fits_with_clearance(&self, q: i64) -> bool {
        let tokens = |weights: &Rational| {
            let of_tokens = self.held.iter().zip(&weights.numerators);
            let sum: BigInt =
                of_tokens.filter(|h| matches!(h.0, Rival::Token(_))).map(|h| h.1).sum();
            Dyadic::from_integer(sum)
        };
        let over = |weights: &Rational| Dyadic::from_integer(weights.denominator.clone());
        let (d0, d1) = (over(&self.weights), over(&self.slope));
        let constant = &self.square() * &d1;
        let linear = (&tokens(&self.weights) * &d1).scaled(1 - q);
        let quadratic = (&tokens(&self.slope) * &d0).scaled(-2 * q);
        let limit = &(&self.ball.radius_squared() * &d0) * &d1;
        &(&constant + &linear) + &quadratic < limit
    }
}

/// The row (before the mean is subtracted) and the level of a rival or a range end, exactly.
fn inequality(problem: &Problem, ball: &Ball, token: u32, rival: Rival) -> (Vec<Dyadic>, Dyadic) {
    let (head, domain, t) = (problem.stored(), problem.domain(), token as usize);
    let exact = Dyadic::from_f64;
    match rival {
        Rival::Token(j) => {
            let j = j as usize;
            let signs = [BigInt::one(), -BigInt::one()];
            let pair = |of: &dyn Fn(usize) -> f64| dot_integers([of(t), of(j)].into_iter(), &signs);
            let gaps: Vec<Dyadic> = (0..head.dim()).map(|k| pair(&|i| head.weight(i, k))).collect();
            let times = |by: &[f64]| -> Vec<Dyadic> {
                gaps.iter().zip(by).map(|(gap, x)| gap * &exact(*x)).collect()
            };
            let shifted = times(ball.shift());
            let level = shifted.iter().fold(pair(&|i| head.bias(i)), |sum, x| &sum + x);
            (times(ball.gain()), level)
        }
        Rival::Lower(k) | Rival::Upper(k) => {
            let k = k as usize;
            let mut row = vec![Dyadic::zero(); head.dim()];
            let (gain, shift) = (exact(ball.gain()[k]), exact(ball.shift()[k]));
            if matches!(rival, Rival::Lower(_)) {
                row[k] = gain;
                (row, &shift - &exact(domain.lo(k)))
            } else {
                row[k] = -&gain;
                (row, &exact(domain.hi(k)) - &shift)
            }
        }
    }
}

/// The sum of a row if the mean is subtracted, else 0.
fn mean_part(ball: &Ball, row: &[Dyadic]) -> Dyadic {
    let zero = Dyadic::zero();
    if ball.is_centred() { row.iter().fold(zero, |sum, x| &sum + x) } else { zero }
}

/// The exact scalar product.
fn dot(x: &[Dyadic], y: &[Dyadic]) -> Dyadic {
    x.iter().zip(y).fold(Dyadic::zero(), |sum, (x, y)| &sum + &(x * y))
}
