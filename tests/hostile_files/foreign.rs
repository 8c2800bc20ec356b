//! Files that stand in the place of a checkpoint or of its vocabulary and are none: each is called by its name.

use std::fs;
use std::path::Path;

use super::build::{CompressionMethod, safetensors, valid_safetensors, zip};
use super::refusal;
use unargmax::checkpoint;
use unargmax::checkpoint::vocabulary::{self, Vocabulary};
use unargmax::locate::{Choice, locate};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nsize 267954768\n";

#[test]
fn a_git_lfs_pointer_in_place_of_any_file() {
    for name in [
        "model.safetensors",
        "pytorch_model.bin",
        "model.gguf",
        "model.onnx",
        "w.npz",
        "w.npy",
        "w.pt",
        "x",
    ] {
        let said = refusal(POINTER.into(), name);
        assert!(said.contains("a Git LFS pointer") && said.contains("git lfs pull"), "{said}");
        assert!(said.contains("267954768 bytes") && said.contains("0123456789ab"), "{said}");
    }
}

#[test]
fn an_answer_of_a_server_in_place_of_any_file() {
    for (body, says) in [
        (&b"{\"error\":\"Repository not found\"}"[..], "Repository not found"),
        (
            b"\xef\xbb\xbf{\"message\": \"Bad credentials\", \"status\": \"401\"}\n",
            "Bad credentials",
        ),
        (b"Entry not found", "Entry not found"),
        (b"Access to model x is restricted.\nAsk for it.", "Access to model x is restricted."),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"# xet version 0\nfilesize = 1\n", "a pointer of Xet"),
    ] {
        for name in ["model.safetensors", "pytorch_model.bin", "w.pt", "w.onnx", "x"] {
            let said = refusal(body.to_vec(), name);
            assert!(said.contains(says) && said.contains("not the file"), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    let marked = [b"\xef\xbb\xbf", POINTER.as_bytes()].concat();
    assert!(refusal(marked, "model.bin").contains("a Git LFS pointer"));
}

#[test]
fn an_archive_of_keras_under_any_name() {
    let members: [(&str, &[u8]); 2] = [("config.json", b"{}"), ("model.weights.h5", b"HDF")];
    for name in ["model.keras", "model.zip", "x"] {
        let said = refusal(zip(&members, CompressionMethod::Stored), name);
        assert!(said.contains("a Keras archive") && said.contains(".safetensors"), "{said}");
    }
}

/// What is said of a folder with these files.
fn folder(files: &[(&str, &[u8])]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let opened = match checkpoint::open(folder.path()) {
        Ok(opened) => opened,
        Err(error) => return error.to_string(),
    };
    if let Err(error) = locate(opened.as_ref(), folder.path(), &Choice::default()) {
        return error.to_string();
    }
    match vocabulary::from_side_file(opened.as_ref()) {
        Ok(found) => format!("{:?}", found.map(|(read, name)| (read.tokens.len(), name))),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_pointer_beside_a_checkpoint_is_no_configuration_and_no_vocabulary() {
    let head =
        safetensors(r#"{"weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#, &[0; 8]);
    for name in ["vocab.json", "tokenizer.json", "tokenizer.model", "vocab.txt"] {
        let said = folder(&[("model.safetensors", &head), (name, POINTER.as_bytes())]);
        assert!(said.contains(name) && said.contains("git lfs pull"), "{said}");
    }
    let decoder = valid_safetensors();
    let said = folder(&[("model.safetensors", &decoder), ("config.json", POINTER.as_bytes())]);
    assert!(said.contains("config.json") && said.contains("git lfs pull"), "{said}");
    let said = folder(&[("model.safetensors.index.json", POINTER.as_bytes())]);
    assert!(said.contains("index.json") && said.contains("git lfs pull"), "{said}");
}

#[test]
fn a_vocabulary_beside_a_lone_file_is_used_and_a_damaged_one_is_an_error() {
    let head =
        safetensors(r#"{"weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}"#, &[0; 8]);
    let file = ("model.safetensors", &head[..]);
    assert_eq!(
        folder(&[file, ("vocab.json", br#"{"a": 0, "b": 1}"#)]),
        "Some((2, \"vocab.json\"))"
    );
    assert_eq!(folder(&[file]), "None");
    let said = folder(&[file, ("vocab.json", b"{\"a\": 0,")]);
    assert!(said.contains("vocab.json") && said.contains("not a JSON list"), "{said}");
    let said = folder(&[file, ("vocab.json", br#"{"a": 0}"#), ("tokenizer_config.json", b"{")]);
    assert!(said.contains("tokenizer_config.json"), "{said}");
}

#[test]
fn other_formats_are_called_by_their_names() {
    let mut tar = vec![0u8; 2048];
    tar[..6].copy_from_slice(b"pickle");
    tar[257..262].copy_from_slice(b"ustar");
    let plain = tar.clone();
    tar[512..519].copy_from_slice(b"tensors");
    tar[1024..1032].copy_from_slice(b"storages");
    for (bytes, name, says) in [
        (tar, "w.pt", "torch's first format"),
        (plain, "w.tar", "a tar archive; unpack it"),
        (b"<!DOCTYPE html><html>".to_vec(), "model.safetensors", "a web page"),
        (b"\n<HTML lang=en>".to_vec(), "w.gguf", "a web page"),
        (b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "w.npz", "gunzip"),
        (b"\x28\xb5\x2f\xfd1234".to_vec(), "w.bin", "unzstd"),
        (b"\x89HDF\r\n\x1a\n".to_vec(), "w.bin", "HDF5"),
        (b"tjgg\x01\0\0\0".to_vec(), "ggml-model.bin", "before GGUF"),
        (b"/annex/objects/SHA256E-s1".to_vec(), "w.bin", "git annex get"),
        (b"(dp0\nS'w'\np1\n.".to_vec(), "w.pkl", "protocol 0 or 1"),
        (b"\x18\0\0\0TFL3".to_vec(), "w.bin", "TensorFlow Lite"),
        (b"\x83\xa6params".to_vec(), "flax_model.msgpack", "Flax"),
    ] {
        let said = refusal(bytes, name);
        assert!(said.contains(says), "{said}");
    }
}

/// What is said of the head of a file of tensors: name, type, shape, bytes.
fn head_of(tensors: &[(&str, &str, &[usize], usize)], choice: &Choice) -> String {
    let (mut entries, mut end) = (Vec::new(), 0);
    for (name, dtype, shape, bytes) in tensors {
        entries.push(format!(
            r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{end},{}]}}"#,
            end + bytes
        ));
        end += bytes;
    }
    let file = safetensors(&format!("{{{}}}", entries.join(",")), &vec![0; end]);
    let opened = checkpoint::from_bytes(checkpoint::bytes::Bytes::new(file, "x")).unwrap();
    locate(opened.as_ref(), Path::new("x"), choice).err().map_or("found".into(), |e| e.to_string())
}

#[test]
fn packed_weights_are_called_by_their_method() {
    for (tensors, says) in [
        (
            &[
                ("head.weight", "U32", &[24, 1][..], 96),
                ("head.scales", "F16", &[24, 1], 48),
                ("head.biases", "F16", &[24, 1], 48),
            ][..],
            "MLX",
        ),
        (
            &[("head.weight", "F8_E4M3", &[4, 2], 8), ("head.weight_scale_inv", "F32", &[1, 1], 4)],
            "FP8 with a scale",
        ),
        (
            &[("head.weight", "F8_E4M3", &[4, 2], 8), ("head.scale_weight", "F32", &[], 4)],
            "FP8 with a scale",
        ),
        (&[("head.weight", "F8_E5M2", &[4, 2], 8)], "8-bit floats"),
        (
            &[("head.weight", "U8", &[4, 2], 8), ("head.weight.absmax", "F32", &[2], 8)],
            "bitsandbytes",
        ),
        (&[("head.weight", "I8", &[4, 2], 8), ("head.SCB", "F32", &[4], 16)], "bitsandbytes"),
        (
            &[("head.weight", "I8", &[4, 2], 8), ("head.weight_scale", "F32", &[4, 1], 16)],
            "a scale",
        ),
        (&[("head.weight", "I32", &[4, 2], 32)], "not numbers of a head"),
    ] {
        for choice in
            [Choice::default(), Choice { weight: Some("head.weight".into()), ..Choice::default() }]
        {
            let said = head_of(tensors, &choice);
            let asked = said.contains("which tensor is the head?");
            assert!(said.contains(says) || asked && choice.weight.is_none(), "{said}");
            assert!(!said.contains("convert it to f16"), "{said}");
        }
    }
}

#[test]
fn a_tied_embedding_packed_by_mlx_is_refused_and_tiktoken_is_read() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/heads");
    let path = data.join("mlx-tied");
    let opened = checkpoint::open(&path).unwrap();
    let said = locate(opened.as_ref(), &path, &Choice::default()).unwrap_err().to_string();
    assert!(said.contains("MLX, bits 4, group_size 64") && said.contains("--dequantize"), "{said}");
    assert!(!said.contains("convert it to f16"), "{said}");

    let opened = checkpoint::open(data.join("tiktoken")).unwrap();
    let (read, name) = vocabulary::from_side_file(opened.as_ref()).unwrap().unwrap();
    assert_eq!(
        (read.tokens.len(), name, read.tokens[2].text.as_str()),
        (20, "tokenizer.model", "C")
    );
    assert!(Vocabulary::from_file(data.join("tiktoken/tokenizer.model")).is_ok());
}
