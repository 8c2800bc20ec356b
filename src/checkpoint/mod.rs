//! Bytes to named tensors: one file a format behind one small interface.
//!
//! A reader trusts nothing: every length, offset and shape of a header is checked against the
//! size of the file before anything is allocated, and only the tensors asked for are decoded.

pub mod bytes;
#[doc(hidden)]
pub mod ctranslate2;
mod cursor;
mod decode;
pub(crate) mod folder;
mod foreign;
mod format;
#[doc(hidden)]
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod gguf;
#[doc(hidden)]
pub mod npy;
#[doc(hidden)]
pub mod npz;
#[doc(hidden)]
pub mod onnx;
mod open;
#[doc(hidden)]
pub mod pickle;
#[doc(hidden)]
pub mod safetensors;
pub(crate) mod side_json;
mod unwrapped;
pub mod vocabulary;

use std::fmt;
use std::io::ErrorKind;
use std::path::{Component, Path};

use crate::error::{Error, Result};
use bytes::Bytes;

pub use open::{from_bytes, open};

/// The element type in which a tensor is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE binary16.
    F16,
    /// The upper half of binary32.
    Bf16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
    /// Blocks of quantised numbers, by their ggml name (`Q8_0`); they decode to binary32.
    Block(&'static str),
    /// Anything else, by the name its format gives it; it may be listed but not decoded here.
    Other(String),
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::Block(name) => name,
            Dtype::Other(name) => name,
        })
    }
}

/// Name, element type and shape of a stored tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name in the checkpoint.
    pub name: String,
    /// The stored element type.
    pub dtype: Dtype,
    /// The shape, outermost dimension first; the last one is contiguous.
    pub shape: Vec<usize>,
}

/// Decoded numbers, each exactly the stored one: 16-bit and quantised elements widen to `f32`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// From f16, bf16, f32 and quantised blocks.
    F32(Vec<f32>),
    /// From f64.
    F64(Vec<f64>),
}

impl Values {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(numbers) => numbers.len(),
            Values::F64(numbers) => numbers.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A decoded tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// What it was in the checkpoint.
    pub info: TensorInfo,
    /// Its numbers, the last dimension contiguous.
    pub values: Values,
}

/// An opened checkpoint: a list of tensors, each decoded on demand.
pub trait Checkpoint: Send + Sync {
    /// The format's name for people ("safetensors", "npy").
    fn format(&self) -> &'static str;

    /// All tensors of the file, in the order of their names.
    fn tensors(&self) -> &[TensorInfo];

    /// Decodes one tensor.
    ///
    /// # Errors
    /// No such tensor, an element type that this reader cannot decode, or bytes that do not fit.
    fn read(&self, name: &str) -> Result<Tensor>;

    /// The folder that holds the checkpoint, where it was opened from a disk.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// The length of its files together, in bytes.
    fn size(&self) -> u64;

    /// What belongs to the checkpoint and holds none of its tensors: the file `name` of its folder
    /// (`config.json`), or a member of that name of an archive (`special:model.yml` of Marian, as
    /// the bytes of its array). `None` where there is none.
    ///
    /// # Errors
    /// A name that is a path, and what is there but cannot be read.
    fn side_file(&self, name: &str) -> Result<Option<Bytes>> {
        self.folder().map_or(Ok(None), |folder| beside(folder, name))
    }

    /// Other names of tensors, each with the name under which the tensor is listed (CTranslate2);
    /// `read` knows both.
    fn aliases(&self) -> &[(String, String)] {
        &[]
    }

    /// What a reader of the list of tensors should know: names that were shortened, tensors that were left aside.
    fn remarks(&self) -> &[String] {
        &[]
    }

    /// What kind of model a format says that it holds (CTranslate2: `WhisperSpec`).
    fn model_kind(&self) -> Option<&str> {
        None
    }

    /// The operations of a format that has them (ONNX).
    fn graph(&self) -> Option<&onnx::Graph> {
        None
    }

    /// The key-value pairs of a format that has them (GGUF).
    fn metadata(&self) -> Option<&gguf::Metadata> {
        None
    }

    /// A tensor of quantised blocks as it lies in the file (GGUF), so that it need not be decoded as a
    /// whole; `None` for any other element type and format.
    ///
    /// # Errors
    /// No such tensor.
    fn blocks(&self, _name: &str) -> Result<Option<gguf::Blocks>> {
        Ok(None)
    }

    /// The vocabulary of a format that holds one (GGUF); `None` where there is none.
    ///
    /// # Errors
    /// A vocabulary that is not sound.
    fn vocabulary(&self) -> Result<Option<vocabulary::Vocabulary>> {
        Ok(None)
    }
}

/// The regular file `name` of `folder`; `None` where there is none. An empty file is an error.
fn beside(folder: &Path, name: &str) -> Result<Option<Bytes>> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(Error::malformed(folder, format!("`{name}` is no name of a file in it")));
    }
    match Bytes::open(folder.join(name)) {
        Ok(bytes) => foreign::check(&bytes).map(|()| Some(bytes)),
        Err(Error::Io { reason, .. })
            if matches!(reason.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The number of elements of a shape, 1 for a scalar; `None` when the product of its non-zero
/// dimensions overflows, so that strides of an empty tensor do not overflow either.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().filter(|&&d| d != 0).try_fold(1usize, |n, &d| n.checked_mul(d))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// The place of `name` in `tensors`, which are sorted by name.
fn find(tensors: &[TensorInfo], name: &str, path: &Path) -> Result<usize> {
    const SHOWN: usize = 4;
    tensors.binary_search_by(|info| info.name.as_str().cmp(name)).map_err(|_| {
        let names: Vec<_> =
            tensors.iter().take(SHOWN).map(|info| format!("`{}`", info.name)).collect();
        let more = if tensors.len() > SHOWN { ", ..." } else { "" };
        Error::head(
            path,
            format!("no tensor `{name}` among its {}: {}{more}", tensors.len(), names.join(", ")),
        )
    })
}
