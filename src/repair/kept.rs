//! Hidden states of real inputs, whose winners a repair must not change.

use crate::certify::scored::Scored;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::problem::Problem;

/// How many states are scored together.
const BLOCK: usize = 64;

/// Hidden states, each with the token that strictly wins there before the repair.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// States whose winner is proved, with it.
    states: Vec<(Vec<f64>, u32)>,
    /// The number of states at which no token is proved to win strictly.
    tied: usize,
}

/// A kept state that a token takes from its winner: the winner, the token, and by how many logits.
pub(super) type Taken = (u32, u32, f64);

impl Kept {
    /// Scores states of `d` coordinates by the head before the repair.
    ///
    /// # Errors
    /// A state of another length, or with a number that is not finite.
    pub fn new(head: &Head, states: Vec<Vec<f64>>) -> Result<Self> {
        for (at, state) in states.iter().enumerate() {
            if state.len() != head.dim() {
                return Err(Error::Invalid(format!(
                    "kept state {at} has {} coordinates, but the head has {}",
                    state.len(),
                    head.dim()
                )));
            }
            if !state.iter().all(|x| x.is_finite()) {
                return Err(Error::Invalid(format!(
                    "kept state {at} holds a number that is not finite"
                )));
            }
        }
        let free = Domain::free(head.dim());
        let problem = Problem::new(head, &free)?;
        let mut kept = Kept::default();
        for block in states.chunks(BLOCK) {
            let scored = Scored::new(&problem, block.to_vec());
            for (at, state) in block.iter().enumerate() {
                let (best, _) = best(&scored, at, head.tokens());
                match scored.witness(at, best) {
                    Ok(_) if problem.equals(best).len() == 1 => {
                        kept.states.push((state.clone(), best));
                    }
                    _ => kept.tied += 1,
                }
            }
        }
        Ok(kept)
    }

    /// The number of states with a strict winner.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there is no state with a strict winner.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The number of states at which no token was proved to win strictly: these are not kept.
    pub fn tied(&self) -> usize {
        self.tied
    }

    /// The states and their winners.
    pub(super) fn states(&self) -> &[(Vec<f64>, u32)] {
        &self.states
    }

    /// What each state says of a token by `head`: the state, its winner, and the score that the token must stay below, or, if it
    /// is the winner, above.
    pub(super) fn rivals(&self, head: &Head, token: u32) -> Vec<(&Vec<f64>, u32, f64)> {
        let score = |t: u32, h: &[f64]| head.score(t as usize, h);
        let second = |h: &[f64]| {
            let others = (0..head.tokens() as u32).filter(|t| *t != token);
            others.map(|t| score(t, h)).fold(f64::NEG_INFINITY, f64::max)
        };
        let one = |(h, winner): &'_ (Vec<f64>, u32)| match *winner == token {
            true => second(h),
            false => score(*winner, h),
        };
        self.states.iter().map(|state| (&state.0, state.1, one(state))).collect()
    }

    /// The states at which another token scores at least as much as the winner by `head`, up to rounding.
    pub(super) fn taken(&self, head: &Head) -> Result<Vec<Taken>> {
        let free = Domain::free(head.dim());
        let problem = Problem::new(head, &free)?;
        let mut taken = Vec::new();
        for block in self.states.chunks(BLOCK) {
            let scored = Scored::new(&problem, block.iter().map(|(h, _)| h.clone()).collect());
            for (at, (_, winner)) in block.iter().enumerate() {
                if scored.witness(at, *winner).is_ok() {
                    continue;
                }
                let own = scored.score(at, *winner);
                let rival = (0..head.tokens() as u32)
                    .filter(|j| j != winner)
                    .max_by(|a, b| scored.score(at, *a).total_cmp(&scored.score(at, *b)));
                if let Some(rival) = rival {
                    taken.push((*winner, rival, (scored.score(at, rival) - own).max(0.0)));
                }
            }
        }
        Ok(taken)
    }

    /// The number of states whose winner is not proved to win by `head`.
    ///
    /// # Errors
    /// A head of another shape.
    pub fn changed(&self, head: &Head) -> Result<usize> {
        Ok(self.taken(head)?.len())
    }
}

/// The token with the largest score at a point, and that score.
fn best(scored: &Scored, at: usize, tokens: usize) -> (u32, f64) {
    let scores = (0..tokens as u32).map(|j| (j, scored.score(at, j)));
    scores.fold((0, f64::NEG_INFINITY), |best, one| if one.1 > best.1 { one } else { best })
}
