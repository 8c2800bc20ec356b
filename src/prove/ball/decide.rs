//! Decides the tokens of a ball that the screen did not settle.

use num_bigint::BigInt;

use crate::certify::interval::Margin;
use crate::certify::{self, Combination, Rival, Verdict};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::batch;
use crate::prove::ball::running::Side;
use crate::prove::ball::system::BallSystem;
use crate::prove::exact::corner;
use crate::prove::polyhedron::system::Constraint;
use crate::prove::polyhedron::working_set::Start;
use crate::prove::{Decision, Finding, Open};
use crate::screen::Screen;

/// Decides tokens that no other row dominates, where float64 proves one of the sides.
pub fn decide(
    sphere: &BallSystem,
    screen: &Screen,
    tokens: &[(u32, Start)],
    progress: &dyn Progress,
) -> Vec<Finding> {
    batch::search(sphere, screen.map(), screen.pairs(), tokens, &|| progress.advance(1))
        .into_iter()
        .map(|side| match side {
            Side::Wins(witness) => Finding::Decided(certify::won(sphere.problem(), witness)),
            Side::Loses(verdict) => Finding::Decided(verdict),
            Side::Stuck(multipliers) => Finding::Unclear(multipliers),
        })
        .collect()
}

/// The denominators of the weights tried if the inequality holds with equality or not at all.
const DENOMINATORS: std::ops::RangeInclusive<u32> = 1..=64;
/// How close a weight must be to a fraction to be taken for it.
const NEAR_A_FRACTION: f64 = 1e-7;

/// Decides a token for which float64 proved neither side, in exact arithmetic: with the multipliers as they are, with
/// them rounded to small fractions, and at the corner where the rivals meet. If all fail, the token stays open for
/// the exact linear program, which does not use the ball.
pub fn on_the_edge(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Decision {
    certify::lost_in_ball(problem, token, multipliers)
        .or_else(|| by_fractions(problem, token, multipliers))
        .or_else(|| corner::decide(problem, token, multipliers))
        .ok_or_else(|| Box::new(Open {
            token,
            working: multipliers.iter().map(|m| Constraint::Rival(m.0)).collect(),
            undecided: certify::undecided(
                "neither a point of the ball nor losing weights were proved: the token is on the edge, or float64 cannot \
                 tell",
                Margin::in_ball(problem, token, multipliers),
            ),
        }))
}

/// Tries weights that are fractions of the largest weight with a small common denominator.
fn by_fractions(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Option<Verdict> {
    let largest = multipliers.iter().map(|m| m.1).fold(0.0, f64::max);
    let whole = |denominator: u32| {
        let scale = f64::from(denominator) / largest;
        let near = |m: &(Rival, f64)| {
            let share = m.1 * scale;
            (share - share.round()).abs() <= NEAR_A_FRACTION * f64::from(denominator)
        };
        multipliers.iter().all(near).then_some(scale)
    };
    let scale = DENOMINATORS.filter_map(whole).next()?;
    let whole = |weight: f64| BigInt::from((weight * scale).round() as i64);
    let combination = Combination::of(multipliers.iter().map(|&(rival, w)| (rival, whole(w))));
    certify::lost_in_ball_exactly(problem, token, combination)
}
