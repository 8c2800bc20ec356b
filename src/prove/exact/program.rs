//! The max-margin linear program of one token, in integers.

use num_bigint::BigInt;
use num_traits::{One, Signed};

use crate::arithmetic::dyadic::{Dyadic, dot_floats, integers_at_common_exponent};
use crate::arithmetic::rounding::{exponent, norm_up};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{Combination, Rival};
use crate::domain::Ball;
use crate::problem::Problem;
use crate::prove::polyhedron::system::Constraint;

/// The linear program of one token, with integer rows.
pub(super) struct Program<'a> {
    problem: &'a Problem<'a>,
    token: u32,
    columns: Vec<usize>,
    /// Whether a last coordinate scales the others, in a box that is not a cone.
    pub lifted: bool,
    /// Coordinate `k` of `u` is `h_k` times `2^-exponents[k]`; the last coordinate belongs to `s`.
    exponents: Vec<i64>,
    /// The coordinates that the domain fixes; they count as part of the bias.
    fixed: Vec<usize>,
}

impl<'a> Program<'a> {
    /// Chooses the coordinates of the program and their scales.
    pub fn new(problem: &'a Problem<'a>, token: u32) -> Self {
        let (head, domain) = (problem.head(), problem.domain());
        let (fixed, mut columns): (Vec<usize>, Vec<usize>) =
            (0..head.dim()).partition(|&k| domain.is_fixed(k));
        if domain.ball().is_some_and(Ball::is_centred) {
            columns.pop();
        }
        let lifted = problem.has_levels() || domain.has_lengths() || !fixed.is_empty();
        let mut program = Program { problem, token, columns, lifted, exponents: Vec::new(), fixed };
        // The magnitude of a column is enough for a sensible box |u_k| <= 1.
        let magnitude = |k: usize| {
            let largest = (0..head.tokens())
                .step_by(head.tokens().div_ceil(256))
                .map(|t| head.weight(t, k).abs())
                .fold(0.0, f64::max);
            exponent(largest)
        };
        program.exponents = program.columns.iter().map(|&k| magnitude(k)).collect();
        program
    }

    /// The number of coordinates of `u`.
    pub fn dim(&self) -> usize {
        self.columns.len() + usize::from(self.lifted)
    }

    /// The coordinates whose range ends may hold a token back.
    pub fn bounded(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self.problem.domain().ball() {
            None => Box::new(self.columns.iter().copied()),
            Some(ball) => Box::new((0..ball.dim()).filter(|&k| ball.gain()[k] != 0.0)),
        }
    }

    /// Whether the constraint is a rival with the token's own row.
    pub fn is_same_row(&self, constraint: &Constraint) -> bool {
        matches!(constraint, Constraint::Rival(Rival::Token(j)) if self.problem.groups().same_row(*j, self.token))
    }

    /// The score of a token where all columns are 0.
    fn bias(&self, t: usize) -> Dyadic {
        let (head, domain) = (self.problem.stored(), self.problem.domain());
        if let Some(ball) = domain.ball() {
            let shifted = dot_floats(head.row(t), ball.shift().iter().copied());
            return &Dyadic::from_f64(head.bias(t)) + &shifted;
        }
        self.fixed.iter().fold(Dyadic::from_f64(head.bias(t)), |sum, &k| {
            &sum + &(&Dyadic::from_f64(head.weight(t, k)) * &Dyadic::from_f64(domain.lo(k)))
        })
    }

    /// A row as integers, and the exponent of the power of two that it was divided by.
    pub fn row(&self, constraint: Constraint) -> (Vec<BigInt>, i64) {
        let (domain, t) = (self.problem.domain(), self.token as usize);
        let exact = Dyadic::from_f64;
        let mut row: Vec<Dyadic> = vec![Dyadic::zero(); self.dim()];
        let last = self.columns.len();
        let at = |k: u32| self.columns.iter().position(|&c| c == k as usize).unwrap_or(0);
        let ball = domain.ball();
        match constraint {
            Constraint::Rival(Rival::Lower(k) | Rival::Upper(k)) if ball.is_some() => {
                // Coordinates of `z` with mean 0 omit the last one, which is minus the sum of the others.
                let at = k as usize;
                let (gain, shift) = ball.map_or((1.0, 0.0), |b| (b.gain()[at], b.shift()[at]));
                let up = matches!(constraint, Constraint::Rival(Rival::Lower(_)));
                let gain = if up { exact(gain) } else { exact(-gain) };
                if self.lifted {
                    row[last] = match up {
                        true => &exact(shift) - &exact(domain.lo(at)),
                        false => &exact(domain.hi(at)) - &exact(shift),
                    };
                }
                match self.columns.iter().position(|&c| c == at) {
                    Some(place) => row[place] = gain,
                    None => row[..last].iter_mut().for_each(|x| *x = -&gain),
                }
            }
            Constraint::Rival(Rival::Token(j)) => {
                let j = j as usize;
                let stored = self.problem.stored();
                let difference = |k: usize| {
                    let plain = &exact(stored.weight(t, k)) - &exact(stored.weight(j, k));
                    domain.ball().map_or(plain.clone(), |ball| &plain * &exact(ball.gain()[k]))
                };
                let centred = domain.ball().is_some_and(Ball::is_centred);
                let mean = centred.then(|| difference(stored.dim() - 1));
                for (x, &k) in row.iter_mut().zip(&self.columns) {
                    *x = difference(k);
                    if let Some(mean) = &mean {
                        *x = &*x - mean;
                    }
                }
                if self.lifted {
                    row[last] = &self.bias(t) - &self.bias(j);
                }
            }
            Constraint::Rival(Rival::Lower(k)) => {
                row[at(k)] = exact(1.0);
                if self.lifted {
                    row[last] = exact(-domain.lo(k as usize));
                }
            }
            Constraint::Rival(Rival::Upper(k)) => {
                row[at(k)] = exact(-1.0);
                if self.lifted {
                    row[last] = exact(domain.hi(k as usize));
                }
            }
            Constraint::Scale => row[last] = exact(1.0),
        }
        for (x, &e) in row.iter_mut().zip(&self.exponents) {
            *x = x.scaled(-e);
        }
        integers_at_common_exponent(&row)
    }

