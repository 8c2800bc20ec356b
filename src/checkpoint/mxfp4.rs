//! MXFP4 as folders hold it: 16 bytes of two numbers for each 32, and one byte of a scale, in two tensors.
//!
//! Open Compute Project, "Microscaling formats specification 1.0", 2023; the order of the numbers is that of
//! `integrations/mxfp4.py` of transformers: the lower half of a byte is the first of two neighbours.

use super::bytes::Bytes;
use super::gguf::Blocks;
use super::{Dtype, TensorInfo};

/// The number of numbers of a block, and that of its bytes.
const NUMBERS: usize = 32;
const BYTES: usize = 16;

/// The scale that stands for no number.
const NO_NUMBER: u8 = 255;

/// Lays blocks and scales of a matrix of `rows` by `columns` out as GGUF does, which changes no number.
///
/// # Errors
/// Other numbers of bytes, or a scale that is no number; the error is a sentence without the name of the tensor.
pub(crate) fn matrix(
    name: &str,
    blocks: &[u8],
    scales: &[u8],
    [rows, columns]: [usize; 2],
    label: &std::path::Path,
) -> Result<Blocks, String> {
    let count = rows.checked_mul(columns / NUMBERS).filter(|_| columns.is_multiple_of(NUMBERS));
    if count != Some(scales.len()) || scales.len().checked_mul(BYTES) != Some(blocks.len()) {
        return Err(format!(
            "{} bytes of blocks and {} of scales are no matrix of {rows} x {columns}",
            blocks.len(),
            scales.len()
        ));
    }
    if scales.contains(&NO_NUMBER) {
        return Err(format!("a scale is {NO_NUMBER}, which stands for no number"));
    }
    let mut bytes = Vec::with_capacity(blocks.len() + scales.len());
    for (block, &scale) in blocks.chunks_exact(BYTES).zip(scales) {
        let number = |at: usize| (block[at / 2] >> (4 * (at % 2))) & 15;
        bytes.push(scale);
        bytes.extend((0..BYTES).map(|at| number(at) | number(at + BYTES) << 4));
    }
    let info = TensorInfo {
        name: name.to_owned(),
        dtype: Dtype::Block("MXFP4"),
        shape: vec![rows, columns],
    };
    Ok(Blocks::new(info, Bytes::new(bytes, label)))
}
