//! Reads ONNX models: `.onnx`, a protobuf message, perhaps with other files of numbers next to it.
//!
//! Listed are the initialisers of the main graph, the tensors of its `Constant` nodes (under the names of their
//! outputs) and its weights of integers with a scale, see `quantised.rs`.
//!
//! The protobuf fields are parsed here. `prost` would decode every message of the file into types of its own;
//! `onnx-rs` 0.1.3 borrows from the file, but follows nested graphs without a bound, so that 54 kB of them overflowed
//! its stack. Here nested messages that are not needed are skipped.

mod external;
mod graph;
mod model;
mod nbits;
mod quantised;
mod tensor;
pub(super) mod wire;

use std::collections::HashMap;
use std::path::Path;

use super::bytes::Bytes;
use super::decode::ByteOrder;
use super::patch::Place;
use super::{Checkpoint, Dtype, FileFormat, Tensor, TensorInfo, Values, find};
use crate::error::Result;
use model::Model;
use nbits::NBits;
use quantised::Quantised;
use tensor::Stored;

pub use graph::{Attribute, Graph, Node};
pub(crate) use nbits::dequantised_name;

/// Whether `bytes` are a complete ONNX model; a truncated one is not recognised.
pub(crate) fn recognise(bytes: &[u8]) -> bool {
    model::recognise(bytes)
}

/// An opened `.onnx` file.
#[derive(Debug)]
pub struct Onnx {
    bytes: Bytes,
    graph: Graph,
    stored: Vec<Stored>,
    /// The tensors, sorted by name.
    tensors: Vec<TensorInfo>,
    /// For each of `tensors` where its numbers come from.
    sources: Vec<Source>,
}

/// Where the numbers of a tensor come from.
#[derive(Clone, Debug)]
enum Source {
    /// A stored tensor, by its index.
    Stored(usize),
    /// An attribute of a `Constant` node.
    Numbers(Vec<f32>),
    Quantised(Quantised),
    NBits(NBits),
}

impl FileFormat for Onnx {
    /// Parses the list of tensors of `bytes`.
    ///
    /// # Errors
    /// A file that is not valid, or whose numbers are said to lie outside its folder.
    fn parse(bytes: Bytes) -> Result<Self> {
        let Model { graph, stored, numbers, .. } =
            Model::parse(&bytes).map_err(|problem| bytes.malformed(problem))?;
        let places: HashMap<&str, usize> =
            stored.iter().enumerate().map(|(at, tensor)| (tensor.name.as_str(), at)).collect();
        let quantised = quantised::find(&graph, &stored, |name: &str| places.get(name).copied());

        let blocks = nbits::find(&graph, |name: &str| places.get(name).copied());

        let mut listed: Vec<(TensorInfo, Source)> = Vec::new();
        for (at, tensor) in stored.iter().enumerate() {
            let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype(), tensor.shape.clone());
            listed.push((TensorInfo { name, dtype, shape }, Source::Stored(at)));
        }
        for (name, numbers, alone) in numbers {
            let shape = if alone { Vec::new() } else { vec![numbers.len()] };
            listed.push((TensorInfo { name, dtype: Dtype::F32, shape }, Source::Numbers(numbers)));
        }
        listed
            .extend(quantised.into_iter().map(|(info, weight)| (info, Source::Quantised(weight))));
        listed.extend(blocks.into_iter().map(|(info, weight)| (info, Source::NBits(weight))));
        listed.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        if let Some([(twice, _), _]) =
            listed.array_windows().find(|[(a, _), (b, _)]| a.name == b.name)
        {
            return Err(bytes.malformed(format!("tensor `{}` occurs twice", twice.name)));
        }
        let (tensors, sources) = listed.into_iter().unzip();
        Ok(Onnx { bytes, graph, stored, tensors, sources })
    }
}

impl Checkpoint for Onnx {
    fn format(&self) -> &'static str {
        "ONNX"
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    fn folder(&self) -> Option<&Path> {
        self.bytes.folder()
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let values = match &self.sources[at] {
            Source::Stored(place) => self.stored[*place].floats(&self.bytes),
            Source::Numbers(numbers) => Ok(Values::F32(numbers.clone())),
            Source::Quantised(weight) => weight.read(&self.stored, &self.bytes),
            Source::NBits(weight) => weight.read(&self.stored, &self.bytes),
        };
        let values = values.map_err(|problem| {
            self.bytes.malformed(format!("tensor `{name}` cannot be read: {problem}"))
        })?;
        Ok(Tensor { info: self.tensors[at].clone(), values })
    }

    fn place(&self, name: &str) -> Result<Place> {
        let at = find(&self.tensors, name, self.bytes.label())?;
        let refuse = |problem: &str| {
            self.bytes.malformed(format!("tensor `{name}` cannot be replaced: {problem}"))
        };
        match &self.sources[at] {
            Source::Stored(place) => {
                let range = self.stored[*place].plain(&self.bytes).map_err(|p| refuse(&p))?;
                Place::of(&self.tensors[at], &self.bytes, range, ByteOrder::Little)
            }
            Source::Numbers(_) => Err(refuse("it is an attribute of a node")),
            Source::Quantised(_) | Source::NBits(_) => Err(refuse(
                "it is stored as integers with a scale, and only plain floats are replaced: repair the model before it is \
                 quantised",
            )),
        }
    }

    fn graph(&self) -> Option<&Graph> {
        Some(&self.graph)
    }
}
