//! Formats in which an output layer is stored, each as a map of float32 rows to float32 rows.

use anyhow::Result;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use unargmax::Head;

use crate::studies::real_heads::{biases, rows};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// float32, as most of the heads are stored.
    Whole,
    Half,
    Brain,
    Q8,
    Q6K,
    Q5,
    Q4,
    Q4K,
    /// 4-bit integers in groups of 32.
    Int4,
}

/// The numbers that share a scale in [`Format::Int4`].
const GROUP: usize = 32;

impl Format {
    pub const ALL: [Format; 9] = [
        Format::Whole,
        Format::Half,
        Format::Brain,
        Format::Q8,
        Format::Q6K,
        Format::Q5,
        Format::Q4,
        Format::Q4K,
        Format::Int4,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Format::Whole => "float32",
            Format::Half => "float16",
            Format::Brain => "bfloat16",
            Format::Q8 => "Q8_0",
            Format::Q6K => "Q6_K",
            Format::Q5 => "Q5_0",
            Format::Q4 => "Q4_0",
            Format::Q4K => "Q4_K",
            Format::Int4 => "int4, groups of 32",
        }
    }

    /// The head after rows were stored so and read again; `None` if blocks of the format do not divide its rows.
    pub fn applied(self, head: &Head) -> Result<Option<Head>> {
        let (tokens, dim) = (head.tokens(), head.dim());
        let whole: Vec<f32> = rows(head).into_iter().map(|x| x as f32).collect();
        let blocks = match self {
            Format::Whole => return Ok(Some(Head::new(whole, biases(head), tokens, dim)?)),
            Format::Half => Some(whole.iter().map(|&x| f16::from_f32(x).to_f32()).collect()),
            Format::Brain => Some(whole.iter().map(|&x| bf16::from_f32(x).to_f32()).collect()),
            Format::Q8 => gguf(&whole, tokens, dim, GgmlDType::Q8_0)?,
            Format::Q6K => gguf(&whole, tokens, dim, GgmlDType::Q6K)?,
            Format::Q5 => gguf(&whole, tokens, dim, GgmlDType::Q5_0)?,
            Format::Q4 => gguf(&whole, tokens, dim, GgmlDType::Q4_0)?,
            Format::Q4K => gguf(&whole, tokens, dim, GgmlDType::Q4K)?,
            Format::Int4 => {
                dim.is_multiple_of(GROUP).then(|| whole.chunks(GROUP).flat_map(int4).collect())
            }
        };
        let made = |rows: Vec<f32>| Head::new(rows, biases(head), tokens, dim);
        Ok(blocks.map(made).transpose()?)
    }
}

/// Blocks of GGUF, decoded.
fn gguf(rows: &[f32], tokens: usize, dim: usize, format: GgmlDType) -> Result<Option<Vec<f32>>> {
    if !dim.is_multiple_of(format.block_size()) {
        return Ok(None);
    }
    let tensor = Tensor::from_slice(rows, (tokens, dim), &Device::Cpu)?;
    let decoded = QTensor::quantize(&tensor, format)?.dequantize(&Device::Cpu)?;
    Ok(Some(decoded.flatten_all()?.to_vec1()?))
}

/// Sixteen steps from the least to the largest number of a group; the step is stored in float16.
fn int4(group: &[f32]) -> Vec<f32> {
    let low = group.iter().copied().fold(f32::INFINITY, f32::min);
    let high = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (low, step) = (f16::from_f32(low).to_f32(), f16::from_f32((high - low) / 15.0).to_f32());
    let stored =
        |x: f32| if step > 0.0 { ((x - low) / step).round().clamp(0.0, 15.0) } else { 0.0 };
    group.iter().map(|&x| low + stored(x) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_at_most_sixteen_numbers_and_keeps_its_ends() {
        let group: Vec<f32> = (0..32).map(|i| i as f32 / 4.0).collect();
        let mut stored = int4(&group);
        assert!((stored[0], stored[31]).eq(&(0.0, 7.75)) || (stored[31] - 7.75).abs() < 0.01);
        stored.dedup();
        assert!(stored.len() <= 16, "{stored:?}");
    }

    #[test]
    fn formats_whose_blocks_do_not_fit_are_left_out_and_float32_changes_nothing() {
        let head = Head::new(vec![0.1f32; 2 * 40], None, 2, 40).unwrap();
        assert!(Format::Q4K.applied(&head).unwrap().is_none());
        assert_eq!(Format::Whole.applied(&head).unwrap().unwrap().sha256(), head.sha256());
        assert_ne!(Format::Brain.applied(&head).unwrap().unwrap().sha256(), head.sha256());
    }

    #[test]
    fn every_narrow_format_changes_rows_by_less_than_its_step() {
        let rows = crate::frame::numpy::RandomState::new(5).normals(40 * 256);
        let head = Head::new(rows, None, 40, 256).unwrap();
        let largest = (0..40).flat_map(|t| head.row(t)).fold(0.0f64, |most, x| most.max(x.abs()));
        for format in Format::ALL.into_iter().filter(|&format| format != Format::Whole) {
            let stored = format.applied(&head).unwrap().unwrap();
            let error = |t: usize| head.row(t).zip(stored.row(t)).map(|(x, y)| (x - y).abs());
            let worst = (0..40).flat_map(error).fold(0.0f64, f64::max);
            let least = if format == Format::Half { 1e-5 } else { 1e-3 };
            assert!(least < worst && worst < largest / 6.0, "{}: {worst}", format.name());
        }
    }
}
