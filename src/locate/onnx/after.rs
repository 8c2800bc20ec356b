//! Follows the result of a head to an output of the graph.
//!
//! The path is followed operation by operation. Each value on it is either one number per token, which is an
//! increasing function of `scale * logit + offset` with an offset per token, or the same number for all tokens (a sum
//! or a largest value). Anything else is refused by the operation's name: a mask, a selection of rows, a limit that
//! makes ties.

use std::collections::HashMap;

use super::super::exact::{product, quotient};
use super::flow::{Flow, named};
use super::linear::{Axis, Linear};
use crate::checkpoint::onnx::Node;

/// Operations that are strictly increasing functions of one number.
const INCREASING: [&str; 12] = [
    "Sigmoid",
    "Tanh",
    "Exp",
    "Softplus",
    "Softsign",
    "Erf",
    "Atan",
    "Sinh",
    "Asinh",
    "Elu",
    "Selu",
    "LeakyRelu",
];

/// Operations that leave every number as it is, or round it to another floating-point type. Rounding to eight bits
/// (`QuantizeLinear`) has limits, and makes ties as `Clip` does.
const UNCHANGED: [&str; 4] = ["Identity", "Cast", "Dropout", "CastLike"];

/// Operations on a number that all tokens share.
const ON_SHARED: [&str; 8] =
    ["Log", "Exp", "Sqrt", "Unsqueeze", "Squeeze", "Reshape", "Expand", "Reciprocal"];

/// A value that depends on the logits of the head.
#[derive(Clone, Debug)]
enum Value {
    PerToken(PerToken),
    /// The same number for all tokens; `positive` if it is known to be positive.
    Shared {
        positive: bool,
    },
}

/// One number per token, and how it depends on the logit.
#[derive(Clone, Debug)]
struct PerToken {
    axis: Axis,
    /// The number of axes, if it is known.
    rank: Option<usize>,
    /// The factor of the logits.
    scale: f64,
    /// Constants that are added, each with its factor.
    offsets: Vec<(String, f64)>,
    /// Whether the number is `scale * logit + offset`, up to a number that all tokens share.
    affine: bool,
    /// Whether the number is an exponential, hence positive.
    positive: bool,
}

/// The operations between the head and an output, summed up.
#[derive(Clone, Debug, Default)]
pub(super) struct After {
    /// The factor of the logits.
    pub scale: f64,
    /// Constants that are added, each with its factor.
    pub offsets: Vec<(String, f64)>,
    /// The operations on the path, all of which keep the order.
    pub passed: Vec<String>,
}

impl After {
    /// Whether the numbers of `other` are these times a positive factor.
    pub fn is_multiple(&self, other: &After) -> bool {
        let alike = |((one, a), (two, b)): (&(String, f64), &(String, f64))| {
            let products = product(*a, other.scale).zip(product(*b, self.scale));
            one == two && products.is_some_and(|(x, y)| x == y)
        };
        (self.scale, &self.offsets) == (other.scale, &other.offsets)
            || self.offsets.len() == other.offsets.len()
                && self.offsets.iter().zip(&other.offsets).all(alike)
    }
}

/// Follows the result of `head` to the value `output`.
///
/// # Errors
/// The first operation that `W h + b` cannot express; the error is a sentence.
pub(super) fn follow(flow: &Flow, head: &Linear, output: &str) -> Result<After, String> {
    let tokens = head.tokens(flow).ok_or("the head has no shape")?;
    let mut values: HashMap<&str, Value> = HashMap::new();
    let mut logits = PerToken {
        axis: head.axis,
        rank: rank(flow, head),
        scale: f64::from(head.scale),
        offsets: Vec::new(),
        affine: true,
        positive: false,
    };
    if let Some((name, factor)) = &head.bias {
        logits.offsets.push((name.clone(), f64::from(*factor)));
    }
    if !(head.scale > 0.0 && head.scale.is_finite()) {
        return Err(format!("{} multiplies by {}", named(head.node), head.scale));
    }
    let first = head.node.outputs.first().ok_or("the head makes nothing")?;
    values.insert(first, Value::PerToken(logits));
    let needed = needed(flow, first, output);
    let mut passed: Vec<String> = Vec::new();
    for node in flow.graph.nodes.iter().filter(|node| needed.contains(&std::ptr::from_ref(*node))) {
        let value = step(flow, node, &values, tokens)
            .ok_or_else(|| format!("{} follows the head", named(node)))?;
        if matches!(value, Value::PerToken(_)) {
            let op = node.op.clone();
            let silent = ["Add", "Identity", "Cast", "Dropout"].contains(&op.as_str());
            if !silent && !passed.contains(&op) {
                passed.push(op);
            }
        }
        // Both outputs of `TopK`, values and indices, depend on the head; other second outputs are masks and the
        // like.
        let made = if node.op == "TopK" { 2 } else { 1 };
        for made in node.outputs.iter().take(made).filter(|name| !name.is_empty()) {
            values.insert(made, value.clone());
        }
    }
    match values.remove(output) {
        Some(Value::PerToken(logits)) => {
            Ok(After { scale: logits.scale, offsets: logits.offsets, passed })
        }
        _ => Err(format!("the output `{output}` does not have one number per token")),
    }
}

