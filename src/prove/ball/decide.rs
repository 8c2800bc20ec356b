//! Decides the tokens of a ball that the screen did not settle.

use num_bigint::BigInt;

use crate::arithmetic::rounding::norm_up_of;
use crate::certify::interval::Margin;
use crate::certify::witness::{Witness, certify_floats};
use crate::certify::{self, Combination, Rival, Verdict};
use crate::order::ByToken;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::ball::batch;
use crate::prove::ball::running::SearchOutcome;
use crate::prove::ball::system::BallSystem;
use crate::prove::exact::corner;
use crate::prove::polyhedron::system::Constraint;
use crate::prove::polyhedron::working_set::Start;
use crate::prove::{Decision, Finding, Open};
use crate::screen::Screen;

/// Decides tokens that no other row dominates, where float64 can tell the sides apart.
pub fn decide(
    system: &BallSystem,
    screen: &Screen,
    tokens: &[(u32, Start)],
    progress: &dyn Progress,
) -> Vec<(u32, Finding)> {
    let problem = system.problem();
    let winners = winners_in_the_box(problem, tokens);
    (0..winners.len()).for_each(|_| progress.advance(1));
    let others = tokens.iter().filter(|(token, _)| !winners.has(*token));
    let others: Vec<(u32, Start)> = others.cloned().collect();
    let outcomes = batch::search(system, screen.map(), screen.pairs(), &others, &|count| {
        progress.advance(count)
    });
    let searched = others.iter().zip(outcomes).map(|((token, _), outcome)| match outcome {
        SearchOutcome::Wins(witness) => (*token, Finding::Decided(certify::won(problem, witness))),
        SearchOutcome::Loses(verdict) => (*token, Finding::Decided(verdict)),
        SearchOutcome::Stuck(multipliers) => (*token, Finding::Unclear(multipliers)),
    });
    let won = winners.into_vec().into_iter();
    searched.chain(won.map(|(t, w)| (t, Finding::Decided(certify::won(problem, w))))).collect()
}

/// The share of the radius at which a point is placed that was beyond the ball. It only proposes: `certify_floats` decides.
const INSIDE: f64 = 63.0 / 64.0;

/// Tokens that win at the point of the box nearest to their start. In a wide head with ranges most ends of ranges are
/// active at the point that a search looks for, thousands of them, while this one point is often enough.
fn winners_in_the_box(problem: &Problem, tokens: &[(u32, Start)]) -> ByToken<Witness> {
    let domain = problem.domain();
    let Some(ball) = domain.ball().filter(|_| domain.has_ranges() && problem.head().is_wide())
    else {
        return ByToken::new(Vec::new());
    };
    let moved = |(token, start): &(u32, Start)| {
        let mut h = ball.hidden_state(&start.near);
        domain.clamp(&mut h);
        let mut z = ball.point_of(&h);
        let share = ball.radius_down() * INSIDE / norm_up_of(&z);
        if share < 1.0 {
            z.iter_mut().for_each(|z| *z *= share);
        }
        (*token, z)
    };
    let points = tokens.iter().map(moved).collect();
    let witnesses = certify_floats(problem, points).into_iter().filter_map(Result::ok);
    witnesses.map(|witness| (witness.token(), witness)).collect()
}

/// The denominators of the weights tried if the inequality holds with equality or not at all.
const DENOMINATORS: std::ops::RangeInclusive<u32> = 1..=64;
/// How close a weight must be to a fraction to be taken for it.
const NEAR_A_FRACTION: f64 = 1e-7;

/// Decides a token for which float64 proved neither side, in exact arithmetic: with the multipliers as they are, with
/// them rounded to small fractions, and at the corner where the rivals meet. If all fail, the token stays open for
/// the exact linear program, which does not use the ball.
pub fn decide_exactly(problem: &Problem, token: u32, multipliers: &[(Rival, f64)]) -> Decision {
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
