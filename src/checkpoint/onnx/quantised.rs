//! Reads weights of integers with a scale and a zero point.
//!
//! The order of operations is that of `DequantizeLinear`: the zero point is subtracted in integers, the difference is
//! rounded to f32 (which is exact for up to 16 bits) and multiplied by the scale in f32; if the scale is of f16 or
//! bf16, the product is rounded to that type. <https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html>
//!
//! Two things say which tensors belong together. One is a `DequantizeLinear` whose inputs are all stored; its output
//! is listed. The other is the naming of ONNX Runtime's quantiser (`X_quantized`, `X_scale`, `X_zero_point`, for
//! `MatMulInteger` and the like); `X` is listed. Several scales are those of the columns if the tensor is a factor of
//! a matrix product, and otherwise those of the rows. A runtime multiplies these integers and scales the product, so
//! the weight is the exact product of integer and scale, in float64 where float32 cannot hold it.

use std::collections::HashSet;

use half::{bf16, f16};

use super::graph::{Graph, Node};
use super::tensor::Stored;
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::decode::zeros;
use crate::checkpoint::{Dtype, TensorInfo, Values};

/// A weight of integers; its parts are indices of stored tensors.
#[derive(Clone, Debug)]
pub(super) struct Quantised {
    integers: usize,
    scale: usize,
    zero: Option<usize>,
    /// The dimension along which scales differ, if there are several.
    axis: i64,
    /// The number of elements along the axis that share a scale; 0 for one scale per element of the axis.
    block: usize,
    /// Whether products with the scale are kept exactly and not rounded as `DequantizeLinear` does.
    exact: bool,
}

/// Finds all quantised weights of a model, with the names under which they are listed.
pub(super) fn find<'a>(
    graph: &Graph,
    stored: &[Stored],
    place: impl Fn(&str) -> Option<usize> + 'a,
) -> Vec<(TensorInfo, Quantised)> {
    let of_nodes = graph.nodes.iter().filter_map(|node| of_node(node, &place));
    let factors: HashSet<&str> = graph
        .nodes
        .iter()
        .filter(|node| node.op.contains("MatMul"))
        .flat_map(|node| node.inputs.iter().map(String::as_str))
        .collect();
    let of_names = stored.iter().filter_map(|tensor| {
        let axis = if factors.contains(tensor.name.as_str()) { -1 } else { 0 };
        of_name(&tensor.name, axis, &place)
    });
    of_nodes
        .chain(of_names)
        .filter(|(_, weight)| stored[weight.integers].is_quantised())
        .map(|(name, weight)| {
            let tensor = &stored[weight.integers];
            let (dtype, shape) = (Dtype::Block(tensor.element), tensor.shape.clone());
            (TensorInfo { name, dtype, shape }, weight)
        })
        .collect()
}

/// Returns the weight of a `DequantizeLinear` node, and the name under which it is listed.
fn of_node(node: &Node, place: impl Fn(&str) -> Option<usize>) -> Option<(String, Quantised)> {
    if node.op != "DequantizeLinear" {
        return None;
    }
    let input = |at: usize| node.inputs.get(at).filter(|name| !name.is_empty());
    let zero = match input(2) {
        None => None,
        Some(name) => Some(place(name)?),
    };
    let weight = Quantised {
        integers: place(input(0)?)?,
        scale: place(input(1)?)?,
        zero,
        axis: node.int("axis").unwrap_or(1),
        block: usize::try_from(node.int("block_size").unwrap_or(0)).ok()?,
        exact: false,
    };
    Some((node.outputs.first()?.clone(), weight))
}

/// Returns the weight whose integers are called `X_quantized`, and its name `X`.
fn of_name(
    name: &str,
    axis: i64,
    place: impl Fn(&str) -> Option<usize>,
) -> Option<(String, Quantised)> {
    let plain = name.strip_suffix("_quantized").filter(|plain| place(plain).is_none())?;
    let weight = Quantised {
        integers: place(name)?,
        scale: place(&format!("{plain}_scale"))?,
        zero: Some(place(&format!("{plain}_zero_point"))?),
        axis,
        block: 0,
        exact: true,
    };
    Some((plain.to_owned(), weight))
}

