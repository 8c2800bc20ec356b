//! Reads the `model.bin` of CTranslate2, binary versions 2 to 6: variables by name, then aliases.
//!
//! Format: `_serialize` in `python/ctranslate2/specs/model_spec.py` and `Model::load` in
//! `src/models/model.cc` of <https://github.com/OpenNMT/CTranslate2>. Version 3 added the aliases,
//! version 4 a number for the element type, which was known by its width before.
//!
//! A weight of int8 or int16 is listed as a block type and decoded with the variable `NAME_scale` as CTranslate2's
//! `Dequantize` does on the CPU: each integer, widened to f32, times the rounded f32 reciprocal of the scale of its
//! row (or of the whole matrix). An int16 weight without a scale has the scale 1000, as there. The only crates for
//! the format are bindings to the C++ library.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use super::bytes::Bytes;
use super::cursor::Cursor;
use super::decode::{ByteOrder, floats, zeros};
use super::{Checkpoint, Dtype, FileFormat, Tensor, TensorInfo, Values, elements, find};
use crate::error::Result;

/// The binary versions that are read.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=6;

/// The suffix of a variable that holds the scale of another.
const SCALE: &str = "_scale";

/// The scale of int16 weights of old files, `Quantize::global_int16_scale`.
const GLOBAL_SCALE: f32 = 1000.0;

/// An opened `model.bin`.
#[derive(Debug)]
pub struct CTranslate2 {
    bytes: Bytes,
    /// The class of the model: `TransformerSpec`, `WhisperSpec`.
    spec: String,
    /// The list of variables, sorted by name.
    tensors: Vec<TensorInfo>,
    /// The byte range of each of `tensors`, of the length that its shape asks for.
    places: Vec<Range<usize>>,
    /// Each alias with the name of its variable; sorted.
    aliases: Vec<(String, String)>,
}

/// Element types in the order of their numbers: name and width in bytes.
const TYPES: [(&str, usize); 6] =
    [("float32", 4), ("int8", 1), ("int16", 2), ("int32", 4), ("float16", 2), ("bfloat16", 2)];

/// Whether `bytes` begin as a `model.bin` does: a small number, then a name that ends in `Spec` and a NUL.
pub(crate) fn recognise(bytes: &[u8]) -> bool {
    let Some((version, rest)) = bytes.split_first_chunk().map(|(v, r)| (u32::from_le_bytes(*v), r))
    else {
        return false;
    };
    let Some((length, rest)) = rest.split_first_chunk().map(|(n, r)| (u16::from_le_bytes(*n), r))
    else {
        return false;
    };
    (1..=100).contains(&version)
        && rest.get(..usize::from(length)).is_some_and(|name| {
            name.strip_suffix(b"Spec\0").is_some_and(|n| n.iter().all(u8::is_ascii_alphanumeric))
        })
}

impl FileFormat for CTranslate2 {
    /// Parses the list of variables of `bytes`.
    ///
    /// # Errors
    /// A file that is not valid.
    fn parse(bytes: Bytes) -> Result<Self> {
        Self::contents(bytes.clone()).map_err(|problem| bytes.malformed(problem))
    }
}

impl CTranslate2 {
    /// Parses the file; errors are sentences without its name.
    fn contents(bytes: Bytes) -> Result<Self, String> {
        let mut cursor = Cursor::new(&bytes, 0);
        let version = cursor.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(format!(
                "its binary version is {version}; {} to {} are read",
                VERSIONS.start(),
                VERSIONS.end()
            ));
        }
        let spec = name(&mut cursor)?;
        let _revision = cursor.u32()?;
        // The smallest variable takes 8 bytes: an empty name, no dimension, a type, a length.
        let count = bounded(&mut cursor, 8, "variables")?;
        let mut listed = Vec::new();
        for _ in 0..count {
            listed.push(variable(&mut cursor, version)?);
        }
        let mut aliases = Vec::new();
        if version >= 3 {
            for _ in 0..bounded(&mut cursor, 6, "aliases")? {
                aliases.push((name(&mut cursor)?, name(&mut cursor)?));
            }
        }
        if cursor.left() != 0 {
            return Err(format!("{} bytes follow at offset {}", cursor.left(), cursor.at()));
        }

        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([(twice, _), _]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(format!("variable `{}` occurs twice", twice.name));
        }
        let (tensors, places): (Vec<TensorInfo>, _) = listed.into_iter().unzip();
        let known: HashSet<&str> = tensors.iter().map(|info| info.name.as_str()).collect();
        if let Some((alias, name)) = aliases
            .iter()
            .find(|(alias, name)| known.contains(&**alias) || !known.contains(&**name))
        {
            return Err(format!(
                "the alias `{alias}` of `{name}` has the name of a variable, or there is no such variable"
            ));
        }
        aliases.sort();
        if let Some([(twice, _), _]) = aliases.array_windows().find(|[(a, _), (b, _)]| a == b) {
            return Err(format!("the alias `{twice}` occurs twice"));
        }
        Ok(CTranslate2 { bytes, spec, tensors, places, aliases })
    }

    /// Decodes the quantised weight at place `at` of the list.
    fn dequantise(&self, at: usize) -> Result<Vec<f32>, String> {
        let info = &self.tensors[at];
        let stored = &self.bytes[self.places[at].clone()];
        let name = format!("{}{SCALE}", info.name);
        let scales = match self.tensors.binary_search_by(|info| info.name.cmp(&name)) {
            Ok(scale) => {
                let dtype = &self.tensors[scale].dtype;
                match floats(dtype, ByteOrder::Little, &self.bytes[self.places[scale].clone()])? {
                    Values::F32(scales) => scales,
                    Values::F64(_) => return Err(format!("its scale `{name}` is of f64")),
                }
            }
            Err(_) if info.dtype == Dtype::Block(INT16) => vec![GLOBAL_SCALE],
            Err(_) => return Err(format!("its scale `{name}` is missing")),
        };
        let count = elements(&info.shape).ok_or("its shape overflows")?;
        let mut numbers = zeros(count)?;
        if scales.len() != 1 && info.shape.first() != Some(&scales.len()) {
            return Err(format!(
                "its scale `{name}` has {} numbers for the shape {:?}",
                scales.len(),
                info.shape
            ));
        }
        let row = count.checked_div(scales.len()).unwrap_or(0).max(1);
        let wide = stored.len() / count.max(1) == 2;
        for (row, (scale, numbers)) in scales.iter().zip(numbers.chunks_mut(row)).enumerate() {
            let (first, reciprocal) = (row * numbers.len(), 1.0 / scale);
            for (k, number) in numbers.iter_mut().enumerate() {
                let integer = match wide {
                    true => {
                        i16::from_le_bytes([stored[2 * (first + k)], stored[2 * (first + k) + 1]])
                    }
                    false => i16::from(stored[first + k] as i8),
                };
                *number = f32::from(integer) * reciprocal;
            }
        }
        Ok(numbers)
    }
}

