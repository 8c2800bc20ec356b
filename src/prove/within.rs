//! The search for one token in a ball: the nearest point with some room to all rivals, a few rivals at a time.
//!
//! Least-distance programming again (Lawson and Hanson 1974, ch. 23), now without lifting: `min |u - anchor|` subject
//! to `row.u + level >= room`. First from the point where the token almost won; where that leads out of the ball, from
//! anchors drawn in towards the centre, and at last from the centre: then the point is the shortest that the rivals looked at allow, and if that is too long, the multipliers
//! show that the token never wins ([`crate::certify::outweighed`]). The room is made smaller until one side is plain.

use std::collections::HashSet;

use super::least_distance::LeastDistance;
use super::solver::{Outcome, Solver};
use super::sphere::Sphere;
use super::working_set::Start;
use crate::arithmetic::rounding::norm_up;
use crate::certify::pairs::{Attempt, Pairs, Trial};
use crate::certify::witness::{self, Refusal, Witness};
use crate::certify::{Rival, Verdict, outweighed};

/// What is asked of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// This distance from every rival's face, in scaled coordinates.
    Room(f64),
    /// This gap to every rival, in logits.
    Gap(f64),
}

/// Rooms asked for, from bold to faint: the last is still well above what the solver leaves undone.
const ROOMS: [f64; 4] = [1.0, 1.0 / 256.0, 1.0 / 65536.0, 1.0 / 16777216.0];
/// Rounds before giving up; each adds at least one new rival.
const ROUNDS: usize = 400;
/// Searches start this share of the way out to the point where the token almost won, where that is on the sphere.
const OUT: f64 = 15.0 / 16.0;
/// How often an anchor is drawn in before a search begins from the centre.
const DRAWN_IN: usize = 6;
/// The share of the radius where the first drawn-in anchor lies; each further one lies in by as much again.
const IN: f64 = 7.0 / 8.0;
/// A point this close to the sphere, as a share of its radius, counts as beyond it.
const EDGE: f64 = 1.0 / 1073741824.0;

/// What a search came to.
#[derive(Clone, Debug)]
pub enum Side {
    /// The token was proved to win at a point.
    Wins(Witness),
    /// It was proved never to win.
    Loses(Verdict),
    /// Neither. With the last multipliers, if any, of unscaled inequalities.
    Stuck(Vec<(Rival, f64)>),
}

/// The state of the method for one token.
pub struct Search<'a> {
    sphere: &'a Sphere<'a>,
    token: u32,
    problem: LeastDistance,
    working: Vec<Rival>,
    lengths: Vec<f64>,
    known: HashSet<Rival>,
    ask: Ask,
    anchor: Option<Vec<f64>>,
    /// How often it was drawn in.
    drawn_in: usize,
    /// The point to look at next.
    z: Vec<f64>,
}

/// What a step of the method gives.
pub enum Step {
    /// A point that keeps what is asked to the rivals looked at so far.
    Point,
    /// There is none: multipliers of unscaled inequalities whose combination is 0, to rounding.
    Combination(Vec<(Rival, f64)>),
    /// Float64 could not go on, or no new rival was given.
    Stalled,
}

