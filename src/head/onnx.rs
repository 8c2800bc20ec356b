//! The head of an ONNX graph: the last linear layer before an output, and what comes before it.
//!
//! Sources: the operators' documentation of ONNX 1.18 (`docs/Operators.md`) and of ONNX Runtime's contributed ones
//! (`docs/ContribOperators.md`).

use std::collections::{HashMap, HashSet};

use super::found::Found;
use super::onnx_before::{self, Before};
use super::stored::Stored;
use crate::checkpoint::onnx::{Graph, Node};
use crate::error::{Error, Result};

/// Operations after a head that keep the order of logits, token by token.
const KEEPS_ORDER: [&str; 13] = [
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
    "Identity",
    "Cast",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "ArgMax",
    "Flatten",
    "QuantizeLinear",
    "DequantizeLinear",
];

/// A graph by what makes each value, beside the tensors.
pub(super) struct Flow<'a> {
    pub stored: &'a Stored<'a>,
    producers: HashMap<&'a str, &'a Node>,
}

impl<'a> Flow<'a> {
    fn new(stored: &'a Stored<'a>, graph: &'a Graph) -> Self {
        let made = |node: &'a Node| {
            node.outputs.iter().filter(|o| !o.is_empty()).map(move |o| (o.as_str(), node))
        };
        Flow { stored, producers: graph.nodes.iter().flat_map(made).collect() }
    }

    /// The operation that makes a value.
    pub fn producer(&self, value: &str) -> Option<&'a Node> {
        self.producers.get(value).copied()
    }

    /// The stored tensor behind casts and changes of shape.
    pub fn constant(&self, name: &str) -> Option<String> {
        let mut name = name.to_owned();
        for _ in 0..DEEPEST {
            if self.stored.has(&name) {
                return Some(name);
            }
            let node = self.producer(&name)?;
            let keeps = ["Identity", "Cast", "Reshape", "Unsqueeze", "Squeeze"];
            keeps.contains(&node.op.as_str()).then_some(())?;
            name = node.inputs.first()?.clone();
        }
        None
    }

    /// The stored matrix behind casts and a transposition; whether it was turned.
    fn matrix(&self, name: &str) -> Option<(String, bool)> {
        let (mut name, mut turned) = (name.to_owned(), false);
        for _ in 0..DEEPEST {
            if self.stored.matrix(&name).is_some() {
                return Some((name, turned));
            }
            let node = self.producer(&name)?;
            match node.op.as_str() {
                "Identity" | "Cast" => {}
                "Transpose" if node.ints("perm").is_none_or(|perm| perm == [1, 0]) => {
                    turned = !turned;
                }
                _ => return None,
            }
            name = node.inputs.first()?.clone();
        }
        None
    }
}

/// How many operations a weight may be behind.
const DEEPEST: usize = 8;

/// A linear layer with a stored weight.
struct Linear<'a> {
    node: &'a Node,
    /// The value that enters it.
    input: &'a str,
    weight: String,
    /// Whether the weight is stored `d x V`.
    transposed: bool,
    bias: Option<String>,
}

