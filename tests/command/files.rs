//! Small checkpoints, made on the spot.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use tempfile::TempDir;

/// A folder of files for one test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path as text.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a safetensors file of the tensors and returns its path as text.
    pub fn safetensors(&self, name: &str, tensors: &[(&str, Stored)]) -> String {
        let path = self.path(name);
        let views = tensors
            .iter()
            .map(|(name, t)| (*name, TensorView::new(t.dtype, t.shape.clone(), &t.bytes).unwrap()));
        serialize_to_file(views, None, Path::new(&path)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes float32 numbers as an npy file, version 1, and returns its path as text.
    pub fn npy(&self, name: &str, numbers: &[f64], rows: usize, columns: usize) -> String {
        let mut header =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend(numbers.iter().flat_map(|&x| (x as f32).to_le_bytes()));
        self.write(name, bytes)
    }
}

/// Numbers as a safetensors file keeps them.
pub struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    /// Stores numbers that `dtype` holds exactly (or NaN).
    pub fn new(dtype: Dtype, shape: &[usize], numbers: &[f64]) -> Self {
        let bytes = numbers.iter().flat_map(|&x| match dtype {
            Dtype::F16 => f16::from_f64(x).to_le_bytes().to_vec(),
            Dtype::BF16 => bf16::from_f64(x).to_le_bytes().to_vec(),
            Dtype::F32 => (x as f32).to_le_bytes().to_vec(),
            Dtype::F64 => x.to_le_bytes().to_vec(),
            other => panic!("not made here: {other:?}"),
        });
        Stored { dtype, shape: shape.to_vec(), bytes: bytes.collect() }
    }

    pub fn f32(shape: &[usize], numbers: &[f64]) -> Self {
        Stored::new(Dtype::F32, shape, numbers)
    }
}

/// Whole numbers from -15 to 15 without pattern, the same on every machine (Knuth's linear congruence).
pub fn integers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        f64::from((state >> 33) as u32 % 31) - 15.0
    };
    (0..count).map(|_| next()).collect()
}

/// Five tokens in the plane: the corners of a square and its centre, which can never win.
pub const SQUARE: [f64; 10] = [1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 0.0, 0.0];

/// Columns as rows.
pub fn transposed(numbers: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| numbers.iter().skip(c).step_by(columns).copied()).collect()
}
