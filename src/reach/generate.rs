//! Text generation: one token after another, each chosen from the logits at the last position.

use super::constraints::GenerationState;
use super::logits;
use super::rules::Rules;
use super::sampling::Sampler;
use super::spoken::Begin;
use crate::error::{Error, Result, invalid};
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
    /// The tokens, at least one unless the model has one that begins a text; those of the encoder, where there is one. In a
    /// model of sound they are what the decoder begins with, if not as the rules say.
    pub ids: Vec<u32>,
    /// The log-mel features of the encoder of a model of sound, `1 x bands x frames`.
    pub features: Option<Tensor>,
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
        let Prompt { ids: mut prompt, features, mask, latents, segments } = prompt.into();
        if segments.is_some() && configuration.has_encoder() {
            return invalid(format!(
                "{} has an encoder; segments are for models of one stack",
                configuration.family
            ));
        }
        if mask.is_none() {
            check_one_way(configuration)?;
        }
        check_features(configuration, features.as_ref())?;
        if prompt.is_empty() && !configuration.has_encoder() {
            prompt.extend(rules.beginning);
        }
        if prompt.is_empty() && features.is_none() {
            return invalid(
                "the prompt has no tokens, and the model has none that begins a text: give some"
                    .to_owned(),
            );
        }
        let given = !prompt.is_empty();
        let (text, source) = match (configuration.has_encoder(), features) {
            (true, Some(features)) if given => (prompt, Some(Input::Features(features))),
            (true, Some(features)) => (vec![start(&rules)?], Some(Input::Features(features))),
            (true, None) => (vec![start(&rules)?], Some(Input::Ids(vec![prompt]))),
            (false, _) => (prompt, None),
        };
        let after_start = if given { Vec::new() } else { rules.after_start.clone() };
        let next = Batch::ids(vec![text.clone()]);
        let (segments, segment) = segments.unzip();
        let segments = segments.map(|segments| vec![segments]);
        let masks = mask.into_iter().collect();
        let next = Batch { masks, latents, segments, source, ..next };
        let (cache, prompt) = (Cache::new(), text.len());
        let mut generation = Generation {
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
        };
        generation.begin(&after_start)?;
        Ok(generation)
    }

    /// Adds the tokens that the decoder begins with after its first one.
    fn begin(&mut self, after_start: &[Begin]) -> Result<()> {
        let mut waiting = self.text.clone();
        for begin in after_start {
            let token = match begin {
                Begin::Token(token) => *token,
                Begin::OneOf(tokens) => {
                    self.next.input = Input::Ids(vec![std::mem::take(&mut waiting)]);
                    let logits = self.logits()?;
                    self.next = Batch::ids(Vec::new());
                    // Of equal logits the lowest id counts, as in the reference.
                    let mut best: Vec<u32> = tokens.clone();
                    best.sort_by(|&a, &b| {
                        logits[b as usize].total_cmp(&logits[a as usize]).then(a.cmp(&b))
                    });
                    best[0]
                }
            };
            self.text.push(token);
            waiting.push(token);
        }
        self.prompt = self.text.len();
        self.next.input = Input::Ids(vec![waiting]);
        Ok(())
    }

    /// Computes the logits after the tokens of the next step.
    fn logits(&mut self) -> Result<Vec<f32>> {
        let states = self.model.extend(&self.next.clone().last_hidden(), &mut self.cache)?;
        let last = states.state.get(0)?;
        logits::of_state(self.model, &last.get(last.dim(0)? - 1)?)
    }

    /// Returns the tokens of the text so far: those of the decoder, where the model has an encoder.
    pub fn text(&self) -> &[u32] {
        &self.text
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
        let mut logits = self.logits()?;
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

/// Returns the token that a decoder begins with.
fn start(rules: &Rules) -> Result<u32> {
    rules.decoder_start.ok_or_else(|| {
        let problem = "the checkpoint does not say which token its decoder begins with (decoder_start_token_id in \
                       generation_config.json or config.json)";
        Error::Invalid(problem.to_owned())
    })
}

/// Refuses features for a model that reads none, and a model of sound without features.
fn check_features(configuration: &Configuration, features: Option<&Tensor>) -> Result<()> {
    let family = configuration.family;
    match (configuration.reads_sound(), features) {
        (true, None) => invalid(format!(
            "the encoder of {family} reads log-mel features of sound: give them (--features FILE)"
        )),
        (false, Some(_)) => {
            invalid(format!("{family} reads text and no features of sound (--features)"))
        }
        (true, Some(features)) if features.dims().first() != Some(&1) => invalid(format!(
            "the features have shape {:?}, but one text goes on from one sound: 1 x bands x frames",
            features.dims()
        )),
        _ => Ok(()),
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
