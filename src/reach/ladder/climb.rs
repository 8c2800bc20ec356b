//! A climb: all searches for the wanted tokens, rung after rung, with what an interrupted run found already.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::discrete::{Discrete, Search};
use super::enumeration::{Enumeration, prompts};
use super::gradient::{self, GradientBudget};
use super::journal::{Entry, Journal};
use super::rows::InputRows;
use super::soft::{self, Soft, SoftBudget};
use crate::error::Result;
use crate::progress::Progress;

/// The number of tokens whose soft prompts are searched together.
const TOGETHER: usize = 8;
/// How often the place of an enumeration is written to the journal.
const EVERY: Duration = Duration::from_secs(10);

/// What is searched, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The wanted tokens, in ascending order.
    pub tokens: Vec<u32>,
    /// The budget of soft prompts; `None` leaves this rung out.
    pub soft: Option<SoftBudget>,
    /// The most prompts of one length that are enumerated; 0 leaves this out.
    pub enumerate: u64,
    /// The budget of prompts by gradients; `None` leaves this out.
    pub gradient: Option<GradientBudget>,
}

/// What was found, each list in the order of the wanted tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The soft prompts; empty where they were left out.
    pub soft: Vec<Soft>,
    /// The prompts of tokens; empty where they were left out.
    pub discrete: Vec<Discrete>,
    /// The enumerations, one for each length that was enumerated as a whole.
    pub enumerations: Vec<Enumeration>,
}

/// Searches inputs for all wanted tokens. `before` is what the journal holds of an earlier run.
///
/// # Errors
/// Errors of the model and of the journal.
pub fn climb(
    search: &Search,
    plan: &Plan,
    (journal, before): (&mut Journal, Vec<Entry>),
    progress: &dyn Progress,
) -> Result<Found> {
    let rows = InputRows::of(search.model, search.frame)?;
    let (mut softs, mut discretes, mut begun) = (Vec::new(), Vec::new(), Vec::new());
    for entry in before {
        match entry {
            Entry::Soft(soft) => softs.extend(soft),
            Entry::Discrete(discrete) => discretes.push(discrete),
            Entry::Enumeration(enumeration) => {
                begun.retain(|e: &Enumeration| e.length != enumeration.length);
                begun.push(enumeration);
            }
            Entry::Observed(_) => {}
        }
    }
    if let Some(budget) = &plan.soft {
        progress.begin("soft prompts", plan.tokens.len(), "tokens");
        progress.advance(softs.len());
        for tokens in plan.tokens[softs.len()..].chunks(TOGETHER) {
            let parts = (search.model, search.frame, search.judge);
            let found = soft::search(parts, &rows, tokens, budget)?;
            progress.advance(found.len());
            journal.append(&Entry::Soft(found.clone()))?;
            softs.extend(found);
        }
    }
    let enumerations = enumerate(search, plan, journal, begun, progress)?;
    let mut discrete: Vec<Discrete> =
        plan.tokens.iter().map(|&token| Discrete::unknown(token)).collect();
    for enumeration in &enumerations {
        enumeration.add_to(search, &mut discrete)?;
    }
    if let Some(budget) = &plan.gradient {
        let known = enumerations.iter().map(|e| e.length).max().unwrap_or(0);
        let lengths = budget.lengths.iter().copied().filter(|length| *length > known).collect();
        let budget = GradientBudget { lengths, ..budget.clone() };
        progress.begin("prompts by gradients", plan.tokens.len(), "tokens");
        for found in &mut discrete {
            if let Some(done) = discretes.iter().find(|done| done.token == found.token) {
                *found = done.clone();
            } else if !found.is_found() {
                gradient::search(search, &rows, &budget, found)?;
                journal.append(&Entry::Discrete(found.clone()))?;
            }
            progress.advance(1);
        }
    }
    if plan.gradient.is_none() && enumerations.is_empty() {
        discrete.clear();
    }
    Ok(Found { soft: softs, discrete, enumerations })
}

/// Enumerates all prompts of the lengths 1, 2, ... as long as each has no more prompts than the plan allows.
fn enumerate(
    search: &Search,
    plan: &Plan,
    journal: &mut Journal,
    begun: Vec<Enumeration>,
    progress: &dyn Progress,
) -> Result<Vec<Enumeration>> {
    let mut all = Vec::new();
    for length in 1.. {
        let count = prompts(search.alphabet.len(), length).filter(|count| *count <= plan.enumerate);
        let Some(count) = count.filter(|count| *count > 0) else { break };
        let before = begun.iter().find(|e| e.length == length).cloned();
        let mut enumeration = before.unwrap_or_else(|| Enumeration::new(length, plan.tokens.len()));
        progress.begin(&format!("prompts of length {length}"), count as usize, "prompts");
        progress.advance(enumeration.done as usize);
        let mut written = Instant::now();
        while !enumeration.is_complete(search) {
            progress.advance(enumeration.advance(search, &plan.tokens)? as usize);
            if written.elapsed() >= EVERY || enumeration.is_complete(search) {
                journal.append(&Entry::Enumeration(enumeration.clone()))?;
                written = Instant::now();
            }
        }
        all.push(enumeration);
        // One token alone has one prompt of each length.
        if search.alphabet.len() == 1 {
            break;
        }
    }
    Ok(all)
}
