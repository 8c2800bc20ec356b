//! All prompts of one length, for all wanted tokens at once (Bhargava et al., "What's the Magic Word?", 2023, do so for
//! lengths up to 3).

use serde::{Deserialize, Serialize};

use super::discrete::{Discrete, Search};
use crate::error::Result;

/// The number of prompts that the model runs on together.
const TOGETHER: u64 = 64;

/// How far an enumeration is, and the best prompts so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enumeration {
    /// The number of tokens of each prompt.
    pub length: usize,
    /// The number of prompts looked at, in the order of their ids.
    pub done: u64,
    /// The number of these that a text can give, on which the model ran.
    pub ran: u64,
    /// For each wanted token the largest lead, in logits, and the number of the prompt.
    pub best: Vec<Option<(f32, u64)>>,
    /// For each wanted token the number of prompts where it had the largest logit alone.
    pub wins: Vec<u64>,
}

/// The number of prompts of a length; `None` beyond 2^64.
pub fn prompts(alphabet: usize, length: usize) -> Option<u64> {
    (alphabet as u64).checked_pow(u32::try_from(length).ok()?)
}

impl Enumeration {
    /// Begins with the prompts of a length.
    pub fn new(length: usize, wanted: usize) -> Self {
        Enumeration { length, done: 0, ran: 0, best: vec![None; wanted], wins: vec![0; wanted] }
    }

    /// Whether all prompts were looked at.
    pub fn is_complete(&self, search: &Search) -> bool {
        Some(self.done) == prompts(search.alphabet.len(), self.length)
    }

    /// Looks at some more prompts, and returns how many.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn advance(&mut self, search: &Search, wanted: &[u32]) -> Result<u64> {
        let all = prompts(search.alphabet.len(), self.length).unwrap_or(u64::MAX);
        let numbers = self.done..all.min(self.done + TOGETHER);
        let count = numbers.end - numbers.start;
        let mut prompts: Vec<(u64, Vec<u32>)> =
            numbers.map(|number| (number, prompt(search.alphabet, self.length, number))).collect();
        prompts.retain(|(_, prompt)| search.spelling.allows(prompt));
        self.done += count;
        if prompts.is_empty() {
            return Ok(count);
        }
        let (numbers, rows): (Vec<u64>, Vec<Vec<u32>>) = prompts.into_iter().unzip();
        self.ran += rows.len() as u64;
        for (number, scores) in numbers.into_iter().zip(search.scores(&rows)?) {
            for (at, &token) in wanted.iter().enumerate() {
                let lead = scores.lead(token);
                self.wins[at] += u64::from(lead > 0.0);
                if self.best[at].is_none_or(|(best, _)| lead > best) {
                    self.best[at] = Some((lead, number));
                }
            }
        }
        Ok(count)
    }

    /// Runs the model again on the best prompt of each wanted token, alone, and adds what is found.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn add_to(&self, search: &Search, found: &mut [Discrete]) -> Result<()> {
        for (discrete, best) in found.iter_mut().zip(&self.best) {
            discrete.forwards += self.ran;
            if let Some((_, number)) = best {
                discrete.replay(search, &prompt(search.alphabet, self.length, *number))?;
            }
        }
        Ok(())
    }
}

/// The prompt of a number: its digits to the base of the alphabet's size, the highest first.
fn prompt(alphabet: &[u32], length: usize, mut number: u64) -> Vec<u32> {
    let base = alphabet.len() as u64;
    let mut ids = vec![0; length];
    for place in ids.iter_mut().rev() {
        *place = alphabet[(number % base) as usize];
        number /= base;
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_has_a_number() {
        let alphabet = [2, 5, 9];
        let all: Vec<Vec<u32>> = (0..9).map(|number| prompt(&alphabet, 2, number)).collect();
        assert_eq!(all[..4], [vec![2, 2], vec![2, 5], vec![2, 9], vec![5, 2]]);
        assert_eq!(all[8], [9, 9]);
        assert_eq!((prompts(3, 2), prompts(50_000, 5)), (Some(9), None));
    }
}
