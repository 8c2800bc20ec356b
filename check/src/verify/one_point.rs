//! Checks verdicts over a domain that is a single point, by exact scores there.

use std::sync::OnceLock;

use super::equals::Equals;
use crate::arithmetic::dyadic::{Dyadic, dot_floats};
use crate::domain::Domain;
use crate::head::Head;
use crate::parallel;

/// The single hidden state of a domain, and the exact scores there.
pub struct OnePoint<'a> {
    head: &'a Head,
    h: Option<Vec<f64>>,
    scores: OnceLock<Vec<Dyadic>>,
}

impl<'a> OnePoint<'a> {
    /// Prepares the check; scores are computed on demand.
    pub fn new(head: &'a Head, domain: &Domain) -> Self {
        OnePoint { head, h: domain.only_state(), scores: OnceLock::new() }
    }

    /// The exact scores of all tokens, computed on first use.
    fn scores(&self) -> Result<&[Dyadic], String> {
        let h = self.h.as_ref().ok_or("its domain is more than one point, or none")?;
        Ok(self.scores.get_or_init(|| {
            let score = |t: usize| {
                let bias = Dyadic::from_f64(self.head.bias(t));
                &dot_floats(self.head.row(t), h.iter().copied()) + &bias
            };
            parallel::map(self.head.tokens(), &score)
        }))
    }

    /// One more than the number of other tokens that score at least as much at the only point; `None` if the domain is
    /// more than one point.
    pub fn rank(&self, token: u32) -> Option<u64> {
        let scores = self.scores().ok()?;
        let below = scores.iter().filter(|s| **s < scores[token as usize]).count();
        Some((scores.len() - below) as u64)
    }

    /// Checks that a token scores more than all tokens but its equals.
    pub fn check_win(&self, equals: &Equals, token: u32) -> Result<(), String> {
        let scores = self.scores()?;
        let own = &scores[token as usize];
        let mut rivals = (0..scores.len() as u32).filter(|&j| !equals.are_tied(token, j));
        match rivals.find(|&j| scores[j as usize] >= *own) {
            None => Ok(()),
            Some(j) => Err(format!("token {j} scores at least as much at the only point")),
        }
    }

    /// Checks that a rival that is not one of the token's equals scores at least as much.
    pub fn check_loss(&self, equals: &Equals, token: u32, rival: u32) -> Result<(), String> {
        let scores = self.scores()?;
        let score = scores.get(rival as usize);
        let score = score.ok_or_else(|| format!("its rival {rival} does not exist"))?;
        if equals.are_tied(token, rival) {
            return Err(format!("its rival {rival} has its own row and bias"));
        }
        if *score < scores[token as usize] {
            return Err(format!("its rival {rival} scores less at the only point"));
        }
        Ok(())
    }
}
