//! Small graphs with known ends.

mod chosen;

use super::super::final_norm::NormKind;
use std::path::Path;

use super::super::activation::Activation;
use super::super::found::Found;
use super::super::stored::Stored;
use super::find;
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
    let expected = Some((NormKind::LayerNorm, "g".to_owned(), Some("s".to_owned()), Some(0.25)));
    assert_eq!(stated(vec![layer.clone()]), expected);
    let rms = with(
        node("SimplifiedLayerNormalization", &["x", "g"], "h"),
        "epsilon",
        Attribute::Float(0.25),
    );
    assert_eq!(stated(vec![rms]), Some((NormKind::RmsNorm, "g".to_owned(), None, Some(0.25))));
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

/// The error of a graph of these operations, the last of which makes `logits`.
fn refused(nodes: Vec<Node>, constants: &[(&str, &[usize], f32)]) -> String {
    search(nodes, constants).err().unwrap().to_string()
}

fn product() -> Node {
    node("MatMul", &["x", "W"], "p")
}

/// What is found in a graph with these outputs.
fn of_outputs(
    nodes: Vec<Node>,
    outputs: &[&str],
    constants: &[(&str, &[usize], f32)],
) -> Result<Option<Found>> {
    let checkpoint = Constants::new(&[&MATRICES[..], constants].concat());
    let outputs = outputs.iter().map(|o| (*o).into()).collect();
    let graph = Graph { nodes, outputs, ..Graph::default() };
    find(&Stored::new(&checkpoint, Path::new("m.onnx")), &graph)
}

#[test]
fn limits_and_roundings_of_logits_are_refused_by_name() {
    let limit: [(&str, &[usize], f32); 2] = [("c", &[], 2.0), ("zero", &[], 0.0)];
    for op in ["Min", "Max"] {
        for inputs in [["p", "c"], ["c", "p"]] {
            let said = refused(vec![product(), node(op, &inputs, "logits")], &limit);
            assert!(
                said.contains(&format!("`{op}`")) && said.contains("follows the head"),
                "{said}"
            );
        }
        let before_the_bias =
            vec![product(), node(op, &["p", "c"], "q"), node("Add", &["q", "b"], "logits")];
        assert!(refused(before_the_bias, &limit).contains(&format!("`{op}`")));
    }
    let rounded = vec![
        product(),
        node("QuantizeLinear", &["p", "c", "zero"], "q"),
        node("DequantizeLinear", &["q", "c", "zero"], "logits"),
    ];
    assert!(refused(rounded, &limit).contains("`QuantizeLinear`"));
    let divided = vec![product(), node("Div", &["p", "c"], "logits")];
    assert_eq!(search(divided, &limit).unwrap().unwrap().weight, "W");
}

#[test]
fn a_sum_of_exponentials_stays_positive_only_with_a_positive_constant() {
    let written = |constant: &str, op: &str| {
        let nodes = vec![
            product(),
            node("Exp", &["p"], "e"),
            with(node("ReduceSum", &["e"], "s"), "axes", Attribute::Ints(vec![-1])),
            node(op, &["s", constant], "t"),
            node("Div", &["e", "t"], "logits"),
        ];
        search(nodes, &[("plus", &[], 0.5), ("minus", &[], -1000.0)]).map(|found| found.is_some())
    };
    for (constant, op, fits) in [
        ("plus", "Add", true),
        ("minus", "Add", false),
        ("plus", "Sub", false),
        ("minus", "Mul", false),
        ("plus", "Mul", true),
        ("plus", "Max", true),
        ("minus", "Min", false),
    ] {
        match written(constant, op) {
            Ok(found) => assert!(found && fits, "{op} {constant}"),
            Err(error) => assert!(!fits && error.to_string().contains("`Div`"), "{error}"),
        }
    }
}

