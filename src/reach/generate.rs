//! Text generation: one token after another, each chosen from the logits at the last position.

use super::constraints::GenerationState;
use super::logits;
use super::rules::Rules;
use super::sampling::Sampler;
use crate::error::{Error, Result};
use crate::transformer::{Batch, Cache, Configuration, Direction, Input, Mask, Transformer};
use candle_core::Tensor;

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The model chose this token, which ends a text; it is not returned.
    Token(u32),
    /// As many tokens were generated as were asked for.
    Limit,
    /// The context of the model is full.
    Context,
}

/// What a generation continues.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// The tokens, at least one unless the model has one that begins a text; those of the encoder, where there is one.
    pub ids: Vec<u32>,
    /// Which positions see which, if not as the model was trained. Under a mask that hides later positions from earlier
    /// ones a model that was trained both ways continues texts as well (UniLM; Dong et al., 2019).
    pub mask: Option<Mask>,
    /// For each block the state at position 0 before it (`1 x d`; UniVAE).
    pub latents: Option<Vec<Tensor>>,
    /// The segment of each token of the prompt, and of all tokens after it; `None` for segment 0 everywhere.
    pub segments: Option<(Vec<u32>, u32)>,
}

impl From<Vec<u32>> for Prompt {
    fn from(ids: Vec<u32>) -> Self {
        Prompt { ids, ..Prompt::default() }
    }
}

/// A generation in progress.
pub struct Generation<'a> {
    model: &'a Transformer,
    sampler: Sampler,
    rules: Rules,
    cache: Cache,
    /// The tokens so far: those of the decoder, where the model has an encoder.
    text: Vec<u32>,
    /// The number of these tokens that were there at the beginning.
    prompt: usize,
    /// The input of the next step.
    next: Batch,
    /// The segment of the tokens after the prompt, where segments are given.
    segment: Option<u32>,
    left: usize,
    end: Option<End>,
}

impl<'a> Generation<'a> {
    /// Starts a generation of at most `limit` tokens after `prompt`, by [`Rules::plain`]. In a model with an encoder
    /// the prompt is the encoder's text.
    ///
    /// # Errors
    /// A model whose attention is bidirectional, a prompt without tokens, and a decoder whose first token is not
    /// known.
    pub fn new(
        model: &'a Transformer,
        prompt: Vec<u32>,
        sampler: Sampler,
        limit: usize,
    ) -> Result<Self> {
        let rules = Rules::plain(model.configuration());
        Self::following(model, rules, prompt, sampler, limit)
    }

    /// Starts a generation as [`Generation::new`] does, by the given rules.
    ///
    /// # Errors
    /// As [`Generation::new`].
    pub fn following(
        model: &'a Transformer,
        rules: Rules,
        prompt: impl Into<Prompt>,
        sampler: Sampler,
        limit: usize,
    ) -> Result<Self> {
        let configuration = model.configuration();
        let Prompt { ids: mut prompt, mask, latents, segments } = prompt.into();
        if segments.is_some() && configuration.has_encoder() {
            return invalid(format!(
                "{} has an encoder; segments are for models of one stack",
                configuration.family
            ));
        }
        if mask.is_none() {
            check_one_way(configuration)?;
        }
        if prompt.is_empty() && !configuration.has_encoder() {
            prompt.extend(rules.beginning);
        }
        if prompt.is_empty() {
            return invalid(
                "the prompt has no tokens, and the model has none that begins a text: give some"
                    .to_owned(),
            );
        }
        let (text, next) = if configuration.has_encoder() {
            let Some(start) = rules.decoder_start else {
                return invalid(
                    "the checkpoint does not say which token its decoder begins with (decoder_start_token_id in \
                     generation_config.json or config.json)"
                        .to_owned(),
                );
            };
            (vec![start], Batch::ids(vec![vec![start]]).from_source(Input::Ids(vec![prompt])))
        } else {
            (prompt.clone(), Batch::ids(vec![prompt]))
        };
        let (given, segment) = segments.unzip();
        let segments = given.map(|given| vec![given]);
        let next = Batch { masks: mask.into_iter().collect(), latents, segments, ..next };
        let (cache, prompt) = (Cache::new(), text.len());
        Ok(Generation {
            model,
            sampler,
            rules,
            cache,
            text,
            prompt,
            next,
            segment,
            left: limit,
            end: None,
        })
    }

    /// Generates the next token; returns `None` at the end.
    ///
    /// # Errors
    /// Errors of the model, such as a prompt longer than its context; logits that are not finite; rules that leave no
    /// token.
    pub fn token(&mut self) -> Result<Option<u32>> {
        if self.end.is_none() && self.left == 0 {
            self.end = Some(End::Limit);
        }
        let configuration = self.model.configuration();
        let full = !self.cache.is_empty()
            && configuration.context.is_some_and(|context| self.cache.len() >= context);
        if self.end.is_none() && full {
            self.end = Some(End::Context);
        }
        if self.end.is_some() {
            return Ok(None);
        }
        let states = self.model.extend(&self.next.clone().last_hidden(), &mut self.cache)?;
        let last = states.state.get(0)?;
        let mut logits = logits::of_state(self.model, &last.get(last.dim(0)? - 1)?)?;
        let constraints = &self.rules.constraints;
        let so_far = GenerationState { text: &self.text, prompt: self.prompt, left: self.left };
        constraints.apply(&mut logits, so_far)?;
        let token = self.sampler.draw(&logits);
        if constraints.end.contains(&token) {
            self.end = Some(End::Token(token));
            return Ok(None);
        }
        self.left -= 1;
        self.text.push(token);
        self.next = Batch::ids(vec![vec![token]]);
        self.next.segments = self.segment.map(|segment| vec![vec![segment]]);
        Ok(Some(token))
    }

    /// Returns why the generation ended, once it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }
}

/// Refuses a model with bidirectional attention: its logits do not predict the next token.
fn check_one_way(configuration: &Configuration) -> Result<()> {
    match configuration.attention {
        Direction::Backwards => Ok(()),
        Direction::Both => invalid(format!(
            "{} sees the whole text and fills gaps in it, so it cannot go on from a prompt: `unargmax logits` shows what \
             it puts at each place, `unargmax pattern` what it puts into a gap, and under a mask such as prefix:N it goes on",
            configuration.family
        )),
    }
}

fn invalid<T>(problem: String) -> Result<T> {
    Err(Error::Invalid(problem))
}
