//! Read access to the plain data of a pickle: maps, lists, texts and numbers.

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
    /// Errors of [`Bytes::open`] and of [`Pickle::parse`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(Bytes::open(path)?)
    }

    /// Reads one pickle of protocol 2 to 5; nothing in it is executed.
    ///
    /// # Errors
    /// A pickle that is not valid or uses a name that is not on the allow-list; the error states the offset.
    pub fn parse(bytes: Bytes) -> Result<Self> {
        let built = machine::run(&bytes, 0).map_err(|problem| bytes.malformed(problem))?;
        if built.end != bytes.len() {
            return Err(bytes.malformed(format!(
                "the pickle ends at offset {} of {}; one pickle per file is read",
                built.end,
                bytes.len()
            )));
        }
        Ok(Pickle { bytes, built })
    }

    /// Returns the value of the whole pickle.
    pub fn root(&self) -> Item<'_> {
        Item { bytes: &self.bytes, built: &self.built, id: self.built.root }
    }
}

impl<'a> Item<'a> {
    /// Returns the value if it is a text.
    pub fn text(self) -> Option<&'a str> {
        self.built.text(self.bytes, self.id)
    }

    /// Returns the value if it is an integer.
    pub fn int(self) -> Option<i64> {
        match self.built.values[self.id] {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the value if it is a floating-point number.
    pub fn float(self) -> Option<f64> {
        match self.built.values[self.id] {
            Value::Float(number) => Some(number),
            _ => None,
        }
    }

    /// Iterates over the elements, in order, if the value is a list, tuple or set.
    pub fn elements(self) -> Option<impl ExactSizeIterator<Item = Item<'a>>> {
        Some(self.built.elements(self.id)?.iter().map(move |&id| Item { id, ..self }))
    }

    /// Iterates over the keys and values, in order, if the value is a map. A key may occur twice; its last value
    /// counts.
    pub fn entries(self) -> Option<impl Iterator<Item = (Item<'a>, Item<'a>)>> {
        let entries = self.built.entries(self.id)?;
        Some(
            entries.map(move |(key, value)| (Item { id: key, ..self }, Item { id: value, ..self })),
        )
    }

    /// Names the kind of the value, for an error message.
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
