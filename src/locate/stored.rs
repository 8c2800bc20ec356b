//! The tensors of a checkpoint by name, including aliases.

use std::collections::HashMap;
use std::path::Path;

use crate::checkpoint::{Checkpoint, TensorInfo, Values};
use crate::error::Result;

/// The tensors of a checkpoint, indexed by name for finding a head.
pub(super) struct Stored<'a> {
    /// The checkpoint.
    pub checkpoint: &'a dyn Checkpoint,
    /// The path of the checkpoint, for errors.
    pub path: &'a Path,
    names: HashMap<&'a str, &'a TensorInfo>,
}

impl<'a> Stored<'a> {
    /// Indexes the tensors of a checkpoint by name, including aliases.
    pub fn new(checkpoint: &'a dyn Checkpoint, path: &'a Path) -> Self {
        let mut names: HashMap<&str, &TensorInfo> =
            checkpoint.tensors().iter().map(|info| (info.name.as_str(), info)).collect();
        for (alias, name) in checkpoint.aliases() {
            if let Some(info) = names.get(name.as_str()).copied() {
                names.insert(alias, info);
            }
        }
        Stored { checkpoint, path, names }
    }

    pub fn get(&self, name: &str) -> Option<&'a TensorInfo> {
        self.names.get(name).copied()
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Returns the tensor `name` if it is stored and is a matrix, see [`matrix_shape`].
    pub fn matrix(&self, name: &str) -> Option<&'a TensorInfo> {
        self.get(name).filter(|info| matrix_shape(&info.shape).is_some())
    }

    /// Iterates over all matrices, in the order of their names.
    pub fn matrices(&self) -> impl Iterator<Item = &'a TensorInfo> {
        self.checkpoint.tensors().iter().filter(|info| matrix_shape(&info.shape).is_some())
    }

    /// Whether two names hold the same numbers in the same shape, dimensions of one ignored.
    pub fn equal(&self, a: &str, b: &str) -> Result<bool> {
        let (Some(first), Some(second)) = (self.get(a), self.get(b)) else { return Ok(false) };
        if std::ptr::eq(first, second) {
            return Ok(true);
        }
        let long = |info: &TensorInfo| -> Vec<usize> {
            info.shape.iter().copied().filter(|&n| n != 1).collect()
        };
        if long(first) != long(second) {
            return Ok(false);
        }
        Ok(same(&self.checkpoint.read(a)?.values, &self.checkpoint.read(b)?.values))
    }

    /// Returns the name with its shape and element type, for people.
    pub fn described(&self, name: &str) -> String {
        self.get(name).map_or_else(|| format!("`{name}`"), |t| described(name, t))
    }
}

/// Returns rows and columns of a matrix, or of a convolution of width 1 (`out x in x 1`, `out x in x 1 x 1`), which
/// is one.
pub(super) fn matrix_shape(shape: &[usize]) -> Option<[usize; 2]> {
    match shape {
        [rows, columns] | [rows, columns, 1] | [rows, columns, 1, 1] => Some([*rows, *columns]),
        _ => None,
    }
}

/// Returns the name of a tensor with its shape and element type, for people.
pub(super) fn described(name: &str, info: &TensorInfo) -> String {
    format!("`{name}` {:?} {}", info.shape, info.dtype)
}

/// Whether two lists hold the same numbers, whatever their type.
fn same(a: &Values, b: &Values) -> bool {
    match (a, b) {
        (Values::F32(a), Values::F32(b)) => a == b,
        (Values::F64(a), Values::F64(b)) => a == b,
        (Values::F32(a), Values::F64(b)) | (Values::F64(b), Values::F32(a)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| f64::from(a) == b)
        }
    }
}
