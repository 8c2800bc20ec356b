//! The input of a transformer: token ids or vectors, with masks, segments, and the encoder's input.

use candle_core::{Device, Tensor};

use super::configuration::{Configuration, Direction, check_id};
use super::embedding::Embedding;
use super::mask::Mask;
use super::positions::{Position, Sinusoid};
use crate::error::{Result, invalid};

/// Sequences, one per row: token ids, or vectors in their place.
#[derive(Clone, Debug)]
pub enum Input {
    /// Token ids. Shorter rows are padded at the end, and the padding is masked.
    Ids(Vec<Vec<u32>>),
    /// Vectors that take the place of the (scaled) rows of the token embedding, before positions, segments and norm.
    Vectors {
        /// The vectors, `B x T x e`; gradients flow to them.
        vectors: Tensor,
        /// The number of vectors of each row that count; `None` for all `T`.
        lengths: Option<Vec<usize>>,
    },
    /// Log-mel features of sound, `B x bands x frames`, for the encoder of a model that reads these (Whisper);
    /// gradients flow to them.
    Features(Tensor),
}

/// Sequences that the model runs on together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The sequences; those of the decoder, where the model has an encoder as well.
    pub input: Input,
    /// The masks: empty for the one that the model was trained with, one for all rows, or one per row.
    pub masks: Vec<Mask>,
    /// The segment of each token; `None` for segment 0 everywhere.
    pub segments: Option<Vec<Vec<u32>>>,
    /// The sequences of the encoder.
    pub source: Option<Input>,
    /// For each block the `B x d` states that replace the hidden state at position 0 before it.
    pub latents: Option<Vec<Tensor>>,
    /// Whether to compute logits from XLNet's query stream, in which no position sees its own token.
    pub predict_blind: bool,
    /// Whether the hidden states of all layers are kept, or only the last ones.
    pub keep_hidden: bool,
}

impl Batch {
    /// Makes a batch of token ids with the model's own mask.
    pub fn ids(rows: Vec<Vec<u32>>) -> Self {
        Self::new(Input::Ids(rows))
    }

    /// Makes a batch of vectors, `B x T x e`, with the model's own mask.
    pub fn vectors(vectors: Tensor) -> Self {
        Self::new(Input::Vectors { vectors, lengths: None })
    }

    fn new(input: Input) -> Self {
        let (masks, segments, source, latents) = (Vec::new(), None, None, None);
        Batch { input, masks, segments, source, latents, predict_blind: false, keep_hidden: true }
    }

    /// Uses one mask for all rows.
    pub fn masked(mut self, mask: Mask) -> Self {
        self.masks = vec![mask];
        self
    }

    /// Adds the sequences of the encoder.
    pub fn from_source(mut self, source: Input) -> Self {
        self.source = Some(source);
        self
    }

    /// Keeps only the last hidden states, which takes less memory.
    pub fn last_hidden(mut self) -> Self {
        self.keep_hidden = false;
        self
    }

    /// Returns the masks, or the mask that the model was trained with where none is given.
    ///
    /// # Errors
    /// A number of masks that is neither 0, nor 1, nor the number of rows.
    pub(super) fn masks(&self, configuration: &Configuration, rows: usize) -> Result<Vec<Mask>> {
        match self.masks.len() {
            0 => Ok(vec![own_mask(configuration)]),
            1 => Ok(self.masks.clone()),
            n if n == rows => Ok(self.masks.clone()),
            n => invalid(format!("there are {n} masks for {rows} rows: give one, or one per row")),
        }
    }

    /// Refuses latents whose number or shape does not fit the blocks.
    ///
    /// # Errors
    /// A number or shape that does not fit.
    pub(super) fn check_latents(&self, blocks: usize, rows: usize, width: usize) -> Result<()> {
        let Some(latents) = &self.latents else { return Ok(()) };
        if latents.len() != blocks {
            return invalid(format!(
                "there are {} latents for {blocks} blocks: give one per block",
                latents.len()
            ));
        }
        match latents.iter().position(|latent| latent.dims() != [rows, width]) {
            Some(at) => invalid(format!(
                "latent {at} has shape {:?}, but {rows} rows of width {width} are needed",
                latents[at].dims()
            )),
            None => Ok(()),
        }
    }
}