#[test]
fn a_constant_is_a_bias_only_along_the_axis_of_tokens() {
    let constants: [(&str, &[usize], f32); 7] = [
        ("column", &[6, 1], 1.0),
        ("row", &[1, 6], 1.0),
        ("number", &[], 1.0),
        ("one", &[1, 1], 1.0),
        ("table", &[2, 6], 1.0),
        ("at_0", &[1], 0.0),
        ("at_1", &[1], 1.0),
    ];
    let gemm = |c: &str| search(vec![node("Gemm", &["x", "W", c], "logits")], &constants);
    for (c, bias) in [("row", Some("row")), ("b", Some("b")), ("number", None), ("one", None)] {
        assert_eq!(gemm(c).unwrap().unwrap().bias.as_deref(), bias, "{c}");
    }
    for c in ["column", "table"] {
        let said = gemm(c).err().unwrap().to_string();
        assert!(said.contains("`Gemm`") && said.contains("one stored number a token"), "{said}");
    }
    let turned = |axis: &str| {
        let nodes = vec![
            product(),
            node("Unsqueeze", &["b", axis], "c"),
            node("Add", &["p", "c"], "logits"),
        ];
        search(nodes, &constants)
    };
    assert_eq!(turned("at_0").unwrap().unwrap().bias.as_deref(), Some("b"));
    assert!(turned("at_1").err().unwrap().to_string().contains("`Add`"));
}

#[test]
fn an_operation_of_another_domain_is_not_known_by_its_name() {
    let said = refused(vec![product(), node("my::Softmax", &["p"], "logits")], &[]);
    assert!(said.contains("`my::Softmax`") && said.contains("not known"), "{said}");
    // Before it stands a layer that is not the head.
    let hidden = vec![
        node("MatMul", &["image", "inner"], "g"),
        node("Relu", &["g"], "x"),
        node("my::Head", &["x", "W", "b"], "logits"),
    ];
    let said = refused(hidden, &[]);
    assert!(said.contains("`my::Head`") && !said.contains("--weight inner"), "{said}");
}

#[test]
fn two_outputs_with_layers_of_their_own_are_refused() {
    let small: [(&str, &[usize], f32); 2] = [("small", &[4, 2], 1.0), ("value", &[4, 1], 1.0)];
    let beside = |last: Node| vec![product(), node("MatMul", &["x", "small"], "n"), last];
    for op in ["Softmax", "LogSoftmax", "Identity"] {
        let nodes = beside(node(op, &["n"], "is_next"));
        for outputs in [["p", "is_next"], ["is_next", "p"]] {
            let said = of_outputs(nodes.clone(), &outputs, &small).err().unwrap().to_string();
            for part in ["2 linear layers", "`W` [4, 6]", "`small` [4, 2]", "--weight"] {
                assert!(said.contains(part), "{said}");
            }
        }
    }
    // A name decides only for the larger one.
    let called = |weight: &str, other: &str, outputs: &[&str]| {
        let nodes =
            vec![node("MatMul", &["x", weight], "logits"), node("MatMul", &["x", other], "second")];
        of_outputs(nodes, outputs, &small)
    };
    assert_eq!(called("W", "small", &["second", "logits"]).unwrap().unwrap().weight, "W");
    assert!(called("small", "W", &["second", "logits"]).is_err());
    // So does a softmax.
    for (weight, fits) in [("W", true), ("small", false)] {
        let other = if fits { "small" } else { "W" };
        let nodes = vec![
            node("MatMul", &["x", weight], "p"),
            node("Softmax", &["p"], "y"),
            node("MatMul", &["x", other], "z"),
        ];
        let found = of_outputs(nodes, &["z", "y"], &small);
        assert_eq!(found.ok().flatten().map(|found| found.weight == "W"), fits.then_some(true));
    }
    // Logits that a second layer reads are not hidden states.
    let coarse =
        vec![node("MatMul", &["x", "W"], "logits"), node("MatMul", &["logits", "V"], "second")];
    let found = of_outputs(coarse, &["logits", "second"], &[]).unwrap().unwrap();
    assert_eq!(found.weight, "W");
    // Hidden states and a value of one number are no rivals.
    let nodes = vec![
        node("MatMul", &["image", "inner"], "x"),
        product(),
        node("MatMul", &["x", "value"], "v"),
        node("Softmax", &["p"], "probabilities"),
    ];
    for outputs in [["x", "v", "probabilities"], ["probabilities", "p", "x"]] {
        let found = of_outputs(nodes.clone(), &outputs, &small).unwrap().unwrap();
        assert_eq!(found.weight, "W");
    }
    // An operation that is not read could be the head of the other output.
    let nodes = vec![product(), node("my::Head", &["x", "V"], "q")];
    let said = of_outputs(nodes, &["p", "q"], &[]).err().unwrap().to_string();
    assert!(said.contains("`my::Head`"), "{said}");
}

