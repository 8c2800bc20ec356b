//! One forward pass of a batch through a model.

use candle_core::Tensor;

use super::assemble::Encoder;
use super::attention::AttentionContext;
use super::batch::{self, Batch, Input, Prepared};
use super::block::{Encoded, LayerKind};
use super::cache::{BlockCache, Cache};
use super::disentangled::DistanceRows;
use super::mask::{Mask, Masks, Stream};
use super::positions::Position;
use super::relative::Distances;
use super::rotary::Rotation;
use super::stack::{Contexts, Stack};
use super::{States, Transformer};
use crate::error::{Error, Result, invalid};

/// Computes the hidden states of `batch`, whose tokens follow those of the cache, if there is one.
pub(super) fn pass(
    model: &Transformer,
    batch: &Batch,
    cache: Option<&mut Cache>,
) -> Result<States> {
    let (parts, configuration) = (&model.parts, &model.configuration);
    let before = cache.as_ref().map_or(0, |cache| cache.length);
    let counted = cache.as_ref().map_or(&[][..], |cache| &cache.counted);
    let text = batch.input.prepare(configuration, &parts.embedding, before, counted)?;
    let rows = text.lengths.len();
    let masks = match &cache {
        Some(cache) => continued_masks(model, batch, cache, &text)?,
        None => batch.masks(configuration, rows)?,
    };
    for (row, length) in text.lengths.iter().enumerate() {
        masks[if masks.len() == 1 { 0 } else { row }].check(before + length)?;
    }
    if configuration.convolution.is_some() && masks.iter().any(|mask| *mask != Mask::Bidirectional)
    {
        return invalid(
            "the model has a convolution over neighbouring tokens, which sees later ones whatever the mask is: only the \
             bidirectional mask is possible, and no cache",
        );
    }
    batch.check_latents(parts.stack.blocks.len(), rows, configuration.width)?;
    let source = match cache.as_ref().and_then(|cache| cache.source.clone()) {
        Some(_) if batch.source.is_some() => {
            return invalid("the cache already holds an encoder's text; begin another cache");
        }
        Some(source) => Some(source),
        None => encode(model, batch.source.as_ref())?,
    };
    if let Some((_, lengths)) = &source
        && lengths.len() != rows
    {
        let problem =
            format!("there are {} sources for {rows} rows: give one per row", lengths.len());
        return Err(Error::Invalid(problem));
    }
    let pass = Pass { model, batch, text, masks, before, source };
    match cache {
        Some(cache) => pass.extend(cache),
        None => pass.whole(),
    }
}

/// Runs the model on tokens that follow those of the cache, and adds them to the cache.
///
/// Where the text grows beyond the length from which on all its tokens are rotated by other frequencies, the cached
/// keys are of no use any more, and the whole text is computed again.
pub(super) fn extend(model: &Transformer, batch: &Batch, cache: &mut Cache) -> Result<States> {
    let before = cache.length;
    let beyond = match &model.configuration.position {
        Position::Rotary { rotary, .. } => rotary.long.as_ref().map(|(beyond, _)| *beyond),
        _ => None,
    };
    let Some(beyond) = beyond else { return pass(model, batch, Some(cache)) };
    let added = batch.input.length();
    if before == 0 || before > beyond || before + added <= beyond {
        cache.ids.push(batch.input.ids());
        return pass(model, batch, Some(cache)).inspect_err(|_| drop(cache.ids.pop()));
    }
    let pieces = cache.ids.iter().cloned().chain([batch.input.ids()]);
    let Some(pieces) = pieces.collect::<Option<Vec<_>>>() else {
        let problem = format!(
            "beyond {beyond} tokens the model computes all tokens again, which a cache of vectors does not hold: use forward"
        );
        return Err(Error::Invalid(problem));
    };
    let rows = batch.input.ids().map_or(0, |rows| rows.len());
    if pieces.iter().any(|piece| piece.len() != rows) {
        return invalid("the number of rows differs from that of the cache");
    }
    let whole: Vec<Vec<u32>> =
        (0..rows).map(|row| pieces.iter().flat_map(|piece| piece[row].clone()).collect()).collect();
    let mut again = Cache::new();
    again.ids.push(Some(whole.clone()));
    let mut text = batch.clone();
    text.input = Input::Ids(whole);
    text.masks = cache.masks.clone();
    let states = pass(model, &text, Some(&mut again))?;
    *cache = again;
    let last = |x: &Tensor| x.narrow(1, before, added);
    Ok(States {
        state: last(&states.state)?,
        hidden: states.hidden.iter().map(last).collect::<candle_core::Result<_>>()?,
        lengths: vec![added; rows],
        ..states
    })
}

