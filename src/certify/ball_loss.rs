//! Proves that a token loses in a ball, by weights of rivals that together always score at least as much.
//!
//! For weights `N_j >= 0` on rivals, not all 0, and multipliers `e_k` of either sign on the ends of ranges (the lower
//! end of coordinate `k` where `e_k > 0`, the upper one where `e_k < 0`) let
//!
//! ```text
//! v = sum N_j (w_t - w_j) + e,    F = v.c + sum N_j (b_t - b_j) - sum e_k end_k.
//! ```
//!
//! At `h = g * Pz + c` in the box, `sum N_j gap_j + sum e_k (h_k - end_k) = z.P(g * v) + F`, and the second sum is
//! not negative. So the token never wins strictly inside the ball if `F + R |P(g * v)| <= 0`, and by minimax such
//! weights exist for every token that never wins. Float64 with bounded errors proves it where the left side is
//! clearly below 0, exact integers elsewhere.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use super::ball_bound::BallBound;
use super::combination::Combination;
use super::rival::{self, Blocker, Rival};
use crate::arithmetic::dyadic::{Dyadic, dot_integers};
use crate::domain::Ball;
use crate::problem::Problem;

/// The number of bits to which proposed weights are rounded, relative to the largest: an inequality with some slack
/// still holds for the rounded weights.
const BITS: i32 = 40;

/// A proof that rivals and ends of ranges outweigh a token everywhere in a ball.
#[derive(Clone, Debug)]
pub struct BallLoss {
    combination: Combination<BigInt>,
    blockers: Vec<Blocker>,
}

impl BallLoss {
    /// The rivals with positive weights, and the coordinates with multipliers of their ends.
    pub fn combination(&self) -> &Combination<BigInt> {
        &self.combination
    }

    /// The weights and multipliers in float64, scaled so that those of the rivals have sum 1.
    pub fn blockers(&self) -> &[Blocker] {
        &self.blockers
    }

    /// The same proof, where `ids` are the ids of tokens in the whole head.
    pub(super) fn with_ids(&self, ids: &[u32]) -> Self {
        let rivals = rival::weights_with_ids(&self.combination.rivals, ids);
        let combination = Combination { rivals, ends: self.combination.ends.clone() };
        BallLoss { combination, blockers: rival::with_ids(&self.blockers, ids) }
    }
}

/// Proves that `token` never wins strictly in the ball of the problem, from approximate positive multipliers.
pub(super) fn prove(
    problem: &Problem,
    token: u32,
    multipliers: &[(Rival, f64)],
) -> Option<BallLoss> {
    prove_integers(problem, token, rounded(multipliers)?)
}

/// [`prove`] in float64 only: fast, but it fails for borderline cases.
pub(super) fn prove_plainly(
    problem: &Problem,
    token: u32,
    multipliers: &[(Rival, f64)],
) -> Option<BallLoss> {
    proved(problem, token, rounded(multipliers)?, false)
}

/// [`prove`] for integer weights as given; zeros are dropped.
pub(super) fn prove_integers(
    problem: &Problem,
    token: u32,
    combination: Combination<BigInt>,
) -> Option<BallLoss> {
    proved(problem, token, combination, true)
}

/// Rounds multipliers to integers of at most about [`BITS`] bits.
fn rounded(multipliers: &[(Rival, f64)]) -> Option<Combination<BigInt>> {
    let largest = multipliers.iter().map(|m| m.1).fold(0.0, f64::max);
    let unit = 2f64.powi(BITS) / largest;
    if !(largest > 0.0) || !unit.is_finite() || multipliers.iter().any(|m| !(m.1 >= 0.0)) {
        return None;
    }
    let integer = |weight: f64| BigInt::from((weight * unit).round() as i64);
    Some(Combination::of(multipliers.iter().map(|&(rival, weight)| (rival, integer(weight)))))
}

/// Checks the combination and the inequality: in float64, then, if `exact`, in integers.
fn proved(
    problem: &Problem,
    token: u32,
    combination: Combination<BigInt>,
    exact: bool,
) -> Option<BallLoss> {
    let ball = problem.domain().ball()?;
    let combination = combination.without_zeros();
    let Combination { rivals, ends } = &combination;
    let tokens = problem.head().tokens();
    let sound = |&(j, ref n): &(u32, BigInt)| {
        n.is_positive() && (j as usize) < tokens && !problem.groups().same_row(j, token)
    };
    let finite = |&(k, ref n): &(u32, BigInt)| {
        (k as usize) < problem.head().dim() && end(problem, k, n).is_finite()
    };
    if rivals.is_empty() || !rivals.iter().all(sound) || !ends.iter().all(finite) {
        return None;
    }
    if !(plainly(problem, ball, token, &combination)
        || exact && exactly(problem, ball, token, &combination))
    {
        return None;
    }
    let sum: BigInt = rivals.iter().map(|r| &r.1).sum();
    // Undo the last step down, so that a share that is a float is shown as that float.
    let share = |n: BigInt| Dyadic::from_integer(n).quotient_down(&sum).next_up();
    let blockers = combination.terms().map(|(rival, n)| (rival, share(n))).collect();
    Some(BallLoss { combination, blockers })
}

/// The end of the range that a multiplier belongs to.
fn end(problem: &Problem, k: u32, multiplier: &BigInt) -> f64 {
    let domain = problem.domain();
    if multiplier.is_positive() { domain.lo(k as usize) } else { domain.hi(k as usize) }
}

