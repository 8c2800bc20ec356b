//! Finds what stands before the head in an ONNX graph: an activation, by its operator or written out, or a norm.

use super::super::activation::Activation;
use super::super::final_norm::{NormDescription, NormKind};
use super::flow::Flow;
use super::linear::{Axis, Linear};
use crate::checkpoint::Values;
use crate::checkpoint::onnx::{Attribute, Node};

/// What stands before a head.
pub(super) enum Before {
    Activation(Activation),
    Norm(NormDescription),
    Unknown,
}

/// Operations that rearrange, select or pool values. They keep the range of an activation, which is the same for all
/// coordinates.
const MOVES: [&str; 14] = [
    "Identity",
    "Cast",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Flatten",
    "Dropout",
    "Slice",
    "Gather",
    "Expand",
    "GlobalMaxPool",
    "GlobalAveragePool",
    "ReduceMax",
];

/// Follows the input of the head back to the operation that bounds it; `dim` is d.
pub(super) fn before(flow: &Flow, head: &Linear, dim: usize) -> Before {
    // A norm is over the last axis.
    let last = match head.coordinates {
        Axis::FromEnd(at) => at == 1,
        Axis::Channels { .. } => false,
    };
    let (mut value, mut coordinates_kept) = (head.input, last);
    for _ in 0..64 {
        let Some(node) = flow.producer(value) else { return Before::Unknown };
        // Second outputs are means, masks, and the sum that a skip norm normalises.
        if node.outputs.first().is_none_or(|made| made != value) {
            return Before::Unknown;
        }
        if let Some(activation) = activation(flow, node) {
            return Before::Activation(activation);
        }
        if let Some(stated) = norm(flow, node) {
            // After a pooling or transposition, gain and shift are no longer those of the coordinates.
            let gains = |name: &String| {
                let info = flow.stored.get(name);
                info.is_some_and(|info| info.shape.iter().product::<usize>() == dim)
            };
            let fits = stated.weight.iter().chain(&stated.bias).all(gains);
            return if coordinates_kept && fits { Before::Norm(stated) } else { Before::Unknown };
        }
        if !MOVES.contains(&node.op.as_str()) {
            return Before::Unknown;
        }
        coordinates_kept &= match node.op.as_str() {
            "Gather" => {
                let rank = node.inputs.first().and_then(|name| super::rank::rank(flow, name));
                is_before_last(node.int("axis").unwrap_or(0), rank)
            }
            // An axis of one may come or go before the last axis, which then stays the last.
            "Squeeze" | "Unsqueeze" => {
                let wide =
                    if node.op == "Squeeze" { node.inputs.first() } else { node.outputs.first() };
                let rank = wide.and_then(|name| super::rank::rank(flow, name));
                let axes = match node.ints("axes") {
                    Some(axes) => Some(axes.to_vec()),
                    None => node.inputs.get(1).and_then(|name| flow.integers(name)),
                };
                axes.is_some_and(|axes| axes.iter().all(|&axis| is_before_last(axis, rank)))
            }
            op => ["Identity", "Cast", "Dropout"].contains(&op),
        };
        let Some(next) = node.inputs.first() else { return Before::Unknown };
        value = next;
    }
    Before::Unknown
}

/// Whether `axis` is not the last of `rank` axes. If the rank is not known, only where that holds for any rank; the
/// input of a product has at least two axes.
fn is_before_last(axis: i64, rank: Option<usize>) -> bool {
    match (axis, rank) {
        (..0, _) => axis < -1,
        (_, Some(rank)) => axis < rank as i64 - 1,
        (axis, None) => axis == 0,
    }
}

/// Returns the number of a stored scalar.
pub(super) fn scalar(flow: &Flow, name: &str) -> Option<f64> {
    let name = flow.constant(name)?;
    if flow.stored.get(&name)?.shape.iter().any(|&n| n != 1) {
        return None;
    }
    match flow.stored.checkpoint.read(&name).ok()?.values {
        Values::F32(x) => x.first().map(|&x| f64::from(x)),
        Values::F64(x) => x.first().copied(),
    }
}

