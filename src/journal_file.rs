//! The file of a journal: a line that names its layout, a header in JSON, bytes of the caller, and a hash of all of it.
//!
//! A journal is written to a temporary file in the same folder and renamed, so that there is always a complete one. One
//! that was cut or damaged does not have the hash at its end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The size of the hash at the end, in bytes.
pub const HASH: usize = 32;

/// The first bytes of a journal: its layout, the length of the header, the header.
///
/// # Errors
/// The header has no form in JSON.
pub fn start(layout: &[u8], header: &impl Serialize) -> Result<Vec<u8>> {
    let header = serde_json::to_vec(header)
        .map_err(|e| Error::Invalid(format!("the journal cannot be made: {e}")))?;
    let mut bytes = layout.to_vec();
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    Ok(bytes)
}

/// Splits a journal into its header and the bytes after it; `None` where the hash at the end does not match.
pub fn parts<'b, H: DeserializeOwned>(layout: &[u8], bytes: &'b [u8]) -> Option<(H, &'b [u8])> {
    let (body, hash) = bytes.split_at(bytes.len().checked_sub(HASH)?);
    if Sha256::digest(body).as_slice() != hash {
        return None;
    }
    let mut rest = body.strip_prefix(layout)?;
    let length = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
    let (header, rest) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(header).ok()?, rest))
}

/// Removes the first `N` bytes.
pub fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Writes a journal and the hash of its bytes, in place of an earlier one.
///
/// # Errors
/// An error of the operating system; then no temporary file is left.
pub fn write(path: &Path, bytes: &[u8], hash: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.write_all(hash)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Removes a journal and its temporary file, if there are any.
///
/// # Errors
/// An error of the operating system.
pub fn remove(path: &Path) -> Result<()> {
    for path in [path, &temporary_path(path)] {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(path, e)),
            _ => {}
        }
    }
    Ok(())
}

/// The path of the temporary file that becomes the journal.
fn temporary_path(path: &Path) -> PathBuf {
    path.with_extension("journal.new")
}

/// The error that a journal belongs to another run, which differs in `what`.
pub fn of_another(path: &Path, what: &str) -> Error {
    let way = "go on by the command of that run, name another folder by --out, or begin anew by --restart";
    Error::malformed(path, format!("the journal is of another run: {what}; {way}"))
}

/// The error that a journal is damaged, so that `what` is lost.
pub fn damaged(path: &Path, what: &str) -> Error {
    let why = "the journal is damaged (its hash is not that of its bytes)";
    Error::malformed(path, format!("{why}, and {what} is lost; begin anew by --restart"))
}
