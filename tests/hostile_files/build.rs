//! Small valid files of each format, and the pieces to make invalid ones.

use std::io::{Cursor, Write};

pub use zip::CompressionMethod;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A safetensors file of any header.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

pub fn valid_safetensors() -> Vec<u8> {
    let header = concat!(
        r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#,
        r#""b":{"dtype":"BF16","shape":[2],"data_offsets":[24,28]},"i":{"dtype":"I8","shape":[3],"data_offsets":[28,31]}}"#
    );
    safetensors(header, &[7; 31])
}

/// An npy file (version 1) of any dictionary, ended by a newline as the format asks.
pub fn npy(literal: &str, data: &[u8]) -> Vec<u8> {
    let literal = format!("{}\n", literal.trim_end_matches('\n'));
    let length = (literal.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], literal.as_bytes(), data].concat()
}

pub fn valid_npy() -> Vec<u8> {
    npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }          \n", &[63; 48])
}

/// A zip archive of the members.
pub fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn valid_npz() -> Vec<u8> {
    let array = npy("{'descr': '>f8', 'fortran_order': False, 'shape': (6,), }  \n", &[64; 48]);
    zip(&[("w.npy", &valid_npy()), ("b.npy", &array)], CompressionMethod::Deflated)
}

/// A string of GGUF.
pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A metadata pair of GGUF: key, number of the type, value.
pub fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&string(key), &kind.to_le_bytes()[..], value].concat()
}

/// A tensor description of GGUF; the first dimension is the contiguous one.
pub fn tensor(name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let mut bytes = string(name);
    bytes.extend((dimensions.len() as u32).to_le_bytes());
    bytes.extend(dimensions.iter().flat_map(|d| d.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

/// A GGUF file (version 3) with its data at the next multiple of 32.
pub fn gguf(pairs: &[Vec<u8>], tensors: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let mut bytes = counted_gguf(3, tensors.len() as u64, pairs.len() as u64);
    bytes.extend(pairs.iter().chain(tensors).flatten());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    bytes
}

/// The first fields of a GGUF file.
pub fn counted_gguf(version: u32, tensors: u64, pairs: u64) -> Vec<u8> {
    [b"GGUF", &version.to_le_bytes()[..], &tensors.to_le_bytes(), &pairs.to_le_bytes()].concat()
}

/// Numbers of value types in GGUF.
pub const U16: u32 = 2;
pub const U32: u32 = 4;
pub const I32: u32 = 5;
pub const STRING: u32 = 8;
pub const ARRAY: u32 = 9;

/// Numbers of element types in GGUF.
pub const F32: u32 = 0;
pub const Q8_0: u32 = 8;

/// An array value of GGUF: number of the element type, count, elements.
pub fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes(), elements].concat()
}

pub fn valid_gguf() -> Vec<u8> {
    let tokens = [string("Ġa"), string("ä¸"), string("<0x0A>")].concat();
    let types: Vec<u8> = [1i32, 1, 6].iter().flat_map(|kind| kind.to_le_bytes()).collect();
    gguf(
        &[
            pair("general.alignment", U32, &32u32.to_le_bytes()),
            pair("tokenizer.ggml.model", STRING, &string("gpt2")),
            pair("tokenizer.ggml.tokens", ARRAY, &array(STRING, 3, &tokens)),
            pair("tokenizer.ggml.token_type", ARRAY, &array(I32, 3, &types)),
        ],
        &[
            tensor("w", &[2, 3], F32, 0),
            tensor("q", &[32, 2], Q8_0, 32),
            tensor("x", &[9], 9999, 128),
        ],
        &[60; 140],
    )
}
