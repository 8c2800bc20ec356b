//! ONNX models.

use std::path::Path;

use super::memory::largest_request;
use super::{check_every_prefix, refusal};
use unargmax::checkpoint::onnx::Onnx;
use unargmax::checkpoint::{self, Checkpoint, FileFormat, Values};

const LABEL: &str = "a.onnx";

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field of bytes.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// A field of a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A model of this graph.
fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), field(7, &graph.concat())].concat()
}

/// A tensor of this type and shape with other fields besides.
fn tensor(name: &str, kind: u64, shape: &[i64], others: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|&d| number(1, d as u64)).collect();
    [dims, number(2, kind), field(8, name.as_bytes()), others.concat()].concat()
}

fn raw(data: &[u8]) -> Vec<u8> {
    field(9, data)
}

fn of(tensors: &[Vec<u8>]) -> String {
    refusal(model(&tensors.iter().map(|t| field(5, t)).collect::<Vec<_>>()), LABEL)
}

/// What reading `w`, the first of these tensors, says.
fn reading(tensors: &[Vec<u8>]) -> String {
    let graph: Vec<_> = tensors.iter().map(|t| field(5, t)).collect();
    Onnx::from_bytes(model(&graph), LABEL).unwrap().read("w").unwrap_err().to_string()
}

/// A tensor `w` of two f32 with its data elsewhere.
fn elsewhere(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pair = |(k, v): &(&str, &str)| {
        field(13, &[field(1, k.as_bytes()), field(2, v.as_bytes())].concat())
    };
    let pairs: Vec<u8> = pairs.iter().flat_map(pair).collect();
    tensor("w", 1, &[2], &[pairs, number(14, 1)])
}

/// Writes a model into a folder and opens it.
fn written(folder: &Path, tensor: Vec<u8>) -> unargmax::error::Result<Box<dyn Checkpoint>> {
    let path = folder.join(LABEL);
    std::fs::write(&path, model(&[field(5, &tensor)])).unwrap();
    checkpoint::open(path)
}

#[test]
fn truncated_anywhere() {
    let bytes = include_bytes!("../data/onnx/tensors.onnx");
    // A cut between two fields of the whole message leaves a model that is sound.
    check_every_prefix(&bytes[..], LABEL);
}

#[test]
fn lengths_beyond_the_file() {
    for length in [u64::MAX, 1 << 62, 1 << 31, 100] {
        let graph = [varint(5 << 3 | 2), varint(length)].concat();
        let mut said = String::new();
        let bytes = model(&[graph]);
        let largest = largest_request(|| said = refusal(bytes, LABEL));
        assert!(said.contains(&format!("at offset 4 claims {length} bytes")), "{said}");
        assert!(largest < 4096, "{largest} bytes were asked for");
    }
}

#[test]
fn numbers_without_an_end_and_fields_that_do_not_exist() {
    assert!(refusal(vec![0x08; 1], LABEL).contains("the protobuf number at offset 1 has no end"));
    assert!(refusal(vec![0xff; 20], LABEL).contains("has no end"));
    assert!(refusal(vec![0x0b], LABEL).contains("of the wire type 3"));
    assert!(refusal(vec![0x02, 0x00], LABEL).contains("has the number 0"));
    assert!(refusal(vec![0x08, 0x08], LABEL).contains("no graph"));
}

/// Graphs in attributes, attributes in nodes, nodes in graphs.
#[test]
fn messages_that_nest_deeply() {
    let mut graph = Vec::new();
    for _ in 0..2000 {
        graph = field(1, &field(5, &field(6, &graph)));
    }
    let opened =
        Onnx::from_bytes(model(&[graph, field(5, &tensor("w", 1, &[1], &[raw(&[0; 4])]))]), LABEL);
    assert!(opened.unwrap().read("w").is_ok());
}

#[test]
fn nodes_and_tensors_of_no_bytes() {
    for empty in [field(1, &[]), field(5, &[])] {
        let bytes = model(&[empty.repeat(1 << 20)]);
        let mut said = String::new();
        let length = bytes.len();
        let largest = largest_request(|| said = refusal(bytes, LABEL));
        assert!(said.contains("most of them empty"), "{said}");
        assert!(largest < 48 * length, "{largest} bytes were asked for, for {length}");
    }
}