/// Returns the masks of tokens that follow those of a cache, after a check that they fit it.
fn continued_masks(
    model: &Transformer,
    batch: &Batch,
    cache: &Cache,
    text: &Prepared,
) -> Result<Vec<Mask>> {
    let rows = text.lengths.len();
    if text.lengths.iter().any(|&length| length != text.length()) {
        return invalid("tokens for a cache need rows of one length: extend one text at a time");
    }
    if let Position::Relative { .. } = model.configuration.position {
        return invalid("XLNet has no cache here: its queries need all distances; use forward");
    }
    if cache.is_empty() {
        let masks = batch.masks(&model.configuration, rows)?;
        if let Some(mask) = masks.iter().find(|mask| !mask.keeps_keys()) {
            let problem = format!(
                "a cache needs a mask under which no token sees later ones (Causal, Prefix, Latent), not {mask:?}"
            );
            return Err(Error::Invalid(problem));
        }
        return Ok(masks);
    }
    if cache.counted.len() != rows {
        let problem =
            format!("the cache holds {} rows, but {rows} are continued", cache.counted.len());
        return Err(Error::Invalid(problem));
    }
    if batch.latents.is_some() {
        return invalid("latents stand at position 0: set them with the first tokens of a cache");
    }
    if !batch.masks.is_empty() && batch.masks != cache.masks {
        return invalid("the first tokens of a cache set its masks; leave them out afterwards");
    }
    Ok(cache.masks.clone())
}

/// Computes the encoder's hidden states; returns them with the lengths of its rows.
fn encode(
    model: &Transformer,
    source: Option<&Input>,
) -> Result<Option<(Vec<Tensor>, Vec<usize>)>> {
    let (Some(encoder), Some(input)) = (&model.parts.encoder, source) else {
        return match (&model.parts.encoder, source) {
            (Some(_), None) => {
                invalid("the model has an encoder, so a batch needs its input (source)")
            }
            (None, Some(_)) => invalid("the model has no encoder, so a batch has no source"),
            _ => Ok(None),
        };
    };
    let Encoder { configuration, convolutions, embedding, stack } = encoder;
    let text = match (input, convolutions) {
        (Input::Features(features), Some(convolutions)) => {
            let positions = configuration.context.unwrap_or_default();
            let vectors = convolutions.forward(features, positions)?;
            let vectors = Input::Vectors { vectors, lengths: None };
            vectors.prepare(configuration, embedding, 0, &[])?
        }
        _ => input.prepare(configuration, embedding, 0, &[])?,
    };
    let x = embedding.forward(&text.vectors, &text.positions, None, configuration)?;
    let masks = Masks::bidirectional(&text.lengths);
    let contexts = contexts(model, stack, &masks, text.length(), None)?;
    let hidden = stack.forward(x, &contexts, None, None, None, true)?;
    Ok(Some((hidden, text.lengths)))
}

/// Makes, for each kind of layer of a stack, the mask and position encodings that the attention of its blocks shares.
fn contexts<'a>(
    model: &'a Transformer,
    stack: &'a Stack,
    masks: &Masks<'a>,
    length: usize,
    distances: Option<Distances>,
) -> Result<Contexts<'a>> {
    let configuration = &model.configuration;
    let queries = masks.before..masks.before + length;
    let rows = configuration.disentangled.as_ref();
    let rows = rows.map(|sizes| DistanceRows::new(sizes, &queries, queries.end));
    let context = |kind: LayerKind| -> Result<AttentionContext<'a>> {
        let rotary = match &configuration.position {
            Position::Rotary { rotary, local } => {
                Some(local.as_ref().filter(|_| kind.local).unwrap_or(rotary))
            }
            _ => None,
        };
        let rotation = rotary
            .filter(|_| kind.rotated)
            .map(|rotary| Rotation::new(queries.clone(), rotary, model.dtype))
            .transpose()?;
        let reach = configuration.layer_kinds.reach.filter(|_| kind.local);
        let masks = Masks { reach, ..*masks };
        Ok(AttentionContext {
            masks,
            bias: stack.distance_bias.as_ref(),
            rotation,
            distances: distances.clone(),
            distance_rows: rows.clone(),
        })
    };
    let kinds = stack.kinds().into_iter().map(|kind| Ok((kind, context(kind)?)));
    let padding = match stack.convolution {
        Some(_) => masks.tokens(queries.len(), model.dtype)?,
        None => None,
    };
    Ok(Contexts { kinds: kinds.collect::<Result<Vec<_>>>()?, tokens: padding })
}

/// A forward pass, after its input was checked.
struct Pass<'a> {
    model: &'a Transformer,
    batch: &'a Batch,
    text: Prepared,
    masks: Vec<Mask>,
    /// The number of tokens that came before.
    before: usize,
    source: Option<(Vec<Tensor>, Vec<usize>)>,
}

