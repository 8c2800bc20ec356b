//! Finds the numbers of torch's storages: in members of a zip archive, or at the end of a legacy file.

use std::collections::HashMap;
use std::io::Cursor;
use std::ops::Range;

use zip::{CompressionMethod, ZipArchive};

use super::machine;
use super::value::Value;
use crate::checkpoint::archive::{archive, directory, inflate, sizes};
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::decode::ByteOrder;

/// The largest size of a compressed `data.pkl`, inflated, in bytes; torch stores it uncompressed.
const LONGEST_PICKLE: u64 = 1 << 26;

/// The zip archive that `torch.save` writes since version 1.6.
#[derive(Clone)]
pub(super) struct Archive {
    bytes: Bytes,
    archive: ZipArchive<Cursor<Bytes>>,
    /// The folder of the members, with the slash; often empty or `archive/`.
    folder: String,
    /// The byte order of the numbers.
    pub order: ByteOrder,
}

/// Whether the archive `bytes` is torch's and not numpy's: it has a member called `data.pkl`.
pub(super) fn is_torch(bytes: &Bytes) -> bool {
    archive(bytes).is_ok_and(|archive| folder(&archive).is_some())
}

/// Returns the folder of the member `data.pkl`.
fn folder(archive: &ZipArchive<Cursor<Bytes>>) -> Option<String> {
    archive.file_names().flatten().find_map(|name| {
        let folder = name.strip_suffix("data.pkl")?;
        let plain = folder.is_empty() || folder.find('/') == Some(folder.len() - 1);
        plain.then(|| folder.to_owned())
    })
}

impl Archive {
    /// Opens the archive and its pickle.
    pub fn open(bytes: &Bytes) -> Result<(Archive, Bytes), String> {
        let archive = directory(bytes)?;
        let folder = folder(&archive).ok_or("the zip archive has no member data.pkl")?;
        let mut opened =
            Archive { bytes: bytes.clone(), archive, folder, order: ByteOrder::Little };
        if let Some(member) = opened.member("byteorder") {
            opened.order = match &*opened.data(member, 16)? {
                b"little" => ByteOrder::Little,
                b"big" => ByteOrder::Big,
                _ => return Err("its member `byteorder` is neither little nor big".into()),
            };
        }
        let member = opened.member("data.pkl").ok_or("the zip archive has no member data.pkl")?;
        let pickle = opened.data(member, LONGEST_PICKLE)?;
        Ok((opened, pickle))
    }

    /// Returns the length of the storage `key`, in bytes.
    pub fn length(&mut self, key: &str) -> Result<usize, String> {
        let member = self.storage(key)?;
        let (_, size) = sizes(&mut self.archive, member, self.bytes.len() as u64)?;
        usize::try_from(size).map_err(|_| format!("its {size} bytes are too many"))
    }

    /// Reads the bytes of the storage `key`.
    pub fn read(&self, key: &str) -> Result<Bytes, String> {
        self.clone().data(self.storage(key)?, u64::MAX)
    }

    /// Returns the index of the member that holds the storage `key`.
    pub fn storage(&self, key: &str) -> Result<usize, String> {
        let name = format!("data/{key}");
        self.member(&name).ok_or_else(|| {
            format!("the member `{}{name}` of the zip archive is missing", self.folder)
        })
    }

    /// Returns the index of the member `name` in the folder.
    fn member(&self, name: &str) -> Option<usize> {
        self.archive.index_for_name(&format!("{}{name}", self.folder))
    }

    /// Reads the bytes of a member: a part of the file if it is stored, else at most `most` inflated bytes. As in
    /// torch, the checksum of a stored member is not compared: torch can leave it out.
    fn data(&mut self, member: usize, most: u64) -> Result<Bytes, String> {
        let (name, size) = sizes(&mut self.archive, member, self.bytes.len() as u64)?;
        let in_member = |problem: String| format!("member `{name}`: {problem}");
        let stored = {
            let entry = self.archive.by_index(member).map_err(|e| in_member(e.to_string()))?;
            let stored = entry.compression() == CompressionMethod::Stored;
            stored.then(|| entry.data_start()).flatten()
        };
        if let Some(start) = stored {
            let range = usize::try_from(start)
                .ok()
                .zip(usize::try_from(size).ok())
                .and_then(|(start, size)| Some(start..start.checked_add(size)?));
            return range
                .and_then(|range| self.bytes.part(range))
                .ok_or_else(|| in_member("it ends beyond the file; is it complete?".into()));
        }
        if size > most {
            return Err(in_member(format!("it declares {size} bytes; at most {most} are read")));
        }
        inflate(&mut self.archive, member)
            .map(|data| Bytes::new(data, self.bytes.label()))
            .map_err(in_member)
    }
}

/// The byte ranges of the storages of a legacy file, by key.
pub(super) type Places = HashMap<String, Range<usize>>;

/// The first thing that `torch.save` wrote until version 1.6: 0x1950a86a20f9469cfc6c, as a pickle.
const MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/// Returns the offset after the magic number of a legacy file of torch, if `bytes` is one.
pub(super) fn legacy_magic(bytes: &[u8]) -> Option<usize> {
    // In any protocol only three more operations surround the number; running more bytes would only cost time.
    let head = &bytes[..bytes.len().min(64)];
    let built = machine::run(head, 0).ok()?;
    match &built.values[built.root] {
        Value::Long(range) if &head[range.clone()] == MAGIC => Some(built.end),
        _ => None,
    }
}

/// Returns the byte ranges of all storages after the objects, whose pickle ends at `at`. `width` returns the bytes
/// per element of a storage that the objects name. The numbers are little-endian on every machine.
pub(super) fn legacy_places(
    bytes: &[u8],
    at: usize,
    width: impl Fn(&str) -> Option<usize>,
) -> Result<Places, String> {
    let keys = machine::run(bytes, at)?;
    let listed = keys
        .elements(keys.root)
        .ok_or_else(|| format!("the list of storages at offset {at} is not a list"))?;
    let mut places = Places::new();
    let mut at = keys.end;
    for &key in listed {
        let key = keys.text(bytes, key).ok_or("the key of a storage is not text")?;
        let width = width(key).ok_or_else(|| format!("no tensor names the storage `{key}`"))?;
        let count =
            bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|c| u64::from_le_bytes(*c));
        let count = count.ok_or_else(|| {
            format!("the storage `{key}` at offset {at} is cut short; is the file complete?")
        })?;
        let start = at + size_of::<u64>();
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| start.checked_add(count.checked_mul(width)?))
            .filter(|&end| end <= bytes.len())
            .ok_or_else(|| {
                format!(
                    "the storage `{key}` at offset {at} claims {count} elements of {width} bytes, but only {} \
                     bytes follow; is the file complete?",
                    bytes.len() - start
                )
            })?;
        if places.insert(key.to_owned(), start..end).is_some() {
            return Err(format!("the storage `{key}` occurs twice"));
        }
        at = end;
    }
    if at != bytes.len() {
        return Err(format!("{} bytes follow the last storage", bytes.len() - at));
    }
    Ok(places)
}
