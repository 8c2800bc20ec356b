//! Finds the head of an ONNX graph: the last linear layer before an output, what stands before it, and what follows
//! it.
//!
//! Sources: the operators' documentation of ONNX 1.18 (`docs/Operators.md`) and of ONNX Runtime's contributed
//! operators (`docs/ContribOperators.md`).

mod after;
mod before;
mod flow;
mod linear;
mod near;
mod rank;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use self::after::{After, follow};
use self::before::Before;
use self::flow::{Flow, named};
use self::linear::{Linear, OPAQUE, linear};
use self::near::Near;
use super::choice::BiasChoice;
use super::combined::Combined;
use super::found::Found;
use super::stored::Stored;
use crate::checkpoint::onnx::{Graph, Node};
use crate::error::{Error, Result};

/// The usual name of the output that holds the logits.
const LOGITS: &str = "logits";

/// An output of the graph and the last linear layer before it.
struct OutputHead<'a> {
    output: &'a str,
    head: Linear<'a>,
}

/// Finds the head; `None` in a graph without operations, or of constants alone.
///
/// # Errors
/// Several last layers, a last layer that is not read, and operations after it that `W h + b` cannot express; all are
/// named.
pub(super) fn find(stored: &Stored, graph: &Graph) -> Result<Option<Found>> {
    let flow = Flow::new(stored, graph);
    let (mut ends, mut opaque): (Vec<OutputHead>, Vec<&Node>) = (Vec::new(), Vec::new());
    for output in graph.outputs.iter().map(String::as_str) {
        let mut unread = Vec::new();
        let heads = last_layers(&flow, output, &mut unread);
        if heads.is_empty() {
            opaque.extend(unread);
        }
        ends.extend(heads.into_iter().map(|head| OutputHead { output, head }));
    }
    let ends = rivals(&flow, ends);
    // An unread operation that ends at an output could be the head as well, unless a recognised layer stands after
    // it.
    let called = ends.iter().any(|end| end.output == LOGITS);
    let apart = opaque.iter().find(|node| {
        let before =
            |end: &OutputHead| node.outputs.iter().any(|o| flow.leads_to(o, end.head.input));
        !called && !ends.iter().any(before)
    });
    if let Some(node) = apart {
        return Err(Error::head(stored.path, not_read(&flow, node)));
    }
    let Some(first) = ends.first() else { return Ok(None) };
    if ends.iter().any(|end| end.head.weight != first.head.weight) {
        return Err(several(stored, &ends));
    }
    if ends.iter().any(|end| end.head.transposed != first.head.transposed) {
        return Err(Error::head(stored.path, both_ways(stored, &first.head.weight)));
    }
    let ways: Vec<_> = ends.iter().map(|end| follow(&flow, &end.head, end.output)).collect();
    let known: Vec<&After> = ways.iter().filter_map(|way| way.as_ref().ok()).collect();
    let Some(after) = known.first() else {
        let problem = ways.into_iter().find_map(std::result::Result::err).unwrap_or_default();
        return Err(Error::head(
            stored.path,
            format!(
                "between the head {} and the output `{}` {problem}, which `W h + b` cannot express; --weight {} (and --bias) \
                 audits the matrix as it is",
                stored.described(&first.head.weight),
                first.output,
                first.head.weight
            ),
        ));
    };
    if known.iter().any(|other| !after.is_multiple(other)) {
        let outputs: Vec<String> = ends.iter().map(|end| format!("`{}`", end.output)).collect();
        return Err(Error::head(
            stored.path,
            format!(
                "the outputs {} add different constants to the head {}; choose by --weight and --bias",
                outputs.join(", "),
                stored.described(&first.head.weight)
            ),
        ));
    }
    let why = format!("the last {} before the graph's output", first.head.node.op);
    let mut found = describe(&flow, &first.head, after, why);
    for (end, way) in ends.iter().zip(&ways) {
        if let Err(problem) = way {
            found.notes.push(format!("before the output `{}` {problem}", end.output));
        }
    }
    Ok(Some(found))
}

