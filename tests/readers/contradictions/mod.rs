//! What a checkpoint and its configuration say against each other is an error that names both sides and the way out,
//! never a silent choice.

mod gguf;
mod in_use;

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};
use tempfile::TempDir;

use unargmax::checkpoint;
use unargmax::locate::{BiasChoice, Choice, Located, Tying, locate};

/// A folder with `model.safetensors` and `config.json`.
struct Folder(TempDir);

/// A tensor of float32 numbers that depend on `seed`, so that two seeds differ.
type Made = (&'static str, Vec<usize>, u32);

impl Folder {
    fn new(config: &str, tensors: &[Made]) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.tensors("model.safetensors", tensors);
        if !config.is_empty() {
            folder.file("config.json", config);
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    fn tensors(&self, name: &str, tensors: &[Made]) -> PathBuf {
        let bytes: Vec<Vec<u8>> =
            tensors.iter().map(|(_, shape, seed)| numbers(shape, *seed)).collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        });
        let path = self.path().join(name);
        serialize_to_file(views, None, &path).unwrap();
        path
    }

    fn locate(&self, choice: &Choice) -> unargmax::error::Result<Located> {
        let opened = checkpoint::open(self.path())?;
        locate(opened.as_ref(), self.path(), choice)
    }

    fn found(&self) -> Located {
        self.locate(&Choice::default()).unwrap()
    }

    /// The error of the default choice, which must have all of `says`.
    fn refused(&self, says: &[&str]) {
        let said = self.locate(&Choice::default()).unwrap_err().to_string();
        for part in says {
            assert!(said.contains(part), "{part:?} is missing in: {said}");
        }
    }
}

fn numbers(shape: &[usize], seed: u32) -> Vec<u8> {
    let count = shape.iter().product::<usize>() as u32;
    (0..count).flat_map(|i| ((i * 7 + seed) as f32 / 8.0).to_le_bytes()).collect()
}

fn weight(name: &str) -> Choice {
    Choice { weight: Some(name.to_owned()), ..Choice::default() }
}

const LLAMA: &str =
    r#"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 6"#;

fn llama(rest: &str) -> String {
    format!("{LLAMA}{rest}}}")
}

fn embedding(seed: u32) -> Made {
    ("model.embed_tokens.weight", vec![6, 4], seed)
}

fn head(seed: u32) -> Made {
    ("lm_head.weight", vec![6, 4], seed)
}

fn norm() -> Made {
    ("model.norm.weight", vec![4], 1)
}

