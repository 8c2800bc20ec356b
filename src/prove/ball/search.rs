//! The search for one token in a ball: the nearest point with some clearance to all rivals, a few rivals at a time.
//!
//! Least-distance programming again (Lawson and Hanson 1974, ch. 23), now without lifting: `min |u - anchor|` subject
//! to `row.u + level >= clearance`. First from the point where the token almost won; where that leads out of the ball, from
//! anchors drawn in towards the centre, and at last from the centre: then the point is the shortest that the rivals
//! looked at allow, and if that is too long, the multipliers show that the token never wins
//! ([`crate::certify::ball_loss`]). What is made of the points, and of clearances that are too large: [`crate::prove::ball::batch`].

use std::collections::HashSet;

use crate::arithmetic::rounding::norm_up_of;
use crate::certify::Rival;
use crate::certify::pairs::Attempt;
use crate::prove::ball::system::{BallSystem, Face};
use crate::prove::least_distance::LeastDistance;
use crate::prove::solver::{Outcome, Solver};

/// What is asked of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// This distance from every rival's face, in scaled coordinates.
    Room(f64),
    /// This gap to every rival, in logits.
    Gap(f64),
}

/// Rivals taken in at a time where the solver keeps the active rows: the point may come to beat the others.
const BATCH: usize = 32;
/// Numbers of all rows of a search, at most: some hundreds of megabytes. In heads with more coordinates than tokens it is
/// ends of ranges that come in, and where so many do not tell, more of them do not either.
const MOST_NUMBERS: usize = 1 << 25;
const WIDE_NUMBERS: usize = 1 << 22;
/// How often an anchor is drawn in before a search begins from the centre.
const DRAWN_IN: usize = 6;
/// The share of the radius where the first drawn-in anchor lies; each further one lies in by as much again.
const DRAWN_IN_SHARE: f64 = 7.0 / 8.0;

/// The state of the method for one token.
pub struct Search<'a> {
    sphere: &'a BallSystem<'a>,
    token: u32,
    solver: LeastDistance,
    rows: Vec<Row>,
    known: HashSet<Rival>,
    ask: Ask,
    anchor: Option<Vec<f64>>,
    /// How often it was drawn in.
    drawn_in: usize,
    /// The point to look at next.
    z: Vec<f64>,
    /// Whether the solver begins anew for another anchor or wish.
    anew: bool,
}

/// A row of the solver: a face of length one.
#[derive(Clone, Copy, Debug)]
struct Row {
    rival: Rival,
    /// How long it was.
    length: f64,
    level: f64,
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
    pub fn new(sphere: &'a BallSystem<'a>, token: u32, ask: Ask, anchor: Option<Vec<f64>>) -> Self {
        let dim = sphere.problem().head().dim();
        let mut search = Search {
            sphere,
            token,
            solver: LeastDistance::new(sphere.dim()),
            rows: Vec::new(),
            known: HashSet::new(),
            ask,
            z: anchor.clone().unwrap_or_else(|| vec![0.0; dim]),
            anchor,
            drawn_in: 0,
            anew: true,
        };
        search.solver.near(&search.aimed_at());
        search
    }

