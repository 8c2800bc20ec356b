//! A weight matrix, decoded in memory or as the quantised blocks of the mapped file.
//!
//! The products are of the very numbers that an audit reads, and gradients pass. For up to [`FEW`] vectors, rows are
//! decoded a few at a time into a small buffer and multiplied there by [`products`], whose results do not depend on the
//! number of vectors. For more, candle multiplies all rows at once. Candle's own products of blocks (`QMatMul`) round
//! each input vector to 8 bits and have no gradient.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::product::products;
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
    /// Floats, `rows x columns`, row after row.
    Dense(Tensor),
    Blocks(Blocks),
}

impl Matrix {
    /// Makes a matrix of floats, `rows x columns`.
    pub fn dense(numbers: Tensor) -> Result<Self> {
        let (rows, columns) = numbers.dims2()?;
        let numbers = numbers.contiguous()?;
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
    ///
    /// Up to [`FEW`] rows give the same numbers together as each alone.
    pub fn product(&self, x: &Tensor) -> Result<Tensor> {
        // Candle passes gradients to the weights as well, where somebody wants them.
        let fixed = !matches!(&self.numbers, Numbers::Dense(numbers) if numbers.track_op());
        if x.dim(0)? <= FEW && self.dtype == DType::F32 && fixed {
            return Ok(x.contiguous()?.apply_op1(ByRows(self.clone()))?);
        }
        Ok(x.matmul(&self.decoded(0, self.rows)?.t()?)?)
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

/// The most vectors for which rows are decoded and multiplied a few at a time. For more of them candle is faster.
pub(super) const FEW: usize = 64;

/// The number of rows that a thread multiplies in one task.
const TASK: usize = 64;

/// The number of floats of the rows that are decoded at a time, half of a processor's nearest cache.
const BUFFER: usize = 4096;

/// The fewest products of numbers for which more than one thread is worth the while.
const WORTHWHILE: usize = 1 << 15;

/// The product of a few vectors with a matrix of float32.
struct ByRows(Matrix);

impl ByRows {
    /// Computes the products, `out[row * count + vector]`, of `count` vectors.
    fn multiply(&self, vectors: &[f32], weights: Weights) -> Result<Vec<f32>> {
        let Matrix { rows, columns, .. } = self.0;
        let count = vectors.len() / columns;
        let mut out = vec![0f32; rows * count];
        if out.is_empty() {
            return Ok(out);
        }
        // Whole tiles of four rows, as many as fit.
        let together = (BUFFER / columns / 4 * 4).clamp(4, TASK);
        let task = |buffer: &mut Vec<f32>, (task, out): (usize, &mut [f32])| {
            for (part, out) in out.chunks_mut(together * count).enumerate() {
                let (first, held) = (task * TASK + part * together, out.len() / count);
                let rows = match weights {
                    Weights::Floats(all) => &all[first * columns..][..held * columns],
                    Weights::Blocks(blocks) => {
                        buffer.resize(held * columns, 0.0);
                        blocks.decode_rows(first, buffer)?;
                        &buffer[..]
                    }
                };
                products(rows, vectors, columns, out);
            }
            Ok(())
        };
        if rows * columns * count <= WORTHWHILE {
            let mut buffer = Vec::new();
            let mut tasks = out.chunks_mut(TASK * count).enumerate();
            tasks.try_for_each(|part| task(&mut buffer, part))?;
        } else {
            let tasks = out.par_chunks_mut(TASK * count).enumerate();
            tasks.map_init(Vec::new, |buffer, part| task(buffer, part)).collect::<Result<()>>()?;
        }
        Ok(out)
    }
}

/// The numbers that [`ByRows`] multiplies.
#[derive(Clone, Copy)]
enum Weights<'a> {
    /// All rows.
    Floats(&'a [f32]),
    Blocks(&'a Blocks),
}

impl CustomOp1 for ByRows {
    fn name(&self) -> &'static str {
        "product-by-rows"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let vectors = floats(x, layout)?;
        let products = match &self.0.numbers {
            Numbers::Blocks(blocks) => self.multiply(vectors, Weights::Blocks(blocks)),
            Numbers::Dense(numbers) => {
                let (storage, layout) = numbers.storage_and_layout();
                let Storage::Cpu(storage) = &*storage else {
                    candle_core::bail!("weights must be in the processor's memory");
                };
                self.multiply(vectors, Weights::Floats(floats(storage, layout)?))
            }
        };
        let products = products.map_err(candle_core::Error::wrap)?;
        let (rows, count) = (self.0.rows, vectors.len() / self.0.columns);
        let shape = Shape::from((count, rows));
        if count <= 1 {
            return Ok((CpuStorage::F32(products), shape));
        }
        let mut turned = vec![0f32; rows * count];
        turned.par_chunks_mut(rows).enumerate().for_each(|(vector, out)| {
            let of_vector = products[vector..].iter().step_by(count);
            out.iter_mut().zip(of_vector).for_each(|(y, product)| *y = *product);
        });
        Ok((CpuStorage::F32(turned), shape))
    }

    /// The gradient of the vectors, `g W`.
    fn bwd(
        &self,
        _x: &Tensor,
        _products: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let weights = self.0.decoded(0, self.0.rows).map_err(candle_core::Error::wrap)?;
        Ok(Some(gradient.matmul(&weights)?))
    }
}

/// Returns the numbers of a contiguous tensor of float32.
fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(numbers), Some((from, to))) => Ok(&numbers[from..to]),
        _ => candle_core::bail!("contiguous float32 is needed, not {:?}", storage.dtype()),
    }
}