#[test]
fn outputs_that_are_multiples_of_each_other_have_one_head() {
    let half: [(&str, &[usize], f32); 1] = [("half", &[], 0.5)];
    let nodes = vec![
        product(),
        node("Mul", &["p", "half"], "scaled"),
        node("Add", &["p", "b"], "shifted"),
        node("Mul", &["shifted", "half"], "both"),
    ];
    for (outputs, bias) in [(["p", "scaled"], None), (["shifted", "both"], Some("b"))] {
        let found = of_outputs(nodes.clone(), &outputs, &half).unwrap().unwrap();
        assert_eq!(found.bias.as_deref(), bias);
    }
    let said = of_outputs(nodes, &["p", "both"], &half).err().unwrap().to_string();
    assert!(said.contains("different constants"), "{said}");
}

#[test]
fn a_matrix_that_is_used_both_ways_is_asked_about() {
    let nodes = vec![
        node("MatMul", &["x", "inner"], "one"),
        node("Transpose", &["inner"], "turned"),
        node("MatMul", &["x", "turned"], "two"),
    ];
    let said = of_outputs(nodes, &["one", "two"], &[]).err().unwrap().to_string();
    assert!(said.contains("`inner` [4, 4]") && said.contains("--transpose"), "{said}");
}

#[test]
fn a_norm_counts_only_over_the_axis_of_coordinates() {
    let constants: [(&str, &[usize], f32); 7] = [
        ("g", &[4], 1.5),
        ("s", &[4], 0.5),
        ("long", &[5], 1.0),
        ("two", &[], 2.0),
        ("eps", &[], 0.25),
        ("last", &[1], -1.0),
        ("first", &[1], 1.0),
    ];
    let layer = || node("LayerNormalization", &["x", "g", "s"], "h");
    let inner = || node("MatMul", &["image", "inner"], "x");
    let kind =
        |nodes: Vec<Node>| search(nodes, &constants).unwrap().unwrap().norm.map(|norm| norm.kind);
    let direct = node("MatMul", &["h", "W"], "logits");
    assert_eq!(kind(vec![inner(), layer(), direct.clone()]), Some(NormKind::LayerNorm));
    // W h, h^T W: coordinates are not the last axis.
    assert_eq!(kind(vec![inner(), layer(), node("MatMul", &["V", "h"], "logits")]), None);
    let turned = with(node("Gemm", &["h", "W"], "logits"), "transA", Attribute::Int(1));
    assert_eq!(kind(vec![inner(), layer(), turned]), None);
    // A gain of another length is none of coordinates.
    let long = node("LayerNormalization", &["x", "long", "long"], "h");
    assert_eq!(kind(vec![inner(), long, direct.clone()]), None);
    // The sum that a skip norm is of is not normalised.
    let mut skip = node("SkipLayerNormalization", &["x", "x", "g", "s"], "n");
    skip.outputs = vec!["n".into(), String::new(), String::new(), "h".into()];
    assert_eq!(kind(vec![inner(), skip, direct.clone()]), None);
    // Written out, with the axes as an input or not there.
    let written = |axes: &[&str]| {
        let mean = |of: &str, to: &str| node("ReduceMean", &[&[of], axes].concat(), to);
        let nodes = vec![
            inner(),
            mean("x", "mean"),
            node("Sub", &["x", "mean"], "centred"),
            node("Pow", &["centred", "two"], "square"),
            mean("square", "variance"),
            node("Add", &["variance", "eps"], "sum"),
            node("Sqrt", &["sum"], "root"),
            node("Div", &["centred", "root"], "unit"),
            node("Mul", &["unit", "g"], "scaled"),
            node("Add", &["scaled", "s"], "h"),
            direct.clone(),
        ];
        kind(nodes)
    };
    assert_eq!(written(&["last"]), Some(NormKind::LayerNorm));
    assert_eq!(written(&["first"]), None);
    assert_eq!(written(&[]), None);
}

#[test]
fn a_state_without_other_axes_makes_logits_without_others() {
    let checkpoint = Constants::new(&MATRICES);
    let nodes = vec![node("MatMul", &["V", "h"], "p"), node("Add", &["p", "b"], "logits")];
    let graph = Graph {
        nodes,
        outputs: vec!["logits".into()],
        ranks: vec![("h".into(), 1)],
        ..Graph::default()
    };
    let found = find(&Stored::new(&checkpoint, Path::new("m.onnx")), &graph).unwrap().unwrap();
    assert_eq!((found.weight.as_str(), found.bias.as_deref()), ("V", Some("b")));
    assert!(!found.transposed);
}
