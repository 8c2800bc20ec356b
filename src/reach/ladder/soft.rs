//! The rung of soft prompts: free vectors in the place of a prompt, by gradients through the frozen model.
//!
//! After Liu et al., "GPT Understands, Too" (2021), with free vectors and no encoder of them, and Lester, Al-Rfou and
//! Constant, "The Power of Scale for Parameter-Efficient Prompt Tuning" (2021), who start from rows of the vocabulary.
//! The optimiser is Adam (Kingma and Ba, 2015).

use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::discrete::NOTHING_RAN;
use super::frame::Frame;
use super::judge::{Judge, Win};
use super::rows::InputRows;
use super::scores;
use crate::error::{Error, Result};
use crate::reach::adam::Adam;
use crate::split_mix::SplitMix;
use crate::transformer::Transformer;

/// How long soft prompts are searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SoftBudget {
    /// The number of free vectors.
    pub vectors: usize,
    /// The number of steps of each start.
    pub steps: usize,
    /// The number of starts.
    pub starts: usize,
    /// The size of a step in each coordinate, as a share of the typical coordinate of a row of the vocabulary (the root of
    /// the mean square).
    pub rate: f64,
    /// Whether no vector may become longer than the longest row of the vocabulary.
    pub inside_rows: bool,
    /// The seed of the starts.
    pub seed: u64,
}

/// What a search of a soft prompt found for one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Soft {
    /// The id of the token.
    pub token: u32,
    /// What exact arithmetic says of the state where the token had the largest logit; `None` where it never had.
    pub win: Option<Win>,
    /// The number of starts used.
    pub starts: usize,
    /// The number of steps, over all starts.
    pub steps: usize,
    /// The largest lead over the best rival, in logits.
    pub lead: f32,
    /// The rank there.
    pub rank: u32,
    /// The length of the longest vector there, over that of the longest row of the vocabulary.
    pub length: f32,
    /// The vectors of a win, `m x e`, row after row; else empty.
    pub vectors: Vec<f32>,
    /// The hidden state of a win, `d` numbers; else empty.
    pub state: Vec<f32>,
}

/// One token whose vectors are being moved.
struct Moving {
    token: u32,
    vectors: Vec<f32>,
    adam: Adam,
}

/// Searches soft prompts of some tokens together. What one token finds does not depend on the others but for rounding.
///
/// # Errors
/// Errors of the model, and logits or gradients that are not finite.
pub fn search(
    (model, frame, judge): (&Transformer, &Frame, &Judge),
    rows: &InputRows,
    tokens: &[u32],
    budget: &SoftBudget,
) -> Result<Vec<Soft>> {
    let mut found: Vec<Soft> = tokens.iter().map(|&token| unknown(token)).collect();
    for start in 0..budget.starts {
        let mut moving = Vec::new();
        for soft in found.iter_mut().filter(|soft| !is_found(soft)) {
            soft.starts += 1;
            moving.push(begin(soft.token, start, model, frame, rows, budget)?);
        }
        for step in 0..budget.steps {
            if moving.is_empty() {
                break;
            }
            let given = given(&moving, budget.vectors)?;
            let states = frame.states(model, &frame.of_vectors(model, given.as_tensor())?)?;
            let logits = scores::logits(model, &states)?;
            let all = scores::of_logits(&logits)?;
            for (one, scores) in moving.iter().zip(&all) {
                let soft = of(&mut found, one.token);
                soft.steps += 1;
                let lead = scores.lead(one.token);
                if lead > soft.lead {
                    soft.lead = lead;
                    soft.rank = scores.rank(one.token);
                    soft.length = longest(&one.vectors, budget.vectors) / rows.longest();
                }
                if lead > 0.0 {
                    replay((model, frame, judge), one, budget.vectors, soft)?;
                }
            }
            let done: Vec<bool> =
                moving.iter().map(|one| is_found(of(&mut found, one.token))).collect();
            if done.iter().all(|done| *done) || step + 1 == budget.steps {
                break;
            }
            let wanted: Vec<u32> = moving.iter().map(|one| one.token).collect();
            let gradients = scores::loss(&logits, &wanted)?.backward()?;
            let gradient = gradients.get(given.as_tensor()).ok_or_else(|| {
                Error::Invalid("no gradient arrives at the vectors of the prompt".to_owned())
            })?;
            let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
            let size = gradient.len() / moving.len();
            for (one, gradient) in moving.iter_mut().zip(gradient.chunks_exact(size)) {
                move_against(one, gradient, budget, rows)?;
            }
            let mut done = done.into_iter();
            moving.retain(|_| !done.next().unwrap_or_default());
        }
    }
    Ok(found)
}

