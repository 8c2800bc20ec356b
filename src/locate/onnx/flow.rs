//! A graph by what makes each value, beside the tensors that it stores.

use std::collections::HashMap;

use super::super::stored::Stored;
use crate::checkpoint::Dtype;
use crate::checkpoint::onnx::{Graph, Node};

/// How many operations a constant may be behind.
const DEEPEST: usize = 8;

/// A graph by what makes each value.
pub(in crate::locate) struct Flow<'a> {
    pub stored: &'a Stored<'a>,
    pub graph: &'a Graph,
    producers: HashMap<&'a str, &'a Node>,
}

impl<'a> Flow<'a> {
    pub fn new(stored: &'a Stored<'a>, graph: &'a Graph) -> Self {
        let made = |node: &'a Node| {
            node.outputs.iter().filter(|o| !o.is_empty()).map(move |o| (o.as_str(), node))
        };
        Flow { stored, graph, producers: graph.nodes.iter().flat_map(made).collect() }
    }

    /// The operation that makes a value.
    pub fn producer(&self, value: &str) -> Option<&'a Node> {
        self.producers.get(value).copied()
    }

    /// The stored tensor behind casts and changes of shape, none of which changes a number.
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

    /// The stored matrix behind casts and a transposition; whether it was turned.
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

    /// Whether a value depends on nothing that enters the graph.
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

    /// Whether a cast goes to a type that holds every number of the stored one.
    fn keeps_numbers(&self, node: &Node) -> bool {
        if node.op != "Cast" {
            return true;
        }
        let from = node.inputs.first().and_then(|name| self.stored.get(name)).map(|t| &t.dtype);
        // Of an inner value the type is not known, but it was cast before, or is a weight that was dequantised to float32.
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

/// An operation as an error names it.
pub(super) fn named(node: &Node) -> String {
    let place = match (node.name.as_str(), node.outputs.first()) {
        ("", Some(output)) => format!(" (which makes `{output}`)"),
        ("", None) => String::new(),
        (name, _) => format!(" (node `{name}`)"),
    };
    format!("`{}`{place}", node.op)
}
