//! The stack machine that runs pickles: protocols 2 to 5.
//!
//! The state is that of Python's `pickle.py`, but a global is only an entry of the allow-list and a call only builds
//! data. The memory of each operation is bounded by the bytes that it takes from the file.
//!
//! Operations: <https://github.com/python/cpython/blob/main/Lib/pickletools.py>.

use std::collections::HashMap;
use std::ops::Range;

use super::allow::{self, Global};
use super::build;
use super::value::{Built, FALSE, Id, NONE, TRUE, Value};

/// The first byte of a pickle of protocol 2 or later; the protocol follows.
pub(super) const PROTOCOL: u8 = 0x80;

/// Runs the pickle at offset `start` of `bytes`, and returns the data that it builds.
///
/// # Errors
/// A pickle that is not valid; the error is a sentence with the offset of the operation, without the name of the
/// file.
pub(super) fn run(bytes: &[u8], start: usize) -> Result<Built, String> {
    let mut machine = Machine {
        bytes,
        at: start,
        values: vec![Value::None, Value::Bool(false), Value::Bool(true), Value::Tuple(Vec::new())],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    match bytes.get(start..).unwrap_or_default() {
        [PROTOCOL, 2..=5, ..] => {}
        [PROTOCOL, other, ..] => {
            return Err(format!(
                "the pickle at offset {start} is of protocol {other}; 2 to 5 are read"
            ));
        }
        _ => {
            return Err(format!(
                "there is no pickle of protocol 2 or later at offset {start}; is the file complete?"
            ));
        }
    }
    loop {
        let from = machine.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Built { values: machine.values, root, end: machine.at }),
            Err(problem) => {
                return Err(format!("the pickle is not sound at offset {from}: {problem}"));
            }
        }
    }
}

