//! Reads tensors that are spread over several files, with an index that says which file holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::super::bytes::Bytes;
use super::super::format::read;
use super::super::not_a_checkpoint;
use super::super::patch::Place;
use super::super::{Checkpoint, Tensor, TensorInfo, find};
use crate::error::{Error, Result};

/// An opened index with its shards. The headers of the shards are read, their numbers are not.
pub struct Sharded {
    index: PathBuf,
    shards: Vec<(String, Box<dyn Checkpoint>)>,
    /// The tensors of all shards, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` the index of its shard.
    places: Vec<usize>,
}

/// The part of `model.safetensors.index.json` and the like that is read.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Sharded {
    /// Opens an index and all of its shards, which lie in the same folder.
    ///
    /// # Errors
    /// An index that is not valid JSON, a shard that is missing or not in the folder, a tensor that is not where the
    /// index says or is in two shards, and errors of the shards' readers.
    pub fn open(index: &Path) -> Result<Self> {
        let bytes = Bytes::open(index)?;
        not_a_checkpoint::refuse(&bytes)?;
        let parsed: Index = serde_json::from_slice(&bytes)
            .map_err(|error| bytes.malformed(format!("the index is not valid JSON: {error}")))?;
        let names: BTreeSet<&str> = parsed.weight_map.values().map(String::as_str).collect();
        if names.is_empty() {
            return Err(bytes.malformed("its weight_map names no tensor"));
        }
        let mut shards = Vec::new();
        for &name in &names {
            shards.push((name.to_owned(), shard(&bytes, index, name)?));
        }
        let mut listed: Vec<(TensorInfo, usize)> = Vec::new();
        for (number, (_, shard)) in shards.iter().enumerate() {
            listed.extend(shard.tensors().iter().map(|info| (info.clone(), number)));
        }
        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([(info, one), (_, other)]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(bytes.malformed(format!(
                "tensor `{}` is in two shards, {} and {}",
                info.name, shards[*one].0, shards[*other].0
            )));
        }
        for (tensor, shard) in &parsed.weight_map {
            let at = listed.binary_search_by(|(info, _)| info.name.cmp(tensor));
            if !at.is_ok_and(|at| shards[listed[at].1].0 == *shard) {
                return Err(bytes.malformed(format!(
                    "the index says that tensor `{tensor}` is in {shard}, which does not hold it"
                )));
            }
        }
        let (tensors, places) = listed.into_iter().unzip();
        Ok(Sharded { index: index.to_path_buf(), shards, tensors, places })
    }
}

/// Opens the shard `name` in the folder of the index. A link may lead elsewhere, as in the cache of Hugging Face; a
/// name must not be a path.
fn shard(bytes: &Bytes, index: &Path, name: &str) -> Result<Box<dyn Checkpoint>> {
    let mut parts = Path::new(name).components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    if !plain || name.contains('\\') {
        return Err(bytes.malformed(format!(
            "the shard `{name}` is a path and not the name of a file beside the index; it was not opened"
        )));
    }
    let path = index.with_file_name(name);
    match Bytes::open(&path) {
        Err(Error::Io { reason, .. }) if reason.kind() == ErrorKind::NotFound => Err(bytes
            .malformed(format!("the shard {name} is missing: put {} beside it", path.display()))),
        Err(error) => Err(error),
        Ok(shard) => read(shard),
    }
}

impl Checkpoint for Sharded {
    fn format(&self) -> &'static str {
        match self.shards[0].1.format() {
            "safetensors" => "safetensors (sharded)",
            "PyTorch" => "PyTorch (sharded)",
            "PyTorch (legacy)" => "PyTorch (legacy, sharded)",
            _ => "sharded",
        }
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.shards[0].1.folder()
    }

    fn size(&self) -> u64 {
        self.shards.iter().map(|(_, shard)| shard.size()).sum()
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = find(&self.tensors, name, &self.index)?;
        self.shards[self.places[at]].1.read(name)
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, &self.index)?;
        self.shards[self.places[at]].1.place(name)
    }

    fn packed(&self, name: &str) -> Result<Option<Bytes>> {
        let at = find(&self.tensors, name, &self.index)?;
        self.shards[self.places[at]].1.packed(name)
    }

    fn integers(&self, name: &str) -> Result<Vec<i64>> {
        let at = find(&self.tensors, name, &self.index)?;
        self.shards[self.places[at]].1.integers(name)
    }
}
