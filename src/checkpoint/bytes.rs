//! The bytes of a checkpoint file, mapped from disk or held in memory, with the label that errors name.
//!
//! Every reader works on [`Bytes`], so that a file on disk, an asset inside the program and the input of a fuzzer
//! pass through the same code. A file is mapped and not read as a whole, because a head is often a small part of a
//! large file.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use crate::error::{Error, Result};

/// The storage behind some bytes; all three kinds are cheap to clone.
#[derive(Clone, Debug)]
pub enum Data {
    /// Bytes inside the program.
    Static(&'static [u8]),
    /// Bytes on the heap.
    Shared(Arc<[u8]>),
    /// Bytes of a mapped file.
    Mapped(Arc<Mmap>),
}

impl From<&'static [u8]> for Data {
    fn from(bytes: &'static [u8]) -> Self {
        Data::Static(bytes)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Data {
    fn from(bytes: &'static [u8; N]) -> Self {
        Data::Static(bytes)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Data::Shared(bytes.into())
    }
}

impl From<Arc<[u8]>> for Data {
    fn from(bytes: Arc<[u8]>) -> Self {
        Data::Shared(bytes)
    }
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        match self {
            Data::Static(bytes) => bytes,
            Data::Shared(bytes) => bytes,
            Data::Mapped(map) => map,
        }
    }
}

/// A checkpoint file, or a part of one, as bytes with a label for errors.
#[derive(Clone, Debug)]
pub struct Bytes {
    label: PathBuf,
    data: Data,
    /// The part of `data` that these bytes are.
    range: Range<usize>,
}

impl Bytes {
    /// Wraps bytes that are in memory; `label` takes the place of the path in errors.
    pub fn new(data: impl Into<Data>, label: impl AsRef<Path>) -> Self {
        let data = data.into();
        let range = 0..data.as_ref().len();
        Bytes { label: label.as_ref().to_path_buf(), data, range }
    }

    /// Maps a regular, non-empty file.
    ///
    /// The file must not be shortened while it is mapped: the operating system would end the process at the next
    /// access.
    ///
    /// # Errors
    /// [`Error::Io`] for a path that is missing, forbidden, a directory, a fifo or a device (which is never opened,
    /// so this does not block), [`Error::Malformed`] for an empty file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = regular_file(path)?;
        // SAFETY: the mapping is read-only and private to this process. The documented condition, which every map
        // has, is that no other process shortens the file meanwhile.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(|source| Error::io(path, source))?;
        if map.is_empty() {
            return Err(Error::malformed(
                path,
                "the file is empty (0 bytes); was its download cut short?",
            ));
        }
        let range = 0..map.len();
        Ok(Bytes { label: path.to_path_buf(), data: Data::Mapped(Arc::new(map)), range })
    }

    /// Returns the path of the file, or the label that takes its place.
    pub fn label(&self) -> &Path {
        &self.label
    }

    /// Returns a part of these bytes, with the same label; `None` where the range is not within them.
    pub(crate) fn part(&self, range: Range<usize>) -> Option<Bytes> {
        self.get(range.clone())?;
        let range = self.range.start + range.start..self.range.start + range.end;
        Some(Bytes { label: self.label.clone(), data: self.data.clone(), range })
    }

    /// Whether the bytes are those of a file on disk, so that other files may lie next to it.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.data, Data::Mapped(_))
    }

    /// Returns the folder of a file on disk.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let folder = self.label.parent().filter(|_| self.is_file())?;
        Some(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    }

    /// Returns an error that names these bytes and the problem.
    pub(crate) fn malformed(&self, problem: impl Into<String>) -> Error {
        Error::malformed(&self.label, problem)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.data.as_ref()[self.range.clone()]
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Opens a regular file, or a link to one. The kind of the file is checked before it is opened: opening a fifo would
/// wait for its writer.
pub(crate) fn regular_file(path: &Path) -> Result<File> {
    let refuse = |kind, what: &str| Err(Error::io(path, io::Error::new(kind, what)));
    let kind = std::fs::metadata(path).map_err(|source| Error::io(path, source))?.file_type();
    if kind.is_dir() {
        return refuse(io::ErrorKind::IsADirectory, "is a directory; name one file inside it");
    }
    if !kind.is_file() {
        return refuse(
            io::ErrorKind::InvalidInput,
            "is not a regular file (a fifo, socket or device); copy it to a file first",
        );
    }
    File::open(path).map_err(|source| Error::io(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_file_hold_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"four").unwrap();
        assert_eq!(&*Bytes::open(&path).unwrap(), b"four");
        assert_eq!(&*Bytes::new(b"four", "here"), b"four");
        assert_eq!(&*Bytes::new(b"four".to_vec(), "here"), b"four");
    }

    #[test]
    fn a_part_of_a_part_lies_where_it_should() {
        let whole = Bytes::new(b"0123456789", "here");
        let part = whole.part(2..8).unwrap().part(1..3).unwrap();
        assert_eq!(&*part, b"34");
        assert!(whole.part(2..8).unwrap().part(0..7).is_none());
    }
}
