//! The logits of prompts at the position that decides: the lead of a token over its best rival, and its rank.

use candle_core::{DType, Tensor};

use super::frame::Frame;
use crate::error::Result;
use crate::reach::ranking;
use crate::transformer::{Batch, Transformer};

/// The logits of one prompt, with the best two of them.
pub struct Scores {
    /// The logits, one per token.
    pub logits: Vec<f32>,
    best: u32,
    second: f32,
}

impl Scores {
    /// Finds the best two logits.
    ///
    /// # Errors
    /// Logits that are not finite.
    pub fn new(logits: Vec<f32>) -> Result<Self> {
        ranking::check(&logits)?;
        let best = ranking::argmax(&logits);
        let others = logits.iter().enumerate().filter(|(token, _)| *token != best as usize);
        let second = others.map(|(_, &logit)| logit).fold(f32::MIN, f32::max);
        Ok(Scores { logits, best, second })
    }

    /// The lead of a token over the best of all others, in logits; above 0 where it is the strict winner in float32.
    pub fn lead(&self, token: u32) -> f32 {
        let rival = if token == self.best { self.second } else { self.logits[self.best as usize] };
        self.logits[token as usize] - rival
    }

    /// One more than the number of tokens with larger logits.
    pub fn rank(&self, token: u32) -> u32 {
        let own = self.logits[token as usize];
        1 + self.logits.iter().filter(|logit| **logit > own).count() as u32
    }
}

/// Returns the states that decide, `B x d`, and the scores of each prompt of a batch.
///
/// # Errors
/// Errors of the model, and logits that are not finite.
pub fn of_batch(
    model: &Transformer,
    frame: &Frame,
    batch: &Batch,
) -> Result<(Vec<Vec<f32>>, Vec<Scores>)> {
    let states = frame.states(model, batch)?;
    let scores = of_logits(&logits(model, &states)?)?;
    Ok((states.to_dtype(DType::F32)?.to_vec2()?, scores))
}

/// Computes the logits of states, `B x d` to `B x V`.
///
/// # Errors
/// Errors of the model.
pub fn logits(model: &Transformer, states: &Tensor) -> Result<Tensor> {
    Ok(model.logits(&states.unsqueeze(1)?)?.squeeze(1)?)
}

/// The scores of logits, `B x V`.
///
/// # Errors
/// Logits that are not finite.
pub fn of_logits(logits: &Tensor) -> Result<Vec<Scores>> {
    let rows: Vec<Vec<f32>> = logits.to_dtype(DType::F32)?.to_vec2()?;
    rows.into_iter().map(Scores::new).collect()
}

/// Computes how far the best rivals together are ahead of the wanted tokens, summed over the rows of `logits`, `B x V`: the
/// log-sum-exp of the rivals' logits less the token's own, a smooth form of the negative lead, above it by at most `ln V`.
///
/// # Errors
/// Errors of candle.
pub fn loss(logits: &Tensor, wanted: &[u32]) -> Result<Tensor> {
    let (rows, tokens) = logits.dims2()?;
    let device = logits.device();
    let ids = Tensor::from_slice(wanted, (rows, 1), device)?;
    let mut hidden = vec![0f32; rows * tokens];
    for (row, &token) in wanted.iter().enumerate() {
        hidden[row * tokens + token as usize] = -1e30;
    }
    let hidden = Tensor::from_vec(hidden, (rows, tokens), device)?.to_dtype(logits.dtype())?;
    let own = logits.gather(&ids, 1)?.squeeze(1)?;
    let rivals = (logits + hidden)?.log_sum_exp(1)?;
    Ok((rivals - own)?.sum_all()?)
}