/// Returns the operations between `first` and `output`: those that depend on the one and lead to the other.
fn needed<'a>(flow: &Flow<'a>, first: &str, output: &str) -> Vec<*const Node> {
    let mut depends: Vec<&str> = vec![first];
    let mut after: Vec<&'a Node> = Vec::new();
    for node in &flow.graph.nodes {
        let made = node.outputs.iter().any(|o| o == first);
        if !made && node.inputs.iter().any(|i| depends.contains(&i.as_str())) {
            depends.extend(node.outputs.iter().filter(|o| !o.is_empty()).map(String::as_str));
            after.push(node);
        }
    }
    let mut wanted: Vec<&str> = vec![output];
    let mut needed = Vec::new();
    for node in after.into_iter().rev() {
        if node.outputs.iter().any(|o| wanted.contains(&o.as_str())) {
            wanted.extend(node.inputs.iter().map(String::as_str));
            needed.push(std::ptr::from_ref(node));
        }
    }
    needed
}

/// Returns the result of one operation on values that depend on the head; `None` where it is not known to keep the
/// order.
fn step(flow: &Flow, node: &Node, values: &HashMap<&str, Value>, tokens: usize) -> Option<Value> {
    let op = node.op.as_str();
    match op {
        "Add" | "Sub" | "Mul" | "Div" | "Max" | "Min" => {
            return arithmetic(flow, node, values, tokens);
        }
        "Sum" => return None,
        _ => {}
    }
    // Every other operation works on its first input, with constants as its other inputs.
    let first = values.get(node.inputs.first()?.as_str())?;
    if node.inputs.iter().skip(1).any(|name| values.contains_key(name.as_str())) {
        return None;
    }
    let logits = match first {
        Value::Shared { positive } => return step_of_shared(node, *positive),
        Value::PerToken(logits) => logits.clone(),
    };
    match op {
        _ if UNCHANGED.contains(&op) => {
            // A cast to integers makes ties, and the type of another value (`CastLike`) is not known.
            let whole = op == "Cast" && is_whole(node) || op == "CastLike";
            (!whole).then_some(Value::PerToken(logits))
        }
        "Softmax" | "LogSoftmax" | "Log" => increasing(node, logits),
        _ if INCREASING.contains(&op) => increasing(node, logits),
        "ArgMax" | "Hardmax" | "TopK" => {
            let axis = node.int("axis").unwrap_or(if op == "ArgMax" { 0 } else { -1 });
            let largest = op != "TopK" || node.int("largest").unwrap_or(1) == 1;
            (is_token_axis(&logits, axis)? && largest).then_some(Value::PerToken(logits))
        }
        "Transpose" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => {
            reshaped(flow, node, logits, tokens).map(Value::PerToken)
        }
        "Slice" | "Gather" => selected(flow, node, logits).map(Value::PerToken),
        _ => reduced(flow, node, logits),
    }
}

/// Returns the result of an operation on a number that all tokens share.
fn step_of_shared(node: &Node, positive: bool) -> Option<Value> {
    let op = node.op.as_str();
    // A cast to integers may give 0.
    let lost = op == "Log" || op == "Cast" && is_whole(node) || op == "CastLike";
    let positive = (positive || op == "Exp") && !lost;
    // Such a value has no axis of tokens, so it can only be broadcast again.
    let kept = UNCHANGED.contains(&op) || ON_SHARED.contains(&op);
    kept.then_some(Value::Shared { positive })
}