impl Pass<'_> {
    /// Runs the model on whole sequences, without a cache.
    fn whole(self) -> Result<States> {
        let segments = self.segments()?;
        let x = self.embedded(segments.as_deref())?;
        let distances = match self.model.configuration.position {
            Position::Relative { clamp } => Some(Distances::new(
                self.text.length(),
                self.model.configuration.width,
                clamp,
                segments.as_deref(),
                self.model.dtype,
            )?),
            _ => None,
        };
        if self.batch.predict_blind {
            return self.run_two_streams(x, distances);
        }
        let hidden = self.run_stack(x, distances, None)?;
        self.finished(hidden, Vec::new())
    }

    /// Runs the model on tokens that follow those of the cache.
    fn extend(self, cache: &mut Cache) -> Result<States> {
        if self.batch.predict_blind {
            return invalid("only XLNet predicts blind, and it has no cache here");
        }
        let segments = self.segments()?;
        let x = self.embedded(segments.as_deref())?;
        let mut blocks = match cache.is_empty() {
            true => vec![BlockCache::default(); self.model.parts.stack.blocks.len()],
            // The cache is copied, so that a failure part of the way does not leave it half extended.
            false => cache.blocks.clone(),
        };
        let hidden = self.run_stack(x, None, Some(&mut blocks))?;
        cache.blocks = blocks;
        cache.length += self.text.length();
        cache.counted = self.text.counted.clone();
        cache.masks = self.masks.clone();
        cache.source = self.source.clone();
        self.finished(hidden, Vec::new())
    }

    /// Runs both streams of XLNet; the states of the query stream predict each position without its own token.
    fn run_two_streams(self, x: Tensor, distances: Option<Distances>) -> Result<States> {
        let Some(first) = &self.model.parts.blind else {
            return invalid("only XLNet has a stream of queries that predicts blind");
        };
        let length = self.text.length();
        let masks = self.mask_rules();
        let stack = &self.model.parts.stack;
        let query = first.broadcast_as(x.shape())?.contiguous()?;
        let contexts = contexts(self.model, stack, &masks, length, distances)?;
        if self.batch.latents.is_some() {
            return invalid("latents have no place in two streams");
        }
        let (hidden, queries) = stack.forward_streams(x, query, &contexts)?;
        self.finished(hidden, queries)
    }

    /// Runs the stack on the first hidden state `x`, and returns all hidden states.
    fn run_stack(
        &self,
        x: Tensor,
        distances: Option<Distances>,
        cache: Option<&mut Vec<BlockCache>>,
    ) -> Result<Vec<Tensor>> {
        let (length, stack) = (self.text.length(), &self.model.parts.stack);
        let contexts = contexts(self.model, stack, &self.mask_rules(), length, distances)?;
        let encoded = self.source.as_ref().map(|(hidden, lengths)| Encoded {
            states: hidden.last().expect("an encoder has states").clone(),
            context: AttentionContext::masked(Masks::bidirectional(lengths)),
        });
        let latents = self.batch.latents.as_deref();
        stack.forward(x, &contexts, latents, encoded.as_ref(), cache, self.batch.keep_hidden)
    }

    /// Describes the masks of the pass.
    fn mask_rules(&self) -> Masks<'_> {
        Masks {
            masks: &self.masks,
            lengths: &self.text.lengths,
            before: self.before,
            reach: None,
            stream: Stream::Content,
        }
    }

    /// Returns the checked and padded segments of the batch.
    fn segments(&self) -> Result<Option<Vec<Vec<u32>>>> {
        let (given, configuration) = (self.batch.segments.as_ref(), &self.model.configuration);
        let kinds = match configuration.position {
            // XLNet only compares segments, so there is no largest one.
            Position::Relative { .. } => None,
            _ => Some(configuration.segments),
        };
        batch::segments(given, &self.text.lengths, self.text.length(), kinds)
    }

    /// Computes the first hidden state.
    fn embedded(&self, segments: Option<&[Vec<u32>]>) -> Result<Tensor> {
        let (text, parts) = (&self.text, &self.model.parts);
        let configuration = &self.model.configuration;
        parts.embedding.forward(&text.vectors, &text.positions, segments, configuration)
    }

    /// Adds the state before the head to the hidden states.
    fn finished(self, hidden: Vec<Tensor>, query_hidden: Vec<Tensor>) -> Result<States> {
        let last = query_hidden.last().or(hidden.last()).expect("there is a first state");
        Ok(States {
            state: self.model.parts.output.state(last)?,
            hidden,
            query_hidden,
            encoder_hidden: self.source.map(|(hidden, _)| hidden).unwrap_or_default(),
            lengths: self.text.lengths,
        })
    }
}
