//! Measures how far the row of a lost or tied token must move for it to win: see [`RowMove`].
//!
//! From above, a search for hidden states where little is missing ([`super::least_change`]), and the row that wins at the best
//! of them. From below, the simplex of the rivals in the losing proof, and what the token lacks at every state.

use super::least_change::{aim, length};
use super::{Done, in_groups};
use crate::certify::best_gap::BestGap;
use crate::certify::enclosure::Support;
use crate::certify::row_move::RowMove;
use crate::certify::scored::Scored;
use crate::certify::{Loss, Verdict};
use crate::problem::Problem;

/// How often the gain of a moved row is doubled beyond what was missing, if rounding takes too much of it.
const DOUBLINGS: usize = 80;
/// The first addition to what is missing, as a share of it.
const BEYOND: f64 = 1e-9;

/// A token whose row is to move, its verdict, and its verdict over all of space, if known.
#[derive(Clone, Copy)]
pub struct InNeed<'a> {
    /// The token.
    pub token: u32,
    /// Its verdict over the domain.
    pub verdict: &'a Verdict,
    /// Its verdict over all of space.
    pub free: Option<&'a Verdict>,
}

/// The moves of tokens, in their order; those that can win, and undecided ones, have none. `free` is the problem over all of
/// space, `gaps` are best gaps over the domain, ids rising. Hidden states of about the length `reach` are tried.
pub fn moves(
    (problem, free): (&Problem, &Problem),
    tokens: &[InNeed],
    gaps: &[BestGap],
    reach: f64,
    done: Done<RowMove>,
) -> Vec<RowMove> {
    let measure = |group: &[InNeed]| {
        let of = |one: &InNeed| measured((problem, free), *one, gaps, reach);
        group.iter().filter_map(of).collect()
    };
    in_groups(problem.head(), tokens, done, measure)
}

fn measured(
    (problem, free): (&Problem, &Problem),
    one: InNeed,
    gaps: &[BestGap],
    reach: f64,
) -> Option<RowMove> {
    let mut found = RowMove::new(one.token, one.verdict)?;
    if let Ok(at) = gaps.binary_search_by_key(&one.token, BestGap::token) {
        found.fall_behind(problem.domain(), &gaps[at]);
    }
    // A row that loses over all of space loses in every domain.
    if let Some(support) = one.free.and_then(support) {
        found.inside(free, support);
    }
    if let Some(support) = support(one.verdict) {
        found.inside(problem, support);
    }
    // A tied token only has to get ahead of its equals where they win.
    let witness = one.verdict.witness().and_then(|witness| witness.point_in_floats(problem));
    if !witness.is_some_and(|point| reach_at(problem, point, &mut found)) {
        let state = aim(problem.stored(), problem.domain(), &[one.token], reach);
        let point = problem.domain().ball().map_or(state.clone(), |ball| ball.point_of(&state));
        reach_at(problem, point, &mut found);
    }
    Some(found)
}

/// The weights of a losing proof over a domain without a ball.
fn support(verdict: &Verdict) -> Option<&Support> {
    match verdict {
        Verdict::Unargmaxable(Loss::Enclosed(proof)) => Some(proof.support()),
        _ => None,
    }
}

/// Moves the row along the hidden state of a point, so far that the token wins there; returns whether it is proved to.
fn reach_at(problem: &Problem, point: Vec<f64>, found: &mut RowMove) -> bool {
    let head = problem.stored();
    let state = match problem.domain().ball() {
        Some(ball) => ball.hidden_state(&point),
        None => point.clone(),
    };
    let long = length(&state);
    if !(long > 0.0 && long.is_finite()) {
        return false;
    }
    let scored = Scored::new(problem, vec![point]);
    let token = found.token();
    let others = (0..head.tokens() as u32).filter(|j| *j != token);
    let top = others.map(|j| scored.score(0, j)).fold(f64::NEG_INFINITY, f64::max);
    let missing = (top - scored.score(0, token)).max(0.0);
    let error = scored.error(0)(token);
    let mut more = (BEYOND * missing).max(error);
    for _ in 0..DOUBLINGS {
        let by = (missing + more) / (long * long);
        let row = head.row(token as usize).zip(&state).map(|(x, h)| x + by * h);
        let row: Vec<f64> = match head.is_wide() {
            true => row.collect(),
            false => row.map(|x| f64::from(x as f32)).collect(),
        };
        if found.reach(&scored, 0, row) {
            return true;
        }
        more *= 2.0;
    }
    false
}
