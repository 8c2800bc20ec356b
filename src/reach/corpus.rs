//! A text of any length as windows of token ids, read piece by piece.
//!
//! Text is split into tokens in stretches of at least 64 KiB that end at the end of a line, where the next begins with a
//! letter or sign: there the tokenizers of GPT-2's kind, which see a blank with the word behind it, split anyway.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::text::{Around, Tokenizer};
use crate::error::{Error, Result};

/// The least that is split into tokens at once, in bytes.
const STRETCH: usize = 1 << 16;
/// The most: a line without end is cut here.
const LONGEST: usize = 1 << 20;

/// Where windows end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// The file is one text.
    Whole,
    /// Each line is a text of its own.
    Lines,
}

/// Windows of a text.
pub struct Corpus<'a, R> {
    reader: R,
    path: PathBuf,
    tokenizer: &'a Tokenizer,
    texts: Texts,
    /// How many tokens a window may have, those around it included.
    window: usize,
    around: (Vec<u32>, Vec<u32>),
    /// Tokens that wait for a window.
    ids: Vec<u32>,
    /// Bytes that wait to be split.
    bytes: Vec<u8>,
    read: u64,
    at_end: bool,
}

impl<'a, R: BufRead> Corpus<'a, R> {
    /// Windows of at most `window` tokens of what `reader` gives; `path` is for errors.
    ///
    /// # Errors
    /// Windows that the tokens around each text fill.
    pub fn new(
        reader: R,
        path: &Path,
        tokenizer: &'a Tokenizer,
        texts: Texts,
        window: usize,
    ) -> Result<Self> {
        let around = tokenizer.around()?;
        let taken = around.0.len() + around.1.len();
        if window <= taken {
            return Err(Error::Invalid(format!(
                "a window of {window} tokens has no room for text: {taken} stand around it"
            )));
        }
        let path = path.to_path_buf();
        let (ids, bytes) = (Vec::new(), Vec::new());
        Ok(Corpus {
            reader,
            path,
            tokenizer,
            texts,
            window,
            around,
            ids,
            bytes,
            read: 0,
            at_end: false,
        })
    }

    /// How many bytes have been read.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next window, or `None` at the end.
    ///
    /// # Errors
    /// What cannot be read or is not UTF-8, and what the vocabulary cannot spell.
    pub fn window(&mut self) -> Result<Option<Vec<u32>>> {
        let room = self.window - self.around.0.len() - self.around.1.len();
        while self.ids.len() < room && !self.at_end {
            let text = self.stretch()?;
            self.ids.extend(self.tokenizer.encode(&text, Around::Bare)?);
            if self.texts == Texts::Lines && !self.ids.is_empty() {
                break;
            }
        }
        if self.ids.is_empty() {
            return Ok(None);
        }
        let text: Vec<u32> = self.ids.drain(..room.min(self.ids.len())).collect();
        Ok(Some([&self.around.0[..], &text, &self.around.1].concat()))
    }

    /// The next stretch of text; empty at the end, or for an empty line.
    fn stretch(&mut self) -> Result<String> {
        while !self.at_end && self.bytes.len() < LONGEST {
            let before = self.bytes.len();
            let limit = (LONGEST - before) as u64;
            let count = std::io::Read::take(&mut self.reader, limit)
                .read_until(b'\n', &mut self.bytes)
                .map_err(|e| Error::io(&self.path, e))?;
            self.read += count as u64;
            self.at_end = count == 0;
            let line = &self.bytes[before..];
            match self.texts {
                Texts::Lines if line.ends_with(b"\n") => break,
                Texts::Whole if before >= STRETCH && self.may_end(before) => {
                    return self.take(before);
                }
                _ => {}
            }
        }
        let mut text = self.take(self.bytes.len())?;
        if self.texts == Texts::Lines {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
        Ok(text)
    }

    /// Whether a line ends before byte `at` that is not empty, and the next begins with no blank.
    fn may_end(&self, at: usize) -> bool {
        let (before, after) = self.bytes.split_at(at);
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        before.ends_with(b"\n")
            && before.iter().rev().nth(1).is_some_and(|byte| !blank(byte))
            && after.first().is_some_and(|byte| byte.is_ascii_alphanumeric())
    }

    /// The first `count` bytes as text; a character that is cut at the end waits for its rest.
    fn take(&mut self, count: usize) -> Result<String> {
        let part = &self.bytes[..count];
        let valid = match std::str::from_utf8(part) {
            Ok(_) => count,
            Err(e) if e.error_len().is_none() && !self.at_end && e.valid_up_to() > 0 => {
                e.valid_up_to()
            }
            Err(e) => {
                let at = self.read - self.bytes.len() as u64 + e.valid_up_to() as u64;
                let problem = format!("it is not UTF-8 at byte {at}; save it as UTF-8");
                return Err(Error::malformed(&self.path, problem));
            }
        };
        let rest = self.bytes.split_off(valid);
        let text = std::mem::replace(&mut self.bytes, rest);
        String::from_utf8(text).map_err(|e| Error::malformed(&self.path, e.to_string()))
    }
}
