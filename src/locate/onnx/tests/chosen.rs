//! Heads that the user names.

use std::path::Path;

use super::super::super::activation::Activation;
use super::super::super::choice::{BiasChoice, Choice};
use super::super::super::found::Found;
use super::super::super::locate;
use super::super::super::stored::Stored;
use super::super::{chosen, find};
use super::{Constants, MATRICES, node, product};
use crate::checkpoint::onnx::{Graph, Node};
use crate::checkpoint::{Checkpoint, Tensor, TensorInfo};
use crate::error::Result;

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
        let found =
            chosen(&stored, &graph, weight, &BiasChoice::ByName, "asked for").unwrap().unwrap();
        assert_eq!((found.bias.as_deref(), found.transposed), (bias, true), "{weight}");
        assert_eq!(found.activation, Some(Activation::relu()), "{weight}");
    }
    assert!(chosen(&stored, &graph, "inner", &BiasChoice::ByName, "asked for").unwrap().is_none());
}

/// What is found of the matrix `W` in a graph that ends in `logits`, with this choice of the bias.
fn of_chosen(nodes: Vec<Node>, bias: &BiasChoice) -> Result<Found> {
    let constants: [(&str, &[usize], f32); 3] =
        [("c", &[], 2.0), ("zero", &[], 0.0), ("W2", &[6, 6], 1.0)];
    let checkpoint = Constants::new(&[&MATRICES[..], &constants].concat());
    let graph = Graph { nodes, outputs: vec!["logits".into()], ..Graph::default() };
    let stored = Stored::new(&checkpoint, Path::new("m.onnx"));
    chosen(&stored, &graph, "W", bias, "asked for").map(Option::unwrap)
}

#[test]
fn a_bias_behind_what_no_head_expresses_is_asked_about_when_the_weight_is_chosen() {
    let named = BiasChoice::Named("b".into());
    for between in [
        vec![
            node("QuantizeLinear", &["p", "c", "zero"], "q"),
            node("DequantizeLinear", &["q", "c", "zero"], "r"),
        ],
        vec![node("Clip", &["p", "zero", "c"], "r")],
        vec![node("Relu", &["p"], "q"), node("Mul", &["c", "q"], "r")],
    ] {
        let first = between[0].op.clone();
        for sum in [["r", "b"], ["b", "r"]] {
            let nodes =
                [vec![product()], between.clone(), vec![node("Add", &sum, "logits")]].concat();
            let said = of_chosen(nodes.clone(), &BiasChoice::ByName).err().unwrap().to_string();
            assert!(said.contains(&format!("`{first}`")) && said.contains("--bias b or"), "{said}");
            for chosen in [&named, &BiasChoice::None] {
                let notes = of_chosen(nodes.clone(), chosen).unwrap().notes.join(" ");
                assert!(notes.contains("before the output `logits`"), "{notes}");
                assert!(
                    notes.contains(&format!("`{first}`")) && notes.contains("left out"),
                    "{notes}"
                );
            }
        }
    }
}

#[test]
fn what_follows_a_chosen_weight_and_is_left_out_is_told() {
    let inner = vec![
        product(),
        node("Add", &["p", "b"], "q"),
        node("Relu", &["q"], "r"),
        node("MatMul", &["r", "W2"], "s"),
        node("Add", &["s", "b"], "logits"),
    ];
    let found = of_chosen(inner, &BiasChoice::ByName).unwrap();
    assert_eq!(found.bias.as_deref(), Some("b"));
    assert!(found.notes.join(" ").contains("`Relu`"), "{:?}", found.notes);
    // The constant of the next layer is not a bias of this one.
    let other = vec![
        product(),
        node("Relu", &["p"], "r"),
        node("MatMul", &["r", "W2"], "s"),
        node("Add", &["s", "b"], "logits"),
    ];
    let found = of_chosen(other, &BiasChoice::ByName).unwrap();
    assert_eq!(found.bias, None);
    assert!(found.notes.join(" ").contains("left out"), "{:?}", found.notes);
    // Where all is part of the head, nothing is left out.
    let whole = vec![product(), node("Add", &["p", "b"], "q"), node("Softmax", &["q"], "logits")];
    let notes = of_chosen(whole, &BiasChoice::ByName).unwrap().notes.join(" ");
    assert!(!notes.contains("left out"), "{notes}");
}

#[test]
fn outputs_with_different_constants_are_asked_about_unless_the_bias_is_chosen() {
    let nodes = vec![product(), node("Add", &["p", "b"], "logits")];
    let constants = Constants::new(&MATRICES);
    let graph = Graph { nodes, outputs: vec!["p".into(), "logits".into()], ..Graph::default() };
    let stored = Stored::new(&constants, Path::new("m.onnx"));
    let asked = |bias| chosen(&stored, &graph, "W", &bias, "asked for");
    let said = asked(BiasChoice::ByName).err().unwrap().to_string();
    assert!(said.contains("different constants") && said.contains("--bias none"), "{said}");
    for bias in [BiasChoice::None, BiasChoice::Named("b".into())] {
        assert!(asked(bias).unwrap().is_some());
    }
}

/// Constants and the graph that uses them.
struct Model(Constants, Graph);

impl Checkpoint for Model {
    fn format(&self) -> &'static str {
        self.0.format()
    }

    fn tensors(&self) -> &[TensorInfo] {
        self.0.tensors()
    }

    fn size(&self) -> u64 {
        0
    }

    fn read(&self, name: &str) -> Result<Tensor> {
        self.0.read(name)
    }

    fn graph(&self) -> Option<&Graph> {
        Some(&self.1)
    }
}

#[test]
fn a_factor_of_the_graph_is_in_the_head_unless_the_bias_is_chosen() {
    let nodes =
        vec![product(), node("Mul", &["p", "half"], "q"), node("Add", &["q", "b"], "logits")];
    let constants = Constants::new(&[&MATRICES[..], &[("half", &[], 0.5)]].concat());
    let graph = Graph { nodes, outputs: vec!["logits".into()], ..Graph::default() };
    let model = Model(constants, graph);
    for (bias, number, said) in [
        (BiasChoice::ByName, 0.5, "so does this head, exactly"),
        (BiasChoice::None, 1.0, "with the bias that --bias asks for"),
        (BiasChoice::Named("b".into()), 1.0, "with the bias that --bias asks for"),
    ] {
        let choice = Choice { bias, ..Choice::default() };
        let located = locate(&model, Path::new("m.onnx"), &choice).unwrap();
        assert_eq!(located.head.weight(0, 0), number);
        let notes = located.notes.join(" ");
        assert!(notes.contains("computes 0.5 times") && notes.contains(said), "{notes}");
    }
}
