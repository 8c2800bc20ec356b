//! Opens a checkpoint by its path or name: a file, a folder, or a model in the cache of Hugging Face.

use std::path::Path;

use super::Checkpoint;
use super::bytes::Bytes;
use super::folder::{self, Sharded};
use super::format::read;
use super::unwrapped::unwrap;
use crate::error::Result;

/// Opens a checkpoint: a file of any format that is read here, a folder that holds one, or the name of a model
/// (`org/name`) that is in the cache of Hugging Face on this machine.
///
/// # Errors
/// Errors of [`Bytes::open`], a format that is not known, and errors of its reader.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>> {
    let path = path.as_ref();
    unwrap(as_stored(path)?, path)
}

/// Opens a checkpoint with the tensor names as they are stored.
fn as_stored(path: &Path) -> Result<Box<dyn Checkpoint>> {
    if path.is_dir() {
        return folder::open(path);
    }
    // A broken link counts as a path, not as the name of a model.
    if path.symlink_metadata().is_err()
        && let Some(cached) = folder::find_in_cache(path)?
    {
        return folder::open(&cached);
    }
    if path.to_str().is_some_and(|path| path.ends_with(".index.json")) {
        return Ok(Box::new(Sharded::open(path)?));
    }
    read(Bytes::open(path)?)
}

/// Opens a checkpoint that is in memory, of any format that is read here.
///
/// # Errors
/// A format that is not known, and errors of its reader.
pub fn from_bytes(bytes: Bytes) -> Result<Box<dyn Checkpoint>> {
    let label = bytes.label().to_path_buf();
    unwrap(read(bytes)?, &label)
}