/// Returns the result of an increasing function of each token's number.
fn increasing(node: &Node, logits: PerToken) -> Option<Value> {
    match node.op.as_str() {
        op @ ("Softmax" | "LogSoftmax") => {
            // Before opset 13 all axes from this one on are merged; with the default axis that is not the same.
            let axis = node.int("axis").unwrap_or(-1);
            is_token_axis(&logits, axis)?.then_some(())?;
            after_increasing(logits, op == "Softmax", op == "LogSoftmax")
        }
        // A number that may be negative has no logarithm.
        "Log" if logits.positive => after_increasing(logits, false, false),
        "Log" => None,
        op => {
            let falls = |name: &str| node.float(name).is_some_and(|x| !(x > 0.0));
            if falls("alpha") || falls("gamma") {
                return None;
            }
            after_increasing(logits, op == "Exp", false)
        }
    }
}

/// Returns the result of a sum, a mean or an extreme over axes; `None` for any other operation, too.
fn reduced(flow: &Flow, node: &Node, logits: PerToken) -> Option<Value> {
    let op = node.op.as_str();
    match op {
        "ReduceMax" | "ReduceSum" | "ReduceLogSumExp" | "ReduceMean" | "ReduceMin" => {
            let axes = axes(flow, node)?;
            match axes[..] {
                [axis] if is_token_axis(&logits, axis)? => {
                    Some(Value::Shared { positive: logits.positive })
                }
                // A mean over positions is the head at the mean of their hidden states.
                [axis] if op == "ReduceMean" && logits.affine => {
                    let kept = node.int("keepdims").unwrap_or(1) == 1;
                    Some(Value::PerToken(if kept { logits } else { squeezed(logits, &[axis])? }))
                }
                _ => None,
            }
        }
        "GlobalAveragePool" if logits.affine && matches!(logits.axis, Axis::Channels { .. }) => {
            Some(Value::PerToken(logits))
        }
        _ => None,
    }
}

/// Returns the value after a change of shape that keeps the tokens on one axis.
fn reshaped(flow: &Flow, node: &Node, logits: PerToken, tokens: usize) -> Option<PerToken> {
    match node.op.as_str() {
        "Transpose" => {
            let perm = node.ints("perm")?;
            let at = from_start(logits.axis, perm.len())?;
            let to = perm.iter().position(|&p| p == at as i64)?;
            let (axis, rank) = (Axis::FromEnd(perm.len() - to), Some(perm.len()));
            Some(PerToken { axis, rank, ..logits })
        }
        "Squeeze" => {
            let axes = axes(flow, node)?;
            squeezed(logits, &axes)
        }
        "Unsqueeze" => {
            let axes = axes(flow, node)?;
            let (axis, rank) =
                (inserted(logits.axis, &axes)?, logits.rank.map(|rank| rank + axes.len()));
            Some(PerToken { axis, rank, ..logits })
        }
        "Reshape" => {
            let shape = node.inputs.get(1)?;
            let rank = flow.integers(shape).map(|shape| shape.len());
            let keeps = logits.axis == Axis::FromEnd(1) && ends_in_tokens(flow, shape, tokens);
            keeps.then_some(PerToken { rank, ..logits })
        }
        "Flatten" => {
            let two = logits.rank == Some(2);
            let pooled = matches!(logits.axis, Axis::Channels { .. }) && is_pooled(flow, node);
            let last = logits.axis == Axis::FromEnd(1) && (two || node.int("axis") == Some(-1));
            (last || pooled && node.int("axis").unwrap_or(1) == 1).then_some(PerToken {
                axis: Axis::FromEnd(1),
                rank: Some(2),
                ..logits
            })
        }
        _ => None,
    }
}

/// Returns the value after a selection of positions, with every token of each.
fn selected(flow: &Flow, node: &Node, logits: PerToken) -> Option<PerToken> {
    match node.op.as_str() {
        "Slice" => {
            let axes = match node.ints("axes") {
                Some(axes) => axes.to_vec(),
                None => flow.integers(node.inputs.get(3)?)?,
            };
            let mut kept = true;
            for axis in axes {
                kept &= !is_token_axis(&logits, axis)?;
            }
            kept.then_some(logits)
        }
        "Gather" => {
            let axis = node.int("axis").unwrap_or(0);
            // A single index removes its axis, several keep it: with tokens on the last axis both are fine.
            (!is_token_axis(&logits, axis)? && logits.axis == Axis::FromEnd(1))
                .then_some(PerToken { rank: None, ..logits })
        }
        _ => None,
    }
}

