//! Opens a folder as Hugging Face's `transformers` writes it: one file of tensors, or several with an index.
//!
//! The names and their order are those of `transformers.modeling_utils` (safetensors before pickles, one file before
//! shards), then CTranslate2's `model.bin` and the adapters of `peft`, so that an error can say what they hold.

mod cache;
mod sharded;

use std::path::Path;

use super::Checkpoint;
use super::bytes::Bytes;
use super::format::read;
use crate::error::{Error, Result};

pub(super) use cache::find as find_in_cache;
pub use sharded::Sharded;

/// The names of files that may hold the tensors, in the order of preference; an index lists several files.
const NAMES: [&str; 7] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.bin",
    "adapter_model.safetensors",
    "adapter_model.bin",
];

/// The file extensions of tensor files.
const EXTENSIONS: [&str; 9] =
    ["safetensors", "gguf", "onnx", "npz", "npy", "bin", "pt", "pth", "pkl"];

/// Whether a path has the extension of a tensor file.
fn is_called_a_file(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// Opens the checkpoint in `folder`.
///
/// # Errors
/// A folder without a checkpoint (the error lists the files in it that could be named instead), and errors of its
/// reader.
pub(super) fn open(folder: &Path) -> Result<Box<dyn Checkpoint>> {
    for name in NAMES {
        let path = folder.join(name);
        // A broken link counts as there, and opening it is an error.
        if path.symlink_metadata().is_err() {
            continue;
        }
        if name.ends_with(".index.json") {
            return Ok(Box::new(Sharded::open(&path)?));
        }
        return read(Bytes::open(&path)?);
    }
    Err(Error::malformed(folder, nothing(folder)))
}

/// Describes why a folder holds no checkpoint, and what could be named instead.
fn nothing(folder: &Path) -> String {
    /// The largest number of files that the message lists.
    const SHOWN: usize = 8;
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| is_called_a_file(Path::new(name)))
        .collect();
    found.sort();
    let more = if found.len() > SHOWN { ", ..." } else { "" };
    found.truncate(SHOWN);
    let instead = match found.is_empty() {
        true => "it holds no file of a format that is read".to_owned(),
        false => format!("name one file inside it: {}{more}", found.join(", ")),
    };
    format!("the folder has none of {}; {instead}", NAMES.join(", "))
}
