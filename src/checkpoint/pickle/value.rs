//! What a pickle builds, as data in one list: a value refers to others by their place there.
//!
//! A pickle may name one value many times, so that what it says is far greater than itself once it
//! is written out. Here a value is held once, and each operation of the pickle adds at most one.

use std::ops::Range;

use super::allow::Global;

/// The place of a value.
pub(super) type Id = usize;

// The places of the constants among the values.
pub(super) const NONE: Id = 0;
pub(super) const FALSE: Id = 1;
pub(super) const TRUE: Id = 2;
pub(super) const EMPTY: Id = 3;

/// One value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than eight bytes, as it lies in the pickle.
    Long(Range<usize>),
    Float(f64),
    /// UTF-8 in the pickle.
    Text(Range<usize>),
    /// Bytes in the pickle.
    Bytes(Range<usize>),
    /// Bytes that protocol 2 writes as text, a character a byte.
    Latin1(Id),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A map made of the pairs in a list.
    Pairs(Id),
    /// A thing of the allow-list that has not been called.
    Global(Global),
    /// An element type of numpy: its code and the mark of its byte order.
    Dtype {
        code: Id,
        order: Option<u8>,
        /// Whether its elements are records.
        fields: bool,
    },
    /// An array of numpy; `None` until its state is there.
    Array(Option<Array>),
    /// Numbers of torch that lie outside the pickle.
    Storage(Storage),
    /// A view of a storage.
    Tensor(View),
    /// A tensor without a storage of its numbers: what it is, its shape, and why they cannot be read.
    Absent {
        kind: &'static str,
        shape: Id,
        why: &'static str,
    },
    /// An object whose content does not matter here.
    Opaque,
}

/// An array of numpy, its parts as the pickle names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    pub shape: Id,
    pub dtype: Id,
    pub fortran: bool,
    pub data: Id,
}

/// A storage of torch.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Its element type by torch's name, `float32`; `uint8` for one without a type.
    pub dtype: &'static str,
    /// A text: the name of its member, or its key in the legacy format.
    pub key: Id,
    /// How many elements the storage has.
    pub count: usize,
    /// The first element and the number of those that are meant, where that is not all of them.
    pub part: Option<(usize, usize)>,
}

/// A tensor of torch, its parts as the pickle names them.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub storage: Id,
    pub offset: Id,
    pub shape: Id,
    pub strides: Id,
    /// Its element type, where the storage has none.
    pub dtype: Option<&'static str>,
    /// Why its numbers cannot be read.
    pub refusal: Option<&'static str>,
}

/// What one pickle builds.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub values: Vec<Value>,
    pub root: Id,
    /// The offset of the byte after the pickle.
    pub end: usize,
}

impl Built {
    /// The text `id` in the pickle `bytes`.
    pub fn text<'a>(&self, bytes: &'a [u8], id: Id) -> Option<&'a str> {
        match &self.values[id] {
            Value::Text(range) => std::str::from_utf8(&bytes[range.clone()]).ok(),
            _ => None,
        }
    }

    /// The integer `id`, if it is not negative.
    pub fn size(&self, id: Id) -> Option<usize> {
        match self.values[id] {
            Value::Int(number) => usize::try_from(number).ok(),
            _ => None,
        }
    }

    /// The elements of the tuple or list `id`.
    pub fn elements(&self, id: Id) -> Option<&[Id]> {
        match &self.values[id] {
            Value::Tuple(elements) | Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The keys and values of the map `id`.
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

    /// The tuple `id` of integers that are not negative, as shapes and strides are.
    pub fn sizes(&self, id: Id, what: &str) -> Result<Vec<usize>, String> {
        /// Torch has 64 dimensions, numpy as many.
        const MOST: usize = 64;
        let elements = self.elements(id).ok_or_else(|| format!("its {what} is no tuple"))?;
        if elements.len() > MOST {
            return Err(format!("its {what} has {} dimensions", elements.len()));
        }
        elements
            .iter()
            .map(|&id| self.size(id))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("its {what} holds what is no size"))
    }
}