/// The names of the quantised element types.
const INT8: &str = "int8";
const INT16: &str = "int16";

/// Reads a name: its length with the final NUL, then the bytes and the NUL.
fn name(cursor: &mut Cursor) -> Result<String, String> {
    let from = cursor.at();
    let length = u16::from_le_bytes(cursor.fixed()?);
    let bytes = cursor.take(usize::from(length))?;
    // As in C, the name ends at the first NUL.
    let end = bytes.iter().position(|&byte| byte == 0);
    let text = end.map(|end| std::str::from_utf8(&bytes[..end]));
    match text {
        Some(Ok(text)) => Ok(text.to_owned()),
        Some(Err(_)) => Err(format!("the name at offset {from} is not UTF-8")),
        None => Err(format!("the name at offset {from} has no end")),
    }
}

/// Reads a count of items that take at least `least` bytes each, and refuses one that the file cannot hold.
fn bounded(cursor: &mut Cursor, least: usize, what: &str) -> Result<usize, String> {
    let from = cursor.at();
    let count = cursor.u32()? as usize;
    if count > cursor.left() / least {
        return Err(format!(
            "{count} {what} are claimed at offset {from}, but only {} bytes follow; is the file complete?",
            cursor.left()
        ));
    }
    Ok(count)
}

/// Reads the description of a variable, and returns it with the byte range of its numbers.
fn variable(cursor: &mut Cursor, version: u32) -> Result<(TensorInfo, Range<usize>), String> {
    let name = name(cursor)?;
    let of = |problem: String| format!("variable `{name}`: {problem}");
    let [rank] = cursor.fixed().map_err(of)?;
    let mut shape = Vec::new();
    for _ in 0..rank {
        shape.push(cursor.u32().map_err(of)? as usize);
    }
    let [kind] = cursor.fixed().map_err(of)?;
    let claimed = cursor.u32().map_err(of)? as usize;
    let (stored, held) = if version >= 4 {
        let stored = TYPES
            .get(usize::from(kind))
            .ok_or_else(|| of(format!("the element type {kind} is not known")))?;
        (stored, Some(claimed))
    } else {
        let stored = match kind {
            4 => &TYPES[0],
            2 => &TYPES[2],
            1 => &TYPES[1],
            _ => return Err(of(format!("no element type has {kind} bytes"))),
        };
        (stored, claimed.checked_mul(stored.1))
    };
    let needed = elements(&shape).and_then(|count| count.checked_mul(stored.1));
    let (Some(needed), Some(held)) = (needed, held) else {
        return Err(of(format!("the shape {shape:?} overflows")));
    };
    if needed != held {
        return Err(of(format!(
            "the shape {shape:?} of {} takes {needed} bytes, but it has {held}",
            stored.0
        )));
    }
    let from = cursor.at();
    cursor.take(held).map_err(of)?;
    let quantised = name.ends_with("weight") && !shape.is_empty();
    let dtype = match stored.0 {
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        "int8" if quantised => Dtype::Block(INT8),
        "int16" if quantised => Dtype::Block(INT16),
        other => Dtype::Other(other.into()),
    };
    Ok((TensorInfo { name, dtype, shape }, from..from + held))
}

impl Checkpoint for CTranslate2 {
    fn format(&self) -> &'static str {
        "CTranslate2"
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.bytes.folder()
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let alias = self.aliases.binary_search_by(|(alias, _)| alias.as_str().cmp(name));
        let stored = alias.map_or(name, |at| &self.aliases[at].1);
        let at = find(&self.tensors, stored, self.bytes.label())?;
        let info = self.tensors[at].clone();
        let values = match info.dtype {
            Dtype::Block(_) => self.dequantise(at).map(Values::F32),
            _ => floats(&info.dtype, ByteOrder::Little, &self.bytes[self.places[at].clone()]),
        };
        let values = values.map_err(|problem| {
            self.bytes.malformed(format!("variable `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info, values })
    }

    fn aliases(&self) -> &[(String, String)] {
        &self.aliases
    }

    fn model_kind(&self) -> Option<&str> {
        Some(&self.spec)
    }
}
