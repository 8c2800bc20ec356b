//! One function a format that may be given any bytes: it opens them, lists what they hold and reads
//! it, and must neither panic nor take more memory than the bytes justify.
//!
//! The cargo-fuzz targets in `fuzz/` and the seeded mutations in `tests/hostile_files/` call these.

use super::bytes::Bytes;
use super::gguf::Gguf;
use super::npy::Npy;
use super::npz::Npz;
use super::safetensors::Safetensors;
use super::vocabulary::Vocabulary;
use super::{Checkpoint, elements};
use crate::error::Result;

/// Tensors with more elements are listed but not read, to keep each input fast.
const MOST_ELEMENTS: usize = 1 << 20;

/// Opens, lists and reads a `.safetensors` file.
pub fn safetensors(bytes: &[u8]) {
    exercise(Safetensors::parse(input(bytes)));
}

/// Opens, lists and reads an `.npy` file.
pub fn npy(bytes: &[u8]) {
    exercise(Npy::parse(input(bytes)));
}

/// Opens, lists and reads an `.npz` file.
pub fn npz(bytes: &[u8]) {
    exercise(Npz::parse(input(bytes)));
}

/// Opens, lists and reads a GGUF file, with all of its metadata and its vocabulary.
pub fn gguf(bytes: &[u8]) {
    let opened = Gguf::parse(input(bytes));
    if let Ok(file) = &opened {
        let metadata = file.metadata();
        for key in metadata.keys() {
            let _ = (
                metadata.get(key),
                metadata.get_str(key),
                metadata.get_u64(key),
                metadata.get_bool(key),
            );
            let _ = (metadata.get_array_bytes(key), metadata.get_array_i64(key));
        }
        if let Ok(Some(vocabulary)) = file.vocabulary() {
            labels(&vocabulary);
        }
    }
    exercise(opened);
}

/// Reads a vocabulary in each of its forms.
pub fn vocabulary(bytes: &[u8]) {
    let forms = [Vocabulary::from_json_bytes(bytes, "fuzz"), Vocabulary::from_lines(bytes, "fuzz")];
    forms.iter().flatten().for_each(labels);
}

fn input(bytes: &[u8]) -> Bytes {
    Bytes::new(bytes.to_vec(), "fuzz")
}

fn labels(vocabulary: &Vocabulary) {
    for id in 0..=vocabulary.tokens.len() {
        let label = vocabulary.label(id);
        assert!(!label.is_empty() && !label.chars().any(char::is_control), "{label:?}");
    }
}

/// Reads what is listed: a tensor that can be read has as many numbers as its shape says.
fn exercise(opened: Result<impl Checkpoint>) {
    let Ok(checkpoint) = opened else { return };
    for info in checkpoint.tensors() {
        let Some(count) = elements(&info.shape).filter(|&count| count <= MOST_ELEMENTS) else {
            continue;
        };
        if let Ok(tensor) = checkpoint.read(&info.name) {
            assert_eq!(tensor.values.len(), count, "{info:?}");
        }
    }
}
