//! The journal of an audit: what is proved so far, on disk, so that an interrupted audit can continue.
//!
//! It is a [`crate::journal_file`]. It states the run that it belongs to
//! (the version of the program, the hash of the head, domain, engine, tokens), and only that run continues from it.
//!
//! # What is believed
//! The result of a search is kept as a proposal and is proved again on the rows, by the functions that made its proof
//! the first time; if that fails, or gives other bits, the token is searched again. A trial of the screen is believed
//! as it was written, if the map that the rows give now is the one that it names: proving it again is all that the
//! screen does, so nothing would be gained by keeping it. So are the ends of efforts and gaps; measured probabilities and
//! ranks are proved again. The hash keeps accidents out, not a forger; but whoever can
//! write a journal can write a table of verdicts too, and [`crate::verify()`] proves every win of the certificate again
//! from the rows.
//!
//! # Why its form is not that of a certificate
//! A certificate is made from a whole audit: it has no rivals for tokens that are still open, and no margins. A journal
//! grows by records, of which each is encoded and hashed once.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Engine;
use super::kept::{Kept, KeptTrial, take_id, take_list};
use crate::certify::pairs::{Pairs, Trial};
use crate::certify::witness::Witness;
use crate::domain::Domain;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::journal_file::{self, HASH, take};
use crate::parallel;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::prove::Finding;
use crate::screen::{Keeper, Pass};

/// The name of the journal in the folder of the results.
pub const FILE: &str = "audit.journal";
/// The first bytes of a journal; the digit is the version of the layout.
const MAGIC: &[u8] = b"unargmax audit journal 1\n";
/// At most one part in so many of the time is spent on writing the journal.
const SHARE: u32 = 20;
/// The most results of searches proved again together, and the most scores that this may take.
pub(super) const TOGETHER: usize = 64;
const SCORES: usize = 1 << 22;

/// What identifies a run: everything that the verdicts and proofs depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The version of unargmax.
    version: String,
    /// SHA-256 of the output layer's numbers.
    head: String,
    /// The domain in words.
    domain: String,
    /// SHA-256 of all numbers of the domain.
    states: String,
    engine: String,
    /// The number of tokens to audit.
    count: usize,
    /// SHA-256 of the ids of these tokens.
    tokens: String,
}

impl Run {
    fn new(head: &Head, domain: &Domain, tokens: &[u32], engine: Engine) -> Self {
        let mut ids = Vec::with_capacity(4 * tokens.len());
        tokens.iter().for_each(|token| ids.extend_from_slice(&token.to_le_bytes()));
        Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            head: head.sha256(),
            domain: domain.to_string(),
            // Each float is written so that it can be read back.
            states: hexadecimal(format!("{domain:?}").as_bytes()),
            engine: format!("{engine:?}"),
            count: tokens.len(),
            tokens: hexadecimal(&ids),
        }
    }

    /// Describes in words how `now` differs from this run; empty where they are the same.
    fn differences(&self, now: &Run) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |differs: bool, words: String| found.extend(differs.then_some(words));
        differ(
            self.version != now.version,
            format!("it is of version {} of this program", self.version),
        );
        differ(self.head != now.head, "the output layer was different".to_owned());
        if self.domain == now.domain {
            differ(self.states != now.states, format!("{} had other numbers", self.domain));
        } else {
            differ(true, format!("the domain was {}, not {}", self.domain, now.domain));
        }
        differ(self.engine != now.engine, "the engine was different".to_owned());
        if self.count == now.count {
            differ(self.tokens != now.tokens, "the tokens were different".to_owned());
        } else {
            differ(true, format!("it had {} tokens to decide, not {}", self.count, now.count));
        }
        found
    }
}

/// The hexadecimal SHA-256 of some bytes.
fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a journal keeps, by token; the first of a key says whether it is of the audit over all of space, which goes
/// with that of a smaller domain.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// By pass; with the hash of the pass's map.
    trials: HashMap<(bool, u8, u32), ([u8; 32], KeptTrial)>,
    searched: HashMap<(bool, u32), Kept>,
    /// Measurements as bytes, by quantity.
    pub(super) measured: HashMap<(u8, u32), Vec<u8>>,
}

/// What this run adds, and the state of the file.
struct Growing {
    /// The bytes of the file without the hash at its end.
    bytes: Vec<u8>,
    hash: Sha256,
    /// The number of proofs in these bytes.
    proofs: usize,
    /// The number of bytes that are saved.
    saved: usize,
    since: Instant,
    took: Duration,
    /// Why the journal could not be written; then it is not tried again.
    failure: Option<Error>,
    ended: bool,
}

