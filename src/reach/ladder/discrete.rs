//! What a search for a prompt of real tokens found, by enumeration or by gradients.

use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::judge::{Judge, Win};
use super::prefix::SharedPrefix;
use super::scores::{self, Scores};
use super::spelling::Spelling;
use crate::error::Result;
use crate::transformer::Transformer;

/// What all searches of prompts of tokens share.
pub struct Search<'a> {
    /// The model, frozen.
    pub model: &'a Transformer,
    /// Where the prompt stands.
    pub frame: &'a Frame,
    /// What exact arithmetic and the audit say of a win.
    pub judge: &'a Judge,
    /// Which prompts a text can give.
    pub spelling: &'a Spelling<'a>,
    /// The ids that prompts are made of, in ascending order.
    pub alphabet: &'a [u32],
    /// What the prompts of the last batch began with.
    pub prefix: SharedPrefix,
}

impl Search<'_> {
    /// Returns the scores of each of some prompts of one length; what they share at their beginning is run once.
    ///
    /// # Errors
    /// Errors of the model, and logits that are not finite.
    pub fn scores(&self, prompts: &[Vec<u32>]) -> Result<Vec<Scores>> {
        let states = self.prefix.states(self.model, self.frame, prompts)?;
        scores::of_logits(&scores::logits(self.model, &states)?)
    }
}

/// The lead of a token before any search: finite, since JSON has no infinity.
pub(super) const NOTHING_RAN: f32 = f32::MIN;

/// What was found for one token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discrete {
    /// The id of the token.
    pub token: u32,
    /// What exact arithmetic says of the state where the token had the largest logit; `None` where it never had.
    pub win: Option<Win>,
    /// The prompt with the largest lead.
    pub ids: Vec<u32>,
    /// The largest lead over the best rival, in logits; without meaning where the rank is 0, because nothing ran.
    pub lead: f32,
    /// The rank there.
    pub rank: u32,
    /// The number of prompts that the model ran on for this token.
    pub forwards: u64,
    /// The number of gradients.
    pub gradients: u64,
    /// The hidden state of a win, `d` numbers; else empty.
    pub state: Vec<f32>,
}

impl Discrete {
    /// What is known of a token before any search.
    pub fn unknown(token: u32) -> Self {
        Discrete {
            token,
            win: None,
            ids: Vec::new(),
            lead: NOTHING_RAN,
            rank: 0,
            forwards: 0,
            gradients: 0,
            state: Vec::new(),
        }
    }

    /// Whether a prompt makes the token the strict winner.
    pub fn is_found(&self) -> bool {
        self.win.is_some_and(Win::is_strict)
    }

    /// Runs the model on a prompt alone, and keeps it where it is better than the one before.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn replay(&mut self, search: &Search, prompt: &[u32]) -> Result<()> {
        let batch = search.frame.of_ids(&[prompt.to_vec()]);
        let (states, scores) = scores::of_batch(search.model, search.frame, &batch)?;
        let lead = scores[0].lead(self.token);
        let win = (lead > 0.0).then(|| search.judge.win(&states[0], self.token));
        let is_strict = win.is_some_and(Win::is_strict);
        if self.is_found() || !(is_strict || lead > self.lead) {
            return Ok(());
        }
        self.ids = prompt.to_vec();
        self.rank = scores[0].rank(self.token);
        self.lead = lead;
        self.win = win;
        if is_strict {
            self.state = states.into_iter().next().unwrap_or_default();
        }
        Ok(())
    }
}
