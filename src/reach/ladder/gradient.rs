//! Prompts of tokens by greedy coordinate gradients: the gradient of the loss by the vector of each place says which tokens
//! would lower it; some of them, drawn at random, are tried, one place changed in each, and the best is kept.
//!
//! After Zou et al., "Universal and Transferable Adversarial Attacks on Aligned Language Models" (2023), section 2.2. Unlike
//! there, a prompt is only replaced by a better one, and prompts that no text gives are not tried.

use candle_core::Var;
use serde::{Deserialize, Serialize};

use super::discrete::{Discrete, Search};
use super::rows::InputRows;
use super::scores;
use crate::error::{Error, Result};
use crate::split_mix::SplitMix;

/// How long prompts of tokens are searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientBudget {
    /// The numbers of tokens of the prompts, tried in this order.
    pub lengths: Vec<usize>,
    /// The number of rounds for each length.
    pub rounds: usize,
    /// The number of prompts that are tried in a round.
    pub candidates: usize,
    /// The number of tokens of the steepest descent at each place from which candidates are drawn.
    pub steepest: usize,
    /// The seed.
    pub seed: u64,
}

/// The number of prompts that the model runs on together.
const TOGETHER: usize = 64;
/// How many first prompts are drawn before one that no text gives is taken.
const DRAWS: usize = 100;

/// Searches a prompt for the token of `found`, length after length, until one makes it win.
///
/// # Errors
/// Errors of the model.
pub fn search(
    search: &Search,
    rows: &InputRows,
    budget: &GradientBudget,
    found: &mut Discrete,
) -> Result<()> {
    for &length in &budget.lengths {
        if found.is_found() {
            return Ok(());
        }
        let seed = budget.seed ^ (u64::from(found.token) << 20) ^ ((length as u64) << 8);
        of_length(search, rows, budget, length, SplitMix::new(seed), found)?;
    }
    Ok(())
}

/// Searches a prompt of one length.
fn of_length(
    search: &Search,
    rows: &InputRows,
    budget: &GradientBudget,
    length: usize,
    mut generator: SplitMix,
    found: &mut Discrete,
) -> Result<()> {
    let Some(mut prompt) = first(search, length, &mut generator) else { return Ok(()) };
    let token = found.token;
    let mut best = f32::NEG_INFINITY;
    for _ in 0..budget.rounds {
        let steepest = steepest(search, rows, budget, &prompt, token)?;
        found.gradients += 1;
        let mut candidates: Vec<Vec<u32>> = Vec::new();
        for _ in 0..budget.candidates {
            let place = generator.below(length);
            let mut candidate = prompt.clone();
            candidate[place] = steepest[place][generator.below(steepest[place].len())];
            if search.spelling.allows(&candidate) && !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
        for group in candidates.chunks(TOGETHER) {
            let scores = search.scores(group)?;
            found.forwards += group.len() as u64;
            for (candidate, scores) in group.iter().zip(scores) {
                let lead = scores.lead(token);
                if lead > best {
                    (best, prompt) = (lead, candidate.clone());
                }
            }
        }
        if best > found.lead || best > 0.0 {
            found.replay(search, &prompt)?;
            found.forwards += 1;
        }
        if found.is_found() {
            return Ok(());
        }
    }
    Ok(())
}

/// Draws a first prompt that a text can give; `None` where a hundred draws give none.
fn first(search: &Search, length: usize, generator: &mut SplitMix) -> Option<Vec<u32>> {
    let alphabet = search.alphabet;
    (0..DRAWS)
        .map(|_| (0..length).map(|_| alphabet[generator.below(alphabet.len())]).collect())
        .find(|prompt: &Vec<u32>| search.spelling.allows(prompt))
}

/// The tokens of the steepest descent at each place of a prompt.
fn steepest(
    search: &Search,
    rows: &InputRows,
    budget: &GradientBudget,
    prompt: &[u32],
    token: u32,
) -> Result<Vec<Vec<u32>>> {
    let (model, frame) = (search.model, search.frame);
    let vectors = Var::from_tensor(&frame.vectors(model, &[prompt.to_vec()])?)?;
    let states = frame.states(model, &frame.of_vectors(model, vectors.as_tensor())?)?;
    let loss = scores::loss(&scores::logits(model, &states)?, &[token])?;
    let gradients = loss.backward()?;
    let gradient = gradients.get(vectors.as_tensor()).ok_or_else(|| {
        Error::Invalid("no gradient arrives at the vectors of the prompt".to_owned())
    })?;
    rows.steepest((model, frame), &gradient.squeeze(0)?, search.alphabet, budget.steepest)
}