impl<'a> Search<'a> {
    /// A search that has looked at no rival yet, from the centre of the ball or from an anchor.
    pub fn new(sphere: &'a Sphere<'a>, token: u32, ask: Ask, anchor: Option<Vec<f64>>) -> Self {
        let dim = sphere.question().head().dim();
        let mut search = Search {
            sphere,
            token,
            problem: LeastDistance::new(dim),
            working: Vec::new(),
            lengths: Vec::new(),
            known: HashSet::new(),
            ask,
            z: anchor.clone().unwrap_or_else(|| vec![0.0; dim]),
            anchor,
            drawn_in: 0,
        };
        search.begin(&[]);
        search
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The point to look at.
    pub fn point(&self) -> &[f64] {
        &self.z
    }

    /// The rivals and ends looked at so far.
    pub fn working(&self) -> &[Rival] {
        &self.working
    }

    /// Whether the next point is the shortest one rather than the nearest to an anchor.
    pub fn is_from_centre(&self) -> bool {
        self.anchor.is_none()
    }

    /// Begins again with another wish, from the centre, with all rivals known so far.
    pub fn restart(&mut self, ask: Ask) -> Step {
        self.ask = ask;
        self.anchor = None;
        let working = std::mem::take(&mut self.working);
        self.lengths.clear();
        self.begin(&working);
        self.solve()
    }

    /// Begins again from an anchor that lies where the ray to the point meets the ball, and then some way in, with all
    /// rivals known so far; from the centre when that was done often enough.
    fn draw_in(&mut self, ask: Ask) -> Step {
        let length = norm_up(self.z.iter().copied());
        if self.anchor.is_none() || self.drawn_in == DRAWN_IN || !length.is_finite() {
            return self.restart(ask);
        }
        self.drawn_in += 1;
        let share = IN.powi(self.drawn_in as i32) * self.sphere.ball().radius_down() / length;
        self.anchor = Some(self.z.iter().map(|x| x * share).collect());
        let working = std::mem::take(&mut self.working);
        self.lengths.clear();
        self.begin(&working);
        self.solve()
    }

    fn begin(&mut self, working: &[Rival]) {
        self.problem = LeastDistance::new(self.sphere.question().head().dim());
        if let Some(anchor) = &self.anchor {
            let scaled: Vec<f64> = anchor.iter().map(|x| x * self.sphere.unit()).collect();
            self.problem.near(&scaled);
        }
        for &rival in working {
            self.enter(rival);
        }
    }

    fn enter(&mut self, rival: Rival) -> bool {
        let Some(face) = self.sphere.face(self.token, rival) else { return false };
        let wanted = match (self.ask, rival) {
            (Ask::Room(room), _) => room,
            (Ask::Gap(gap), Rival::Token(_)) => gap / face.length * self.sphere.unit(),
            (Ask::Gap(_), _) => 0.0,
        };
        self.problem.add_bounded(&face.row, wanted - face.level);
        self.working.push(rival);
        self.lengths.push(face.length);
        true
    }

    /// Takes in rivals, the most pressing first: a batch of them, and as long as the point keeps inside the ball more of
    /// those that it does not beat.
    pub fn advance(&mut self, rivals: impl IntoIterator<Item = Rival>) -> Step {
        let batch = self.z.len().clamp(32, 128);
        let mut told: Vec<Rival> = rivals.into_iter().filter(|r| !self.known.contains(r)).collect();
        if told.is_empty() {
            return Step::Stalled;
        }
        let mut next: Vec<Rival> = told.drain(..told.len().min(batch)).collect();
        loop {
            let mut added = 0;
            for rival in next {
                added += usize::from(self.known.insert(rival) && self.enter(rival));
            }
            if added == 0 {
                return Step::Stalled;
            }
            let step = self.solve();
            if told.is_empty() || !matches!(step, Step::Point) || !self.is_inside() {
                return step;
            }
            next = self.unbeaten(&mut told, batch);
            if next.is_empty() {
                return step;
            }
        }
    }

    /// Removes from `told` the rivals that the point does not beat, at most a batch, the worst first.
    fn unbeaten(&self, told: &mut Vec<Rival>, batch: usize) -> Vec<Rival> {
        let head = self.sphere.question().head();
        let score = |j: u32| head.dot(j as usize, &self.z) + head.bias(j as usize);
        let own = score(self.token);
        let mut ahead: Vec<(f64, Rival)> = told
            .iter()
            .filter_map(|&rival| match rival {
                Rival::Token(j) => Some((score(j) - own, rival)),
                _ => None,
            })
            .filter(|(ahead, _)| *ahead >= 0.0)
            .collect();
        ahead.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ahead.truncate(batch);
        let chosen: HashSet<Rival> = ahead.iter().map(|a| a.1).collect();
        told.retain(|rival| !chosen.contains(rival));
        ahead.into_iter().map(|a| a.1).collect()
    }

    fn solve(&mut self) -> Step {
        match self.problem.solve() {
            Outcome::Point(u) => {
                self.z = u.iter().map(|x| x / self.sphere.unit()).collect();
                if self.z.iter().all(|x| x.is_finite()) { Step::Point } else { Step::Stalled }
            }
            Outcome::Combination(c) => Step::Combination(self.unscaled(c)),
            Outcome::Stalled => Step::Stalled,
        }
    }

    /// The multipliers of the point, on unscaled inequalities.
    pub fn multipliers(&self) -> Vec<(Rival, f64)> {
        self.unscaled(self.problem.multipliers())
    }

    fn unscaled(&self, multipliers: Vec<(usize, f64)>) -> Vec<(Rival, f64)> {
        let scaled = multipliers.into_iter().filter(|m| m.1 > 0.0);
        scaled.map(|(i, m)| (self.working[i], m / self.lengths[i])).collect()
    }

    /// Whether the point lies inside the ball, with a little room.
    pub fn is_inside(&self) -> bool {
        norm_up(self.z.iter().copied()) < self.sphere.ball().radius_down() * (1.0 - EDGE)
    }

    /// The point and the gap that its closest rivals seem to leave, for a proof.
    fn attempt(&self) -> Attempt {
        let head = self.sphere.question().head();
        let score = |j: u32| head.dot(j as usize, &self.z) + head.bias(j as usize);
        let own = score(self.token);
        let held = self.problem.multipliers().into_iter().map(|(i, _)| self.working[i]);
        let least = held.fold(f64::INFINITY, |least, rival| match rival {
            Rival::Token(j) => least.min(own - score(j)),
            _ => least,
        });
        let least = if least.is_finite() { least } else { own.abs() };
        let floor = (least / 2.0).max(1e-60);
        Attempt { token: self.token, h: self.z.clone(), scale: None, floor }
    }
}

/// Searches for several tokens in rounds that share passes over the rows; no token's answer depends on the others.
pub fn search(sphere: &Sphere, pairs: Option<&Pairs>, tokens: Vec<(u32, Start)>) -> Vec<Side> {
    let mut states: Vec<(Search, Option<Side>)> = tokens
        .into_iter()
        .map(|(token, start)| {
            let inside =
                norm_up(start.near.iter().copied()) < sphere.ball().radius_down() * (1.0 - EDGE);
            let share = if inside { 1.0 } else { OUT };
            let anchor = start.near.iter().map(|x| x * share).collect();
            let mut search = Search::new(sphere, token, Ask::Room(ROOMS[0]), Some(anchor));
            let side = match start.behind.is_empty() {
                true => None,
                false => {
                    let step = search.advance(start.behind.into_iter().map(Rival::Token));
                    conclude(&mut search, step)
                }
            };
            (search, side)
        })
        .collect();
    for _ in 0..ROUNDS {
        let mut running: Vec<&mut (Search, Option<Side>)> =
            states.iter_mut().filter(|s| s.1.is_none()).collect();
        if running.is_empty() {
            break;
        }
        let trials = tried(sphere, pairs, running.iter().map(|s| &s.0).collect());
        for ((search, side), trial) in running.iter_mut().map(|s| (&mut s.0, &mut s.1)).zip(trials)
        {
            *side = match trial {
                Trial::Wins(witness) => Some(Side::Wins(witness)),
                Trial::Behind(rivals) => {
                    let outside = sphere.ends_passed(search.point());
                    let half = outside.len().min(search.z.len().clamp(32, 128) / 2);
                    let ends = outside.into_iter().take(half);
                    let step = search.advance(ends.chain(rivals.into_iter().map(Rival::Token)));
                    conclude(search, step)
                }
            };
        }
    }
    states.into_iter().map(|(search, side)| side.unwrap_or_else(|| stuck(&search))).collect()
}

/// What a step means: a side, or none while there is a point inside the ball to look at.
fn conclude(search: &mut Search, mut step: Step) -> Option<Side> {
    loop {
        let stalled = matches!(step, Step::Stalled);
        let multipliers = match step {
            Step::Point if search.is_inside() => return None,
            Step::Point | Step::Stalled => search.multipliers(),
            Step::Combination(multipliers) => multipliers,
        };
        if search.is_from_centre() && !stalled {
            let question = search.sphere.question();
            let proof = outweighed::certify_plainly(question, search.token, &multipliers);
            if let Some(verdict) = proof {
                return Some(Side::Loses(verdict));
            }
        }
        let room = match search.ask {
            Ask::Room(room) if search.is_from_centre() => ROOMS.into_iter().find(|r| *r < room),
            Ask::Room(room) => Some(room),
            Ask::Gap(_) => None,
        };
        match room {
            Some(room) if !stalled && search.drawn_in < DRAWN_IN => {
                step = search.draw_in(Ask::Room(room));
            }
            Some(room) => step = search.restart(Ask::Room(room)),
            None => return Some(Side::Stuck(multipliers)),
        }
    }
}

fn stuck(search: &Search) -> Side {
    Side::Stuck(search.multipliers())
}

/// Tries the points of several searches.
fn tried(sphere: &Sphere, pairs: Option<&Pairs>, searches: Vec<&Search>) -> Vec<Trial> {
    let mut trials = match pairs {
        Some(pairs) => pairs.attempt(searches.iter().map(|s| s.attempt()).collect()),
        None => vec![Trial::Behind(Vec::new()); searches.len()],
    };
    let open: Vec<usize> = (0..searches.len())
        .filter(|&i| matches!(&trials[i], Trial::Behind(rivals) if rivals.is_empty()))
        .collect();
    let points = open.iter().map(|&i| (searches[i].token, searches[i].z.clone())).collect();
    let proved = witness::certify_floats(sphere.question(), points);
    for (i, proved) in open.into_iter().zip(proved) {
        trials[i] = match proved {
            Ok(witness) => Trial::Wins(witness),
            Err(Refusal::Outside) => Trial::Behind(Vec::new()),
            Err(Refusal::Beaten(rivals)) => Trial::Behind(worst_first(sphere, searches[i], rivals)),
        };
    }
    trials
}

/// Rivals by falling score at the point of a search.
fn worst_first(sphere: &Sphere, search: &Search, rivals: Vec<u32>) -> Vec<u32> {
    let head = sphere.question().head();
    let score = |j: u32| head.dot(j as usize, &search.z) + head.bias(j as usize);
    let mut scored: Vec<(f64, u32)> = rivals.into_iter().map(|j| (score(j), j)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|s| s.1).collect()
}
