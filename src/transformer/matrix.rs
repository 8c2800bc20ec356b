//! A weight matrix in memory, or as the quantised blocks of the mapped file.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Tensor};

use crate::checkpoint::gguf::Blocks;
use crate::error::Result;

/// How quantised blocks are multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// They stay in the mapped file and are decoded whenever they are used: the products are those of the
    /// very numbers that the audit reads, and gradients pass.
    #[default]
    Decoded,
    /// By candle's products of blocks, which round each input vector to 8 bits: faster for single
    /// tokens, close to but not the numbers of the audited head, and without gradients.
    Rounded,
}

/// A matrix that maps `columns` coordinates to `rows`.
#[derive(Clone, Debug)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    dtype: DType,
    numbers: Numbers,
}

#[derive(Clone, Debug)]
enum Numbers {
    /// `rows x columns`, in any order of strides.
    Dense(Tensor),
    Blocks(Blocks),
    /// For products, and as they lie in the file for all else.
    Rounded(Arc<QMatMul>, Blocks),
}

impl Matrix {
    /// A matrix of floats, `rows x columns`.
    pub fn dense(numbers: Tensor) -> Result<Self> {
        let (rows, columns) = numbers.dims2()?;
        Ok(Matrix { rows, columns, dtype: numbers.dtype(), numbers: Numbers::Dense(numbers) })
    }

    /// A matrix of quantised blocks.
    pub fn blocks(blocks: Blocks, dtype: DType, products: Products) -> Result<Self> {
        let (rows, columns) = (blocks.info.shape[0], blocks.info.shape[1]);
        let numbers = match (products, ggml_type(&blocks.info.dtype.to_string())) {
            (Products::Rounded, Some(ggml)) if dtype == DType::F32 => {
                let storage =
                    QStorage::from_data(Cow::Borrowed(blocks.bytes()), &Device::Cpu, ggml)?;
                let tensor = QTensor::new(storage, (rows, columns))?;
                Numbers::Rounded(Arc::new(QMatMul::from_arc(Arc::new(tensor))?), blocks)
            }
            _ => Numbers::Blocks(blocks),
        };
        Ok(Matrix { rows, columns, dtype, numbers })
    }

    /// How many coordinates come out.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many coordinates go in.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `x W^T` for rows `x`, `n x columns`.
    pub fn product(&self, x: &Tensor) -> Result<Tensor> {
        Ok(match &self.numbers {
            Numbers::Dense(numbers) => x.matmul(&numbers.t()?)?,
            Numbers::Blocks(blocks) => {
                let numbers = blocks.rows(0..self.rows)?;
                x.matmul(&self.tensor(numbers, self.rows)?.t()?)?
            }
            Numbers::Rounded(product, _) => product.forward(&x.contiguous()?)?,
        })
    }

    /// Rows by their numbers, `ids.len() x columns`.
    ///
    /// # Errors
    /// A row that is not there.
    pub fn select(&self, ids: &[u32]) -> Result<Tensor> {
        match &self.numbers {
            Numbers::Dense(numbers) => {
                let ids = Tensor::new(ids, &Device::Cpu)?;
                Ok(numbers.index_select(&ids, 0)?)
            }
            Numbers::Blocks(blocks) | Numbers::Rounded(_, blocks) => {
                let mut numbers = Vec::with_capacity(ids.len() * self.columns);
                for &id in ids {
                    numbers.extend(blocks.rows(id as usize..id as usize + 1)?);
                }
                self.tensor(numbers, ids.len())
            }
        }
    }

    /// The rows from `first` on, `count` of them; blocks are decoded.
    pub fn part(&self, first: usize, count: usize) -> Result<Self> {
        Self::dense(match &self.numbers {
            Numbers::Dense(numbers) => numbers.narrow(0, first, count)?,
            Numbers::Blocks(blocks) | Numbers::Rounded(_, blocks) => {
                self.tensor(blocks.rows(first..first + count)?, count)?
            }
        })
    }

    /// Its numbers, where they are floats.
    pub fn floats(&mut self) -> Option<&mut Tensor> {
        match &mut self.numbers {
            Numbers::Dense(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// A copy that shares no memory with this one.
    pub fn apart(&self) -> Result<Self> {
        let numbers = match &self.numbers {
            Numbers::Dense(numbers) => Numbers::Dense(numbers.copy()?),
            other => other.clone(),
        };
        Ok(Matrix { numbers, ..self.clone() })
    }

    fn tensor(&self, numbers: Vec<f32>, rows: usize) -> Result<Tensor> {
        let tensor = Tensor::from_vec(numbers, (rows, self.columns), &Device::Cpu)?;
        Ok(tensor.to_dtype(self.dtype)?)
    }
}

/// The block types that candle multiplies.
fn ggml_type(name: &str) -> Option<GgmlDType> {
    Some(match name {
        "Q4_0" => GgmlDType::Q4_0,
        "Q4_1" => GgmlDType::Q4_1,
        "Q5_0" => GgmlDType::Q5_0,
        "Q5_1" => GgmlDType::Q5_1,
        "Q8_0" => GgmlDType::Q8_0,
        "Q2_K" => GgmlDType::Q2K,
        "Q3_K" => GgmlDType::Q3K,
        "Q4_K" => GgmlDType::Q4K,
        "Q5_K" => GgmlDType::Q5K,
        "Q6_K" => GgmlDType::Q6K,
        _ => return None,
    })
}
