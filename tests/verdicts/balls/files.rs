//! The command on a model with a final LayerNorm: neither threads nor kernels change a byte of its files.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use unargmax::certify::pairs::kernel::Kernel;

use super::instances::Instances;

const TOKENS: usize = 1200;
const DIM: usize = 24;

/// A model of GPT-2's kind, as far as an audit looks at it: many tokens near the middle, a gain and a shift.
pub fn write_model(folder: &Path, epsilon: f64) {
    let mut instances = Instances::new(12);
    let mut normal = |size: f64| (instances.normal() * size) as f32;
    let rows: Vec<f32> = (0..TOKENS)
        .flat_map(|t| {
            let size = [0.02, 0.2, 0.6][t % 3];
            (0..DIM).map(|_| normal(size)).collect::<Vec<_>>()
        })
        .collect();
    let gain: Vec<f32> = (0..DIM).map(|_| 1.0 + normal(0.5)).collect();
    let shift: Vec<f32> = (0..DIM).map(|_| normal(0.3)).collect();
    let tensors = [
        ("transformer.wte.weight", vec![TOKENS, DIM], rows),
        ("transformer.ln_f.weight", vec![DIM], gain),
        ("transformer.ln_f.bias", vec![DIM], shift),
    ]
    .map(|(name, shape, numbers)| {
        (name, shape, numbers.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())
    });
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    let configuration = serde_json::json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": TOKENS,
        "n_embd": DIM,
        "layer_norm_epsilon": epsilon,
        "tie_word_embeddings": true,
    });
    std::fs::write(folder.join("config.json"), configuration.to_string()).unwrap();
}

/// The files of an audit, without threads and times in the summary, and the counts.
fn written(model: &Path, arguments: &[&str]) -> (BTreeMap<OsString, Vec<u8>>, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_unargmax"))
        // The report tells the seconds too; it is made of these files.
        .args(["audit", "--quiet", "--no-report", "--domain", "layernorm", "--out"])
        .arg(folder.path())
        .arg(model)
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success(), "{arguments:?}");
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap());
    let mut files: BTreeMap<OsString, Vec<u8>> =
        entries.map(|e| (e.file_name(), std::fs::read(e.path()).unwrap())).collect();
    let summary = files.get_mut(OsStr::new("summary.json")).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(summary).unwrap();
    assert!(value.as_object_mut().unwrap().remove("threads").is_some(), "no threads");
    assert!(value.as_object_mut().unwrap().remove("run").is_some(), "no date and command line");
    for audit in value["audits"].as_array_mut().unwrap() {
        assert!(audit.as_object_mut().unwrap().remove("seconds").is_some(), "no times");
    }
    *summary = serde_json::to_vec(&value).unwrap();
    (files, value["audits"][0]["counts"].clone())
}

#[test]
fn threads_and_kernels_change_no_file_of_an_audit_behind_a_layernorm() {
    let model = tempfile::tempdir().unwrap();
    write_model(model.path(), 1e-5);
    let (one, counts) = written(model.path(), &["--threads", "1", "--kernel", "portable"]);
    let both = ["argmaxable", "unargmaxable"].map(|name| counts[name].as_u64().unwrap());
    assert!(both.iter().all(|n| *n > 100) && counts["undecided"] == 0, "{counts}");
    assert!(one.len() >= 3, "{:?}", one.keys());
    for threads in ["2", "3"] {
        let (other, _) = written(model.path(), &["--threads", threads]);
        assert!(other == one, "{threads} threads");
    }
    for kernel in Kernel::available() {
        let (other, _) = written(model.path(), &["--threads", "2", "--kernel", kernel.name()]);
        assert!(other == one, "{}", kernel.name());
    }
}