/// Returns the activation that an operation computes, if it is one.
fn activation(flow: &Flow, node: &Node) -> Option<Activation> {
    let float = |name: &str, default: f32| f64::from(node.float(name).unwrap_or(default));
    let infinite = f64::INFINITY;
    Some(match node.op.as_str() {
        "Relu" => Activation::relu(),
        "Sigmoid" => Activation::sigmoid(),
        "Tanh" => Activation::tanh(),
        "HardSigmoid" => Activation::new("hard sigmoid", 0.0, 1.0),
        "Softmax" => Activation::new("softmax", 0.0, 1.0),
        "Softsign" => Activation::new("softsign", -1.0, 1.0),
        "Softplus" => Activation::new("softplus", 0.0, infinite),
        // `x max(0, min(1, x/6 + 1/2))`, with these constants by definition.
        "HardSwish" => Activation::hard_swish(1.0 / 6.0, 0.5),
        "Mish" => Activation::mish(),
        "Elu" if float("alpha", 1.0) >= 0.0 => {
            Activation::new("ELU", -float("alpha", 1.0), infinite)
        }
        "Gelu" | "FastGelu" => {
            let tanh =
                matches!(node.attribute("approximate"), Some(Attribute::Text(t)) if t == b"tanh");
            match node.op == "FastGelu" || tanh {
                true => Activation::gelu_tanh(),
                false => Activation::gelu(std::f64::consts::SQRT_2),
            }
        }
        "QuickGelu" if float("alpha", 1.702) > 0.0 => Activation::swish(float("alpha", 1.702)),
        "Clip" => clip(flow, node)?,
        "Mul" => product(flow, node)?,
        _ => return None,
    })
}

/// Returns the activation of a `Clip` with constant bounds, as inputs or, before opset 11, as attributes.
fn clip(flow: &Flow, node: &Node) -> Option<Activation> {
    let end =
        |at: usize, name: &str, without: f64| match node.inputs.get(at).filter(|n| !n.is_empty()) {
            Some(input) => scalar(flow, input),
            None => Some(node.float(name).map_or(without, f64::from)),
        };
    let (lo, hi) = (end(1, "min", f64::NEG_INFINITY)?, end(2, "max", f64::INFINITY)?);
    (lo <= hi).then(|| Activation::new(format!("clip to {lo} .. {hi}"), lo, hi))
}

/// Returns the activation that a product computes: Swish and hard Swish of one value, GELU with erf.
fn product(flow: &Flow, node: &Node) -> Option<Activation> {
    let [a, b] = &node.inputs[..] else { return None };
    [(a, b), (b, a)]
        .into_iter()
        .find_map(|(x, gate)| swish(flow, x, gate))
        .or_else(|| gelu(flow, node))
}

/// Recognises `x * sigmoid(b x)` and `x * hard_sigmoid(x)`.
fn swish(flow: &Flow, x: &str, gate: &str) -> Option<Activation> {
    let gate = flow.producer(gate)?;
    let inner = gate.inputs.first()?;
    match gate.op.as_str() {
        "Sigmoid" if inner == x => Some(Activation::swish(1.0)),
        "Sigmoid" => {
            let scaled = flow.producer(inner).filter(|n| n.op == "Mul")?;
            let [a, b] = &scaled.inputs[..] else { return None };
            let factor = if a == x { scalar(flow, b) } else { scalar(flow, a).filter(|_| b == x) };
            factor.filter(|f| *f > 0.0 && f.is_finite()).map(Activation::swish)
        }
        "HardSigmoid" if inner == x => {
            let (alpha, beta) =
                (gate.float("alpha").unwrap_or(0.2), gate.float("beta").unwrap_or(0.5));
            (alpha > 0.0 && beta > 0.0)
                .then(|| Activation::hard_swish(f64::from(alpha), f64::from(beta)))
        }
        _ => None,
    }
}

/// Recognises `x * (1 + erf(x / c)) * 1/2`, in any order and grouping, with `c` the square root of two to single
/// precision.
fn gelu(flow: &Flow, node: &Node) -> Option<Activation> {
    let (mut factor, mut xs, mut erf) = (1.0, Vec::new(), None);
    let mut open: Vec<&str> = node.inputs.iter().map(String::as_str).collect();
    for _ in 0..8 {
        let Some(value) = open.pop() else { break };
        if let Some(number) = scalar(flow, value) {
            factor *= number;
        } else if let Some(inner) = one_plus_erf(flow, value) {
            if erf.replace(inner).is_some() {
                return None;
            }
        } else if let Some(inner) =
            flow.producer(value).filter(|n| n.op == "Mul" && xs.is_empty() && holds_gelu(flow, n))
        {
            open.extend(inner.inputs.iter().map(String::as_str));
        } else {
            xs.push(value);
        }
    }
    let ((x, c), [only]) = (erf?, &xs[..]) else { return None };
    let near = (c / std::f64::consts::SQRT_2 - 1.0).abs() < 1e-3;
    (open.is_empty() && x == *only && factor == 0.5 && near).then(|| Activation::gelu(c))
}

/// Whether a product is a part of a GELU: a constant or the erf term is among its factors.
fn holds_gelu(flow: &Flow, node: &Node) -> bool {
    node.inputs.iter().any(|i| scalar(flow, i).is_some() || one_plus_erf(flow, i).is_some())
}