/// Returns the mask that a model was trained with.
fn own_mask(configuration: &Configuration) -> Mask {
    match configuration.attention {
        Direction::Both => Mask::Bidirectional,
        Direction::Backwards => Mask::Causal,
    }
}

/// Sequences that were checked against a model and are ready for its embedding.
pub(super) struct Prepared {
    /// The vectors, `B x T x e`.
    pub vectors: Tensor,
    /// The number of tokens of each row, padding not counted.
    pub lengths: Vec<usize>,
    /// The row of the position table for each token; one entry where all rows have the same.
    pub positions: Vec<Vec<usize>>,
    /// The number of tokens of each row that counted as positions so far.
    pub counted: Vec<usize>,
}

impl Prepared {
    /// Returns the length of the longest row, `T`.
    pub fn length(&self) -> usize {
        self.positions[0].len()
    }
}

impl Input {
    /// Checks sequences that follow `before` tokens, and looks up their vectors and positions. `counted` of the
    /// earlier tokens count as positions in each row.
    ///
    /// # Errors
    /// No rows, empty rows, an unknown id, vectors of another shape, a sequence longer than the context.
    pub(super) fn prepare(
        &self,
        configuration: &Configuration,
        embedding: &Embedding,
        before: usize,
        counted: &[usize],
    ) -> Result<Prepared> {
        let (lengths, longest) = self.lengths(configuration.input_width)?;
        if let Some(context) = configuration.context
            && before + longest > context
        {
            return invalid(format!(
                "the text has {} tokens, but the model's context is {context}",
                before + longest
            ));
        }
        let filler = configuration.special.padding.unwrap_or(0);
        let (vectors, ids) = match self {
            Input::Vectors { vectors, .. } => (vectors.clone(), None),
            Input::Features(_) => return no_features(),
            Input::Ids(rows) => {
                let known = embedding.tokens()?.rows();
                for &id in rows.iter().flatten() {
                    check_id("token id", id, known)?;
                }
                let filler = if (filler as usize) < known { filler } else { 0 };
                let mut rows = rows.clone();
                rows.iter_mut().for_each(|row| row.resize(longest, filler));
                (embedding.vectors(&rows, configuration.embedding_scale)?, Some(rows))
            }
        };
        let mut ends: Vec<usize> = counted.to_vec();
        ends.resize(lengths.len(), 0);
        let positions: Vec<Vec<usize>> = lengths
            .iter()
            .enumerate()
            .map(|(row, &length)| {
                let ids = ids.as_ref().map(|ids| ids[row].as_slice());
                positions(&configuration.position, ids, length, longest, &mut ends[row])
            })
            .collect();
        let same = positions.iter().all(|row| *row == positions[0]);
        let positions = if same { positions[..1].to_vec() } else { positions };
        Ok(Prepared { vectors, lengths, positions, counted: ends })
    }

    /// The token ids, unless there are vectors instead.
    pub(super) fn ids(&self) -> Option<Vec<Vec<u32>>> {
        match self {
            Input::Ids(rows) => Some(rows.clone()),
            Input::Vectors { .. } | Input::Features(_) => None,
        }
    }

    /// The length of the longest row.
    pub(super) fn length(&self) -> usize {
        match self {
            Input::Ids(rows) => rows.iter().map(Vec::len).max().unwrap_or(0),
            Input::Vectors { vectors, .. } => vectors.dims().get(1).copied().unwrap_or(0),
            Input::Features(_) => 0,
        }
    }

