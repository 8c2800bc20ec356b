//! Parses the header of a NumPy array file: magic, version, and a Python dictionary literal of three keys.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. The literal is parsed strictly
//! (each key once, nothing after the closing brace), since a header that NumPy did not write is more likely damaged
//! than a dialect. Members of `.npz` archives have the same header.

use std::borrow::Cow;

use super::super::decode::ByteOrder;
use super::super::{Dtype, elements};

/// The first bytes of every `.npy` file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// The header of an array file, checked against the number of bytes that follow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub dtype: Dtype,
    pub order: ByteOrder,
    /// Bytes per element, if the type has a fixed size.
    pub size: Option<usize>,
    /// Whether the first dimension is the contiguous one.
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// The offset of the first element.
    pub start: usize,
    /// Why the elements cannot be decoded, for a `dtype` that is `Other`.
    pub refusal: Option<String>,
}

/// An element type, parsed from its `descr`.
#[derive(Debug)]
struct Element {
    dtype: Dtype,
    order: ByteOrder,
    /// Bytes per element, if the type has a fixed size.
    size: Option<usize>,
    refusal: Option<String>,
}

impl Header {
    /// Parses the header at the start of an array file of `total` bytes; `bytes` are its first ones, at least as many
    /// as the header takes.
    ///
    /// # Errors
    /// A header that is not valid; the error is a sentence with the place of the fault, without the name of the file.
    pub fn parse(bytes: &[u8], total: usize) -> Result<Header, String> {
        let (text, start) = literal(bytes)?;
        let mut parser = Parser { text, at: 0 };
        let (element, fortran, shape) = parser.dictionary().map_err(|problem| {
            format!("the npy header is not sound at its byte {}: {problem}", parser.at)
        })?;
        let count = elements(&shape).ok_or_else(|| format!("the shape {shape:?} overflows"))?;
        let held = total.checked_sub(start).ok_or("the file ends within its npy header")?;
        if let Some(size) = element.size {
            let needed =
                count.checked_mul(size).ok_or_else(|| format!("the shape {shape:?} overflows"))?;
            if needed != held {
                let hint = if held < needed {
                    "is the file complete?"
                } else {
                    "it must hold one array only"
                };
                return Err(format!(
                    "the shape {shape:?} of {} takes {needed} bytes, but {held} follow the header; {hint}",
                    element.dtype
                ));
            }
        }
        let Element { dtype, order, refusal, size } = element;
        Ok(Header { dtype, order, size, fortran, shape, start, refusal })
    }

    /// Makes the header of an array whose data are stored elsewhere, from its `descr`; `None` if that is no element
    /// type.
    pub fn of_array(descr: &[u8], fortran: bool, shape: Vec<usize>) -> Option<Header> {
        let Element { dtype, order, size, refusal } = Element::parse(descr)?;
        Some(Header { dtype, order, size, fortran, shape, start: 0, refusal })
    }
}

/// Returns the dictionary literal, and the offset of the first element.
fn literal(bytes: &[u8]) -> Result<(&[u8], usize), String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it does not start as an npy array does".into());
    }
    let cut = || "the file ends within its npy header; is it complete?".to_string();
    let version = bytes.get(MAGIC.len()..MAGIC.len() + 2).ok_or_else(cut)?;
    let at = MAGIC.len() + 2;
    let (from, length) = match version {
        [1, 0] => {
            let length = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(cut)?;
            (at + 2, usize::from(u16::from_le_bytes(*length)))
        }
        [2 | 3, 0] => {
            let length = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(cut)?;
            (at + 4, usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?)
        }
        _ => {
            return Err(format!(
                "its npy version is {}.{}; 1.0, 2.0 and 3.0 are read",
                version[0], version[1]
            ));
        }
    };
    let end = from.checked_add(length).ok_or_else(cut)?;
    let text = bytes.get(from..end).ok_or_else(|| {
        format!(
            "the npy header claims {length} bytes, but only {} follow; is the file complete?",
            bytes.len() - from
        )
    })?;
    if text.last() != Some(&b'\n') {
        return Err("the npy header does not end in a newline, so its length is wrong".into());
    }
    Ok((text, end))
}

