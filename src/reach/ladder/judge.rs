//! Whether a state that a model computed is a win of a token, by exact arithmetic, and whether the audit allows it.

use crate::domain::Domain;
use crate::head::Head;
use crate::reach::observe::Claims;
use crate::reach::rescore::{Standing, standing, standing_in};

/// What exact arithmetic says of a state where a token had the largest logit in float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Win {
    /// The token is the strict winner, and the state lies in the audited domain.
    Inside,
    /// The token is the strict winner, but the state lies outside of the audited domain, so it is no witness there.
    Outside,
    /// The token only shares the largest score.
    Tie,
    /// Another token scores more: a rounding error.
    Rounding,
}

impl Win {
    /// Whether the token is the strict winner.
    pub fn is_strict(self) -> bool {
        matches!(self, Win::Inside | Win::Outside)
    }
}

/// The head, the domain and what an audit claims, by which wins are judged.
pub struct Judge {
    claims: Claims,
}

impl Judge {
    /// Makes a judge of the claims of an audit.
    pub fn new(claims: Claims) -> Self {
        Judge { claims }
    }

    /// The decoded head.
    pub fn head(&self) -> &Head {
        &self.claims.head
    }

    /// The audited domain.
    pub fn domain(&self) -> &Domain {
        &self.claims.domain
    }

    /// Scores a token exactly at a hidden state of `d` finite numbers.
    pub fn win(&self, state: &[f32], token: u32) -> Win {
        let Claims { head, domain, .. } = &self.claims;
        let state: Vec<f64> = state.iter().map(|&x| x.into()).collect();
        let (standing, win) = match standing_in(head, domain, &state, token) {
            Some(standing) => (standing, Win::Inside),
            None => (standing(head, &state, token), Win::Outside),
        };
        match standing {
            Standing::Wins => win,
            Standing::Ties(_) => Win::Tie,
            Standing::Loses(_) => Win::Rounding,
        }
    }

    /// Whether this win of a token contradicts what the audit proved.
    pub fn contradicts(&self, token: u32, win: Win) -> bool {
        let Claims { never_alone, never_anywhere, .. } = &self.claims;
        win.is_strict() && never_anywhere[token as usize]
            || win == Win::Inside && never_alone[token as usize]
    }
}
