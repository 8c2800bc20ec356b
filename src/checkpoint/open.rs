//! Which reader a file needs, by its content; the file name only decides where the content does not.
//! A folder, and a name in the cache of Hugging Face, lead to their files.

use std::path::Path;

use super::Checkpoint;
use super::bytes::Bytes;
use super::ctranslate2::{self, CTranslate2};
use super::folder::{self, Sharded};
use super::foreign;
use super::gguf::{self, Gguf};
use super::npy::{self, Npy};
use super::npz::{self, Npz};
use super::onnx::{self, Onnx};
use super::pickle::{self, StateDict};
use super::safetensors::{self, Safetensors};
use super::unwrapped::unwrap;
use crate::error::Result;

/// A format that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gguf,
    Safetensors,
    Npy,
    Npz,
    Pickle,
    Onnx,
    CTranslate2,
}

/// The formats for an error message.
const FORMATS: &str = "safetensors (.safetensors), GGUF (.gguf), NumPy (.npy, .npz), pickles (.pt, .pth, .bin, .pkl), \
                       ONNX (.onnx), CTranslate2 (model.bin) and folders of these as Hugging Face has them";

impl Format {
    /// By the first bytes, or else by the name's extension: a damaged file is then refused by the
    /// reader of what it claims to be.
    fn of(bytes: &Bytes) -> Option<Format> {
        if bytes.starts_with(gguf::MAGIC) {
            return Some(Format::Gguf);
        }
        if bytes.starts_with(npy::MAGIC) {
            return Some(Format::Npy);
        }
        if npz::MAGICS.iter().any(|magic| bytes.starts_with(magic)) {
            return Some(match pickle::is_torch_archive(bytes) {
                true => Format::Pickle,
                false => Format::Npz,
            });
        }
        if safetensors::recognise(bytes) {
            return Some(Format::Safetensors);
        }
        if pickle::recognise(bytes) {
            return Some(Format::Pickle);
        }
        if ctranslate2::recognise(bytes) {
            return Some(Format::CTranslate2);
        }
        if onnx::recognise(bytes) {
            return Some(Format::Onnx);
        }
        match bytes.label().extension()?.to_str()? {
            "safetensors" => Some(Format::Safetensors),
            "gguf" => Some(Format::Gguf),
            "npz" => Some(Format::Npz),
            "npy" => Some(Format::Npy),
            "pt" | "pth" | "pkl" => Some(Format::Pickle),
            "onnx" => Some(Format::Onnx),
            _ => None,
        }
    }
}

/// Opens a checkpoint: a file of any format that is read here, a folder that holds one, or else the name of
/// a model (`org/name`) that is in the cache of Hugging Face on this machine.
///
/// # Errors
/// Those of [`Bytes::open`], a format that is not known, and those of its reader.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>> {
    let path = path.as_ref();
    unwrap(as_stored(path)?, path)
}

/// The same under the names that are stored.
fn as_stored(path: &Path) -> Result<Box<dyn Checkpoint>> {
    if path.is_dir() {
        return folder::open(path);
    }
    // A link that leads nowhere is a path all the same.
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
/// A format that is not known, and those of its reader.
pub fn from_bytes(bytes: Bytes) -> Result<Box<dyn Checkpoint>> {
    let label = bytes.label().to_path_buf();
    unwrap(read(bytes)?, &label)
}

/// Opens a file under the names that are stored.
pub(super) fn read(bytes: Bytes) -> Result<Box<dyn Checkpoint>> {
    foreign::check(&bytes)?;
    Ok(match Format::of(&bytes) {
        Some(Format::Safetensors) => Box::new(Safetensors::parse(bytes)?),
        Some(Format::Gguf) => Box::new(Gguf::parse(bytes)?),
        Some(Format::Npz) => Box::new(Npz::parse(bytes)?),
        Some(Format::Npy) => Box::new(Npy::parse(bytes)?),
        Some(Format::Pickle) => Box::new(StateDict::parse(bytes)?),
        Some(Format::Onnx) => Box::new(Onnx::parse(bytes)?),
        Some(Format::CTranslate2) => Box::new(CTranslate2::parse(bytes)?),
        None => {
            let problem = match foreign::by_extension(&bytes) {
                Some(what) => format!("this is {what}"),
                None => format!("its format is not known; read are {FORMATS}"),
            };
            return Err(bytes.malformed(problem));
        }
    })
}
