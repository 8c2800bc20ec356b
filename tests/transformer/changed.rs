//! The tiny models with something changed: a key of their configuration, a tensor more.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{SafeTensors, TensorView, serialize_to_file};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::fixture::folder;

/// A tensor of float32 numbers.
pub struct Extra<'a> {
    pub name: &'a str,
    pub shape: Vec<usize>,
    pub numbers: Vec<f32>,
}

impl<'a> Extra<'a> {
    pub fn new(name: &'a str, shape: &[usize], numbers: Vec<f32>) -> Self {
        assert_eq!(numbers.len(), shape.iter().product::<usize>());
        Extra { name, shape: shape.to_vec(), numbers }
    }

    /// Numbers without meaning.
    pub fn filled(name: &'a str, shape: &[usize]) -> Self {
        Self::new(name, shape, (0..shape.iter().product()).map(|i| i as f32 / 64.0).collect())
    }

    fn bytes(&self) -> Vec<u8> {
        self.numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

/// A copy of a folder.
pub struct Changed(TempDir);

impl Changed {
    pub fn of(name: &str) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for file in ["config.json", "model.safetensors", "model.gguf"] {
            if folder(name).join(file).is_file() {
                std::fs::copy(folder(name).join(file), copy.path().join(file)).unwrap();
            }
        }
        Changed(copy)
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().to_path_buf()
    }

    pub fn write(&self, file: &str, value: &Value) {
        std::fs::write(self.0.path().join(file), value.to_string()).unwrap();
    }

    /// Changes config.json.
    pub fn config(self, change: impl FnOnce(&mut Value)) -> Self {
        let text = std::fs::read_to_string(self.0.path().join("config.json")).unwrap();
        let mut config: Value = serde_json::from_str(&text).unwrap();
        change(&mut config);
        self.write("config.json", &config);
        self
    }

    /// Adds tensors to model.safetensors.
    pub fn with(self, extras: &[Extra]) -> Self {
        let path = self.0.path().join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        let added: Vec<Vec<u8>> = extras.iter().map(Extra::bytes).collect();
        let more = extras.iter().zip(&added).map(|(extra, bytes)| {
            let view = TensorView::new(Dtype::F32, extra.shape.clone(), bytes).unwrap();
            (extra.name.to_owned(), view)
        });
        let all: Vec<(String, TensorView)> = stored.tensors().into_iter().chain(more).collect();
        serialize_to_file(all, None, &path).unwrap();
        self
    }

    /// The names of the tensors of model.safetensors.
    pub fn names(&self) -> Vec<String> {
        let bytes = std::fs::read(self.0.path().join("model.safetensors")).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        stored.names().into_iter().map(str::to_owned).collect()
    }

    /// Takes a tensor out of model.safetensors.
    pub fn without(self, name: &str) -> Self {
        let path = self.0.path().join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        let rest = stored.tensors().into_iter().filter(|(other, _)| other != name);
        serialize_to_file(rest, None, &path).unwrap();
        self
    }

    /// Stores the tensors as an archive of arrays of NumPy, and gives its path.
    pub fn npz(&self) -> PathBuf {
        let bytes = std::fs::read(self.0.path().join("model.safetensors")).unwrap();
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let shape: String = tensor.shape().iter().map(|n| format!("{n}, ")).collect();
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape})}}");
            let header = format!("{header:<117}\n");
            writer.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            writer.write_all(b"\x93NUMPY\x01\x00").unwrap();
            writer.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
            writer.write_all(header.as_bytes()).unwrap();
            writer.write_all(tensor.data()).unwrap();
        }
        std::fs::remove_file(self.0.path().join("model.safetensors")).unwrap();
        let path = self.0.path().join("weights.npz");
        std::fs::write(&path, writer.finish().unwrap().into_inner()).unwrap();
        path
    }

    /// The numbers of a tensor of model.safetensors, with its shape.
    pub fn numbers(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let bytes = std::fs::read(self.0.path().join("model.safetensors")).unwrap();
        let stored = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = stored.tensor(name).unwrap();
        let data = tensor.data();
        let numbers = data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (tensor.shape().to_vec(), numbers)
    }

    /// Adds metadata and tensors to model.gguf.
    pub fn gguf(self, keys: &[(&str, Meta)], extras: &[Extra]) -> Self {
        let path = self.0.path().join("model.gguf");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, gguf_with(&bytes, keys, extras)).unwrap();
        self
    }

    /// The GGUF file.
    pub fn file(&self) -> PathBuf {
        self.0.path().join("model.gguf")
    }
}

/// A value of GGUF's metadata.
#[derive(Clone, Debug)]
pub enum Meta {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(&'static str),
    U32s(Vec<u32>),
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn pair(key: &str, value: &Meta) -> Vec<u8> {
    let (kind, value) = match value {
        Meta::U32(x) => (4u32, x.to_le_bytes().to_vec()),
        Meta::F32(x) => (6, x.to_le_bytes().to_vec()),
        Meta::Bool(x) => (7, vec![u8::from(*x)]),
        Meta::Text(x) => (8, text(x)),
        Meta::U32s(list) => {
            let mut bytes = 4u32.to_le_bytes().to_vec();
            bytes.extend((list.len() as u64).to_le_bytes());
            bytes.extend(list.iter().flat_map(|x| x.to_le_bytes()));
            (9, bytes)
        }
    };
    [text(key), kind.to_le_bytes().to_vec(), value].concat()
}

/// A GGUF file with pairs and tensors more. The first tensor is `token_embd.weight`, and data begin at multiples of 32.
fn gguf_with(bytes: &[u8], keys: &[(&str, Meta)], extras: &[Extra]) -> Vec<u8> {
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (tensors, pairs) = (u64_at(8), u64_at(16));
    let first = text("token_embd.weight");
    let infos = bytes.windows(first.len()).position(|window| window == first).unwrap();
    let mut end = infos;
    for _ in 0..tensors {
        end += 8 + u64_at(end) as usize;
        end += 4 + 8 * u32_at(end) as usize + 4 + 8;
    }
    let data = end.next_multiple_of(32);
    let mut numbers = bytes[data..].to_vec();
    let mut more_infos = Vec::new();
    for extra in extras {
        numbers.resize(numbers.len().next_multiple_of(32), 0);
        more_infos.extend(text(extra.name));
        more_infos.extend((extra.shape.len() as u32).to_le_bytes());
        more_infos.extend(extra.shape.iter().rev().flat_map(|&n| (n as u64).to_le_bytes()));
        more_infos.extend(0u32.to_le_bytes());
        more_infos.extend((numbers.len() as u64).to_le_bytes());
        numbers.extend(extra.bytes());
    }
    let more_pairs: Vec<u8> = keys.iter().flat_map(|(key, value)| pair(key, value)).collect();
    let mut file = bytes[..8].to_vec();
    file.extend((tensors + extras.len() as u64).to_le_bytes());
    file.extend((pairs + keys.len() as u64).to_le_bytes());
    file.extend(more_pairs);
    file.extend(&bytes[24..end]);
    file.extend(more_infos);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(numbers);
    file
}

/// What opening a path says, which must be one line that begins with the path.
pub fn refusal(path: &Path) -> String {
    use unargmax::transformer::{Options, Transformer};
    let Err(error) = Transformer::open(path, Options::default()) else { panic!("{path:?} opened") };
    let said = error.to_string();
    assert!(!said.contains('\n') && said.starts_with(&path.display().to_string()), "{said}");
    said
}
