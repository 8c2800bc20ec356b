//! A set of constraints, one bit each.

use crate::certify::Rival;
use crate::prove::polyhedron::system::{Constraint, System};

/// The constraints that a search has seen.
#[derive(Clone, Debug)]
pub struct Marks {
    tokens: usize,
    dim: usize,
    bits: Vec<u64>,
}

impl Marks {
    /// No constraint of the system.
    pub fn new(system: &System) -> Self {
        let head = system.problem().head();
        let (tokens, dim) = (head.tokens(), head.dim());
        Marks { tokens, dim, bits: vec![0; (tokens + 2 * dim + 1).div_ceil(64)] }
    }

    /// Adds a constraint; false if it was there.
    pub fn insert(&mut self, constraint: Constraint) -> bool {
        let at = match constraint {
            Constraint::Rival(Rival::Token(j)) => j as usize,
            Constraint::Rival(Rival::Lower(k)) => self.tokens + k as usize,
            Constraint::Rival(Rival::Upper(k)) => self.tokens + self.dim + k as usize,
            Constraint::Scale => self.tokens + 2 * self.dim,
        };
        let (word, bit) = (&mut self.bits[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Domain;
    use crate::head::Head;
    use crate::problem::Problem;

    #[test]
    fn each_constraint_is_new_once() {
        let head = Head::new(vec![1.0; 63 * 3], None, 63, 3).unwrap();
        let domain = Domain::range(3, -1.0, 1.0).unwrap();
        let problem = Problem::new(&head, &domain).unwrap();
        let mut marks = Marks::new(&System::new(&problem));
        let tokens = (0..63).map(Rival::Token);
        let ends = (0..3).flat_map(|k| [Rival::Lower(k), Rival::Upper(k)]);
        let all: Vec<Constraint> =
            tokens.chain(ends).map(Constraint::Rival).chain([Constraint::Scale]).collect();
        assert!(all.iter().all(|&c| marks.insert(c)));
        assert!(!all.iter().any(|&c| marks.insert(c)));
    }
}
