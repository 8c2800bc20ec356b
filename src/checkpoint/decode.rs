//! Decodes stored floating-point elements: f16 and bf16 widen to f32 exactly, f32 and f64 stay.

use half::{bf16, f16};
use rayon::prelude::*;

use super::{Dtype, Values};

/// The number of elements per task of a thread: enough to outweigh the cost of scheduling it.
const TASK: usize = 1 << 14;

/// The order of the bytes of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Decodes consecutive elements of a floating-point type.
///
/// # Errors
/// An element type that is not decoded, a number of bytes that does not fit, or too little memory; the error is a
/// sentence without the name of the tensor.
pub(crate) fn floats(dtype: &Dtype, order: ByteOrder, bytes: &[u8]) -> Result<Values, String> {
    use ByteOrder::{Big, Little};
    match (dtype, order) {
        (Dtype::F16, Little) => widen(bytes, |b| f16::from_le_bytes(b).to_f32()).map(Values::F32),
        (Dtype::F16, Big) => widen(bytes, |b| f16::from_be_bytes(b).to_f32()).map(Values::F32),
        (Dtype::Bf16, Little) => widen(bytes, |b| bf16::from_le_bytes(b).to_f32()).map(Values::F32),
        (Dtype::Bf16, Big) => widen(bytes, |b| bf16::from_be_bytes(b).to_f32()).map(Values::F32),
        (Dtype::F32, Little) => widen(bytes, f32::from_le_bytes).map(Values::F32),
        (Dtype::F32, Big) => widen(bytes, f32::from_be_bytes).map(Values::F32),
        (Dtype::F64, Little) => widen(bytes, f64::from_le_bytes).map(Values::F64),
        (Dtype::F64, Big) => widen(bytes, f64::from_be_bytes).map(Values::F64),
        (other, _) => Err(format!(
            "its element type is {other}, which is not decoded; convert it to f16, bf16, f32 or f64"
        )),
    }
}

/// Allocates `n` zeros; an error where there is not enough memory.
pub(crate) fn zeros<T: Clone + Default>(n: usize) -> Result<Vec<T>, String> {
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(n).map_err(|_| {
        format!("there is not enough memory for its {n} numbers of {} bytes", size_of::<T>())
    })?;
    numbers.resize(n, T::default());
    Ok(numbers)
}

/// Decodes each element of `N` bytes by `one`, on all threads.
fn widen<T, const N: usize>(
    bytes: &[u8],
    one: impl Fn([u8; N]) -> T + Sync,
) -> Result<Vec<T>, String>
where
    T: Clone + Default + Send,
{
    let (elements, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!(
            "its {} bytes are not a multiple of {N}, the size of an element",
            bytes.len()
        ));
    }
    let mut numbers = zeros(elements.len())?;
    numbers.par_chunks_mut(TASK).zip(elements.par_chunks(TASK)).for_each(|(out, stored)| {
        for (number, &element) in out.iter_mut().zip(stored) {
            *number = one(element);
        }
    });
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_widens_exactly() {
        let halves: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let Values::F32(wide) = floats(&Dtype::F16, ByteOrder::Little, &halves).unwrap() else {
            panic!()
        };
        for (bits, number) in (0..=u16::MAX).zip(wide) {
            // Built from the definition: (-1)^s 2^(e-15) (1 + m/1024), or 2^-14 m/1024 for e = 0.
            let (sign, exponent, mantissa) =
                (bits >> 15, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
            let size = match exponent {
                0 => mantissa / 1024.0 * 2f32.powi(-14),
                31 if mantissa == 0.0 => f32::INFINITY,
                31 => f32::NAN,
                e => (1.0 + mantissa / 1024.0) * 2f32.powi(e - 15),
            };
            let expected = if sign == 1 { -size } else { size };
            assert!(
                number.to_bits() == expected.to_bits() || (number.is_nan() && expected.is_nan()),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn every_bf16_is_the_upper_half_of_an_f32() {
        let stored: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_be_bytes).collect();
        let Values::F32(wide) = floats(&Dtype::Bf16, ByteOrder::Big, &stored).unwrap() else {
            panic!()
        };
        for (bits, number) in (0..=u16::MAX).zip(wide) {
            let expected = f32::from_bits(u32::from(bits) << 16);
            assert!(
                number.to_bits() == expected.to_bits() || (number.is_nan() && expected.is_nan()),
                "{bits:#06x}"
            );
        }
    }

    #[test]
    fn the_byte_order_counts() {
        let little = floats(&Dtype::F64, ByteOrder::Little, &1.5f64.to_le_bytes());
        let big = floats(&Dtype::F64, ByteOrder::Big, &1.5f64.to_be_bytes());
        assert_eq!(
            (little.unwrap(), big.unwrap()),
            (Values::F64(vec![1.5]), Values::F64(vec![1.5]))
        );
    }

    #[test]
    fn half_an_element_is_refused() {
        assert!(
            floats(&Dtype::F32, ByteOrder::Little, &[0; 6])
                .unwrap_err()
                .contains("not a multiple of 4")
        );
    }

    #[test]
    fn impossible_memory_is_an_error() {
        assert!(zeros::<f32>(usize::MAX / 8).unwrap_err().contains("not enough memory"));
    }
}
