//! Files that a stranger may hand over, one test each: refused in one line that names the place,
//! without a panic and without memory that the file's size does not justify.

mod build;
mod ctranslate2;
mod fields;
mod folder;
mod foreign;
mod gguf;
mod memory;
mod mutation;
mod npy;
mod npz;
mod onnx;
mod paths;
mod pickle;
mod random;
mod safetensors;
mod split;

use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::{self, Checkpoint, Tensor};

/// What the error says when `bytes`, called `label`, are opened.
fn refusal(bytes: Vec<u8>, label: &str) -> String {
    match checkpoint::from_bytes(Bytes::new(bytes, label)) {
        Ok(opened) => panic!("{label} was opened: {:?}", opened.tensors()),
        Err(error) => one_line(error.to_string(), label),
    }
}

/// Checks that an error is one line that begins with the file.
fn one_line(said: String, label: &str) -> String {
    assert!(said.starts_with(&format!("{label}: ")) && !said.contains('\n'), "{said}");
    said
}

/// Every tensor that can be read, and the error for every other.
fn contents(checkpoint: &dyn Checkpoint) -> Vec<Result<Tensor, String>> {
    let read = |name: &str| checkpoint.read(name).map_err(|error| error.to_string());
    checkpoint.tensors().iter().map(|info| read(&info.name)).collect()
}

/// Checks that each proper prefix of a valid file is refused, or holds the same tensors.
fn check_every_prefix(bytes: &[u8], label: &str) {
    let whole = checkpoint::from_bytes(Bytes::new(bytes.to_vec(), label)).unwrap();
    assert!(contents(&*whole).iter().any(Result::is_ok), "{label} is no valid file");
    for length in 0..bytes.len() {
        match checkpoint::from_bytes(Bytes::new(bytes[..length].to_vec(), label)) {
            Ok(opened) => {
                assert_eq!(contents(&*opened), contents(&*whole), "{length} bytes of {label}")
            }
            Err(error) => drop(one_line(error.to_string(), label)),
        }
    }
}
