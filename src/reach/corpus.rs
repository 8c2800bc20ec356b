//! Reads a corpus of any length piece by piece, as windows of token ids.
//!
//! Text is tokenized in stretches of at least 64 KiB. A stretch ends at the end of a line, where the next line begins
//! with a letter or digit: tokenizers like GPT-2's, which join a blank to the word after it, split there anyway.

use std::collections::VecDeque;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::{SpecialTokens, Tokenizer};
use crate::error::{Error, Result};

/// The least number of bytes of a corpus of one text that are tokenized at once, except at the end.
const STRETCH: usize = 1 << 16;
/// The largest number of bytes that are tokenized at once: a longer line is cut here.
const LONGEST: usize = 1 << 20;

/// Whether the corpus is one text, or one text per line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// The file is one text.
    Whole,
    /// Each line is a text of its own.
    Lines,
}

/// How far a corpus was read, with hashes of what was read: where they agree, the windows so far are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The number of windows returned.
    pub windows: u64,
    /// The number of bytes read for them.
    pub bytes: u64,
    /// SHA-256 of these bytes, in hexadecimal.
    pub text: String,
    /// SHA-256 of the windows' token ids, in hexadecimal.
    pub tokens: String,
}

/// A stretch of text whose tokens are not yet all in a window.
struct Pending {
    bytes: u64,
    tokens: usize,
    /// The number of these tokens that were returned in windows.
    given: usize,
}

/// A reader that returns a corpus as windows of token ids.
pub struct Corpus<'a, R> {
    reader: R,
    path: PathBuf,
    tokenizer: &'a Tokenizer,
    texts: Texts,
    /// The largest number of tokens of a window, including those added around the text.
    window: usize,
    around: (Vec<u32>, Vec<u32>),
    /// Tokens that are not yet in a window.
    ids: Vec<u32>,
    /// The stretches of text that these tokens come from.
    pending: VecDeque<Pending>,
    /// The number of bytes of text all of whose tokens were returned.
    given: u64,
    windows: u64,
    /// Bytes that are not yet tokenized.
    bytes: Vec<u8>,
    read: u64,
    text_hash: Sha256,
    token_hash: Sha256,
    at_end: bool,
    /// What was read after the last group and does not belong to it, with the place before it.
    next: Option<(Result<Option<Vec<u32>>>, Place, u64)>,
}

impl<'a, R: BufRead> Corpus<'a, R> {
    /// Makes a reader of windows of at most `window` tokens; `path` names the corpus in errors.
    ///
    /// # Errors
    /// A window that the tokens added around each text fill already.
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
            next: None,
        })
    }

    /// Returns how many bytes of text were returned in windows, for the progress display. Within a stretch all tokens
    /// count the same number of bytes.
    pub fn bytes_given(&self) -> u64 {
        if let Some((_, _, bytes)) = &self.next {
            return *bytes;
        }
        let begun = self.pending.front().map_or(0, |p| {
            (u128::from(p.bytes) * p.given as u128 / p.tokens.max(1) as u128) as u64
        });
        self.given + begun
    }

    /// Returns how far the corpus was read, up to the last window that was returned.
    pub fn place(&self) -> Place {
        if let Some((_, place, _)) = &self.next {
            return place.clone();
        }
        Place {
            windows: self.windows,
            bytes: self.read,
            text: hexadecimal(&self.text_hash),
            tokens: hexadecimal(&self.token_hash),
        }
    }

    /// Returns the next windows: as many as fit into `tokens` tokens when all are padded to the longest one, at least
    /// one, and none at the end. What one call returns depends only on where it begins, so a run that continues at a
    /// [`Place`] after a group gets the same groups.
    ///
    /// # Errors
    /// As for [`Corpus::window`], after the windows before the error were returned.
    pub fn group(&mut self, tokens: usize) -> Result<Vec<Vec<u32>>> {
        let (mut group, mut longest) = (Vec::new(), 0);
        loop {
            let (place, bytes) = (self.place(), self.bytes_given());
            let window = match self.next.take() {
                Some((window, ..)) => window,
                None => self.read_window(),
            };
            let with = match &window {
                Ok(Some(ids)) => longest.max(ids.len()),
                Ok(None) | Err(_) if group.is_empty() => return window.map(|_| group),
                Ok(None) | Err(_) => usize::MAX,
            };
            if !group.is_empty() && with.saturating_mul(group.len() + 1) > tokens {
                self.next = Some((window, place, bytes));
                return Ok(group);
            }
            longest = with;
            group.extend(window?);
        }
    }

    /// Returns the next window, or `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read or is not UTF-8, and text that the vocabulary cannot spell.
    pub fn window(&mut self) -> Result<Option<Vec<u32>>> {
        match self.next.take() {
            Some((window, ..)) => window,
            None => self.read_window(),
        }
    }

    /// Reads the next window.
    fn read_window(&mut self) -> Result<Option<Vec<u32>>> {
        let room = self.window - self.around.0.len() - self.around.1.len();
        while self.ids.len() < room && !self.at_end {
            let (text, bytes) = self.stretch()?;
            let ids = self.tokenizer.encode(&text, SpecialTokens::Bare)?;
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

    /// Counts `tokens` more tokens as returned.
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

    /// Returns the next stretch of text and its size in the file, in bytes. The text is empty at the end of the file
    /// and for an empty line.
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

    /// Whether a stretch may end before byte `at`: after a line whose last character is no blank, and before a letter or
    /// digit.
    fn may_end(&self, at: usize) -> bool {
        let (before, after) = self.bytes.split_at(at);
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        before.ends_with(b"\n")
            && before.iter().rev().nth(1).is_some_and(|byte| !blank(byte))
            && after.first().is_some_and(|byte| byte.is_ascii_alphanumeric())
    }

    /// Removes the first `count` bytes and returns them as text; a character that is cut at the end is left for the
    /// next stretch.
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
