//! Reads the tensors of a checkpoint by name; each is checked against the shape that the configuration asks for
//! before anything is decoded.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::configuration::{Biases, NormKind};
use super::linear::Linear;
use super::matrix::Matrix;
use super::norm::Norm;
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::gguf::Blocks;
use crate::checkpoint::{Checkpoint, TensorInfo, Values, mxfp4};
use crate::error::{Error, Result};

/// How a matrix is stored in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// As `out x in`.
    OutIn,
    /// As `in x out` (GPT-2's Conv1D).
    InOut,
}

/// What the norms of a model have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormForm {
    /// The kind of the norm.
    pub kind: NormKind,
    /// The term added to the variance or mean square.
    pub epsilon: f64,
    /// Whether gains are stored less one.
    pub gain_less_one: bool,
    /// Whether a LayerNorm has a shift.
    pub shifts: Biases,
}

/// The tensors of an opened checkpoint, with a record of those that were taken, so that no other is ignored silently.
pub(super) struct Weights<'a> {
    checkpoint: &'a dyn Checkpoint,
    path: &'a Path,
    names: HashMap<&'a str, &'a TensorInfo>,
    dtype: DType,
    /// The matrices read so far, so that a tied head and its embedding share memory.
    read: RefCell<HashMap<String, Matrix>>,
    taken: RefCell<HashSet<String>>,
}

impl<'a> Weights<'a> {
    /// Prepares to read the tensors of `checkpoint`, decoded to `dtype`.
    pub fn new(checkpoint: &'a dyn Checkpoint, path: &'a Path, dtype: DType) -> Self {
        let names = checkpoint.tensors().iter().map(|info| (info.name.as_str(), info)).collect();
        let (read, taken) = Default::default();
        Weights { checkpoint, path, names, dtype, read, taken }
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Returns the tensors that were not taken, in the order of their names.
    pub fn untaken(&self) -> Vec<&'a TensorInfo> {
        let taken = self.taken.borrow();
        self.checkpoint.tensors().iter().filter(|info| !taken.contains(&info.name)).collect()
    }

    /// Returns the names of the tensors that were taken, in no order.
    pub fn taken(&self) -> Vec<String> {
        self.taken.borrow().iter().cloned().collect()
    }

