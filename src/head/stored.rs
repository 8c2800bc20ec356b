//! The tensors of a checkpoint by name, aliases included.

use std::collections::HashMap;
use std::path::Path;

use crate::checkpoint::{Checkpoint, Dtype, TensorInfo, Values};
use crate::error::Result;

/// What a checkpoint holds, for those who look for a head in it.
pub(super) struct Stored<'a> {
    /// The checkpoint.
    pub checkpoint: &'a dyn Checkpoint,
    /// Its path, for errors.
    pub path: &'a Path,
    names: HashMap<&'a str, &'a TensorInfo>,
}

impl<'a> Stored<'a> {
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

    /// The matrix `name`, if it is stored and has two dimensions.
    pub fn matrix(&self, name: &str) -> Option<&'a TensorInfo> {
        self.get(name).filter(|info| info.shape.len() == 2)
    }

    /// Whether two names hold the same numbers in the same shape, dimensions of one aside.
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

    /// The name with its shape and element type.
    pub fn described(&self, name: &str) -> String {
        self.get(name).map_or_else(|| format!("`{name}`"), |t| described(name, t))
    }

    /// The matrices that look most like heads, the longest first: those whose numbers can be read, if there are any.
    pub fn candidates(&self) -> Vec<&'a TensorInfo> {
        let mut matrices: Vec<&TensorInfo> =
            self.checkpoint.tensors().iter().filter(|t| t.shape.len() == 2).collect();
        // What cannot be a head is listed only where there is nothing else.
        for unlikely in [
            |t: &TensorInfo| matches!(t.dtype, Dtype::Other(_)),
            |t: &TensorInfo| t.shape.contains(&1) || t.shape.contains(&0),
        ] {
            if matrices.iter().any(|t| !unlikely(t)) {
                matrices.retain(|t| !unlikely(t));
            }
        }
        matrices.sort_by_key(|t| std::cmp::Reverse(t.shape.iter().max().copied()));
        matrices
    }

    /// The end of an error: the matrices that look most like heads.
    pub fn listed(&self) -> String {
        const SHOWN: usize = 6;
        let matrices = self.candidates();
        if matrices.is_empty() {
            return String::new();
        }
        let names: Vec<String> =
            matrices.iter().take(SHOWN).map(|t| described(&t.name, t)).collect();
        let more = match matrices.len().saturating_sub(SHOWN) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        format!("; the matrices are {}{more}", names.join(", "))
    }
}

fn described(name: &str, info: &TensorInfo) -> String {
    format!("`{name}` {:?} {}", info.shape, info.dtype)
}

fn same(a: &Values, b: &Values) -> bool {
    match (a, b) {
        (Values::F32(a), Values::F32(b)) => a == b,
        (Values::F64(a), Values::F64(b)) => a == b,
        (Values::F32(a), Values::F64(b)) | (Values::F64(b), Values::F32(a)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| f64::from(a) == b)
        }
    }
}
