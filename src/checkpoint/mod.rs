//! Reads checkpoints: from bytes to named tensors, one module per format behind the trait [`Checkpoint`].
//!
//! A reader trusts no file: every length, offset and shape of a header is checked against the size of the file before
//! anything is allocated, and only the tensors asked for are decoded.

mod archive;
pub mod bytes;
#[doc(hidden)]
pub mod ctranslate2;
mod cursor;
mod decode;
pub(crate) mod folder;
mod format;
#[doc(hidden)]
#[doc(hidden)]
pub mod fuzz;
#[doc(hidden)]
pub mod gguf;
#[cfg(feature = "model")]
pub(crate) mod mxfp4;
mod not_a_checkpoint;
#[doc(hidden)]
pub mod npy;
#[doc(hidden)]
pub mod npz;
#[doc(hidden)]
pub mod onnx;
mod open;
#[doc(hidden)]
pub mod patch;
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
use bytes::{Bytes, Data};

pub use open::{from_bytes, open};

/// The element type in which a tensor is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE binary16, called float16.
    F16,
    /// bfloat16, the upper half of binary32.
    Bf16,
    /// IEEE binary32, called float32.
    F32,
    /// IEEE binary64, called float64.
    F64,
    /// Blocks of quantised numbers, by their ggml name (`Q8_0`); they decode to binary32.
    Block(&'static str),
    /// Any other type, by the name its format gives it; it can be listed but not decoded here.
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

/// Decoded numbers, each exactly equal to the stored one: 16-bit and quantised elements widen to `f32`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// The numbers of f16, bf16, f32 and quantised tensors.
    F32(Vec<f32>),
    /// The numbers of f64 tensors.
    F64(Vec<f64>),
}

impl Values {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(numbers) => numbers.len(),
            Values::F64(numbers) => numbers.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A decoded tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The name, stored element type and shape of the tensor.
    pub info: TensorInfo,
    /// The numbers of the tensor, the last dimension contiguous.
    pub values: Values,
}

/// An opened checkpoint: a list of tensors, each decoded on demand.
pub trait Checkpoint: Send + Sync {
    /// Returns the name of the format, for people ("safetensors", "npy").
    fn format(&self) -> &'static str;

    /// Lists all tensors of the file, sorted by name.
    fn tensors(&self) -> &[TensorInfo];

    /// Decodes one tensor.
    ///
    /// # Errors
    /// No such tensor, an element type that this reader cannot decode, or bytes that do not fit.
    fn read(&self, name: &str) -> Result<Tensor>;

    /// Decodes one tensor of integers. Only safetensors files are read so.
    ///
    /// # Errors
    /// No such tensor, another element type or format, or bytes that do not fit.
    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        Err(Error::Invalid(format!(
            "tensor `{name}`: integers are read from safetensors files, not from {}; convert the file, or list the ids in \
             a text file",
            self.format()
        )))
    }

    /// Returns the folder that holds the checkpoint, if it was opened from a disk.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// Returns the total length of its files, in bytes.
    fn size(&self) -> u64;

    /// Returns a file that belongs to the checkpoint and holds none of its tensors: the file `name` of its folder
    /// (`config.json`), or a member of that name of an archive (`special:model.yml` of Marian, as the bytes of its
    /// array). `None` where there is none.
    ///
    /// # Errors
    /// A name that is a path, and a file that exists but cannot be read.
    fn side_file(&self, name: &str) -> Result<Option<Bytes>> {
        self.folder().map_or(Ok(None), |folder| open_in_folder(folder, name))
    }

    /// Returns other names of tensors, each with the name under which the tensor is listed (CTranslate2); `read`
    /// accepts both.
    fn aliases(&self) -> &[(String, String)] {
        &[]
    }

    /// Returns remarks for people on the list of tensors: names that were shortened, tensors that were left out.
    fn remarks(&self) -> &[String] {
        &[]
    }

    /// Returns the kind of model, if the format states it (CTranslate2: `WhisperSpec`).
    fn model_kind(&self) -> Option<&str> {
        None
    }

    /// Returns the graph of operations, if the format has one (ONNX).
    fn graph(&self) -> Option<&onnx::Graph> {
        None
    }

    /// Returns the key-value pairs, if the format has them (GGUF).
    fn metadata(&self) -> Option<&gguf::Metadata> {
        None
    }

    /// Returns a tensor of quantised blocks undecoded (GGUF), so that it need not be decoded as a whole; `None` for
    /// any other element type and format.
    ///
    /// # Errors
    /// No such tensor.
    fn blocks(&self, _name: &str) -> Result<Option<gguf::Blocks>> {
        Ok(None)
    }

    /// Returns the bytes of a tensor of single bytes (safetensors' `U8`), which pack other numbers; `None` for any other
    /// element type and format.
    ///
    /// # Errors
    /// No such tensor.
    fn packed(&self, _name: &str) -> Result<Option<Bytes>> {
        Ok(None)
    }

    /// Returns where the numbers of a tensor of floats lie, so that they can be replaced in the file.
    ///
    /// # Errors
    /// No such tensor, one whose numbers are not stored as plain floats, or a format that is not patched.
    fn place(&self, name: &str) -> Result<patch::Place> {
        Err(Error::Invalid(format!(
            "tensor `{name}`: numbers are not replaced in files of {}; convert it to safetensors",
            self.format()
        )))
    }

    /// Returns the vocabulary, if the format holds one (GGUF).
    ///
    /// # Errors
    /// A vocabulary that is not valid.
    fn vocabulary(&self) -> Result<Option<vocabulary::Vocabulary>> {
        Ok(None)
    }
}

/// A format of one file (or of a file that leads to others), as a reader implements it.
pub trait FileFormat: Checkpoint + Sized {
    /// Lists the tensors of `bytes` and checks what the file says of them; no tensor is decoded yet.
    ///
    /// # Errors
    /// A file that is not valid; the error names it, and the offset or member where there is one.
    fn parse(bytes: Bytes) -> Result<Self>;

    /// Opens a file on a disk.
    ///
    /// # Errors
    /// Errors of [`Bytes::open`] and of [`FileFormat::parse`].
    fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(Bytes::open(path)?)
    }

    /// Opens a file that is in memory; `label` names it in errors.
    ///
    /// # Errors
    /// Errors of [`FileFormat::parse`]; what the file says lies in other files cannot be found.
    fn from_bytes(data: impl Into<Data>, label: impl AsRef<Path>) -> Result<Self> {
        Self::parse(Bytes::new(data, label))
    }
}

/// Opens the regular file `name` of `folder`; `None` where there is none. An empty file is an error.
fn open_in_folder(folder: &Path, name: &str) -> Result<Option<Bytes>> {
    let mut parts = Path::new(name).components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(Error::malformed(folder, format!("`{name}` is not a name of a file in it")));
    }
    match Bytes::open(folder.join(name)) {
        Ok(bytes) => not_a_checkpoint::refuse(&bytes).map(|()| Some(bytes)),
        Err(Error::Io { reason, .. })
            if matches!(reason.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Returns the number of elements of a shape, 1 for a scalar; `None` if the product of its non-zero dimensions
/// overflows, so that strides of an empty tensor do not overflow either.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().filter(|&&d| d != 0).try_fold(1usize, |n, &d| n.checked_mul(d))?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// Returns the index of `name` in `tensors`, which are sorted by name.
fn find(tensors: &[TensorInfo], name: &str, path: &Path) -> Result<usize> {
    /// The largest number of names that the error lists.
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
