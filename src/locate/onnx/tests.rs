//! Small graphs with known ends.

use std::path::Path;

use super::super::activation::Activation;
use super::super::found::Found;
use super::super::stored::Stored;
use super::{chosen, find};
use crate::checkpoint::onnx::{Attribute, Graph, Node};
use crate::checkpoint::{Checkpoint, Dtype, Tensor, TensorInfo, Values};
use crate::error::Result;

/// Tensors whose numbers are all the same.
struct Constants(Vec<TensorInfo>, Vec<f32>);

impl Constants {
    fn new(tensors: &[(&str, &[usize], f32)]) -> Self {
        let mut tensors = tensors.to_vec();
        tensors.sort_by_key(|t| t.0);
        let info = |t: &(&str, &[usize], f32)| TensorInfo {
            name: t.0.into(),
            dtype: Dtype::F32,
            shape: t.1.to_vec(),
        };
        Constants(tensors.iter().map(info).collect(), tensors.iter().map(|t| t.2).collect())
    }
}

impl Checkpoint for Constants {
    fn format(&self) -> &'static str {
        "ONNX"
    }

    fn tensors(&self) -> &[TensorInfo] {
        &self.0
    }

    fn size(&self) -> u64 {
        0
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        let at = self.0.iter().position(|t| t.name == name).unwrap();
        let info = self.0[at].clone();
        let values = Values::F32(vec![self.1[at]; info.shape.iter().product()]);
        Ok(Tensor { info, values })
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> Node {
    Node {
        op: op.into(),
        inputs: inputs.iter().map(|s| (*s).into()).collect(),
        outputs: vec![output.into()],
        ..Node::default()
    }
}

fn with(mut node: Node, name: &str, value: Attribute) -> Node {
    node.attributes.push((name.into(), value));
    node
}

const MATRICES: [(&str, &[usize], f32); 4] =
    [("W", &[4, 6], 1.0), ("b", &[6], 2.0), ("V", &[6, 4], 1.0), ("inner", &[4, 4], 1.0)];

/// What is found in a graph of these operations that ends in `logits`.
fn search(nodes: Vec<Node>, constants: &[(&str, &[usize], f32)]) -> Result<Option<Found>> {
    let checkpoint = Constants::new(&[&MATRICES[..], constants].concat());
    let graph = Graph { nodes, outputs: vec!["logits".into()], ..Graph::default() };
    find(&Stored::new(&checkpoint, Path::new("m.onnx")), &graph)
}

/// What is found before the head `h W + b` of a graph of these operations, the last of which makes `h`.
fn before(mut nodes: Vec<Node>, constants: &[(&str, &[usize], f32)]) -> Found {
    nodes.insert(0, node("MatMul", &["image", "inner"], "x"));
    nodes.push(node("MatMul", &["h", "W"], "product"));
    nodes.push(node("Add", &["product", "b"], "logits"));
    search(nodes, constants).unwrap().unwrap()
}

#[test]
fn the_last_linear_layer_is_the_head_in_each_of_its_forms() {
    let inner = || node("MatMul", &["image", "inner"], "x");
    for (nodes, weight, transposed, bias) in [
        (vec![node("MatMul", &["x", "W"], "logits")], "W", true, None),
        (
            vec![node("MatMul", &["x", "W"], "p"), node("Add", &["b", "p"], "logits")],
            "W",
            true,
            Some("b"),
        ),
        (
            vec![node("Gemm", &["x", "W", "b"], "p"), node("Softmax", &["p"], "logits")],
            "W",
            true,
            Some("b"),
        ),
        (
            vec![with(node("Gemm", &["x", "V"], "logits"), "transB", Attribute::Int(1))],
            "V",
            false,
            None,
        ),
        (
            vec![node("Transpose", &["V"], "turned"), node("MatMul", &["x", "turned"], "logits")],
            "V",
            false,
            None,
        ),
    ] {
        let nodes = [vec![inner()], nodes].concat();
        let found = search(nodes, &[]).unwrap().unwrap();
        assert_eq!(
            (found.weight.as_str(), found.transposed, found.bias.as_deref()),
            (weight, transposed, bias)
        );
    }
}

#[test]
fn two_last_layers_are_refused() {
    let nodes = vec![
        node("MatMul", &["x", "W"], "one"),
        node("MatMul", &["y", "W2"], "two"),
        node("Concat", &["one", "two"], "logits"),
    ];
    let said = search(nodes, &[("W2", &[4, 6], 1.0)]).err().unwrap().to_string();
    assert!(
        said.contains("2 linear layers") && said.contains("`W` [4, 6]") && said.contains("`W2`"),
        "{said}"
    );
}

#[test]
fn what_follows_a_head_is_told() {
    let after = |op: &str| {
        let nodes = vec![node("MatMul", &["x", "W"], "p"), node(op, &["p"], "logits")];
        search(nodes, &[]).unwrap().unwrap().notes.join(" ")
    };
    assert_eq!(after("Softmax"), "Softmax follows; it keeps the order of logits");
}

#[test]
fn a_weight_that_is_chosen_keeps_what_the_graph_says_of_it() {
    let checkpoint = Constants::new(&[&MATRICES[..], &[("W2", &[4, 6], 1.0)]].concat());
    let nodes = vec![
        node("Relu", &["x"], "h"),
        node("MatMul", &["h", "W"], "p"),
        node("Add", &["p", "b"], "one"),
        node("MatMul", &["h", "W2"], "two"),
        node("Concat", &["one", "two"], "logits"),
    ];
    let graph = Graph { nodes, outputs: vec!["logits".into()], ..Graph::default() };
    let stored = Stored::new(&checkpoint, Path::new("m.onnx"));
    assert!(find(&stored, &graph).is_err());
    for (weight, bias) in [("W", Some("b")), ("W2", None)] {
        let found = chosen(&stored, &graph, weight, "asked for").unwrap().unwrap();
        assert_eq!((found.bias.as_deref(), found.transposed), (bias, true), "{weight}");
        assert_eq!(found.activation, Some(Activation::relu()), "{weight}");
    }
    assert!(chosen(&stored, &graph, "inner", "asked for").unwrap().is_none());
}

#[test]
fn activations_are_recognised_by_their_operator() {
    let found = |n: Node| before(vec![n], &[("six", &[], 6.0), ("zero", &[], 0.0)]).activation;
    let plain = |op| found(node(op, &["x"], "h"));
    assert_eq!(plain("Relu"), Some(Activation::relu()));
    assert_eq!(plain("Tanh"), Some(Activation::tanh()));
    assert_eq!(plain("Sigmoid"), Some(Activation::sigmoid()));
    assert_eq!(plain("HardSwish").unwrap().lo, -0.375);
    assert_eq!(plain("Gelu"), Some(Activation::gelu(std::f64::consts::SQRT_2)));
    let tanh = with(node("Gelu", &["x"], "h"), "approximate", Attribute::Text(b"tanh".to_vec()));
    assert_eq!(found(tanh), Some(Activation::gelu_tanh()));
    let clip = found(node("Clip", &["x", "zero", "six"], "h")).unwrap();
    assert_eq!((clip.lo, clip.hi), (0.0, 6.0));
    // An end that is computed bounds nothing.
    assert_eq!(found(node("Clip", &["x", "zero", "x"], "h")), None);
    for op in ["LeakyRelu", "BatchNormalization", "Add"] {
        assert_eq!(found(node(op, &["x", "image"], "h")), None, "{op}");
    }
}

#[test]
fn swish_is_recognised_as_it_is_written_out() {
    let constants: [(&str, &[usize], f32); 3] =
        [("two", &[1], 2.0), ("minus", &[], -1.0), ("row", &[4], 1.0)];
    let found = |nodes| before(nodes, &constants).activation;
    let plain = vec![node("Sigmoid", &["x"], "s"), node("Mul", &["s", "x"], "h")];
    assert_eq!(found(plain), Some(Activation::swish(1.0)));
    let scaled = |factor| {
        found(vec![
            node("Mul", &["x", factor], "y"),
            node("Sigmoid", &["y"], "s"),
            node("Mul", &["x", "s"], "h"),
        ])
    };
    assert_eq!(scaled("two").unwrap().lo, Activation::swish(2.0).lo);
    assert!(scaled("two").unwrap().lo > -0.13924 && scaled("two").unwrap().lo < -0.13923);
    // Another gate: of a negative factor, of factors a coordinate, of another value.
    assert_eq!(scaled("minus"), None);
    assert_eq!(scaled("row"), None);
    let other = vec![node("Sigmoid", &["image"], "s"), node("Mul", &["x", "s"], "h")];
    assert_eq!(found(other), None);
    let hard = vec![
        with(
            with(node("HardSigmoid", &["x"], "s"), "alpha", Attribute::Float(0.25)),
            "beta",
            Attribute::Float(0.5),
        ),
        node("Mul", &["x", "s"], "h"),
    ];
    let lo = found(hard).unwrap().lo;
    assert!(lo <= -0.25 && lo > -0.25000001, "{lo}");
}

#[test]
fn gelu_is_recognised_as_it_is_written_out() {
    let constants: [(&str, &[usize], f32); 4] = [
        ("root", &[], std::f32::consts::SQRT_2),
        ("one", &[], 1.0),
        ("half", &[], 0.5),
        ("two", &[], 2.0),
    ];
    let written = |root: &str, half: &str, first: bool| {
        let mut nodes = vec![
            node("Div", &["x", root], "d"),
            node("Erf", &["d"], "e"),
            node("Add", &["e", "one"], "s"),
        ];
        nodes.extend(match first {
            true => [node("Mul", &["x", "s"], "m"), node("Mul", &["m", half], "h")],
            false => [node("Mul", &["x", half], "m"), node("Mul", &["m", "s"], "h")],
        });
        before(nodes, &constants).activation
    };
    for first in [true, false] {
        let lo = written("root", "half", first).unwrap().lo;
        assert!((-0.16997122..=-0.16997120).contains(&lo), "{lo}");
        assert_eq!(written("two", "half", first), None);
        assert_eq!(written("root", "two", first), None);
    }
}

#[test]
fn what_only_moves_values_keeps_their_range_and_what_mixes_them_does_not() {
    let through =
        |op: &str| before(vec![node("Relu", &["x"], "r"), node(op, &["r"], "h")], &[]).activation;
    for op in ["Reshape", "Transpose", "Squeeze", "GlobalAveragePool", "Dropout"] {
        assert_eq!(through(op), Some(Activation::relu()), "{op}");
    }
    for op in ["Neg", "ReduceSum", "Conv", "BatchNormalization"] {
        assert_eq!(through(op), None, "{op}");
    }
}

#[test]
fn norms_are_recognised_with_gain_and_shift() {
    let constants: [(&str, &[usize], f32); 4] =
        [("g", &[4], 1.5), ("s", &[4], 0.5), ("two", &[], 2.0), ("eps", &[], 0.25)];
    let stated = |nodes| {
        before(nodes, &constants).norm.map(|n| (n.kind, n.weight.unwrap(), n.bias, n.epsilon))
    };
    let layer =
        with(node("LayerNormalization", &["x", "g", "s"], "h"), "epsilon", Attribute::Float(0.25));
    let expected = Some(("LayerNorm", "g".to_owned(), Some("s".to_owned()), Some(0.25)));
    assert_eq!(stated(vec![layer.clone()]), expected);
    let rms = with(
        node("SimplifiedLayerNormalization", &["x", "g"], "h"),
        "epsilon",
        Attribute::Float(0.25),
    );
    assert_eq!(stated(vec![rms]), Some(("RMSNorm", "g".to_owned(), None, Some(0.25))));
    let last = |n| with(n, "axes", Attribute::Ints(vec![-1]));
    let written = vec![
        last(node("ReduceMean", &["x"], "mean")),
        node("Sub", &["x", "mean"], "centred"),
        node("Pow", &["centred", "two"], "square"),
        last(node("ReduceMean", &["square"], "variance")),
        node("Add", &["variance", "eps"], "sum"),
        node("Sqrt", &["sum"], "root"),
        node("Div", &["centred", "root"], "unit"),
        node("Mul", &["unit", "g"], "scaled"),
        node("Add", &["scaled", "s"], "h"),
    ];
    assert_eq!(stated(written.clone()), expected);
    // With the square of something else it is no LayerNorm.
    let mut wrong = written;
    wrong[2] = node("Pow", &["x", "two"], "square");
    assert_eq!(stated(wrong), None);
    // After a turn gain and shift are not those of the coordinates any more.
    let mut turned = layer;
    turned.outputs = vec!["n".into()];
    assert_eq!(stated(vec![turned, node("Transpose", &["n"], "h")]), None);
}