impl Quantised {
    /// Decodes the weight.
    pub fn read(&self, stored: &[Stored], bytes: &Bytes) -> Result<Values, String> {
        let (tensor, scale) = (&stored[self.integers], &stored[self.scale]);
        let Values::F32(scales) = scale.floats(bytes)? else {
            return Err(format!("its scale `{}` is of float64", scale.name));
        };
        let integers = tensor.ints(bytes)?;
        let zeros_at = match self.zero {
            None => vec![0; scales.len()],
            Some(zero) if stored[zero].is_quantised() => stored[zero].ints(bytes)?,
            Some(zero) => {
                return Err(format!(
                    "its zero point `{}` is of {}",
                    stored[zero].name, stored[zero].element
                ));
            }
        };
        let place = self.places(&tensor.shape, &scale.shape, scales.len())?;
        if zeros_at.len() != scales.len() || integers.len() != tensor.count() {
            return Err(format!(
                "it has {} scales, but {} zero points",
                scales.len(),
                zeros_at.len()
            ));
        }
        let round = match scale.dtype() {
            Dtype::F16 => |x: f32| f16::from_f32(x).to_f32(),
            Dtype::Bf16 => |x: f32| bf16::from_f32(x).to_f32(),
            _ => |x: f32| x,
        };
        if self.exact {
            let mut numbers = zeros::<f64>(integers.len())?;
            for (at, (number, integer)) in numbers.iter_mut().zip(integers).enumerate() {
                let scale = place(at);
                let difference = i64::from(integer) - i64::from(zeros_at[scale]);
                // The difference has at most 29 bits: with the 24 bits of the scale, float64 holds the product
                // exactly.
                if difference.abs() >= 1 << 29 {
                    return Err(format!("its integer {integer} is too large for an exact product"));
                }
                *number = difference as f64 * f64::from(scales[scale]);
            }
            return Ok(narrowed(numbers));
        }
        let mut numbers = zeros(integers.len())?;
        for (at, (number, integer)) in numbers.iter_mut().zip(integers).enumerate() {
            let scale = place(at);
            let difference = i64::from(integer) - i64::from(zeros_at[scale]);
            *number = round(difference as f32 * scales[scale]);
        }
        Ok(Values::F32(numbers))
    }

    /// Returns a function from the index of an element to the index of its scale, both row-major.
    fn places(
        &self,
        shape: &[usize],
        scale: &[usize],
        scales: usize,
    ) -> Result<impl Fn(usize) -> usize, String> {
        let misfit = || {
            format!(
                "its scale of shape {scale:?} does not fit the shape {shape:?} along axis {}",
                self.axis
            )
        };
        // With one scale for all, every element falls into the same block.
        if scales == 1 && self.block == 0 {
            return Ok(places_of(usize::MAX, 1, usize::MAX, 1));
        }
        let rank = shape.len() as i64;
        let axis = if self.axis < 0 { self.axis + rank } else { self.axis };
        let axis =
            usize::try_from(axis).ok().filter(|&axis| axis < shape.len()).ok_or_else(misfit)?;
        let inner = shape[axis + 1..].iter().product::<usize>().max(1);
        let length = shape[axis];
        if self.block == 0 {
            return match scales == length && scale.len() == 1 {
                true => Ok(places_of(inner, length, 1, 0)),
                false => Err(misfit()),
            };
        }
        let blocks = length.div_ceil(self.block);
        let mut expected = shape.to_vec();
        expected[axis] = blocks;
        match scale == expected {
            true => Ok(places_of(inner, length, self.block, blocks)),
            false => Err(misfit()),
        }
    }
}

/// Narrows the numbers to float32 if that holds every one of them exactly.
pub(super) fn narrowed(numbers: Vec<f64>) -> Values {
    match numbers.iter().all(|&x| f64::from(x as f32) == x) {
        true => Values::F32(numbers.into_iter().map(|x| x as f32).collect()),
        false => Values::F64(numbers),
    }
}

/// Returns a function from an element's index to its scale's: along an axis of `length` steps, of `inner` elements
/// each, `block` steps share one scale. `blocks` is the number of scales along the axis, repeated for all other
/// dimensions; with 0 only the axis counts.
fn places_of(inner: usize, length: usize, block: usize, blocks: usize) -> impl Fn(usize) -> usize {
    move |at| {
        let step = at / inner % length.max(1) / block;
        match blocks {
            0 => step,
            _ if inner == usize::MAX => 0,
            _ => (at / inner / length.max(1) * blocks + step) * inner + at % inner,
        }
    }
}