/// Describes the matrix `weight`, which the user chose, by the graph; `None` where no layer multiplies by it.
///
/// # Errors
/// If the bias is not chosen: layers of this matrix, or outputs behind one, with different constants, and a constant
/// that the graph adds after an operation that `W h + b` cannot express.
pub(super) fn chosen(
    stored: &Stored,
    graph: &Graph,
    weight: &str,
    bias: &BiasChoice,
    why: &str,
) -> Result<Option<Found>> {
    let flow = Flow::new(stored, graph);
    let heads: Vec<Linear> = graph
        .nodes
        .iter()
        .filter_map(|node| linear(&flow, node))
        .filter(|head| head.weight == weight)
        .collect();
    let Some(first) = heads.first() else { return Ok(None) };
    if heads.iter().any(|head| head.transposed != first.transposed) {
        // `--transpose` says which of them is meant.
        return Ok(None);
    }
    let near: Vec<Near> = heads.iter().map(|head| Near::of(&flow, head)).collect();
    let mut ways = near.iter().flat_map(|near| &near.ways);
    let after = near[0].ways[0].clone();
    if *bias == BiasChoice::ByName {
        if ways.any(|other| !after.is_multiple(other)) {
            return Err(Error::head(
                stored.path,
                format!(
                    "the graph multiplies by `{weight}` and adds different constants on the ways to its outputs: choose by \
                     --bias NAME or --bias none"
                ),
            ));
        }
        if let Some(added) = near.iter().find_map(|near| near.added_later.as_ref()) {
            return Err(Error::head(stored.path, added.question(stored, weight)));
        }
    }
    let mut found = describe(&flow, first, &after, why.to_owned());
    for note in near.iter().flat_map(Near::notes) {
        if !found.notes.contains(&note) {
            found.notes.push(note);
        }
    }
    Ok(Some(found))
}

/// Describes a head with its bias, and with what stands before and after it.
fn describe(flow: &Flow, head: &Linear, after: &After, why: String) -> Found {
    let mut found = Found::plain(&head.weight, why);
    (found.is_plain, found.transposed) = (false, head.transposed);
    match &after.offsets[..] {
        // A factor of all logits keeps their order.
        [] => {}
        [(bias, factor)] if *factor == 1.0 && after.scale == 1.0 => found.bias = Some(bias.clone()),
        offsets => {
            let names: Vec<&str> = offsets.iter().map(|(name, _)| name.as_str()).collect();
            found.bias = Some(names.join(" + "));
            found.combined = Some(Combined { scale: after.scale, biases: offsets.to_vec() });
        }
    }
    if head.rounded {
        found.notes.push(
            "the graph rounds hidden states to eight bits before this layer; the verdicts are for all real ones".to_owned(),
        );
    }
    if !after.passed.is_empty() {
        found
            .notes
            .push(format!("{} follows; it keeps the order of logits", after.passed.join(", ")));
    }
    match before::before(flow, head, head.dim(flow)) {
        Before::Activation(activation) => found.activation = Some(activation),
        Before::Norm(stated) => found.norm = Some(stated),
        Before::Unknown => {}
    }
    found
}

/// Removes the ends that do not compete for the head. These are ends whose layer stands before that of another end,
/// as with an output of hidden states; ends with a single number; and, if an output is called `logits` or else is
/// made by a softmax, and none has more tokens, all other ends.
fn rivals<'a>(flow: &Flow<'a>, mut ends: Vec<OutputHead<'a>>) -> Vec<OutputHead<'a>> {
    let hidden = |end: &OutputHead| {
        let named = end.output == LOGITS || is_normalised(flow, end.output);
        !named && stands_before(flow, end, &ends)
    };
    let before: Vec<bool> = ends.iter().map(hidden).collect();
    let mut kept = before.iter();
    ends.retain(|_| !kept.next().copied().unwrap_or(false));
    let count = |end: &OutputHead| end.head.tokens(flow).unwrap_or(0);
    let most = ends.iter().map(count).max().unwrap_or(0);
    let called = |end: &OutputHead| end.output == LOGITS;
    let normalised = |end: &OutputHead| is_normalised(flow, end.output);
    for shows in [&called as &dyn Fn(&OutputHead) -> bool, &normalised] {
        if ends.iter().any(|end| shows(end) && count(end) == most) {
            ends.retain(shows);
            break;
        }
    }
    ends.retain(|end| count(end) > 1 || most == 1);
    ends
}

