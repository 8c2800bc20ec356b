//! A weight matrix, decoded in memory or as the quantised blocks of the mapped file.
//!
//! Blocks are decoded whenever they are used, which takes little time compared with the products of a long text. The
//! products are then of the very numbers that an audit reads, and gradients pass. Candle's own products of blocks
//! (`QMatMul`) round each input vector to 8 bits, have no gradient, and took several times as long for such a pass.

use candle_core::{DType, Device, Tensor};

use crate::checkpoint::gguf::Blocks;
use crate::error::Result;

/// A matrix that maps `columns` coordinates to `rows`.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    dtype: DType,
    numbers: Numbers,
}

/// The numbers of a matrix.
#[derive(Clone, Debug)]
enum Numbers {
    /// Floats, `rows x columns`, with any strides.
    Dense(Tensor),
    Blocks(Blocks),
}

impl Matrix {
    /// Makes a matrix of floats, `rows x columns`.
    pub fn dense(numbers: Tensor) -> Result<Self> {
        let (rows, columns) = numbers.dims2()?;
        Ok(Matrix { rows, columns, dtype: numbers.dtype(), numbers: Numbers::Dense(numbers) })
    }

    /// Makes a matrix of quantised blocks.
    pub fn blocks(blocks: Blocks, dtype: DType) -> Self {
        let (rows, columns) = (blocks.info.shape[0], blocks.info.shape[1]);
        Matrix { rows, columns, dtype, numbers: Numbers::Blocks(blocks) }
    }

    /// The number of output coordinates.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of input coordinates.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Computes `x W^T` for rows `x`, `n x columns`.
    pub fn product(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match &self.numbers {
            Numbers::Dense(numbers) => x.matmul(&numbers.t()?)?,
            Numbers::Blocks(blocks) => {
                let numbers = blocks.rows(0..self.rows)?;
                x.matmul(&self.tensor(numbers, self.rows)?.t()?)?
            }
        })
    }

    /// Looks up rows by their numbers, `ids.len() x columns`.
    ///
    /// # Errors
    /// A row number that does not exist.
    pub fn select(&self, ids: &[u32]) -> Result<Tensor> {
        match &self.numbers {
            Numbers::Dense(numbers) => {
                let ids = Tensor::new(ids, &Device::Cpu)?;
                Ok(numbers.index_select(&ids, 0)?)
            }
            Numbers::Blocks(blocks) => {
                let mut numbers = Vec::with_capacity(ids.len() * self.columns);
                for &id in ids {
                    numbers.extend(blocks.rows(id as usize..id as usize + 1)?);
                }
                self.tensor(numbers, ids.len())
            }
        }
    }

    /// Returns `count` rows from `first` on as a matrix; blocks are decoded.
    pub fn part(&self, first: usize, count: usize) -> Result<Self> {
        Self::dense(self.decoded(first, count)?)
    }

    /// Returns several ranges of rows, each a first row and a number of them, as a matrix; blocks are decoded.
    pub fn parts(&self, ranges: &[(usize, usize)]) -> Result<Self> {
        let parts: Result<Vec<Tensor>> =
            ranges.iter().map(|&(first, count)| self.decoded(first, count)).collect();
        Self::dense(Tensor::cat(&parts?, 0)?)
    }

    /// `count` rows from `first` on, `count x columns`.
    fn decoded(&self, first: usize, count: usize) -> Result<Tensor> {
        match &self.numbers {
            Numbers::Dense(numbers) => Ok(numbers.narrow(0, first, count)?),
            Numbers::Blocks(blocks) => self.tensor(blocks.rows(first..first + count)?, count),
        }
    }

    /// Returns the numbers, if they are floats and not blocks.
    pub fn floats(&mut self) -> Option<&mut Tensor> {
        match &mut self.numbers {
            Numbers::Dense(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// Copies the matrix, so that it shares no memory with this one.
    pub fn unshared(&self) -> Result<Self> {
        let numbers = match &self.numbers {
            Numbers::Dense(numbers) => Numbers::Dense(numbers.copy()?),
            other => other.clone(),
        };
        Ok(Matrix { numbers, ..self.clone() })
    }

    /// Makes a tensor of `rows` rows, in the element type of the matrix.
    fn tensor(&self, numbers: Vec<f32>, rows: usize) -> Result<Tensor> {
        let tensor = Tensor::from_vec(numbers, (rows, self.columns), &Device::Cpu)?;
        Ok(tensor.to_dtype(self.dtype)?)
    }
}
