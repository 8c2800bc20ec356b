//! A pickle as data to look at: maps, lists, texts and numbers.

use std::path::Path;

use super::machine;
use super::value::{Built, Id, Value};
use crate::checkpoint::bytes::Bytes;
use crate::error::Result;

/// A pickle of plain data, such as the map from token to id that a Python program saved.
#[derive(Clone, Debug)]
pub struct Pickle {
    pub(super) bytes: Bytes,
    pub(super) built: Built,
}

/// A value in a pickle.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    bytes: &'a [u8],
    built: &'a Built,
    id: Id,
}

impl Pickle {
    /// Opens a file that is one pickle; nothing in it is executed.
    ///
    /// # Errors
    /// Those of [`Bytes::open`] and of [`Pickle::parse`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(Bytes::open(path)?)
    }

    /// Reads one pickle of protocol 2 to 5; nothing in it is executed.
    ///
    /// # Errors
    /// A pickle that is not sound or names what is not on the list of what may be read, with its offset.
    pub fn parse(bytes: Bytes) -> Result<Self> {
        let built = machine::run(&bytes, 0).map_err(|problem| bytes.malformed(problem))?;
        if built.end != bytes.len() {
            return Err(bytes.malformed(format!(
                "the pickle ends at offset {} of {}; one pickle a file is read",
                built.end,
                bytes.len()
            )));
        }
        Ok(Pickle { bytes, built })
    }

    /// The value that the pickle is.
    pub fn root(&self) -> Item<'_> {
        Item { bytes: &self.bytes, built: &self.built, id: self.built.root }
    }
}

impl<'a> Item<'a> {
    /// The text that this is.
    pub fn text(self) -> Option<&'a str> {
        self.built.text(self.bytes, self.id)
    }

    /// The whole number that this is.
    pub fn int(self) -> Option<i64> {
        match self.built.values[self.id] {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The number that this is.
    pub fn float(self) -> Option<f64> {
        match self.built.values[self.id] {
            Value::Float(number) => Some(number),
            _ => None,
        }
    }

    /// The elements, in their order, of the list, tuple or set that this is.
    pub fn elements(self) -> Option<impl ExactSizeIterator<Item = Item<'a>>> {
        Some(self.built.elements(self.id)?.iter().map(move |&id| Item { id, ..self }))
    }

    /// The keys and values, in their order, of the map that this is. A key may come twice; its last value counts.
    pub fn entries(self) -> Option<impl Iterator<Item = (Item<'a>, Item<'a>)>> {
        let entries = self.built.entries(self.id)?;
        Some(
            entries.map(move |(key, value)| (Item { id: key, ..self }, Item { id: value, ..self })),
        )
    }

    /// What this is, for an error message.
    pub fn kind(self) -> &'static str {
        match self.built.values[self.id] {
            Value::None => "None",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Long(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::Bytes(_) | Value::Latin1(_) => "bytes",
            Value::Tuple(_) | Value::List(_) => "a list",
            Value::Dict(_) | Value::Pairs(_) => "a map",
            Value::Array(_) => "an array",
            Value::Tensor(_) | Value::Absent { .. } => "a tensor",
            Value::Global(_) | Value::Dtype { .. } | Value::Storage(_) | Value::Opaque => {
                "an object"
            }
        }
    }
}