#[test]
fn dimensions_that_are_negative_or_overflow() {
    assert!(
        of(&[tensor("w", 1, &[2, -1], &[raw(&[0; 8])])])
            .contains("`w`: the dimension -1 is negative")
    );
    assert!(of(&[tensor("w", 1, &[1 << 32, 1 << 32], &[])]).contains("`w`: the shape"));
    assert!(of(&[tensor("w", 1, &[0, 1 << 32, 1 << 32], &[])]).contains("overflows"));
    assert!(of(&[tensor("w", 1, &[i64::MAX], &[raw(&[])])]).contains("takes too many bytes"));
}

#[test]
fn shapes_that_do_not_fit_their_numbers() {
    assert!(of(&[tensor("w", 1, &[2], &[raw(&[0; 7])])]).contains("takes 8 bytes, but it has 7"));
    let floats = field(4, &[0; 12]);
    assert!(reading(&[tensor("w", 1, &[2], &[floats])]).contains("asks for 2, but it has 3"));
    assert!(reading(&[tensor("w", 1, &[1 << 40], &[])]).contains("but it has 0 numbers"));
    assert!(reading(&[tensor("w", 10, &[2], &[field(5, &[1])])]).contains("but it has 1 numbers"));
}

#[test]
fn types_that_are_not_decoded_are_only_listed() {
    for (kind, says) in [
        (7, "int64"),
        (8, "string"),
        (17, "float8e4m3fn"),
        (99, "unknown type"),
        (u64::MAX, "unknown type"),
    ] {
        let said = reading(&[tensor("w", kind, &[1], &[]), tensor("v", 1, &[1], &[raw(&[0; 4])])]);
        assert!(said.contains("`w`") && said.contains(says), "{said}");
    }
}

#[test]
fn names_that_occur_twice() {
    let w = tensor("w", 1, &[1], &[raw(&[0; 4])]);
    assert!(of(&[w.clone(), w.clone()]).contains("`w` occurs twice"));
    let constant = [
        field(2, b"w"),
        field(4, b"Constant"),
        field(5, &[field(1, b"value"), field(5, &w)].concat()),
    ];
    let bytes = model(&[field(5, &w), field(1, &constant.concat())]);
    assert!(refusal(bytes, LABEL).contains("`w` occurs twice"));
}

#[test]
fn a_name_that_is_not_utf8() {
    assert!(of(&[[number(2, 1), field(8, &[0xff])].concat()]).contains("is not UTF-8"));
}

#[test]
fn two_graphs() {
    let bytes = [model(&[]), field(7, &[])].concat();
    assert!(refusal(bytes, LABEL).contains("two graphs"));
}

#[test]
fn outside_numbers_that_climb_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    // What the paths lead to has the right length: only the path can be the reason.
    std::fs::write(folder.path().join("data"), [0; 8]).unwrap();
    let absolute = folder.path().join("data").display().to_string();
    for location in [
        "../data",
        "../../etc/passwd",
        "/etc/passwd",
        "x/../../data",
        &absolute,
        "",
        "..",
        r"..\data",
    ] {
        let said = written(&inner, elsewhere(&[("location", location)])).err().unwrap().to_string();
        assert!(said.contains("`w`") && said.contains("was not opened"), "{said}");
    }
    assert!(of(&[elsewhere(&[])]).contains("which is not named"));
}

#[test]
fn outside_numbers_below_the_folder_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(
        folder.path().join("below/data"),
        [&[9; 4][..], &1f32.to_le_bytes(), &2f32.to_le_bytes()].concat(),
    )
    .unwrap();
    let opened =
        written(folder.path(), elsewhere(&[("location", "below/data"), ("offset", "4")])).unwrap();
    assert_eq!(opened.read("w").unwrap().values, Values::F32(vec![1.0, 2.0]));
}

#[test]
fn outside_numbers_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data"), [0; 8]).unwrap();
    let read = |pairs: &[(&str, &str)]| {
        written(folder.path(), elsewhere(pairs)).unwrap().read("w").unwrap_err().to_string()
    };
    assert!(read(&[("location", "missing")]).contains("missing: No such file"));
    assert!(read(&[("location", ".")]).contains("directory"));
    assert!(
        read(&[("location", "data"), ("offset", "1")])
            .contains("8 bytes at offset 1 lie beyond `data`")
    );
    std::fs::write(
        folder.path().join("pointer"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 8\n",
    )
    .unwrap();
    let said = read(&[("location", "pointer")]);
    assert!(
        said.contains("`pointer` is a Git LFS pointer") && said.contains("git lfs pull"),
        "{said}"
    );
    let most = u64::MAX.to_string();
    assert!(read(&[("location", "data"), ("offset", &most)]).contains("lie beyond"));
    assert!(read(&[("location", "data"), ("length", "4")]).contains("takes 8 bytes, but 4"));
    let said = written(folder.path(), elsewhere(&[("location", "data"), ("offset", "-1")]));
    assert!(
        said.err().unwrap().to_string().contains("the offset `-1` of its data is not a valid size")
    );
}

