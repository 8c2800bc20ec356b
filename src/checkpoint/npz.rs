//! Reads NumPy arrays in a zip archive (`.npz`), stored or deflated, each member an `.npy` file.
//!
//! Opening reads the directory of the archive and the first bytes of each member; reading a tensor inflates only its
//! member. A member takes no more memory than the size that the directory declares for it, which must be one that
//! deflate can reach from the bytes that are there, and no two members may share bytes: so the work is bounded by the
//! size of the file.
//!
//! Member format: [`super::npy`]. Archive format:
//! <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

use std::fmt;
use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::archive::{directory, inflate, sizes};
use super::bytes::Bytes;
use super::npy::{self, Header};
use super::patch::Place;
use super::{Checkpoint, FileFormat, Tensor, TensorInfo, find, open_in_folder};
use crate::error::Result;

/// The first bytes of a zip archive, and of one without a member.
pub(crate) const MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// The number of bytes of a member that are inflated for its header: the longest header of npy version 1 and its
/// prefix.
const PREFIX: u64 = 65_535 + 10;

/// An opened `.npz` file.
pub struct Npz {
    bytes: Bytes,
    archive: ZipArchive<Cursor<Bytes>>,
    /// The arrays, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` the index of its member in the archive.
    members: Vec<usize>,
}

impl fmt::Debug for Npz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Npz")
            .field("bytes", &self.bytes)
            .field("tensors", &self.tensors)
            .finish_non_exhaustive()
    }
}

impl FileFormat for Npz {
    /// Parses the directory and the headers of the members of `bytes`.
    ///
    /// # Errors
    /// An archive or a member that is not valid.
    fn parse(bytes: Bytes) -> Result<Self> {
        let faulty = |problem: String| bytes.malformed(problem);
        let mut archive = directory(&bytes).map_err(faulty)?;
        let mut listed = Vec::new();
        for member in 0..archive.len() {
            if let Some(info) = inspect(&mut archive, member, bytes.len() as u64).map_err(faulty)? {
                listed.push((info, member));
            }
        }
        if listed.is_empty() {
            return Err(bytes.malformed(format!(
                "none of the {} members of the zip archive is an .npy array; is it a model of another format?",
                archive.len()
            )));
        }
        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (tensors, members) = listed.into_iter().unzip();
        Ok(Npz { bytes, archive, tensors, members })
    }
}

impl Checkpoint for Npz {
    fn format(&self) -> &'static str {
        "npz"
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
        let values = inflate(&mut self.archive.clone(), self.members[at])
            .and_then(|array| npy::decode(&Header::parse(&array, array.len())?, &array))
            .map_err(|problem| {
                self.bytes.malformed(format!("array `{name}` cannot be read: {problem}"))
            })?;
        Ok(Tensor { info: self.tensors[at].clone(), values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let member = self.members[at];
        let refuse = |problem: String| {
            self.bytes.malformed(format!("array `{name}` cannot be read: {problem}"))
        };
        let array = inflate(&mut self.archive.clone(), member).map_err(refuse)?;
        let header = Header::parse(&array, array.len()).map_err(refuse)?;
        let place = npy::place(&header, &self.tensors[at], &self.bytes, array.len())?;
        Ok(place.in_member(member))
    }

    fn side_file(&self, name: &str) -> Result<Option<Bytes>> {
        if let Some(member) = self.member(name) {
            let label = self.bytes.label().join(name);
            return text(&mut self.archive.clone(), member, self.bytes.len() as u64)
                .map(|text| Some(Bytes::new(text, label)))
                .map_err(|problem| {
                    self.bytes.malformed(format!("member `{name}` cannot be read: {problem}"))
                });
        }
        self.folder().map_or(Ok(None), |folder| open_in_folder(folder, name))
    }
}

impl Npz {
    /// Returns the index of the member that holds the array `name`, or else of the member with this name.
    fn member(&self, name: &str) -> Option<usize> {
        let listed = self.tensors.binary_search_by(|info| info.name.as_str().cmp(name));
        listed.map(|at| self.members[at]).ok().or_else(|| self.archive.index_for_name(name))
    }
}

/// Reads a member that is text: the content of a byte array (without the NULs that end Marian's), or all bytes.
fn text(
    archive: &mut ZipArchive<Cursor<Bytes>>,
    member: usize,
    total: u64,
) -> Result<Vec<u8>, String> {
    sizes(archive, member, total)?;
    let mut bytes = inflate(archive, member)?;
    if bytes.starts_with(npy::MAGIC) {
        let header = Header::parse(&bytes, bytes.len())?;
        if header.size != Some(1) {
            return Err(format!("it is an array of {}, not of bytes", header.dtype));
        }
        bytes.drain(..header.start);
        bytes.truncate(bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == 0).count());
    }
    Ok(bytes)
}

