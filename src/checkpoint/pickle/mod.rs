//! Reads Python pickles, as `torch.save`, `pickle.dump` and numpy write models: `.pt`, `.pth`, `.bin`, `.pkl`.
//!
//! A pickle is a program that can call anything. Here it is run only for its data: a name that is not on the list in
//! `allow.rs` is an error that states the name and its offset, and a name on the list is not imported either but
//! built as data (see `machine.rs`). Protocols 2 to 5 are read, with tensors in torch's zip archives (since 1.6), in
//! its legacy files, or as arrays of numpy in the pickle itself. Of an archive or legacy file only the storages of
//! the tensors asked for are read.
//!
//! Other readers that were considered: `candle-core` 0.11 (reads neither the legacy format nor protocol 4),
//! `serde-pickle` 1.2 (a fixed list of globals without torch's and numpy's), `repugnant-pickle` 0.0.1 (by its own
//! words best-effort scraping; of torch only the zip archive).

mod allow;
mod build;
mod item;
mod machine;
mod storages;
mod tensors;
mod value;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use super::bytes::Bytes;
use super::decode::ByteOrder;
use super::npy;
use super::patch::Place;
use super::{Checkpoint, FileFormat, Tensor, TensorInfo, find};
use crate::error::Result;
use storages::{Archive, Places};
use tensors::Layout;
use value::{Built, Id, Value};

pub use item::{Item, Pickle};

/// Whether `bytes` begin as a pickle of protocol 2 to 5 does.
pub(crate) fn recognise(bytes: &[u8]) -> bool {
    matches!(bytes, [machine::PROTOCOL, 2..=5, operation, ..] if *operation != 0)
}

/// Whether the zip archive `bytes` is one of torch.
pub(crate) fn is_torch_archive(bytes: &Bytes) -> bool {
    storages::is_torch(bytes)
}

/// A checkpoint that is a pickle, alone or in one of torch's containers.
pub struct StateDict {
    /// The bytes of the whole file.
    bytes: Bytes,
    /// The pickle in the file that names the tensors.
    pickle: Bytes,
    built: Built,
    container: Container,
    /// The tensors, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` its value in `built`.
    ids: Vec<Id>,
}

/// The container around the pickle.
enum Container {
    /// No container: the file is the pickle.
    Plain,
    Zip(Archive),
    Legacy(Places),
}

impl fmt::Debug for StateDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateDict")
            .field("bytes", &self.bytes)
            .field("tensors", &self.tensors)
            .finish_non_exhaustive()
    }
}

impl FileFormat for StateDict {
    /// Reads the pickle of `bytes`, which may be torch's zip archive, a legacy file of torch, or a pickle alone.
    ///
    /// # Errors
    /// A pickle or container that is not valid.
    fn parse(bytes: Bytes) -> Result<Self> {
        Self::contents(bytes.clone()).map_err(|problem| bytes.malformed(problem))
    }
}

impl StateDict {
    /// Reads the pickle and lists its tensors; errors are sentences without the file's name.
    fn contents(bytes: Bytes) -> Result<Self, String> {
        let (pickle, built, mut container) = if bytes.starts_with(b"PK") {
            let (archive, pickle) = Archive::open(&bytes)?;
            let built =
                machine::run(&pickle, 0).map_err(|problem| format!("in data.pkl, {problem}"))?;
            (pickle, built, Container::Zip(archive))
        } else if let Some(at) = storages::legacy_magic(&bytes) {
            let (built, places) = legacy(&bytes, at)?;
            (bytes.clone(), built, Container::Legacy(places))
        } else {
            let built = machine::run(&bytes, 0)?;
            if built.end != bytes.len() {
                return Err(format!(
                    "the pickle ends at offset {} of {}; one pickle per file is read",
                    built.end,
                    bytes.len()
                ));
            }
            (bytes.clone(), built, Container::Plain)
        };

        let stem = bytes.label().file_stem().unwrap_or_default().to_string_lossy();
        let mut listed = tensors::list(&built, &pickle, &stem)?;
        if listed.is_empty() {
            return Err(
                "the pickle holds neither an array nor a tensor (is it a vocabulary?)".into()
            );
        }
        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([(twice, _), _]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(format!("two tensors are called `{}`", twice.name));
        }
        for (info, id) in &listed {
            if let Value::Tensor(view) = &built.values[*id] {
                Layout::of(&built, view)
                    .and_then(|layout| container.check(&built, &pickle, &layout))
                    .map_err(|problem| format!("tensor `{}`: {problem}", info.name))?;
            }
        }
        let (tensors, ids) = listed.into_iter().unzip();
        Ok(StateDict { bytes, pickle, built, container, tensors, ids })
    }

