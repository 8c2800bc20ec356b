//! Fields of a GGUF file: version, counts, alignment, and of each tensor its name, dimensions, type and offset.

use super::super::build::{self, U32, pair};
use super::super::random::Random;
use super::{
    Contents, Expected, Fields, Listed, another_unsigned, count, data, decoded, rename, reshape,
};

#[derive(Clone, Debug)]
struct Tensor {
    name: String,
    /// The contiguous dimension first.
    dimensions: Vec<u64>,
    kind: u32,
    offset: u64,
}

#[derive(Clone, Debug)]
pub struct Gguf {
    version: u32,
    tensor_count: u64,
    pair_count: u64,
    alignment: u32,
    tensors: Vec<Tensor>,
    data: usize,
}

/// Types by their numbers: name for `decoded`, numbers and bytes a block.
fn element(kind: u32) -> Option<(&'static str, i128, i128)> {
    Some(match kind {
        0 => ("f32", 1, 4),
        1 => ("f16", 1, 2),
        8 => ("q8_0", 32, 34),
        28 => ("f64", 1, 8),
        30 => ("bf16", 1, 2),
        _ => return None,
    })
}

/// Blocks of a scale in float16 and 32 signed bytes: each number is scale times byte, rounded to float32.
fn q8_0(bytes: &[u8]) -> Vec<u64> {
    let block = |block: &[u8]| {
        let scale = half::f16::from_le_bytes([block[0], block[1]]).to_f32();
        block[2..].iter().map(|&b| f64::from(scale * f32::from(b as i8)).to_bits()).collect()
    };
    bytes.chunks(34).flat_map(|b| -> Vec<u64> { block(b) }).collect()
}

const KINDS: [u32; 7] = [0, 1, 8, 28, 30, 4242, u32::MAX];

impl Gguf {
    /// The bytes before the data, and the file.
    fn written(&self) -> (usize, Vec<u8>) {
        let mut bytes = build::counted_gguf(self.version, self.tensor_count, self.pair_count);
        bytes.extend(pair("general.alignment", U32, &self.alignment.to_le_bytes()));
        bytes.extend(pair("general.architecture", build::STRING, &build::string("llama")));
        for t in &self.tensors {
            bytes.extend(build::tensor(&t.name, &t.dimensions, t.kind, t.offset));
        }
        let step = self.alignment as usize;
        let step = if step.is_power_of_two() && step < 1 << 20 { step } else { 32 };
        bytes.resize(bytes.len().next_multiple_of(step), 0);
        let start = bytes.len();
        bytes.extend(data(self.data));
        (start, bytes)
    }
}

impl Fields for Gguf {
    const LABEL: &'static str = "w.gguf";
    // Alignments of up to half a megabyte are written out.
    const MOST_MEMORY: usize = 4 << 20;

    fn valid() -> Self {
        let tensor = |name: &str, dimensions: &[u64], kind, offset| Tensor {
            name: name.to_owned(),
            dimensions: dimensions.to_vec(),
            kind,
            offset,
        };
        let tensors = vec![
            tensor("output.weight", &[2, 3], 0, 0),
            tensor("token_embd.weight", &[32, 2], 8, 32),
            tensor("half", &[5], 1, 128),
        ];
        Gguf { version: 3, tensor_count: 3, pair_count: 2, alignment: 32, tensors, data: 140 }
    }

    fn change(&mut self, random: &mut Random) {
        let names: Vec<String> = self.tensors.iter().map(|t| t.name.clone()).collect();
        let at = random.below(self.tensors.len());
        let tensor = &mut self.tensors[at];
        match random.below(10) {
            0 => self.version = another_unsigned(self.version.into(), 4, random) as u32,
            1 => self.tensor_count = another_unsigned(self.tensor_count, 8, random),
            2 => self.pair_count = another_unsigned(self.pair_count, 8, random),
            3 => self.alignment = another_unsigned(self.alignment.into(), 4, random) as u32,
            4 => tensor.name = rename(&names, random),
            5 => reshape(&mut tensor.dimensions, 1, random, |d, r| another_unsigned(*d, 8, r)),
            6 => tensor.kind = KINDS[random.below(KINDS.len())],
            7 => tensor.offset = another_unsigned(tensor.offset, 8, random),
            8 => tensor.offset = [0, 32, 64, 96, 128, 160][random.below(6)],
            _ => self.data = (another_unsigned(self.data as u64, 8, random) as usize).min(300),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.written().1
    }

    fn expected(&self) -> Expected {
        if !matches!(self.version, 2 | 3) {
            return Expected::Refused("no such version");
        }
        if self.pair_count < 2 || (self.tensor_count as usize) < self.tensors.len() {
            // The rest is then read as something else, or not at all.
            return Expected::Either;
        }
        if self.pair_count != 2 || self.tensor_count != self.tensors.len() as u64 {
            return Expected::Refused("the counts are wrong");
        }
        if !self.alignment.is_power_of_two() {
            return Expected::Refused("the alignment is not a power of two");
        }
        let (start, bytes) = self.written();
        if self.alignment >= 1 << 20 {
            return Expected::Refused("the file ends before its data begin");
        }
        let mut contents = Contents::new();
        let mut taken: Vec<(usize, usize)> = Vec::new();
        for t in &self.tensors {
            if t.dimensions.len() > 4 {
                return Expected::Refused("too many dimensions");
            }
            let shape: Vec<i128> = t.dimensions.iter().rev().map(|&d| d.into()).collect();
            let Some(elements) = count(&shape) else { return Expected::Refused("no shape") };
            let left = self.data as u64;
            if t.offset > left || t.offset % u64::from(self.alignment) != 0 {
                return Expected::Refused("an offset is wrong");
            }
            let from = start + t.offset as usize;
            let mut bits = None;
            if let Some((name, numbers, width)) = element(t.kind) {
                if shape.last().copied().unwrap_or(1) % numbers != 0 {
                    return Expected::Refused("a row is not a whole number of blocks");
                }
                let size = elements / numbers * width;
                if size > i128::from(left - t.offset) {
                    return Expected::Refused("a tensor ends after the file");
                }
                let to = from + size as usize;
                taken.push((from, to));
                let stored = &bytes[from..to];
                bits = if name == "q8_0" { Some(q8_0(stored)) } else { decoded(name, stored) };
            } else {
                taken.push((from, from));
            }
            let shape = shape.iter().map(|&d| d as usize).collect();
            if contents.insert(t.name.clone(), Listed { shape, bits }).is_some() {
                return Expected::Refused("a name occurs twice");
            }
        }
        taken.sort_unstable();
        if taken.array_windows().any(|[one, other]| other.0 < one.1) {
            return Expected::Refused("two tensors share bytes");
        }
        Expected::Tensors(contents)
    }
}