/// A parser of the dictionary literal.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    /// Parses the dictionary: element type, whether the order is Fortran's, shape.
    fn dictionary(&mut self) -> Result<(Element, bool, Vec<usize>), String> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.take(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            let again = match key {
                b"descr" => descr.replace(self.element()?).is_some(),
                b"fortran_order" => fortran.replace(self.boolean()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                other => return Err(format!("the key '{}' is unknown", lossy(other))),
            };
            if again {
                return Err(format!("the key '{}' occurs twice", lossy(key)));
            }
            if !self.take(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        if self.peek().is_some() {
            return Err("more follows the closing brace".into());
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok((descr, fortran, shape)),
            _ => Err("the keys 'descr', 'fortran_order' and 'shape' must all be there".into()),
        }
    }

    /// Returns the next byte that is not blank, without taking it.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    /// Takes the next byte if it is `byte`.
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Takes the byte, or refuses another one.
    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.take(byte) { Ok(()) } else { Err(format!("`{}` is missing", char::from(byte))) }
    }

    /// Takes a string in quotes, without escapes.
    fn string(&mut self) -> Result<&'a [u8], String> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return Err("a string is missing".into()),
        };
        let text = self.text;
        let rest = &text[self.at + 1..];
        let length = rest.iter().position(|&b| b == quote).ok_or("a string has no end")?;
        if rest[..length].contains(&b'\\') {
            return Err("a string has an escape".into());
        }
        self.at += length + 2;
        Ok(&rest[..length])
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.peek();
        let rest = &self.text[self.at..];
        for (word, value) in [(&b"False"[..], false), (b"True", true)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err("True or False is missing".into())
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        self.expect(b'(')?;
        let mut shape = Vec::new();
        while !self.take(b')') {
            shape.push(self.integer()?);
            if !self.take(b',') {
                self.expect(b')')?;
                if shape.len() == 1 {
                    return Err("the shape is a number in brackets and not a tuple".into());
                }
                break;
            }
        }
        Ok(shape)
    }

    fn integer(&mut self) -> Result<usize, String> {
        self.peek();
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let text = &self.text[self.at..self.at + digits];
        let number = decimal(text).ok_or_else(|| {
            if text.is_empty() {
                "a dimension is missing".into()
            } else {
                format!("the dimension {} overflows", lossy(text))
            }
        })?;
        self.at += digits;
        Ok(number)
    }

    /// Takes the value of `descr`: an element type, or a list of fields.
    fn element(&mut self) -> Result<Element, String> {
        if self.peek() == Some(b'[') {
            let fields = self.list()?;
            return Ok(Element {
                dtype: Dtype::Other("structured".into()),
                order: ByteOrder::Little,
                size: None,
                refusal: Some(format!(
                    "its elements are records of several fields {}; save the field that is wanted as a plain array",
                    lossy(&fields[..fields.len().min(120)])
                )),
            });
        }
        let descr = self.string()?;
        Element::parse(descr)
            .ok_or_else(|| format!("the descr '{}' is not an element type", lossy(descr)))
    }

    /// Skips a list with everything in it, by its brackets, and returns it.
    fn list(&mut self) -> Result<&'a [u8], String> {
        let (text, from) = (self.text, self.at);
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\'' | b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(&text[from..self.at]);
            }
        }
        Err("the list of fields has no end".into())
    }
}

impl Element {
    /// Parses `<f4` and the like: byte order, kind, size.
    fn parse(descr: &[u8]) -> Option<Element> {
        let (&mark, rest) = descr.split_first()?;
        let (&kind, rest) = rest.split_first()?;
        let order = match mark {
            b'<' | b'|' => ByteOrder::Little,
            b'>' => ByteOrder::Big,
            _ => return None,
        };
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = decimal(&rest[..digits]);
        let dtype = match (kind, number) {
            (b'f', Some(2)) if mark != b'|' => Dtype::F16,
            (b'f', Some(4)) if mark != b'|' => Dtype::F32,
            (b'f', Some(8)) if mark != b'|' => Dtype::F64,
            _ => Dtype::Other(lossy(descr).into_owned()),
        };
        let (size, why) = match kind {
            _ if !matches!(dtype, Dtype::Other(_)) => (number, None),
            b'b' | b'i' | b'u' | b'f' | b'c' => {
                (Some(number?), Some("no f2, f4 or f8; save it as float32 or float64"))
            }
            b'O' => (
                None,
                Some("Python objects, which only running a pickle could load; save it as float32"),
            ),
            b'V' => (
                Some(number?),
                Some("raw bytes without a meaning (bfloat16 is saved so); save it as float32"),
            ),
            b'S' => (Some(number?), Some("text and not numbers")),
            b'U' => (Some(number?.checked_mul(4)?), Some("text and not numbers")),
            b'M' | b'm' => (Some(number?), Some("times and not numbers")),
            _ => return None,
        };
        if rest.len() > digits && !matches!(kind, b'M' | b'm') {
            return None;
        }
        Some(Element {
            dtype,
            order,
            size,
            refusal: why.map(|why| format!("its elements ('{}') are {why}", lossy(descr))),
        })
    }
}

/// Parses a decimal number.
fn decimal(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}
