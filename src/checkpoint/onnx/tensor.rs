//! A stored tensor of a model (`TensorProto`): its description, where its numbers lie, and how they decode.

use std::ops::Range;

use super::external::External;
use super::wire::{Field, Message, pair};
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::decode::{ByteOrder, floats};
use crate::checkpoint::{Dtype, Values, elements};

/// The element types by their numbers in `TensorProto.DataType`: name and width in bits, 0 where the width varies.
const TYPES: [(&str, usize); 24] = [
    ("undefined", 0),
    ("float32", 32),
    ("uint8", 8),
    ("int8", 8),
    ("uint16", 16),
    ("int16", 16),
    ("int32", 32),
    ("int64", 64),
    ("string", 0),
    ("bool", 8),
    ("float16", 16),
    ("float64", 64),
    ("uint32", 32),
    ("uint64", 64),
    ("complex64", 64),
    ("complex128", 128),
    ("bfloat16", 16),
    ("float8e4m3fn", 8),
    ("float8e4m3fnuz", 8),
    ("float8e5m2", 8),
    ("float8e5m2fnuz", 8),
    ("uint4", 4),
    ("int4", 4),
    ("float4e2m1", 4),
];

/// A tensor as it is stored in the file, undecoded.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub name: String,
    pub shape: Vec<usize>,
    /// The name of the element type.
    pub element: &'static str,
    /// Bits per element.
    bits: usize,
    /// The range of its message, whose fields may hold the numbers.
    message: Range<usize>,
    raw: Option<Range<usize>>,
    external: Option<External>,
}

