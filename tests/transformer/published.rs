//! Trained models, which are too big for this repository. Fetch them, then run the tests that are ignored
//! without them:
//!
//! ```text
//! python3 analyses/fetch_heads.py smollm2 qwen2.5-coder rxnmapper rxnfp --out models
//! cargo test --release --test transformer -- --ignored
//! ```
//!
//! `UNARGMAX_MODELS` names another folder than `models`.

use std::path::PathBuf;

use candle_core::{D, Tensor};
use serde_json::Value;
use unargmax::transformer::{Batch, Cache, Options, Transformer};

use super::fixture::{Golden, distance, folder, numbers};
use super::invariants::agree;

/// The path of a fetched file or folder.
fn fetched(model: &str, file: &str) -> PathBuf {
    let models = std::env::var_os("UNARGMAX_MODELS").unwrap_or_else(|| "models".into());
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(models);
    let path = models.join(model).join("published").join(file);
    assert!(
        path.exists(),
        "{} is missing; fetch it by: python3 analyses/fetch_heads.py {model} --out {}",
        path.display(),
        models.display()
    );
    path
}

pub fn smollm2() -> PathBuf {
    fetched("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
}

fn golden(name: &str) -> Value {
    let text = std::fs::read_to_string(folder(name).join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

/// The best token of each position.
fn best(logits: &Tensor) -> Vec<u32> {
    logits.argmax(D::Minus1).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

pub fn qwen() -> PathBuf {
    fetched("qwen2.5-coder", "Qwen2.5-Coder-0.5B-Instruct.gguf")
}

#[test]
#[ignore = "needs models/smollm2"]
fn smollm2_goes_on_as_the_reference_does() {
    goes_on("smollm2", smollm2());
}

#[test]
#[ignore = "needs models/qwen2.5-coder"]
fn qwen_goes_on_as_the_reference_does() {
    goes_on("qwen2.5-coder", qwen());
}

#[test]
#[ignore = "needs models/smollm2"]
fn smollm2_scores_as_the_reference_does() {
    scores("smollm2", smollm2());
}

#[test]
#[ignore = "needs models/qwen2.5-coder"]
fn qwen_scores_as_the_reference_does() {
    scores("qwen2.5-coder", qwen());
}

/// Continues the golden prompt token by token behind a cache.
fn goes_on(name: &str, path: PathBuf) {
    let golden = golden(name);
    let (prompt, text) = (ids(&golden["prompt"]), ids(&golden["text"]));
    let model = Transformer::open(path, Options::default()).unwrap();
    let mut cache = Cache::new();
    let mut so_far = prompt.clone();
    let mut new = prompt;
    while so_far.len() < text.len() {
        let states = model.extend(&Batch::ids(vec![new.clone()]), &mut cache).unwrap();
        let last = states.state.narrow(1, new.len() - 1, 1).unwrap();
        new = best(&model.logits(&last).unwrap());
        so_far.extend(&new);
    }
    assert_eq!(so_far, text);
}

/// Compares the largest logits of each position of the golden text.
fn scores(name: &str, path: PathBuf) {
    let golden = golden(name);
    let text = ids(&golden["text"]);
    let model = Transformer::open(path, Options::default()).unwrap();
    let logits = model.forward(&Batch::ids(vec![text.clone()])).unwrap().logits;
    let (top_ids, top_logits) = (&golden["top_ids"], &golden["top_logits"]);
    for at in 0..text.len() - 1 {
        let ours = numbers(&logits.get(0).unwrap().get(at).unwrap());
        let theirs: Vec<f64> =
            top_logits[at].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let picked: Vec<f64> = ids(&top_ids[at]).iter().map(|&id| ours[id as usize]).collect();
        assert!(distance(&picked, &theirs) < 1e-3, "position {at}: {picked:?}, {theirs:?}");
    }
}

#[test]
#[ignore = "needs models/rxnmapper"]
fn rxnmapper_fills_in_the_tokens_of_a_reaction() {
    fills_in("rxnmapper", fetched("rxnmapper", ""));
}

/// A folder from before `model_type` was written: it is refused, and read once the type is named.
#[test]
#[ignore = "needs models/rxnfp"]
fn rxnfp_fills_in_the_tokens_of_a_reaction_once_its_model_type_is_named() {
    let published = fetched("rxnfp", "");
    let refused = Transformer::open(&published, Options::default()).err().unwrap().to_string();
    assert!(refused.contains("the model type `` is not known"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    for file in ["pytorch_model.bin", "vocab.txt"] {
        std::fs::copy(published.join(file), folder.path().join(file)).unwrap();
    }
    let text = std::fs::read_to_string(published.join("config.json")).unwrap();
    let mut configuration: Value = serde_json::from_str(&text).unwrap();
    configuration["model_type"] = "bert".into();
    std::fs::write(folder.path().join("config.json"), configuration.to_string()).unwrap();
    fills_in("rxnfp", folder.path().to_path_buf());
}

/// Masks each token of the golden reaction in turn.
fn fills_in(name: &str, path: PathBuf) {
    let golden = Golden::of(name);
    let (ids, mask) = (ids(&golden.json["ids"]), golden.json["mask"].as_u64().unwrap() as u32);
    let predictions = self::ids(&golden.json["predictions"]);
    let model = Transformer::open(path, Options::default()).unwrap();
    let inner = 1..ids.len() - 1;
    let rows = inner.clone().map(|at| {
        let mut row = ids.clone();
        row[at] = mask;
        row
    });
    let logits = model.forward(&Batch::ids(rows.collect())).unwrap().logits;
    let masked = inner.clone().map(|at| numbers(&logits.get(at - 1).unwrap().get(at).unwrap()));
    let theirs = numbers(&golden.array("logits").unwrap());
    assert!(distance(&masked.collect::<Vec<_>>().concat(), &theirs) < 1e-3);
    let ours: Vec<u32> = inner
        .clone()
        .map(|at| best(&logits.get(at - 1).unwrap().narrow(0, at, 1).unwrap())[0])
        .collect();
    assert_eq!(ours, predictions);
    let right = ours.iter().zip(&ids[inner]).filter(|(a, b)| a == b).count();
    println!("{right} of {} right", ours.len());
    assert_eq!(right as u64, golden.json["right"].as_u64().unwrap());
}

/// The head that an audit reads off the file is the model's: for a file of quantised blocks, and for a bias.
#[test]
#[ignore = "needs models/smollm2 and models/rxnmapper"]
fn the_audited_heads_of_trained_models_give_their_logits() {
    let text = ids(&golden("smollm2")["text"]);
    let model = Transformer::open(smollm2(), Options::default()).unwrap();
    agree(&model, &smollm2(), &Batch::ids(vec![text]), 61);
    let path = fetched("rxnmapper", "");
    let model = Transformer::open(&path, Options::default()).unwrap();
    agree(&model, &path, &Batch::ids(vec![ids(&Golden::of("rxnmapper").json["ids"])]), 1);
}
