//! Makes heads from matrices of other libraries. Every number is taken as it is; nothing is rounded.
//!
//! A head has a row for each token, `V x d`. Libraries differ in how they store it: `numpy`, `ndarray` and candle row
//! by row by default, nalgebra and Fortran column by column. Matrices stored in another order are copied.

use super::{Head, Rows};
use crate::error::Result;

/// An element type of a head: `f32` or `f64`.
pub trait Number: Copy {
    /// Wraps row-major numbers as the rows of a head.
    fn rows(numbers: Vec<Self>) -> Rows;
}

impl Number for f32 {
    fn rows(numbers: Vec<f32>) -> Rows {
        numbers.into()
    }
}

impl Number for f64 {
    fn rows(numbers: Vec<f64>) -> Rows {
        numbers.into()
    }
}

/// Makes a head from numbers stored column by column: first the first coordinate of all tokens. The same numbers,
/// read row by row, are `d x V`, so use this for a weight that is stored transposed.
///
/// # Errors
/// As [`Head::new`].
///
/// ```
/// // Three tokens in two dimensions: (1, 4), (2, 5), (3, 6).
/// let head = unargmax::head::convert::from_column_major(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], None, 3, 2)?;
/// assert_eq!(head.row(1).collect::<Vec<f64>>(), [2.0, 5.0]);
/// # Ok::<(), unargmax::Error>(())
/// ```
pub fn from_column_major<T: Number>(
    numbers: &[T],
    bias: Option<Vec<f64>>,
    tokens: usize,
    dim: usize,
) -> Result<Head> {
    // A length that does not fit the shape is refused by `Head::new`, with the same message as elsewhere.
    if tokens.checked_mul(dim) != Some(numbers.len()) {
        return Ok(Head::new(T::rows(numbers.to_vec()), bias, tokens, dim)?);
    }
    let row = |token: usize| numbers.iter().skip(token).step_by(tokens.max(1)).copied();
    let rows = (0..tokens).flat_map(row).collect();
    Ok(Head::new(T::rows(rows), bias, tokens, dim)?)
}

/// Makes a head from a nalgebra matrix, `V x d` (nalgebra stores it column by column).
///
/// # Errors
/// As [`Head::new`].
///
/// ```
/// let weight = nalgebra::DMatrix::from_row_slice(3, 2, &[1.0f32, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// let head = unargmax::head::convert::from_nalgebra(&weight, None)?;
/// assert_eq!((head.tokens(), head.dim(), head.weight(2, 1)), (3, 2, 6.0));
/// # Ok::<(), unargmax::Error>(())
/// ```
pub fn from_nalgebra<T: Number + nalgebra::Scalar>(
    weight: &nalgebra::DMatrix<T>,
    bias: Option<Vec<f64>>,
) -> Result<Head> {
    from_column_major(weight.as_slice(), bias, weight.nrows(), weight.ncols())
}

/// Makes a head from an `ndarray` matrix, `V x d`, in any layout.
///
/// # Errors
/// As [`Head::new`].
///
/// ```
/// use ndarray::{array, ShapeBuilder, Array2};
///
/// let weight = array![[1.0f32, 4.0], [2.0, 5.0], [3.0, 6.0]];
/// let head = unargmax::head::convert::from_ndarray(weight.view(), None)?;
/// // The same matrix, stored column by column.
/// let stored = Array2::from_shape_vec((3, 2).f(), vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
/// let same = unargmax::head::convert::from_ndarray(stored.view(), None)?;
/// assert_eq!(head.sha256(), same.sha256());
/// # Ok::<(), unargmax::Error>(())
/// ```
#[cfg(feature = "ndarray")]
pub fn from_ndarray<T: Number>(
    weight: ndarray::ArrayView2<T>,
    bias: Option<Vec<f64>>,
) -> Result<Head> {
    let (tokens, dim) = weight.dim();
    Ok(Head::new(T::rows(weight.iter().copied().collect()), bias, tokens, dim)?)
}

/// Makes a head from a candle tensor, `V x d` in any layout, and a bias of `V` numbers. Half precision is widened
/// exactly.
///
/// # Errors
/// As [`Head::new`]; a tensor with another number of dimensions, or of integers.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
///
/// let weight = Tensor::new(&[[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]], &Device::Cpu)?.t()?;
/// let head = unargmax::head::convert::from_candle(&weight.to_dtype(DType::BF16)?, None)?;
/// assert_eq!(head.row(1).collect::<Vec<f64>>(), [2.0, 5.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "model")]
pub fn from_candle(
    weight: &candle_core::Tensor,
    bias: Option<&candle_core::Tensor>,
) -> Result<Head> {
    use crate::error::Error;
    use candle_core::DType;

    let (tokens, dim) = weight.dims2()?;
    let rows: Rows = match weight.dtype() {
        DType::F64 => weight.flatten_all()?.to_vec1::<f64>()?.into(),
        DType::F32 | DType::F16 | DType::BF16 => {
            weight.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?.into()
        }
        other => {
            return Err(Error::Invalid(format!(
                "a head is a matrix of floating-point numbers, not of {other:?}"
            )));
        }
    };
    let bias = bias.map(|bias| bias.to_dtype(DType::F64)?.to_vec1::<f64>()).transpose()?;
    Ok(Head::new(rows, bias, tokens, dim)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_do_not_fit_the_shape_are_refused_in_any_order() {
        for (numbers, tokens, dim) in
            [(vec![1.0; 5], 2, 3), (vec![], 0, 3), (vec![1.0], usize::MAX, 2)]
        {
            assert!(from_column_major(&numbers, None, tokens, dim).is_err(), "{tokens} x {dim}");
        }
    }

    #[test]
    fn a_transposed_weight_gives_the_same_head() {
        let rows: Vec<f32> = (0..12).map(|i| (i * i % 7) as f32).collect();
        let columns: Vec<f32> = (0..3)
            .flat_map(|k| (0..4).map(move |t| (t, k)))
            .map(|(t, k)| rows[t * 3 + k])
            .collect();
        let head = Head::new(rows, Some(vec![1.0; 4]), 4, 3).unwrap();
        let same = from_column_major(&columns, Some(vec![1.0; 4]), 4, 3).unwrap();
        assert_eq!(head.sha256(), same.sha256());
    }
}