impl Stored {
    /// Parses the message at the range `message`, without its numbers.
    pub fn parse(bytes: &[u8], message: Range<usize>) -> Result<Stored, String> {
        let from = message.start;
        let (mut name, mut dims, mut kind, mut raw) = (String::new(), Vec::new(), 0, None);
        let (mut pairs, mut elsewhere, mut segmented) = (Vec::new(), false, false);
        let mut fields = Message::new(bytes, message.clone());
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => field.integers(bytes, &mut dims)?,
                2 => kind = field.int()?,
                3 => segmented = true,
                8 => name = field.text(bytes)?,
                9 => raw = Some(field.range()?),
                13 => pairs.push(pair(bytes, field.range()?)?),
                14 => elsewhere = field.int()? == 1,
                _ => {}
            }
        }
        let of = |problem: String| match name.is_empty() {
            true => format!("the tensor at offset {from}: {problem}"),
            false => format!("tensor `{name}`: {problem}"),
        };
        let shape: Vec<usize> = dims
            .iter()
            .map(|&d| usize::try_from(d).map_err(|_| of(format!("the dimension {d} is negative"))))
            .collect::<Result<_, _>>()?;
        let count = elements(&shape).ok_or_else(|| of(format!("the shape {shape:?} overflows")))?;
        let (element, bits) = usize::try_from(kind)
            .ok()
            .and_then(|kind| TYPES.get(kind))
            .copied()
            .unwrap_or(("of an unknown type", 0));
        let external = match elsewhere {
            true => Some(External::parse(&pairs).map_err(of)?),
            false => None,
        };
        if segmented {
            return Err(of("it is stored in segments, which are not read".into()));
        }
        if let (Some(raw), 1..) = (&raw, bits) {
            let needed = count.checked_mul(bits).map(|bits| bits.div_ceil(8));
            if needed != Some(raw.len()) {
                return Err(of(format!(
                    "the shape {shape:?} of {element} takes {} bytes, but it has {}",
                    needed.map_or("too many".into(), |n| n.to_string()),
                    raw.len()
                )));
            }
        }
        Ok(Stored { name, shape, element, bits, message, raw, external })
    }

    /// Returns the element type under which the tensor is listed.
    pub fn dtype(&self) -> Dtype {
        match self.element {
            "float32" => Dtype::F32,
            "float16" => Dtype::F16,
            "bfloat16" => Dtype::Bf16,
            "float64" => Dtype::F64,
            other => Dtype::Other(other.into()),
        }
    }

    /// Returns the number of elements.
    pub fn count(&self) -> usize {
        elements(&self.shape).unwrap_or(0)
    }

    /// Decodes a tensor of floats.
    pub fn floats(&self, bytes: &Bytes) -> Result<Values, String> {
        let dtype = self.dtype();
        if let Some(raw) = self.raw_bytes(bytes)? {
            return floats(&dtype, ByteOrder::Little, &raw);
        }
        // The numbers are in the field of their type; 16-bit floats are in the field of int32.
        let data = match dtype {
            Dtype::F32 => self.fixed(bytes, 4)?,
            Dtype::F64 => self.fixed(bytes, 10)?,
            Dtype::F16 | Dtype::Bf16 => self
                .integers(bytes, 5)?
                .into_iter()
                .flat_map(|number| (number as u16).to_le_bytes())
                .collect(),
            _ => Vec::new(),
        };
        let values = floats(&dtype, ByteOrder::Little, &data)?;
        self.complete(values.len())?;
        Ok(values)
    }

    /// Returns the range of the numbers in the file, if they lie there side by side as plain floats.
    ///
    /// # Errors
    /// Numbers that lie in another file, or are stored in another way; the error is a sentence.
    pub fn plain(&self, bytes: &[u8]) -> Result<Range<usize>, String> {
        if let Some(external) = &self.external {
            return Err(format!(
                "its numbers are in {}; save the model as one file",
                external.location()
            ));
        }
        if let Some(raw) = &self.raw {
            return Ok(raw.clone());
        }
        let (field, width) = match self.dtype() {
            Dtype::F32 => (4, 4),
            Dtype::F64 => (10, 8),
            _ => return Err("its numbers are stored as integers of variable length".into()),
        };
        let (mut found, mut fields) = (Vec::new(), Message::new(bytes, self.message.clone()));
        while let Some((number, content)) = fields.next()? {
            if number == field {
                found.push(content);
            }
        }
        match found.as_slice() {
            [Field::Bytes(range)] if range.len() == self.count() * width => Ok(range.clone()),
            _ => Err("its numbers are stored one by one".into()),
        }
    }

    /// Decodes a tensor of integers of up to 32 bits.
    pub fn ints(&self, bytes: &Bytes) -> Result<Vec<i32>, String> {
        let Some(raw) = self.raw_bytes(bytes)? else {
            let numbers = self.integers(bytes, 5)?;
            if self.bits == 4 {
                // Each number of eight bits holds two elements.
                let packed: Vec<u8> = numbers.iter().map(|&number| number as u8).collect();
                self.complete_nibbles(packed.len())?;
                return Ok(nibbles(&packed, self.count(), self.element == "int4"));
            }
            self.complete(numbers.len())?;
            return Ok(numbers.into_iter().map(|number| number as i32).collect());
        };
        Ok(match self.element {
            "int8" => raw.iter().map(|&byte| i32::from(byte as i8)).collect(),
            "uint8" => raw.iter().map(|&byte| i32::from(byte)).collect(),
            "int16" => halves(&raw).map(|half| i32::from(half as i16)).collect(),
            "uint16" => halves(&raw).map(i32::from).collect(),
            "int32" => raw.as_chunks::<4>().0.iter().map(|&b| i32::from_le_bytes(b)).collect(),
            "int4" | "uint4" => nibbles(&raw, self.count(), self.element == "int4"),
            other => return Err(format!("`{}` is of {other}, which is not decoded", self.name)),
        })
    }

    /// Decodes a small tensor of integers, such as a shape or a list of axes; `None` for any other tensor, and for
    /// one in another file.
    pub fn few_integers(&self, bytes: &[u8]) -> Result<Option<Vec<i64>>, String> {
        /// The largest number of elements of such a tensor.
        const FEW: usize = 64;
        let width = self.bits / 8;
        if !["int64", "int32"].contains(&self.element)
            || self.external.is_some()
            || self.count() > FEW
        {
            return Ok(None);
        }
        let numbers = match &self.raw {
            Some(raw) if width == 8 => {
                let numbers = bytes[raw.clone()].as_chunks::<8>().0;
                numbers.iter().map(|&b| i64::from_le_bytes(b)).collect()
            }
            Some(raw) => {
                let numbers = bytes[raw.clone()].as_chunks::<4>().0;
                numbers.iter().map(|&b| i32::from_le_bytes(b).into()).collect()
            }
            None => self.integers(bytes, if width == 8 { 7 } else { 5 })?,
        };
        Ok((numbers.len() == self.count()).then_some(numbers))
    }

    /// Whether the elements are integers that [`Stored::ints`] reads.
    pub fn is_quantised(&self) -> bool {
        ["int8", "uint8", "int16", "uint16", "int32", "int4", "uint4"].contains(&self.element)
    }

    /// Returns the bytes of the numbers if they are contiguous, in this file or in another one.
    fn raw_bytes(&self, bytes: &Bytes) -> Result<Option<Bytes>, String> {
        if let Some(external) = &self.external {
            let needed =
                (self.bits > 0).then(|| self.count().checked_mul(self.bits)).flatten().ok_or_else(
                    || format!("its element type is {}, which is not decoded", self.element),
                )?;
            return external.open(bytes, needed.div_ceil(8)).map(Some);
        }
        match &self.raw {
            Some(raw) => Ok(bytes.part(raw.clone())),
            None => Ok(None),
        }
    }

    /// Checks that as many numbers are stored as the shape asks for.
    fn complete(&self, held: usize) -> Result<(), String> {
        match held == self.count() {
            true => Ok(()),
            false => Err(format!(
                "its shape {:?} asks for {}, but it has {held} numbers",
                self.shape,
                self.count()
            )),
        }
    }

    /// Checks that as many bytes of two 4-bit numbers are stored as the shape asks for.
    fn complete_nibbles(&self, held: usize) -> Result<(), String> {
        match held == self.count().div_ceil(2) {
            true => Ok(()),
            false => Err(format!("its shape {:?} does not fit its {held} bytes", self.shape)),
        }
    }

    /// Returns the integers of the field `wanted`.
    fn integers(&self, bytes: &[u8], wanted: u64) -> Result<Vec<i64>, String> {
        let mut numbers = Vec::new();
        let mut fields = Message::new(bytes, self.message.clone());
        while let Some((number, field)) = fields.next()? {
            if number == wanted {
                field.integers(bytes, &mut numbers)?;
            }
        }
        Ok(numbers)
    }

    /// Returns the bytes of the numbers of fixed width in the field `wanted`, packed or one by one.
    fn fixed(&self, bytes: &[u8], wanted: u64) -> Result<Vec<u8>, String> {
        let mut data = Vec::new();
        let mut fields = Message::new(bytes, self.message.clone());
        while let Some((number, field)) = fields.next()? {
            if number == wanted {
                match field {
                    Field::Bytes(range) => data.extend_from_slice(&bytes[range]),
                    Field::Fixed32(bits) => data.extend(bits.to_le_bytes()),
                    Field::Fixed64(bits) => data.extend(bits.to_le_bytes()),
                    Field::Varint(_) => return Err("its numbers are of another type".into()),
                }
            }
        }
        Ok(data)
    }
}

/// Iterates over 16-bit numbers.
fn halves(raw: &[u8]) -> impl Iterator<Item = u16> {
    raw.as_chunks::<2>().0.iter().map(|&bytes| u16::from_le_bytes(bytes))
}

/// Unpacks numbers of four bits, the lower half of a byte first.
fn nibbles(packed: &[u8], count: usize, signed: bool) -> Vec<i32> {
    let both = packed.iter().flat_map(|&byte| [byte & 15, byte >> 4]);
    both.take(count).map(|half| i32::from(half) - if signed && half > 7 { 16 } else { 0 }).collect()
}
