//! The journal of an observation: its counts so far, on disk, so that an interrupted run can continue.
//!
//! It is a [`crate::journal_file`]. It states the run that it belongs to, and only that run continues from it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::corpus::Place;
use super::observe::{Contradiction, Counts, MOST_KEPT, Seen};
use crate::error::{Error, Result};
use crate::journal_file::{self, take};

/// The name of the journal in the folder of the results.
pub const FILE: &str = "observe.journal";
/// The first bytes of a journal; the digit is the version of the layout.
const MAGIC: &[u8] = b"unargmax observe journal 2\n";
/// The size of the longest header, in bytes; it bounds how much of a file is read.
const HEADER: u64 = 1 << 20;
/// The size of the counts of one token, in bytes: four u64 and one u32.
const OF_TOKEN: u64 = 36;

/// What identifies a run: everything that its numbers depend on, as far as it is known beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The version of unargmax.
    pub version: String,
    /// SHA-256 of the output layer's numbers.
    pub head: String,
    /// The files of the model, by name.
    pub files: BTreeMap<String, Stamp>,
    /// The size of the corpus, in bytes.
    pub corpus: u64,
    /// The largest number of tokens of a window.
    pub window: usize,
    /// Whether each line is a text of its own.
    pub lines: bool,
    /// SHA-256 of the audit, if there is one.
    pub audit: Option<String>,
}

/// The size and time of a file, by which a change is noticed without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// When it was last modified, in nanoseconds since 1970.
    pub modified: u64,
}

impl Stamp {
    /// Returns the stamp of a file.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn of(path: &Path) -> Result<Stamp> {
        let about = fs::metadata(path).map_err(|e| Error::io(path, e))?;
        let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = time.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        Ok(Stamp { bytes: about.len(), modified })
    }
}

impl Run {
    /// Describes in words how `now` differs from this run; empty where they are the same.
    fn differences(&self, now: &Run) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |differs: bool, words: String| found.extend(differs.then_some(words));
        differ(
            self.version != now.version,
            format!("it is of version {} of this program", self.version),
        );
        differ(self.head != now.head, "the output layer was different".to_owned());
        let changed = |(name, stamp): &(&String, &Stamp)| now.files.get(*name) != Some(stamp);
        let gone = self.files.iter().find(changed).map(|file| file.0);
        let new = now.files.keys().find(|name| !self.files.contains_key(*name));
        if let Some(name) = gone.or(new) {
            differ(
                true,
                format!("the model's `{name}` is a different one or has been changed since"),
            );
        }
        differ(
            self.corpus != now.corpus,
            format!("the corpus had {} bytes, and has {}", self.corpus, now.corpus),
        );
        differ(
            self.window != now.window,
            format!("windows had {} tokens, not {}", self.window, now.window),
        );
        let texts =
            |run: &Run| if run.lines { "lines were texts" } else { "the file was one text" };
        differ(self.lines != now.lines, texts(self).to_owned());
        differ(
            self.audit != now.audit,
            "the audit was a different one, or there was none".to_owned(),
        );
        found
    }
}

/// The header of a journal: the run, its place in the corpus, and the counts that are single numbers.
#[derive(Serialize, Deserialize)]
struct Header {
    run: Run,
    place: Place,
    /// The number of coordinates of a hidden state.
    width: usize,
    positions: u64,
    outside: u64,
    contradicting: u64,
    /// The number of contradictions that are stored with their states.
    kept: usize,
    first: [u8; 32],
}

/// The journal of a run in a folder.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
    run: Run,
    /// The number of tokens of the model.
    tokens: usize,
}

impl Journal {
    /// Describes the journal of this run of a model with `tokens` tokens; reads and writes nothing.
    pub fn new(folder: &Path, run: Run, tokens: usize) -> Self {
        Journal { path: folder.join(FILE), run, tokens }
    }

