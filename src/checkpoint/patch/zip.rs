//! Replaces the content of one member of a zip archive.
//!
//! A stored member is changed where it lies; its checksum follows in the local header, the data descriptor and the central
//! directory. A deflated member is compressed anew, so its length changes as well, and the offsets of what follows it.
//! All other bytes stay.
//!
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, sections 4.3 and 4.5.3.

use std::io::{Cursor, Write};
use std::ops::Range;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use zip::{CompressionMethod, ZipArchive};

use crate::checkpoint::archive::{directory, inflate};
use crate::checkpoint::bytes::Bytes;

/// What takes the place of which bytes.
type Edits = Vec<(Range<usize>, Vec<u8>)>;

/// The bits of the general purpose flag by which sizes and checksum follow the data.
const DESCRIPTOR: u16 = 1 << 3;
/// A field of 32 bits whose value is in the ZIP64 extra field.
const IN_ZIP64: u32 = u32::MAX;

/// Where the parts of a member lie in the file.
struct Member {
    local: usize,
    data: Range<usize>,
    central: usize,
    method: CompressionMethod,
    crc: u32,
}

/// Changes the content of a member, and returns the edits of the archive, and whether the member was compressed anew.
pub(super) fn replaced(
    file: &Bytes,
    index: usize,
    change: impl FnOnce(&mut [u8]) -> Result<(), String>,
) -> Result<(Edits, bool), String> {
    let mut archive = directory(file)?;
    let member = member(&mut archive, index)?;
    let stored = member.method == CompressionMethod::Stored;
    let old = match stored {
        true => file[member.data.clone()].to_vec(),
        false => inflate(&mut archive, index)?,
    };
    let mut content = old.clone();
    change(&mut content)?;
    // torch can leave the checksum out; then it stays so.
    let checked = crc(&old) == member.crc;
    let sum = if checked { crc(&content) } else { member.crc };
    let data = match stored {
        true => content,
        false => deflated(&content)?,
    };
    let mut edits = headers(file, &member, sum, data.len())?;
    if data.len() != member.data.len() {
        edits.extend(moved(file, &mut archive, &member, data.len())?);
    }
    edits.push((member.data.clone(), data));
    edits.sort_by_key(|(range, _)| range.start);
    Ok((edits, !stored))
}

/// Finds the parts of a member.
fn member(archive: &mut ZipArchive<Cursor<Bytes>>, index: usize) -> Result<Member, String> {
    let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
    let size = |n: u64| usize::try_from(n).map_err(|_| "it is too long".to_owned());
    let start = size(entry.data_start().ok_or("its data are not found")?)?;
    Ok(Member {
        local: size(entry.header_start())?,
        data: start..start + size(entry.compressed_size())?,
        central: size(entry.central_header_start())?,
        method: entry.compression(),
        crc: entry.crc32(),
    })
}

/// The edits of the headers of a member: its checksum, and its compressed length where that changes.
fn headers(file: &[u8], member: &Member, crc: u32, length: usize) -> Result<Edits, String> {
    let flags = u16_at(file, member.local + 6)?;
    let longer = length != member.data.len();
    let mut edits = Vec::new();
    let mut put = |at: usize, bytes: &[u8]| edits.push((at..at + bytes.len(), bytes.to_vec()));
    // With a descriptor the local header has zeros, or what is known of it; what is not zero must stay right.
    if flags & DESCRIPTOR == 0 || u32_at(file, member.local + 14)? != 0 {
        put(member.local + 14, &crc.to_le_bytes());
        if longer {
            let packed = u32_at(file, member.local + 18)?;
            if packed == IN_ZIP64 {
                put(zip64_packed(file, member.local)?, &(length as u64).to_le_bytes());
            } else if packed != 0 || flags & DESCRIPTOR == 0 {
                put(member.local + 18, &short(length)?);
            }
        }
    }
    put(member.central + 16, &crc.to_le_bytes());
    if longer {
        if u32_at(file, member.central + 20)? == IN_ZIP64 {
            return Err("its length is in a ZIP64 field of the directory, which is not rewritten; save the file without \
                        compression"
                .into());
        }
        put(member.central + 20, &short(length)?);
    }
    if flags & DESCRIPTOR != 0 {
        let end = member.data.end;
        let signed = file.get(end..end + 4) == Some(b"PK\x07\x08");
        let at = end + if signed { 4 } else { 0 };
        put(at, &crc.to_le_bytes());
        if longer {
            // The sizes have 32 or 64 bits; the one that fits the present length is meant.
            if u32_at(file, at + 4)? as usize != member.data.len() {
                return Err("the lengths after its data are not understood; save the file without compression".into());
            }
            match u32_at(file, at + 8)? {
                0 => put(at + 4, &(length as u64).to_le_bytes()),
                _ => put(at + 4, &short(length)?),
            }
        }
    }
    Ok(edits)
}

