//! Members of zip archives, stored or deflated, as `.npz` and PyTorch's files have them.
//!
//! A member takes no more memory than the size that the directory declares for it, which must be one that deflate can reach from
//! the bytes that are there, and no two members may share bytes: so the work is bounded by the size of the file.
//!
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

use std::io::{Cursor, Read};

use zip::read::{ArchiveOffset, Config};
use zip::result::ZipResult;
use zip::{CompressionMethod, ZipArchive};

use super::bytes::Bytes;

/// The largest number of bytes that one deflated byte can become: a match of 258 bytes in two bits.
const MOST_PER_BYTE: u64 = 1032;

/// Opens an archive that begins with the file. If the library searched for the beginning, it could take other bytes
/// for it, and does so with some of torch's archives.
pub(super) fn archive(bytes: &Bytes) -> ZipResult<ZipArchive<Cursor<Bytes>>> {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    ZipArchive::with_config(config, Cursor::new(bytes.clone()))
}

/// Opens the archive, after a check that its members have distinct names and share no bytes.
pub(super) fn directory(bytes: &Bytes) -> Result<ZipArchive<Cursor<Bytes>>, String> {
    let faulty = |error| format!("the zip archive is not sound: {error}; is the file complete?");
    let mut archive = archive(bytes).map_err(faulty)?;
    if archive.has_duplicate_names() {
        return Err("two members of the zip archive have the same name".into());
    }
    if archive.has_overlapping_entries().map_err(faulty)? {
        return Err("two members of the zip archive share bytes".into());
    }
    Ok(archive)
}

/// Returns the name of a member of an archive of `total` bytes and the size that it declares, which deflate must be
/// able to reach.
pub(super) fn sizes(
    archive: &mut ZipArchive<Cursor<Bytes>>,
    member: usize,
    total: u64,
) -> Result<(String, u64), String> {
    let entry = archive
        .by_index_data(member)
        .map_err(|error| format!("member {member} is not sound: {error}"))?;
    let file = entry
        .name()
        .map_err(|error| format!("the name of member {member} is not sound: {error}"))?
        .into_owned();
    let in_member = |problem: String| format!("member `{file}`: {problem}");

    let (packed, size) = (entry.compressed_size(), entry.size());
    let reachable = match entry.compression() {
        _ if entry.encrypted() => return Err(in_member("it is encrypted".into())),
        _ if packed > total => {
            return Err(in_member(format!("it claims {packed} of the {total} bytes of the file")));
        }
        CompressionMethod::Stored => size == packed,
        CompressionMethod::Deflated => size <= packed.saturating_mul(MOST_PER_BYTE),
        other => {
            return Err(in_member(format!(
                "its compression is {other}; stored and deflated members are read"
            )));
        }
    };
    if !reachable {
        return Err(in_member(format!(
            "it declares {size} bytes, which its {packed} in the archive cannot become"
        )));
    }
    Ok((file, size))
}

/// Inflates a member, to no more bytes than it declares; `sizes` has checked that this size can be reached.
pub(super) fn inflate(
    archive: &mut ZipArchive<Cursor<Bytes>>,
    member: usize,
) -> Result<Vec<u8>, String> {
    let entry = archive.by_index(member).map_err(|error| error.to_string())?;
    let size = entry.size();
    let mut array = Vec::new();
    usize::try_from(size)
        .ok()
        .and_then(|size| array.try_reserve_exact(size).ok())
        .ok_or_else(|| format!("there is not enough memory for its {size} bytes"))?;
    let mut entry = entry.take(size);
    entry
        .read_to_end(&mut array)
        .map_err(|error| format!("{error} (after {} bytes)", array.len()))?;
    // Reading one more byte shows whether the member ends here; at its end the library compares the checksum.
    match entry.into_inner().read(&mut [0]).map_err(|error| error.to_string())? {
        0 if array.len() as u64 == size => Ok(array),
        0 => Err(format!("it declares {size} bytes, but inflates to {}", array.len())),
        _ => Err(format!("it declares {size} bytes, but inflates to more")),
    }
}
