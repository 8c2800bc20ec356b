//! The journal of a climb: a line for each finished piece of work, appended and written through, so that a run that was
//! killed goes on with the next piece.
//!
//! Each line is JSON and the start of its SHA-256. The first line states the run. A last line that was cut is dropped; a
//! line that is damaged elsewhere is an error.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::discrete::Discrete;
use super::enumeration::Enumeration;
use super::soft::Soft;
use crate::error::{Error, Result};
use crate::journal_file;

/// The name of the journal in the folder of the results.
pub const FILE: &str = "reach.journal";
/// What the first line begins with.
const LAYOUT: &str = "unargmax reach journal 1";
/// The number of hexadecimal digits of a line's hash.
const DIGITS: usize = 16;

/// What was seen of a token in a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The id of the token.
    pub token: u32,
    /// At how many positions it had the largest logit.
    pub argmax: u64,
    /// Its best rank.
    pub best_rank: u32,
    /// The first position with that rank, from 0.
    pub best_position: u64,
}

/// A finished piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// How far the prompts of one length were enumerated.
    Enumeration(Enumeration),
    /// The soft prompts of some tokens that were searched together.
    Soft(Vec<Soft>),
    /// The prompt of one token by gradients.
    Discrete(Discrete),
    /// What was seen in the corpus.
    Observed(Vec<Sighting>),
}

/// The journal of a run in a folder.
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    journal: String,
    run: Map<String, Value>,
}

impl Journal {
    /// Opens the journal of a run, or begins one, and returns what it holds. `run` has all that the results depend on.
    ///
    /// # Errors
    /// A journal of another run or one that is damaged, and an error of the operating system.
    pub fn open(folder: &Path, run: &Map<String, Value>) -> Result<(Self, Vec<Entry>)> {
        let path = folder.join(FILE);
        let failed = |e| Error::io(&path, e);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
        let mut entries = Vec::new();
        match lines.next() {
            Some(first) => {
                let damaged = || journal_file::damaged(&path, "what was found");
                let header: Header = read(first).ok_or_else(damaged)?;
                if header.journal != LAYOUT {
                    return Err(damaged());
                }
                if let Some(key) = difference(&header.run, run) {
                    return Err(journal_file::of_another(&path, &format!("`{key}` was different")));
                }
                for line in lines {
                    entries.push(read(line).ok_or_else(damaged)?);
                }
                file.set_len(whole as u64).map_err(failed)?;
                file.seek(SeekFrom::End(0)).map_err(failed)?;
            }
            None => {
                let header = line(&Header { journal: LAYOUT.to_owned(), run: run.clone() })?;
                if !header.starts_with(&text) {
                    return Err(journal_file::damaged(&path, "what was found"));
                }
                file.set_len(0).map_err(failed)?;
                file.rewind().map_err(failed)?;
                file.write_all(&header).map_err(failed)?;
                file.sync_data().map_err(failed)?;
            }
        }
        Ok((Journal { path, file }, entries))
    }

    /// Appends a piece of work.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn append(&mut self, entry: &Entry) -> Result<()> {
        let line = line(entry)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::io(&self.path, e))
    }

    /// Removes the journal of a folder, if there is one.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn remove(folder: &Path) -> Result<()> {
        journal_file::remove(&folder.join(FILE))
    }
}

/// The first key whose values differ.
fn difference(then: &Map<String, Value>, now: &Map<String, Value>) -> Option<String> {
    let keys = then.keys().chain(now.keys());
    keys.into_iter().find(|key| then.get(*key) != now.get(*key)).cloned()
}

/// A line: the value, a blank, and the start of the hash of the value.
fn line(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)
        .map_err(|e| Error::Invalid(format!("the journal cannot be made: {e}")))?;
    let hash = hash(&bytes);
    bytes.push(b' ');
    bytes.extend(hash.bytes());
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a line; `None` where its hash is not that of its value.
fn read<T: for<'a> Deserialize<'a>>(line: &[u8]) -> Option<T> {
    let line = line.strip_suffix(b"\n")?;
    let (value, stated) = line.split_at_checked(line.len().checked_sub(DIGITS + 1)?)?;
    let is_whole = stated[0] == b' ' && stated[1..] == *hash(value).as_bytes();
    is_whole.then(|| serde_json::from_slice(value).ok())?
}

fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tokens: u32) -> Map<String, Value> {
        Map::from_iter([("tokens".to_owned(), tokens.into())])
    }

    fn entries() -> [Entry; 2] {
        let sighting = Sighting { token: 3, argmax: 0, best_rank: 7, best_position: 11 };
        [Entry::Observed(vec![sighting]), Entry::Discrete(Discrete::unknown(5))]
    }

    fn written(folder: &Path) -> Vec<u8> {
        let (mut journal, none) = Journal::open(folder, &run(2)).unwrap();
        assert!(none.is_empty());
        entries().iter().for_each(|entry| journal.append(entry).unwrap());
        std::fs::read(folder.join(FILE)).unwrap()
    }

    #[test]
    fn a_journal_goes_on_behind_its_last_whole_line_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let whole = written(folder.path());
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        for length in 0..=whole.len() {
            std::fs::write(folder.path().join(FILE), &whole[..length]).unwrap();
            let (mut journal, found) = Journal::open(folder.path(), &run(2)).unwrap();
            let kept = lines(&whole[..length]).saturating_sub(1);
            assert_eq!(found, entries()[..kept]);
            entries()[kept..].iter().for_each(|entry| journal.append(entry).unwrap());
            assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), whole);
        }
    }

    #[test]
    fn a_changed_byte_and_another_run_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let whole = written(folder.path());
        let end = whole.len() - 1;
        for at in 0..end {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(folder.path().join(FILE), &changed).unwrap();
            let refused = Journal::open(folder.path(), &run(2)).map(|_| ()).unwrap_err();
            assert!(refused.to_string().contains("damaged"), "{at}: {refused}");
        }
        std::fs::write(folder.path().join(FILE), &whole).unwrap();
        let refused = Journal::open(folder.path(), &run(3)).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("`tokens` was different"), "{refused}");
    }
}