/// Whether the inequality is proved in float64 on the folded rows, with bounded errors.
fn plainly(problem: &Problem, ball: &Ball, token: u32, combination: &Combination<BigInt>) -> bool {
    // Larger integers may not be floats.
    let float = |n: BigInt| (n.bits() <= 53).then(|| n.to_f64()).flatten();
    let multipliers = combination.terms().map(|(rival, n)| Some((rival, float(n)?)));
    let multipliers: Option<Vec<(Rival, f64)>> = multipliers.collect();
    multipliers
        .and_then(|multipliers| BallBound::new(problem, token, &multipliers))
        .is_some_and(|bound| bound.most(ball.radius_up()) <= 0.0)
}

/// Decides the inequality in integers on the stored rows.
fn exactly(problem: &Problem, ball: &Ball, token: u32, combination: &Combination<BigInt>) -> bool {
    let Combination { rivals, ends } = combination;
    let (head, dim) = (problem.stored(), problem.stored().dim());
    // The token itself takes part with the sum of the weights.
    let (mut ids, mut integers) = (vec![token as usize], vec![rivals.iter().map(|r| &r.1).sum()]);
    for (j, n) in rivals {
        ids.push(*j as usize);
        integers.push(-n);
    }
    let mut level = dot_integers(ids.iter().map(|&j| head.bias(j)), &integers);
    let mut extra = vec![BigInt::ZERO; dim];
    for (k, n) in ends {
        extra[*k as usize] += n;
        let end = Dyadic::from_f64(end(problem, *k, n));
        level = &level - &(&end * &Dyadic::from_integer(n.clone()));
    }
    let (mut sum, mut squares) = (Dyadic::zero(), Dyadic::zero());
    for (k, extra) in extra.into_iter().enumerate() {
        let v = dot_integers(ids.iter().map(|&j| head.weight(j, k)), &integers);
        let v = &v + &Dyadic::from_integer(extra);
        level = &level + &(&v * &Dyadic::from_f64(ball.shift()[k]));
        let folded = &v * &Dyadic::from_f64(ball.gain()[k]);
        squares = &squares + &(&folded * &folded);
        sum = &sum + &folded;
    }
    // d |P y|^2 = d sum y^2 - (sum y)^2.
    let count = Dyadic::from_f64(dim as f64);
    let mut length = &count * &squares;
    if ball.is_centred() {
        length = &length - &(&sum * &sum);
    }
    let level_squared = &(&level * &level) * &count;
    !level.is_positive() && &ball.radius_squared() * &length <= level_squared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    use crate::head::Head;

    /// Tokens at 0 and +-1 with biases: token 0 is behind by `deficit`, and the ball reaches `radius`.
    fn proved(deficit: f64, radius: f64, weights: [f64; 2]) -> bool {
        let head = Head::new(vec![1.0, 0.0, -1.0], Some(vec![-deficit, 0.0, -9.0]), 3, 1).unwrap();
        let ball = Ball::around_origin(1, radius).unwrap();
        let domain = Domain::free(1).within(ball).unwrap();
        let problem = Problem::new(&head, &domain).unwrap();
        let multipliers = [(Rival::Token(1), weights[0]), (Rival::Token(2), weights[1])];
        prove(&problem, 0, &multipliers).is_some()
    }

    #[test]
    fn a_deficit_beyond_the_radius_is_proved_and_one_within_is_not() {
        assert!(proved(2.0, 1.5, [1.0, 0.0]), "plainly");
        assert!(proved(2.0, 2.0, [1.0, 0.0]), "on the edge, which the open ball does not hold");
        assert!(!proved(2.0, 2.0f64.next_up(), [1.0, 0.0]));
        assert!(!proved(2.0, 1.5, [0.0, 1.0]), "the weights matter");
        assert!(!proved(2.0, 1.5, [0.0, 0.0]) && !proved(2.0, 1.5, [f64::NAN, 1.0]));
    }

    #[test]
    fn ends_of_ranges_take_part() {
        // Token 0 needs h > 1 to beat token 1, and the range ends at 1.
        let head = Head::new(vec![1.0, 0.0], Some(vec![-1.0, 0.0]), 2, 1).unwrap();
        let wide = Ball::around_origin(1, 50.0).unwrap();
        let range = Domain::range(1, -1.0, 1.0).unwrap().within(wide.clone()).unwrap();
        let problem = Problem::new(&head, &range).unwrap();
        let both = [(Rival::Token(1), 1.0), (Rival::Upper(0), 1.0)];
        assert!(prove(&problem, 0, &both).is_some());
        assert!(prove(&problem, 0, &both[..1]).is_none());
        let free = Domain::free(1).within(wide).unwrap();
        let problem = Problem::new(&head, &free).unwrap();
        assert!(prove(&problem, 0, &both).is_none(), "an end that is not there");
    }

    #[test]
    fn weights_on_equal_rows_prove_nothing() {
        let head = Head::new(vec![1.0, 1.0, 0.0], None, 3, 1).unwrap();
        let domain = Domain::free(1).within(Ball::around_origin(1, 1.0).unwrap()).unwrap();
        let problem = Problem::new(&head, &domain).unwrap();
        assert!(prove(&problem, 0, &[(Rival::Token(1), 1.0)]).is_none());
    }
}
