//! The working-set search: a few rivals at a time, to which the worst violators are added until one side is found.

use crate::arithmetic::rounding::norm_up;
use crate::certify::Rival;
use crate::certify::pairs::{Pairs, Trial, TrialPoint};
use crate::certify::witness::Witness;
use crate::order;
use crate::prove::polyhedron::marks::Marks;
use crate::prove::polyhedron::system::{Constraint, System, normalise};
use crate::prove::solver::{Outcome, Solver};

/// The result that the search proposes for a token.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The token.
    pub token: u32,
    /// What the search found.
    pub outcome: SearchOutcome,
    /// The constraints of the working set, in the order in which they were added.
    pub working: Vec<Constraint>,
    /// The last multipliers on unscaled rows, for a bound of the best margin.
    pub multipliers: Vec<(Constraint, f64)>,
}

/// What a search proposes.
#[derive(Clone, Debug)]
pub enum SearchOutcome {
    /// A hidden state of the domain where float64 finds no rival ahead.
    Wins(Vec<f64>),
    /// A hidden state where the token was already proved to win during the search.
    Proved(Witness),
    /// Constraints of the token and positive multipliers that combine their unscaled rows to 0.
    Loses(Vec<(Constraint, f64)>),
    /// Float64 could not decide.
    Stuck,
}

/// The number of violators added in a round: about as many as may be active in the end, for fewer rounds, but not so
/// many that scanning them costs more than it saves.
fn batch(system: &System) -> usize {
    system.dim().clamp(32, 128)
}
/// The most numbers in all rows of a search: some hundreds of megabytes. In wide heads the rows are mainly range
/// ends, and if so many of them do not decide, more will not either.
const MOST_NUMBERS: usize = 1 << 25;
/// The limit of [`MOST_NUMBERS`] for wide heads.
const WIDE_NUMBERS: usize = 1 << 22;
/// The most rounds; each adds at least one new constraint, and more than dozens are rare.
const ROUNDS: usize = 400;

/// The start of a search.
#[derive(Clone, Debug)]
pub struct Start {
    /// A hidden state, perhaps outside the domain; the first rivals of the working set are chosen there.
    pub near: Vec<f64>,
    /// Rivals that are known not to be beaten there, the worst first.
    pub behind: Vec<u32>,
    /// Whether the hidden state itself may be the solution; if not, the solver is called in any case.
    pub may_win: bool,
}

/// The length of the anchor, as a multiple of the gap that is requested for rows of length one: long enough that rows
/// far from being violated stay inactive, short enough for float64.
const ANCHOR: f64 = 1024.0;

/// Searches several tokens with the solver `S`, in rounds. One pass over the rows scores all hidden states of a
/// round, several times as fast as one at a time, and the result of a token does not depend on the others. With
/// `pairs` the pass uses 8-bit products, which also prove wins.
pub fn search<S: Solver>(
    system: &System,
    pairs: Option<&Pairs>,
    tokens: Vec<(u32, Start)>,
) -> Vec<Proposal> {
    let mut searches: Vec<Search<S>> =
        tokens.into_iter().map(|(token, start)| Search::new(system, token, start)).collect();
    for round in 0..ROUNDS {
        let mut running: Vec<&mut Search<S>> =
            searches.iter_mut().filter(|s| s.outcome.is_none()).collect();
        if running.is_empty() {
            break;
        }
        let outside: Vec<Vec<Rival>> = running.iter_mut().map(|s| s.enter_domain()).collect();
        // Searches whose point the comparison of pairs cannot judge, with the range ends that the point has passed.
        let mut rest: Vec<(&mut Search<S>, Vec<Rival>)> = Vec::new();
        match pairs.filter(|_| running.iter().all(|s| s.may_win)) {
            None => rest.extend(running.into_iter().zip(outside)),
            Some(pairs) => {
                let trials = pairs.try_points(running.iter().map(|s| s.trial_point()).collect());
                for ((search, outside), trial) in running.into_iter().zip(outside).zip(trials) {
                    match trial {
                        Trial::Wins(witness) => {
                            search.outcome = Some(SearchOutcome::Proved(witness))
                        }
                        Trial::Behind(rivals) if rivals.is_empty() => rest.push((search, outside)),
                        Trial::Behind(rivals) => search.advance(outside, rivals),
                    }
                }
            }
        }
        if !rest.is_empty() {
            by_products(system, rest, round);
        }
    }
    searches.into_iter().map(Search::proposal).collect()
}

