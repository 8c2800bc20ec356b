//! The typed key-value pairs of a GGUF file: checked when the file is opened, decoded on demand.

use std::collections::BTreeMap;

use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::cursor::Cursor;
use crate::error::Result;

/// The deepest nesting of arrays that is accepted; ggml itself nests none.
const DEEPEST: usize = 4;

/// The least number of bytes of a pair: the length of its key, its type, a value of one byte.
const LEAST_PAIR: usize = 8 + 4 + 1;

/// The type of a value, by its number in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Bool,
    String,
    Array,
}

impl Type {
    /// Returns the type of a number in the file; `None` for an unknown one.
    fn of(id: u32) -> Option<Type> {
        Some(match id {
            0 => Type::Unsigned(1),
            1 => Type::Signed(1),
            2 => Type::Unsigned(2),
            3 => Type::Signed(2),
            4 => Type::Unsigned(4),
            5 => Type::Signed(4),
            6 => Type::Float(4),
            7 => Type::Bool,
            8 => Type::String,
            9 => Type::Array,
            10 => Type::Unsigned(8),
            11 => Type::Signed(8),
            12 => Type::Float(8),
            _ => return None,
        })
    }

    /// Returns the name of the type, for errors.
    fn name(self) -> String {
        match self {
            Type::Unsigned(bytes) => format!("u{}", 8 * bytes),
            Type::Signed(bytes) => format!("i{}", 8 * bytes),
            Type::Float(bytes) => format!("f{}", 8 * bytes),
            Type::Bool => "bool".into(),
            Type::String => "string".into(),
            Type::Array => "array".into(),
        }
    }
}

/// One number or string, widened to the largest type of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// f32 (widened exactly) or f64.
    Float(f64),
    /// A truth value; every byte but 0 is true.
    Bool(bool),
    /// The bytes of a string, which is not always UTF-8.
    String(&'a [u8]),
}

/// The key-value pairs of a file.
#[derive(Clone, Debug)]
pub struct Metadata {
    bytes: Bytes,
    /// For each key the type of its value and the offset where the value begins; the whole value is within `bytes`.
    places: BTreeMap<String, (Type, usize)>,
}

impl Metadata {
    /// Checks the `count` pairs at the cursor, and moves the cursor past them.
    pub(super) fn walk(bytes: &Bytes, cursor: &mut Cursor, count: usize) -> Result<Self, String> {
        let mut places = BTreeMap::new();
        for _ in 0..count {
            let from = cursor.at();
            let key = cursor.name("metadata key")?.to_owned();
            let kind =
                value_type(cursor).map_err(|problem| format!("metadata `{key}`: {problem}"))?;
            let place = cursor.at();
            skip(cursor, kind, 0).map_err(|problem| format!("metadata `{key}`: {problem}"))?;
            if places.contains_key(&key) {
                return Err(format!("metadata `{key}` occurs a second time at offset {from}"));
            }
            places.insert(key, (kind, place));
        }
        Ok(Metadata { bytes: bytes.clone(), places })
    }

    /// The least number of bytes that a pair takes.
    pub(super) const LEAST_PAIR: usize = LEAST_PAIR;

