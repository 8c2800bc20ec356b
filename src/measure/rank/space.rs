//! The inequalities of a token in the coordinates of a solver, over boxes and balls alike.

use crate::certify::Rival;
use crate::order;
use crate::problem::Problem;
use crate::prove::ball::system::BallSystem;
use crate::prove::polyhedron::system::{Constraint, System, normalise};

/// The distance from the face of a rival that is requested in a ball, in the coordinates of [`BallSystem`]: about a
/// millionth of the radius.
const CLEARANCE: f64 = 1.0 / 1024.0;
/// The scale `s` that is requested of lifted solutions, where 1 is requested of rivals.
const LEAST_SCALE: f64 = 1.0 / 4096.0;

/// Where points are searched.
pub enum Space<'a> {
    /// A box or all of space: solutions are lifted hidden states.
    Cone(System<'a>),
    /// A ball, perhaps with a box.
    Ball(BallSystem<'a>),
}

/// An inequality `row.u >= wanted`, with a row of length one.
pub struct Inequality {
    /// The row.
    pub row: Vec<f64>,
    /// The length before scaling: a multiplier of the row, divided by it, belongs to the unscaled row.
    pub length: f64,
    /// The bound.
    pub wanted: f64,
}

impl<'a> Space<'a> {
    /// The space of a problem.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        match BallSystem::new(problem) {
            Some(sphere) => Space::Ball(sphere),
            None => Space::Cone(System::new(problem)),
        }
    }

    /// The problem.
    pub fn problem(&self) -> &'a Problem<'a> {
        match self {
            Space::Cone(system) => system.problem(),
            Space::Ball(sphere) => sphere.problem(),
        }
    }

    /// The number of coordinates of solutions.
    pub fn dim(&self) -> usize {
        match self {
            Space::Cone(system) => system.dim(),
            Space::Ball(sphere) => sphere.dim(),
        }
    }

    /// The largest length of a solution, if there is a limit.
    pub fn radius(&self) -> Option<f64> {
        match self {
            Space::Cone(_) => None,
            Space::Ball(sphere) => Some(sphere.ball().radius_down() * sphere.unit()),
        }
    }

    /// The constraint that every search has, if there is one.
    pub fn first(&self) -> Option<Constraint> {
        match self {
            Space::Cone(system) if system.is_lifted() => Some(Constraint::Scale),
            _ => None,
        }
    }

    /// The inequality of a constraint of a token; `None` if its row is 0 in float64.
    pub fn inequality(&self, token: u32, constraint: Constraint) -> Option<Inequality> {
        match (self, constraint) {
            (Space::Cone(system), constraint) => {
                let mut row = system.row(token, constraint);
                let length = normalise(&mut row);
                let sound = length > 0.0 && row.iter().all(|x| x.is_finite());
                let wanted = match constraint {
                    Constraint::Rival(Rival::Token(_)) => 1.0,
                    Constraint::Rival(_) => 0.0,
                    Constraint::Scale => LEAST_SCALE,
                };
                sound.then_some(Inequality { row, length, wanted })
            }
            (Space::Ball(sphere), Constraint::Rival(rival)) => {
                let face = sphere.face(token, rival)?;
                let clearance = if matches!(rival, Rival::Token(_)) { CLEARANCE } else { 0.0 };
                let wanted = clearance - face.level;
                Some(Inequality { row: face.row, length: face.length, wanted })
            }
            (Space::Ball(_), Constraint::Scale) => None,
        }
    }

    /// The point of a solution, moved into the box where it can be moved.
    pub fn point(&self, u: &[f64]) -> Vec<f64> {
        match self {
            Space::Cone(system) => {
                let mut h = system.hidden_state(u);
                system.problem().domain().clamp(&mut h);
                h
            }
            Space::Ball(sphere) => sphere.unscaled(u),
        }
    }

    /// The ends of ranges that a solution has passed, the worst first.
    pub fn ends_passed(&self, u: &[f64]) -> Vec<Rival> {
        match self {
            Space::Ball(sphere) => sphere.ends_passed(&sphere.unscaled(u)),
            Space::Cone(system) => {
                let (domain, h) = (system.problem().domain(), system.hidden_state(u));
                let mut passed: Vec<(f64, Rival)> = Vec::new();
                for &k in system.columns() {
                    let ends = [
                        (domain.lo(k) - h[k], Rival::Lower(k as u32)),
                        (h[k] - domain.hi(k), Rival::Upper(k as u32)),
                    ];
                    passed.extend(ends.into_iter().filter(|(excess, _)| *excess > 0.0));
                }
                order::highest_first(&mut passed);
                passed.into_iter().map(|p| p.1).collect()
            }
        }
    }
}