/// Whether a cast goes to a type that is not floating-point.
fn is_whole(node: &Node) -> bool {
    !matches!(node.int("to"), Some(1 | 10 | 11 | 16))
}

/// Returns the value after an increasing function; `shift` if that only subtracts a number that all tokens share.
fn after_increasing(logits: PerToken, positive: bool, shift: bool) -> Option<Value> {
    let affine = logits.affine && shift;
    Some(Value::PerToken(PerToken { affine, positive, ..logits }))
}

/// Returns a sum, difference, product or quotient with a constant or with a number that all tokens share.
fn arithmetic(
    flow: &Flow,
    node: &Node,
    values: &HashMap<&str, Value>,
    tokens: usize,
) -> Option<Value> {
    let [a, b] = &node.inputs[..] else { return None };
    let (one, other) = (values.get(a.as_str()), values.get(b.as_str()));
    let op = node.op.as_str();
    match (one, other) {
        (Some(Value::PerToken(logits)), Some(Value::Shared { positive })) => {
            let logits = logits.clone();
            match op {
                "Add" | "Sub" => Some(Value::PerToken(logits)),
                "Mul" | "Div" if *positive => {
                    after_increasing(logits.clone(), logits.positive, false)
                }
                _ => None,
            }
        }
        (Some(Value::Shared { positive }), Some(Value::PerToken(logits))) => match op {
            "Add" => Some(Value::PerToken(logits.clone())),
            "Mul" if *positive => after_increasing(logits.clone(), logits.positive, false),
            _ => None,
        },
        (Some(Value::Shared { positive }), Some(Value::Shared { positive: also })) => {
            Some(Value::Shared { positive: stays_positive(op, *positive, *also) })
        }
        (Some(Value::Shared { positive }), None) | (None, Some(Value::Shared { positive })) => {
            // With a constant that is the same for all tokens the value stays the same for all of them.
            let constant = if one.is_some() { b } else { a };
            let number = super::before::scalar(flow, constant)?;
            let also = number > 0.0 && number.is_finite();
            Some(Value::Shared { positive: stays_positive(op, *positive, also) })
        }
        (Some(Value::PerToken(logits)), None) => {
            with_constant(flow, node, logits.clone(), b, tokens)
        }
        (None, Some(Value::PerToken(logits))) if matches!(op, "Add" | "Mul") => {
            with_constant(flow, node, logits.clone(), a, tokens)
        }
        _ => None,
    }
}

/// Whether the result of an operation on two numbers is known to be positive, from whether they are.
fn stays_positive(op: &str, one: bool, other: bool) -> bool {
    match op {
        "Add" | "Mul" | "Div" | "Min" => one && other,
        "Max" => one || other,
        _ => false,
    }
}

/// Returns the value after a constant is added, subtracted, multiplied or divided by.
fn with_constant(
    flow: &Flow,
    node: &Node,
    logits: PerToken,
    constant: &str,
    tokens: usize,
) -> Option<Value> {
    let op = node.op.as_str();
    if let Some(number) = super::before::scalar(flow, constant) {
        return match op {
            "Add" | "Sub" if number.is_finite() => {
                Some(Value::PerToken(PerToken { positive: false, ..logits }))
            }
            // A limit (Max, Min) makes ties, so it is not among these.
            "Mul" | "Div" if number > 0.0 && number.is_finite() => {
                let by = |x: f64| match op {
                    "Mul" => product(x, number),
                    _ => quotient(x, number),
                };
                // After an increasing function, a positive factor is only one more increasing function.
                if !logits.affine {
                    return Some(Value::PerToken(logits));
                }
                let offsets: Option<Vec<_>> =
                    logits.offsets.iter().map(|(name, f)| Some((name.clone(), by(*f)?))).collect();
                match (by(logits.scale), offsets) {
                    (Some(scale), Some(offsets)) => {
                        Some(Value::PerToken(PerToken { scale, offsets, ..logits }))
                    }
                    // The factor itself does not matter as long as nothing else is added.
                    _ => after_increasing(logits.clone(), logits.positive, false),
                }
            }
            _ => None,
        };
    }
    let name = flow.constant(constant)?;
    // Broadcasting aligns the axes at the last one.
    let shape = flow.constant_shape(constant)?;
    let one_a_token = super::rank::place_of_only(&shape, tokens) == Some(from_end(logits.axis));
    if !one_a_token || !matches!(op, "Add" | "Sub") || !logits.affine {
        return None;
    }
    let mut logits = logits;
    logits.offsets.push((name, if op == "Add" { 1.0 } else { -1.0 }));
    logits.positive = false;
    Some(Value::PerToken(logits))
}