    /// Returns the length of each row, and the largest.
    fn lengths(&self, width: usize) -> Result<(Vec<usize>, usize)> {
        let (lengths, longest) = match self {
            Input::Ids(rows) => {
                let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
                let longest = lengths.iter().copied().max().unwrap_or(0);
                (lengths, longest)
            }
            Input::Vectors { vectors, lengths } => {
                let &[rows, longest, given] = vectors.dims() else {
                    return invalid(format!(
                        "the vectors have shape {:?}, but three dimensions are needed: rows, tokens, {width}",
                        vectors.dims()
                    ));
                };
                if given != width {
                    return invalid(format!(
                        "the vectors have {given} coordinates, but the model takes {width}"
                    ));
                }
                if !vectors.device().same_device(&Device::Cpu) {
                    return invalid(
                        "the vectors are not in the memory of the processor".to_owned(),
                    );
                }
                let lengths = lengths.clone().unwrap_or_else(|| vec![longest; rows]);
                if lengths.len() != rows || lengths.iter().any(|&length| length > longest) {
                    return invalid(format!(
                        "the lengths {lengths:?} do not fit {rows} rows of {longest} vectors"
                    ));
                }
                (lengths, longest)
            }
            Input::Features(_) => return no_features(),
        };
        if lengths.is_empty() {
            return invalid("there is no text: a batch needs at least one row".to_owned());
        }
        match lengths.iter().position(|&length| length == 0) {
            Some(row) => invalid(format!("row {row} is empty: a text needs at least one token")),
            None => Ok((lengths, longest)),
        }
    }
}

/// Returns the rows of the position table for one sequence; `counted` is the number of positions so far, and is
/// advanced.
fn positions(
    position: &Position,
    ids: Option<&[u32]>,
    length: usize,
    longest: usize,
    counted: &mut usize,
) -> Vec<usize> {
    let (offset, padding) = match position {
        Position::Learned { offset, padding } => (*offset, *padding),
        Position::Sinusoidal(Sinusoid::Closed { padding }) => {
            (*padding as usize + 1, Some(*padding))
        }
        _ => (0, None),
    };
    let mut count = *counted;
    let mut rows = Vec::with_capacity(longest);
    for at in 0..longest {
        let is_padding = match (padding, ids) {
            (Some(padding), Some(ids)) => ids[at] == padding,
            (Some(_), None) => at >= length,
            (None, _) => false,
        };
        if let (true, Some(padding)) = (is_padding, padding) {
            rows.push(padding as usize);
            continue;
        }
        rows.push(offset + count);
        count += 1;
        if at < length {
            *counted = count;
        }
    }
    rows
}

/// Checks the segments against the sequences and pads shorter rows.
///
/// # Errors
/// Another number of rows or of tokens, or a segment that the model has no embedding for.
pub(super) fn segments(
    given: Option<&Vec<Vec<u32>>>,
    lengths: &[usize],
    longest: usize,
    kinds: Option<usize>,
) -> Result<Option<Vec<Vec<u32>>>> {
    let Some(given) = given else { return Ok(None) };
    let fits = given.len() == lengths.len()
        && given.iter().zip(lengths).all(|(row, &length)| row.len() == length);
    if !fits {
        let lengths_given: Vec<usize> = given.iter().map(Vec::len).collect();
        return invalid(format!(
            "the segments have rows of {lengths_given:?} entries, but the texts have {lengths:?} tokens"
        ));
    }
    if let Some(kinds) = kinds
        && let Some(kind) = given.iter().flatten().find(|kind| **kind as usize >= kinds)
    {
        return invalid(format!("segment {kind} is not one of the {kinds} kinds of the model"));
    }
    let mut rows = given.clone();
    rows.iter_mut().for_each(|row| row.resize(longest, 0));
    Ok(Some(rows))
}

/// Refuses features where the model reads tokens.
fn no_features<T>() -> Result<T> {
    invalid(
        "features are for the encoder of a model that reads sound, and this reads tokens"
            .to_owned(),
    )
}