/// The state of a run.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// The heights of the stack at which marks were set.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    /// Runs one operation; returns the root of the data if it was the last.
    fn step(&mut self) -> Result<Option<Id>, String> {
        let code = self.take(1)?;
        let code = self.bytes[code.start];
        if code == b'.' {
            return self.pop().map(Some);
        }
        let is_known = self.frame(code)?
            || self.move_on_stack(code)?
            || self.scalar(code)?
            || self.collection(code)?
            || self.memorise(code)?
            || self.object(code)?;
        if is_known { Ok(None) } else { Err(refusal(code)) }
    }

    /// Runs an operation that divides the file and builds nothing; returns whether `code` is one.
    fn frame(&mut self, code: u8) -> Result<bool, String> {
        match code {
            PROTOCOL => {
                self.take(1)?;
            }
            0x95 => {
                let length = self.number(8)?;
                if length > (self.bytes.len() - self.at) as u64 {
                    return Err(self.short(length));
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs an operation on the stack and its marks; returns whether `code` is one.
    fn move_on_stack(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => match self.marks.last() {
                Some(&mark) if mark == self.stack.len() => drop(self.marks.pop()),
                _ => drop(self.pop()?),
            },
            b'1' => drop(self.above_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs an operation that pushes a number, a text or bytes; returns whether `code` is one.
    fn scalar(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            b'J' => {
                let number = self.number(4)? as u32 as i32;
                self.push(Value::Int(number.into()));
            }
            b'K' => {
                let number = self.number(1)?;
                self.push(Value::Int(number as i64));
            }
            b'M' => {
                let number = self.number(2)?;
                self.push(Value::Int(number as i64));
            }
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => {
                let range = self.take(8)?;
                let bits = self.bytes[range].iter().fold(0, |bits, &b| bits << 8 | u64::from(b));
                self.push(Value::Float(f64::from_bits(bits)));
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            b'T' => self.old_text(4)?,
            b'U' => self.old_text(1)?,
            b'B' => self.blob(4)?,
            b'C' => self.blob(1)?,
            0x8e | 0x96 => self.blob(8)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs an operation that builds or fills a tuple, a list or a map; returns whether `code` is one.
    fn collection(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'}' => self.push(Value::Dict(Vec::new())),
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let elements = self.above_mark()?;
                self.push(Value::Tuple(elements));
            }
            code @ 0x85..=0x87 => {
                let height = self
                    .stack
                    .len()
                    .checked_sub(usize::from(code - 0x84))
                    .filter(|&height| height >= self.floor())
                    .ok_or("the stack is empty")?;
                let elements = self.stack.split_off(height);
                self.push(Value::Tuple(elements));
            }
            b'l' | 0x91 => {
                let elements = self.above_mark()?;
                self.push(Value::List(elements));
            }
            b'd' => {
                let elements = self.above_mark()?;
                let pairs = pairs(&elements)?;
                self.push(Value::Dict(pairs));
            }
            b'a' => {
                let element = self.pop()?;
                self.extend(&[element])?;
            }
            b'e' | 0x90 => {
                let elements = self.above_mark()?;
                self.extend(&elements)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(&[key, value])?;
            }
            b'u' => {
                let elements = self.above_mark()?;
                self.insert(&elements)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs an operation on the memo; returns whether `code` is one.
    fn memorise(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'h' => self.get(1)?,
            b'j' => self.get(4)?,
            b'q' => {
                let key = self.number(1)?;
                self.put(key)?;
            }
            b'r' => {
                let key = self.number(4)?;
                self.put(key)?;
            }
            0x94 => self.put(self.memo.len() as u64)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Runs an operation that names a global, calls one or gives an object its state; returns whether `code` is one.
    fn object(&mut self, code: u8) -> Result<bool, String> {
        match code {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let global = self.global(module, name)?;
                self.push(Value::Global(global));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id: Id| match &self.values[id] {
                    Value::Text(range) => Ok(range.clone()),
                    _ => Err("a global is named by something that is not text"),
                };
                let global = self.global(text(module)?, text(name)?)?;
                self.push(Value::Global(global));
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(callee, arguments)?;
            }
            0x92 => {
                let (_keywords, arguments, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, arguments)?;
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                build::state(&mut self.values, self.bytes, target, state)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = build::storage(&self.values, self.bytes, id)?;
                self.push(storage);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes the next bytes of the pickle, and returns their range.
    fn take(&mut self, length: usize) -> Result<Range<usize>, String> {
        match self.at.checked_add(length) {
            Some(end) if end <= self.bytes.len() => {
                let range = self.at..end;
                self.at = end;
                Ok(range)
            }
            _ => Err(self.short(length as u64)),
        }
    }

    /// Returns the error that the file ends too early.
    fn short(&self, wanted: u64) -> String {
        format!(
            "{wanted} bytes are wanted, but only {} follow; is the file complete?",
            self.bytes.len() - self.at
        )
    }

    /// Reads a little-endian number of up to eight bytes.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        let range = self.take(width)?;
        Ok(self.bytes[range].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Reads a length of `width` bytes, and takes as many bytes.
    fn counted(&mut self, width: usize) -> Result<Range<usize>, String> {
        let length = self.number(width)?;
        usize::try_from(length).map_err(|_| self.short(length)).and_then(|length| self.take(length))
    }

    /// Pushes an integer of any length in two's complement.
    fn long(&mut self, width: usize) -> Result<(), String> {
        let range = self.counted(width)?;
        let bytes = &self.bytes[range.clone()];
        let value = if bytes.len() > 8 {
            Value::Long(range)
        } else {
            // Two's complement: the highest bit is the sign, and is extended.
            let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
            let mut whole = [if negative { 0xff } else { 0 }; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(whole))
        };
        self.push(value);
        Ok(())
    }

    /// Pushes a UTF-8 text whose length has `width` bytes.
    fn text(&mut self, width: usize) -> Result<(), String> {
        let range = self.counted(width)?;
        std::str::from_utf8(&self.bytes[range.clone()]).map_err(|_| "a text is not UTF-8")?;
        self.push(Value::Text(range));
        Ok(())
    }

    /// Pushes a string of Python 2, which may be text or bytes.
    fn old_text(&mut self, width: usize) -> Result<(), String> {
        let range = self.counted(width)?;
        let text = std::str::from_utf8(&self.bytes[range.clone()]).is_ok();
        self.push(if text { Value::Text(range) } else { Value::Bytes(range) });
        Ok(())
    }

    /// Pushes bytes whose length has `width` bytes.
    fn blob(&mut self, width: usize) -> Result<(), String> {
        let range = self.counted(width)?;
        self.push(Value::Bytes(range));
        Ok(())
    }

    /// Takes the bytes up to the end of the line.
    fn line(&mut self) -> Result<Range<usize>, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or("a name has no end")?;
        let range = self.at..self.at + length;
        self.at = range.end + 1;
        Ok(range)
    }

    /// Looks up a name in the allow-list.
    fn global(&self, module: Range<usize>, name: Range<usize>) -> Result<Global, String> {
        let text = |range| String::from_utf8_lossy(&self.bytes[range]);
        let (module, name) = (text(module), text(name));
        allow::find(&module, &name).ok_or_else(|| {
            format!(
                "it names `{module}.{name}`, which is not on the list of what may be read; nothing was executed. \
                 Save the tensors alone: a state_dict, or safetensors"
            )
        })
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// Returns the height down to which the stack may be popped: the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    /// Pops the top of the stack, but not past the last mark.
    fn pop(&mut self) -> Result<Id, String> {
        if self.stack.len() <= self.floor() {
            return Err("the stack is empty".into());
        }
        self.stack.pop().ok_or_else(|| "the stack is empty".into())
    }

    /// Returns the top of the stack, but not past the last mark.
    fn top(&self) -> Result<Id, String> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err("the stack is empty".into()),
        }
    }

    /// Removes the last mark, and returns the values above it.
    fn above_mark(&mut self) -> Result<Vec<Id>, String> {
        let height = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(height))
    }

    /// Pushes a value of the memo.
    fn get(&mut self, width: usize) -> Result<(), String> {
        let key = self.number(width)?;
        let id = *self.memo.get(&key).ok_or_else(|| format!("the memo has nothing under {key}"))?;
        self.stack.push(id);
        Ok(())
    }

    /// Stores the top of the stack in the memo.
    fn put(&mut self, key: u64) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    /// Appends elements to the list on top of the stack.
    fn extend(&mut self, elements: &[Id]) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::List(list) => list.extend(elements),
            // An object that is not examined ignores what is appended to it.
            Value::Opaque => {}
            _ => return Err("it appends to something that is not a list".into()),
        }
        Ok(())
    }

    /// Adds keys and values to the map on top of the stack.
    fn insert(&mut self, elements: &[Id]) -> Result<(), String> {
        let pairs = pairs(elements)?;
        let map = self.top()?;
        match &mut self.values[map] {
            Value::Dict(map) => map.extend(pairs),
            Value::Opaque => {}
            _ => return Err("it puts a key into something that is not a map".into()),
        }
        Ok(())
    }

    /// Builds the result of a call, and pushes it.
    fn call(&mut self, callee: Id, arguments: Id) -> Result<(), String> {
        let Value::Global(global) = self.values[callee] else {
            return Err("it calls something that is not a function of the list".into());
        };
        let Value::Tuple(arguments) = &self.values[arguments] else {
            return Err("the arguments of a call are not a tuple".into());
        };
        match build::call(&self.values, self.bytes, global, arguments)? {
            build::Made::Value(value) => self.push(value),
            build::Made::Same(id) => self.stack.push(id),
        }
        Ok(())
    }
}

/// Returns why an operation is not run.
fn refusal(code: u8) -> String {
    match code {
        b'P' => "it names outside data by a line of text".into(),
        0x82..=0x84 => "it uses the registry of extensions".into(),
        0x97 | 0x98 => {
            "its arrays lie outside it (buffers of protocol 5); pickle them in-band".into()
        }
        b'i' | b'o' => "it makes an object as protocol 0 does".into(),
        b'I' | b'L' | b'F' | b'S' | b'V' | b'g' | b'p' => format!(
            "the operation `{}` is one of protocol 0; write it with protocol 2 or later",
            char::from(code)
        ),
        other => format!("there is no operation {other:#04x}"),
    }
}

/// Groups keys and values that alternate.
fn pairs(elements: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    let (pairs, rest) = elements.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a key has no value".into());
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}
