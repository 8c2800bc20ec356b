//! Chooses the reader of a file by its content; the file name decides only where the content does not.

use super::bytes::Bytes;
use super::ctranslate2::{self, CTranslate2};
use super::gguf::{self, Gguf};
use super::not_a_checkpoint;
use super::npy::{self, Npy};
use super::npz::{self, Npz};
use super::onnx::{self, Onnx};
use super::pickle::{self, StateDict};
use super::safetensors::{self, Safetensors};
use super::{Checkpoint, FileFormat};
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

/// The list of formats in an error message.
const FORMATS: &str = "safetensors (.safetensors), GGUF (.gguf), NumPy (.npy, .npz), pickles (.pt, .pth, .bin, .pkl), \
                       ONNX (.onnx), CTranslate2 (model.bin) and folders of these as Hugging Face has them";

impl Format {
    /// Recognises the format by the first bytes, or else by the extension: a damaged file is then refused by the
    /// reader of the format that its name claims.
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

/// Opens a file, with the tensor names as they are stored.
pub(super) fn read(bytes: Bytes) -> Result<Box<dyn Checkpoint>> {
    not_a_checkpoint::refuse(&bytes)?;
    Ok(match Format::of(&bytes) {
        Some(Format::Safetensors) => Box::new(Safetensors::parse(bytes)?),
        Some(Format::Gguf) => Box::new(Gguf::parse(bytes)?),
        Some(Format::Npz) => Box::new(Npz::parse(bytes)?),
        Some(Format::Npy) => Box::new(Npy::parse(bytes)?),
        Some(Format::Pickle) => Box::new(StateDict::parse(bytes)?),
        Some(Format::Onnx) => Box::new(Onnx::parse(bytes)?),
        Some(Format::CTranslate2) => Box::new(CTranslate2::parse(bytes)?),
        None => {
            let problem = match not_a_checkpoint::by_extension(&bytes) {
                Some(what) => format!("this is {what}"),
                None => format!("its format is not known; read are {FORMATS}"),
            };
            return Err(bytes.malformed(problem));
        }
    })
}
