//! Recognises the operations that are linear layers with a stored weight.
//!
//! Integer products are such layers too: `MatMulInteger` multiplies a hidden state that was rounded to eight bits by
//! stored integers, and the scales of both follow; `MatMulNBits` multiplies by blocks of a few bits. Their weights
//! are listed dequantised, exactly: an integer times its scale.

use super::super::stored::matrix_shape;
use super::flow::Flow;
use crate::checkpoint::onnx::Node;

/// A linear layer with a stored weight.
#[derive(Clone, Debug)]
pub(super) struct Linear<'a> {
    /// The operation whose output is the result of the layer.
    pub node: &'a Node,
    /// The value that is the input of the layer.
    pub input: &'a str,
    pub weight: String,
    /// Whether the weight is stored `d x V`.
    pub transposed: bool,
    /// A constant that is added, and its factor.
    pub bias: Option<(String, f32)>,
    /// The factor of the product.
    pub scale: f32,
    /// The axis of tokens in the result.
    pub axis: Axis,
    /// The axis of coordinates in the input.
    pub coordinates: Axis,
    /// Whether the hidden state is rounded to eight bits before the product.
    pub rounded: bool,
}

impl Linear<'_> {
    /// The number of tokens, V; `None` without a matrix.
    pub fn tokens(&self, flow: &Flow) -> Option<usize> {
        let [rows, columns] = matrix_shape(&flow.stored.get(&self.weight)?.shape)?;
        Some(if self.transposed { columns } else { rows })
    }

    /// The number of coordinates of the input, d; 0 without a matrix.
    pub fn dim(&self, flow: &Flow) -> usize {
        let sides = flow.stored.get(&self.weight).and_then(|info| matrix_shape(&info.shape));
        sides.map_or(0, |[rows, columns]| if self.transposed { rows } else { columns })
    }
}

/// Operations that could be the last layer where they are not read as a linear layer, and operations with graphs of
/// their own.
pub(super) const OPAQUE: [&str; 24] = [
    "MatMul",
    "FusedMatMul",
    "Gemm",
    "FusedGemm",
    "Conv",
    "FusedConv",
    "ConvTranspose",
    "ConvInteger",
    "Einsum",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul",
    "QLinearMatMul",
    "QLinearConv",
    "QGemm",
    "MatMulNBits",
    "MatMulBnb4",
    "LSTM",
    "GRU",
    "RNN",
    "If",
    "Loop",
    "Scan",
    "SequenceMap",
];

/// The position of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Counted from the last axis, which is 1.
    FromEnd(usize),
    /// The second of `rank` axes (convolutions).
    Channels { rank: usize },
}

/// Returns the linear layer that a node is, if it is one.
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

/// Makes a layer `x W` without a bias or factor.
fn plain<'a>(node: &'a Node, input: &'a str, weight: String, transposed: bool) -> Linear<'a> {
    Linear {
        node,
        input,
        weight,
        transposed,
        bias: None,
        scale: 1.0,
        axis: Axis::FromEnd(1),
        coordinates: Axis::FromEnd(1),
        rounded: false,
    }
}

/// Recognises `x W` or, with the weight first, `W x`.
fn product<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let [first, second, ..] = &node.inputs[..] else { return None };
    let flag = |name: &str| node.int(name).unwrap_or(0) == 1;
    let scale = node.float("alpha").unwrap_or(1.0);
    if ["transBatchA", "transBatchB"].iter().any(|name| flag(name)) {
        return None;
    }
    if let Some((weight, turned)) = flow.matrix(second) {
        let transposed = turned == flag("transB");
        let coordinates = Axis::FromEnd(if flag("transA") { 2 } else { 1 });
        return Some(Linear { scale, coordinates, ..plain(node, first, weight, transposed) });
    }
    let (weight, turned) = flow.matrix(first)?;
    // If the state has only one axis, so has the result.
    let alone = super::rank::rank(flow, second) == Some(1);
    let axis = Axis::FromEnd(if alone { 1 } else { 2 });
    let coordinates = if flag("transB") { Axis::FromEnd(1) } else { axis };
    let transposed = turned != flag("transA");
    Some(Linear { scale, axis, coordinates, ..plain(node, second, weight, transposed) })
}

