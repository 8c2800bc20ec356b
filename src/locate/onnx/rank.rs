//! Finds the number of axes of a value: as the file states it, or as the operations before it show.

use super::flow::Flow;
use crate::checkpoint::onnx::Node;

/// The largest number of operations that are traced back.
const DEEPEST: usize = 64;

/// Operations whose result has as many axes as their first input.
const SAME: [&str; 40] = [
    "Identity",
    "Cast",
    "Dropout",
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Erf",
    "Gelu",
    "FastGelu",
    "Elu",
    "Selu",
    "Softplus",
    "Clip",
    "Exp",
    "Sqrt",
    "Neg",
    "Softmax",
    "LogSoftmax",
    "LayerNormalization",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "RMSNormalization",
    "BatchNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "MaxPool",
    "AveragePool",
    "GlobalMaxPool",
    "GlobalAveragePool",
    "Conv",
    "Slice",
    "Pad",
    "Concat",
    "Split",
    "Expand",
    "Resize",
];

/// Returns the number of axes of `value`, if it is known.
pub(super) fn rank(flow: &Flow, value: &str) -> Option<usize> {
    follow(flow, value, DEEPEST)
}

/// Returns 2 if the result of a product is known to have two axes, from elementwise operations after it. A product
/// has at least two axes, and elementwise operations do not remove any: if two are left there were two before.
pub(super) fn two_behind(flow: &Flow, product: &str) -> Option<usize> {
    let mut value = product;
    for _ in 0..DEEPEST {
        if let Some(rank) = flow.graph.rank_of(value) {
            return (rank == 2).then_some(2);
        }
        let user = flow.graph.users_of(value).find(|node| {
            ELEMENTWISE.contains(&node.op.as_str()) || SAME[..22].contains(&node.op.as_str())
        })?;
        value = user.outputs.first()?;
    }
    None
}

/// Operations that broadcast one operand over the other: the result has at least as many axes as either.
const ELEMENTWISE: [&str; 7] = ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"];

/// Returns the number of axes of `value`, through at most `left` operations.
fn follow(flow: &Flow, value: &str, left: usize) -> Option<usize> {
    if let Some(rank) = flow.graph.rank_of(value) {
        return Some(rank);
    }
    if let Some(info) = flow.stored.get(value) {
        return Some(info.shape.len());
    }
    let node = flow.producer(value)?;
    let left = left.checked_sub(1)?;
    let of = |at: usize| follow(flow, node.inputs.get(at)?, left);
    match node.op.as_str() {
        "Gemm" => Some(2),
        "Transpose" => node.ints("perm").map(<[i64]>::len).or_else(|| of(0)),
        "Reshape" => Some(flow.graph.integers_of(node.inputs.get(1)?)?.len()),
        "Flatten" => Some(2),
        "Squeeze" => of(0)?.checked_sub(axes(flow, node)?),
        "Unsqueeze" => Some(of(0)? + axes(flow, node)?),
        "MatMul" | "FusedMatMul" => match (of(0)?, of(1)?) {
            (1, _) | (_, 1) => None,
            (a, b) => Some(a.max(b)),
        },
        "MatMulNBits" | "DynamicQuantizeLinear" => of(0),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" => Some(of(0)?.max(of(1)?)),
        op if SAME.contains(&op) => of(0),
        _ => None,
    }
}

/// Returns the number of axes that a change of shape names.
fn axes(flow: &Flow, node: &Node) -> Option<usize> {
    match node.ints("axes") {
        Some(axes) => Some(axes.len()),
        None => Some(flow.graph.integers_of(node.inputs.get(1)?)?.len()),
    }
}

/// Returns the axis, counted from the last one, of a constant that has `length` numbers along it and one along all
/// others.
pub(super) fn place_of_only(shape: &[usize], length: usize) -> Option<usize> {
    let place = shape.iter().rev().position(|&n| n == length)?;
    let others = shape.iter().rev().enumerate().filter(|(at, _)| *at != place);
    others.map(|(_, n)| *n).all(|n| n == 1).then_some(place + 1)
}