/// What is known of a token before any search.
fn unknown(token: u32) -> Soft {
    Soft {
        token,
        win: None,
        starts: 0,
        steps: 0,
        lead: NOTHING_RAN,
        rank: 0,
        length: 0.0,
        vectors: Vec::new(),
        state: Vec::new(),
    }
}

/// Whether nothing is left to search.
fn is_found(soft: &Soft) -> bool {
    soft.win.is_some_and(Win::is_strict)
}

fn of(found: &mut [Soft], token: u32) -> &mut Soft {
    let at = found.iter().position(|soft| soft.token == token);
    &mut found[at.expect("only these tokens are moved")]
}

/// Draws rows of the vocabulary to start from.
fn begin(
    token: u32,
    start: usize,
    model: &Transformer,
    frame: &Frame,
    rows: &InputRows,
    budget: &SoftBudget,
) -> Result<Moving> {
    let mut generator = SplitMix::new(budget.seed ^ (u64::from(token) << 20) ^ start as u64);
    let ids: Vec<u32> = (0..budget.vectors).map(|_| generator.below(rows.count()) as u32).collect();
    let vectors: Vec<f32> = frame.vectors(model, &[ids])?.flatten_all()?.to_vec1()?;
    Ok(Moving { token, adam: Adam::new(vectors.len()), vectors })
}

/// The vectors of all tokens, `B x m x e`, to which gradients flow.
fn given(moving: &[Moving], count: usize) -> Result<Var> {
    let numbers: Vec<f32> = moving.iter().flat_map(|one| one.vectors.iter().copied()).collect();
    Ok(Var::from_tensor(&Tensor::from_vec(numbers, (moving.len(), count, ()), &Device::Cpu)?)?)
}

/// Runs the model on the vectors of one token alone, and judges the state there.
fn replay(
    (model, frame, judge): (&Transformer, &Frame, &Judge),
    one: &Moving,
    count: usize,
    soft: &mut Soft,
) -> Result<()> {
    let vectors = Tensor::from_slice(&one.vectors, (1, count, ()), &Device::Cpu)?;
    let (states, scores) = scores::of_batch(model, frame, &frame.of_vectors(model, &vectors)?)?;
    if scores[0].lead(one.token) > 0.0 {
        let win = judge.win(&states[0], one.token);
        soft.win = Some(win);
        if win.is_strict() {
            soft.lead = scores[0].lead(one.token);
            soft.rank = scores[0].rank(one.token);
            soft.vectors = one.vectors.clone();
            soft.state = states[0].clone();
        }
    }
    Ok(())
}

/// Moves the vectors of one token against a gradient.
fn move_against(
    one: &mut Moving,
    gradient: &[f32],
    budget: &SoftBudget,
    rows: &InputRows,
) -> Result<()> {
    one.adam.step(&mut one.vectors, gradient, budget.rate * f64::from(rows.typical()))?;
    if budget.inside_rows {
        let width = one.vectors.len() / budget.vectors;
        for vector in one.vectors.chunks_exact_mut(width) {
            let share = norm(vector) / rows.longest();
            if share > 1.0 {
                vector.iter_mut().for_each(|x| *x /= share);
            }
        }
    }
    Ok(())
}

/// The length of the longest of `count` vectors.
fn longest(vectors: &[f32], count: usize) -> f32 {
    vectors.chunks_exact(vectors.len() / count).map(norm).fold(0.0, f32::max)
}

fn norm(vector: &[f32]) -> f32 {
    vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt() as f32
}