/// Returns the `x` and `c` of `1 + erf(x / c)`.
fn one_plus_erf<'a>(flow: &Flow<'a>, value: &str) -> Option<(&'a str, f64)> {
    let sum = flow.producer(value).filter(|n| n.op == "Add")?;
    let [a, b] = &sum.inputs[..] else { return None };
    let erf = match (scalar(flow, a), scalar(flow, b)) {
        (Some(1.0), None) => b,
        (None, Some(1.0)) => a,
        _ => return None,
    };
    let erf = flow.producer(erf).filter(|n| n.op == "Erf")?;
    let scaled = flow.producer(erf.inputs.first()?)?;
    let [x, c] = &scaled.inputs[..] else { return None };
    let c = scalar(flow, c).filter(|c| *c > 0.0 && c.is_finite())?;
    match scaled.op.as_str() {
        "Div" => Some((x, c)),
        "Mul" => Some((x, 1.0 / c)),
        _ => None,
    }
}

/// Returns the norm over the last axis that an operation computes, by its operator or as exporters write LayerNorm
/// out.
fn norm(flow: &Flow, node: &Node) -> Option<NormDescription> {
    let epsilon = |default: f32| Some(f64::from(node.float("epsilon").unwrap_or(default)));
    let rank = node.inputs.first().and_then(|name| super::rank::rank(flow, name));
    let is_last = |axis: i64| axis == -1 || rank.is_some_and(|rank| axis == rank as i64 - 1);
    let last = is_last(node.int("axis").unwrap_or(-1));
    let (kind, gain, shift, epsilon) = match node.op.as_str() {
        "LayerNormalization" if last => {
            let shift = node.inputs.get(2).filter(|n| !n.is_empty());
            (NormKind::LayerNorm, node.inputs.get(1)?, shift, epsilon(1e-5))
        }
        "RMSNormalization" | "SimplifiedLayerNormalization" if last => {
            (NormKind::RmsNorm, node.inputs.get(1)?, None, epsilon(1e-5))
        }
        // The inputs are: value, skip, gamma, beta, bias of the sum.
        "SkipLayerNormalization" => {
            let shift = node.inputs.get(3).filter(|n| !n.is_empty());
            (NormKind::LayerNorm, node.inputs.get(2)?, shift, epsilon(1e-12))
        }
        "SkipSimplifiedLayerNormalization" => {
            (NormKind::RmsNorm, node.inputs.get(2)?, None, epsilon(1e-12))
        }
        "Add" => return written_out(flow, node),
        _ => return None,
    };
    Some(NormDescription {
        kind,
        weight: Some(flow.constant(gain)?),
        bias: match shift {
            Some(name) => Some(flow.constant(name)?),
            None => None,
        },
        epsilon,
        factor: 1.0,
        one_plus: false,
    })
}

/// Recognises `(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gain + shift`, as PyTorch's exporter writes
/// LayerNorm.
fn written_out(flow: &Flow, add: &Node) -> Option<NormDescription> {
    let operation = |name: &str, op: &str| flow.producer(name).filter(|n| n.op == op);
    // Splits two inputs into the one that is not constant and the constant.
    let split = |node: &'_ Node| -> Option<(String, String)> {
        let [a, b] = &node.inputs[..] else { return None };
        match (flow.constant(a), flow.constant(b)) {
            (None, Some(constant)) => Some((a.clone(), constant)),
            (Some(constant), None) => Some((b.clone(), constant)),
            _ => None,
        }
    };
    let (scaled, shift) = split(add)?;
    let (quotient, gain) = split(operation(&scaled, "Mul")?)?;
    let [centred, root] = &operation(&quotient, "Div")?.inputs[..] else { return None };
    let [x, mean] = &operation(centred, "Sub")?.inputs[..] else { return None };
    // Without axes a mean is over all of them; from opset 18 on the axes are an input.
    let rank = super::rank::rank(flow, x);
    let of_last_axis = |node: &Node| {
        let axes = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => node.inputs.get(1).and_then(|name| flow.integers(name)),
        };
        let kept = node.int("keepdims").unwrap_or(1) == 1;
        kept && axes.is_some_and(|axes| match axes[..] {
            [axis] => axis == -1 || rank.is_some_and(|rank| axis == rank as i64 - 1),
            _ => false,
        })
    };
    let mean = operation(mean, "ReduceMean").filter(|n| of_last_axis(n))?;
    (mean.inputs.first() == Some(x)).then_some(())?;
    let (variance, epsilon) = split(operation(operation(root, "Sqrt")?.inputs.first()?, "Add")?)?;
    let variance = operation(&variance, "ReduceMean").filter(|n| of_last_axis(n))?;
    let square = flow.producer(variance.inputs.first()?)?;
    let squares = match square.op.as_str() {
        "Pow" => {
            square.inputs.first() == Some(centred) && scalar(flow, square.inputs.get(1)?)? == 2.0
        }
        "Mul" => square.inputs.iter().all(|i| i == centred),
        _ => false,
    };
    squares.then_some(())?;
    Some(NormDescription {
        kind: NormKind::LayerNorm,
        weight: Some(gain),
        bias: Some(shift),
        epsilon: Some(scalar(flow, &epsilon)?),
        factor: 1.0,
        one_plus: false,
    })
}
