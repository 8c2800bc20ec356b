//! A weight matrix, decoded in memory or as the quantised blocks of the mapped file.
//!
//! The products are of the very numbers that an audit reads, and gradients pass. For a few input vectors (a token
//! that is generated) each row of blocks is decoded into a small buffer and multiplied at once; for many, all of them are
//! decoded, which takes little time compared with the products. Candle's own products of blocks (`QMatMul`) round each
//! input vector to 8 bits and have no gradient.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor};
use rayon::prelude::*;

use crate::arithmetic::narrow;
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
            Numbers::Blocks(blocks) if x.dim(0)? <= FEW && self.dtype == DType::F32 => {
                let (rows, columns) = (self.rows, self.columns);
                x.contiguous()?.apply_op1(RowByRow { blocks: blocks.clone(), rows, columns })?
            }
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

/// The most input vectors for which blocks are decoded and multiplied row by row.
const FEW: usize = 4;

/// The number of rows that a thread multiplies in one task.
const ROWS: usize = 64;

/// The product of a few vectors with a matrix of blocks.
struct RowByRow {
    blocks: Blocks,
    rows: usize,
    columns: usize,
}

impl CustomOp1 for RowByRow {
    fn name(&self) -> &'static str {
        "product-with-blocks"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (CpuStorage::F32(numbers), Some((from, to))) = (x, layout.contiguous_offsets()) else {
            candle_core::bail!("contiguous float32 is needed, not {:?}", x.dtype());
        };
        let vectors = &numbers[from..to];
        let count = vectors.len() / self.columns;
        let mut products = vec![0f32; self.rows * count];
        let tasks = products.par_chunks_mut(ROWS * count).enumerate();
        tasks.try_for_each(|(task, products)| {
            let mut row = vec![0f32; self.columns];
            for (i, products) in products.chunks_exact_mut(count).enumerate() {
                self.blocks
                    .decode_row(task * ROWS + i, &mut row)
                    .map_err(candle_core::Error::wrap)?;
                let vectors = vectors.chunks_exact(self.columns);
                products.iter_mut().zip(vectors).for_each(|(y, x)| *y = narrow::dot(&row, x));
            }
            Ok::<(), candle_core::Error>(())
        })?;
        if count > 1 {
            let at = |i: usize| products[i % self.rows * count + i / self.rows];
            products = (0..products.len()).map(at).collect();
        }
        Ok((CpuStorage::F32(products), Shape::from((count, self.rows))))
    }

    /// The gradient of the vectors, `g W`.
    fn bwd(
        &self,
        _x: &Tensor,
        _products: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let numbers = self.blocks.rows(0..self.rows).map_err(candle_core::Error::wrap)?;
        let weight = Tensor::from_vec(numbers, (self.rows, self.columns), &Device::Cpu)?;
        Ok(Some(gradient.matmul(&weight)?))
    }
}
