//! The data that a pickle builds, in one list: a value refers to others by their indices.
//!
//! A pickle may refer to one value many times, so that written out it would be far larger than the file. Here a value
//! is held once, and each operation of the pickle adds at most one.

use std::ops::Range;

use super::allow::Global;

/// The index of a value in the list.
pub(super) type Id = usize;

// The indices of the constants in the list.
pub(super) const NONE: Id = 0;
pub(super) const FALSE: Id = 1;
pub(super) const TRUE: Id = 2;
pub(super) const EMPTY: Id = 3;

/// A value of a pickle.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than eight bytes, as its range in the pickle.
    Long(Range<usize>),
    Float(f64),
    /// UTF-8 text, as its range in the pickle.
    Text(Range<usize>),
    /// Bytes, as their range in the pickle.
    Bytes(Range<usize>),
    /// Bytes that protocol 2 writes as text, one character per byte.
    Latin1(Id),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A map made from the pairs in a list.
    Pairs(Id),
    /// A name of the allow-list that has not been called.
    Global(Global),
    /// An element type of numpy: its code and the mark of its byte order.
    Dtype {
        code: Id,
        order: Option<u8>,
        /// Whether the elements are records.
        fields: bool,
    },
    /// An array of numpy; `None` until its state is set.
    Array(Option<Array>),
    /// A storage of torch, whose numbers lie outside the pickle.
    Storage(Storage),
    /// A tensor of torch, a view of a storage.
    Tensor(View),
    /// A tensor without a storage of its numbers: its kind, its shape, and why it cannot be read.
    Absent {
        kind: &'static str,
        shape: Id,
        why: &'static str,
    },
    /// An object whose content is not examined.
    Opaque,
}

/// An array of numpy, its parts as indices of values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    pub shape: Id,
    pub dtype: Id,
    pub fortran: bool,
    pub data: Id,
}

/// A storage of torch, from which tensors are views.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// The element type by torch's name (`float32`); `uint8` for a storage without a type.
    pub dtype: &'static str,
    /// The key, a text: the name of the storage's member, or its key in the legacy format.
    pub key: Id,
    /// The number of elements of the storage.
    pub count: usize,
    /// The first element and the number of elements in use, if these are not all.
    pub part: Option<(usize, usize)>,
}

/// A tensor of torch, its parts as indices of values.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub storage: Id,
    pub offset: Id,
    pub shape: Id,
    pub strides: Id,
    /// The element type, if the storage has none.
    pub dtype: Option<&'static str>,
    /// Why the numbers cannot be read.
    pub refusal: Option<&'static str>,
}

/// The data that one pickle builds.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub values: Vec<Value>,
    pub root: Id,
    /// The offset of the byte after the pickle.
    pub end: usize,
}

impl Built {
    /// Returns the value `id` if it is a text of the pickle `bytes`.
    pub fn text<'a>(&self, bytes: &'a [u8], id: Id) -> Option<&'a str> {
        match &self.values[id] {
            Value::Text(range) => std::str::from_utf8(&bytes[range.clone()]).ok(),
            _ => None,
        }
    }

    /// Returns the value `id` if it is an integer that is not negative.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.values[id] {
            Value::Int(number) => usize::try_from(number).ok(),
            _ => None,
        }
    }

    /// Returns the elements of `id` if it is a tuple or list.
    pub fn elements(&self, id: Id) -> Option<&[Id]> {
        match &self.values[id] {
            Value::Tuple(elements) | Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// Iterates over the keys and values of `id` if it is a map.
    pub fn entries(&self, id: Id) -> Option<impl Iterator<Item = (Id, Id)>> {
        let (dict, pairs) = match &self.values[id] {
            Value::Dict(entries) => (entries.as_slice(), &[][..]),
            &Value::Pairs(list) => (&[][..], self.elements(list)?),
            _ => return None,
        };
        let pairs = pairs.iter().filter_map(|&pair| match self.elements(pair) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        });
        Some(dict.iter().copied().chain(pairs))
    }

    /// Returns the tuple `id` of integers that are not negative, such as a shape or strides; `what` names it in
    /// errors.
    pub fn sizes(&self, id: Id, what: &str) -> Result<Vec<usize>, String> {
        /// The largest number of dimensions, both of torch and of numpy.
        const MOST: usize = 64;
        let elements = self.elements(id).ok_or_else(|| format!("its {what} is not a tuple"))?;
        if elements.len() > MOST {
            return Err(format!("its {what} has {} dimensions", elements.len()));
        }
        elements
            .iter()
            .map(|&id| self.size(id))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("its {what} holds something that is not a size"))
    }
}
