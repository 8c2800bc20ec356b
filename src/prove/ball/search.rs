//! The search for one token in a ball: the nearest point with a requested clearance to all rivals, with a working
//! set.
//!
//! This is least-distance programming (Lawson and Hanson 1974, ch. 23) without lifting: `min |u - anchor|` subject to
//! `row.u + level >= clearance`. The first anchor is the point where the token almost won; if that leads out of the
//! ball, anchors closer to the centre follow, and at last the centre. With the centre as anchor, the point is the
//! shortest that the working set allows, and if that is too long, the multipliers show that the token never wins
//! ([`crate::certify::ball_loss`]). For the use of the points, and of clearances that are too large, see
//! [`crate::prove::ball::batch`].

use std::collections::HashSet;

use crate::arithmetic::rounding::norm_up_of;
use crate::certify::Rival;
use crate::certify::pairs::TrialPoint;
use crate::order;
use crate::prove::ball::system::{BallSystem, Face};
use crate::prove::least_distance::LeastDistance;
use crate::prove::solver::{Outcome, Solver};

/// What is requested of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// This distance from the face of every rival, in scaled coordinates.
    Clearance(f64),
    /// This gap to every rival, in logits.
    Gap(f64),
}

/// The number of rivals added at a time if the solver keeps the active rows: the point may then already beat the
/// others.
const BATCH: usize = 32;
/// The most numbers in all rows of a search: some hundreds of megabytes. In wide heads the rows are mainly range
/// ends, and if so many of them do not decide, more will not either.
const MOST_NUMBERS: usize = 1 << 25;
/// The limit of [`MOST_NUMBERS`] for wide heads.
const WIDE_NUMBERS: usize = 1 << 22;
/// How often the anchor is moved towards the centre before the search begins from the centre.
const MOST_INNER_ANCHORS: usize = 6;
/// The share of the radius of the first such anchor; each further one multiplies it by this factor again.
const DRAWN_IN_SHARE: f64 = 7.0 / 8.0;

/// The state of the search for one token.
pub struct Search<'a> {
    sphere: &'a BallSystem<'a>,
    token: u32,
    solver: LeastDistance,
    rows: Vec<Row>,
    known: HashSet<Rival>,
    ask: Ask,
    anchor: Option<Vec<f64>>,
    /// How often the anchor was moved towards the centre.
    drawn_in: usize,
    /// The point to try next.
    z: Vec<f64>,
    /// Whether the solver starts from scratch for another anchor or request.
    anew: bool,
}

/// A row of the solver: the face of a rival, scaled to length one.
#[derive(Clone, Copy, Debug)]
struct Row {
    rival: Rival,
    /// The length before scaling.
    length: f64,
    level: f64,
}

/// The result of one step.
pub enum Step {
    /// A point that keeps the request to all rivals in the working set.
    Point,
    /// There is no such point: multipliers of unscaled inequalities whose combination is 0, up to rounding.
    Combination(Vec<(Rival, f64)>),
    /// Float64 could not continue, or no new rival was given.
    Stalled,
}

impl<'a> Search<'a> {
    /// A search with an empty working set, from the centre of the ball or from an anchor.
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

    /// Lets the solver keep the active rows for another anchor or request: several times as fast, but rounding errors
    /// add up.
    pub fn keeping_rows(mut self) -> Self {
        self.anew = false;
        self
    }

    /// The token.
    pub fn token(&self) -> u32 {
        self.token
    }

    /// The point to try.
    pub fn point(&self) -> &[f64] {
        &self.z
    }

    /// The present request.
    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// The number of rivals and range ends in the working set.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// Whether this rival or range end was given before.
    pub fn knows(&self, rival: Rival) -> bool {
        self.known.contains(&rival)
    }

    /// Whether the next point is the shortest one, not the nearest to an anchor.
    pub fn is_from_centre(&self) -> bool {
        self.anchor.is_none()
    }

    /// Continues from the centre with this request and all rivals known so far.
    pub fn restart(&mut self, ask: Ask) -> Step {
        self.ask = ask;
        self.anchor = None;
        self.aim();
        self.solve()
    }

    /// Continues from an anchor on the ray to the present point, some way inside the ball, with all rivals known so
    /// far; from the centre if that was done often enough.
    pub fn retry_from_inner_anchor(&mut self) -> Step {
        let length = norm_up_of(&self.z);
        if self.anchor.is_none() || self.drawn_in == MOST_INNER_ANCHORS || !length.is_finite() {
            return self.restart(self.ask);
        }
        self.drawn_in += 1;
        let share =
            DRAWN_IN_SHARE.powi(self.drawn_in as i32) * self.sphere.ball().radius_down() / length;
        self.anchor = Some(self.z.iter().map(|x| x * share).collect());
        self.aim();
        self.solve()
    }

    /// The anchor in scaled coordinates; 0 for the centre.
    fn aimed_at(&self) -> Vec<f64> {
        match &self.anchor {
            Some(anchor) => self.sphere.scaled(anchor),
            None => vec![0.0; self.sphere.dim()],
        }
    }

    /// Passes the present anchor and request to the solver.
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

    /// The lower bound of `row.u` that the request sets for a row.
    fn wanted(&self, row: &Row) -> f64 {
        let clearance = match (self.ask, row.rival) {
            (Ask::Clearance(clearance), _) => clearance,
            (Ask::Gap(gap), Rival::Token(_)) => gap / row.length * self.sphere.unit(),
            (Ask::Gap(_), _) => 0.0,
        };
        clearance - row.level
    }

    /// Adds a rival to the working set; false if its row is 0.
    fn enter(&mut self, rival: Rival) -> bool {
        let Some(Face { row, length, level }) = self.sphere.face(self.token, rival) else {
            return false;
        };
        let looked_at = Row { rival, length, level };
        self.solver.add_bounded(&row, self.wanted(&looked_at));
        self.rows.push(looked_at);
        true
    }

    /// Adds rivals, the most pressing first: one batch, and, as long as the point stays inside the ball, further
    /// batches of those that it does not beat.
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

    /// Removes from `told` at most a batch of the rivals that the point does not beat, the worst first.
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
        order::keep_highest(&mut ahead, batch);
        let chosen: HashSet<Rival> = ahead.iter().map(|a| a.1).collect();
        told.retain(|rival| !chosen.contains(rival));
        ahead.into_iter().map(|a| a.1).collect()
    }

    /// Solves over the working set.
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

    /// The multipliers of the point, for unscaled inequalities.
    pub fn multipliers(&self) -> Vec<(Rival, f64)> {
        self.unscaled(self.solver.multipliers())
    }

    /// Converts multipliers of the solver's rows to unscaled inequalities.
    fn unscaled(&self, multipliers: Vec<(usize, f64)>) -> Vec<(Rival, f64)> {
        let scaled = multipliers.into_iter().filter(|m| m.1 > 0.0);
        scaled.map(|(i, m)| (self.rows[i].rival, m / self.rows[i].length)).collect()
    }

    /// Whether the point lies inside the ball, with a small margin.
    pub fn is_inside(&self) -> bool {
        self.sphere.is_inside(&self.z)
    }

    /// The point as an attempt to prove, with the gap that its closest rivals seem to leave.
    pub fn trial_point(&self) -> TrialPoint {
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
        TrialPoint { token: self.token, h: self.z.clone(), scale: None, floor }
    }
}