/// Checks the sizes and the header of a member of an archive of `total` bytes; `None` if its name does not end in
/// `.npy`.
fn inspect(
    archive: &mut ZipArchive<Cursor<Bytes>>,
    member: usize,
    total: u64,
) -> Result<Option<TensorInfo>, String> {
    if let Some(Ok(file)) = archive.name_for_index(member)
        && !file.ends_with(".npy")
    {
        return Ok(None);
    }
    let (file, size) = sizes(archive, member, total)?;
    let Some(name) = file.strip_suffix(".npy") else { return Ok(None) };
    let in_member = |problem: String| format!("member `{file}`: {problem}");
    let total =
        usize::try_from(size).map_err(|_| in_member(format!("its {size} bytes are too many")))?;

    let mut prefix = Vec::new();
    archive
        .by_index(member)
        .map_err(|error| in_member(error.to_string()))?
        .take(PREFIX.min(size))
        .read_to_end(&mut prefix)
        .map_err(|error| in_member(error.to_string()))?;
    let header = Header::parse(&prefix, total).map_err(in_member)?;
    Ok(Some(TensorInfo { name: name.to_owned(), dtype: header.dtype, shape: header.shape }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::checkpoint::{Dtype, Values};
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    fn array(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let literal =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((literal.len() as u16).to_le_bytes());
        bytes.extend(literal.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer
                .start_file(*name, SimpleFileOptions::default().compression_method(method))
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn single(numbers: &[f32]) -> Vec<u8> {
        numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
    }

    #[test]
    fn stored_and_deflated_members_of_both_orders_agree() {
        let rows = array("<f4", false, "(2, 3)", &single(&[1., 2., 3., 4., 5., 6.]));
        let columns = array("<f4", true, "(2, 3)", &single(&[1., 4., 2., 5., 3., 6.]));
        let objects = array("|O", false, "(1,)", b"pickle");
        let members: [(&str, &[u8]); 4] =
            [("w.npy", &rows), ("f.npy", &columns), ("o.npy", &objects), ("README", b"no array")];
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let opened = Npz::from_bytes(archive(&members, method), "a.npz").unwrap();
            let names: Vec<_> = opened.tensors().iter().map(|info| info.name.as_str()).collect();
            assert_eq!(names, ["f", "o", "w"]);
            assert_eq!(opened.tensors()[2].dtype, Dtype::F32);
            let expected = Values::F32(vec![1., 2., 3., 4., 5., 6.]);
            assert_eq!(opened.read("w").unwrap().values, expected);
            assert_eq!(opened.read("f").unwrap().values, expected);
            let said = opened.read("o").unwrap_err().to_string();
            assert!(said.contains("array `o`") && said.contains("pickle"), "{said}");
        }
    }

    #[test]
    fn the_settings_of_a_marian_model_are_at_hand() {
        let settings = array("|i1", false, "(9,)", b"type: s2\0");
        let rows = array("<f4", false, "(1,)", &single(&[1.0]));
        let members: [(&str, &[u8]); 3] =
            [("special:model.yml.npy", &settings), ("Wemb.npy", &rows), ("note.txt", b"plain")];
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let opened = Npz::from_bytes(archive(&members, method), "a.npz").unwrap();
            let text = |name| opened.side_file(name).map(|bytes| bytes.map(|b| b.to_vec()));
            assert_eq!(text("special:model.yml").unwrap().unwrap(), b"type: s2");
            assert_eq!(text("note.txt").unwrap().unwrap(), b"plain");
            assert_eq!(text("config.json").unwrap(), None);
            let said = text("Wemb").unwrap_err().to_string();
            assert!(said.contains("member `Wemb`") && said.contains("not of bytes"), "{said}");
            assert!(opened.read("Wemb").is_ok());
        }
    }

    #[test]
    fn an_array_that_does_not_fill_its_member_is_refused() {
        let long = array("<f4", false, "(1,)", &[0; 8]);
        let said =
            Npz::from_bytes(archive(&[("w.npy", &long)], CompressionMethod::Deflated), "a.npz")
                .unwrap_err();
        assert!(
            said.to_string().contains("member `w.npy`: the shape [1] of f32 takes 4 bytes, but 8"),
            "{said}"
        );
    }

    #[test]
    fn an_archive_without_an_array_is_refused() {
        for members in [&[][..], &[("archive/data.pkl", &b"pickle"[..])]] {
            let said =
                Npz::from_bytes(archive(members, CompressionMethod::Stored), "a.npz").unwrap_err();
            assert!(said.to_string().contains(".npy"), "{said}");
        }
    }

    #[test]
    fn a_changed_byte_is_found_by_the_checksum() {
        let member = array("<f4", false, "(1,)", &single(&[1.0]));
        let mut bytes = archive(&[("w.npy", &member)], CompressionMethod::Stored);
        let at = bytes.windows(4).position(|four| four == 1f32.to_le_bytes()).unwrap();
        bytes[at] ^= 1;
        let said = Npz::from_bytes(bytes, "a.npz").unwrap().read("w").unwrap_err().to_string();
        assert!(
            said.contains("array `w` cannot be read") && said.to_lowercase().contains("checksum"),
            "{said}"
        );
    }
}
