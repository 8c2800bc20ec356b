//! ONNX models that the reference package wrote (`analyses/onnx_golden.py`), against its own values.

use std::path::PathBuf;

use unargmax::checkpoint::bytes::Bytes;
use unargmax::checkpoint::{self, Dtype, Values};

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