    /// Lets the solver keep the active rows for another anchor or wish: several times as fast, but rounding adds up.
    pub fn keeping_rows(mut self) -> Self {
        self.anew = false;
        self
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The point to look at.
    pub fn point(&self) -> &[f64] {
        &self.z
    }

    /// What is asked of the point.
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// How many rivals and ends the point is held against.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// Whether a rival or an end was given before.
    pub fn knows(&self, rival: Rival) -> bool {
        self.known.contains(&rival)
    }

    /// Whether the next point is the shortest one rather than the nearest to an anchor.
    pub fn is_from_centre(&self) -> bool {
        self.anchor.is_none()
    }

    /// Goes on with this or another wish from the centre, with all rivals known so far.
    pub fn restart(&mut self, ask: Ask) -> Step {
        self.ask = ask;
        self.anchor = None;
        self.aim();
        self.solve()
    }

    /// Goes on from an anchor that lies where the ray to the point meets the ball, and then some way in, with all rivals
    /// known so far; from the centre when that was done often enough.
    pub fn draw_in(&mut self) -> Step {
        let length = norm_up_of(&self.z);
        if self.anchor.is_none() || self.drawn_in == DRAWN_IN || !length.is_finite() {
            return self.restart(self.ask);
        }
        self.drawn_in += 1;
        let share =
            DRAWN_IN_SHARE.powi(self.drawn_in as i32) * self.sphere.ball().radius_down() / length;
        self.anchor = Some(self.z.iter().map(|x| x * share).collect());
        self.aim();
        self.solve()
    }

    /// The anchor in scaled coordinates.
    fn aimed_at(&self) -> Vec<f64> {
        match &self.anchor {
            Some(anchor) => self.sphere.scaled(anchor),
            None => vec![0.0; self.sphere.dim()],
        }
    }

    /// Asks the solver for the present anchor and wish.
    fn aim(&mut self) {
        let wanted = |row: &Row| self.wanted(row);
        let bounds: Vec<f64> = self.rows.iter().map(wanted).collect();
        let anchor = self.aimed_at();
        if self.anew {
            self.solver = LeastDistance::new(self.sphere.dim());
            self.solver.near(&anchor);
            for (row, bound) in self.rows.iter().zip(bounds) {
                if let Some(face) = self.sphere.face(self.token, row.rival) {
                    self.solver.add_bounded(&face.row, bound);
                }
            }
        } else {
            self.solver.aim(&anchor, bounds);
        }
    }

    /// What a row asks of the point.
    fn wanted(&self, row: &Row) -> f64 {
        let clearance = match (self.ask, row.rival) {
            (Ask::Room(clearance), _) => clearance,
            (Ask::Gap(gap), Rival::Token(_)) => gap / row.length * self.sphere.unit(),
            (Ask::Gap(_), _) => 0.0,
        };
        clearance - row.level
    }

    fn enter(&mut self, rival: Rival) -> bool {
        let Some(Face { row, length, level }) = self.sphere.face(self.token, rival) else {
            return false;
        };
        let looked_at = Row { rival, length, level };
        self.solver.add_bounded(&row, self.wanted(&looked_at));
        self.rows.push(looked_at);
        true
    }

    /// Takes in rivals, the most pressing first: a batch of them, and as long as the point keeps inside the ball more of
    /// those that it does not beat.
    pub fn advance(&mut self, rivals: impl IntoIterator<Item = Rival>) -> Step {
        let mut told: Vec<Rival> = rivals.into_iter().filter(|r| !self.known.contains(r)).collect();
        if told.is_empty() {
            return Step::Stalled;
        }
        let head = self.sphere.problem().head();
        let most = if head.is_wide() { WIDE_NUMBERS } else { MOST_NUMBERS };
        if self.rows.len() * self.sphere.dim() > most {
            return Step::Stalled;
        }
        let batch = if self.anew { self.z.len().clamp(32, 128) } else { BATCH };
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
        let head = self.sphere.problem().head();
        let score = |j: u32| head.score(j as usize, &self.z);
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
        let step = match self.solver.solve() {
            Outcome::Point(u) => {
                self.z = self.sphere.unscaled(&u);
                if self.z.iter().all(|x| x.is_finite()) { Step::Point } else { Step::Stalled }
            }
            Outcome::Combination(c) => Step::Combination(self.unscaled(c)),
            Outcome::Stalled => Step::Stalled,
        };
        self.anew |= matches!(step, Step::Stalled);
        step
    }

    /// The multipliers of the point, on unscaled inequalities.
    pub fn multipliers(&self) -> Vec<(Rival, f64)> {
        self.unscaled(self.solver.multipliers())
    }

    fn unscaled(&self, multipliers: Vec<(usize, f64)>) -> Vec<(Rival, f64)> {
        let scaled = multipliers.into_iter().filter(|m| m.1 > 0.0);
        scaled.map(|(i, m)| (self.rows[i].rival, m / self.rows[i].length)).collect()
    }

    /// Whether the point lies inside the ball, with a little clearance.
    pub fn is_inside(&self) -> bool {
        self.sphere.is_inside(&self.z)
    }

    /// The point and the gap that its closest rivals seem to leave, for a proof.
    pub fn attempt(&self) -> Attempt {
        let head = self.sphere.problem().head();
        let score = |j: u32| head.score(j as usize, &self.z);
        let own = score(self.token);
        let held = self.solver.multipliers().into_iter().map(|(i, _)| self.rows[i].rival);
        let least = held.fold(f64::INFINITY, |least, rival| match rival {
            Rival::Token(j) => least.min(own - score(j)),
            _ => least,
        });
        let least = if least.is_finite() { least } else { own.abs() };
        let floor = (least / 2.0).max(1e-60);
        Attempt { token: self.token, h: self.z.clone(), scale: None, floor }
    }
}
