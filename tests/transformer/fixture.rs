//! The tiny models of `tests/data/forward` and what was computed with them; its README tells the forms.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use unargmax::checkpoint::safetensors::Safetensors;
use unargmax::checkpoint::{Checkpoint, FileFormat, Values};
use unargmax::transformer::{Batch, Input, Mask, Options, Transformer};

/// Every model that is computed here, by the name of its folder.
pub const MODELS: &[&str] = &[
    "bert",
    "roberta",
    "xlm-roberta",
    "albert",
    "albert-groups",
    "gpt2",
    "llama",
    "llama-untied",
    "llama-linear",
    "llama3",
    "llama-gguf-f32",
    "llama-gguf-f16",
    "llama-gguf-q8_0",
    "llama-gguf-q4_1",
    "llama-gguf-linear",
    "llama-gguf-llama3",
    "xlnet",
    "t5",
    "t5-v1_1",
    "mt5",
    "marian",
    "marian-two-vocabularies",
    "distilbert",
    "electra",
    "modernbert",
    "modernbert-biases",
    "deberta-v2",
    "deberta-v3",
    "deberta-v2-own",
    "deberta-v2-keys",
    "deberta-v2-absolute",
    "gpt-j",
    "gpt-neo",
    "gpt-neox",
    "gpt-neox-sequential",
    "opt",
    "opt-after",
    "bloom",
    "falcon",
    "falcon-new",
    "falcon-sequential",
    "falcon-alibi",
    "qwen2",
    "qwen2-window",
    "qwen3",
    "mistral",
    "ministral",
    "smollm3",
    "gemma",
    "gemma2",
    "gemma3",
    "phi",
    "phi3",
    "phi3-short",
    "olmo2",
    "granite",
    "cohere",
    "cohere2",
    "stablelm",
    "stablelm-parallel",
    "stablelm-norms",
    "starcoder2",
    "bart",
    "mbart",
    "whisper",
    "pegasus",
    "m2m-100",
    "mixtral",
    "qwen2-moe",
    "qwen3-moe",
    "gpt-oss",
    "gpt-oss-mxfp4",
    "qwen2-gguf",
    "qwen3-gguf",
    "smollm3-gguf",
    "gemma-gguf",
    "gemma2-gguf",
    "gemma3-gguf",
    "phi2-gguf",
    "phi3-gguf",
    "gptneox-gguf",
    "starcoder2-gguf",
    "stablelm-gguf",
    "olmo2-gguf",
    "granite-gguf",
    "command-r-gguf",
    "gpt2-gguf",
    "bloom-gguf",
    "mixtral-gguf",
    "qwen2moe-gguf",
    "qwen3moe-gguf",
    "phi3-long-gguf",
    "phi3-short-gguf",
    "stablelm-norms-gguf",
];

/// The folder of a model.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/forward").join(name)
}

/// What to open: the folder, or the GGUF file in it.
pub fn path(name: &str) -> PathBuf {
    let gguf = folder(name).join("model.gguf");
    if gguf.is_file() { gguf } else { folder(name) }
}

