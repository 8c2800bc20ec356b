//! A graph with an index of the operation that makes each value, and the tensors that it stores.

use std::collections::{HashMap, HashSet};

use super::super::stored::Stored;
use crate::checkpoint::onnx::{Graph, Node};
use crate::checkpoint::{Dtype, Values};

/// The largest number of operations through which a constant is traced.
const DEEPEST: usize = 8;

/// A graph with an index of the operation that makes each value.
pub(in crate::locate) struct Flow<'a> {
    pub stored: &'a Stored<'a>,
    pub graph: &'a Graph,
    producers: HashMap<&'a str, &'a Node>,
}

impl<'a> Flow<'a> {
    /// Indexes a graph.
    pub fn new(stored: &'a Stored<'a>, graph: &'a Graph) -> Self {
        let made = |node: &'a Node| {
            node.outputs.iter().filter(|o| !o.is_empty()).map(move |o| (o.as_str(), node))
        };
        Flow { stored, graph, producers: graph.nodes.iter().flat_map(made).collect() }
    }

    /// Returns the operation that makes a value.
    pub fn producer(&self, value: &str) -> Option<&'a Node> {
        self.producers.get(value).copied()
    }

    /// Returns the stored tensor that a value is, after casts and changes of shape that change no number.
    pub fn constant(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for _ in 0..DEEPEST {
            if self.stored.has(&name) {
                return Some(name);
            }
            let node = self.producer(&name)?;
            let keeps = ["Identity", "Cast", "Reshape", "Unsqueeze", "Squeeze"];
            (keeps.contains(&node.op.as_str()) && self.keeps_numbers(node)).then_some(())?;
            name = node.inputs.first()?.clone();
        }
        None
    }

    /// Returns the shape of a constant after the changes of shape through which [`Flow::constant`] finds it.
    pub fn constant_shape(&self, name: &str) -> Option<Vec<usize>> {
        self.shape_behind(name, DEEPEST)
    }

    /// Returns the shape of a constant through at most `left` operations.
    fn shape_behind(&self, name: &str, left: usize) -> Option<Vec<usize>> {
        if let Some(info) = self.stored.get(name) {
            return Some(info.shape.clone());
        }
        let node = self.producer(name)?;
        let before = self.shape_behind(node.inputs.first()?, left.checked_sub(1)?)?;
        let axes = || match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self.integers(node.inputs.get(1)?),
        };
        let at = |axis: i64, rank: usize| {
            let place = if axis < 0 { axis + rank as i64 } else { axis };
            usize::try_from(place).ok().filter(|&place| place < rank)
        };
        match node.op.as_str() {
            "Identity" | "Cast" => Some(before),
            "Unsqueeze" => {
                let axes = axes()?;
                let rank = before.len() + axes.len();
                let new: Option<Vec<usize>> = axes.iter().map(|&axis| at(axis, rank)).collect();
                let (new, mut rest) = (new?, before.into_iter());
                (0..rank).map(|i| if new.contains(&i) { Some(1) } else { rest.next() }).collect()
            }
            "Squeeze" if node.ints("axes").is_none() && node.inputs.len() < 2 => {
                Some(before.into_iter().filter(|&n| n != 1).collect())
            }
            "Squeeze" => {
                let gone: Option<Vec<usize>> =
                    axes()?.iter().map(|&axis| at(axis, before.len())).collect();
                let gone = gone?;
                let kept = before.iter().enumerate().filter(|(i, _)| !gone.contains(i));
                Some(kept.map(|(_, n)| *n).collect())
            }
            "Reshape" => {
                let asked = match node.ints("shape") {
                    Some(shape) => shape.to_vec(),
                    None => self.integers(node.inputs.get(1)?)?,
                };
                reshaped(&before, &asked)
            }
            _ => None,
        }
    }

    /// Returns the integers of a constant.
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        self.graph.integers_of(name).map(<[i64]>::to_vec).or_else(|| {
            let name = self.constant(name)?;
            if let Some(numbers) = self.graph.integers_of(&name) {
                return Some(numbers.to_vec());
            }
            match self.stored.checkpoint.read(&name).ok()?.values {
                Values::F32(x) => Some(x.into_iter().map(|x| x as i64).collect()),
                Values::F64(x) => Some(x.into_iter().map(|x| x as i64).collect()),
            }
        })
    }

    /// Returns the stored matrix that a value is, after casts and transpositions, and whether it is transposed.
    pub fn matrix(&self, name: &str) -> Option<(String, bool)> {
        let (mut name, mut turned) = (name.to_owned(), false);
        for _ in 0..DEEPEST {
            if self.stored.matrix(&name).is_some() {
                return Some((name, turned));
            }
            let node = self.producer(&name)?;
            match node.op.as_str() {
                "Identity" => {}
                "Cast" if self.keeps_numbers(node) => {}
                "Transpose" if node.ints("perm").is_none_or(|perm| perm == [1, 0]) => {
                    turned = !turned;
                }
                _ => return None,
            }
            name = node.inputs.first()?.clone();
        }
        None
    }

    /// Whether the value `to` is `from` or is computed from it.
    pub fn leads_to(&self, from: &str, to: &str) -> bool {
        let (mut open, mut seen) = (vec![to], HashSet::from([to]));
        while let Some(name) = open.pop() {
            if name == from {
                return true;
            }
            let inputs = self.producer(name).into_iter().flat_map(|node| &node.inputs);
            open.extend(inputs.map(String::as_str).filter(|i| !i.is_empty() && seen.insert(i)));
        }
        false
    }

    /// Whether a value depends on no input of the graph.
    pub fn is_constant(&self, name: &str) -> bool {
        let mut open = vec![name];
        for _ in 0..100 {
            let Some(name) = open.pop() else { return true };
            if self.stored.has(name) {
                continue;
            }
            let Some(node) = self.producer(name).filter(|node| !node.inputs.is_empty()) else {
                return self.producer(name).is_some();
            };
            open.extend(node.inputs.iter().filter(|i| !i.is_empty()).map(String::as_str));
        }
        false
    }

    /// Whether a cast goes to a type that holds every number of the stored type.
    fn keeps_numbers(&self, node: &Node) -> bool {
        if node.op != "Cast" {
            return true;
        }
        let from = node.inputs.first().and_then(|name| self.stored.get(name)).map(|t| &t.dtype);
        // The type of a computed value is not known, but it was cast before, or is a weight that was dequantised to
        // float32.
        let wide = |to: &[i64]| node.int("to").is_some_and(|kind| to.contains(&kind));
        const FLOAT: i64 = 1;
        const HALF: i64 = 10;
        const DOUBLE: i64 = 11;
        const BRAIN: i64 = 16;
        match from {
            Some(Dtype::F16) => wide(&[FLOAT, HALF, DOUBLE]),
            Some(Dtype::Bf16) => wide(&[FLOAT, BRAIN, DOUBLE]),
            Some(Dtype::F64) => wide(&[DOUBLE]),
            _ => wide(&[FLOAT, DOUBLE]),
        }
    }
}

/// Returns the shape that `Reshape` makes: 0 copies an axis, -1 takes what is left.
fn reshaped(before: &[usize], asked: &[i64]) -> Option<Vec<usize>> {
    let count: usize = before.iter().product();
    let known: Vec<Option<usize>> = asked
        .iter()
        .enumerate()
        .map(|(i, &n)| match n {
            -1 => Some(None),
            0 => before.get(i).copied().map(Some),
            n => usize::try_from(n).ok().map(Some),
        })
        .collect::<Option<_>>()?;
    let product: usize = known.iter().flatten().product();
    let rest = count.checked_div(product)?;
    Some(known.into_iter().map(|n| n.unwrap_or(rest)).collect())
}

/// Describes an operation in an error.
pub(super) fn named(node: &Node) -> String {
    let place = match (node.name.as_str(), node.outputs.first()) {
        ("", Some(output)) => format!(" (which makes `{output}`)"),
        ("", None) => String::new(),
        (name, _) => format!(" (node `{name}`)"),
    };
    format!("`{}`{place}", node.op)
}