/// The edits of the directory where a member becomes longer or shorter: the offsets of what follows it.
fn moved(
    file: &[u8],
    archive: &mut ZipArchive<Cursor<Bytes>>,
    member: &Member,
    length: usize,
) -> Result<Edits, String> {
    // What lies behind the member moves by the difference of the lengths.
    let shift = |offset: u32| short((offset as usize + length).saturating_sub(member.data.len()));
    let mut edits = Vec::new();
    for other in 0..archive.len() {
        let entry = archive.by_index_raw(other).map_err(|error| error.to_string())?;
        let central = usize::try_from(entry.central_header_start())
            .map_err(|_| "the directory lies too far out".to_owned())?;
        if entry.header_start() as usize > member.local {
            let offset = u32_at(file, central + 42)?;
            if offset == IN_ZIP64 {
                return Err("offsets of the archive are in ZIP64 fields, which are not rewritten; save the file without \
                            compression"
                    .into());
            }
            edits.push((central + 42..central + 46, shift(offset)?.to_vec()));
        }
    }
    let comment = archive.comment().len();
    let end = file.len().checked_sub(22 + comment).ok_or("the end of the directory is missing")?;
    if file.get(end..end + 4) != Some(b"PK\x05\x06") {
        return Err("the end of the directory is not where it should be".into());
    }
    let offset = u32_at(file, end + 16)?;
    if offset == IN_ZIP64 || file.get(end.saturating_sub(20)..end - 16) == Some(b"PK\x06\x07") {
        return Err("it is a ZIP64 archive with compressed members, which is not rewritten; save it without compression"
            .into());
    }
    edits.push((end + 16..end + 20, shift(offset)?.to_vec()));
    Ok(edits)
}

/// The place of the compressed length in the ZIP64 extra field of a local header.
fn zip64_packed(file: &[u8], local: usize) -> Result<usize, String> {
    let name = u16_at(file, local + 26)? as usize;
    let extra = u16_at(file, local + 28)? as usize;
    let (mut at, end) = (local + 30 + name, local + 30 + name + extra);
    while at + 4 <= end {
        let (id, size) = (u16_at(file, at)?, u16_at(file, at + 2)? as usize);
        if id == 1 && size >= 16 {
            return Ok(at + 12);
        }
        at += 4 + size;
    }
    Err("its length is in a ZIP64 field that is missing".into())
}

/// A length or offset in 32 bits.
fn short(length: usize) -> Result<[u8; 4], String> {
    let short = u32::try_from(length).ok().filter(|&n| n != IN_ZIP64);
    short.map(u32::to_le_bytes).ok_or_else(|| "the archive becomes too long".into())
}

fn u16_at(file: &[u8], at: usize) -> Result<u16, String> {
    let bytes = file.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map(|b| u16::from_le_bytes(*b)).ok_or_else(|| "the archive is cut short".into())
}

fn u32_at(file: &[u8], at: usize) -> Result<u32, String> {
    let bytes = file.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map(|b| u32::from_le_bytes(*b)).ok_or_else(|| "the archive is cut short".into())
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflated(content: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|error| error.to_string())
}