/// The journal of an audit in a folder. Worker threads add to it, and it is saved at intervals.
pub struct Journal {
    path: PathBuf,
    run: Run,
    every: Duration,
    pub(super) earlier: Records,
    /// The number of proofs of earlier runs.
    proofs: usize,
    growing: Mutex<Growing>,
}

impl Journal {
    /// Opens the journal in a folder for an audit of these `tokens` (ids rising) of a head, and reads what an earlier run
    /// kept. Writes nothing before `every` has passed; if that is zero, it is written after every batch of tokens.
    ///
    /// # Errors
    /// A journal that is damaged or belongs to another run, and an error of the operating system.
    pub fn open(
        folder: &Path,
        head: &Head,
        domain: &Domain,
        (tokens, engine): (Option<&[u32]>, Engine),
        every: Duration,
    ) -> Result<Self> {
        let path = folder.join(FILE);
        let run = Run::new(head, domain, &super::scope(head, tokens)?, engine);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(&path, e)),
        };
        let (body, earlier) = match bytes {
            Some(bytes) => read(&path, bytes, &run)?,
            None => (journal_file::start(MAGIC, &run)?, Records::default()),
        };
        let proofs = earlier.searched.len()
            + earlier.measured.len()
            + earlier.trials.values().filter(|(_, trial)| trial.is_win()).count();
        let growing = Growing {
            hash: Sha256::new_with_prefix(&body),
            saved: if proofs > 0 { body.len() } else { 0 },
            bytes: body,
            proofs,
            since: Instant::now(),
            took: Duration::ZERO,
            failure: None,
            ended: false,
        };
        Ok(Journal { path, run, every, earlier, proofs, growing: Mutex::new(growing) })
    }

    /// The path of the journal in a folder, whether it exists or not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of proofs that earlier runs kept.
    pub fn proofs(&self) -> usize {
        self.proofs
    }

    /// Checks that the journal belongs to this audit.
    pub(super) fn check(
        &self,
        head: &Head,
        domain: &Domain,
        (tokens, engine): (&[u32], Engine),
    ) -> Result<()> {
        let differences = self.run.differences(&Run::new(head, domain, tokens, engine));
        match differences.is_empty() {
            true => Ok(()),
            false => Err(journal_file::of_another(&self.path, &differences.join("; "))),
        }
    }

    /// The results of earlier searches for tokens of a problem, proved again; `None` where there is none.
    pub(super) fn findings(
        &self,
        problem: &Problem,
        pairs: Option<&Pairs>,
        tokens: &[u32],
        progress: &dyn Progress,
    ) -> Vec<Option<Finding>> {
        let mut found: Vec<Option<Finding>> = vec![None; tokens.len()];
        let free = problem.domain().is_free();
        let kept = tokens.iter().enumerate();
        let kept: Vec<(usize, u32, &Kept)> = kept
            .filter_map(|(i, &token)| Some((i, token, self.earlier.searched.get(&(free, token))?)))
            .collect();
        if !kept.is_empty() {
            progress.begin("prove again", kept.len(), "tokens");
        }
        let together = TOGETHER.min(SCORES / problem.head().tokens() + 1);
        let again = parallel::flat_map(kept.len(), together, &|range| {
            let part: Vec<(u32, &Kept)> = kept[range].iter().map(|k| (k.1, k.2)).collect();
            let again = Kept::again(problem, pairs, &part);
            progress.advance(part.len());
            again
        });
        kept.iter().zip(again).for_each(|((i, ..), finding)| found[*i] = finding);
        found
    }

    /// Keeps the results of searches.
    pub(super) fn keep<'f>(
        &self,
        problem: &Problem,
        findings: impl IntoIterator<Item = (u32, &'f Finding)>,
    ) {
        let free = problem.domain().is_free();
        let (mut bytes, mut count) = (Vec::new(), 0);
        for (token, finding) in findings {
            if let Some(kept) = Kept::of(finding) {
                bytes.extend([1, u8::from(free)]);
                bytes.extend(token.to_le_bytes());
                kept.put(&mut bytes);
                count += 1;
            }
        }
        self.add(&bytes, count);
    }

    /// The keeper of the trials of a problem's screen.
    pub(super) fn trials(&self, problem: &Problem) -> Trials<'_> {
        Trials { journal: self, free: problem.domain().is_free() }
    }

    /// Adds records with so many proofs, and saves the journal if it is time.
    pub(super) fn add(&self, bytes: &[u8], proofs: usize) {
        let mut growing = self.growing();
        if growing.ended || bytes.is_empty() {
            return;
        }
        growing.bytes.extend(bytes);
        growing.hash.update(bytes);
        growing.proofs += proofs;
        let wait = self.every.max(SHARE * growing.took);
        if growing.failure.is_none() && (self.every.is_zero() || growing.since.elapsed() >= wait) {
            self.save(&mut growing);
        }
    }

    /// Writes the file, in place of an earlier one.
    fn save(&self, growing: &mut Growing) {
        let begun = Instant::now();
        let hash = growing.hash.clone().finalize();
        match journal_file::write(&self.path, &growing.bytes, &hash) {
            Ok(()) => growing.saved = growing.bytes.len(),
            Err(e) => growing.failure = Some(Error::io(&self.path, e)),
        }
        (growing.since, growing.took) = (Instant::now(), begun.elapsed());
    }

    /// Ends the journal of a run that is interrupted: if there is one on disk, saves the rest of it, and returns the
    /// number of its proofs. Nothing is written after that.
    pub fn end(&self) -> Option<usize> {
        let mut growing = self.growing();
        growing.ended = true;
        if growing.saved == 0 {
            return None;
        }
        if growing.saved < growing.bytes.len() && growing.failure.is_none() {
            self.save(&mut growing);
        }
        Some(growing.proofs)
    }

    /// Removes and returns the error that prevented the journal from being written, if there was one.
    pub fn take_failure(&self) -> Option<Error> {
        self.growing().failure.take()
    }

    /// Removes the journal of a folder, if there is one.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn remove(folder: &Path) -> Result<()> {
        journal_file::remove(&folder.join(FILE))
    }

    /// Locks what is growing, also after a panic of another thread.
    fn growing(&self) -> MutexGuard<'_, Growing> {
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the trials of one problem's screen in a journal.
pub struct Trials<'a> {
    journal: &'a Journal,
    free: bool,
}