/// Recognises `alpha A B + beta C` with a stored B.
fn gemm<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let (weight, turned) = flow.matrix(node.inputs.get(1)?)?;
    let transposed = turned == (node.int("transB").unwrap_or(0) == 1);
    let [rows, columns] = matrix_shape(&flow.stored.get(&weight)?.shape)?;
    let tokens = if transposed { columns } else { rows };
    let bias = added(flow, node, 2, tokens)?.map(|name| (name, node.float("beta").unwrap_or(1.0)));
    let scale = node.float("alpha").unwrap_or(1.0);
    let turned = node.int("transA").unwrap_or(0) == 1;
    let coordinates = Axis::FromEnd(if turned { 2 } else { 1 });
    Some(Linear {
        bias,
        scale,
        coordinates,
        ..plain(node, node.inputs.first()?, weight, transposed)
    })
}

/// Returns the constant that a layer adds to its result, whose last axis is that of tokens: `Some(None)` where there
/// is none, or it is the same number for all tokens. `None` if the layer adds something else, or something computed,
/// and so is no head.
fn added(flow: &Flow, node: &Node, at: usize, tokens: usize) -> Option<Option<String>> {
    let Some(name) = node.inputs.get(at).filter(|name| !name.is_empty()) else { return Some(None) };
    let constant = flow.constant(name)?;
    let shape = flow.constant_shape(name)?;
    if shape.iter().all(|&n| n == 1) && tokens != 1 {
        return Some(None);
    }
    (super::rank::place_of_only(&shape, tokens) == Some(1)).then_some(Some(constant))
}

/// Recognises a convolution of width 1: the same linear map at every position.
fn convolution<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let weight = node.inputs.get(1)?;
    let shape = &flow.stored.get(weight)?.shape;
    let alone = shape.len() > 2 && matrix_shape(shape).is_some();
    let zero = |name: &str| node.ints(name).is_none_or(|pads| pads.iter().all(|&p| p == 0));
    if !alone || node.int("group").unwrap_or(1) != 1 || !zero("pads") {
        return None;
    }
    let bias = added(flow, node, 2, shape[0])?.map(|name| (name, 1.0));
    let axis = Axis::Channels { rank: shape.len() };
    let state = node.inputs.first()?;
    Some(Linear { bias, axis, coordinates: axis, ..plain(node, state, weight.clone(), false) })
}

/// Recognises `MatMulInteger`, cast, times the scale of the hidden state and the scale of the weight, in either
/// order, as ONNX Runtime's dynamic quantisation writes it.
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
        // The listed weight has this scale and this zero point, so a product without one is that of another weight.
        let zero = product.inputs.get(3);
        let scale = format!("{weight}_scale");
        let own = [(of_state, of_weight), (of_weight, of_state)]
            .into_iter()
            .any(|(s, w)| state.outputs.get(1) == Some(s) && *w == scale);
        let fits = own && zero.is_some_and(|zero| *zero == format!("{weight}_zero_point"));
        (fits && flow.stored.matrix(weight).is_some()).then(|| Linear {
            rounded: true,
            ..plain(node, state.inputs.first().map_or("", String::as_str), weight.to_owned(), true)
        })
    })
}

/// Recognises a product by blocks of a few bits, whose weight is listed as `V x d`.
fn blocks<'a>(flow: &Flow<'a>, node: &'a Node) -> Option<Linear<'a>> {
    let weight = crate::checkpoint::onnx::dequantised_name(node.inputs.get(1)?);
    // The inputs are: state, integers, scales, zero points, order of groups, bias.
    if !flow.stored.has(&weight) || node.inputs.get(4).is_some_and(|name| !name.is_empty()) {
        return None;
    }
    let [tokens, _] = matrix_shape(&flow.stored.get(&weight)?.shape)?;
    let bias = added(flow, node, 5, tokens)?.map(|name| (name, 1.0));
    Some(Linear { bias, ..plain(node, node.inputs.first()?, weight, false) })
}
