//! What goes into a transformer: rows of token ids or vectors, and everything that is said about them.

use candle_core::{Device, Tensor};

use super::configuration::{Configuration, Direction, Position, check_id};
use super::embedding::Embedding;
use super::mask::Mask;
use crate::error::{Error, Result};

/// Texts, one a row.
#[derive(Clone, Debug)]
pub enum Input {
    /// Token ids. Shorter rows are filled up behind their last token, and the padding is hidden.
    Ids(Vec<Vec<u32>>),
    /// Vectors in place of the (scaled) rows of the token embedding, before positions, segments and norm.
    Vectors {
        /// `B x T x e`; a gradient reaches it.
        vectors: Tensor,
        /// How many of the `T` vectors of each row count; all of them unless said.
        lengths: Option<Vec<usize>>,
    },
}

/// Rows that pass a model together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The texts; those of the decoder, where the model has an encoder as well.
    pub input: Input,
    /// None for the mask that the model was trained with, one for all rows, or one a row.
    pub masks: Vec<Mask>,
    /// The kind of segment of each token; kind 0 unless said.
    pub segments: Option<Vec<Vec<u32>>>,
    /// The encoder's texts.
    pub source: Option<Input>,
    /// For each block a `B x d` that takes the place of the hidden state at position 0 before it.
    pub latents: Option<Vec<Tensor>>,
    /// Logits from XLNet's query stream, in which no position sees its own token.
    pub predict_blind: bool,
}

impl Batch {
    /// Token ids under the model's own mask.
    pub fn ids(rows: Vec<Vec<u32>>) -> Self {
        Self::new(Input::Ids(rows))
    }

    /// Vectors, `B x T x e`, under the model's own mask.
    pub fn vectors(vectors: Tensor) -> Self {
        Self::new(Input::Vectors { vectors, lengths: None })
    }

    fn new(input: Input) -> Self {
        let (masks, segments, source, latents) = (Vec::new(), None, None, None);
        Batch { input, masks, segments, source, latents, predict_blind: false }
    }

    /// The same under one mask for all rows.
    pub fn masked(mut self, mask: Mask) -> Self {
        self.masks = vec![mask];
        self
    }

    /// The same with texts for the encoder.
    pub fn from_source(mut self, source: Input) -> Self {
        self.source = Some(source);
        self
    }

    /// The masks, those of the model where none is asked for.
    ///
    /// # Errors
    /// A number of masks that does not fit the rows.
    pub(super) fn masks(&self, configuration: &Configuration, rows: usize) -> Result<Vec<Mask>> {
        match self.masks.len() {
            0 => Ok(vec![own_mask(configuration)]),
            1 => Ok(self.masks.clone()),
            n if n == rows => Ok(self.masks.clone()),
            n => invalid(format!("there are {n} masks for {rows} rows: give one, or one a row")),
        }
    }

    /// Refuses latents that do not fit.
    ///
    /// # Errors
    /// A number or shape that does not fit the blocks.
    pub(super) fn check_latents(&self, blocks: usize, rows: usize, width: usize) -> Result<()> {
        let Some(latents) = &self.latents else { return Ok(()) };
        if latents.len() != blocks {
            return invalid(format!(
                "there are {} latents for {blocks} blocks: give one a block",
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

/// The mask that a model was trained with.
fn own_mask(configuration: &Configuration) -> Mask {
    match configuration.attention {
        Direction::Both => Mask::Bidirectional,
        Direction::Backwards => Mask::Causal,
    }
}

/// Texts that were checked against a model.
pub(super) struct Prepared {
    /// `B x T x e`.
    pub vectors: Tensor,
    /// How many tokens each row has.
    pub lengths: Vec<usize>,
    /// The row of the position table for each token; one entry where all rows have the same.
    pub positions: Vec<Vec<usize>>,
    /// How many tokens of each row have counted as positions.
    pub counted: Vec<usize>,
}

impl Prepared {
    /// The length of the longest row, `T`.
    pub fn length(&self) -> usize {
        self.positions[0].len()
    }
}

impl Input {
    /// Checks texts that follow `before` tokens, of which `counted` count as positions in each row.
    ///
    /// # Errors
    /// No rows, empty rows, an unknown id, vectors of another shape, a text that is too long.
    pub(super) fn prepare(
        &self,
        configuration: &Configuration,
        embedding: &Embedding,
        before: usize,
        counted: &[usize],
    ) -> Result<Prepared> {
        let (lengths, longest) = self.lengths(embedding.tokens.columns())?;
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
            Input::Ids(rows) => {
                let known = embedding.tokens.rows();
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
                positions(configuration.position, ids, length, longest, &mut ends[row])
            })
            .collect();
        let same = positions.iter().all(|row| *row == positions[0]);
        let positions = if same { positions[..1].to_vec() } else { positions };
        Ok(Prepared { vectors, lengths, positions, counted: ends })
    }

    /// The lengths of the rows, and the longest.
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

/// The rows of the position table for one text; `counted` tokens came before, and it is moved on.
fn positions(
    position: Position,
    ids: Option<&[u32]>,
    length: usize,
    longest: usize,
    counted: &mut usize,
) -> Vec<usize> {
    let (offset, padding) = match position {
        Position::Learned { offset, padding } => (offset, padding),
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

/// Checks the kinds of segments against the texts and fills up shorter rows.
///
/// # Errors
/// Another number of rows or of tokens, or a kind that the model has no embedding for.
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

fn invalid<T>(problem: String) -> Result<T> {
    Err(Error::Invalid(problem))
}
