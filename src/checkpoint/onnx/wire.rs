//! A bounds-checked parser of the fields of a protobuf message.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>.

use std::ops::Range;

/// The content of a protobuf field.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::checkpoint) enum Field {
    /// A number of variable length.
    Varint(u64),
    /// Four bytes, little-endian.
    Fixed32(u32),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// Bytes, a text, a message or packed numbers: their range in the file.
    Bytes(Range<usize>),
}

/// An iterator over the fields of a message in the file.
#[derive(Clone, Debug)]
pub(in crate::checkpoint) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Message<'a> {
    /// Starts at the first field of the message in `range`, which must be within `bytes`.
    pub fn new(bytes: &'a [u8], range: Range<usize>) -> Self {
        let end = range.end.min(bytes.len());
        Message { bytes, at: range.start.min(end), end }
    }

    /// Returns number and content of the next field; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(u64, Field)>, String> {
        if self.at == self.end {
            return Ok(None);
        }
        let from = self.at;
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.fixed(from)?)),
            2 => {
                let length = self.varint()?;
                let left = self.end - self.at;
                match usize::try_from(length) {
                    Ok(length) if length <= left => {
                        let range = self.at..self.at + length;
                        self.at = range.end;
                        Field::Bytes(range)
                    }
                    _ => {
                        return Err(format!(
                            "the protobuf field at offset {from} claims {length} bytes, but only {left} follow; \
                             is the file complete?"
                        ));
                    }
                }
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.fixed(from)?)),
            other => {
                return Err(format!(
                    "the protobuf field at offset {from} is of the wire type {other}"
                ));
            }
        };
        match tag >> 3 {
            0 => Err(format!("the protobuf field at offset {from} has the number 0")),
            number => Ok(Some((number, field))),
        }
    }

    /// Reads `N` bytes of the field that begins at offset `from`.
    fn fixed<const N: usize>(&mut self, from: usize) -> Result<[u8; N], String> {
        let taken = self.bytes[self.at..self.end].first_chunk();
        let taken =
            *taken.ok_or_else(|| format!("the protobuf field at offset {from} is cut short"))?;
        self.at += N;
        Ok(taken)
    }

    /// Reads a number of variable length.
    fn varint(&mut self) -> Result<u64, String> {
        let from = self.at;
        let number = varint(self.bytes, &mut self.at, self.end);
        number.ok_or_else(|| format!("the protobuf number at offset {from} has no end"))
    }
}

/// Reads a number of variable length at `at`, and moves `at` past it; `None` where none ends before `end`.
fn varint(bytes: &[u8], at: &mut usize, end: usize) -> Option<u64> {
    let mut number = 0u64;
    for (k, &byte) in bytes.get(*at..end)?.iter().take(10).enumerate() {
        if k == 9 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * k);
        if byte < 0x80 {
            *at += k + 1;
            return Some(number);
        }
    }
    None
}

impl Field {
    /// Appends the integers of a repeated field to `to`, packed or a single one.
    pub fn integers(&self, bytes: &[u8], to: &mut Vec<i64>) -> Result<(), String> {
        match self {
            Field::Varint(number) => to.push(*number as i64),
            Field::Bytes(range) => {
                let mut at = range.start;
                while at < range.end {
                    let number = varint(bytes, &mut at, range.end)
                        .ok_or_else(|| format!("the protobuf number at offset {at} has no end"))?;
                    to.push(number as i64);
                }
            }
            _ => return Err("a protobuf field of whole numbers is of another type".into()),
        }
        Ok(())
    }

    /// Returns the range of a field that is bytes, a text or a message.
    pub fn range(self) -> Result<Range<usize>, String> {
        match self {
            Field::Bytes(range) => Ok(range),
            other => Err(format!("a protobuf field of bytes is a number: {other:?}")),
        }
    }

    /// Returns the text of a field.
    pub fn text(self, bytes: &[u8]) -> Result<String, String> {
        let range = self.range()?;
        let from = range.start;
        std::str::from_utf8(&bytes[range])
            .map(str::to_owned)
            .map_err(|_| format!("the text at offset {from} is not UTF-8"))
    }

    /// Returns the integer of a field.
    pub fn int(&self) -> Result<i64, String> {
        match self {
            Field::Varint(number) => Ok(*number as i64),
            other => Err(format!("a protobuf field of a whole number is another: {other:?}")),
        }
    }
}

/// Parses a pair of texts (`StringStringEntryProto`).
pub(super) fn pair(bytes: &[u8], message: Range<usize>) -> Result<(String, String), String> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Message::new(bytes, message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text(bytes)?,
            2 => value = field.text(bytes)?,
            _ => {}
        }
    }
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_wire_type() {
        let bytes = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 2, b'h', b'i'],
            &[0x1d, 0, 0, 0x80, 0x3f],
            &[0x21, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x2a, 3, 1, 0xac, 0x02],
        ]
        .concat();
        let mut message = Message::new(&bytes, 0..bytes.len());
        assert_eq!(message.next().unwrap(), Some((1, Field::Varint(150))));
        let (2, text) = message.next().unwrap().unwrap() else { panic!() };
        assert_eq!(text.text(&bytes).unwrap(), "hi");
        assert_eq!(message.next().unwrap(), Some((3, Field::Fixed32(1f32.to_bits()))));
        assert_eq!(message.next().unwrap(), Some((4, Field::Fixed64(1))));
        let mut packed = vec![];
        message.next().unwrap().unwrap().1.integers(&bytes, &mut packed).unwrap();
        assert_eq!(packed, [1, 300]);
        assert_eq!(message.next().unwrap(), None);
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let negative = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varint(&negative, &mut 0, 10), Some(u64::MAX));
        let beyond = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(varint(&beyond, &mut 0, 10), None);
        assert_eq!(varint(&[0x80; 11], &mut 0, 11), None);
        assert_eq!(varint(&[0x80, 1], &mut 0, 1), None);
    }
}
