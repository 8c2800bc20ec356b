//! One token: a few rivals at a time, the worst violators added until one side is found.

use std::collections::HashSet;

use super::solver::{Outcome, Solver};
use super::system::{Constraint, System, normalise};
use crate::certify::Rival;

/// What the search proposes for a token.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The side it came to.
    pub side: Side,
    /// The constraints it looked at, in the order they came in.
    pub working: Vec<Constraint>,
    /// The last multipliers on unscaled rows, for a bound of the best margin.
    pub multipliers: Vec<(Constraint, f64)>,
}

/// A proposed answer.
#[derive(Clone, Debug)]
pub enum Side {
    /// A hidden state of the domain at which float64 sees no rival ahead.
    Wins(Vec<f64>),
    /// Constraints of the token and positive multipliers that combine their unscaled rows to 0.
    Loses(Vec<(Constraint, f64)>),
    /// Float64 could not tell.
    Stuck,
}

/// Violators added in a round.
const BATCH: usize = 48;
/// Rounds before giving up; each adds at least one new constraint, and dozens are rare.
const ROUNDS: usize = 400;

/// Where a search begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// A hidden state, not necessarily in the domain: the rivals that lead there come in first.
    pub near: Vec<f64>,
    /// Whether it may itself be the answer; if not, the solver is asked in any case.
    pub may_win: bool,
}

/// Searches with the solver `S`.
pub fn search<S: Solver>(system: &System, token: u32, start: Start) -> Proposal {
    let question = system.question();
    let mut problem = S::new(system.dim());
    let mut working = Vec::new();
    let mut known = HashSet::new();
    let mut add = |constraint: Constraint, problem: &mut S, working: &mut Vec<Constraint>| {
        let mut row = system.row(token, constraint);
        if !known.insert(constraint)
            || normalise(&mut row) == 0.0
            || !row.iter().all(|x| x.is_finite())
        {
            return false;
        }
        problem.add(&row);
        working.push(constraint);
        true
    };
    if system.is_lifted() {
        add(Constraint::Scale, &mut problem, &mut working);
    }
    let mut h = start.near;
    let mut side = Side::Stuck;
    for round in 0..ROUNDS {
        let outside = ends_passed(system, &h);
        question.domain().clamp(&mut h);
        let whom = if round > 0 || start.may_win { Whom::Ahead } else { Whom::All };
        let violators = leaders(system, token, &h, whom);
        if violators.is_empty() {
            side = Side::Wins(h);
            break;
        }
        let rivals = violators.into_iter().map(|j| Constraint::Rival(Rival::Token(j)));
        let mut added = 0;
        for constraint in outside.into_iter().map(Constraint::Rival).chain(rivals) {
            if added == BATCH {
                break;
            }
            added += usize::from(add(constraint, &mut problem, &mut working));
        }
        if added == 0 {
            break;
        }
        match problem.solve() {
            Outcome::Point(u) => h = system.hidden_state(&u),
            Outcome::Combination(c) => {
                side = Side::Loses(unscaled(system, token, &working, c));
                break;
            }
            Outcome::Stalled => break,
        }
        if !h.iter().all(|x| x.is_finite()) {
            break;
        }
    }
    let multipliers = unscaled(system, token, &working, problem.multipliers());
    Proposal { side, working, multipliers }
}

fn unscaled(
    system: &System,
    token: u32,
    working: &[Constraint],
    multipliers: Vec<(usize, f64)>,
) -> Vec<(Constraint, f64)> {
    multipliers
        .into_iter()
        .map(|(i, m)| (working[i], system.unscaled(token, working[i], m)))
        .filter(|(_, m)| *m > 0.0)
        .collect()
}

/// Ends of the domain that `h` has passed, the worst first.
fn ends_passed(system: &System, h: &[f64]) -> Vec<Rival> {
    let domain = system.question().domain();
    let mut passed: Vec<(f64, Rival)> = system
        .columns()
        .iter()
        .flat_map(|&k| {
            [
                (domain.lo(k) - h[k], Rival::Lower(k as u32)),
                (h[k] - domain.hi(k), Rival::Upper(k as u32)),
            ]
        })
        .filter(|(excess, _)| *excess > 0.0)
        .collect();
    passed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // Half a batch at most, so that rivals always come in too.
    passed.into_iter().map(|p| p.1).take(BATCH / 2).collect()
}

/// Which rivals a scan looks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Those that score at least as much as the token.
    Ahead,
    /// All of them.
    All,
}

/// The rivals with the largest float64 scores at `h`, the largest first.
fn leaders(system: &System, token: u32, h: &[f64], whom: Whom) -> Vec<u32> {
    let question = system.question();
    let head = question.head();
    let own = head.dot(token as usize, h) + head.bias(token as usize);
    let mut ahead: Vec<(f64, u32)> = (0..head.tokens() as u32)
        .map(|j| (head.dot(j as usize, h) + head.bias(j as usize), j))
        // Negated so that NaN counts as ahead.
        .filter(|&(score, j)| (whom == Whom::All || !(score < own)) && j != token)
        .filter(|&(_, j)| !question.groups().same_row(token, j))
        .collect();
    let order = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if ahead.len() > 8 * BATCH {
        ahead.select_nth_unstable_by(8 * BATCH, order);
        ahead.truncate(8 * BATCH);
    }
    ahead.sort_by(order);
    ahead.into_iter().map(|a| a.1).collect()
}