/// One round in which all rivals are scored in float64.
fn by_products<S: Solver>(
    system: &System,
    searches: Vec<(&mut Search<S>, Vec<Rival>)>,
    round: usize,
) {
    let head = system.problem().head();
    let count = head.tokens();
    let mut points: Vec<f64> = Vec::with_capacity(searches.len() * head.dim());
    searches.iter().for_each(|(search, _)| points.extend_from_slice(&search.h));
    let scores = head.products(&points);
    for ((search, outside), scores) in searches.into_iter().zip(scores.chunks_exact(count)) {
        let whom =
            if round > 0 || search.may_win { RivalSelection::Ahead } else { RivalSelection::All };
        let violators = leaders(system, search.token, scores, whom);
        if violators.is_empty() {
            search.outcome = Some(SearchOutcome::Wins(std::mem::take(&mut search.h)));
        } else {
            search.advance(outside, violators);
        }
    }
}

/// The search for one token, between two rounds.
struct Search<'a, S> {
    system: &'a System<'a>,
    token: u32,
    solver: S,
    working: Vec<Constraint>,
    /// The lengths of the rows of the working set before they were scaled to one.
    lengths: Vec<f64>,
    known: Marks,
    /// The hidden state where the rivals are scored next.
    h: Vec<f64>,
    may_win: bool,
    /// Whether the solver has started again, from the origin.
    afresh: bool,
    outcome: Option<SearchOutcome>,
}

impl<'a, S: Solver> Search<'a, S> {
    /// Starts a search, with the rivals that the start does not beat in the working set.
    fn new(system: &'a System<'a>, token: u32, start: Start) -> Self {
        let mut search = Search {
            system,
            token,
            solver: S::new(system.dim()),
            working: Vec::new(),
            lengths: Vec::new(),
            known: Marks::new(system),
            h: start.near,
            may_win: start.may_win,
            afresh: false,
            outcome: None,
        };
        if search.may_win {
            search.solver.near(&system.solution(&search.h, ANCHOR));
        }
        if system.is_lifted() {
            search.add(Constraint::Scale);
        }
        if !start.behind.is_empty() {
            search.advance(Vec::new(), start.behind);
        }
        search
    }

    /// Adds a constraint to the working set; false if it is already there or has no usable row.
    fn add(&mut self, constraint: Constraint) -> bool {
        if !self.known.insert(constraint) {
            return false;
        }
        let mut row = self.system.row(self.token, constraint);
        let length = normalise(&mut row);
        if length == 0.0 || !row.iter().all(|x| x.is_finite()) {
            return false;
        }
        self.solver.add(&row);
        self.working.push(constraint);
        self.lengths.push(length);
        true
    }

    /// Clamps the hidden state to the domain and returns the range ends that it had passed.
    fn enter_domain(&mut self) -> Vec<Rival> {
        let outside = ends_passed(self.system, &self.h);
        self.system.problem().domain().clamp(&mut self.h);
        outside
    }

    /// The hidden state as an attempt to prove, scaled to length one if its length does not matter.
    fn trial_point(&self) -> TrialPoint {
        let problem = self.system.problem();
        let head = problem.head();
        let mut h = self.h.clone();
        let length = norm_up(h.iter().copied());
        if problem.is_scale_free() && length > 0.0 && length.is_finite() {
            h.iter_mut().for_each(|x| *x /= length);
        }
        let score = |j: u32| head.score(j as usize, &h);
        let own = score(self.token);
        // The active rivals; others leave a larger gap, or are found again as violators.
        let least =
            self.solver.multipliers().iter().fold(f64::INFINITY, |least, &(i, _)| {
                match self.working[i] {
                    Constraint::Rival(Rival::Token(j)) => least.min(own - score(j)),
                    _ => least,
                }
            });
        // The gap to prove is half of what the worst of them leaves.
        let least = if least.is_finite() { least } else { own.abs() };
        let floor = (least / 2.0).max(1e-60);
        TrialPoint { token: self.token, h, scale: None, floor }
    }

