//! Opens a model that is split over several files, as `gguf-split` of llama.cpp writes and names them.

use std::io;
use std::path::{Path, PathBuf};

use super::header::Header;
use crate::checkpoint::bytes::Bytes;
use crate::error::{Error, Result};

/// The largest number of parts: it has five digits in a file name, and 16 bits in the metadata.
const MOST: u64 = u16::MAX as u64;

/// Opens all parts of the model that `bytes` belong to, in order; returns the one part where it is not split.
pub(super) fn parts(bytes: Bytes, header: Header) -> Result<Vec<(Bytes, Header)>> {
    let count = header.metadata.get_u64("split.count")?.unwrap_or(1);
    if count <= 1 {
        return Ok(vec![(bytes, header)]);
    }
    let number = header
        .metadata
        .get_u64("split.no")?
        .filter(|&number| number < count && count <= MOST)
        .ok_or_else(|| {
            bytes.malformed(format!(
                "split.no is missing or not below split.count, which is {count}"
            ))
        })?;
    let total = header.metadata.get_u64("split.tensors.count")?;
    if !bytes.is_file() {
        return Err(bytes.malformed(format!(
            "it is part {} of {count} of a split model; open it from its folder",
            number + 1
        )));
    }
    let stem = stem(bytes.label(), number, count).ok_or_else(|| {
        bytes.malformed(format!(
            "it is part {} of {count} of a split model, whose name must end in {} for the other parts to be found",
            number + 1,
            ending(number, count)
        ))
    })?;

    let label = bytes.label().to_path_buf();
    let mut opened = Some((bytes, header));
    let mut parts = Vec::new();
    for wanted in 0..count {
        if let Some(part) = opened.take_if(|_| wanted == number) {
            parts.push(part);
        } else {
            parts.push(part(&label, &stem, wanted, count)?);
        }
    }
    let found: usize = parts.iter().map(|(_, header)| header.tensors.len()).sum();
    match total {
        Some(total) if total != found as u64 => Err(Error::malformed(
            label,
            format!("its {count} parts hold {found} tensors, but split.tensors.count is {total}"),
        )),
        _ => Ok(parts),
    }
}

/// Opens part `number`, in the folder of the part that was asked for.
fn part(asked: &Path, stem: &str, number: u64, count: u64) -> Result<(Bytes, Header)> {
    let path: PathBuf = asked.with_file_name(format!("{stem}{}", ending(number, count)));
    let bytes = match Bytes::open(&path) {
        Err(Error::Io { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
            return Err(Error::malformed(
                asked,
                format!(
                    "part {} of {count} is missing: put {} beside it",
                    number + 1,
                    path.display()
                ),
            ));
        }
        other => other?,
    };
    let header = Header::parse(&bytes).map_err(|problem| bytes.malformed(problem))?;
    let says = (header.metadata.get_u64("split.no")?, header.metadata.get_u64("split.count")?);
    if says != (Some(number), Some(count)) {
        return Err(bytes.malformed(format!(
            "its metadata do not say that it is part {} of {count}, as its name does; is it of another model?",
            number + 1
        )));
    }
    Ok((bytes, header))
}

/// Returns the end of the file name of part `number`, counted from 0.
fn ending(number: u64, count: u64) -> String {
    format!("-{:05}-of-{count:05}.gguf", number + 1)
}

/// Returns the file name without the ending of its part.
fn stem(path: &Path, number: u64, count: u64) -> Option<String> {
    Some(path.file_name()?.to_str()?.strip_suffix(&ending(number, count))?.to_owned())
}
