//! What a repair must reach, and which tokens still miss it.

use std::collections::BTreeSet;

use crate::audit::Audit;
use crate::certify::Outcome;
use crate::error::{Error, Result};

/// The least verdict that each token must have after the repair.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    /// The tokens to free: they must be able to win.
    pub freed: Vec<u32>,
    /// The tokens that could win before, and must still.
    pub winners: Vec<u32>,
    /// The tokens that could only tie, are not to be freed, and must at least still tie.
    pub tied: Vec<u32>,
}

impl Goal {
    /// The goal that follows from the audit before the repair: `wanted` are the tokens to free, all lost and tied ones if
    /// `None`; with `ties` equal tokens are freed as well.
    pub fn of(before: &Audit, wanted: Option<&[u32]>, ties: bool) -> Result<Self> {
        let wanted: Option<BTreeSet<u32>> = wanted.map(|w| w.iter().copied().collect());
        let mut goal = Goal { freed: Vec::new(), winners: Vec::new(), tied: Vec::new() };
        for (token, verdict) in before.verdicts() {
            let asked = wanted.as_ref().is_none_or(|w| w.contains(token));
            match verdict.outcome() {
                Outcome::Argmaxable => goal.winners.push(*token),
                Outcome::Tied if asked && ties => goal.freed.push(*token),
                Outcome::Tied => goal.tied.push(*token),
                Outcome::Unargmaxable if asked => goal.freed.push(*token),
                Outcome::Undecided if wanted.is_some() && asked => goal.freed.push(*token),
                Outcome::Unargmaxable | Outcome::Undecided => {}
            }
        }
        if let Some(wanted) = &wanted
            && let Some(beyond) = wanted.iter().find(|t| before.verdict(**t).is_none())
        {
            return Err(Error::Invalid(format!("there is no token {beyond} in this head")));
        }
        Ok(goal)
    }

    /// The tokens that miss the goal by this audit, ids rising.
    pub fn missed(&self, audit: &Audit) -> Vec<u32> {
        let outcome = |token: u32| audit.verdict(token).map(|verdict| verdict.outcome());
        let alone = self.freed.iter().chain(&self.winners);
        let mut missed: Vec<u32> =
            alone.copied().filter(|t| outcome(*t) != Some(Outcome::Argmaxable)).collect();
        let ties = |t: &u32| !outcome(*t).is_some_and(Outcome::can_reach_maximum);
        missed.extend(self.tied.iter().copied().filter(ties));
        missed.sort_unstable();
        missed
    }
}