    /// Decodes the tensor or array `id`.
    fn values(&self, id: Id) -> Result<super::Values, String> {
        match &self.built.values[id] {
            Value::Array(Some(array)) => tensors::array(&self.built, &self.pickle, array),
            Value::Tensor(view) => {
                let layout = Layout::of(&self.built, view)?;
                let key = self.built.text(&self.pickle, layout.key).unwrap_or_default();
                match &self.container {
                    Container::Zip(archive) => layout.read(&archive.read(key)?, archive.order),
                    Container::Legacy(places) => {
                        let place = places.get(key).cloned().unwrap_or_default();
                        layout.read(&self.bytes[place], ByteOrder::Little)
                    }
                    Container::Plain => Err("its numbers are not in the pickle".into()),
                }
            }
            Value::Absent { why, .. } => Err((*why).into()),
            _ => Err("it is not a tensor".into()),
        }
    }
}

impl Container {
    /// Checks that the storage of a tensor exists and is as long as the pickle says.
    fn check(&mut self, built: &Built, pickle: &[u8], layout: &Layout) -> Result<(), String> {
        let key = built.text(pickle, layout.key).ok_or("the key of its storage is not text")?;
        let held = match self {
            Container::Plain => {
                return Err(
                    "its numbers are not in the pickle; was it written by torch.save?".into()
                );
            }
            Container::Zip(archive) => archive.length(key)?,
            Container::Legacy(places) => {
                places.get(key).ok_or_else(|| format!("the storage `{key}` is missing"))?.len()
            }
        };
        match layout.bytes() {
            Some(wanted) if wanted <= held => Ok(()),
            _ => Err(format!(
                "its storage `{key}` of {} elements is only {held} bytes long",
                layout.stored_count
            )),
        }
    }
}

/// Reads the objects of a legacy file and the places of its storages, after the magic number that ends at `at`. These
/// follow: the version of the format, the machine that wrote it, the objects, the keys of the storages, the storages.
fn legacy(bytes: &[u8], at: usize) -> Result<(Built, Places), String> {
    let version = machine::run(bytes, at)?;
    if !matches!(version.values[version.root], Value::Int(1001)) {
        return Err(format!(
            "the legacy file of torch does not have the version 1001 at offset {at}"
        ));
    }
    let system = machine::run(bytes, version.end)?;
    let built = machine::run(bytes, system.end)?;
    let mut widths: HashMap<&str, usize> = HashMap::new();
    for value in &built.values {
        if let Value::Storage(storage) = value
            && let Some(key) = built.text(bytes, storage.key)
        {
            let width = allow::width(storage.dtype);
            if widths.insert(key, width).is_some_and(|other| other != width) {
                return Err(format!("the storage `{key}` has elements of different widths"));
            }
        }
    }
    let places = storages::legacy_places(bytes, built.end, |key| widths.get(key).copied())?;
    Ok((built, places))
}

impl Checkpoint for StateDict {
    fn format(&self) -> &'static str {
        match self.container {
            Container::Plain => "pickle",
            Container::Zip(_) => "PyTorch",
            Container::Legacy(_) => "PyTorch (legacy)",
        }
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.bytes.folder()
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let values = self.values(self.ids[at]).map_err(|problem| {
            self.bytes.malformed(format!("tensor `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info: self.tensors[at].clone(), values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let refuse = |problem: String| {
            self.bytes.malformed(format!("tensor `{name}` cannot be replaced: {problem}"))
        };
        let info = &self.tensors[at];
        match &self.built.values[self.ids[at]] {
            Value::Array(Some(array)) => match self.container {
                Container::Plain => {
                    let (header, range) =
                        tensors::array_place(&self.built, &self.pickle, array).map_err(refuse)?;
                    let place = npy::place(&header, info, &self.bytes, range.len())?;
                    Ok(place.shifted(range.start))
                }
                _ => Err(refuse("it is an array within the pickle of an archive".into())),
            },
            Value::Tensor(view) => {
                let layout = Layout::of(&self.built, view).map_err(refuse)?;
                let key = self.built.text(&self.pickle, layout.key).unwrap_or_default();
                let (from, member, order) = match &self.container {
                    Container::Zip(archive) => {
                        (0, Some(archive.storage(key).map_err(refuse)?), archive.order)
                    }
                    Container::Legacy(places) => {
                        let from = places.get(key).map_or(0, |place| place.start);
                        (from, None, ByteOrder::Little)
                    }
                    Container::Plain => {
                        return Err(refuse("its numbers are not in the pickle".into()));
                    }
                };
                let range = layout.range().map_err(refuse)?;
                let range = from + range.start..from + range.end;
                let place = Place::of(info, &self.bytes, range, order)?;
                let place = place.with_strides(layout.strides().to_vec());
                Ok(match member {
                    Some(member) => place.in_member(member),
                    None => place,
                })
            }
            _ => Err(refuse("it holds no plain floats".into())),
        }
    }
}