    /// Iterates over all keys in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Reads a number or string; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is an array.
    pub fn get(&self, key: &str) -> Result<Option<Value<'_>>> {
        self.decode(key, "a number or string", |kind, cursor| scalar(kind, cursor))
    }

    /// Reads a string; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type, or is not UTF-8.
    pub fn get_str(&self, key: &str) -> Result<Option<&str>> {
        self.decode(key, "a UTF-8 string", |kind, cursor| match scalar(kind, cursor)? {
            Value::String(text) => std::str::from_utf8(text).ok(),
            _ => None,
        })
    }

    /// Reads an integer of any width; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type, or is negative.
    pub fn get_u64(&self, key: &str) -> Result<Option<u64>> {
        self.decode(key, "a non-negative integer", |kind, cursor| match scalar(kind, cursor)? {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        })
    }

    /// Reads a floating-point number; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn get_f64(&self, key: &str) -> Result<Option<f64>> {
        self.decode(key, "a floating-point number", |kind, cursor| match scalar(kind, cursor)? {
            Value::Float(number) => Some(number),
            _ => None,
        })
    }

    /// Reads a truth value; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn get_bool(&self, key: &str) -> Result<Option<bool>> {
        self.decode(key, "a truth value", |kind, cursor| match scalar(kind, cursor)? {
            Value::Bool(truth) => Some(truth),
            _ => None,
        })
    }

    /// Reads an array of strings; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type, or one of the strings is not UTF-8.
    pub fn get_array_str(&self, key: &str) -> Result<Option<Vec<&str>>> {
        self.decode(key, "an array of UTF-8 strings", |kind, cursor| {
            array(kind, cursor, |value| match value {
                Value::String(text) => std::str::from_utf8(text).ok(),
                _ => None,
            })
        })
    }

    /// Reads an array of strings that need not be UTF-8; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn get_array_bytes(&self, key: &str) -> Result<Option<Vec<&[u8]>>> {
        self.decode(key, "an array of strings", |kind, cursor| {
            array(kind, cursor, |value| match value {
                Value::String(text) => Some(text),
                _ => None,
            })
        })
    }

    /// Reads an array of floating-point numbers; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn get_array_f64(&self, key: &str) -> Result<Option<Vec<f64>>> {
        self.decode(key, "an array of floating-point numbers", |kind, cursor| {
            array(kind, cursor, |value| match value {
                Value::Float(number) => Some(number),
                _ => None,
            })
        })
    }

    /// Reads an array of integers of any width; `None` where there is no such key.
    ///
    /// # Errors
    /// The value is of another type, or an integer does not fit into `i64`.
    pub fn get_array_i64(&self, key: &str) -> Result<Option<Vec<i64>>> {
        self.decode(key, "an array of integers", |kind, cursor| {
            array(kind, cursor, |value| match value {
                Value::Unsigned(number) => i64::try_from(number).ok(),
                Value::Signed(number) => Some(number),
                _ => None,
            })
        })
    }

    /// Decodes the value of a key by `value`; `wanted` describes the expected type in errors.
    fn decode<'a, T>(
        &'a self,
        key: &str,
        wanted: &str,
        value: impl FnOnce(Type, &mut Cursor<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(&(kind, place)) = self.places.get(key) else { return Ok(None) };
        match value(kind, &mut Cursor::new(&self.bytes, place)) {
            Some(value) => Ok(Some(value)),
            None => Err(self.bytes.malformed(format!(
                "metadata `{key}` at offset {place} ({}) is not {wanted}",
                kind.name()
            ))),
        }
    }
}

/// Reads the type of a value.
fn value_type(cursor: &mut Cursor) -> Result<Type, String> {
    let from = cursor.at();
    let id = cursor.u32()?;
    Type::of(id).ok_or_else(|| format!("the value type {id} at offset {from} is unknown"))
}

/// Moves the cursor past a value; `depth` counts the arrays around it.
fn skip(cursor: &mut Cursor, kind: Type, depth: usize) -> Result<(), String> {
    match kind {
        Type::Unsigned(bytes) | Type::Signed(bytes) | Type::Float(bytes) => {
            cursor.take(bytes).map(drop)
        }
        Type::Bool => cursor.take(1).map(drop),
        Type::String => cursor.string().map(drop),
        Type::Array if depth == DEEPEST => Err(format!(
            "arrays lie more than {DEEPEST} deep within one another at offset {}",
            cursor.at()
        )),
        Type::Array => {
            let element = value_type(cursor)?;
            let least = match element {
                Type::Unsigned(bytes) | Type::Signed(bytes) | Type::Float(bytes) => bytes,
                Type::Bool => 1,
                Type::String => 8,
                Type::Array => 12,
            };
            let count = cursor.count(least, "elements of an array")?;
            match element {
                // `Cursor::count` has checked that the product is within the file.
                Type::Unsigned(_) | Type::Signed(_) | Type::Float(_) | Type::Bool => {
                    cursor.take(count * least).map(drop)
                }
                Type::String | Type::Array => {
                    (0..count).try_for_each(|_| skip(cursor, element, depth + 1))
                }
            }
        }
    }
}

/// Decodes a number or string; `None` for an array or where bytes are missing.
fn scalar<'a>(kind: Type, cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
    let little =
        |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    Some(match kind {
        Type::Unsigned(bytes) => Value::Unsigned(little(cursor.take(bytes).ok()?)),
        Type::Signed(bytes) => {
            let unused = 64 - 8 * bytes as u32;
            // Shifting up and arithmetically down again extends the sign.
            Value::Signed((little(cursor.take(bytes).ok()?) << unused) as i64 >> unused)
        }
        Type::Float(4) => Value::Float(f32::from_le_bytes(cursor.fixed().ok()?).into()),
        Type::Float(_) => Value::Float(f64::from_le_bytes(cursor.fixed().ok()?)),
        Type::Bool => Value::Bool(cursor.take(1).ok()? != [0]),
        Type::String => Value::String(cursor.string().ok()?),
        Type::Array => return None,
    })
}

/// Decodes an array, each element by `one`; `None` for another type.
fn array<'a, T>(
    kind: Type,
    cursor: &mut Cursor<'a>,
    one: impl Fn(Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    if kind != Type::Array {
        return None;
    }
    let element = value_type(cursor).ok()?;
    let count = cursor.u64().ok()?;
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(one(scalar(element, cursor)?)?);
    }
    Some(values)
}