/// Looks for the head; `None` in a graph without linear layers.
///
/// # Errors
/// Several outputs, each with a linear layer of its own.
pub(super) fn find(stored: &Stored, graph: &Graph) -> Result<Option<Found>> {
    let logits: Vec<&String> = graph.outputs.iter().filter(|name| *name == "logits").collect();
    let outputs = if logits.is_empty() { graph.outputs.iter().collect() } else { logits };
    let flow = Flow::new(stored, graph);
    let mut last: Vec<Linear> = Vec::new();
    let mut between: Vec<&str> = Vec::new();
    for output in outputs {
        for linear in last_linear(&flow, output, &mut between) {
            if last.iter().all(|known| known.weight != linear.weight) {
                last.push(linear);
            }
        }
    }
    if last.len() > 1 {
        let names: Vec<String> = last.iter().map(|l| stored.described(&l.weight)).collect();
        let problem = format!(
            "{} linear layers lead to the outputs of the graph: {}; choose by --weight (and --bias, --transpose)",
            last.len(),
            names.join(", ")
        );
        return Err(Error::head(stored.path, problem));
    }
    let Some(Linear { node, input, weight, transposed, bias }) = last.into_iter().next() else {
        return Ok(None);
    };
    let mut found =
        Found::plain(&weight, format!("the last {} before the graph's output", node.op));
    (found.transposed, found.bias) = (transposed, bias);
    if let Some(other) = between.iter().find(|op| !KEEPS_ORDER.contains(op)) {
        found.notes.push(format!(
            "{other} and other operations follow; whether they keep the order of logits was not examined"
        ));
    } else if !between.is_empty() {
        found.notes.push(format!("{} follows; it keeps the order of logits", between.join(", ")));
    }
    match onnx_before::before(&flow, input) {
        Before::Activation(activation) => found.activation = Some(activation),
        Before::Norm(stated) => found.norm = Some(stated),
        Before::Unknown => {}
    }
    Ok(Some(found))
}

/// The linear layers from which `output` is reached without passing another one; the operations passed are
/// added to `between`.
fn last_linear<'a>(
    flow: &Flow<'a>,
    output: &'a str,
    between: &mut Vec<&'a str>,
) -> Vec<Linear<'a>> {
    let (mut open, mut seen, mut found) = (vec![output], HashSet::from([output]), Vec::new());
    while let Some(value) = open.pop() {
        let Some(node) = flow.producer(value) else { continue };
        if let Some(linear) = linear(flow, node) {
            found.push(linear);
            continue;
        }
        if !matches!(node.op.as_str(), "Constant" | "Add") && !between.contains(&node.op.as_str()) {
            between.push(&node.op);
        }
        for input in node.inputs.iter().filter(|name| !name.is_empty()) {
            if seen.insert(input) {
                open.push(input);
            }
        }
    }
    found
}

/// `MatMul` or `Gemm` with a stored matrix, and the bias that it or an `Add` behind it has.
fn linear<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    if node.op == "Add" {
        let (product, bias) = node.inputs.iter().enumerate().find_map(|(i, input)| {
            let bias = flow.constant(node.inputs.get(1 - i.min(1))?)?;
            Some((flow.producer(input).filter(|n| n.op == "MatMul")?, bias))
        })?;
        let mut linear = linear(flow, product)?;
        let info = flow.stored.get(&linear.weight)?;
        let tokens = if linear.transposed { info.shape[1] } else { info.shape[0] };
        let long: Vec<usize> =
            flow.stored.get(&bias)?.shape.iter().copied().filter(|&n| n != 1).collect();
        // Anything else that is added is no bias of tokens.
        (long == [tokens]).then_some(())?;
        linear.bias = Some(bias);
        return Some(linear);
    }
    let (input, matrix) = (node.inputs.first()?, node.inputs.get(1)?);
    let (weight, turned) = flow.matrix(matrix)?;
    let transposed = match node.op.as_str() {
        "MatMul" => true,
        "Gemm" if node.int("transA").unwrap_or(0) == 0 => node.int("transB").unwrap_or(0) == 0,
        _ => return None,
    };
    let bias = match node.op.as_str() {
        "Gemm" => node.inputs.get(2).filter(|n| !n.is_empty()).map(|n| flow.constant(n)),
        _ => None,
    };
    // A Gemm that adds something computed is no head.
    let bias = match bias {
        Some(None) => return None,
        Some(bias) => bias,
        None => None,
    };
    // Other factors than 1 would change rows and bias apart.
    if node.op == "Gemm"
        && (node.float("alpha").unwrap_or(1.0), node.float("beta").unwrap_or(1.0)) != (1.0, 1.0)
    {
        return None;
    }
    Some(Linear { node, input, weight, transposed: transposed != turned, bias })
}