impl Keeper for Trials<'_> {
    fn trial(&self, pass: &Pass, token: u32) -> Option<Trial> {
        let kept = self.journal.earlier.trials.get(&(self.free, pass.number, token));
        let (_, trial) = kept.filter(|(digest, _)| *digest == pass.digest)?;
        Some(match trial {
            KeptTrial::Wins(numbers) => {
                Trial::Wins(Witness::proved_before(token, pass.map.clone(), *numbers))
            }
            KeptTrial::Behind(rivals) => Trial::Behind(rivals.clone()),
        })
    }

    fn keep(&self, pass: &Pass, tokens: &[u32], trials: &[Trial]) {
        let kept = tokens.iter().zip(trials);
        let kept: Vec<(u32, KeptTrial)> =
            kept.filter_map(|(token, trial)| Some((*token, KeptTrial::of(trial)?))).collect();
        let mut bytes = vec![0, u8::from(self.free), pass.number];
        bytes.extend(pass.digest);
        bytes.extend((kept.len() as u64).to_le_bytes());
        for (token, trial) in &kept {
            bytes.extend(token.to_le_bytes());
            trial.put(&mut bytes);
        }
        self.journal.add(&bytes, kept.iter().filter(|(_, trial)| trial.is_win()).count());
    }
}

/// Reads a journal: its bytes without the hash at the end, and its records.
fn read(path: &Path, mut bytes: Vec<u8>, now: &Run) -> Result<(Vec<u8>, Records)> {
    let damaged = || journal_file::damaged(path, "what was proved");
    let (run, records): (Run, &[u8]) = journal_file::parts(MAGIC, &bytes).ok_or_else(damaged)?;
    let differences = run.differences(now);
    if !differences.is_empty() {
        return Err(journal_file::of_another(path, &differences.join("; ")));
    }
    let records = self::records(records).ok_or_else(damaged)?;
    bytes.truncate(bytes.len() - HASH);
    Ok((bytes, records))
}

