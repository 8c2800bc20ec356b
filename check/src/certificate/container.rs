//! A strict reader for the safetensors file around a certificate: it refuses whatever could be read in two ways.
//!
//! No key occurs twice, no field is unknown, and the tensors cover the data from the first byte after the header to
//! the last byte of the file, without gaps or overlaps. Readers for models are more lenient, and differ in how they
//! treat the other files.

use std::fmt;

use safetensors::Dtype;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fields::{Fields, counts, text};

/// The size in bytes of the field that holds the length of the header.
const LENGTH: usize = 8;
/// The longest header that the format permits, in bytes.
const LONGEST_HEADER: usize = 100_000_000;
/// The key of the description in the metadata; no other key is allowed.
pub const KEY: &str = "unargmax";

/// The element types that are known by name. A certificate has only some of them.
const TYPES: [Dtype; 13] = [
    Dtype::BOOL,
    Dtype::U8,
    Dtype::I8,
    Dtype::U16,
    Dtype::I16,
    Dtype::F16,
    Dtype::BF16,
    Dtype::U32,
    Dtype::I32,
    Dtype::F32,
    Dtype::U64,
    Dtype::I64,
    Dtype::F64,
];

/// A tensor: its name, element type, shape and bytes.
pub type Stored<'a> = (String, Dtype, Vec<usize>, &'a [u8]);

/// Parses JSON in which no object has a key twice.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn json(text: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Unique.deserialize(&mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok(value)
}

/// Parses a file into its tensors, in the order of their bytes, and its description.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read(bytes: &[u8]) -> Result<(Vec<Stored<'_>>, String), String> {
    let unsound = |e| format!("it is not a valid safetensors file, as a certificate is: {e}");
    let (header, data) = split(bytes).map_err(unsound)?;
    let header = json(header).map_err(|e| unsound(format!("the header: {e}")))?;
    let Value::Object(mut header) = header else {
        return Err(unsound("the header is not a JSON object".to_owned()));
    };
    let description = description(header.remove("__metadata__"))?;
    let mut entries = Vec::with_capacity(header.len());
    for (name, entry) in header {
        entries.push(Entry::new(name, entry).map_err(unsound)?);
    }
    entries.sort_by_key(|e| (e.from, e.to));
    let mut end = 0;
    for entry in &entries {
        if entry.from != end {
            return Err(unsound(format!(
                "tensor `{}` begins at offset {}, where the one before it ends at {end}",
                entry.name, entry.from
            )));
        }
        end = entry.to;
    }
    if end != data.len() {
        return Err(unsound(format!(
            "the tensors end at offset {end}, and {} bytes follow the header",
            data.len()
        )));
    }
    let mut stored = Vec::with_capacity(entries.len());
    for Entry { name, dtype, shape, from, to } in entries {
        stored.push((name, dtype, shape, &data[from..to]));
    }
    Ok((stored, description))
}

/// Splits the file into the header and the tensor data.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let length = bytes.first_chunk::<LENGTH>().ok_or("it has fewer than eight bytes")?;
    let (claimed, rest) = (u64::from_le_bytes(*length), &bytes[LENGTH..]);
    let length = usize::try_from(claimed).ok().filter(|&l| l <= rest.len() && l <= LONGEST_HEADER);
    let length = length
        .ok_or_else(|| format!("the header claims {claimed} bytes, and {} follow", rest.len()))?;
    let (header, data) = rest.split_at(length);
    if header.first() != Some(&b'{') {
        return Err("the header does not begin with {".to_owned());
    }
    Ok((header, data))
}

/// The description from the metadata; any other entry is an error.
fn description(metadata: Option<Value>) -> Result<String, String> {
    let mut entries = match metadata {
        Some(Value::Object(entries)) => entries,
        _ => Map::new(),
    };
    let description = entries.remove(KEY);
    let description = description
        .ok_or_else(|| format!("it is not a certificate: its metadata have no entry `{KEY}`"))?;
    if let Some(other) = entries.keys().next() {
        return Err(format!("the entry `{other}` of its metadata is not known to this version"));
    }
    match description {
        Value::String(description) => Ok(description),
        _ => Err(format!("the entry `{KEY}` of its metadata is not text")),
    }
}

/// The header entry of one tensor; `from..to` is its byte range in the data.
struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    from: usize,
    to: usize,
}

impl Entry {
    /// Parses the header entry of a tensor and checks its shape against its byte range.
    fn new(name: String, entry: Value) -> Result<Self, String> {
        if !entry.is_object() {
            return Err(format!("the entry of tensor `{name}` is not a JSON object"));
        }
        let (dtype, shape, offsets) =
            Entry::fields(entry).map_err(|e| format!("tensor `{name}`: {e}"))?;
        let [from, to] = offsets;
        let Some(known) = TYPES.into_iter().find(|known| known.to_string() == dtype) else {
            return Err(format!("tensor `{name}` has elements {dtype:?}"));
        };
        let size = known.bitsize() / 8;
        let size = shape.iter().try_fold(size, |size, &n| size.checked_mul(n));
        if size.is_none() || size != to.checked_sub(from) {
            return Err(format!(
                "the shape {shape:?} of tensor `{name}` does not fit its offsets {from}..{to}"
            ));
        }
        Ok(Entry { name, dtype: known, shape, from, to })
    }

    /// The type, the shape and the two offsets.
    fn fields(entry: Value) -> Result<(String, Vec<usize>, [usize; 2]), String> {
        let mut fields = Fields::of(entry)?;
        let dtype = fields.take("dtype", text)?;
        let shape = fields.take("shape", counts)?;
        let offsets = fields.take("data_offsets", counts)?;
        fields.end()?;
        let offsets = <[usize; 2]>::try_from(offsets).map_err(|other| {
            format!("field `data_offsets`: invalid length {}, not 2", other.len())
        })?;
        Ok((dtype, shape, offsets))
    }
}

/// Deserialises a JSON value and refuses objects with duplicate keys.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, x: bool) -> Result<Value, E> {
        Ok(Value::Bool(x))
    }

    fn visit_i64<E>(self, x: i64) -> Result<Value, E> {
        Ok(Value::Number(x.into()))
    }

    fn visit_u64<E>(self, x: u64) -> Result<Value, E> {
        Ok(Value::Number(x.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Value, E> {
        Number::from_f64(x).map(Value::Number).ok_or_else(|| E::custom("a number beyond float64"))
    }

    fn visit_str<E>(self, x: &str) -> Result<Value, E> {
        Ok(Value::String(x.to_owned()))
    }

    fn visit_string<E>(self, x: String) -> Result<Value, E> {
        Ok(Value::String(x))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Unique)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` occurs twice")));
            }
            values.insert(key, map.next_value_seed(Unique)?);
        }
        Ok(Value::Object(values))
    }
}