/// Returns the axes of a reduction or change of shape, from the attribute or a stored input.
fn axes(flow: &Flow, node: &Node) -> Option<Vec<i64>> {
    match node.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => flow.integers(node.inputs.get(1)?),
    }
}

/// Returns the number of axes of a head's result, if it is known.
fn rank(flow: &Flow, head: &Linear) -> Option<usize> {
    let made = head.node.outputs.first().and_then(|name| super::rank::rank(flow, name));
    match head.axis {
        Axis::Channels { rank } => Some(rank),
        // A product with a matrix has as many axes as its other factor.
        Axis::FromEnd(_) => made
            .or_else(|| super::rank::rank(flow, head.input))
            .or_else(|| super::rank::two_behind(flow, head.node.outputs.first()?)),
    }
}

/// Whether `axis` is that of tokens; `None` where the number of axes is needed and not known.
fn is_token_axis(logits: &PerToken, axis: i64) -> Option<bool> {
    let place = from_end(logits.axis);
    match (axis, logits.rank) {
        (..0, _) => Some(place as i64 == -axis),
        (_, Some(rank)) => Some(rank.checked_sub(place)? as i64 == axis),
        // The result of a product has at least two axes, so its last axis is not the first.
        (0, None) if place == 1 => Some(false),
        _ => None,
    }
}

/// Returns the position of an axis counted from the last one, which is 1.
fn from_end(axis: Axis) -> usize {
    match axis {
        Axis::FromEnd(at) => at,
        Axis::Channels { rank } => rank - 1,
    }
}

/// Returns the position of an axis counted from the first one, which is 0.
fn from_start(axis: Axis, rank: usize) -> Option<usize> {
    rank.checked_sub(from_end(axis))
}

/// Returns the value after `axes` are removed, none of which is that of tokens.
fn squeezed(logits: PerToken, axes: &[i64]) -> Option<PerToken> {
    let place = from_end(logits.axis);
    let mut behind = 0;
    for &axis in axes {
        if is_token_axis(&logits, axis)? {
            return None;
        }
        behind += usize::from(match (axis, logits.rank) {
            (..0, _) => usize::try_from(-axis).ok()? < place,
            (_, Some(rank)) => rank.checked_sub(usize::try_from(axis).ok()?)? < place,
            // The first axis stands before that of tokens.
            _ => false,
        });
    }
    let rank = logits.rank.and_then(|rank| rank.checked_sub(axes.len()));
    Some(PerToken { axis: Axis::FromEnd(place - behind), rank, ..logits })
}

/// Returns the axis of tokens after axes of length one are inserted.
fn inserted(at: Axis, axes: &[i64]) -> Option<Axis> {
    let mut place = from_end(at);
    let mut axes = axes.to_vec();
    axes.sort_by_key(|axis| std::cmp::Reverse(*axis));
    for axis in axes {
        match axis {
            ..0 => place += usize::from(usize::try_from(-axis).ok()? <= place),
            // The axis is inserted before the last of at least two axes.
            0 | 1 if place == 1 => {}
            _ => return None,
        }
    }
    Some(Axis::FromEnd(place))
}

/// Whether a shape ends in the number of tokens, so that tokens stay on the last axis.
fn ends_in_tokens(flow: &Flow, shape: &str, tokens: usize) -> bool {
    let fits = |n: Option<&i64>| n.is_some_and(|&n| n == tokens as i64);
    if let Some(shape) = flow.integers(shape) {
        // If every other axis is copied, the last one keeps its length.
        let copied = shape.split_last().is_some_and(|(last, rest)| {
            matches!(last, -1 | 0) && !rest.is_empty() && rest.iter().all(|&n| n == 0)
        });
        return fits(shape.last()) || copied;
    }
    let parts = flow.producer(shape).filter(|node| node.op == "Concat");
    parts
        .and_then(|node| node.inputs.last())
        .and_then(|last| flow.integers(last))
        .is_some_and(|n| fits(n.last()))
}

/// Whether only one position is left of each channel.
fn is_pooled(flow: &Flow, node: &Node) -> bool {
    let made = node.inputs.first().and_then(|name| flow.producer(name));
    made.is_some_and(|node| node.op == "GlobalAveragePool")
}
