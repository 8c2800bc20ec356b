//! Reads the weight of `MatMulNBits`: blocks of integers of 4 or 8 bits, each block with a scale and perhaps a zero
//! point.
//!
//! Source: `com.microsoft.MatMulNBits` in `docs/ContribOperators.md` of ONNX Runtime. The integers of a row lie in
//! blocks along the inner dimension, the lower half of a byte first; without zero points, the middle of the range is
//! subtracted.

use super::graph::{Graph, Node};
use super::quantised::narrowed;
use super::tensor::Stored;
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::decode::zeros;
use crate::checkpoint::{Dtype, TensorInfo, Values};

/// Returns the name under which the decoded weight is listed, from the name of the packed one.
pub(crate) fn dequantised_name(packed: &str) -> String {
    format!("{packed} (dequantised)")
}

/// A weight in blocks; its parts are indices of stored tensors.
#[derive(Clone, Debug)]
pub(super) struct NBits {
    integers: usize,
    scales: usize,
    zeros: Option<usize>,
    rows: usize,
    columns: usize,
    bits: usize,
    block: usize,
}

/// Finds all such weights of a model; `place` returns the index of a stored tensor.
pub(super) fn find(
    graph: &Graph,
    place: impl Fn(&str) -> Option<usize>,
) -> Vec<(TensorInfo, NBits)> {
    let mut found: Vec<(TensorInfo, NBits)> = Vec::new();
    for node in graph.nodes.iter().filter(|node| node.op == "MatMulNBits") {
        let Some((name, weight)) = of_node(node, &place) else { continue };
        let dtype = Dtype::Block(if weight.bits == 4 { "int4" } else { "int8" });
        let shape = vec![weight.rows, weight.columns];
        if found.iter().all(|(info, _)| info.name != name) {
            found.push((TensorInfo { name, dtype, shape }, weight));
        }
    }
    found
}

/// Returns the weight of a `MatMulNBits` node, and the name under which it is listed.
fn of_node(node: &Node, place: impl Fn(&str) -> Option<usize>) -> Option<(String, NBits)> {
    let size = |name: &str| node.int(name).and_then(|n| usize::try_from(n).ok());
    let (bits, block) = (size("bits").unwrap_or(4), size("block_size")?);
    let sound = matches!(bits, 4 | 8) && block >= 16 && block.is_power_of_two();
    let zeros = match node.inputs.get(3).filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => Some(place(name)?),
    };
    let packed = node.inputs.get(1)?;
    let weight = NBits {
        integers: place(packed)?,
        scales: place(node.inputs.get(2)?)?,
        zeros,
        rows: size("N")?,
        columns: size("K")?,
        bits,
        block,
    };
    sound.then(|| (dequantised_name(packed), weight))
}

impl NBits {
    /// Decodes the weight exactly: scale times (integer minus zero point).
    pub fn read(&self, stored: &[Stored], bytes: &Bytes) -> Result<Values, String> {
        let blocks = self.columns.div_ceil(self.block);
        let width = self.block * self.bits / 8;
        let (tensor, scale) = (&stored[self.integers], &stored[self.scales]);
        let count = |rows: usize, each: usize| rows.checked_mul(each).ok_or("its shape overflows");
        let packed = tensor.ints(bytes)?;
        if tensor.element != "uint8" || packed.len() != count(count(self.rows, blocks)?, width)? {
            return Err(format!(
                "its {} integers `{}` of {} are not {} rows of {blocks} blocks of {width} bytes",
                packed.len(),
                tensor.name,
                tensor.element,
                self.rows
            ));
        }
        let scales: Vec<f64> = match scale.floats(bytes)? {
            Values::F32(x) => x.into_iter().map(f64::from).collect(),
            Values::F64(_) => return Err(format!("its scales `{}` are of float64", scale.name)),
        };
        if scales.len() != count(self.rows, blocks)? {
            return Err(format!(
                "it has {} scales for {} rows of {blocks} blocks",
                scales.len(),
                self.rows
            ));
        }
        let taken_off = self.zero_points(stored, bytes, blocks)?;
        let mut numbers = zeros::<f64>(count(self.rows, self.columns)?)?;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let block = row * blocks + column / self.block;
                let integer = field(&packed[block * width..], column % self.block, self.bits);
                numbers[row * self.columns + column] =
                    scales[block] * (f64::from(integer) - taken_off[block]);
            }
        }
        Ok(narrowed(numbers))
    }

    /// Returns the zero point of every block.
    fn zero_points(
        &self,
        stored: &[Stored],
        bytes: &Bytes,
        blocks: usize,
    ) -> Result<Vec<f64>, String> {
        let all = self.rows.checked_mul(blocks).ok_or("its shape overflows")?;
        let Some(place) = self.zeros else {
            return Ok(vec![f64::from(1u32 << (self.bits - 1)); all]);
        };
        let zero = &stored[place];
        if !zero.is_quantised() {
            let points: Vec<f64> = match zero.floats(bytes)? {
                Values::F32(x) => x.into_iter().map(f64::from).collect(),
                Values::F64(x) => x,
            };
            // A zero point that is not an integer could make a product that float64 cannot hold exactly.
            let whole = points.iter().all(|x| x.fract() == 0.0 && x.abs() < 256.0);
            return match points.len() == all && whole {
                true => Ok(points),
                false => {
                    Err(format!("its zero points `{}` are not {all} whole numbers", zero.name))
                }
            };
        }
        let packed = zero.ints(bytes)?;
        let width = (blocks * self.bits).div_ceil(8);
        if zero.element != "uint8" || packed.len() != self.rows * width {
            return Err(format!(
                "its zero points `{}` are not {} rows of {width} bytes",
                zero.name, self.rows
            ));
        }
        Ok((0..self.rows)
            .flat_map(|row| {
                let of_row = &packed[row * width..(row + 1) * width];
                (0..blocks).map(move |block| f64::from(field(of_row, block, self.bits)))
            })
            .collect())
    }
}

/// Returns the integer with index `at` from bytes that pack integers of `bits` bits, 4 or 8.
fn field(bytes: &[i32], at: usize, bits: usize) -> i32 {
    match bits {
        4 => bytes[at / 2] >> (4 * (at % 2)) & 15,
        _ => bytes[at],
    }
}
