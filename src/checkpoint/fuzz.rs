//! Entry points for fuzzers, one function per format. Each opens any bytes, lists what they hold and reads it; it
//! must neither panic nor take more memory than the bytes justify.
//!
//! The cargo-fuzz targets in `fuzz/` and the seeded mutations in `tests/hostile_files/` call these.

use super::bytes::Bytes;
use super::ctranslate2::CTranslate2;
use super::gguf::Gguf;
use super::npy::Npy;
use super::npz::Npz;
use super::onnx::Onnx;
use super::pickle::{Item, Pickle, StateDict};
use super::safetensors::Safetensors;
use super::vocabulary::Vocabulary;
use super::{Checkpoint, FileFormat, elements};
use crate::error::Result;

/// The largest number of elements of a tensor that is read and not only listed, to keep each input fast.
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

/// Opens, lists and reads a pickle, alone or in one of torch's containers, and looks at its data.
pub fn pickle(bytes: &[u8]) {
    if let Ok(pickle) = Pickle::parse(input(bytes)) {
        look(pickle.root(), 3);
    }
    exercise(StateDict::parse(input(bytes)));
}

/// Opens, lists and reads an ONNX model, and walks its graph.
pub fn onnx(bytes: &[u8]) {
    let opened = Onnx::parse(input(bytes));
    if let Ok(Some(graph)) = opened.as_ref().map(Checkpoint::graph) {
        for node in graph.nodes.iter().take(100) {
            let makers = node.inputs.iter().filter_map(|name| graph.producer_of(name)).count();
            assert!(makers <= node.inputs.len());
        }
    }
    exercise(opened);
}

/// Opens, lists and reads CTranslate2's `model.bin`, and its aliases.
pub fn ctranslate2(bytes: &[u8]) {
    let opened = CTranslate2::parse(input(bytes));
    if let Ok(model) = &opened {
        for (alias, name) in model.aliases().iter().take(100) {
            assert_eq!(model.read(alias).is_ok(), model.read(name).is_ok(), "{alias}");
        }
    }
    exercise(opened);
}

/// Visits data that may contain themselves, down to `levels` levels.
fn look(item: Item, levels: usize) {
    /// The largest number of elements of a list or map that are visited.
    const MOST: usize = 100;
    let _ = (item.text(), item.int(), item.float(), item.kind());
    if levels > 0 {
        for element in item.elements().into_iter().flatten().take(MOST) {
            look(element, levels - 1);
        }
        for (key, value) in item.entries().into_iter().flatten().take(MOST) {
            look(key, levels - 1);
            look(value, levels - 1);
        }
    }
}

/// Reads a vocabulary in each of its forms.
pub fn vocabulary(bytes: &[u8]) {
    for name in ["fuzz.json", "fuzz.txt", "fuzz.model", "fuzz.yml", "fuzz.pkl"] {
        if let Ok(vocabulary) = Vocabulary::from_bytes(bytes.to_vec(), name) {
            labels(&vocabulary);
            labels(&vocabulary.guessed());
        }
    }
}

fn input(bytes: &[u8]) -> Bytes {
    Bytes::new(bytes.to_vec(), "fuzz")
}

/// Checks that every label of the vocabulary is printable.
fn labels(vocabulary: &Vocabulary) {
    for id in 0..=vocabulary.tokens.len() {
        let label = vocabulary.label(id);
        assert!(!label.is_empty() && !label.chars().any(char::is_control), "{label:?}");
    }
}

/// Reads all listed tensors, and checks that each has as many numbers as its shape says.
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
