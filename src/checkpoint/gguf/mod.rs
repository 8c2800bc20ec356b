//! Reads GGUF, the file format of ggml and llama.cpp: versions 2 and 3, little-endian, one file or split.
//!
//! The header is parsed here, bounded by the size of the file; a tensor of an unknown block type is listed and does
//! not keep the other tensors from being read. The decoders of `candle-core` are not used: a large dependency for ten
//! short functions.

mod blocks;
mod header;
mod metadata;
mod split;

use std::ops::Range;
use std::path::Path;

use super::bytes::Bytes;
use super::decode::ByteOrder;
use super::patch::Place;
use super::vocabulary::Vocabulary;
use super::{Checkpoint, Dtype, FileFormat, Tensor, TensorInfo, Values, find};
use crate::error::{Error, Result};
use header::Header;

pub(crate) use header::MAGIC;
pub use metadata::{Metadata, Value};

/// A matrix of quantised blocks, undecoded; the file remains mapped.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// The name, block type and shape (`rows x columns`) of the matrix.
    pub info: TensorInfo,
    bytes: Bytes,
}

impl Blocks {
    /// Makes a matrix of blocks that are laid out as in a GGUF file.
    #[cfg(feature = "model")]
    pub(super) fn new(info: TensorInfo, bytes: Bytes) -> Self {
        Blocks { info, bytes }
    }

    /// Decodes some of the rows, to the same numbers as [`Checkpoint::read`].
    ///
    /// # Errors
    /// Rows that do not exist, a row that is not a whole number of blocks, or too little memory.
    pub fn rows(&self, rows: Range<usize>) -> Result<Vec<f32>> {
        let problem = |what: &str| {
            self.bytes.malformed(format!("tensor `{}` cannot be read: {what}", self.info.name))
        };
        let count = self.info.shape.first().copied().unwrap_or(1).max(1);
        let stride = self.bytes.len() / count;
        let columns = self.info.shape.iter().skip(1).product::<usize>();
        let part = (stride * count == self.bytes.len())
            .then(|| self.bytes.get(rows.start * stride..rows.end * stride))
            .flatten()
            .ok_or_else(|| problem(&format!("it has no rows {rows:?}")))?;
        match blocks::decode(&self.info.dtype, part).map_err(|what| problem(&what))? {
            Values::F32(numbers) if numbers.len() == rows.len() * columns => Ok(numbers),
            _ => Err(problem("a row is not a whole number of blocks")),
        }
    }

    /// Decodes rows from `first` on into `out`, as many as it has room for, on this thread and without allocating, to the
    /// same numbers as [`Blocks::rows`].
    ///
    /// # Errors
    /// Rows that do not exist or are not whole numbers of blocks, or room for a part of a row.
    pub fn decode_rows(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let problem = |what: String| {
            self.bytes.malformed(format!("tensor `{}` cannot be read: {what}", self.info.name))
        };
        let Dtype::Block(name) = self.info.dtype else {
            return Err(problem("it has no blocks".to_owned()));
        };
        let count = self.info.shape.first().copied().unwrap_or(1).max(1);
        let stride = self.bytes.len() / count;
        let columns = self.info.shape.iter().skip(1).product::<usize>().max(1);
        let rows = first..first + out.len() / columns;
        let part = (stride * count == self.bytes.len() && rows.end <= count)
            .then(|| self.bytes.get(rows.start * stride..rows.end * stride))
            .flatten()
            .ok_or_else(|| problem(format!("it has no rows {rows:?}")))?;
        blocks::decode_into(name, part, out).map_err(problem)
    }

    /// Splits a stack of matrices, `count x rows x columns`, into these.
    ///
    /// # Errors
    /// Another shape, or matrices that are no whole number of bytes.
    pub fn split(&self) -> Result<Vec<Blocks>> {
        let problem = || {
            self.bytes.malformed(format!("tensor `{}` is not a stack of matrices", self.info.name))
        };
        let &[count, rows, columns] = &self.info.shape[..] else { return Err(problem()) };
        let stride = self.bytes.len() / count.max(1);
        if stride * count != self.bytes.len() {
            return Err(problem());
        }
        let one = |number: usize| {
            let bytes = self.bytes.part(number * stride..(number + 1) * stride);
            let info = TensorInfo { shape: vec![rows, columns], ..self.info.clone() };
            Ok(Blocks { info, bytes: bytes.ok_or_else(problem)? })
        };
        (0..count).map(one).collect()
    }

    /// Returns the bytes of the blocks.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// An opened GGUF file, with the other parts of a split one.
#[derive(Debug)]
pub struct Gguf {
    parts: Vec<Bytes>,
    metadata: Metadata,
    /// The tensors of all parts, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` its part and its byte range there; see [`header::Header::tensors`].
    places: Vec<(usize, Range<usize>)>,
}

impl FileFormat for Gguf {
    /// Parses the header of `bytes`, and for a part of a split model (`-00002-of-00003.gguf`) on disk also those of the
    /// other parts in its folder.
    ///
    /// # Errors
    /// A header that is not valid, a part that is missing or of another model.
    fn parse(bytes: Bytes) -> Result<Self> {
        let header = Header::parse(&bytes).map_err(|problem| bytes.malformed(problem))?;
        let mut parts = split::parts(bytes, header)?;
        let mut listed = Vec::new();
        for (number, (_, header)) in parts.iter_mut().enumerate() {
            listed.extend(header.tensors.drain(..).map(|(info, place)| (info, (number, place))));
        }
        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([_, (twice, (part, _))]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(parts[*part].0.malformed(format!("tensor `{}` occurs twice", twice.name)));
        }
        let metadata = parts[0].1.metadata.clone();
        let (tensors, places) = listed.into_iter().unzip();
        Ok(Gguf {
            parts: parts.into_iter().map(|(bytes, _)| bytes).collect(),
            metadata,
            tensors,
            places,
        })
    }
}

impl Gguf {
    /// Returns the key-value pairs, those of the first part of a split model.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

impl Checkpoint for Gguf {
    fn format(&self) -> &'static str {
        "GGUF"
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.parts[0].folder()
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = find(&self.tensors, name, self.parts[0].label())?;
        let (info, (part, place)) = (self.tensors[at].clone(), self.places[at].clone());
        let bytes = &self.parts[part];
        let values = blocks::decode(&info.dtype, &bytes[place]).map_err(|problem| {
            bytes.malformed(format!("tensor `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info, values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.parts[0].label())?;
        let (part, range) = self.places[at].clone();
        Place::of(&self.tensors[at], &self.parts[part], range, ByteOrder::Little)
    }

    fn blocks(&self, name: &str) -> Result<Option<Blocks>> {
        let at = find(&self.tensors, name, self.parts[0].label())?;
        let (info, (part, place)) = (self.tensors[at].clone(), self.places[at].clone());
        if !matches!(info.dtype, Dtype::Block(_)) {
            return Ok(None);
        }
        let whole = &self.parts[part];
        let bytes = whole.part(place).ok_or_else(|| {
            Error::malformed(whole.label(), format!("tensor `{name}` does not lie in the file"))
        })?;
        Ok(Some(Blocks { info, bytes }))
    }

    fn metadata(&self) -> Option<&Metadata> {
        Some(&self.metadata)
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        Vocabulary::from_gguf(&self.metadata, self.parts[0].label())
    }
}
