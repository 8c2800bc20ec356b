//! A few rivals at a time, the worst violators added until one side is found.

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

/// Searches for several tokens with the solver `S`, in rounds: one block of products scores all
/// hidden states of a round, several times as fast as one at a time, and no token's answer depends on
/// the others.
pub fn search<S: Solver>(system: &System, tokens: Vec<(u32, Start)>) -> Vec<Proposal> {
    let head = system.question().head();
    let count = head.tokens();
    let mut searches: Vec<Search<S>> =
        tokens.into_iter().map(|(token, start)| Search::new(system, token, start)).collect();
    let mut scores = vec![0.0; searches.len() * count];
    for round in 0..ROUNDS {
        let mut running: Vec<&mut Search<S>> =
            searches.iter_mut().filter(|s| s.side.is_none()).collect();
        if running.is_empty() {
            break;
        }
        let outside: Vec<Vec<Rival>> = running.iter_mut().map(|s| s.enter_domain()).collect();
        let points: Vec<f64> = running.iter().flat_map(|s| s.h.iter().copied()).collect();
        head.product(&points, 0..count, &mut scores, count);
        for ((search, outside), scores) in
            running.into_iter().zip(outside).zip(scores.chunks_exact(count))
        {
            search.advance(outside, scores, round);
        }
    }
    searches.into_iter().map(Search::proposal).collect()
}

/// The search for one token, between two rounds.
struct Search<'a, S> {
    system: &'a System<'a>,
    token: u32,
    problem: S,
    working: Vec<Constraint>,
    known: HashSet<Constraint>,
    /// Where the rivals are scored next.
    h: Vec<f64>,
    may_win: bool,
    side: Option<Side>,
}

impl<'a, S: Solver> Search<'a, S> {
    fn new(system: &'a System<'a>, token: u32, start: Start) -> Self {
        let mut search = Search {
            system,
            token,
            problem: S::new(system.dim()),
            working: Vec::new(),
            known: HashSet::new(),
            h: start.near,
            may_win: start.may_win,
            side: None,
        };
        if system.is_lifted() {
            search.add(Constraint::Scale);
        }
        search
    }

    /// Takes a constraint into the working set, unless it is there or has no usable row.
    fn add(&mut self, constraint: Constraint) -> bool {
        let mut row = self.system.row(self.token, constraint);
        if !self.known.insert(constraint)
            || normalise(&mut row) == 0.0
            || !row.iter().all(|x| x.is_finite())
        {
            return false;
        }
        self.problem.add(&row);
        self.working.push(constraint);
        true
    }

    /// Moves the hidden state into the domain and returns the ends that it had passed.
    fn enter_domain(&mut self) -> Vec<Rival> {
        let outside = ends_passed(self.system, &self.h);
        self.system.question().domain().clamp(&mut self.h);
        outside
    }

    /// One round: adds the worst violators at `h`, given all tokens' scores there, and solves again.
    fn advance(&mut self, outside: Vec<Rival>, scores: &[f64], round: usize) {
        let whom = if round > 0 || self.may_win { Whom::Ahead } else { Whom::All };
        let violators = leaders(self.system, self.token, scores, whom);
        if violators.is_empty() {
            self.side = Some(Side::Wins(std::mem::take(&mut self.h)));
            return;
        }
        let rivals = violators.into_iter().map(|j| Constraint::Rival(Rival::Token(j)));
        let mut added = 0;
        for constraint in outside.into_iter().map(Constraint::Rival).chain(rivals) {
            if added == BATCH {
                break;
            }
            added += usize::from(self.add(constraint));
        }
        if added == 0 {
            self.side = Some(Side::Stuck);
            return;
        }
        match self.problem.solve() {
            Outcome::Point(u) => self.h = self.system.hidden_state(&u),
            Outcome::Combination(c) => {
                self.side = Some(Side::Loses(unscaled(self.system, self.token, &self.working, c)));
            }
            Outcome::Stalled => self.side = Some(Side::Stuck),
        }
        if self.side.is_none() && !self.h.iter().all(|x| x.is_finite()) {
            self.side = Some(Side::Stuck);
        }
    }

    fn proposal(self) -> Proposal {
        let multipliers =
            unscaled(self.system, self.token, &self.working, self.problem.multipliers());
        Proposal { side: self.side.unwrap_or(Side::Stuck), working: self.working, multipliers }
    }
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

/// The rivals with the largest scores, the largest first; `scores` are those of all tokens without biases.
fn leaders(system: &System, token: u32, scores: &[f64], whom: Whom) -> Vec<u32> {
    let question = system.question();
    let head = question.head();
    let own = scores[token as usize] + head.bias(token as usize);
    let mut ahead: Vec<(f64, u32)> = (0..head.tokens() as u32)
        .map(|j| (scores[j as usize] + head.bias(j as usize), j))
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
