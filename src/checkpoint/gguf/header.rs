//! Parses the header of a GGUF file: counts, metadata and tensor descriptions, checked against the size of the file.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::ops::Range;

use super::blocks::BlockType;
use super::metadata::Metadata;
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::cursor::Cursor;
use crate::checkpoint::{Dtype, TensorInfo, elements};

/// The first bytes of every GGUF file.
pub(crate) const MAGIC: &[u8] = b"GGUF";

/// The largest number of dimensions of a ggml tensor.
const DIMENSIONS: u32 = 4;

/// The alignment of the data in bytes, where the metadata do not state it.
const ALIGNMENT: u64 = 32;

/// The least number of bytes of a tensor description: the length of its name, the number of dimensions, type, offset.
const LEAST_TENSOR: usize = 8 + 4 + 4 + 8;

/// A header that was checked against the file.
pub(super) struct Header {
    pub metadata: Metadata,
    /// The tensors in the order of the file, each with its byte range: of the length that its shape asks for, or
    /// empty for a type whose size is unknown.
    pub tensors: Vec<(TensorInfo, Range<usize>)>,
}

/// A tensor description as it stands in the header.
struct Description {
    info: TensorInfo,
    /// The offset from the start of the data.
    offset: u64,
    /// The number of bytes, if the type is known.
    size: Option<usize>,
}

impl Header {
    /// Parses the header of `bytes`.
    ///
    /// # Errors
    /// A header that is not valid; the error is a sentence with the offset or the tensor, without the name of the
    /// file.
    pub fn parse(bytes: &Bytes) -> Result<Header, String> {
        let mut cursor = Cursor::new(bytes, 0);
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err("it does not start with GGUF".into());
        }
        check_version(cursor.u32()?)?;
        let tensor_count = cursor.count(LEAST_TENSOR, "tensors")?;
        let pairs = cursor.count(Metadata::LEAST_PAIR, "metadata pairs")?;
        let metadata = Metadata::walk(bytes, &mut cursor, pairs)?;
        let alignment = alignment(&metadata)?;
        let mut described = Vec::new();
        for _ in 0..tensor_count {
            described.push(description(&mut cursor)?);
        }
        if described.is_empty() {
            return Ok(Header { metadata, tensors: Vec::new() });
        }
        let start = cursor
            .at()
            .checked_next_multiple_of(alignment)
            .filter(|&start| start <= bytes.len())
            .ok_or_else(|| {
                format!(
                    "the file ends at byte {} before its data begin; is it complete?",
                    bytes.len()
                )
            })?;
        let mut tensors = described
            .into_iter()
            .map(|tensor| place(tensor, start, bytes.len(), alignment))
            .collect::<Result<Vec<_>, _>>()?;
        check_overlap(&mut tensors)?;
        Ok(Header { metadata, tensors })
    }
}

/// Refuses a version that is not read.
fn check_version(version: u32) -> Result<(), String> {
    match version {
        2 | 3 => Ok(()),
        1 => {
            Err("its GGUF version is 1, which only early files of 2023 have; convert it again (2 and 3 are read)"
                .into())
        }
        _ if matches!(version.swap_bytes(), 1..=3) => {
            Err("it is a big-endian GGUF file; convert it to little-endian (gguf-convert-endian)".into())
        }
        _ => Err(format!("its GGUF version is {version}; 2 and 3 are read")),
    }
}

/// Returns the alignment of the data, in bytes.
fn alignment(metadata: &Metadata) -> Result<usize, String> {
    let stated = metadata
        .get_u64("general.alignment")
        .map_err(|_| "general.alignment is not an integer".to_string())?;
    let alignment = stated.unwrap_or(ALIGNMENT);
    match usize::try_from(alignment) {
        Ok(bytes) if bytes.is_power_of_two() => Ok(bytes),
        _ => Err(format!("general.alignment is {alignment}, which is not a power of two")),
    }
}

/// Reads the description of one tensor.
fn description(cursor: &mut Cursor) -> Result<Description, String> {
    let name = cursor.name("tensor name")?.to_owned();
    let in_tensor = |problem: String| format!("tensor `{name}`: {problem}");
    let dimensions = cursor.u32().map_err(in_tensor)?;
    if dimensions > DIMENSIONS {
        return Err(in_tensor(format!("{dimensions} dimensions; ggml has at most {DIMENSIONS}")));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let claimed = cursor.u64().map_err(in_tensor)?;
        shape.push(
            usize::try_from(claimed)
                .map_err(|_| in_tensor(format!("the dimension {claimed} overflows")))?,
        );
    }
    // ggml writes the contiguous dimension first, so the order is reversed.
    shape.reverse();
    let id = cursor.u32().map_err(in_tensor)?;
    let offset = cursor.u64().map_err(in_tensor)?;
    let count =
        elements(&shape).ok_or_else(|| in_tensor(format!("the shape {shape:?} overflows")))?;
    let Some(kind) = BlockType::of(id) else {
        let dtype = Dtype::Other(format!("ggml type {id}"));
        return Ok(Description { info: TensorInfo { name, dtype, shape }, offset, size: None });
    };
    let row = shape.last().copied().unwrap_or(1);
    if row % kind.numbers != 0 {
        return Err(in_tensor(format!(
            "the shape {shape:?} has rows of {row} numbers, which is not a multiple of the {} of a {} block",
            kind.numbers, kind.name
        )));
    }
    let size = (count / kind.numbers)
        .checked_mul(kind.bytes)
        .ok_or_else(|| in_tensor(format!("the shape {shape:?} of {} overflows", kind.name)))?;
    Ok(Description {
        info: TensorInfo { name, dtype: kind.dtype(), shape },
        offset,
        size: Some(size),
    })
}

/// Returns the byte range of a tensor in a file of `total` bytes whose data begin at `start`.
fn place(
    tensor: Description,
    start: usize,
    total: usize,
    alignment: usize,
) -> Result<(TensorInfo, Range<usize>), String> {
    let Description { info, offset, size } = tensor;
    let name = &info.name;
    let from = usize::try_from(offset)
        .ok()
        .and_then(|offset| start.checked_add(offset))
        .filter(|&from| from <= total)
        .ok_or_else(|| {
            format!(
                "tensor `{name}` starts at offset {offset} of {} bytes of data; is the file complete?",
                total - start
            )
        })?;
    if !(from - start).is_multiple_of(alignment) {
        return Err(format!(
            "tensor `{name}` starts at offset {offset}, which is not a multiple of the alignment {alignment}"
        ));
    }
    let size = size.unwrap_or(0);
    if size > total - from {
        return Err(format!(
            "tensor `{name}` of shape {:?} takes {size} bytes, but only {} follow its offset {offset}; is the file complete?",
            info.shape,
            total - from
        ));
    }
    Ok((info, from..from + size))
}

/// Checks that no two tensors share a byte; leaves them sorted by their place in the file.
fn check_overlap(tensors: &mut [(TensorInfo, Range<usize>)]) -> Result<(), String> {
    tensors.sort_by_key(|(_, place)| (place.start, place.end));
    for [(before, one), (after, other)] in tensors.array_windows() {
        if other.start < one.end {
            return Err(format!(
                "tensor `{}` at byte {} overlaps `{}`, which ends at {}",
                after.name, other.start, before.name, one.end
            ));
        }
    }
    Ok(())
}
