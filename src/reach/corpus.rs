//! A text of any length as windows of token ids, read piece by piece.
//!
//! Text is split into tokens in stretches of at least 64 KiB that end at the end of a line, where the next begins with a
//! letter or sign: there the tokenizers of GPT-2's kind, which see a blank with the word behind it, split anyway.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

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

/// How far a corpus was read, with hashes of what that was: where they agree, the windows so far are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// How many windows were given.
    pub windows: u64,
    /// How many bytes were read for them.
    pub bytes: u64,
    /// SHA-256 of these bytes, in hexadecimal.
    pub text: String,
    /// SHA-256 of the windows' token ids, in hexadecimal.
    pub tokens: String,
}

/// Text whose tokens wait for a window.
struct Pending {
    bytes: u64,
    tokens: usize,
    /// How many of them were given.
    given: usize,
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
    /// Where these are from.
    pending: VecDeque<Pending>,
    /// Bytes of text all of whose tokens were given.
    given: u64,
    windows: u64,
    /// Bytes that wait to be split.
    bytes: Vec<u8>,
    read: u64,
    text_hash: Sha256,
    token_hash: Sha256,
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
        Ok(Corpus {
            reader,
            path,
            tokenizer,
            texts,
            window,
            around,
            ids: Vec::new(),
            pending: VecDeque::new(),
            given: 0,
            windows: 0,
            bytes: Vec::new(),
            read: 0,
            text_hash: Sha256::new(),
            token_hash: Sha256::new(),
            at_end: false,
        })
    }

    /// How many bytes of text were given in windows. Within a stretch that was split at once, all tokens count alike.
    pub fn bytes_given(&self) -> u64 {
        let begun = self.pending.front().map_or(0, |p| {
            (u128::from(p.bytes) * p.given as u128 / p.tokens.max(1) as u128) as u64
        });
        self.given + begun
    }

    /// How far it was read.
    pub fn place(&self) -> Place {
        Place {
            windows: self.windows,
            bytes: self.read,
            text: hexadecimal(&self.text_hash),
            tokens: hexadecimal(&self.token_hash),
        }
    }

    /// The next window, or `None` at the end.
    ///
    /// # Errors
    /// What cannot be read or is not UTF-8, and what the vocabulary cannot spell.
    pub fn window(&mut self) -> Result<Option<Vec<u32>>> {
        let room = self.window - self.around.0.len() - self.around.1.len();
        while self.ids.len() < room && !self.at_end {
            let (text, bytes) = self.stretch()?;
            let ids = self.tokenizer.encode(&text, Around::Bare)?;
            self.pending.push_back(Pending { bytes, tokens: ids.len(), given: 0 });
            self.ids.extend(ids);
            if self.texts == Texts::Lines && !self.ids.is_empty() {
                break;
            }
        }
        if self.ids.is_empty() {
            self.count(0);
            return Ok(None);
        }
        let text: Vec<u32> = self.ids.drain(..room.min(self.ids.len())).collect();
        self.count(text.len());
        let window = [&self.around.0[..], &text, &self.around.1].concat();
        self.windows += 1;
        self.token_hash.update((window.len() as u64).to_le_bytes());
        window.iter().for_each(|id| self.token_hash.update(id.to_le_bytes()));
        Ok(Some(window))
    }

    /// So many more tokens are given.
    fn count(&mut self, mut tokens: usize) {
        while let Some(first) = self.pending.front_mut() {
            let taken = tokens.min(first.tokens - first.given);
            (first.given, tokens) = (first.given + taken, tokens - taken);
            if first.given < first.tokens {
                break;
            }
            self.given += first.bytes;
            self.pending.pop_front();
        }
    }

    /// The next stretch of text, empty at the end or for an empty line, and how many bytes it takes in the file.
    fn stretch(&mut self) -> Result<(String, u64)> {
        while !self.at_end && self.bytes.len() < LONGEST {
            let before = self.bytes.len();
            let limit = (LONGEST - before) as u64;
            let count = std::io::Read::take(&mut self.reader, limit)
                .read_until(b'\n', &mut self.bytes)
                .map_err(|e| Error::io(&self.path, e))?;
            self.read += count as u64;
            self.at_end = count == 0;
            let line = &self.bytes[before..];
            self.text_hash.update(line);
            match self.texts {
                Texts::Lines if line.ends_with(b"\n") => break,
                Texts::Whole if before >= STRETCH && self.may_end(before) => {
                    let text = self.take(before)?;
                    let bytes = text.len() as u64;
                    return Ok((text, bytes));
                }
                _ => {}
            }
        }
        let mut text = self.take(self.bytes.len())?;
        let bytes = text.len() as u64;
        if self.texts == Texts::Lines {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
        Ok((text, bytes))
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

fn hexadecimal(hash: &Sha256) -> String {
    hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
