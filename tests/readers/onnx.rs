//! ONNX models that the reference package wrote (`analyses/onnx_golden.py`), against its own values, and heads in graphs
//! (`analyses/onnx_heads.py`) against ONNX Runtime.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use unargmax::audit::{Options, audit};
use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::{self, Checkpoint, Dtype, Values};
use unargmax::domain::Domain;
use unargmax::head::Head;
use unargmax::locate::{Choice, Located, locate};

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx").join(file)
}

fn bits(values: &Values) -> Vec<u64> {
    match values {
        Values::F32(numbers) => numbers.iter().map(|x| u64::from(x.to_bits())).collect(),
        Values::F64(numbers) => numbers.iter().map(|x| x.to_bits()).collect(),
    }
}

#[test]
fn every_tensor_has_the_bits_that_the_reference_gives_it() {
    let (read, wanted) =
        (checkpoint::open(golden("tensors.onnx")), checkpoint::open(golden("tensors.safetensors")));
    let (read, wanted) = (read.unwrap(), wanted.unwrap());
    assert_eq!((read.format(), wanted.tensors().len()), ("ONNX", 24));
    for info in wanted.tensors() {
        let tensor = read.read(&info.name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(tensor.info.shape, info.shape, "{}", info.name);
        let wanted = wanted.read(&info.name).unwrap();
        assert_eq!(bits(&tensor.values), bits(&wanted.values), "{}", info.name);
    }
}

#[test]
fn types_and_graph_are_told() {
    let read = checkpoint::open(golden("tensors.onnx")).unwrap();
    let dtype = |name: &str| read.tensors().iter().find(|t| t.name == name).unwrap().dtype.clone();
    assert_eq!(dtype("bf16.raw"), Dtype::Bf16);
    assert_eq!(dtype("rows"), Dtype::Block("uint8"));
    assert_eq!(dtype("rows.q"), Dtype::Other("uint8".into()));
    let said = read.read("rows.q").unwrap_err().to_string();
    assert!(said.contains("`rows.q`") && said.contains("uint8"), "{said}");

    let graph = read.graph().unwrap();
    assert_eq!((graph.producer.as_str(), graph.metadata("character")), ("golden", Some("a\nb")));
    let node = graph.producer_of("blocks").unwrap();
    assert_eq!(
        (node.op.as_str(), node.int("axis"), node.int("block_size")),
        ("DequantizeLinear", Some(0), Some(2))
    );
    assert_eq!(node.inputs, ["blocks.q", "blocks.s", "blocks.z"]);
    assert_eq!(graph.producer_of("number").unwrap().float("value_float"), Some(0.25));
    assert_eq!(graph.users_of("rows.q").count(), 1);
}

#[test]
fn a_model_in_memory_has_all_but_its_outside_numbers() {
    let bytes = std::fs::read(golden("tensors.onnx")).unwrap();
    let read = checkpoint::from_bytes(Bytes::new(bytes, "model")).unwrap();
    assert!(read.read("f32.raw").is_ok());
    let said = read.read("outside").unwrap_err().to_string();
    assert!(
        said.contains("`outside`") && said.contains("open the model from its folder"),
        "{said}"
    );
}

/// `W h + b` of a head for rows of hidden states.
fn logits(head: &Head, states: &[f64]) -> Vec<f64> {
    let product = head.products(states);
    product.iter().enumerate().map(|(at, x)| x + head.bias(at % head.tokens())).collect()
}

fn numbers(checkpoint: &dyn Checkpoint, name: &str) -> Vec<f64> {
    match checkpoint.read(name).unwrap().values {
        Values::F32(x) => x.into_iter().map(f64::from).collect(),
        Values::F64(x) => x,
    }
}

fn find(file: &str) -> Result<Located, String> {
    let path = golden(file);
    let opened = checkpoint::open(&path).unwrap();
    locate(opened.as_ref(), &path, &Choice::default()).map_err(|error| error.to_string())
}

#[test]
fn what_follows_a_head_is_computed_or_refused_by_its_name() {
    let cases: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(golden("heads/cases.json")).unwrap()).unwrap();
    let arrays = checkpoint::open(golden("heads/cases.safetensors")).unwrap();
    assert!(cases.len() > 60, "{}", cases.len());
    for (name, case) in &cases {
        let found = find(&format!("heads/{name}.onnx"));
        if let Some(says) = case.get("refused") {
            let said = found.err().unwrap_or_else(|| panic!("{name} was not refused"));
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            for part in says.as_array().unwrap() {
                assert!(
                    said.contains(part.as_str().unwrap()),
                    "{name}: {part} is missing in {said}"
                );
            }
            continue;
        }
        let located = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        let head = &case["head"];
        assert_eq!(located.weight, head["weight"].as_str().unwrap(), "{name}");
        let tokens = head["tokens"].as_u64().unwrap() as usize;
        assert_eq!(
            (located.head.tokens(), located.head.dim() as u64),
            (tokens, head["dim"].as_u64().unwrap())
        );
        let ours = logits(&located.head, &numbers(arrays.as_ref(), &format!("{name}.h")));
        let theirs = numbers(arrays.as_ref(), &format!("{name}.y"));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let slack = head["slack"].as_f64().unwrap();
        for (ours, theirs) in ours.chunks(tokens).zip(theirs.chunks(tokens)) {
            if head["exact"] == true {
                let far =
                    ours.iter().zip(theirs).find(|(a, b)| (*a - *b).abs() > 1e-4 * (1.0 + b.abs()));
                assert_eq!(far, None, "{name}");
            }
            for i in 0..tokens {
                for j in 0..tokens {
                    let before = theirs[i] > theirs[j] + slack;
                    assert!(!before || ours[i] > ours[j], "{name}: tokens {i} and {j}");
                }
            }
        }
    }
}

#[test]
fn onnx_heads_that_were_read_wrongly_are_read_right() {
    for file in ["gemm-then-add.onnx", "gemm-alpha.onnx"] {
        let head = find(file).unwrap().head;
        let audit = audit(&head, &Domain::free(2), Options::default()).unwrap();
        assert_eq!(audit.counts().argmaxable, 5, "{file}");
    }
    for file in ["dynamic-int8.onnx", "conv1x1.onnx"] {
        let head = find(file).unwrap().head;
        assert_eq!((head.tokens(), head.dim(), head.has_bias()), (24, 8, true), "{file}");
    }
}

#[test]
fn a_weight_that_is_chosen_keeps_its_bias_and_its_activation() {
    let path = golden("heads/two-heads.onnx");
    let opened = checkpoint::open(&path).unwrap();
    let choose = |weight: &str| Choice { weight: Some(weight.into()), ..Choice::default() };
    let one = locate(opened.as_ref(), &path, &choose("W")).unwrap();
    assert_eq!((one.bias.as_deref(), one.head.tokens()), (Some("b"), 9));
    let two = locate(opened.as_ref(), &path, &choose("Wt")).unwrap();
    assert_eq!((two.bias, two.head.tokens()), (None, 9));
}