    /// Returns the path of the journal.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the journal, in place of an earlier one.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn write(&self, place: Place, counts: &Counts) -> Result<()> {
        let bytes = to_bytes(&self.run, place, counts)?;
        journal_file::write(&self.path, &bytes, &Sha256::digest(&bytes))
            .map_err(|e| Error::io(&self.path, e))
    }

    /// Reads how far the run was and what it had counted; `None` without a journal.
    ///
    /// # Errors
    /// A journal that is damaged or belongs to another run, and an error of the operating system.
    pub fn read(&self) -> Result<Option<(Place, Counts)>> {
        let bytes = match self.bytes() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|e| Error::io(&self.path, e))?,
        };
        let damaged = || journal_file::damaged(&self.path, "what was seen");
        let (header, arrays): (Header, &[u8]) =
            journal_file::parts(MAGIC, &bytes).ok_or_else(damaged)?;
        let differences = header.run.differences(&self.run);
        if !differences.is_empty() {
            return Err(self.of_another(&differences.join("; ")));
        }
        let place = header.place.clone();
        let counts = counts(header, arrays, self.tokens).ok_or_else(damaged)?;
        Ok(Some((place, counts)))
    }

    /// Returns the error that this journal belongs to another run, which differs in `what`.
    pub fn of_another(&self, what: &str) -> Error {
        journal_file::of_another(&self.path, what)
    }

    /// Removes the journal, if there is one.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn remove(&self) -> Result<()> {
        journal_file::remove(&self.path)
    }

    /// Reads the file, but no more bytes than a journal of this many tokens can have.
    fn bytes(&self) -> io::Result<Vec<u8>> {
        let most = 2 * HEADER + self.tokens as u64 * OF_TOKEN + (MOST_KEPT as u64) * (1 << 20);
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Serializes a journal, without the hash at its end.
fn to_bytes(run: &Run, place: Place, counts: &Counts) -> Result<Vec<u8>> {
    let header = Header {
        run: run.clone(),
        place,
        width: counts.contradictions.first().map_or(0, |c| c.state.len()),
        positions: counts.positions,
        outside: counts.outside,
        contradicting: counts.contradicting,
        kept: counts.contradictions.len(),
        first: counts.first,
    };
    let mut bytes = journal_file::start(MAGIC, &header)?;
    for seen in &counts.seen {
        for number in [seen.argmax, seen.best_position, seen.won_by_tie, seen.won_by_rounding] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(seen.best_rank.to_le_bytes());
    }
    for kept in &counts.contradictions {
        bytes.extend(kept.token.to_le_bytes());
        bytes.extend(kept.position.to_le_bytes());
        kept.state.iter().for_each(|x| bytes.extend(x.to_le_bytes()));
    }
    Ok(bytes)
}

/// Decodes the counts of `tokens` tokens; `None` where the bytes are not exactly these.
fn counts(header: Header, mut bytes: &[u8], tokens: usize) -> Option<Counts> {
    let rest = &mut bytes;
    let mut seen = Vec::new();
    for _ in 0..tokens {
        let mut number = || Some(u64::from_le_bytes(take(rest)?));
        let [argmax, best_position, won_by_tie, won_by_rounding] =
            [number()?, number()?, number()?, number()?];
        let best_rank = u32::from_le_bytes(take(rest)?);
        seen.push(Seen { argmax, best_rank, best_position, won_by_tie, won_by_rounding });
    }
    let mut contradictions = Vec::new();
    for _ in 0..header.kept.min(MOST_KEPT) {
        let token = u32::from_le_bytes(take(rest)?);
        let position = u64::from_le_bytes(take(rest)?);
        let mut state = Vec::new();
        for _ in 0..header.width {
            state.push(f32::from_le_bytes(take(rest)?));
        }
        contradictions.push(Contradiction { token, position, state });
    }
    let Header { positions, outside, contradicting, first, .. } = header;
    rest.is_empty().then_some(Counts {
        seen,
        positions,
        outside,
        contradictions,
        contradicting,
        first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: usize = 3;

    fn run() -> Run {
        let stamp = Stamp { bytes: 5, modified: 6 };
        Run {
            version: "1".to_owned(),
            head: "h".to_owned(),
            files: [("model".to_owned(), stamp)].into(),
            corpus: 9,
            window: 4,
            lines: false,
            audit: None,
        }
    }

    fn place() -> Place {
        Place { windows: 2, bytes: 7, text: "t".to_owned(), tokens: "i".to_owned() }
    }

    fn seen() -> Counts {
        let of = |n: u64| Seen {
            argmax: n,
            best_rank: n as u32 + 1,
            best_position: n << 40,
            won_by_tie: n + 2,
            won_by_rounding: n + 3,
        };
        let kept = |token| Contradiction { token, position: 1 << 50, state: vec![-0.0, f32::MAX] };
        Counts {
            seen: (0..TOKENS as u64).map(of).collect(),
            positions: 8,
            outside: 1,
            contradictions: vec![kept(1), kept(2)],
            contradicting: 99,
            first: [7; 32],
        }
    }

    fn journal(folder: &Path) -> Journal {
        Journal::new(folder, run(), TOKENS)
    }

    #[test]
    fn what_is_read_is_what_was_written_and_nothing_is_left_of_it_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        assert!(journal.read().unwrap().is_none());
        journal.write(place(), &Counts { seen: seen().seen, ..Counts::default() }).unwrap();
        journal.write(place(), &seen()).unwrap();
        assert_eq!(journal.read().unwrap(), Some((place(), seen())));
        journal.remove().unwrap();
        journal.remove().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path());
        journal.write(place(), &seen()).unwrap();
        let whole = fs::read(journal.path()).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(journal.path(), bytes).unwrap();
            let said = journal.read().unwrap_err().to_string();
            assert!(said.contains("is damaged") && said.contains("--restart"), "{said}");
        };
        (0..whole.len()).for_each(|length| refused(&whole[..length]));
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            refused(&flipped);
        }
        refused(&[&whole[..], &[0]].concat());
    }

    #[test]
    fn a_journal_of_another_size_is_refused_though_its_hash_is_right() {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path()).write(place(), &seen()).unwrap();
        for tokens in [TOKENS - 1, TOKENS + 1, 1 << 40] {
            assert!(Journal::new(folder.path(), run(), tokens).read().is_err(), "{tokens}");
        }
    }

    #[test]
    fn a_journal_of_another_run_says_in_what_it_differs() {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path()).write(place(), &seen()).unwrap();
        let other = |change: fn(&mut Run)| {
            let mut run = run();
            change(&mut run);
            Journal::new(folder.path(), run, TOKENS).read().unwrap_err().to_string()
        };
        let stamp = |bytes, modified| Stamp { bytes, modified };
        let cases: [(fn(&mut Run), &str); 9] = [
            (|run| run.version = "2".to_owned(), "it is of version 1"),
            (|run| run.head = "x".to_owned(), "output layer"),
            (|run| run.files.clear(), "the model's `model`"),
            (|run| run.files.get_mut("model").unwrap().bytes = 4, "the model's `model`"),
            (|run| run.files.get_mut("model").unwrap().modified = 4, "the model's `model`"),
            (|run| run.corpus = 10, "the corpus had 9 bytes, and has 10"),
            (|run| run.window = 5, "windows had 4 tokens, not 5"),
            (|run| run.lines = true, "the file was one text"),
            (|run| run.audit = Some("a".to_owned()), "the audit was a different one"),
        ];
        for (change, says) in cases {
            let said = other(change);
            assert!(said.contains(says) && said.contains("--restart"), "{said}");
        }
        let mut run = run();
        run.files.insert("more".to_owned(), stamp(1, 1));
        let said = Journal::new(folder.path(), run, TOKENS).read().unwrap_err().to_string();
        assert!(said.contains("`more`"), "{said}");
    }
}
