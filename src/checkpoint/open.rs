//! Which reader a file needs, by its content; the file name only decides where the content does not.

use std::path::Path;

use super::Checkpoint;
use super::bytes::Bytes;
use super::gguf::{self, Gguf};
use super::npy::{self, Npy};
use super::npz::{self, Npz};
use super::safetensors::{self, Safetensors};
use crate::error::Result;

/// A format that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Gguf,
    Safetensors,
    Npy,
    Npz,
}

/// The formats for an error message.
const FORMATS: &str = "safetensors (.safetensors), GGUF (.gguf) and NumPy (.npy, .npz)";

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
            return Some(Format::Npz);
        }
        if safetensors::recognise(bytes) {
            return Some(Format::Safetensors);
        }
        match bytes.label().extension()?.to_str()? {
            "safetensors" => Some(Format::Safetensors),
            "gguf" => Some(Format::Gguf),
            "npz" => Some(Format::Npz),
            "npy" => Some(Format::Npy),
            _ => None,
        }
    }
}

/// Opens a checkpoint file of any format that is read here.
///
/// # Errors
/// Those of [`Bytes::open`], a format that is not known, and those of its reader.
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn Checkpoint>> {
    from_bytes(Bytes::open(path)?)
}

/// Opens a checkpoint that is in memory, of any format that is read here.
///
/// # Errors
/// A format that is not known, and those of its reader.
pub fn from_bytes(bytes: Bytes) -> Result<Box<dyn Checkpoint>> {
    Ok(match Format::of(&bytes) {
        Some(Format::Safetensors) => Box::new(Safetensors::parse(bytes)?),
        Some(Format::Gguf) => Box::new(Gguf::parse(bytes)?),
        Some(Format::Npz) => Box::new(Npz::parse(bytes)?),
        Some(Format::Npy) => Box::new(Npy::parse(bytes)?),
        None => return Err(bytes.malformed(format!("its format is not known; read are {FORMATS}"))),
    })
}