#[cfg(unix)]
#[test]
fn outside_numbers_behind_links_that_loop() {
    let folder = tempfile::tempdir().unwrap();
    for (name, target) in [("a", "b"), ("b", "a")] {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    }
    let opened = written(folder.path(), elsewhere(&[("location", "a")])).unwrap();
    assert!(opened.read("w").unwrap_err().to_string().contains("symbolic links"));
}

#[test]
fn scales_that_do_not_fit_their_weight() {
    let node = |axis: i64| {
        let inputs: Vec<u8> =
            ["q", "s", "z"].iter().flat_map(|name| field(1, name.as_bytes())).collect();
        let axis = [field(1, b"axis"), number(3, axis as u64), number(20, 2)].concat();
        field(1, &[inputs, field(2, b"w"), field(4, b"DequantizeLinear"), field(5, &axis)].concat())
    };
    let read = |axis, scales: usize, zeros: usize| {
        let scale: Vec<u8> = vec![63; 4 * scales];
        let tensors = [
            tensor("q", 3, &[2, 3], &[raw(&[1; 6])]),
            tensor("s", 1, &[scales as i64], &[raw(&scale)]),
            tensor("z", 3, &[zeros as i64], &[raw(&vec![0; zeros])]),
        ];
        let graph: Vec<_> = tensors.iter().map(|t| field(5, t)).chain([node(axis)]).collect();
        let opened = Onnx::from_bytes(model(&graph), LABEL).unwrap();
        opened.read("w").map_err(|error| error.to_string())
    };
    assert!(read(0, 2, 2).is_ok() && read(1, 3, 3).is_ok() && read(-1, 3, 3).is_ok());
    for (axis, scales, zeros) in
        [(0, 3, 3), (1, 2, 2), (2, 3, 3), (-3, 3, 3), (i64::MIN, 3, 3), (0, 0, 0)]
    {
        let said = read(axis, scales, zeros).unwrap_err();
        assert!(said.contains("`w`") && said.contains("does not fit the shape [2, 3]"), "{said}");
    }
    assert!(read(0, 2, 1).unwrap_err().contains("2 scales, but 1 zero points"));
}

/// The names that ONNX Runtime's quantiser gives: columns of a factor, rows of anything else.
#[test]
fn weights_that_belong_together_by_their_names() {
    let read = |op: &str, scales: i64| {
        let scale: Vec<u8> = (1..=scales).flat_map(|k| (k as f32).to_le_bytes()).collect();
        let tensors = [
            tensor("x_quantized", 3, &[2, 3], &[raw(&[1, 2, 3, 4, 5, 6])]),
            tensor("x_scale", 1, &[scales], &[raw(&scale)]),
            tensor("x_zero_point", 3, &[scales], &[raw(&vec![1; scales as usize])]),
        ];
        let node =
            field(1, &[field(1, b"a"), field(1, b"x_quantized"), field(4, op.as_bytes())].concat());
        let graph: Vec<_> = tensors.iter().map(|t| field(5, t)).chain([node]).collect();
        let opened = Onnx::from_bytes(model(&graph), LABEL).unwrap();
        opened.read("x").map(|tensor| tensor.values).map_err(|error| error.to_string())
    };
    assert_eq!(read("MatMulInteger", 3), Ok(Values::F32(vec![0.0, 2.0, 6.0, 3.0, 8.0, 15.0])));
    assert_eq!(read("Gather", 2), Ok(Values::F32(vec![0.0, 1.0, 2.0, 6.0, 8.0, 10.0])));
    assert_eq!(read("Gather", 1), Ok(Values::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])));
    assert!(read("Gather", 3).unwrap_err().contains("does not fit"));
    assert!(read("MatMulInteger", 2).unwrap_err().contains("does not fit"));
}
