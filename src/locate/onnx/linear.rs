//! The operations that are linear layers with a stored weight.
//!
//! Integer products are such layers too: `MatMulInteger` multiplies a hidden state that was rounded to eight bits by stored
//! integers, and the scales of both follow; `MatMulNBits` multiplies by blocks of a few bits. Their weights are listed
//! dequantised, exactly: an integer times its scale.

use super::super::stored::matrix_shape;
use super::flow::Flow;
use crate::checkpoint::onnx::Node;

/// A linear layer with a stored weight.
#[derive(Clone, Debug)]
pub(super) struct Linear<'a> {
    /// The operation that makes its result.
    pub node: &'a Node,
    /// The value that enters it.
    pub input: &'a str,
    pub weight: String,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
    /// A constant that it adds, and what that is multiplied by.
    pub bias: Option<(String, f32)>,
    /// What the product is multiplied by.
    pub scale: f32,
    /// The axis of tokens in its result, counted from the last one, which is 1.
    pub axis: Axis,
    /// Whether the hidden state is rounded to eight bits before.
    pub rounded: bool,
}

/// Where tokens are in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Counted from the end, from 1.
    FromEnd(usize),
    /// The second of a result of so many axes (convolutions).
    Channels { rank: usize },
}

/// The linear layer that `node` is.
pub(super) fn linear<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    match node.op.as_str() {
        "MatMul" | "FusedMatMul" => product(flow, node),
        "Gemm" => gemm(flow, node),
        "Conv" => convolution(flow, node),
        "Mul" => dynamic(flow, node),
        "MatMulNBits" => blocks(flow, node),
        _ => None,
    }
}

fn plain<'a>(node: &'a Node, input: &'a str, weight: String, transposed: bool) -> Linear<'a> {
    Linear {
        node,
        input,
        weight,
        transposed,
        bias: None,
        scale: 1.0,
        axis: Axis::FromEnd(1),
        rounded: false,
    }
}

/// `x W` or, with the weight first, `W x`.
fn product<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let [first, second, ..] = &node.inputs[..] else { return None };
    let flag = |name: &str| node.int(name).unwrap_or(0) == 1;
    let scale = node.float("alpha").unwrap_or(1.0);
    if ["transBatchA", "transBatchB"].iter().any(|name| flag(name)) {
        return None;
    }
    if let Some((weight, turned)) = flow.matrix(second) {
        let transposed = turned == flag("transB");
        return Some(Linear { scale, ..plain(node, first, weight, transposed) });
    }
    let (weight, turned) = flow.matrix(first)?;
    let axis = Axis::FromEnd(2);
    Some(Linear { scale, axis, ..plain(node, second, weight, turned != flag("transA")) })
}

/// `alpha A B + beta C` with a stored B.
fn gemm<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let (weight, turned) = flow.matrix(node.inputs.get(1)?)?;
    let transposed = turned == (node.int("transB").unwrap_or(0) == 1);
    let bias = match node.inputs.get(2).filter(|name| !name.is_empty()) {
        None => None,
        // A Gemm that adds something computed is no head.
        Some(name) => Some((flow.constant(name)?, node.float("beta").unwrap_or(1.0))),
    };
    let scale = node.float("alpha").unwrap_or(1.0);
    Some(Linear { bias, scale, ..plain(node, node.inputs.first()?, weight, transposed) })
}

/// A convolution of width 1: the same linear map at every place.
fn convolution<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let weight = node.inputs.get(1)?;
    let shape = &flow.stored.get(weight)?.shape;
    let alone = shape.len() > 2 && matrix_shape(shape).is_some();
    let zero = |name: &str| node.ints(name).is_none_or(|pads| pads.iter().all(|&p| p == 0));
    if !alone || node.int("group").unwrap_or(1) != 1 || !zero("pads") {
        return None;
    }
    let bias = match node.inputs.get(2).filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => Some((flow.constant(name)?, 1.0)),
    };
    let axis = Axis::Channels { rank: shape.len() };
    Some(Linear { bias, axis, ..plain(node, node.inputs.first()?, weight.clone(), false) })
}

/// `MatMulInteger`, cast, times the scale of the hidden state and the scale of the weight, in either order, as ONNX Runtime's
/// dynamic quantisation writes it.
fn dynamic<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let [a, b] = &node.inputs[..] else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(integers, scales)| {
        let cast = flow.producer(integers).filter(|n| n.op == "Cast")?;
        let product = flow.producer(cast.inputs.first()?).filter(|n| n.op == "MatMulInteger")?;
        let state = flow.producer(product.inputs.first()?);
        let state = state.filter(|n| n.op == "DynamicQuantizeLinear")?;
        let [of_state, of_weight] = &flow.producer(scales).filter(|n| n.op == "Mul")?.inputs[..]
        else {
            return None;
        };
        let stored = product.inputs.get(1)?;
        let weight = stored.strip_suffix("_quantized")?;
        // The listed weight has this scale and this zero point.
        let zero = product.inputs.get(3).filter(|name| !name.is_empty());
        let scale = format!("{weight}_scale");
        let own = [(of_state, of_weight), (of_weight, of_state)]
            .into_iter()
            .any(|(s, w)| state.outputs.get(1) == Some(s) && *w == scale);
        let fits = own && zero.is_none_or(|zero| *zero == format!("{weight}_zero_point"));
        (fits && flow.stored.matrix(weight).is_some()).then(|| Linear {
            rounded: true,
            ..plain(node, state.inputs.first().map_or("", String::as_str), weight.to_owned(), true)
        })
    })
}

/// A product by blocks of a few bits, whose weight is listed as `V x d`.
fn blocks<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let weight = crate::checkpoint::onnx::dequantised(node.inputs.get(1)?);
    // Inputs: state, integers, scales, zero points, order of groups, bias.
    if !flow.stored.has(&weight) || node.inputs.get(4).is_some_and(|name| !name.is_empty()) {
        return None;
    }
    let bias = match node.inputs.get(5).filter(|name| !name.is_empty()) {
        None => None,
        Some(name) => Some((flow.constant(name)?, 1.0)),
    };
    Some(Linear { bias, ..plain(node, node.inputs.first()?, weight, false) })
}