/// Whether the layer of another end depends on the result of this one.
fn stands_before(flow: &Flow, end: &OutputHead, ends: &[OutputHead]) -> bool {
    let made = end.head.node.outputs.first().map_or("", String::as_str);
    ends.iter().any(|other| {
        !std::ptr::eq(other.head.node, end.head.node) && flow.leads_to(made, other.head.input)
    })
}

/// Whether a value is made by a softmax, changes of shape ignored.
fn is_normalised(flow: &Flow, output: &str) -> bool {
    let mut value = output;
    for _ in 0..8 {
        let Some(node) = flow.producer(value) else { return false };
        match node.op.as_str() {
            "Softmax" | "LogSoftmax" => return true,
            "Identity" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose" | "Flatten" => {
            }
            _ => return false,
        }
        let Some(next) = node.inputs.first() else { return false };
        value = next;
    }
    false
}

/// Returns the message for layers that multiply by a matrix and by its transpose.
fn both_ways(stored: &Stored, weight: &str) -> String {
    format!(
        "layers that lead to the outputs multiply by {} and by its transpose; choose by --weight {weight} (V x d), with \
         --transpose for d x V",
        stored.described(weight)
    )
}

/// Returns the linear layers from which `output` is reached without passing another one. Other operations that could
/// be a layer end the search as well, and are added to `opaque`.
fn last_layers<'a>(
    flow: &Flow<'a>,
    output: &'a str,
    opaque: &mut Vec<&'a Node>,
) -> Vec<Linear<'a>> {
    let (mut open, mut seen, mut found) = (vec![output], HashSet::from([output]), Vec::new());
    while let Some(value) = open.pop() {
        let Some(node) = flow.producer(value) else { continue };
        if let Some(linear) = linear(flow, node) {
            found.push(linear);
            continue;
        }
        if OPAQUE.contains(&node.op.as_str()) || node.is_foreign() {
            opaque.push(node);
            continue;
        }
        for input in node.inputs.iter().filter(|name| !name.is_empty()) {
            if seen.insert(input) {
                open.push(input);
            }
        }
    }
    found
}

/// Returns the message for a last layer that is not read as a linear layer.
fn not_read(flow: &Flow, node: &Node) -> String {
    let what =
        match node.op.as_str() {
            "If" | "Loop" | "Scan" | "SequenceMap" => {
                "holds graphs of its own, which are not searched".to_owned()
            }
            "Gemm" if node.inputs.get(1).is_some_and(|name| flow.matrix(name).is_some()) => {
                "adds what is not one stored number a token".to_owned()
            }
            "MatMul" | "Gemm" | "FusedMatMul" | "Einsum" => {
                match node.inputs.iter().filter_map(|i| flow.producer(i)).find(|made| {
                    made.outputs.first().is_some_and(|output| flow.is_constant(output))
                }) {
                    Some(made) => {
                        format!("multiplies by what {} computes of stored tensors", named(made))
                    }
                    None => "has no stored matrix as its weight".to_owned(),
                }
            }
            _ if node.is_foreign() => {
                "is an operation that the model defines itself, or one of a domain that is not known: what it does is not \
                 read"
                    .to_owned()
            }
            _ => "is not read as a linear layer with a stored weight".to_owned(),
        };
    format!(
        "the last layer before the graph's output is {}, which {what}; export the model with a plain MatMul or Gemm for its \
         output layer (constants folded), or name the matrix by --weight (and --bias){}",
        named(node),
        flow.stored.listed()
    )
}

/// Returns the error for several linear layers that lead to outputs.
fn several(stored: &Stored, ends: &[OutputHead]) -> Error {
    let mut weights: Vec<&str> = ends.iter().map(|end| end.head.weight.as_str()).collect();
    weights.sort_unstable();
    weights.dedup();
    let names: Vec<String> = weights
        .iter()
        .map(|weight| {
            let mut outputs: Vec<&str> = ends
                .iter()
                .filter(|end| end.head.weight == *weight)
                .map(|end| end.output)
                .collect();
            outputs.dedup();
            format!("{} (output `{}`)", stored.described(weight), outputs.join("`, `"))
        })
        .collect();
    Error::head(
        stored.path,
        format!(
            "{} linear layers lead to the outputs of the graph: {}; choose by --weight (and --bias, --transpose)",
            weights.len(),
            names.join(", ")
        ),
    )
}