/// Decodes records; `None` where the bytes are not exactly that.
fn records(mut bytes: &[u8]) -> Option<Records> {
    let mut records = Records::default();
    let rest = &mut bytes;
    while !rest.is_empty() {
        let [kind, which] = take(rest)?;
        let free = which == 1;
        match kind {
            0 => {
                let [pass] = take(rest)?;
                let digest: [u8; 32] = take(rest)?;
                let trials =
                    take_list(rest, |rest| Some((take_id(rest)?, KeptTrial::take(rest)?)))?;
                let keyed =
                    trials.into_iter().map(|(token, trial)| ((free, pass, token), (digest, trial)));
                records.trials.extend(keyed);
            }
            1 => drop(records.searched.insert((free, take_id(rest)?), Kept::take(rest)?)),
            2 => {
                let token = take_id(rest)?;
                let bytes = take_list(rest, |rest| Some(take::<1>(rest)?[0]))?;
                records.measured.insert((which, token), bytes);
            }
            _ => return None,
        }
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Options, audit};
    use crate::certify::{Rival, Verdict};

    /// The corners of a square and its centre, which loses.
    fn square() -> Head {
        let rows = vec![1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 0.0, 0.0];
        Head::new(rows, None, 5, 2).unwrap()
    }

    fn open(folder: &Path, head: &Head) -> Result<Journal> {
        let every = (None, Engine::LeastDistance);
        Journal::open(folder, head, &Domain::free(2), every, Duration::ZERO)
    }

    /// Writes a journal of the square's run with this result for one token, under the right hash.
    fn forge(folder: &Path, token: u32, kept: &Kept) {
        let domain = Domain::free(2);
        let run = Run::new(&square(), &domain, &[0, 1, 2, 3, 4], Engine::LeastDistance);
        let mut bytes = journal_file::start(MAGIC, &run).unwrap();
        bytes.extend([1, 1]);
        bytes.extend(token.to_le_bytes());
        kept.put(&mut bytes);
        bytes.extend(Sha256::digest(&bytes));
        fs::write(folder.join(FILE), bytes).unwrap();
    }

    /// The verdicts of the square's tokens, with their proofs.
    fn verdicts(journal: Option<&Journal>) -> Vec<String> {
        let options = Options { journal, ..Options::default() };
        let audit = audit(&square(), &Domain::free(2), options).unwrap();
        let of = |(token, verdict): &(u32, Verdict)| {
            let proof = (verdict.witness().map(Witness::margin), audit.blockers(*token));
            format!("{token} {} {proof:?}", verdict.name())
        };
        audit.verdicts().iter().map(of).collect()
    }

    #[test]
    fn an_audit_that_continues_from_all_that_was_kept_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let alone = verdicts(None);
        let first = open(folder.path(), &square()).unwrap();
        assert_eq!((first.proofs(), verdicts(Some(&first))), (0, alone.clone()));
        let again = open(folder.path(), &square()).unwrap();
        assert_eq!((again.proofs(), verdicts(Some(&again))), (5, alone));
        assert_eq!(again.growing().bytes, first.growing().bytes, "nothing was left to be proved");
        Journal::remove(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_proof_that_does_not_hold_is_not_believed_though_the_hash_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let alone = verdicts(None);
        let wins = |point: Vec<f64>| Kept::Wins { point, norm: 1.0, margin: 0.5 };
        let lies = [
            // The centre wins nowhere.
            (4, wins(vec![1.0, 0.0])),
            (4, wins(vec![f64::NAN, 1.0])),
            (4, wins(vec![1.0])),
            // Weights that do not combine to the row, of tokens that are not there, of the token itself.
            (4, Kept::Exact(vec![(0, 1.into()), (1, 1.into())])),
            (4, Kept::Exact(vec![(0, 1.into()), (9, 1.into())])),
            (0, Kept::Exact(vec![(0, 1.into())])),
            (4, Kept::Exact(Vec::new())),
            // A proof for balls.
            (4, Kept::Ball(crate::certify::Combination::of([(Rival::Token(0), 1.into())]))),
        ];
        for (token, lie) in lies {
            forge(folder.path(), token, &lie);
            let journal = open(folder.path(), &square()).unwrap();
            assert_eq!(verdicts(Some(&journal)), alone, "{token} {lie:?}");
        }
    }

    #[test]
    fn a_true_margin_that_is_another_one_than_the_search_would_publish_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let alone = verdicts(None);
        for margin in [1e-9, 0.25, 1e9] {
            let kept = Kept::Wins { point: vec![0.5, 0.5], norm: 0.7, margin };
            forge(folder.path(), 0, &kept);
            let journal = open(folder.path(), &square()).unwrap();
            assert_eq!(verdicts(Some(&journal)), alone, "{margin}");
        }
    }

    #[test]
    fn a_journal_of_another_head_is_refused_by_the_audit_too() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path(), &square()).unwrap();
        let other = Head::new(vec![1.0, 0.0, -1.0, 0.0], None, 2, 2).unwrap();
        let options = Options { journal: Some(&journal), ..Options::default() };
        let said = audit(&other, &Domain::free(2), options).unwrap_err().to_string();
        assert!(said.contains("the output layer was different"), "{said}");
        assert!(said.contains("it had 5 tokens to decide, not 2"), "{said}");
    }

    #[test]
    fn a_journal_of_other_bytes_or_of_records_that_are_none_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::Exact(vec![(0, 1.into()), (3, 1.into())]);
        forge(folder.path(), 4, &kept);
        let whole = fs::read(folder.path().join(FILE)).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(folder.path().join(FILE), bytes).unwrap();
            let said = open(folder.path(), &square()).err().unwrap().to_string();
            assert!(said.contains("is damaged") && said.contains("--restart"), "{said}");
        };
        (0..whole.len()).for_each(|length| refused(&whole[..length]));
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            refused(&flipped);
        }
        let body = &whole[..whole.len() - HASH];
        for body in [&body[..body.len() - 1], &[body, &[7]].concat()] {
            refused(&[body, Sha256::digest(body).as_slice()].concat());
        }
    }
}