#[test]
fn a_tie_flag_with_a_different_head_is_refused() {
    let tied = llama(r#", "tie_word_embeddings": true"#);
    let folder = Folder::new(&tied, &[embedding(0), head(1), norm()]);
    folder.refused(&[
        "the configuration says that the head is tied",
        "`lm_head.weight` [6, 4] f32 differs from the embedding `model.embed_tokens.weight` [6, 4] f32",
        "--weight lm_head.weight or --weight model.embed_tokens.weight",
    ]);
    // Either can be chosen; nothing of what was refused is then taken for known.
    for name in ["lm_head.weight", "model.embed_tokens.weight"] {
        let located = folder.locate(&weight(name)).unwrap();
        assert_eq!((located.weight.as_str(), located.tying), (name, Tying::Unknown));
    }
    // The same numbers twice are no contradiction.
    let located = Folder::new(&tied, &[embedding(1), head(1), norm()]).found();
    assert_eq!(located.tying, Tying::Tied("model.embed_tokens.weight".into()));
}

#[test]
fn a_family_that_ties_by_itself_is_held_to_it() {
    let gemma = r#"{"model_type": "gemma", "architectures": ["GemmaForCausalLM"]}"#;
    Folder::new(gemma, &[embedding(0), head(1), norm()]).refused(&[
        "Gemma ties its head where the configuration does not say otherwise",
        "lm_head.weight",
    ]);
}

#[test]
fn an_untied_head_that_is_not_there_is_refused() {
    let untied = llama(r#", "tie_word_embeddings": false"#);
    Folder::new(&untied, &[embedding(0), norm()]).refused(&[
        "the configuration says that the head is not tied, but there is no `lm_head.weight",
        "if it is tied, say --weight model.embed_tokens.weight",
    ]);
    // Llama does not tie by itself.
    Folder::new(&llama(""), &[embedding(0), norm()])
        .refused(&["Llama keeps its head in `lm_head.weight", "not there"]);
    let tied = llama(r#", "tie_word_embeddings": true"#);
    let located = Folder::new(&tied, &[embedding(0), norm()]).found();
    assert_eq!(located.weight, "model.embed_tokens.weight");
}

#[test]
fn a_bias_of_the_wrong_length_is_refused() {
    let phi = r#"{"model_type": "phi", "architectures": ["PhiForCausalLM"]}"#;
    let bias = |n| ("lm_head.bias", vec![n], 3);
    let folder = Folder::new(phi, &[embedding(0), head(1), bias(5)]);
    folder.refused(&[
        "`lm_head.bias` has shape [5]",
        "`lm_head.weight` has 6 tokens",
        "--bias none",
    ]);
    assert!(Folder::new(phi, &[embedding(0), head(1), bias(6)]).found().head.has_bias());
}

#[test]
fn a_bias_that_the_family_always_has_is_missed() {
    let phi = r#"{"model_type": "phi", "architectures": ["PhiForCausalLM"]}"#;
    let folder = Folder::new(phi, &[embedding(0), head(1)]);
    folder.refused(&["Phi has a bias, but `lm_head.bias` is not there", "--bias none"]);
    let without = Choice { bias: BiasChoice::None, ..weight("lm_head.weight") };
    assert!(!folder.locate(&without).unwrap().head.has_bias());
}

#[test]
fn two_biases_of_one_tied_head_that_differ_are_refused() {
    let bert = r#"{"model_type": "bert", "architectures": ["BertForMaskedLM"]}"#;
    let tensors = |second| {
        [
            ("bert.embeddings.word_embeddings.weight", vec![6, 4], 0),
            ("cls.predictions.transform.dense.weight", vec![4, 4], 2),
            ("cls.predictions.bias", vec![6], 3),
            ("cls.predictions.decoder.bias", vec![6], second),
        ]
    };
    Folder::new(bert, &tensors(4)).refused(&["cls.predictions.decoder.bias", "differ", "--bias"]);
    assert!(Folder::new(bert, &tensors(3)).found().head.has_bias());
}

#[test]
fn rows_that_are_not_as_many_as_the_configuration_says_are_refused() {
    let folder =
        Folder::new(&llama(r#", "tie_word_embeddings": true"#).replace('6', "7"), &[embedding(0)]);
    folder.refused(&["vocab_size 7", "`model.embed_tokens.weight` has 6 rows", "--weight"]);
    assert_eq!(folder.locate(&weight("model.embed_tokens.weight")).unwrap().head.tokens(), 6);
}

#[test]
fn a_missing_shard_is_refused() {
    let folder = Folder(tempfile::tempdir().unwrap());
    folder.file("config.json", &llama(r#", "tie_word_embeddings": false"#));
    folder.tensors("model-00001-of-00002.safetensors", &[embedding(0), norm()]);
    folder.file(
        "model.safetensors.index.json",
        r#"{"metadata": {}, "weight_map": {
            "model.embed_tokens.weight": "model-00001-of-00002.safetensors",
            "model.norm.weight": "model-00001-of-00002.safetensors",
            "lm_head.weight": "model-00002-of-00002.safetensors"}}"#,
    );
    folder.refused(&["model-00002-of-00002.safetensors"]);
}

#[test]
fn two_heads_are_refused() {
    // Of one family by its two names,
    let neox = r#"{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"]}"#;
    Folder::new(
        neox,
        &[
            head(0),
            ("embed_out.weight", vec![6, 4], 1),
            ("gpt_neox.embed_in.weight", vec![6, 4], 2),
        ],
    )
    .refused(&[
        "two heads",
        "`embed_out.weight` [6, 4] f32",
        "`lm_head.weight` [6, 4] f32",
        "--weight",
    ]);
    // of another family beside the configured one,
    let untied = llama(r#", "tie_word_embeddings": false"#);
    Folder::new(&untied, &[embedding(0), head(1), norm(), ("proj_out.weight", vec![6, 4], 2)])
        .refused(&["two heads", "proj_out.weight"]);
    // and without a configuration.
    Folder::new("", &[head(0), ("proj_out.weight", vec![6, 4], 1)]).refused(&[
        "heads",
        "`lm_head.weight` [6, 4] f32",
        "`proj_out.weight` [6, 4] f32",
        "--weight",
    ]);
    // The same numbers under two names are one head.
    assert_eq!(
        Folder::new(&untied, &[embedding(0), head(1), norm(), ("proj_out.weight", vec![6, 4], 1)])
            .found()
            .weight,
        "lm_head.weight"
    );
}

#[test]
fn an_encoder_without_a_head_is_refused_with_what_can_be_done() {
    let bert = r#"{"model_type": "bert", "architectures": ["BertModel"]}"#;
    let encoder = [
        ("embeddings.word_embeddings.weight", vec![6, 4], 0),
        ("encoder.layer.0.output.dense.weight", vec![4, 8], 1),
    ];
    let folder = Folder::new(bert, &encoder);
    let says = [
        "BERT without an output layer",
        "BertModel",
        "--weight",
        "embeddings.word_embeddings.weight",
    ];
    folder.refused(&says);
    assert!(folder.locate(&weight("embeddings.word_embeddings.weight")).is_ok());
    // Not even where the configuration claims a head: its other parts are missing.
    let claims = r#"{"model_type": "bert", "architectures": ["BertForMaskedLM"]}"#;
    Folder::new(claims, &encoder).refused(&["BERT without an output layer"]);
    // A decoder that is used as an encoder is tied to nothing.
    let embedder =
        r#"{"model_type": "qwen3", "architectures": ["Qwen3Model"], "tie_word_embeddings": true}"#;
    Folder::new(embedder, &[embedding(0), norm()])
        .refused(&["Qwen without an output layer", "Qwen3Model"]);
}

#[test]
fn without_a_configuration_an_embedding_is_no_head() {
    Folder::new("", &[embedding(0), ("model.layers.0.mlp.weight", vec![4, 8], 1)])
        .refused(&["which tensor is the head", "model.embed_tokens.weight"]);
    // But a head is known by its name, and what several families name so is not said of it.
    let located = Folder::new("", &[embedding(0), head(1), norm()]).found();
    assert_eq!((located.weight.as_str(), located.tying), ("lm_head.weight", Tying::Separate));
    assert_eq!((located.final_norm, located.family), (None, None));
    assert!(
        located.notes.iter().any(|note| note.contains("several families")),
        "{:?}",
        located.notes
    );
}

#[test]
fn flags_of_a_nested_configuration_that_differ_are_settled_by_the_tensors() {
    let config = r#"{"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"],
        "tie_word_embeddings": false, "text_config": {"model_type": "llama", "tie_word_embeddings": true}}"#;
    assert_eq!(
        Folder::new(config, &[embedding(0), head(1), norm()]).found().tying,
        Tying::Separate
    );
    let tied = Folder::new(config, &[embedding(0), norm()]).found();
    assert_eq!(tied.tying, Tying::Tied("model.embed_tokens.weight".into()));
}

#[test]
fn adapters_and_quantised_heads_are_refused_by_name() {
    let adapter = Folder::new(
        "",
        &[
            ("base_model.model.lm_head.lora_A.weight", vec![2, 4], 0),
            ("base_model.model.lm_head.lora_B.weight", vec![6, 2], 1),
        ],
    );
    adapter.refused(&["a LoRA adapter", "lora_A", "merge"]);
    let untied = llama(r#", "tie_word_embeddings": false"#);
    let with =
        |name, config: &str| Folder::new(config, &[embedding(0), norm(), (name, vec![2, 4], 1)]);
    with("lm_head.qweight", &untied).refused(&["quantised by GPTQ or AWQ", "lm_head.qweight"]);
    let awq =
        llama(r#", "tie_word_embeddings": false, "quantization_config": {"quant_method": "awq"}"#);
    with("lm_head.qweight", &awq).refused(&["quantised by AWQ"]);
    with("lm_head.lora_A.weight", &untied).refused(&[
        "LoRA adapter",
        "lm_head.lora_A.weight",
        "merge",
    ]);
    with("lm_head.base_layer.weight", &untied).refused(&["wrapped by an adapter", "merge"]);
}

#[test]
fn a_head_of_eight_bits_is_refused_by_name() {
    let folder = Folder::new(&llama(r#", "tie_word_embeddings": false"#), &[]);
    let (bytes, floats) = (vec![0x38u8; 24], numbers(&[6, 4], 0));
    let views = [
        ("lm_head.weight", TensorView::new(Dtype::F8_E4M3, vec![6, 4], &bytes).unwrap()),
        ("lm_head.weight_scale", TensorView::new(Dtype::F32, vec![1], &floats[..4]).unwrap()),
        ("model.embed_tokens.weight", TensorView::new(Dtype::F32, vec![6, 4], &floats).unwrap()),
    ];
    serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
    folder.refused(&[
        "`lm_head.weight` is quantised (FP8 with a scale",
        "lm_head.weight_scale",
        "f16, bf16 or f32",
    ]);
}

#[test]
fn an_adapter_beside_a_model_is_refused() {
    let folder = Folder::new(&llama(r#", "tie_word_embeddings": true"#), &[embedding(0), norm()]);
    folder.file("adapter_config.json", "{}");
    folder.refused(&["a LoRA adapter (adapter_config.json beside it)", "merge"]);
}
