//! Where a searched prompt stands in the input of a model, and which position's logits decide.
//!
//! In a model that goes on with a text the prompt stands after the tokens that begin a text, before the fixed text, and the
//! logits behind the last position count. In a model that fills gaps they are those at the gap, which ends the text unless
//! the fixed text has one. In a model with an encoder the prompt is in the encoder's text, and the logits are those of the
//! decoder's first token.

use candle_core::Tensor;

use crate::error::{Result, invalid};
use crate::reach::rules::Rules;
use crate::reach::text::{SpecialTokens, Tokenizer};
use crate::transformer::{Batch, Direction, Input, Position, Transformer};

/// The tokens around a searched prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    before: Vec<u32>,
    after: Vec<u32>,
    /// The text that follows the prompt, part of `after`.
    text: String,
    reader: Reader,
}

/// Which stack reads the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reader {
    /// The only one; the deciding position is so many before the last.
    Only { before_last: usize },
    /// The encoder, while the decoder has these tokens.
    Encoder { target: Vec<u32> },
}

impl Frame {
    /// Makes the frame of a model around a prompt that `text` follows.
    ///
    /// # Errors
    /// A model of sound or XLNet, a text without a tokenizer, no token for a gap or several gaps, and a decoder whose first
    /// token is not known.
    pub fn new(
        model: &Transformer,
        tokenizer: Option<&Tokenizer>,
        rules: &Rules,
        text: &str,
    ) -> Result<Self> {
        let configuration = model.configuration();
        let family = configuration.family;
        if configuration.reads_sound() {
            return invalid(format!(
                "{family} reads sound: prompts of vectors or tokens are for models that read text"
            ));
        }
        if matches!(configuration.position, Position::Relative { .. }) {
            return invalid(format!(
                "{family} predicts from a second stream, which a searched prompt does not reach"
            ));
        }
        let (mut before, end) = match tokenizer {
            Some(tokenizer) => tokenizer.around()?,
            None => Default::default(),
        };
        let mut after = match tokenizer {
            _ if text.is_empty() => Vec::new(),
            Some(tokenizer) => tokenizer.encode(text, SpecialTokens::Bare)?,
            None => return invalid("a text after the prompt needs a tokenizer"),
        };
        let reader = if configuration.has_encoder() {
            let Some(start) = rules.decoder_start else {
                return invalid(
                    "the checkpoint does not say which token its decoder begins with (decoder_start_token_id)",
                );
            };
            after.extend(end);
            Reader::Encoder { target: vec![start] }
        } else if configuration.attention == Direction::Both {
            let Some((mask, _)) = tokenizer.and_then(Tokenizer::mask) else {
                return invalid(
                    "the vocabulary has no token that stands for a hidden word ([MASK] or <mask>)",
                );
            };
            match after.iter().filter(|id| **id == mask).count() {
                0 => after.push(mask),
                1 => {}
                n => return invalid(format!("the text has {n} gaps, and one is needed")),
            }
            after.extend(end);
            let from_end = after.iter().rev().position(|id| *id == mask);
            Reader::Only { before_last: from_end.unwrap_or_default() }
        } else {
            // What ends a text of its own has no place where the model goes on with it.
            if before.is_empty() {
                before.extend(rules.beginning);
            }
            Reader::Only { before_last: 0 }
        };
        Ok(Frame { before, after, text: text.to_owned(), reader })
    }

    /// The text that follows the prompt.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Makes a batch of prompts of token ids, all of one length.
    pub fn of_ids(&self, prompts: &[Vec<u32>]) -> Batch {
        self.read(Input::Ids(self.rows(prompts)), prompts.len())
    }

    /// The ids of whole inputs, one a row: each prompt with what stands around it.
    pub fn rows(&self, prompts: &[Vec<u32>]) -> Vec<Vec<u32>> {
        prompts.iter().map(|prompt| [&self.before[..], prompt, &self.after].concat()).collect()
    }

    /// Whether the model goes on with the prompt: each position sees only earlier ones, and the last one decides.
    pub fn goes_on(&self, model: &Transformer) -> bool {
        self.reader == Reader::Only { before_last: 0 }
            && model.configuration().attention == Direction::Backwards
    }

    /// Makes a batch of prompts of vectors, `B x m x e`.
    ///
    /// # Errors
    /// Vectors of another width.
    pub fn of_vectors(&self, model: &Transformer, prompts: &Tensor) -> Result<Batch> {
        let rows = prompts.dim(0)?;
        let mut parts = vec![prompts.clone()];
        if !self.before.is_empty() {
            parts.insert(0, self.vectors(model, &vec![self.before.clone(); rows])?);
        }
        if !self.after.is_empty() {
            parts.push(self.vectors(model, &vec![self.after.clone(); rows])?);
        }
        let vectors = Tensor::cat(&parts, 1)?;
        Ok(self.read(Input::Vectors { vectors, lengths: None }, rows))
    }

    /// Looks up the vectors of token ids, `B x T x e`, in the embedding of the stack that reads the prompt.
    ///
    /// # Errors
    /// An unknown id, and rows of different lengths.
    pub fn vectors(&self, model: &Transformer, rows: &[Vec<u32>]) -> Result<Tensor> {
        match self.reader {
            Reader::Only { .. } => model.vectors(rows),
            Reader::Encoder { .. } => model.source_vectors(rows),
        }
    }

    /// The number of tokens that the stack that reads the prompt has vectors for.
    ///
    /// # Errors
    /// A stack that reads sound.
    pub fn known(&self, model: &Transformer) -> Result<usize> {
        match self.reader {
            Reader::Only { .. } => model.input_tokens(),
            Reader::Encoder { .. } => model.source_tokens(),
        }
    }

    /// The batch of a sequence that the right stack reads.
    fn read(&self, input: Input, rows: usize) -> Batch {
        match &self.reader {
            Reader::Only { .. } => Batch { input, ..Batch::ids(Vec::new()) }.last_hidden(),
            Reader::Encoder { target } => {
                Batch::ids(vec![target.clone(); rows]).from_source(input).last_hidden()
            }
        }
    }

    /// Runs the model on a batch of this frame, and returns the hidden states that decide, `B x d`.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn states(&self, model: &Transformer, batch: &Batch) -> Result<Tensor> {
        let states = model.states(batch)?.state;
        let last = states.dim(1)? - 1;
        let at = match self.reader {
            Reader::Only { before_last } => last - before_last,
            Reader::Encoder { .. } => last,
        };
        Ok(states.narrow(1, at, 1)?.squeeze(1)?.contiguous()?)
    }
}