    /// Does one round: adds the worst violators at `h`, the worst first, and solves again.
    fn advance(&mut self, outside: Vec<Rival>, violators: Vec<u32>) {
        let rivals = violators.into_iter().map(|j| Constraint::Rival(Rival::Token(j)));
        let mut added = 0;
        for constraint in outside.into_iter().map(Constraint::Rival).chain(rivals) {
            if added == batch(self.system) {
                break;
            }
            added += usize::from(self.add(constraint));
        }
        let head = self.system.problem().head();
        let most = if head.is_wide() { WIDE_NUMBERS } else { MOST_NUMBERS };
        if self.working.len() * self.system.dim() > most {
            self.outcome = Some(SearchOutcome::Stuck);
            return;
        }
        let mut progress = added > 0 && self.solve();
        if !progress && !self.afresh {
            // Far from the anchor, or after very many steps, float64 is more accurate from the origin.
            self.afresh = true;
            self.solver = S::new(self.system.dim());
            for constraint in &self.working {
                let mut row = self.system.row(self.token, *constraint);
                normalise(&mut row);
                self.solver.add(&row);
            }
            progress = self.solve();
        }
        if !progress {
            self.outcome = Some(SearchOutcome::Stuck);
        }
    }

    /// Solves over the working set; false if the solver stalled.
    fn solve(&mut self) -> bool {
        match self.solver.solve() {
            Outcome::Point(u) => self.h = self.system.hidden_state(&u),
            Outcome::Combination(c) => {
                self.outcome = Some(SearchOutcome::Loses(self.unscaled(c)));
            }
            Outcome::Stalled => return false,
        }
        self.h.iter().all(|x| x.is_finite())
    }

    /// Converts multipliers of rows of length one to unscaled rows.
    fn unscaled(&self, multipliers: Vec<(usize, f64)>) -> Vec<(Constraint, f64)> {
        let unscaled = |(i, m): (usize, f64)| (self.working[i], m / self.lengths[i]);
        multipliers.into_iter().map(unscaled).filter(|(_, m)| *m > 0.0).collect()
    }

    /// The result of the search, with the last multipliers.
    fn proposal(self) -> Proposal {
        let multipliers = self.unscaled(self.solver.multipliers());
        Proposal {
            token: self.token,
            outcome: self.outcome.unwrap_or(SearchOutcome::Stuck),
            working: self.working,
            multipliers,
        }
    }
}

/// The range ends that `h` has passed, the worst first; at most half a batch.
fn ends_passed(system: &System, h: &[f64]) -> Vec<Rival> {
    let domain = system.problem().domain();
    let mut passed: Vec<(f64, Rival)> = Vec::new();
    for &k in system.columns() {
        let ends = [
            (domain.lo(k) - h[k], Rival::Lower(k as u32)),
            (h[k] - domain.hi(k), Rival::Upper(k as u32)),
        ];
        passed.extend(ends.into_iter().filter(|(excess, _)| *excess > 0.0));
    }
    order::highest_first(&mut passed);
    // Half a batch at most, so that rivals are always added too.
    passed.into_iter().map(|p| p.1).take(batch(system) / 2).collect()
}

/// Which rivals a scan returns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RivalSelection {
    /// The rivals that score at least as much as the token.
    Ahead,
    /// All rivals.
    All,
}

/// The rivals with the largest scores, the largest first; `scores` are the scores of all tokens without biases.
fn leaders(system: &System, token: u32, scores: &[f64], whom: RivalSelection) -> Vec<u32> {
    let problem = system.problem();
    let head = problem.head();
    let own = scores[token as usize] + head.bias(token as usize);
    let mut ahead: Vec<(f64, u32)> = (0..head.tokens() as u32)
        .map(|j| (scores[j as usize] + head.bias(j as usize), j))
        // Negated so that NaN counts as ahead.
        .filter(|&(score, j)| (whom == RivalSelection::All || !(score < own)) && j != token)
        .filter(|&(_, j)| !problem.groups().same_row(token, j))
        .collect();
    order::keep_highest(&mut ahead, 8 * batch(system));
    ahead.into_iter().map(|a| a.1).collect()
}
