//! Fields of an ONNX model: of each initialiser its name, dimensions, type and where its numbers stand.

use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another, count, data, decoded, listed_shape, rename,
    reshape,
};

#[derive(Clone, Debug)]
struct Tensor {
    name: String,
    dims: Vec<i128>,
    kind: i64,
    held: usize,
    /// Whether the numbers are raw bytes, and not in the field of their type.
    raw: bool,
}

#[derive(Clone, Debug)]
pub struct Onnx {
    tensors: Vec<Tensor>,
    /// Added to the length that the graph claims.
    longer: i64,
}

/// Types by their numbers: name for `decoded`, bytes, and the field of typed numbers.
fn element(kind: i64) -> Option<(&'static str, i128, u64)> {
    Some(match kind {
        1 => ("f32", 4, 4),
        3 => ("int8", 1, 5),
        7 => ("int64", 8, 7),
        10 => ("f16", 2, 5),
        11 => ("f64", 8, 10),
        16 => ("bf16", 2, 5),
        _ => return None,
    })
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn bytes_of(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// A dimension as the format can hold it: 64 bits with a sign.
fn dimension(d: i128) -> i128 {
    i128::from(d as i64)
}

impl Tensor {
    fn message(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.dims.iter().for_each(|&d| number(&mut out, 1, d as u64));
        number(&mut out, 2, self.kind as u64);
        bytes_of(&mut out, 8, self.name.as_bytes());
        let stored = data(self.held);
        match element(self.kind) {
            Some((_, width, field)) if !self.raw => {
                let mut packed = Vec::new();
                match field {
                    4 | 10 => packed = stored,
                    _ => stored.chunks(width as usize).for_each(|bytes| {
                        let mut wide = [0; 8];
                        wide[..bytes.len()].copy_from_slice(bytes);
                        varint(&mut packed, u64::from_le_bytes(wide));
                    }),
                }
                bytes_of(&mut out, field, &packed);
            }
            _ => bytes_of(&mut out, 9, &stored),
        }
        out
    }
}

impl Fields for Onnx {
    const LABEL: &'static str = "w.onnx";

    fn valid() -> Self {
        let tensor = |name: &str, dims: &[i128], kind, held, raw| Tensor {
            name: name.to_owned(),
            dims: dims.to_vec(),
            kind,
            held,
            raw,
        };
        Onnx {
            tensors: vec![
                tensor("W", &[2, 3], 1, 24, true),
                tensor("b", &[3], 11, 24, false),
                tensor("half", &[4], 10, 8, false),
                tensor("steps", &[2], 7, 16, true),
            ],
            longer: 0,
        }
    }

    fn change(&mut self, random: &mut Random) {
        let names: Vec<String> = self.tensors.iter().map(|t| t.name.clone()).collect();
        let at = random.below(self.tensors.len());
        let tensor = &mut self.tensors[at];
        match random.below(7) {
            0 => tensor.name = rename(&names, random),
            1 | 2 => {
                reshape(&mut tensor.dims, 1, random, |d, random| dimension(another(*d, random)));
            }
            3 => tensor.kind = [0, 1, 3, 7, 10, 11, 16, 99, -1][random.below(9)],
            4 => tensor.held = (another(tensor.held as i128, random) as usize).min(120),
            5 => tensor.raw = !tensor.raw,
            _ => self.longer = [-1, 1, 100][random.below(3)],
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        self.tensors.iter().for_each(|t| bytes_of(&mut graph, 5, &t.message()));
        let mut output = Vec::new();
        bytes_of(&mut output, 1, b"y");
        bytes_of(&mut graph, 12, &output);
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        varint(&mut model, 7 << 3 | 2);
        varint(&mut model, (graph.len() as i64 + self.longer) as u64);
        model.extend(graph);
        model
    }

    fn expected(&self) -> Expected {
        if self.longer != 0 {
            return Expected::Refused("the graph does not end where it says");
        }
        let mut contents = Contents::new();
        for t in &self.tensors {
            let Some(elements) = count(&t.dims) else { return Expected::Refused("no shape") };
            let mut bits = None;
            if let Some((name, width, field)) = element(t.kind) {
                let mut stored = data(t.held);
                if !t.raw && field != 4 && field != 10 {
                    // Each number is written by itself, the last one filled up with zeros.
                    stored.resize(t.held.next_multiple_of(width as usize), 0);
                }
                let fits = elements * width == stored.len() as i128;
                if !fits && (t.raw || decoded(name, &[]).is_some()) {
                    return Expected::Refused("a shape does not fit its numbers");
                }
                bits = if fits { decoded(name, &stored) } else { None };
            }
            let listed = Listed { shape: listed_shape(&t.dims), bits };
            if contents.insert(t.name.clone(), listed).is_some() {
                return Expected::Refused("a name occurs twice");
            }
        }
        Expected::Tensors(contents)
    }
}