    /// Returns the shape of a tensor.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.names.get(name).map(|info| &info.shape[..])
    }

    /// Reads all numbers of a tensor in float64, which holds each exactly. The tensor does not count as taken.
    ///
    /// # Errors
    /// A tensor that is missing, or cannot be decoded.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        Ok(match self.checkpoint.read(name)?.values {
            Values::F32(numbers) => numbers.into_iter().map(f64::from).collect(),
            Values::F64(numbers) => numbers,
        })
    }

    /// Returns an error about this checkpoint.
    pub fn refuse(&self, problem: impl Into<String>) -> Error {
        Error::malformed(self.path, problem)
    }

    /// Reads a tensor of exactly this shape, dimensions of one ignored.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or cannot be decoded.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        self.check(name, shape)?;
        let numbers = match self.checkpoint.read(name)?.values {
            Values::F32(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu)?,
            Values::F64(numbers) => Tensor::from_vec(numbers, shape, &Device::Cpu)?,
        };
        Ok(numbers.to_dtype(self.dtype)?)
    }

    /// Reads a matrix of `rows` outputs by `columns` inputs.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
        stored: Stored,
    ) -> Result<Matrix> {
        let shape = match stored {
            Stored::OutIn => [rows, columns],
            Stored::InOut => [columns, rows],
        };
        self.check(name, &shape)?;
        let key = format!("{name}\0{stored:?}");
        if let Some(matrix) = self.read.borrow().get(&key) {
            return Ok(matrix.clone());
        }
        let blocks = match stored {
            Stored::OutIn => self.checkpoint.blocks(name)?.filter(|b| b.info.shape == shape),
            Stored::InOut => None,
        };
        let matrix = match (blocks, stored) {
            (Some(blocks), _) => Matrix::blocks(blocks, self.dtype),
            (None, Stored::OutIn) => Matrix::dense(self.tensor(name, &shape)?)?,
            (None, Stored::InOut) => Matrix::dense(self.tensor(name, &shape)?.t()?)?,
        };
        self.read.borrow_mut().insert(key, matrix.clone());
        Ok(matrix)
    }

    /// Reads a stack of `count` matrices of `rows` outputs by `columns` inputs.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn stack(
        &self,
        name: &str,
        count: usize,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<Matrix>> {
        let shape = [count, rows, columns];
        self.check(name, &shape)?;
        match self.checkpoint.blocks(name)?.filter(|blocks| blocks.info.shape == shape) {
            Some(blocks) => {
                Ok(blocks.split()?.into_iter().map(|b| Matrix::blocks(b, self.dtype)).collect())
            }
            None => {
                let numbers = self.tensor(name, &shape)?;
                (0..count).map(|number| Matrix::dense(numbers.get(number)?)).collect()
            }
        }
    }

    /// Reads a stack of `count` matrices of `rows` outputs by `columns` inputs in MXFP4: `stem_blocks` and `stem_scales`.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape or other elements than bytes, or a scale that is no number.
    pub fn mxfp4(&self, stem: &str, [count, rows, columns]: [usize; 3]) -> Result<Vec<Blocks>> {
        let bytes = |end: &str, shape: &[usize]| -> Result<Bytes> {
            let name = format!("{stem}{end}");
            self.check(&name, shape)?;
            self.checkpoint.packed(&name)?.ok_or_else(|| {
                self.refuse(format!(
                    "tensor `{name}` holds no single bytes (U8), which MXFP4 needs"
                ))
            })
        };
        let blocks = bytes("_blocks", &[count, rows, columns / 32, 16])?;
        let scales = bytes("_scales", &[count, rows, columns / 32])?;
        let (long, short) = (blocks.len() / count, scales.len() / count);
        let one = |at: usize| {
            let blocks = &blocks[at * long..(at + 1) * long];
            let scales = &scales[at * short..(at + 1) * short];
            mxfp4::matrix(stem, blocks, scales, [rows, columns], self.path).map_err(|problem| {
                self.refuse(format!(
                    "`{stem}_blocks` and `{stem}_scales` cannot be read: {problem}"
                ))
            })
        };
        (0..count).map(one).collect()
    }

    /// Makes a matrix of blocks, decoded when it is used.
    pub fn of_blocks(&self, blocks: Blocks) -> Matrix {
        Matrix::blocks(blocks, self.dtype)
    }

    /// Reads the linear map of `stem.weight` and `stem.bias`.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn linear(
        &self,
        stem: &str,
        out: usize,
        input: usize,
        stored: Stored,
        biases: Biases,
    ) -> Result<Linear> {
        let weight = self.matrix(&format!("{stem}.weight"), out, input, stored)?;
        let name = format!("{stem}.bias");
        let bias = match biases {
            Biases::None => None,
            Biases::Stored if !self.has(&name) => None,
            _ => Some(self.tensor(&name, &[out])?),
        };
        Ok(Linear { weight, bias })
    }

    /// Reads the norm of `stem.weight` and, of a LayerNorm, `stem.bias`; `gamma` and `beta` in old checkpoints.
    ///
    /// # Errors
    /// As [`Weights::tensor`].
    pub fn norm(&self, stem: &str, shape: &[usize], form: NormForm) -> Result<Norm> {
        let named = |new: &str, old: &str| {
            let old = format!("{stem}.{old}");
            if self.has(&old) { old } else { format!("{stem}.{new}") }
        };
        let NormForm { kind, epsilon, gain_less_one, shifts } = form;
        let gain = self.tensor(&named("weight", "gamma"), shape)?;
        let gain = if gain_less_one { (gain + 1.0)? } else { gain };
        let shift = named("bias", "beta");
        let shift = match (kind, shifts) {
            (NormKind::RmsNorm, _) | (_, Biases::None) => None,
            (_, Biases::Stored) if !self.has(&shift) => None,
            _ => Some(self.tensor(&shift, shape)?),
        };
        Ok(Norm { kind, gain, shift, epsilon })
    }

    /// Refuses a tensor that is missing or of another shape; any other counts as taken from now on.
    fn check(&self, name: &str, shape: &[usize]) -> Result<()> {
        let Some(info) = self.names.get(name) else {
            return Err(self.refuse(format!(
                "tensor `{name}`, of shape {shape:?} by the configuration, is missing"
            )));
        };
        let long =
            |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|&n| n != 1).collect() };
        if long(&info.shape) != long(shape) {
            return Err(self.refuse(format!(
                "tensor `{name}` has shape {:?}, but the configuration asks for {shape:?}",
                info.shape
            )));
        }
        self.taken.borrow_mut().insert(name.to_owned());
        Ok(())
    }
}