pub fn open(name: &str, options: Options) -> Transformer {
    Transformer::open(path(name), options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A model's file of golden values.
pub struct Golden {
    pub json: Value,
    arrays: Safetensors,
}

impl Golden {
    pub fn of(name: &str) -> Self {
        let text = std::fs::read_to_string(folder(name).join("golden.json")).unwrap();
        let arrays = Safetensors::open(folder(name).join("golden.safetensors")).unwrap();
        Golden { json: serde_json::from_str(&text).unwrap(), arrays }
    }

    /// The names of the cases.
    pub fn cases(&self) -> Vec<String> {
        self.json["cases"].as_object().unwrap().keys().cloned().collect()
    }

    /// An array, `None` where there is none.
    pub fn array(&self, name: &str) -> Option<Tensor> {
        let info = self.arrays.tensors().iter().find(|info| info.name == name)?;
        let Values::F32(numbers) = self.arrays.read(name).unwrap().values else { panic!("{name}") };
        Some(Tensor::from_vec(numbers, &info.shape[..], &Device::Cpu).unwrap())
    }

    /// What a case asks.
    pub fn batch(&self, name: &str) -> Batch {
        let case = &self.json["cases"][name];
        let lengths = sizes(&case["lengths"]);
        let mut batch = match &case["ids"] {
            Value::Null => {
                let vectors = self.array(&format!("{name}.vectors")).unwrap();
                let mut batch = Batch::vectors(vectors.clone());
                batch.input = Input::Vectors { vectors, lengths: Some(lengths.clone()) };
                batch
            }
            ids => Batch::ids(rows(ids, &lengths)),
        };
        batch.masks = masks(case, &lengths);
        if !case["segments"].is_null() {
            batch.segments = Some(rows(&case["segments"], &lengths));
        }
        batch.predict_blind = case["stream"] == "query";
        if !case["source_lengths"].is_null() {
            let lengths = sizes(&case["source_lengths"]);
            let array = |what: &str| self.array(&format!("{name}.{what}"));
            batch.source = Some(match (array("source_vectors"), array("source_features")) {
                (Some(vectors), _) => Input::Vectors { vectors, lengths: Some(lengths) },
                (None, Some(features)) => Input::Features(features),
                (None, None) => Input::Ids(rows(&case["source"], &lengths)),
            });
        }
        batch
    }
}

/// What the encoder of a model reads: token ids, or in an encoder of sound a vector in the place of each.
pub fn source(model: &Transformer, ids: Vec<u32>, dtype: DType) -> Input {
    if !model.configuration().reads_sound() {
        return Input::Ids(vec![ids]);
    }
    let (length, width) = (ids.len(), model.configuration().input_width);
    let number = |id: u32, at: usize| (f64::from(id) * 1.7 + at as f64 * 0.9).sin();
    let numbers = ids.iter().flat_map(|&id| (0..width).map(move |at| number(id, at))).collect();
    let vectors = Tensor::from_vec(numbers, (1, length, width), &Device::Cpu).unwrap();
    Input::Vectors { vectors: vectors.to_dtype(dtype).unwrap(), lengths: None }
}

/// The given row of what an encoder reads.
pub fn row_of(source: &Input, row: usize) -> Input {
    match source {
        Input::Ids(rows) => Input::Ids(vec![rows[row].clone()]),
        Input::Features(features) => Input::Features(features.narrow(0, row, 1).unwrap()),
        Input::Vectors { .. } => panic!("vectors have lengths of their own"),
    }
}

/// The masks of a case, one a row.
fn masks(case: &Value, lengths: &[usize]) -> Vec<Mask> {
    let of = |row: usize| match case["mask"].as_str().unwrap() {
        "bidirectional" => Mask::Bidirectional,
        "causal" => Mask::Causal,
        "prefix" => Mask::Prefix { source: sizes(&case["source"])[row] },
        "latent" => Mask::Latent { source: sizes(&case["source"])[row] },
        "permutation" => {
            // Positions of the padding are in the file's order, and have no place in ours.
            let order = sizes(&case["order"][row]);
            Mask::Permutation { order: order.into_iter().filter(|&p| p < lengths[row]).collect() }
        }
        other => panic!("{other}"),
    };
    (0..lengths.len()).map(of).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The ids of each row without its padding.
fn rows(value: &Value, lengths: &[usize]) -> Vec<Vec<u32>> {
    let row = |(row, &length): (&Value, &usize)| {
        sizes(row)[..length].iter().map(|&id| id as u32).collect()
    };
    value.as_array().unwrap().iter().zip(lengths).map(row).collect()
}

/// The numbers of each row's own tokens, without padding.
pub fn unpadded(tensor: &Tensor, lengths: &[usize]) -> Vec<Vec<f64>> {
    lengths
        .iter()
        .enumerate()
        .map(|(row, &length)| numbers(&tensor.get(row).unwrap().narrow(0, 0, length).unwrap()))
        .collect()
}

/// All numbers of a tensor.
pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.flatten_all().unwrap().to_dtype(candle_core::DType::F64).unwrap();
    tensor.to_vec1().unwrap()
}

/// The greatest distance between two rows of numbers.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    // A NaN must not pass for a small distance.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| if d <= m { m } else { d })
}