    /// Converts weights of the integer rows to weights of rivals and multipliers of range ends (negative for upper
    /// ends); each row had a factor of its own.
    pub fn unscaled_weights(&self, weights: Vec<(Constraint, BigInt)>) -> Combination<BigInt> {
        let factors: Vec<Dyadic> = weights
            .iter()
            .map(|(c, n)| Dyadic::from_integer(n.clone()).scaled(-self.row(*c).1))
            .collect();
        let (integers, _) = integers_at_common_exponent(&factors);
        let rivals =
            weights.into_iter().zip(integers).filter_map(|((constraint, _), n)| match constraint {
                Constraint::Rival(rival) => Some((rival, n)),
                Constraint::Scale => None,
            });
        Combination::of(rivals)
    }

    /// Tries the point of `u` in a ball; if lengths do not matter, scaled so that it is short enough.
    fn witness_in_ball(&self, u: &[BigInt], ball: &Ball) -> Result<Witness, Refusal> {
        let mut z = vec![Dyadic::zero(); self.problem.head().dim()];
        for ((&k, u), &e) in self.columns.iter().zip(u).zip(&self.exponents) {
            z[k] = Dyadic::from_integer(u.clone()).scaled(-e);
        }
        if ball.is_centred() {
            let sum = z.iter().fold(Dyadic::zero(), |sum, x| &sum + x);
            z[self.columns.len()] = -&sum;
        }
        if self.lifted {
            z.push(Dyadic::from_integer(u[self.columns.len()].clone()));
            let (mut integers, _) = integers_at_common_exponent(&z);
            let denominator = integers.pop().unwrap_or_else(BigInt::one);
            return witness::certify_integers(self.problem, self.token, integers, denominator);
        }
        let (integers, _) = integers_at_common_exponent(&z);
        // At most a quarter of the radius: |z| <= sqrt(d) max |z_k|.
        let bits = integers.iter().map(BigInt::bits).max().unwrap_or(0) as i64;
        let shift = bits + exponent(integers.len() as f64) / 2 + 4 - exponent(ball.radius_down());
        let (lift, denominator) = (BigInt::one() << (-shift).max(0), BigInt::one() << shift.max(0));
        let integers: Vec<BigInt> = integers.into_iter().map(|n| n * &lift).collect();
        let approximate = |n: &BigInt| Dyadic::from_integer(n.clone()).quotient_down(&denominator);
        let float = integers.iter().map(|n| approximate(n).next_up()).collect();
        witness::certify_float(self.problem, self.token, float)
            .or_else(|_| witness::certify_integers(self.problem, self.token, integers, denominator))
    }

    /// Tries the hidden state of `u`, first in float64.
    pub fn witness(&self, u: &[BigInt]) -> Result<Witness, Refusal> {
        let domain = self.problem.domain();
        if let Some(ball) = domain.ball() {
            return self.witness_in_ball(u, ball);
        }
        let last = self.columns.len();
        let s = if self.lifted { u[last].clone() } else { BigInt::one() };
        if !s.is_positive() {
            return Err(Refusal::Outside);
        }
        // h_k = u_k 2^-e_k / s, over one denominator.
        let mut h: Vec<Dyadic> = (0..domain.dim())
            .map(|k| {
                if domain.is_fixed(k) {
                    &Dyadic::from_f64(domain.lo(k)) * &Dyadic::from_integer(s.clone())
                } else {
                    Dyadic::zero()
                }
            })
            .collect();
        for ((&k, u), &e) in self.columns.iter().zip(u).zip(&self.exponents) {
            h[k] = Dyadic::from_integer(u.clone()).scaled(-e);
        }
        h.push(Dyadic::from_integer(s));
        let (mut integers, _) = integers_at_common_exponent(&h);
        let denominator = integers.pop().unwrap_or_else(BigInt::one);
        let mut float: Vec<f64> = integers
            .iter()
            .map(|n| Dyadic::from_integer(n.clone()).quotient_down(&denominator).next_up())
            .collect();
        domain.clamp(&mut float);
        if self.problem.is_scale_free() {
            let length = norm_up(float.iter().copied());
            if length > 0.0 && length.is_finite() {
                float.iter_mut().for_each(|x| *x /= length);
            }
        }
        witness::certify_float(self.problem, self.token, float)
            .or_else(|_| witness::certify_integers(self.problem, self.token, integers, denominator))
    }
}
